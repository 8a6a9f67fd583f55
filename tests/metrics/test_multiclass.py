"""Figures of several classes against scikit-learn, one class at a time where it has no average."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from fitwell.errors import DataError
from fitwell.metrics import METRICS, Figure, multiclass

CLASSES = ["ash", "birch", "cedar", "date"]
Arrays = tuple[np.ndarray, np.ndarray, np.ndarray]


@st.composite
def rows_of_classes(draw: st.DrawFn) -> Arrays:
    """Make codes in which every class occurs, probabilities that predict every class, and weights."""
    rows = draw(st.integers(12, 80))
    generator = np.random.default_rng(draw(st.integers(0, 10_000)))
    codes = np.concatenate([np.arange(4), np.arange(4), generator.integers(0, 4, rows - 8)])
    table = generator.dirichlet(np.ones(4) * 0.7, rows) + 0.4 * np.eye(4)[codes]
    table[:4] = np.eye(4) + 0.1
    weights = generator.uniform(0.2, 3, rows) if draw(st.booleans()) else np.ones(rows)
    return codes, table / table.sum(1, keepdims=True), weights


def averaged(score: Callable[..., float], average: str) -> Callable[[Arrays], float]:
    return lambda a: score(a[0], a[1].argmax(1), sample_weight=a[2], average=average)


def specificity(average: str) -> Callable[[Arrays], float]:
    """Average the recall of "not this class" by hand."""

    def measure(a: Arrays) -> float:
        codes, predicted, weights = a[0], a[1].argmax(1), a[2]
        negatives = [weights[codes != k].sum() for k in range(4)]
        spared = [weights[(codes != k) & (predicted != k)].sum() for k in range(4)]
        if average == "micro":
            return float(sum(spared) / sum(negatives))
        shares = np.ones(4) if average == "macro" else np.bincount(codes, weights)
        return float(np.average(np.array(spared) / np.array(negatives), weights=shares))

    return measure


def loop_calibration(a: Arrays) -> float:
    """Compare confidence and hits over 15 bins of equal mass, pouring row by row (there are no ties)."""
    confidence, right, weights = a[1].max(1), a[1].argmax(1) == a[0], a[2]
    order = np.argsort(-confidence)
    ends = np.cumsum(weights[order])
    edges = np.linspace(0, ends[-1], 16)
    total = 0.0
    for low, high in pairwise(edges.tolist()):
        inside = np.clip(np.minimum(ends, high) - np.maximum(ends - weights[order], low), 0, None)
        total += abs(float(inside @ (right[order] - confidence[order])))
    return total / float(ends[-1])


WITNESSES: dict[str, Callable[[Arrays], float]] = {
    "accuracy": lambda a: sk.accuracy_score(a[0], a[1].argmax(1), sample_weight=a[2]),
    "balanced_accuracy": lambda a: sk.balanced_accuracy_score(a[0], a[1].argmax(1), sample_weight=a[2]),
    "precision": averaged(sk.precision_score, "macro"),
    "precision_micro": averaged(sk.precision_score, "micro"),
    "precision_weighted": averaged(sk.precision_score, "weighted"),
    "recall": averaged(sk.recall_score, "macro"),
    "recall_micro": averaged(sk.recall_score, "micro"),
    "recall_weighted": averaged(sk.recall_score, "weighted"),
    "f1": averaged(sk.f1_score, "macro"),
    "f1_micro": averaged(sk.f1_score, "micro"),
    "f1_weighted": averaged(sk.f1_score, "weighted"),
    "specificity": specificity("macro"),
    "specificity_micro": specificity("micro"),
    "specificity_weighted": specificity("weighted"),
    "mcc": lambda a: sk.matthews_corrcoef(a[0], a[1].argmax(1), sample_weight=a[2]),
    "cohen_kappa": lambda a: sk.cohen_kappa_score(a[0], a[1].argmax(1), sample_weight=a[2]),
    "roc_auc": lambda a: sk.roc_auc_score(a[0], a[1], sample_weight=a[2], multi_class="ovr"),
    "roc_auc_weighted": lambda a: sk.roc_auc_score(
        a[0], a[1], sample_weight=a[2], multi_class="ovr", average="weighted"
    ),
    "log_loss": lambda a: sk.log_loss(a[0], a[1], sample_weight=a[2]),
    "brier": lambda a: float(np.average(((a[1] - np.eye(4)[a[0]]) ** 2).sum(1), weights=a[2])),
    "calibration_error": loop_calibration,
    "top_3_accuracy": lambda a: sk.top_k_accuracy_score(a[0], a[1], k=3, sample_weight=a[2]),
}


@pytest.mark.parametrize("name", [name for name, metric in METRICS.items() if "multiclass" in metric.tasks])
@given(rows=rows_of_classes())
@settings(max_examples=8, deadline=None)
def test_every_figure_agrees_with_its_witness(name: str, rows: Arrays) -> None:
    codes, table, weights = rows
    figure = multiclass(np.array(CLASSES)[codes], table, classes=CLASSES, weights=weights)[name]
    assert isinstance(figure, Figure)
    assert figure.value == pytest.approx(WITNESSES[name](rows), abs=1e-9)


@given(rows=rows_of_classes())
@settings(max_examples=10, deadline=None)
def test_every_interval_holds_its_value(rows: Arrays) -> None:
    for name, figure in multiclass(rows[0], rows[1], classes=range(4), weights=rows[2]).items():
        assert isinstance(figure, Figure), name
        assert figure.low is not None
        assert figure.high is not None
        assert figure.value is not None
        assert figure.low <= figure.value <= figure.high


def test_two_classes_rank_as_a_binary_target_does() -> None:
    scores = np.array([0.1, 0.9, 0.3, 0.2, 0.8, 0.8])
    figures = multiclass([0, 1, 1, 0, 1, 0], np.stack([1 - scores, scores], 1), classes=[0, 1])
    assert figures.roc_auc.value == pytest.approx(sk.roc_auc_score([0, 1, 1, 0, 1, 0], scores))
    with pytest.raises(AttributeError, match='"top_3_accuracy" was not measured: with 2 classes'):
        figures.top_3_accuracy  # noqa: B018


def test_a_class_that_is_never_predicted_leaves_precision_without_value_but_not_f1() -> None:
    table = np.array([[0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.5, 0.3, 0.2]])
    figures = multiclass([0, 1, 2], table, classes=[0, 1, 2])
    assert figures.precision.value is None
    assert figures.precision.reason == "a class that occurs was never predicted"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert figures.f1.value == pytest.approx(sk.f1_score([0, 1, 2], table.argmax(1), average="macro"))


def test_a_class_that_does_not_occur_is_left_out_of_macro_means() -> None:
    table = np.array([[0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.6, 0.3, 0.1], [0.2, 0.7, 0.1]])
    with_third = multiclass([0, 1, 0, 0], table, classes=[0, 1, 2])
    without = multiclass([0, 1, 0, 0], table[:, :2], classes=[0, 1])
    for name in ("recall", "precision", "f1", "balanced_accuracy", "roc_auc", "mcc"):
        assert getattr(with_third, name).value == pytest.approx(getattr(without, name).value), name
        assert getattr(with_third, name).low == pytest.approx(getattr(without, name).low), name


def test_perfect_predictions_are_not_certain() -> None:
    table = np.tile(np.eye(4) * 0.6 + 0.1, (5, 1))
    for name, figure in multiclass(np.tile(np.arange(4), 5), table, classes=range(4)).items():
        assert isinstance(figure, Figure)
        if METRICS[name].needs_probabilities:
            continue
        assert figure.value == pytest.approx(1)
        assert figure.low is not None
        assert figure.low < 0.99, name


@pytest.mark.parametrize(
    ("labels", "table", "classes", "words"),
    [
        (["a", "x"], [[0.5, 0.5]] * 2, ["a", "b"], "one of the 2 classes, but 'x' is none of them"),
        (["a", "b"], [[0.5, 0.5, 0]] * 2, ["a", "b"], r"2 rows and 2 columns, but their shape is \(2, 3\)"),
        (["a", "a"], [[1.0]] * 2, ["a"], r"two or more different labels, but they are \['a'\]"),
    ],
)
def test_bad_input_is_refused_in_words(
    labels: list[str], table: list[list[float]], classes: list[str], words: str
) -> None:
    with pytest.raises(DataError, match=words):
        multiclass(labels, table, classes=classes)
