"""What holds for every metric of the table in every task that has it; a new line of the table is tested by itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from fitwell.metrics import METRICS, Figure, Figures, Task, binary, multiclass, multilabel, paired, regression

MEASURES: dict[str, Any] = {
    "binary": binary,
    "multiclass": multiclass,
    "multilabel": multilabel,
    "regression": regression,
}
CASES = [(task, name) for name, metric in METRICS.items() for task in metric.tasks]
SINGLE = [(task, name) for task, name in CASES if name != "lift_by_decile"]


def made_rows(task: Task, rows: int = 60) -> tuple[np.ndarray, np.ndarray, dict[str, Any]]:
    """Make labels and predictions with ties among them, and what else the measures of the task need."""
    generator = np.random.default_rng(12)
    if task == "regression":
        truth = generator.normal(5, 1, (rows, 2))
        return truth, truth + generator.normal(0, 0.5, truth.shape), {}
    if task == "multiclass":
        codes = np.arange(rows) % 4
        table = generator.dirichlet(np.ones(4), rows) + 0.6 * np.eye(4)[codes]
        return codes, table / table.sum(axis=1, keepdims=True), {"classes": range(4)}
    hits = generator.random((rows, 3) if task == "multilabel" else rows) < 0.4
    options = {"costs": (1.0, 5.0)} if task == "binary" else {}
    return hits, np.round(0.7 * generator.random(hits.shape) + 0.3 * hits, 1), options


def parts_of(figures: Figures, name: str) -> list[Figure]:
    """Return a figure, or the ten of a metric that has ten."""
    entry = figures[name]
    return [entry] if isinstance(entry, Figure) else list(entry)


@pytest.mark.parametrize(("task", "name"), CASES)
def test_a_weight_of_three_is_a_row_that_stands_there_three_times(task: Task, name: str) -> None:
    truth, guess, options = made_rows(task)
    weights = np.random.default_rng(3).integers(0, 4, len(truth))
    weighted = MEASURES[task](truth, guess, weights=weights, **options)
    repeated = MEASURES[task](np.repeat(truth, weights, axis=0), np.repeat(guess, weights, axis=0), **options)
    for one, other in zip(parts_of(weighted, name), parts_of(repeated, name), strict=True):
        assert one.value == pytest.approx(other.value, abs=1e-9)


@pytest.mark.parametrize(("task", "name"), SINGLE)
def test_weights_count_in_comparisons_as_repeated_rows_do(task: Task, name: str) -> None:
    truth, guess, options = made_rows(task)
    other = guess[::-1] if task == "regression" else np.roll(guess, 3, axis=0)
    weights = np.random.default_rng(3).integers(0, 4, len(truth))
    weighted = paired(name, truth, guess, other, task=task, weights=weights, **options)
    rows = [np.repeat(part, weights, axis=0) for part in (truth, guess, other)]
    assert weighted.difference.value == pytest.approx(paired(name, *rows, task=task, **options).difference.value)


@pytest.mark.parametrize(("task", "name"), CASES)
def test_the_scale_of_weights_changes_nothing_and_weights_of_one_are_none(task: Task, name: str) -> None:
    truth, guess, options = made_rows(task)
    plain, ones, sevens = (
        MEASURES[task](truth, guess, weights=weights, **options)
        for weights in (None, np.ones(len(truth)), np.full(len(truth), 7.0))
    )
    for one, other, third in zip(*(parts_of(figures, name) for figures in (plain, ones, sevens)), strict=True):
        assert one == other
        assert (third.value, third.low, third.high) == pytest.approx((one.value, one.low, one.high), abs=1e-9)
        assert third.approximate == one.approximate


@pytest.mark.parametrize(("task", "name"), CASES)
def test_a_higher_confidence_reaches_further_and_every_interval_holds_its_value(task: Task, name: str) -> None:
    truth, guess, options = made_rows(task, rows=400)
    narrow, wide = (MEASURES[task](truth, guess, confidence=share, **options) for share in (0.8, 0.99))
    for inner, outer in zip(parts_of(narrow, name), parts_of(wide, name), strict=True):
        ends = (outer.low, inner.low, inner.value, inner.high, outer.high)
        assert None not in ends
        assert list(ends) == sorted(ends)  # type: ignore[type-var]
        assert outer.low < outer.high or name == "lift_by_decile"  # type: ignore[operator]
