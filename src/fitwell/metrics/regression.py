"""The figures of a target that is a number (or several), each with its interval in closed form.

Every figure but the median is, or is close to, a mean over rows of something of 0 or more: of sizes of errors, of their
squares, of what is left unexplained. All of them are bounded alike, with their skewness.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from fitwell.errors import DataError
from fitwell.metrics.figure import Figure, Figures, undefined
from fitwell.metrics.inputs import checked_confidence, numbers, row_weights
from fitwell.metrics.intervals import Interval, effective_size, wilson
from fitwell.metrics.measured import bounded, mean_loss

Table = Float[np.ndarray, "rows targets"]
Weights = Float[np.ndarray, " rows"]


def regression(
    targets: ArrayLike,
    predictions: ArrayLike,
    *,
    names: Sequence[str] | None = None,
    weights: ArrayLike | None = None,
    confidence: float = 0.95,
) -> Figures:
    """Measure predicted numbers: every figure with its confidence interval.

    Several targets come as columns; the figures are then uniform averages over them, and `parts` holds those of each
    target under its name (from `names`, else its place). r2 has no value where a target does not vary, mape where one
    is 0.

    Figures say that they are approximate where their intervals do not cover what they claim: means of errors where a
    few rows decide (skewness over 0.45·√rows), r2 and rmse also where one row holds a quarter of the variance, the
    median below 10 rows or for several targets.

    Raises `DataError` for missing or infinite values and shapes that disagree.

    >>> figures = regression([1.0, 2.0, 3.0, 4.0], [1.1, 1.9, 3.2, 3.8])
    >>> round(figures.r2.value, 3), round(figures.mae.value, 3)
    (0.98, 0.15)
    """
    checked_confidence(confidence)
    truth, guess = as_table(targets, what="targets"), as_table(predictions, what="predictions")
    if truth.shape != guess.shape:
        raise DataError(f"targets and predictions must have one shape, but they have {truth.shape} and {guess.shape}")
    columns = [str(place) for place in range(truth.shape[1])] if names is None else [str(name) for name in names]
    if len(columns) != truth.shape[1] or len(set(columns)) != len(columns):
        raise DataError(f"{truth.shape[1]} targets need as many different names, but they are {columns}")
    given = row_weights(weights, rows=len(truth))
    kept = given > 0
    truth, guess, given = truth[kept], guess[kept], given[kept]
    whole = Figures(
        task="regression",
        rows=len(truth),
        confidence=confidence,
        entries=dict(of_targets(truth, guess, given, confidence=confidence)),
    )
    if len(columns) == 1:
        return whole
    parts = {
        name: regression(truth[:, place], guess[:, place], weights=given, confidence=confidence)
        for place, name in enumerate(columns)
    }
    return Figures(task="regression", rows=whole.rows, confidence=confidence, entries=whole.entries, parts=parts)


def as_table(values: ArrayLike, *, what: str) -> Table:
    """Return finite numbers with one column per target."""
    array = numbers(values, what=what)
    array = array[:, None] if array.ndim == 1 else array
    if array.ndim != 2 or array.size == 0:
        raise DataError(f"{what} must be one number per row (and target), but their shape is {array.shape}")
    return array


def of_targets(truth: Table, guess: Table, weights: Weights, *, confidence: float) -> dict[str, Figure]:
    """Measure all figures, averaged over the targets."""
    error = guess - truth
    magnitude = np.abs(error)
    figures = {
        "r2": r2(truth, error, weights, confidence=confidence),
        "rmse": rmse(error, weights, confidence=confidence),
        "mae": mean_loss(magnitude.mean(axis=1), weights, weights**2, confidence=confidence),
    }
    nearly_zero = np.abs(truth) <= 1e-30  # a share of such a number is beyond all measure
    if nearly_zero.any():
        zeros = int(nearly_zero.sum())
        figures["mape"] = undefined(f"{zeros} targets are 0, and an error cannot be a share of 0")
    else:
        shares = (magnitude / np.abs(truth)).mean(axis=1)
        figures["mape"] = mean_loss(shares, weights, weights**2, confidence=confidence)
    figures["median_absolute_error"] = median_figure(magnitude, weights, confidence=confidence)
    return figures


def r2(truth: Table, error: Table, weights: Weights, *, confidence: float) -> Figure:
    """Measure the mean over targets of 1 - Σ error² / Σ (target - mean)², bounded as one less a mean."""
    total = weights.sum()
    away = truth - weights @ truth / total
    spread = weights @ away**2 / total
    # the mean is only known to rounding, so a constant target leaves a spread of some ulps
    if np.any(spread <= 1e-28 * (weights @ truth**2 / total)):
        return undefined("a target does not vary, so there is nothing to explain")
    left = weights @ error**2 / total / spread
    # what is left unexplained is a mean over rows, to first order in how each row moves error and spread
    parts = (left + (error**2 - left * away**2) / spread).mean(axis=1)
    unexplained = mean_of_squares(parts, weights, confidence=confidence)
    return changed(unexplained, float(1 - left.mean()), lambda end: 1 - end, least=-np.inf, most=1.0)


def rmse(error: Table, weights: Weights, *, confidence: float) -> Figure:
    """Measure the mean over targets of √(mean error²), as the root of a mean of squares.

    Several targets are weighed so that their squares have the square of the figure as their mean, and move with it.
    """
    roots = np.sqrt(weights @ error**2 / weights.sum())
    value = float(roots.mean())
    factors = np.divide(value, roots * len(roots), out=np.zeros_like(roots), where=roots > 0)
    squared = mean_of_squares(error**2 @ factors, weights, confidence=confidence)
    return changed(squared, value, math.sqrt, least=0.0, most=np.inf)


def mean_of_squares(squares: Weights, weights: Weights, *, confidence: float) -> Figure:
    """Measure a mean of squares, which says that it is approximate where one row holds a quarter of the variance.

    Errors with heavy tails have squares without a variance; the largest of them then decides.
    """
    figure = mean_loss(squares, weights, weights**2, confidence=confidence)
    away = (weights * (squares - weights @ squares / weights.sum())) ** 2
    return replace(figure, approximate=figure.approximate or bool(away.max() > 0.25 * away.sum()))


def changed(figure: Figure, value: float, change: Callable[[float], float], *, least: float, most: float) -> Figure:
    """Return a figure told on another scale."""
    if figure.low is None or figure.high is None:
        return replace(figure, value=value)
    ends = sorted((change(figure.low), change(figure.high)))
    return bounded(value, Interval(*ends), figure.method, least=least, most=most, approximate=figure.approximate)


def weighted_quantile(values: Weights, weights: Weights, share: float) -> float:
    """Return the value up to which this share of the weight lies, halfway between two where it falls on a border.

    >>> weighted_quantile(np.array([4.0, 1.0, 3.0, 2.0]), np.ones(4), 0.5)
    2.5
    """
    order = np.argsort(values)
    reached = np.cumsum(weights[order])
    goal = share * reached[-1]
    slack = 1e-12 * reached[-1]
    lower = min(int(np.searchsorted(reached, goal - slack)), len(values) - 1)
    upper = min(int(np.searchsorted(reached, goal + slack, side="right")), len(values) - 1)
    return float((values[order[lower]] + values[order[upper]]) / 2)


def median_figure(magnitude: Table, weights: Weights, *, confidence: float) -> Figure:
    """Measure the mean over targets of the median absolute error, bounded by the order statistics around it.

    For several targets the ends are averaged, which is right if their errors move together and wide otherwise.
    """
    size = effective_size(float(weights.sum()), float((weights**2).sum()))
    shares = wilson(0.5, size=size, confidence=confidence)
    low, value, high = (
        float(np.mean([weighted_quantile(column, weights, share) for column in magnitude.T]))
        for share in (shares.low, 0.5, shares.high)
    )
    several = magnitude.shape[1] > 1
    return bounded(value, Interval(low, high), "order statistics", most=np.inf, approximate=several or size < 10)
