"""A value and its interval become a figure: what several tasks share."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float

from fitwell.metrics.figure import Figure
from fitwell.metrics.intervals import Interval, hall, log_student, moments, share_of

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
    if not (math.isfinite(ends.low) and math.isfinite(ends.high)):
        reason = "one row says nothing about the uncertainty"
        return Figure(value=value, low=None, high=None, method="none", reason=reason)
    low, high = min(max(ends.low, least), value), max(min(ends.high, most), value)
    return Figure(value=value, low=low, high=high, method=method, approximate=approximate)


def proportion(right: Float[np.ndarray, " rows"], weights: Float[np.ndarray, " rows"], *, confidence: float) -> Figure:
    """Measure the share of rows that are right (1) rather than wrong (0)."""
    wrong, squares = 1 - right, weights**2
    share = share_of(
        float(weights @ right),
        float(weights @ wrong),
        success_squares=float(squares @ right),
        failure_squares=float(squares @ wrong),
    )
    return bounded(share.value, share.wilson(confidence=confidence), "Wilson", approximate=share.is_discrete)


def mean_loss(
    losses: Float[np.ndarray, " rows"],
    weights: Float[np.ndarray, " rows"],
    squares: Float[np.ndarray, " rows"],
    *,
    confidence: float,
    most: float = np.inf,
) -> Figure:
    """Measure the mean of losses of 0 or more; `squares` are Σw², where one entry stands for several rows.

    Where a few rows make the losses skewed, Hall's bounds reach too far and those on the log scale not far enough; the
    interval ends a third of the way from these to those. From a skewness of 0.45·√rows on it says that it is
    approximate.
    """
    sample = moments(losses, weights, squares)
    if sample.mean <= 0:
        return bounded(0.0, Interval(0.0, 0.0), "exact: there is no error", approximate=True)
    both = hall(sample, confidence=confidence), log_student(sample, confidence=confidence)
    ends = Interval(*((bent + 2 * log) / 3 for bent, log in zip(*both, strict=True)))
    few = abs(sample.tilt) > MOST_TILT
    return bounded(sample.mean, ends, "Student's t, bent for skewness", most=most, approximate=few)


MOST_TILT = 0.45  # skewness of a mean from which on its interval covers less than it claims


def log_losses(probabilities: Float[np.ndarray, " *shape"]) -> Float[np.ndarray, " *shape"]:
    """Return -log of the probabilities of what happened, clipped at float64 epsilon."""
    return np.asarray(-np.log(np.clip(probabilities, TINY, 1 - TINY)))
