"""Paired comparisons: planted differences are found, noise is not called a difference."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.stats import ttest_rel

from fitwell.errors import RequestError
from fitwell.metrics import METRICS, Task, binary, multiclass, multilabel, paired, regression

CASES: list[tuple[Task, str]] = [
    (task, name) for name, metric in METRICS.items() for task in metric.tasks if name != "lift_by_decile"
]


def planted(task: Task, rows: int = 400) -> tuple[np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
    """Make labels, good predictions and much worse ones."""
    generator = np.random.default_rng(8)
    if task == "regression":
        truth = generator.normal(5, 1, rows)
        return truth, truth + generator.normal(0, 0.1, rows), truth + generator.normal(0, 0.8, rows), {}
    if task == "multiclass":
        codes = generator.integers(0, 4, rows)
        noise = generator.dirichlet(np.ones(4), (2, rows))
        good, bad = 0.95 * np.eye(4)[codes] + 0.05 * noise[0], 0.1 * np.eye(4)[codes] + 0.9 * noise[1]
        return codes, good, bad, {"classes": range(4)}
    shape = (rows, 3) if task == "multilabel" else (rows,)
    hits = generator.random(shape) < 0.15
    chance = generator.random(shape)
    good = np.asarray(np.where(hits, 0.9, 0.02) + 0.08 * chance)
    bad = np.clip(np.where(hits, 0.5, 0.2) + 0.4 * generator.random(shape), 0, 1)
    # a sixth of the rows turned round, so that ranking is far from perfect as well
    options = {"costs": (1.0, 5.0)} if task == "binary" else {}
    return hits, good, np.where(generator.random(shape) < 0.2, 1 - bad, bad), options


def measured(task: Task, truth: np.ndarray, predictions: np.ndarray, options: dict[str, Any]) -> Any:
    table: dict[str, Any] = {
        "binary": binary,
        "multiclass": multiclass,
        "multilabel": multilabel,
        "regression": regression,
    }
    return table[task](truth, predictions, **options)


@pytest.mark.parametrize(("task", "name"), CASES)
def test_a_planted_difference_is_found_both_ways_and_is_the_difference_of_the_figures(task: Task, name: str) -> None:
    truth, good, bad, options = planted(task)
    found = paired(name, truth, good, bad, task=task, **options)
    sign = 1 if METRICS[name].higher_is_better else -1
    apart = measured(task, truth, good, options)[name].value - measured(task, truth, bad, options)[name].value
    assert found.difference.value == pytest.approx(sign * apart, abs=1e-9)
    assert found.verdict == "better"
    turned = paired(name, truth, bad, good, task=task, **options)
    assert turned.verdict == "worse"
    assert turned.difference.value == pytest.approx(-sign * apart, abs=1e-9)


@pytest.mark.parametrize(("task", "name"), CASES)
def test_predictions_are_not_distinguishable_from_themselves(task: Task, name: str) -> None:
    truth, _, bad, options = planted(task, rows=100)
    found = paired(name, truth, bad, bad, task=task, **options)
    assert (found.difference.value, found.verdict) == (0.0, "not distinguishable")


def test_two_equally_good_models_are_rarely_called_different() -> None:
    generator = np.random.default_rng(1)
    verdicts = []
    for _ in range(100):
        labels = generator.random(200) < 0.4
        first, second = (generator.normal(labels * 1.0) for _ in range(2))
        verdicts.append(paired("roc_auc", labels, first, second, task="binary").verdict)
    # 5 of 100 are expected; more than 11 have a chance of 0.4 %
    assert verdicts.count("not distinguishable") >= 89


def test_the_interval_of_a_mean_loss_is_about_that_of_the_paired_t_test() -> None:
    generator = np.random.default_rng(2)
    truth = generator.normal(size=300)
    first, second = truth + generator.normal(0, 0.5, 300), truth + generator.normal(0, 0.55, 300)
    found = paired("mae", truth, first, second, task="regression").difference
    witness = ttest_rel(np.abs(second - truth), np.abs(first - truth)).confidence_interval(0.95)
    # 1,000 resamples know a standard deviation to about 3 %
    assert (found.low, found.high) == pytest.approx(tuple(witness), abs=0.1 * (witness.high - witness.low))


@pytest.mark.parametrize(("rows", "verdict"), [(4, "not distinguishable"), (5, "not distinguishable"), (8, "better")])
def test_a_handful_of_rows_is_proof_only_where_the_sign_test_agrees(rows: int, verdict: str) -> None:
    # the exact two-sided sign test gives 0.125 for 4 against 0, 0.0625 for 5 and 0.008 for 8
    labels = np.arange(100) % 2
    right = labels * 0.8 + 0.1
    wrong_in_some = np.where(np.arange(100) < rows, 1 - right, right)
    assert paired("accuracy", labels, right, wrong_in_some, task="binary").verdict == verdict


def test_a_figure_without_value_is_not_distinguishable_and_says_why() -> None:
    found = paired("precision", [0, 1, 1], [0.9, 0.8, 0.7], [0.1, 0.2, 0.3], task="binary")
    assert found.verdict == "not distinguishable"
    assert found.difference.reason == "precision has no value for one of the two on these rows"


def test_each_of_two_may_have_its_own_threshold() -> None:
    labels = [0, 1, 0, 1]
    low, high = [0.1, 0.3, 0.2, 0.4], [0.6, 0.8, 0.7, 0.9]
    found = paired("accuracy", labels, low, high, task="binary", threshold=(0.25, 0.75))
    assert found.difference.value == 0.0  # both part the classes, each at its own threshold
    assert paired("accuracy", labels, low, high, task="binary", threshold=0.25).difference.value == 0.5


def test_costs_are_compared_only_where_they_are_given() -> None:
    with pytest.raises(RequestError, match="comparing by cost needs `costs`"):
        paired("cost", [0, 1], [0.1, 0.2], [0.1, 0.2], task="binary")


def test_a_metric_of_another_task_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(RequestError, match=r'"rocauc" is no metric that compares binary .* did you mean "roc_auc"'):
        paired("rocauc", [0, 1], [0.1, 0.2], [0.1, 0.2], task="binary")


def test_several_classes_need_their_names() -> None:
    with pytest.raises(RequestError, match="needs `classes`"):
        paired("accuracy", [0, 1], np.eye(2), np.eye(2), task="multiclass")
