"""Intervals by closed forms: for proportions, for means, and for estimates whose variance is known.

Weighted rows count as `effective_size` many. Every function returns the two ends; none of them looks at a metric.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.special import ndtri, stdtrit


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


def mover(shares: Sequence[float], bounds: Sequence[Interval], factors: Sequence[float]) -> Interval:
    """Bound Σ factor · share of independent shares from their own intervals (Zou and Donner 2008); factors above 0."""
    center = sum(factor * share for factor, share in zip(factors, shares, strict=True))
    below = sum((f * (s - b.low)) ** 2 for f, s, b in zip(factors, shares, bounds, strict=True))
    above = sum((f * (b.high - s)) ** 2 for f, s, b in zip(factors, shares, bounds, strict=True))
    return Interval(center - math.sqrt(below), center + math.sqrt(above))


def student(estimate: float, *, variance: float, size: float, confidence: float) -> Interval:
    """Bound an estimate by its variance and Student's t with size - 1 degrees of freedom."""
    half = float(stdtrit(size - 1, 0.5 + confidence / 2)) * math.sqrt(variance)
    return Interval(estimate - half, estimate + half)


def logit(estimate: float, *, variance: float, confidence: float) -> Interval:
    """Bound an estimate strictly between 0 and 1 on the scale log(x / (1 - x)), by the delta method."""
    half = two_sided(confidence) * math.sqrt(variance) / (estimate * (1 - estimate))
    odds = estimate / (1 - estimate)
    low, high = odds * math.exp(-min(half, 700)), odds * math.exp(min(half, 700))
    return Interval(low / (1 + low), high / (1 + high))


def skewed_mean(
    values: Float[np.ndarray, " rows"],
    weights: Float[np.ndarray, " rows"],
    squares: Float[np.ndarray, " rows"],
    *,
    confidence: float,
) -> Interval:
    """Bound a weighted mean by Student's t, moved for skewness (Johnson 1978): losses have long right tails.

    `squares` are the squared weights, or their sums where one entry stands for several rows. One row tells nothing
    about spread, so it bounds nothing: the ends are infinite.
    """
    total = float(weights.sum())
    size = effective_size(total, float(squares.sum()))
    mean = float(weights @ values) / total
    if size <= 1 + 1e-9:
        return Interval(-math.inf, math.inf)
    away = values - mean
    variance = float(squares @ (away * away)) / total**2 * size / (size - 1)
    second, third = float(weights @ (away * away)) / total, float(weights @ (away * away * away)) / total
    shift = third / (6 * second * size) if second > 0 else 0.0
    low, high = student(mean, variance=variance, size=size, confidence=confidence)
    return Interval(low + shift, high + shift)


def hanley_mcneil(auc: float, *, positives: float, negatives: float) -> float:
    """Return the variance of ROC-AUC when scores are exponential, by symmetric sizes (Newcombe 2006)."""
    middle = (positives + negatives) / 2 - 1
    spread = 1 + middle * ((1 - auc) / (2 - auc) + auc / (1 + auc))
    return auc * (1 - auc) * spread / (positives * negatives)


def auc_score_form(auc: float, *, variance: float, positives: float, negatives: float, confidence: float) -> Interval:
    """Bound ROC-AUC by all values it does not contradict, (auc - t)² <= z² V(t).

    V(t) follows Hanley and McNeil's shape, scaled to pass through DeLong's variance at the estimate. Near 1 few pairs
    are out of order and that variance is itself uncertain, so the scale is drawn towards 1 with the weight of 5 rows.
    """
    from scipy.optimize import brentq  # here: it takes as long to import as all of metrics

    z = two_sided(confidence)
    smaller = min(positives, negatives)
    model = hanley_mcneil(auc, positives=positives, negatives=negatives)
    measured = variance / model if model > 0 else 1.0
    scale = (smaller * measured + 5) / (smaller + 5)

    def contradiction(t: float) -> float:
        return (auc - t) ** 2 - z * z * scale * hanley_mcneil(t, positives=positives, negatives=negatives)

    low = 0.0 if auc <= 1e-12 else float(brentq(contradiction, 0.0, min(auc, 1 - 1e-12)))
    high = 1.0 if auc >= 1 - 1e-12 else float(brentq(contradiction, max(auc, 1e-12), 1.0))
    return Interval(low, high)
