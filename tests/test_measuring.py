"""Where time is limited, what stands beside the training is cut to fit it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from time import perf_counter
from typing import Any

import numpy as np
import polars as pl
import pytest

from fitwell import measuring
from fitwell.baselines import fit_baselines
from fitwell.data.read import read_table
from fitwell.events import Event, unheard
from fitwell.learning import Clock, Pace, pace_of, set_up
from fitwell.measuring import FoldTime, cross_validated, decided_baselines, reserved
from fitwell.preparation import Prepared, divided, labelled_rows_of, prepare
from fitwell.recipe import Recipe, changed
from fitwell.training.loop import Moment, train

SETTINGS: dict[str, Any] = {
    "device": "cpu",
    "target": ["y"],
    "network.hidden": [8],
    "training.epochs": 2,
    "data.folds": 3,
}


@pytest.fixture(scope="module")
def prepared() -> Prepared:
    random = np.random.default_rng(0)
    a = random.normal(size=200)
    frame = pl.DataFrame({"a": a, "y": np.where(a + random.normal(size=200) > 0, "yes", "no")})
    labelled, recipe = labelled_rows_of(read_table(frame), changed(Recipe(), SETTINGS), test=None)
    return prepare(labelled, recipe, split=divided(labelled, recipe))


@pytest.mark.parametrize(("seconds", "learned_from"), [(0.0, 10), (1e6, 140), (math.inf, 140)])
def test_simple_models_learn_from_as_many_rows_as_the_time_allows(
    seconds: float, learned_from: int, prepared: Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []

    def watched(*given: Any, **options: Any) -> Any:
        seen.append(len(options["rows"]))
        return fit_baselines(*given, **options)

    monkeypatch.setattr(measuring, "fit_baselines", watched)
    monkeypatch.setattr(measuring, "TIMED_BASELINE_ROWS", 10)
    answers = decided_baselines(prepared, prepared.recipe, seconds=seconds)
    assert seen[-1] == max(seen) == learned_from
    shapes = {name: given.measured.predictions.shape for name, given in answers.items()}
    assert shapes == dict.fromkeys(answers, (len(prepared.split.test), 2))


def test_each_thing_after_the_last_step_has_time_kept_for_it(prepared: Prepared) -> None:
    simple = decided_baselines(prepared, prepared.recipe)
    setup, pace = set_up(prepared, prepared.recipe), Pace(step=1.0, look=60.0)
    kept = reserved(prepared, setup, pace, simple, showing=7.0, limit=1000.0)
    assert kept.look == 90.0  # half as much again
    rows = len(prepared.split.validation) + len(prepared.split.test)
    assert kept.predictions == pytest.approx(90.0 * rows / len(prepared.split.validation))
    assert kept.figures > 0
    assert (kept.showing, kept.leaving) == (7.0, 20.0)
    assert kept.measuring == pytest.approx(kept.look + kept.predictions + kept.figures)
    assert reserved(prepared, setup, pace, simple, showing=900.0, limit=1000.0).showing == 200.0


def test_a_look_is_timed_at_some_rows_and_told_for_all(prepared: Prepared, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(1000))
    monkeypatch.setattr("fitwell.learning.perf_counter", lambda: float(next(clock)))
    setup = set_up(prepared, prepared.recipe)
    assert pace_of(setup).look == 1.0  # second, between two readings of this clock
    monkeypatch.setattr("fitwell.learning.TIMED_ROWS", 10)
    assert pace_of(setup).look == pytest.approx(len(prepared.split.validation) / 10, rel=0.1)


@pytest.mark.parametrize(("seconds", "steps"), [(0.0, 20), (1.0, 20), (30.0, 49)])
def test_steps_are_timed_until_the_seconds_are_over(
    seconds: float, steps: int, prepared: Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, taken = iter(range(1000)), []

    def counted(*given: Any, **options: Any) -> Iterator[Moment]:
        for moment in train(*given, **options):
            taken.append(moment)
            yield moment

    recipe = changed(prepared.recipe, {"training.epochs": 1000, "training.early_stopping.patience": 0})
    setup = set_up(prepared, recipe)
    monkeypatch.setattr("fitwell.learning.perf_counter", lambda: float(next(clock)))
    monkeypatch.setattr("fitwell.learning.train", counted)
    pace_of(setup, seconds=seconds)
    assert len(taken) == 2 + steps  # a look and a step go before


def test_trainings_that_follow_one_another_share_the_time_that_preparing_them_leaves() -> None:
    own = Clock(perf_counter(), 100.0).share(further=3, preparing=4.0)
    assert own.limit == pytest.approx((100 - 3 * 4) / 4, abs=0.1)
    assert math.isinf(Clock(perf_counter()).share(further=3, preparing=4.0).limit)


def test_a_clock_counts_what_can_be_done_until_its_limit() -> None:
    clock = Clock(perf_counter(), 100.0).before(10.0)
    assert clock.limit == 90.0
    assert clock.enough_for(25.0, most=9) == 3  # 75 of 90 seconds
    assert clock.enough_for(25.0, most=2) == 2
    assert clock.before(90.0).enough_for(25.0, most=9) == 0
    assert Clock(perf_counter()).before(10.0).enough_for(25.0, most=9) == 9


@pytest.mark.parametrize(("limit", "folds"), [(21.5, 2), (20.5, 1), (11.5, 1), (10.5, 0)])
def test_a_fold_is_begun_where_half_of_its_training_can_be_done(
    limit: float, folds: int, prepared: Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setattr("fitwell.learning.perf_counter", lambda: now[0])

    def takes_ten(*given: Any, **options: Any) -> Prepared:
        now[0] += 10.0
        return prepared

    monkeypatch.setattr(measuring, "prepare", takes_ten)
    time = FoldTime(preparing=10.0, training=2.0, measuring=0.0)
    clock = Clock(0.0, limit)
    found = cross_validated(prepared.labelled, prepared.recipe, done={}, clock=clock, time=time, listener=unheard)
    assert found is not None
    assert found.get("count", 0) == folds


def test_folds_that_the_time_does_not_suffice_for_are_left_out_and_that_is_said(prepared: Prepared) -> None:
    told: list[Event] = []
    done = {0: {"roc_auc": 0.75}}

    def over_folds(limit: float, preparing: float) -> dict[str, Any] | None:
        clock = Clock(perf_counter(), limit)
        return cross_validated(
            prepared.labelled,
            prepared.recipe,
            done=done,
            clock=clock,
            time=FoldTime(preparing=preparing, training=2.0, measuring=0.0),
            listener=told.append,
        )

    late = over_folds(1.0, 10.0)
    assert late == {"count": 1, "metrics": {"roc_auc": {"mean": 0.75, "spread": None, "values": [0.75]}}}
    assert [event.text for event in told] == ["the time limit leaves no time for more than 1 of 3 folds"]
    early = over_folds(math.inf, 10.0)
    assert early is not None
    assert early["count"] == 3
