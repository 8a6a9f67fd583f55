"""Figures of several labels against scikit-learn."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from fitwell.errors import DataError
from fitwell.metrics import METRICS, Figure, binary, multilabel

Arrays = tuple[np.ndarray, np.ndarray, np.ndarray]


@st.composite
def labelled_rows(draw: st.DrawFn) -> Arrays:
    """Make three labels that all occur, are all predicted and are all spared, tied scores, and weights."""
    rows = draw(st.integers(6, 60))
    generator = np.random.default_rng(draw(st.integers(0, 10_000)))
    truth = generator.random((rows, 3)) < [0.5, 0.3, 0.7]
    scores = np.round(np.clip(generator.random((rows, 3)) * 0.7 + 0.3 * truth, 0, 1), draw(st.sampled_from([1, 15])))
    truth[:2], scores[:2] = np.array([[True] * 3, [False] * 3]), np.array([[0.9] * 3, [0.1] * 3])
    return truth, scores, generator.uniform(0.2, 3, rows) if draw(st.booleans()) else np.ones(rows)


def averaged(score: Callable[..., float], average: str) -> Callable[[Arrays], float]:
    return lambda a: score(a[0], a[1] >= 0.5, sample_weight=a[2], average=average)


def spared(average: str) -> Callable[[Arrays], float]:
    """Specificity is the recall of the opposite labels; its weighted mean still counts the rows that have the label."""

    def measure(a: Arrays) -> float:
        if average != "weighted":
            return float(sk.recall_score(~a[0], a[1] < 0.5, sample_weight=a[2], average=average))
        each = sk.recall_score(~a[0], a[1] < 0.5, sample_weight=a[2], average=None)
        return float(np.average(each, weights=a[2] @ a[0]))

    return measure


def by_rank(score: Callable[..., float], average: str) -> Callable[[Arrays], float]:
    return lambda a: score(a[0], a[1], sample_weight=a[2], average=average)


WITNESSES: dict[str, Callable[[Arrays], float]] = {
    "subset_accuracy": lambda a: sk.accuracy_score(a[0], a[1] >= 0.5, sample_weight=a[2]),
    "hamming_loss": lambda a: sk.hamming_loss(a[0], a[1] >= 0.5, sample_weight=a[2]),
    "precision": averaged(sk.precision_score, "macro"),
    "precision_micro": averaged(sk.precision_score, "micro"),
    "precision_weighted": averaged(sk.precision_score, "weighted"),
    "recall": averaged(sk.recall_score, "macro"),
    "recall_micro": averaged(sk.recall_score, "micro"),
    "recall_weighted": averaged(sk.recall_score, "weighted"),
    "f1": averaged(sk.f1_score, "macro"),
    "f1_micro": averaged(sk.f1_score, "micro"),
    "f1_weighted": averaged(sk.f1_score, "weighted"),
    "specificity": spared("macro"),
    "specificity_micro": spared("micro"),
    "specificity_weighted": spared("weighted"),
    "roc_auc": by_rank(sk.roc_auc_score, "macro"),
    "roc_auc_weighted": by_rank(sk.roc_auc_score, "weighted"),
    "pr_auc": by_rank(sk.average_precision_score, "macro"),
    "pr_auc_weighted": by_rank(sk.average_precision_score, "weighted"),
    "log_loss": lambda a: np.mean([sk.log_loss(a[0][:, k], a[1][:, k], sample_weight=a[2]) for k in range(3)]),
    "brier": lambda a: np.mean([sk.brier_score_loss(a[0][:, k], a[1][:, k], sample_weight=a[2]) for k in range(3)]),
}


@pytest.mark.parametrize("name", [name for name, metric in METRICS.items() if "multilabel" in metric.tasks])
@given(rows=labelled_rows())
@settings(max_examples=4, deadline=None)
def test_every_figure_agrees_with_its_witness_and_lies_in_its_interval(name: str, rows: Arrays) -> None:
    figure = multilabel(*rows[:2], weights=rows[2])[name]
    assert isinstance(figure, Figure)
    assert figure.value == pytest.approx(WITNESSES[name](rows), abs=1e-9)
    assert figure.value is not None
    assert figure.low is not None
    assert figure.high is not None
    assert figure.low <= figure.value <= figure.high


def test_the_parts_are_the_binary_figures_of_each_label() -> None:
    generator = np.random.default_rng(0)
    truth, scores = generator.random((30, 2)) < 0.5, generator.random((30, 2))
    figures = multilabel(truth, scores, names=["spam", "urgent"])
    assert figures.parts["urgent"].as_json() == binary(truth[:, 1], scores[:, 1]).as_json()


def test_a_label_without_positives_leaves_recall_and_areas_without_value() -> None:
    figures = multilabel([[0, 1], [0, 0]], [[0.1, 0.9], [0.2, 0.3]])
    assert figures.recall.value is None
    assert figures.recall.reason == "a label has no positive row"
    assert figures.roc_auc.reason == "some label has only positive or only negative rows"


def test_labels_other_than_zero_and_one_are_refused() -> None:
    with pytest.raises(DataError, match=r"table of 0 and 1 .* \[2.0\]"):
        multilabel([[0, 2]], [[0.1, 0.2]])
