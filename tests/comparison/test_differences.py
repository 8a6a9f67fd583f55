"""Differences between runs: their intervals are those of paired tests, and chance is called a difference rarely."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest, ttest_rel

from fitwell.comparison import differences
from fitwell.comparison.shared import Shared
from fitwell.errors import RequestError
from fitwell.held_out import HeldOut
from fitwell.metrics import METRICS
from fitwell.tasks.table import TASKS
from fitwell.tasks.task import TargetCoding

CODINGS: dict[str, TargetCoding] = {
    "binary": TargetCoding(names=("y",), classes=(("no", "yes"),), positive="yes"),
    "multiclass": TargetCoding(names=("y",), classes=(("a", "b", "c"),)),
    "multilabel": TargetCoding(names=("y", "z"), classes=(("no", "yes"), ("no", "yes"))),
    "regression": TargetCoding(names=("y",), centers=(0.0,), scales=(1.0,)),
}


def shared(task: str, truth: np.ndarray, *predictions: np.ndarray, weights: np.ndarray | None = None) -> Shared:
    """Rows for which several runs predicted; binary predictions are those of the positive class."""
    rows = np.arange(len(truth))
    of_runs = tuple(
        HeldOut(rows=rows, truth=truth, predictions=shaped, decisions=decided(task, shaped), weights=weights)
        for shaped in (np.stack([1 - each, each], axis=1) if task == "binary" else each for each in predictions)
    )
    return Shared(
        task=TASKS[task],  # type: ignore[index]
        coding=CODINGS[task],
        part="test",
        of_runs=of_runs,
        weights=weights,
        notes=(),
    )


def decided(task: str, predictions: np.ndarray) -> np.ndarray | None:
    if task == "multilabel":
        return (predictions >= 0.5).astype(np.int64)
    return None if task == "regression" else predictions.argmax(axis=1)


def models(task: str, rows: int, count: int, seed: int, *, noise: float = 1.0) -> tuple[np.ndarray, list[np.ndarray]]:
    """Truth, and predictions of models that are equally good and err independently."""
    random = np.random.default_rng(seed)
    if task == "regression":
        truth = random.normal(size=(rows, 1))
        return truth, [truth + noise * random.normal(size=(rows, 1)) for _ in range(count)]
    if task == "multiclass":
        codes = random.integers(0, 3, rows)
        raw = [np.eye(3)[codes] + noise * random.random((rows, 3)) for _ in range(count)]
        return codes, [each / each.sum(axis=1, keepdims=True) for each in raw]
    shape = (rows, 2) if task == "multilabel" else (rows,)
    hits = (random.random(shape) < 0.4).astype(np.int64)
    logits = [2 * hits - 1 + 2 * noise * random.normal(size=shape) for _ in range(count)]
    return hits, [1 / (1 + np.exp(-each)) for each in logits]


CASES = [(task, name) for name, metric in METRICS.items() for task in metric.tasks if name != "lift_by_decile"]


@pytest.mark.parametrize(("task", "metric"), CASES)
@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_a_run_is_not_distinguishable_from_itself_and_swapping_turns_the_signs(
    task: str, metric: str, seed: int
) -> None:
    truth, (one, other) = models(task, 60, 2, seed)
    same, there = differences(metric, shared(task, truth, one, one, other))
    (back,) = differences(metric, shared(task, truth, other, one))
    assert (same.difference.value, same.verdict) in [(0.0, "not distinguishable"), (None, "not distinguishable")]
    alone = differences(metric, shared(task, truth, one, other))[0]
    for end, other_end in (("value", "value"), ("low", "high"), ("high", "low")):
        turned_round = getattr(back.difference, other_end)
        expected = getattr(alone.difference, end)
        assert turned_round == (None if expected is None else pytest.approx(-expected, abs=1e-9))
    turned = {"better": "worse", "worse": "better", "not distinguishable": "not distinguishable"}
    assert back.verdict == turned[alone.verdict]
    assert there.difference.value == alone.difference.value


@pytest.mark.parametrize("others", [1, 2, 5])
def test_the_intervals_are_those_of_paired_t_tests_that_hold_all_at_once(others: int) -> None:
    truth, (first, *rest) = models("regression", 400, others + 1, 3)
    found = differences("mae", shared("regression", truth, first, *rest))
    for comparison, other in zip(found, rest, strict=True):
        test = ttest_rel(np.abs(first - truth)[:, 0], np.abs(other - truth)[:, 0])
        witness = test.confidence_interval(1 - 0.05 / others)
        # 1,000 resamples know a standard deviation to about 3 %
        margin = 0.06 * (witness.high - witness.low)
        assert (comparison.difference.low, comparison.difference.high) == pytest.approx(tuple(witness), abs=margin)


def test_the_interval_of_a_brier_score_is_that_of_a_paired_t_test() -> None:
    truth, (first, other) = models("binary", 500, 2, 4)
    (found,) = differences("brier", shared("binary", truth, first, other))
    witness = ttest_rel((first - truth) ** 2, (other - truth) ** 2).confidence_interval(0.95)
    margin = 0.06 * (witness.high - witness.low)
    assert (found.difference.low, found.difference.high) == pytest.approx(tuple(witness), abs=margin)


@pytest.mark.parametrize(("gained", "lost"), [(12, 9), (20, 5), (30, 12), (3, 25), (40, 38)])
def test_the_verdict_on_accuracy_is_that_of_mcnemar(gained: int, lost: int) -> None:
    truth = np.arange(200) % 2
    right = np.where(truth == 1, 0.9, 0.1)
    first, other = right.copy(), right.copy()
    first[:gained] = 1 - first[:gained]  # where only the other is right
    other[gained : gained + lost] = 1 - other[gained : gained + lost]
    (found,) = differences("accuracy", shared("binary", truth, first, other))
    exact = binomtest(gained, gained + lost).pvalue
    assert (found.verdict != "not distinguishable") == (exact < 0.05)
    assert found.difference.value == pytest.approx((gained - lost) / 200)


def test_of_equal_runs_one_is_called_different_in_about_one_comparison_in_twenty() -> None:
    wrong = 0
    for seed in range(200):
        truth, predictions = models("binary", 150, 4, seed)
        verdicts = {each.verdict for each in differences("roc_auc", shared("binary", truth, *predictions))}
        wrong += verdicts != {"not distinguishable"}
    assert wrong <= 10  # of these same 200 it is 17 without the correction


def test_a_planted_difference_among_equal_runs_is_found() -> None:
    found = 0
    for seed in range(20):
        truth, equal = models("binary", 300, 3, seed)
        _, (sharp,) = models("binary", 300, 1, seed, noise=0.5)  # the same truth, half the noise
        verdicts = [each.verdict for each in differences("log_loss", shared("binary", truth, *equal, sharp))]
        found += verdicts == ["not distinguishable", "not distinguishable", "better"]
    assert found >= 18


def test_decisions_count_as_they_were_made_whatever_the_probabilities() -> None:
    truth = np.array([0, 0, 1, 1] * 30)
    careful = np.array([0.1, 0.3, 0.4, 0.9] * 30)  # at 0.35 all are right, at 0.5 three in four
    runs = shared("binary", truth, careful, careful)
    early = HeldOut(**(vars(runs.of_runs[1]) | {"decisions": (careful >= 0.35).astype(np.int64)}))
    moved = Shared(**(vars(runs) | {"of_runs": (runs.of_runs[0], early)}))
    (accuracy,) = differences("accuracy", moved)
    assert accuracy.difference.value == pytest.approx(0.25)
    assert accuracy.verdict == "better"
    (area,) = differences("roc_auc", moved)
    assert area.difference.value == 0


def test_rows_of_weight_zero_do_not_count() -> None:
    truth, (first, other) = models("binary", 300, 2, 5)
    weights = (np.arange(300) % 3 > 0).astype(np.float64)
    (weighted,) = differences("brier", shared("binary", truth, first, other, weights=weights))
    kept = weights > 0
    (alone,) = differences("brier", shared("binary", truth[kept], first[kept], other[kept]))
    assert weighted.difference.value == pytest.approx(alone.difference.value)
    assert weighted.difference.low == pytest.approx(alone.difference.low, abs=1e-9)


def test_a_metric_that_compares_nothing_is_refused() -> None:
    truth, (first, other) = models("binary", 50, 2, 0)
    rows: Any = shared("binary", truth, first, other)
    with pytest.raises(RequestError, match=r'"lift_by_decile" is no metric that compares binary predictions'):
        differences("lift_by_decile", rows)
