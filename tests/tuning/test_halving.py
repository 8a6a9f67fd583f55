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


@given(
    schedule=st.sampled_from(sorted(SCHEDULES)),
    epochs=st.integers(1, 1000),
    trials=st.integers(2, 5000),
    steps=st.integers(1, 1000),
    rows=st.integers(1, 1000),
)
def test_rungs_rise_to_the_last_epoch_and_one_trial_is_left(
    schedule: Any, epochs: int, trials: int, steps: int, rows: int
) -> None:
    rungs = rungs_of(TrainingSettings(schedule=schedule, epochs=epochs))
    assert list(rungs) == sorted({*rungs})
    assert 1 <= rungs[0] <= rungs[-1] == epochs
    goes_on = survivors_of(trials, rungs, warmup_epochs=0.0, steps_per_epoch=steps, validation_rows=rows)
    assert list(goes_on) == sorted(goes_on)
    assert list(goes_on.values()) == sorted(goes_on.values(), reverse=True)
    *before, last = goes_on
    assert goes_on[last] == 1
    assert last in rungs  # the last choice is a fair one
    count = trials
    for end in before:
        assert goes_on[end] >= (count / 4 if end in rungs else max(2, count / 2))
        count = goes_on[end]
    assert all(epochs * steps >= 4 for epochs in goes_on if epochs < 1)
    assert all(epochs == int(epochs) for epochs in goes_on if epochs > 1)


@pytest.mark.parametrize(
    ("epochs", "steps", "rows", "most"),
    [
        (64, 5, 499, 103 / 64),
        (64, 5, 500, 90 / 64),
        (64, 8, 499, 79 / 64),
        (64, 16, 499, 61 / 64),
        *((64, steps, 500, 42 / 64) for steps in (16, 20, 1000)),
        *((32, steps, 499, 29 / 32) for steps in (32, 1000)),
        *((32, steps, 500, 20 / 32) for steps in (32, 1000)),
    ],
)
def test_thirty_two_trials_take_a_training_at_most_or_more_where_epochs_have_few_steps(
    epochs: int, steps: int, rows: int, most: float
) -> None:
    rungs = rungs_of(TrainingSettings(schedule="log_cosine", epochs=epochs))
    goes_on = survivors_of(32, rungs, warmup_epochs=0.0, steps_per_epoch=steps, validation_rows=rows)
    assert epochs_of(32, tuple(goes_on), tuple(goes_on.values())) <= most * epochs


def test_heats_come_within_the_first_epoch_where_that_has_steps_enough() -> None:
    plans = [
        survivors_of(32, (2, 6, 32), warmup_epochs=0.0, steps_per_epoch=steps, validation_rows=1000)
        for steps in (7, 8, 15, 16, 31, 32)
    ]
    assert [min(plan) for plan in plans] == [1, 0.5, 0.5, 0.25, 0.25, 0.125]


def test_few_validation_rows_rank_trials_less_well() -> None:
    plans = [
        survivors_of(32, (4, 13, 64), warmup_epochs=0.0, steps_per_epoch=20, validation_rows=n) for n in (499, 500)
    ]
    assert plans == [{0.25: 16, 0.5: 10, 1: 7, 2: 5, 4: 3, 13: 1}, {0.25: 16, 0.5: 8, 1: 4, 2: 2, 13: 1}]


def test_there_are_no_heats_before_the_rates_have_warmed_up_nor_where_they_anneal_once() -> None:
    assert survivors_of(24, (4, 13, 64), warmup_epochs=1.5, steps_per_epoch=20, validation_rows=1000) == {
        2: 12,
        4: 6,
        8: 3,
        13: 1,
    }
    assert survivors_of(24, (4, 13, 64), warmup_epochs=3.0, steps_per_epoch=20, validation_rows=1000) == {
        4: 6,
        8: 3,
        13: 1,
    }
    assert survivors_of(24, (64,), warmup_epochs=0.0, steps_per_epoch=20, validation_rows=1000) == {64: 1}


@given(st.dictionaries(st.integers(0, 50), st.floats(allow_nan=True), min_size=1))
def test_lost_trials_come_last_and_none_is_forgotten(losses: dict[int, float]) -> None:
    order = ranked(losses)
    assert sorted(order) == sorted(losses)
    finite = [losses[trial] for trial in order if math.isfinite(losses[trial])]
    assert finite == sorted(finite)
    assert all(not math.isfinite(losses[trial]) for trial in order[len(finite) :])
