"""The figures of a target that is a number (or several), each with its interval in closed form.

Every figure but the median is a function of weighted means, so how much one row moves it (its influence) is known,
and with that the variance. The interval is taken on the scale where the figure is closest to normal: the logarithm of
1 - r2, of rmse.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike
from scipy.special import stdtrit

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


def moved_by(influence: Weights, weights: Weights, *, confidence: float) -> float:
    """Return half the width of the interval of an estimate that each row moves by its influence."""
    size = effective_size(float(weights.sum()), float((weights**2).sum()))
    if size <= 1 + 1e-9:
        return math.inf
    variance = float((weights**2) @ influence**2) / float(weights.sum()) ** 2 * size / (size - 1)
    return float(stdtrit(size - 1, 0.5 + confidence / 2)) * math.sqrt(variance)


def r2(truth: Table, error: Table, weights: Weights, *, confidence: float) -> Figure:
    """Measure the mean over targets of 1 - Σ error² / Σ (target - mean)², bounded on the scale log(1 - r2)."""
    total = weights.sum()
    away = truth - weights @ truth / total
    spread = weights @ away**2 / total
    # the mean is only known to rounding, so a constant target leaves a spread of some ulps
    if np.any(spread <= 1e-28 * (weights @ truth**2 / total)):
        return undefined("a target does not vary, so there is nothing to explain")
    left = weights @ error**2 / total / spread
    value = float(1 - left.mean())
    if value >= 1:
        return Figure(value=value, low=value, high=value, method="exact: there is no error", approximate=True)
    influence = ((error**2 - left * away**2) / spread).mean(axis=1)
    half = min(moved_by(influence, weights, confidence=confidence) / (1 - value), 700.0)
    ends = Interval(1 - (1 - value) * math.exp(half), 1 - (1 - value) * math.exp(-half))
    return bounded(value, ends, "delta on log(1 - r2)", least=-np.inf)


def rmse(error: Table, weights: Weights, *, confidence: float) -> Figure:
    """Measure the mean over targets of √(mean error²), with its interval on the scale of the logarithm."""
    squares = weights @ error**2 / weights.sum()
    value = float(np.sqrt(squares).mean())
    if value == 0:
        return Figure(value=0.0, low=0.0, high=0.0, method="exact: there is no error", approximate=True)
    safe = np.where(squares > 0, squares, 1.0)
    influence = (np.where(squares > 0, error**2 - squares, 0.0) / (2 * np.sqrt(safe))).mean(axis=1)
    half = moved_by(influence, weights, confidence=confidence) / value
    if half > 700:
        return bounded(value, Interval(-math.inf, math.inf), "delta on log rmse")
    return bounded(value, Interval(value * math.exp(-half), value * math.exp(half)), "delta on log rmse", most=np.inf)


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
