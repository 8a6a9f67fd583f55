"""A value and its interval become a figure: what several tasks share."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float

from fitwell.metrics.figure import Figure
from fitwell.metrics.intervals import Interval, effective_size, skewed_mean, wilson

SEED = 0  # of all resampling: the same data gives the same interval
TINY = float(np.finfo(np.float64).eps)  # probabilities are clipped here before their logarithm is taken
PROBABILITY_FIGURES = ("log_loss", "brier", "calibration_error")
NOT_PROBABILITIES = "it needs probabilities, and some scores lie outside [0, 1]"


def bounded(
    value: float,
    ends: Interval,
    method: str,
    *,
    least: float = 0.0,
    most: float = 1.0,
    approximate: bool = False,
) -> Figure:
    """Make a figure of a value and its interval, kept within what the metric can be and reaching to the value.

    Infinite ends mean that the rows say nothing about the spread: then there is a value but no interval.
    """
    if not np.isfinite(ends).all():
        reason = "one row says nothing about the uncertainty"
        return Figure(value=value, low=None, high=None, method="none", reason=reason)
    low, high = min(max(ends.low, least), value), max(min(ends.high, most), value)
    return Figure(value=value, low=low, high=high, method=method, approximate=approximate)


def percentiles(values: Float[np.ndarray, " draws"], confidence: float) -> Interval:
    """Return the ends between which the middle of the draws lies."""
    tail = (1 - confidence) / 2
    low, high = np.nanquantile(values, [tail, 1 - tail])
    return Interval(float(low), float(high))


def proportion(right: Float[np.ndarray, " rows"], weights: Float[np.ndarray, " rows"], *, confidence: float) -> Figure:
    """Measure the share of rows that are right (1) rather than wrong (0)."""
    total = float(weights.sum())
    share = min(float(weights @ right) / total, 1.0)
    size = effective_size(total, float((weights**2).sum()))
    return bounded(share, wilson(share, size=size, confidence=confidence), "Wilson")


def mean_loss(
    losses: Float[np.ndarray, " rows"],
    weights: Float[np.ndarray, " rows"],
    squares: Float[np.ndarray, " rows"],
    *,
    confidence: float,
    most: float = np.inf,
) -> Figure:
    """Measure the mean of losses of 0 or more; `squares` are Σw², where one entry stands for several rows.

    A few large losses among many small ones make the interval too narrow: it says so from a skewness of √rows / 5 on.
    """
    ends = skewed_mean(losses, weights, squares, confidence=confidence)
    total = float(weights.sum())
    value = float(weights @ losses / total)
    away = losses - value
    second, third = float(weights @ (away * away)) / total, float(weights @ (away * away * away)) / total
    few = abs(third) > 0.2 * math.sqrt(effective_size(total, float(squares.sum()))) * second**1.5
    return bounded(value, ends, "Student's t, moved for skewness", most=most, approximate=few)


def log_losses(probabilities: Float[np.ndarray, " *shape"]) -> Float[np.ndarray, " *shape"]:
    """Return -log of the probabilities of what happened, clipped at float64 epsilon."""
    return np.asarray(-np.log(np.clip(probabilities, TINY, 1 - TINY)))
