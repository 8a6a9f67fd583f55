"""Intervals for the two figures that are largest or mean distances: KS and calibration error.

A distance is measured too large, because noise only ever adds to it: perfectly calibrated probabilities show a
calibration error of several percent on 500 rows, and scores without any information a KS of 0.1. A bootstrap around
the measured distance repeats that mistake. Here the excess is measured around a smooth account of the data instead,
and taken off:

- KS: a logistic curve of the label on the rank. Its own KS is known, so resampling it shows how much is added by noise.
- Calibration: the gaps of the 15 bins, shrunk to where they likely are (James and Stein). With nothing but noise in the
  gaps they shrink to 0, and the interval reaches 0.

Measured by simulation, these cover 90 to 100 % where they claim 95, so their figures say that they are approximate;
percentiles of a bootstrap cover 0 to 80 %.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from scipy.special import chdtri, expit, ndtri

from fitwell.metrics.bootstrap import gathered, resampled
from fitwell.metrics.intervals import Interval, effective_size, mover, wilson
from fitwell.metrics.measured import SEED
from fitwell.metrics.ranked import BINS, Ranked, Stack, ks, shares_of

DRAWS = 300  # to find a mean, not a tail


def smoothed(rows: Ranked) -> tuple[Float[np.ndarray, " groups"], Float[np.ndarray, " groups"]]:
    """Split each group's weight into positive and negative as a logistic curve of the normal score of its rank says."""
    mass = rows.positive + rows.negative
    rank = (np.cumsum(mass) - mass / 2) / mass.sum()
    design = np.stack([np.ones_like(rank), ndtri(1 - rank)], axis=1)
    # a separated ranking would send the slope to infinity; 0.01 stops it where the split is as good as sharp
    ridge = np.array([1e-9, 1e-2])
    unit = len(mass) / mass.sum()  # so that the ridge means the same for weights of any scale
    beta = np.array([np.log(rows.positive.sum() / rows.negative.sum()), 0.0])
    for _ in range(30):  # Newton; each step is limited because the first may overshoot
        rate = expit(design @ beta)
        slope = design.T @ (rows.positive - mass * rate) * unit - ridge * beta
        curvature = (design.T * (mass * rate * (1 - rate) * unit)) @ design + np.diag(ridge)
        step = np.clip(np.linalg.solve(curvature, slope), -2, 2)
        beta = beta + step
        if np.abs(step).max() < 1e-8:
            break
    rate = expit(design @ beta)
    return mass * rate, mass * (1 - rate)


def ks_excess(
    rows: Ranked,
) -> float:
    """Return how much noise adds to KS on average, as seen around the smooth ranking."""
    short = gathered(rows)
    positive, negative = smoothed(short)
    per_row = (short.positive_squares.sum() + short.negative_squares.sum()) / (positive.sum() + negative.sum())
    smooth = Ranked(
        scores=short.scores,
        positive=positive,
        negative=negative,
        positive_squares=positive * per_row,
        negative_squares=negative * per_row,
        group=short.group,
    )
    draws = resampled(smooth, {"ks": ks}, draws=DRAWS, seed=SEED)["ks"]
    return max(0.0, float(draws.mean() - ks(positive, negative)))


def ks_interval(rows: Ranked, *, confidence: float) -> Interval:
    """Bound KS: Wilson's bounds of both shares where the distance is largest, less what noise adds.

    The upper end comes down by half of the excess only, because the smooth account may overstate it.
    """
    sizes = (
        effective_size(float(rows.positive.sum()), float(rows.positive_squares.sum())),
        effective_size(float(rows.negative.sum()), float(rows.negative_squares.sum())),
    )
    up = np.cumsum(rows.positive) / rows.positive.sum()
    down = np.cumsum(rows.negative) / rows.negative.sum()
    widest = int(np.argmax(np.abs(up - down)))
    shares = (float(np.clip(up[widest], 0, 1)), float(np.clip(down[widest], 0, 1)))
    if shares[0] < shares[1]:
        shares, sizes = shares[::-1], sizes[::-1]
    # the difference of two shares is the sum of the one and of the other's complement, less 1
    both = (shares[0], 1 - shares[1])
    bounds = [wilson(share, size=size, confidence=confidence) for share, size in zip(both, sizes, strict=True)]
    low, high = mover(both, bounds, (1.0, 1.0))
    excess = ks_excess(rows)
    return Interval(max(0.0, low - 1 - excess), min(1.0, high - 1 - excess / 2))


def calibration_interval(gaps: Stack, variances: Stack, *, confidence: float) -> Interval:
    """Bound Σ |gap| over bins from each gap's variance.

    The lower end takes off what noise would add to the shrunken gaps, and is 0 when noise alone explains them
    (chi-squared). The upper end takes off what noise would add to the gaps as measured, which is less: they may also
    be what they seem.
    """
    spread = np.sqrt(variances)
    surprise = float(np.sum(np.where(variances > 0, gaps**2 / np.where(variances > 0, variances, 1.0), 0.0)))
    shrink = max(0.0, 1 - (len(gaps) - 2) / surprise) if surprise > 0 else 0.0
    noise = spread * np.random.default_rng(SEED).standard_normal((2000, len(gaps)))
    tail = (1 - confidence) / 2

    def end(center: Stack, share: float) -> float:
        measured = np.abs(center + noise).sum(axis=1)
        excess = measured.mean() - np.abs(center).sum()
        return float(np.abs(gaps).sum() - excess + np.quantile(measured, share) - measured.mean())

    low = 0.0 if surprise <= float(chdtri(len(gaps), tail)) else max(0.0, end(shrink * gaps, tail))
    return Interval(low, min(1.0, end(gaps, 1 - tail)))


def calibration_error_interval(rows: Ranked, *, confidence: float) -> Interval:
    """Bound the calibration error of a ranking by probabilities."""
    mass = rows.positive + rows.negative
    gaps = shares_of(mass, rows.positive - mass * rows.scores, parts=BINS) / mass.sum()
    miss, hit = rows.scores, 1 - rows.scores
    seen = rows.positive_squares * hit**2 + rows.negative_squares * miss**2
    # a bin without a single positive shows no variance; the probabilities themselves say how much to expect
    said = (rows.positive_squares + rows.negative_squares) * hit * miss
    variances = [shares_of(mass, part, parts=BINS) / mass.sum() ** 2 for part in (seen, said)]
    return calibration_interval(gaps, np.maximum(*variances), confidence=confidence)
