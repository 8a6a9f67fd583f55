"""Rungs end where trials may be compared, and so many trials go on that one is left."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fitwell.recipe import TrainingSettings
from fitwell.training.schedules import SCHEDULES, rate_factor
from fitwell.tuning.halving import CYCLE_ENDS, epochs_of, ranked, rungs_of, survivors_of

CYCLES: dict[str, dict[str, Any]] = {
    "log_cosine": {},
    "cyclical": {"cycle_epochs": 4.0},
    "warm_restarts": {"cycle_epochs": 3.0, "cycle_growth": 2.0},
}


@pytest.mark.parametrize("schedule", CYCLES)
@pytest.mark.parametrize("epochs", [32, 45, 64, 200])
def test_an_annealed_schedule_is_at_its_low_where_trials_are_compared(schedule: Any, epochs: int) -> None:
    settings = TrainingSettings(schedule=schedule, epochs=epochs, **CYCLES[schedule])
    *rungs, last = rungs_of(settings)
    assert last == epochs
    assert rungs
    for rung in rungs:
        moment = rung - 1e-6  # warm restarts jump up at the very end of a cycle
        assert rate_factor(schedule, moment, total=float(epochs), settings=settings) < 0.06


@pytest.mark.parametrize("schedule", ["cosine", "one_cycle"])
def test_a_schedule_that_anneals_once_has_one_rung(schedule: Any) -> None:
    settings = TrainingSettings(schedule=schedule, epochs=64)
    assert rungs_of(settings) == (64,)
    assert rate_factor(schedule, 30.0, total=64.0, settings=settings) > 0.3  # a half-trained trial would be misjudged


@pytest.mark.parametrize("schedule", sorted(set(SCHEDULES) - set(CYCLE_ENDS)))
def test_other_schedules_never_rise(schedule: Any) -> None:
    settings = TrainingSettings(schedule=schedule, epochs=60)
    factors = [rate_factor(schedule, float(epoch), total=60.0, settings=settings) for epoch in range(61)]
    assert factors == sorted(factors, reverse=True)
    assert rungs_of(settings) == (4, 12, 28, 60)


def test_no_trials_are_compared_before_the_rates_have_warmed_up() -> None:
    settings = TrainingSettings(schedule="constant", epochs=60, warmup_epochs=10.0)
    assert rungs_of(settings) == (10, 12, 28, 60)


@given(schedule=st.sampled_from(sorted(SCHEDULES)), epochs=st.integers(1, 1000), trials=st.integers(2, 5000))
def test_rungs_rise_to_the_last_epoch_and_one_trial_is_left(schedule: Any, epochs: int, trials: int) -> None:
    rungs = rungs_of(TrainingSettings(schedule=schedule, epochs=epochs))
    assert list(rungs) == sorted({*rungs})
    assert 1 <= rungs[0] <= rungs[-1] == epochs
    goes_on = survivors_of(trials, rungs, warmup_epochs=0.0)
    assert list(goes_on) == sorted(goes_on)
    assert list(goes_on.values()) == sorted(goes_on.values(), reverse=True)
    assert [*goes_on.values()][-1] == 1
    first = rungs[0] if rungs[0] in goes_on else min(goes_on)
    assert goes_on[first] <= math.ceil(trials / 4)
    assert all(count >= trials / 3 for epochs, count in goes_on.items() if epochs < rungs[0])
    assert set(goes_on) <= {*rungs, rungs[0] // 4, rungs[0] // 2}


def test_two_dozen_trials_take_less_than_one_and_a_half_trainings() -> None:
    rungs = rungs_of(TrainingSettings(schedule="log_cosine", epochs=64))
    goes_on = survivors_of(24, rungs, warmup_epochs=0.0)
    assert epochs_of(24, tuple(goes_on), tuple(goes_on.values())) == 24 + 12 + 8 * 2 + 4 * 9 < 1.5 * 64


def test_there_are_no_heats_before_the_rates_have_warmed_up_nor_where_they_anneal_once() -> None:
    assert survivors_of(24, (4, 13, 64), warmup_epochs=1.5) == {2: 12, 4: 4, 13: 1}
    assert survivors_of(24, (4, 13, 64), warmup_epochs=3.0) == {4: 6, 13: 1}
    assert survivors_of(24, (64,), warmup_epochs=0.0) == {64: 1}


@given(st.dictionaries(st.integers(0, 50), st.floats(allow_nan=True), min_size=1))
def test_lost_trials_come_last_and_none_is_forgotten(losses: dict[int, float]) -> None:
    order = ranked(losses)
    assert sorted(order) == sorted(losses)
    finite = [losses[trial] for trial in order if math.isfinite(losses[trial])]
    assert finite == sorted(finite)
    assert all(not math.isfinite(losses[trial]) for trial in order[len(finite) :])
