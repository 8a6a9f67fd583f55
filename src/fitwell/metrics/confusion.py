"""Figures that depend only on which rows were predicted to be what: functions of a confusion matrix.

`C[..., i, j]` is the weight of rows of class i that were predicted to be class j. No figure reads more of it than its
diagonal and its sums, the margins. Leading axes are resamples, or small changes that tell a derivative. What is
undefined comes out as NaN; `why_undefined` puts it in words.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray

from fitwell.metrics.intervals import Interval, two_sided

Matrices = NDArray[np.float64]  # (..., classes, classes)


def confusion_matrix(
    truth: Int[np.ndarray, " rows"],
    predicted: Int[np.ndarray, " rows"],
    weights: Float[np.ndarray, " rows"],
    classes: int,
) -> Float[np.ndarray, "classes classes"]:
    """Add the weights up by true class (row) and predicted class (column).

    >>> confusion_matrix(np.array([0, 1, 1]), np.array([0, 1, 0]), np.ones(3), 2)
    array([[1., 0.],
           [1., 1.]])
    """
    cells = np.bincount(truth * classes + predicted, weights=weights, minlength=classes * classes)
    return cells.reshape(classes, classes)


class Margins(NamedTuple):
    """All that any figure reads of a matrix, class by class, (..., classes)."""

    hits: Matrices  # Σw of rows of the class that were predicted to be it
    true: Matrices  # of rows of the class
    predicted: Matrices  # of rows predicted to be it


def margins(cells: Matrices) -> Margins:
    """Return the diagonal and both sums of a matrix.

    >>> margins(np.array([[3.0, 1.0], [0.0, 2.0]])).predicted
    array([3., 3.])
    """
    return Margins(np.diagonal(cells, axis1=-2, axis2=-1), cells.sum(-1), cells.sum(-2))


Measure = Callable[[Margins], Matrices]  # a figure per leading axis


def ratio(above: Matrices, below: Matrices) -> Matrices:
    """Divide, giving NaN where the divisor is 0."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where(below > 0, above / below, np.nan))


def recalls(rows: Margins) -> Matrices:
    """Return TP/(TP+FN) per class."""
    return ratio(rows.hits, rows.true)


def precisions(rows: Margins) -> Matrices:
    """Return TP/(TP+FP) per class."""
    return ratio(rows.hits, rows.predicted)


def f1s(rows: Margins) -> Matrices:
    """Return 2·TP/(2·TP+FP+FN) per class."""
    return ratio(2 * rows.hits, rows.true + rows.predicted)


def specificities(rows: Margins) -> Matrices:
    """Return TN/(TN+FP) per class."""
    negatives = rows.true.sum(-1, keepdims=True) - rows.true
    return ratio(negatives - (rows.predicted - rows.hits), negatives)


def accuracy(rows: Margins) -> Matrices:
    """Return the share of weight on the diagonal."""
    return ratio(rows.hits.sum(-1), rows.true.sum(-1))


def macro(per_class: Measure, *, among: str) -> Measure:
    """Average a figure over the classes that occur among the labels, or among labels and predictions ("either")."""

    def average(rows: Margins) -> Matrices:
        occurs = rows.true > 0
        if among == "either":
            occurs = occurs | (rows.predicted > 0)
        values = np.where(occurs, per_class(rows), 0.0)
        return ratio(values.sum(-1), occurs.sum(-1).astype(float))

    return average


def weighted(per_class: Measure) -> Measure:
    """Average a figure over the classes, each counting as much as the rows that have it."""

    def average(rows: Margins) -> Matrices:
        values = np.where(rows.true > 0, per_class(rows), 0.0)
        return ratio((values * rows.true).sum(-1), rows.true.sum(-1))

    return average


def specificity_micro(rows: Margins) -> Matrices:
    """Return ΣTN / Σ(TN+FP): every wrong row is one false positive among (classes - 1) chances per row."""
    return np.asarray(1 - (1 - accuracy(rows)) / (rows.hits.shape[-1] - 1))


def mcc(rows: Margins) -> Matrices:
    """Return the correlation of labels and predictions (Matthews 1975; Gorodkin 2004 for several classes)."""
    total = rows.true.sum(-1)
    covariance = rows.hits.sum(-1) * total - (rows.true * rows.predicted).sum(-1)
    spread = (total**2 - (rows.true**2).sum(-1)) * (total**2 - (rows.predicted**2).sum(-1))
    # a class that takes all rows leaves a spread of a few ulps instead of 0
    spread = np.where(spread > 1e-12 * total**4, spread, 0.0)
    return ratio(covariance, np.sqrt(spread))


def cohen_kappa(rows: Margins) -> Matrices:
    """Return (p_o - p_e) / (1 - p_e), the agreement beyond chance (Cohen 1960)."""
    chance = (rows.true * rows.predicted).sum(-1) / rows.true.sum(-1) ** 2
    room = np.where(1 - chance > 1e-12, 1 - chance, 0.0)
    return ratio(accuracy(rows) - chance, room)


def binary_balanced_accuracy(rows: Margins) -> Matrices:
    """Return the mean recall of both classes; undefined unless both occur."""
    return np.asarray(recalls(rows).mean(-1))


BINARY_MEASURES: dict[str, Measure] = {
    "accuracy": accuracy,
    "balanced_accuracy": binary_balanced_accuracy,
    "precision": lambda rows: precisions(rows)[..., 1],
    "recall": lambda rows: recalls(rows)[..., 1],
    "f1": lambda rows: f1s(rows)[..., 1],
    "specificity": lambda rows: recalls(rows)[..., 0],
    "mcc": mcc,
    "cohen_kappa": cohen_kappa,
}

MULTICLASS_MEASURES: dict[str, Measure] = {
    "accuracy": accuracy,
    "balanced_accuracy": macro(recalls, among="labels"),
    "precision": macro(precisions, among="either"),
    "precision_micro": accuracy,
    "precision_weighted": weighted(precisions),
    "recall": macro(recalls, among="labels"),
    "recall_micro": accuracy,
    "recall_weighted": weighted(recalls),
    "f1": macro(f1s, among="either"),
    "f1_micro": accuracy,
    "f1_weighted": weighted(f1s),
    "specificity": macro(specificities, among="either"),
    "specificity_micro": specificity_micro,
    "specificity_weighted": weighted(specificities),
    "mcc": mcc,
    "cohen_kappa": cohen_kappa,
}


def of_cells(measure: Measure) -> Callable[[Matrices], Matrices]:
    """Turn a figure of margins into one of matrices."""
    return lambda cells: measure(margins(cells))


BINARY = {name: of_cells(measure) for name, measure in BINARY_MEASURES.items()}
MULTICLASS = {name: of_cells(measure) for name, measure in MULTICLASS_MEASURES.items()}


def why_undefined(metric: str) -> str:
    """Say in words when a figure of the confusion matrix has no value."""
    return WHY.get(metric.removesuffix("_micro").removesuffix("_weighted"), "there is nothing to divide by")


WHY = {
    "balanced_accuracy": "one class has no rows, so its recall is undefined",
    "precision": "a class that occurs was never predicted",
    "recall": "no row has the class, so there is nothing to find",
    "f1": "the class neither occurs nor was predicted",
    "specificity": "every row has the class, so there is nothing to leave alone",
    "mcc": "all labels or all predictions are the same class",
    "cohen_kappa": "labels and predictions are all the same class, so chance agreement is perfect",
}


def fewest_of_margins(cells: Matrices, squares: Matrices) -> float:
    """Return how many rows the smallest class has, among labels and among predictions, by the size of their weights."""
    row = squares.sum() / cells.sum()
    return float(np.concatenate([cells.sum(0), cells.sum(1)]).min() / row)


@dataclass(frozen=True, kw_only=True)
class Smoothed:
    """A matrix in which no class looks perfect for want of rows, with the sums of squared weights of its cells.

    Half a row is put on each cell of a 2 × 2 matrix (as Jeffreys' prior does), and for more classes the same on the
    right cells and on the wrong ones together; so perfect predictions do not come out as certain.
    """

    cells: Matrices
    squares: Matrices


def smoothed(cells: Matrices, squares: Matrices) -> Smoothed:
    """Add the prior to a matrix, in effective rows."""
    classes = len(cells)
    prior = np.full((classes, classes), 1.0 / (classes * (classes - 1)))
    np.fill_diagonal(prior, 1.0 / classes)
    prior[cells.sum(1) == 0] = 0.0  # a class that no row has stays without recall
    row = squares.sum() / cells.sum()  # the weight of one effective row
    return Smoothed(cells=cells + prior * row, squares=squares + prior * row**2)


def delta_interval(value: float, variance: float, *, correlation: bool, confidence: float) -> Interval:
    """Bound a figure by its variance, on Fisher's scale for a correlation and on the logit for a share.

    Both stretch the ends of the range, where figures pile up: atanh of a correlation, and of 2·share - 1.
    """
    factor = 1.0 if correlation else 2.0
    place = min(max(factor * value - (factor - 1), -1 + 1e-12), 1 - 1e-12)
    center, half = math.atanh(place), two_sided(confidence) * factor * math.sqrt(variance) / (1 - place**2)
    low, high = math.tanh(center - half), math.tanh(center + half)
    return Interval((low + factor - 1) / factor, (high + factor - 1) / factor)


def slopes(
    measure: Callable[[Matrices], Matrices], point: Float[np.ndarray, " places"]
) -> Float[np.ndarray, " places"]:
    """Return the derivatives of a figure of numbers of 0 or more, by differences; 0 where a number is 0."""
    steps = 1e-4 * point
    up, down = np.split(measure(point + np.concatenate([np.diag(steps), -np.diag(steps)])), 2)
    return np.divide(up - down, 2 * steps, out=np.zeros_like(steps), where=steps > 0)


def value_and_variance(measure: Measure, table: Smoothed) -> tuple[float, float]:
    """Return a figure of a matrix and Σ squares · (its derivative by the cell)².

    A row counts in three margins, so the derivative by a cell is the sum of those by its margins.
    """
    rows = margins(table.cells)
    moved = slopes(lambda flat: measure(Margins(*np.split(flat, 3, axis=-1))), np.concatenate(rows))
    hit, true, predicted = np.split(moved, 3)
    by_cell = true[:, None] + predicted + np.diag(hit)
    return float(measure(rows)), float((table.squares * by_cell**2).sum())
