"""Figures that depend only on which rows were predicted to be what: functions of a confusion matrix.

`C[..., i, j]` is the weight of rows of class i that were predicted to be class j. Leading axes are resamples, so the
same functions give the figure and its interval. What is undefined comes out as NaN; `why_undefined` puts it in words.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray

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


def ratio(above: Matrices, below: Matrices) -> Matrices:
    """Divide, giving NaN where the divisor is 0."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where(below > 0, above / below, np.nan))


def hits(cells: Matrices) -> Matrices:
    """Return the weight of right predictions per class, (..., classes)."""
    return np.diagonal(cells, axis1=-2, axis2=-1)


def recalls(cells: Matrices) -> Matrices:
    """Return TP/(TP+FN) per class."""
    return ratio(hits(cells), cells.sum(-1))


def precisions(cells: Matrices) -> Matrices:
    """Return TP/(TP+FP) per class."""
    return ratio(hits(cells), cells.sum(-2))


def f1s(cells: Matrices) -> Matrices:
    """Return 2·TP/(2·TP+FP+FN) per class."""
    return ratio(2 * hits(cells), cells.sum(-1) + cells.sum(-2))


def specificities(cells: Matrices) -> Matrices:
    """Return TN/(TN+FP) per class."""
    negatives = cells.sum((-2, -1))[..., None] - cells.sum(-1)
    return ratio(negatives - (cells.sum(-2) - hits(cells)), negatives)


def accuracy(cells: Matrices) -> Matrices:
    """Return the share of weight on the diagonal."""
    return ratio(hits(cells).sum(-1), cells.sum((-2, -1)))


def macro(per_class: Callable[[Matrices], Matrices], *, among: str) -> Callable[[Matrices], Matrices]:
    """Average a figure over the classes that occur among the labels, or among labels and predictions ("either")."""

    def average(cells: Matrices) -> Matrices:
        occurs = cells.sum(-1) > 0
        if among == "either":
            occurs = occurs | (cells.sum(-2) > 0)
        values = np.where(occurs, per_class(cells), 0.0)
        return ratio(values.sum(-1), occurs.sum(-1).astype(float))

    return average


def weighted(per_class: Callable[[Matrices], Matrices]) -> Callable[[Matrices], Matrices]:
    """Average a figure over the classes, each counting as much as the rows that have it."""

    def average(cells: Matrices) -> Matrices:
        support = cells.sum(-1)
        values = np.where(support > 0, per_class(cells), 0.0)
        return ratio((values * support).sum(-1), support.sum(-1))

    return average


def specificity_micro(cells: Matrices) -> Matrices:
    """Return ΣTN / Σ(TN+FP): every wrong row is one false positive among (classes - 1) chances per row."""
    return np.asarray(1 - (1 - accuracy(cells)) / (cells.shape[-1] - 1))


def mcc(cells: Matrices) -> Matrices:
    """Return the correlation of labels and predictions (Matthews 1975; Gorodkin 2004 for several classes)."""
    total = cells.sum((-2, -1))
    true, predicted = cells.sum(-1), cells.sum(-2)
    covariance = hits(cells).sum(-1) * total - (true * predicted).sum(-1)
    spread = (total**2 - (true**2).sum(-1)) * (total**2 - (predicted**2).sum(-1))
    # a class that takes all rows leaves a spread of a few ulps instead of 0
    spread = np.where(spread > 1e-12 * total**4, spread, 0.0)
    return ratio(covariance, np.sqrt(spread))


def cohen_kappa(cells: Matrices) -> Matrices:
    """Return (p_o - p_e) / (1 - p_e), the agreement beyond chance (Cohen 1960)."""
    total = cells.sum((-2, -1))
    chance = (cells.sum(-1) * cells.sum(-2)).sum(-1) / total**2
    room = np.where(1 - chance > 1e-12, 1 - chance, 0.0)
    return ratio(accuracy(cells) - chance, room)


def binary_balanced_accuracy(cells: Matrices) -> Matrices:
    """Return the mean recall of both classes; undefined unless both occur."""
    return np.asarray(recalls(cells).mean(-1))


BINARY: dict[str, Callable[[Matrices], Matrices]] = {
    "accuracy": accuracy,
    "balanced_accuracy": binary_balanced_accuracy,
    "precision": lambda cells: precisions(cells)[..., 1],
    "recall": lambda cells: recalls(cells)[..., 1],
    "f1": lambda cells: f1s(cells)[..., 1],
    "specificity": lambda cells: recalls(cells)[..., 0],
    "mcc": mcc,
    "cohen_kappa": cohen_kappa,
}

MULTICLASS: dict[str, Callable[[Matrices], Matrices]] = {
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


def posterior(
    cells: Float[np.ndarray, "classes classes"],
    squares: Float[np.ndarray, "classes classes"],
    *,
    draws: int,
    generator: np.random.Generator,
) -> Float[np.ndarray, "draws classes classes"]:
    """Draw confusion matrices from the Dirichlet posterior: gamma cells, scaled to the effective number of rows.

    The prior puts 1/2 on each cell of a 2 × 2 matrix (Jeffreys), and for more classes the same total weight on the
    wrong cells as there, 1; so perfect predictions do not come out as certain.
    """
    classes = len(cells)
    total = cells.sum()
    prior = np.full((classes, classes), 1.0 / (classes * (classes - 1)))
    np.fill_diagonal(prior, 1.0 / classes)
    prior[cells.sum(1) == 0] = 0.0  # a class that no row has stays without recall
    scale = squares.sum() / total  # of one effective row
    full = cells > 0
    shape = prior + np.divide(cells**2, squares, out=np.zeros_like(cells), where=full)
    unit = np.divide(squares, cells, out=np.full_like(cells, scale), where=full)
    return np.asarray(generator.standard_gamma(shape, (draws, classes, classes)) * unit)
