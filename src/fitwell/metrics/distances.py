"""Intervals for the two figures that are largest or mean distances: KS and calibration error.

A distance is measured too large, because noise only ever adds to it: perfectly calibrated probabilities show a
calibration error of several percent on 500 rows, and scores without any information a KS of 0.1. A bootstrap around
the measured distance repeats that mistake. Here the excess is estimated and taken off:

- KS: with twice the noise the largest gap grows once more. Around a smooth maximum the excess goes with the variance to
  the power 1/3 (the largest value of Brownian motion less a parabola), so what is added by doubling tells what was
  there before.
- Calibration: the sum of 15 absolute normal gaps has a known mean and variance for any true gaps. The interval holds
  those true gaps, in the proportions measured, that do not contradict the sum that was seen.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.special import ndtr

from fitwell.metrics.bootstrap import gathered
from fitwell.metrics.figure import Figure
from fitwell.metrics.intervals import FEWEST_OF_CLASS, Interval, effective_size, mover, two_sided, widened, wilson
from fitwell.metrics.measured import SEED, bounded
from fitwell.metrics.ranked import BINS, Places, Ranked, Stack, calibration_error, gap_of

PAIRS = 32  # of opposite draws of noise; they only have to find a mean
LONGEST = 256  # neighborhoods of a long ranking that get noise of their own
GROWTH = 2 ** (2 / 3) - 1  # of the excess when the variance of the noise doubles


@cache
def normal_noise(groups: int) -> Float[np.ndarray, "draws classes groups"]:
    """Return standard normal draws and their opposites, the same every time."""
    draws = np.random.default_rng(SEED).standard_normal((PAIRS, 2, groups))
    return np.concatenate([draws, -draws])


def ks_excess(rows: Ranked) -> float:
    """Return how much noise has added to KS, from how much as much noise again adds."""
    short = gathered(rows, longest=LONGEST)
    noise = normal_noise(len(short.scores))
    gap = gap_of(short.positive, short.negative)
    noisy = gap.copy()[None]
    for sign, sums, squares, drawn in (
        (1, short.positive, short.positive_squares, noise[:, 0]),
        (-1, short.negative, short.negative_squares, noise[:, 1]),
    ):
        total = sums.sum()
        moved = np.cumsum(drawn * np.sqrt(squares), axis=1)
        noisy = noisy + sign * (moved - np.cumsum(sums) / total * moved[:, -1:]) / total
    return max(0.0, float(np.abs(noisy).max(axis=1).mean() - np.abs(gap).max())) / GROWTH


def ks_figure(rows: Ranked, *, confidence: float) -> Figure:
    """Measure KS, bounded by Wilson's bounds of both shares where the distance is largest, luck taken off before.

    Each of the two shares has had as much of the luck as it has of the variance. With fewer than 12 rows of the smaller
    class the figure is approximate, and so is one below 0.2: there luck is much of it, and simulated intervals covered
    92 to 95 %.
    """
    gap = rows.hits / rows.hits[-1] - rows.false / rows.false[-1]
    widest = int(np.argmax(np.abs(gap, out=gap)))
    sizes = [
        effective_size(float(sums[-1]), float(squares.sum()))
        for sums, squares in ((rows.hits, rows.positive_squares), (rows.false, rows.negative_squares))
    ]
    first, second = float(rows.hits[widest] / rows.hits[-1]), float(rows.false[widest] / rows.false[-1])
    if first < second:
        first, second, sizes = second, first, sizes[::-1]
    luck = min(ks_excess(rows), first - second)
    of_first = sizes[1] / (sizes[0] + sizes[1])
    # the difference of two shares is the sum of the one and of the other's complement, less 1
    both = [min(max(share, 0.0), 1.0) for share in (first - luck * of_first, 1 - second - luck * (1 - of_first))]
    wide = widened(confidence, size=min(sizes))
    bounds = [wilson(share, size=size, confidence=wide) for share, size in zip(both, sizes, strict=True)]
    low, high = mover(both, bounds, (1.0, 1.0))
    rough = min(sizes) < FEWEST_OF_CLASS or gap[widest] < WEAK_KS
    ends = Interval(low - 1, high - 1)
    return bounded(float(gap[widest]), ends, "Wilson at the widest gap, luck taken off", approximate=rough)


WEAK_KS = 0.2


def folded(gaps: Stack, spread: Stack) -> tuple[Stack, Stack]:
    """Return mean and variance of Σ |gap + spread · normal| over the last axis."""
    safe = np.where(spread > 0, spread, 1.0)
    ratio = gaps / safe
    means = safe * np.sqrt(2 / np.pi) * np.exp(-(ratio**2) / 2) + gaps * (1 - 2 * ndtr(-ratio))
    means = np.where(spread > 0, means, np.abs(gaps))
    return means.sum(axis=-1), np.maximum(gaps**2 + spread**2 - means**2, 0.0).sum(axis=-1)


def calibration_interval(gaps: Stack, variances: Stack, *, confidence: float) -> Interval:
    """Bound Σ |gap| over bins from each gap's variance, by the multiples of the gaps that the sum does not contradict.

    At no gap at all a sum can only be too large, so the whole of 1 - confidence lies above, and half of it soon after
    (0.315 and 3.5 follow the ordering of Feldman and Cousins 1998 for a normal mean that is not negative).
    """
    measured = float(np.abs(gaps).sum())
    if measured == 0:
        return Interval(0.0, min(1.0, float(np.sqrt(variances).sum())))
    multiples = np.linspace(0, 1, 65)[:, None] ** 2 * (1 + 3 * np.sqrt(variances.sum()) / measured)
    mean, variance = folded(multiples * gaps, np.sqrt(variances))
    spread = np.sqrt(np.maximum(variance, 1e-300))
    z, one_sided = two_sided(confidence), two_sided(2 * confidence - 1) if confidence > 0.5 else 0.0
    reach = z - (z - one_sided) * np.exp(-3.5 * (mean - mean[0]) / spread)
    above, below = ((measured - mean) / spread - reach), ((measured - mean) / spread + z)
    low, high = (float(np.interp(0, np.minimum.accumulate(side)[::-1], multiples[::-1, 0])) for side in (above, below))
    return Interval(low * measured, min(1.0, high * measured))


class Gaps(NamedTuple):
    """How far outcomes lie from probabilities, bin by bin."""

    gaps: Stack  # in shares of all rows
    variances: Stack
    boldness: float  # how many times more outcomes vary than the probabilities say


def gaps_of(rows: Ranked) -> Gaps:
    """Return the gaps of 15 bins of equal mass and how well they are known."""
    mass = rows.positive + rows.negative
    total = float(rows.taken[-1])
    squares = rows.positive_squares + rows.negative_squares
    miss, hit = rows.scores, 1 - rows.scores
    bins = Places.at(mass, rows.taken, np.arange(BINS + 1) / BINS)
    gaps, of_rows, seen, said = (
        bins.within(part) / total**power
        for part, power in (
            (rows.positive - mass * rows.scores, 1),
            (squares, 2),
            (rows.positive_squares * hit**2 + rows.negative_squares * miss**2, 2),
            (squares * hit * miss, 2),
        )
    )
    inside = np.maximum(1 / (of_rows * BINS**2), 2.0)  # rows in each bin, by their weights
    seen = np.maximum(seen - (gaps * BINS) ** 2 * of_rows, 0.0) * inside / (inside - 1)
    # a bin without a single positive shows no variance; the probabilities say how it is spread over the bins
    boldness = float(seen.sum() / said.sum()) if said.sum() > 0 else float("inf")
    spread = said * boldness if said.sum() > 0 else seen
    return Gaps(gaps, (seen + spread) / 2, boldness)


def calibration_error_figure(rows: Ranked, *, confidence: float) -> Figure:
    """Measure the calibration error of a ranking by probabilities.

    With fewer than 5 rows of the smaller class per bin the gaps are not near normal, and where outcomes vary a fifth
    more than the probabilities say, rare large misses are hardly seen: then it says that it is approximate.
    """
    value = float(calibration_error(rows.positive, rows.negative, rows.scores))
    fewest = min(
        effective_size(float(sums.sum()), float(squares.sum()))
        for sums, squares in ((rows.positive, rows.positive_squares), (rows.negative, rows.negative_squares))
    )
    found = gaps_of(rows)
    ends = calibration_interval(found.gaps, found.variances, confidence=confidence)
    rough = fewest < 5 * BINS or found.boldness > MOST_BOLD
    return bounded(value, ends, "gaps of 15 bins, noise taken off", approximate=rough)


MOST_BOLD = 1.2
