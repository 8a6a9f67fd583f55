"""Intervals by closed forms: for proportions, for means, and for estimates whose variance is known.

Weighted rows count as `effective_size` many. Every function returns the two ends; none of them looks at a metric.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.special import ndtr, ndtri, stdtrit


class Interval(NamedTuple):
    """The two ends of a confidence interval."""

    low: float
    high: float


def two_sided(confidence: float) -> float:
    """Return the normal quantile that leaves the same tail on both sides.

    >>> round(two_sided(0.95), 4)
    1.96
    """
    return float(ndtri(0.5 + confidence / 2))


def effective_size(total: float, squares: float) -> float:
    """Return how many equally weighted rows carry as much information: (Σw)² / Σw² (Kish 1965).

    >>> effective_size(4.0, 4.0)
    4.0
    """
    return total * total / squares if squares > 0 else 0.0


def wilson(share: float, *, size: float, confidence: float) -> Interval:
    """Bound a proportion by the score interval of Wilson (1927); sound at 0 and at 1 too.

    >>> [round(end, 3) for end in wilson(0.0, size=10, confidence=0.95)]
    [0.0, 0.278]
    """
    z = two_sided(confidence)
    center = share + z * z / (2 * size)
    half = z * math.sqrt(share * (1 - share) / size + z * z / (4 * size * size))
    shrink = 1 + z * z / size
    # at the borders the ends are exactly 0 and 1, which rounding would miss by an ulp
    low = 0.0 if share <= 0 else max(0.0, (center - half) / shrink)
    high = 1.0 if share >= 1 else min(1.0, (center + half) / shrink)
    return Interval(low, high)


FEWEST = (
    6  # successes and failures from which on discreteness moves the coverage of a 95 % interval by 2 points at most
)


FEWEST_OF_CLASS = 12  # rows of the smallest class from which on rankings and means over classes cover what they claim


class Share(NamedTuple):
    """A proportion of weighted rows, with how many equally weighted ones know it as well."""

    value: float
    size: float

    @property
    def is_discrete(self) -> bool:
        """Whether there are so few successes or failures that coverage jumps from count to count."""
        return min(self.value, 1 - self.value) * self.size < FEWEST - 1e-9

    def wilson(self, *, confidence: float) -> Interval:
        """Bound it."""
        return wilson(self.value, size=self.size, confidence=confidence)


def share_of(success: float, failure: float, *, success_squares: float, failure_squares: float) -> Share:
    """Return the share of successes from sums of weights and of squared weights; there must be some weight.

    Its variance is Σw²(outcome - share)² / (Σw)², whatever weights have to do with success; the size is that of the
    plain rows with the same variance, and where all or none succeed that of Kish.

    >>> share = share_of(6.0, 4.0, success_squares=6.0, failure_squares=4.0)
    >>> share.value, round(share.size, 9)
    (0.6, 10.0)
    """
    total = success + failure
    share = min(success / total, 1.0)
    moved = success_squares * (1 - share) ** 2 + failure_squares * share**2
    if moved <= 0:
        return Share(share, effective_size(total, success_squares + failure_squares))
    return Share(share, share * (1 - share) * total**2 / moved)


def mover(shares: Sequence[float], bounds: Sequence[Interval], factors: Sequence[float]) -> Interval:
    """Bound Σ factor · share of independent shares from their own intervals (Zou and Donner 2008); factors above 0."""
    center = sum(factor * share for factor, share in zip(factors, shares, strict=True))
    below = sum((f * (s - b.low)) ** 2 for f, s, b in zip(factors, shares, bounds, strict=True))
    above = sum((f * (b.high - s)) ** 2 for f, s, b in zip(factors, shares, bounds, strict=True))
    return Interval(center - math.sqrt(below), center + math.sqrt(above))


def widened(confidence: float, *, size: float) -> float:
    """Return the confidence at which a normal interval is as wide as Student's with this many rows is at the given one.

    >>> round(widened(0.95, size=10), 3)
    0.976
    """
    quantile = min(float(stdtrit(max(size - 1, 1.0), 0.5 + confidence / 2)), 6.0)  # beyond, rounding leaves 1
    return float(2 * ndtr(quantile) - 1)


def logit(estimate: float, *, variance: float, confidence: float) -> Interval:
    """Bound an estimate strictly between 0 and 1 on the scale log(x / (1 - x)), by the delta method."""
    half = two_sided(confidence) * math.sqrt(variance) / (estimate * (1 - estimate))
    odds = estimate / (1 - estimate)
    low, high = odds * math.exp(-min(half, 700)), odds * math.exp(min(half, 700))
    return Interval(low / (1 + low), high / (1 + high))


class Moments(NamedTuple):
    """What a weighted sample says about its mean."""

    mean: float
    error: float  # standard error of the mean
    skewness: float  # of the values
    size: float  # equally weighted rows that know as much

    @property
    def tilt(self) -> float:
        """How skewed the mean itself still is, next to 1."""
        return self.skewness / math.sqrt(self.size)


BLOCK = 1 << 18  # values at a time: fresh memory for millions of them costs more than the arithmetic


def moments(
    values: Float[np.ndarray, " rows"], weights: Float[np.ndarray, " rows"], squares: Float[np.ndarray, " rows"]
) -> Moments:
    """Return the moments that intervals of a mean need; the error is infinite where one row is all there is.

    `squares` are the squared weights, or their sums where one entry stands for several rows.
    """
    total = float(weights.sum())
    size = effective_size(total, float(squares.sum()))
    mean = float(weights @ values) / total
    second = third = moved = 0.0
    for start in range(0, len(values), BLOCK):
        block = slice(start, start + BLOCK)
        away = values[block] - mean
        squared = away * away
        second += float(weights[block] @ squared) / total
        moved += float(squares[block] @ squared)
        third += float(weights[block] @ np.multiply(squared, away, out=away)) / total
    skewness = third / second**1.5 if second > 0 else 0.0
    if size <= 1 + 1e-9:
        return Moments(mean, math.inf, skewness, size)
    return Moments(mean, math.sqrt(moved / total**2 * size / (size - 1)), skewness, size)


def skewed_mean(
    values: Float[np.ndarray, " rows"],
    weights: Float[np.ndarray, " rows"],
    squares: Float[np.ndarray, " rows"],
    *,
    confidence: float,
) -> Interval:
    """Bound a weighted mean by Student's t, bent for skewness (Hall 1992): losses have long right tails.

    `squares` are the squared weights, or their sums where one entry stands for several rows. One row tells nothing
    about spread, so it bounds nothing: the ends are infinite.
    """
    return hall(moments(values, weights, squares), confidence=confidence)


def hall(sample: Moments, *, confidence: float) -> Interval:
    """Bound a mean by Hall's (1992) cubic of the t statistic, which takes the skewness out and never turns back."""
    if math.isinf(sample.error):
        return Interval(-math.inf, math.inf)
    quantile, tilt = float(stdtrit(sample.size - 1, 0.5 + confidence / 2)), sample.tilt

    def bent(at: float) -> float:
        moved = at - tilt / 6
        return 3 / tilt * (math.cbrt(1 + tilt * moved) - 1) if abs(tilt) > 1e-6 else moved

    return Interval(sample.mean - sample.error * bent(quantile), sample.mean - sample.error * bent(-quantile))


def log_student(sample: Moments, *, confidence: float) -> Interval:
    """Bound a mean above 0 by Student's t on the scale of its logarithm."""
    if math.isinf(sample.error):
        return Interval(-math.inf, math.inf)
    half = min(float(stdtrit(sample.size - 1, 0.5 + confidence / 2)) * sample.error / sample.mean, 700.0)
    return Interval(sample.mean * math.exp(-half), sample.mean * math.exp(half))


def hanley_mcneil(auc: float, *, positives: float, negatives: float) -> float:
    """Return the variance of ROC-AUC when scores are exponential, by symmetric sizes (Newcombe 2006)."""
    middle = (positives + negatives) / 2 - 1
    spread = 1 + middle * ((1 - auc) / (2 - auc) + auc / (1 + auc))
    return auc * (1 - auc) * spread / (positives * negatives)


def auc_score_form(
    auc: float, *, variance: float, positives: float, negatives: float, confidence: float, trust: float = 15.0
) -> Interval:
    """Bound ROC-AUC by all values it does not contradict, (auc - t)² <= z² V(t).

    V(t) follows Hanley and McNeil's shape, scaled to pass through DeLong's variance at the estimate. Near 1 few pairs
    are out of order and that variance is itself uncertain, so the scale is drawn towards 1 as if by `trust` rows. A
    mean of several areas has less variance than one, so there the shape deserves little.
    """
    from scipy.optimize import brentq  # here: it takes as long to import as all of metrics

    z = two_sided(confidence)
    smaller = min(positives, negatives)
    model = hanley_mcneil(auc, positives=positives, negatives=negatives)
    measured = variance / model if model > 0 else 1.0
    scale = (smaller * measured + trust) / (smaller + trust)

    def contradiction(t: float) -> float:
        return (auc - t) ** 2 - z * z * scale * hanley_mcneil(t, positives=positives, negatives=negatives)

    low = 0.0 if auc <= 1e-12 else float(brentq(contradiction, 0.0, min(auc, 1 - 1e-12)))
    high = 1.0 if auc >= 1 - 1e-12 else float(brentq(contradiction, max(auc, 1e-12), 1.0))
    return Interval(low, high)


def ratio_of_shares(shares: tuple[float, float], bounds: Sequence[Interval]) -> Interval:
    """Bound the ratio of two independent shares from their own intervals (Donner and Zou 2012).

    >>> [round(end, 2) for end in ratio_of_shares((0.2, 0.8), [Interval(0.1, 0.35), Interval(0.7, 0.9)])]
    [0.12, 0.45]
    """
    (top, bottom), ((top_low, top_high), (low, high)) = shares, bounds
    product = top * bottom
    below = product**2 - top_low * high * (2 * top - top_low) * (2 * bottom - high)
    above = product**2 - top_high * low * (2 * top - top_high) * (2 * bottom - low)
    return Interval(
        (product - math.sqrt(max(below, 0.0))) / (high * (2 * bottom - high)) if 2 * bottom > high else 0.0,
        (product + math.sqrt(max(above, 0.0))) / (low * (2 * bottom - low)) if low > 0 else math.inf,
    )
