"""One sort serves every figure of a binary target.

Rows with equal scores form a group; groups stand highest score first. What a group weighs among the positives and among
the negatives is all that ROC-AUC, average precision, KS, lift and calibration ever look at, so ties come out exact. The
statistics accept leading axes: the same function gives the figure and, on a stack of resampled weights, its bootstrap.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray

DECILES = 10
BINS = 15  # of the calibration error

Stack = NDArray[np.float64]  # (..., groups): one row of group weights, or a stack of resampled ones


@dataclass(frozen=True)
class Ranked:
    """The weight of positives and of negatives at every distinct score, highest score first."""

    scores: Float[np.ndarray, " groups"]
    positive: Float[np.ndarray, " groups"]  # Σw of the positives
    negative: Float[np.ndarray, " groups"]
    positive_squares: Float[np.ndarray, " groups"]  # Σw² of the positives: what variances need
    negative_squares: Float[np.ndarray, " groups"]

    # sums down the ranking are what most figures begin with, so they are kept
    @cached_property
    def hits(self) -> Float[np.ndarray, " groups"]:
        """Σw of the positives down to every score."""
        return np.asarray(np.cumsum(self.positive))

    @cached_property
    def false(self) -> Float[np.ndarray, " groups"]:
        """Σw of the negatives down to every score."""
        return np.asarray(np.cumsum(self.negative))

    @cached_property
    def taken(self) -> Float[np.ndarray, " groups"]:
        """Σw of all rows down to every score."""
        return np.asarray(self.hits + self.false)


def ranked(
    hits: Bool[np.ndarray, " rows"], scores: Float[np.ndarray, " rows"], weights: Float[np.ndarray, " rows"]
) -> Ranked:
    """Sort the rows once and gather equal scores into groups.

    >>> ranked(np.array([True, False, True]), np.array([0.2, 0.2, 0.9]), np.ones(3)).positive
    array([1., 1.])
    """
    alike = bool(weights[0] == weights[-1] and np.all(weights == weights[0]))
    if not alike or scores.min() < 0 or scores.max() >= 2:
        return ranked_with_groups(hits, scores, weights)[0]
    return packed(hits, scores, weight=float(weights[0]))


def packed(hits: Bool[np.ndarray, " rows"], scores: Float[np.ndarray, " rows"], *, weight: float) -> Ranked:
    """Rank scores from 0 to below 2 whose rows weigh alike, by sorting plain integers.

    The bits of such a float grow with it and the highest two are 0, so that there is room for the label: sorting one
    array of integers takes a third of finding the order and following it in two others.
    """
    one = np.uint64(1)
    keys = np.add(scores, 0.0).view(np.uint64)  # adding 0 makes a copy, and of -0 a 0
    keys <<= one
    keys |= hits
    keys.sort()
    keys = keys[::-1]
    up = (keys & one).astype(np.float64)
    keys >>= one
    starts = group_starts(keys)
    if len(starts) == len(keys):
        positive, negative = up, 1 - up
    else:
        keys, positive = keys[starts], np.add.reduceat(up, starts)
        negative = np.diff(starts, append=len(up)) - positive
    scores = keys.view(np.float64)
    if weight == 1:
        return Ranked(scores, positive, negative, positive, negative)
    counts = positive, negative
    return Ranked(scores, *(weight * count for count in counts), *(weight**2 * count for count in counts))


def ranked_with_groups(
    hits: Bool[np.ndarray, " rows"], scores: Float[np.ndarray, " rows"], weights: Float[np.ndarray, " rows"]
) -> tuple[Ranked, Int[np.ndarray, " rows"]]:
    """Rank any rows, and say which group each of them went to."""
    order = np.argsort(-scores)
    ordered = scores[order]
    starts = group_starts(ordered)
    group = np.empty(len(scores), dtype=np.int64)
    group[order] = np.repeat(np.arange(len(starts)), np.diff(starts, append=len(scores)))
    up = np.where(hits, weights, 0.0)[order]
    down = np.where(hits, 0.0, weights)[order]
    found = Ranked(
        scores=ordered[starts],
        positive=np.add.reduceat(up, starts),
        negative=np.add.reduceat(down, starts),
        positive_squares=np.add.reduceat(up * up, starts),
        negative_squares=np.add.reduceat(down * down, starts),
    )
    return found, group


def group_starts(ordered: NDArray[Any]) -> Int[np.ndarray, " groups"]:
    """Return where each run of equal values begins."""
    first = np.empty(len(ordered), dtype=bool)
    first[0] = True
    np.not_equal(ordered[1:], ordered[:-1], out=first[1:])
    return np.flatnonzero(first)


def roc_auc(positive: Stack, negative: Stack) -> Stack:
    """Return the chance that a positive outranks a negative, ties counting half."""
    below = negative.sum(axis=-1, keepdims=True) - np.cumsum(negative, axis=-1) + negative / 2
    return np.asarray((positive * below).sum(axis=-1) / (positive.sum(axis=-1) * negative.sum(axis=-1)))


def average_precision(positive: Stack, negative: Stack) -> Stack:
    """Return Σ (recall step) · precision over the distinct scores, without interpolation."""
    hits = np.cumsum(positive, axis=-1)
    taken = hits + np.cumsum(negative, axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):  # a resample may leave the top group without weight
        precision = np.where(taken > 0, hits / taken, 0.0)
    return np.asarray((positive * precision).sum(axis=-1) / hits[..., -1])


def gap_of(positive: Stack, negative: Stack) -> Stack:
    """Return by how much the share of positives down to every score is ahead of the share of negatives."""
    gap = np.cumsum(positive, axis=-1) / positive.sum(axis=-1, keepdims=True)
    gap -= np.cumsum(negative, axis=-1) / negative.sum(axis=-1, keepdims=True)
    return np.asarray(gap)


def ks(positive: Stack, negative: Stack) -> Stack:
    """Return the largest distance between the score distributions of the two classes."""
    return np.asarray(np.abs(gap_of(positive, negative)).max(axis=-1))


def shares_of(mass: Stack, amounts: Stack, *, parts: int) -> Stack:
    """Cut the ranking into parts of equal mass and return how much of the amounts each part holds, (..., parts).

    A group that straddles a border is shared in proportion, so neither the order of ties nor a fractional part matters.
    """
    return np.asarray(np.diff(reached(mass, amounts, at=np.arange(parts + 1) / parts), axis=-1))


def reached(mass: Stack, amounts: Stack, *, at: Float[np.ndarray, " places"]) -> Stack:
    """Return how much of the amounts the ranking holds down to each fraction of its mass, (..., places)."""
    if mass.ndim == 1:
        return Places.at(mass, np.cumsum(mass), at).reached(amounts)
    ends, sums = np.cumsum(mass, axis=-1), np.cumsum(amounts, axis=-1)
    return np.stack([reached_by(share * ends[..., -1:], ends, sums, mass, amounts) for share in at], axis=-1)


@dataclass(frozen=True, kw_only=True)
class Places:
    """Fractions of the mass of one ranking, found once for any number of amounts."""

    group: Int[np.ndarray, " places"]  # that the place lies in, rising
    left: Float[np.ndarray, " places"]  # the share of it beyond the place

    @staticmethod
    def at(
        mass: Float[np.ndarray, " groups"], taken: Float[np.ndarray, " groups"], shares: Float[np.ndarray, " places"]
    ) -> Places:
        """Find rising shares of the mass, whose sums down the ranking are `taken`."""
        goals = shares * taken[-1]
        group = np.minimum(np.searchsorted(taken, goals), len(taken) - 1)
        width = mass[group]
        left = np.divide(taken[group] - goals, width, out=np.zeros(len(group)), where=width > 0)
        return Places(group=group, left=left)

    def reached(self, amounts: Float[np.ndarray, " groups"]) -> Float[np.ndarray, " places"]:
        """Return how much of the amounts lies above each place."""
        ends = (self.group + 1).tolist()
        sums = [float(amounts[start:end].sum()) for start, end in zip([0, *ends[:-1]], ends, strict=True)]
        return np.asarray(np.cumsum(sums) - self.left * amounts[self.group])

    def within(self, amounts: Float[np.ndarray, " groups"]) -> Float[np.ndarray, " parts"]:
        """Return how much of the amounts lies between each place and the next."""
        return np.asarray(np.diff(self.reached(amounts)))


def reached_by(goal: Stack, ends: Stack, sums: Stack, mass: Stack, amounts: Stack) -> Stack:
    """Return how much of the amounts each ranking of a stack holds down to a goal of mass, (...)."""
    group = np.minimum((ends < goal).sum(axis=-1, keepdims=True), mass.shape[-1] - 1)
    end, held, width, amount = (np.take_along_axis(part, group, axis=-1) for part in (ends, sums, mass, amounts))
    left = np.divide(end - goal, width, out=np.zeros_like(end), where=width > 0)
    return np.asarray((held - left * amount)[..., 0])


def lift_by_decile(positive: Stack, negative: Stack) -> Stack:
    """Return precision within each tenth of the ranking over the base rate, (..., 10), the highest tenth first."""
    found = shares_of(positive + negative, positive, parts=DECILES)
    return np.asarray(found * DECILES / positive.sum(axis=-1, keepdims=True))


def lift(positive: Stack, negative: Stack) -> Stack:
    """Return the lift of the highest tenth."""
    return np.asarray(lift_by_decile(positive, negative)[..., 0])


def calibration_error(positive: Stack, negative: Stack, scores: Float[np.ndarray, " groups"]) -> Stack:
    """Return the mean distance between predicted and observed rate over 15 bins of equal mass."""
    mass = positive + negative
    gaps = shares_of(mass, positive - mass * scores, parts=BINS)
    return np.asarray(np.abs(gaps).sum(axis=-1) / mass.sum(axis=-1))


@dataclass(frozen=True, kw_only=True)
class Influence:
    """An estimate and how much a row of each group and class moves it: its variance is Σ w² influence² / (Σw)²."""

    value: float
    positive: Float[np.ndarray, " groups"]  # of a positive row in that group
    negative: Float[np.ndarray, " groups"]

    def variance(self, rows: Ranked) -> float:
        """Return the sampling variance of the estimate."""
        total = rows.positive.sum() + rows.negative.sum()
        moved = rows.positive_squares @ self.positive**2 + rows.negative_squares @ self.negative**2
        return float(moved / total**2)

    def by_row(self, group: Int[np.ndarray, " rows"], hits: Bool[np.ndarray, " rows"]) -> Float[np.ndarray, " rows"]:
        """Return the influence of every row, in the order the rows came in."""
        return np.asarray(np.where(hits, self.positive[group], self.negative[group]))


def roc_auc_influence(rows: Ranked) -> Influence:
    """Return ROC-AUC with DeLong's placements (DeLong et al. 1988) from ranks, in time linear in the groups.

    Carries the factor m/(m-1) of each class, so that the variance is DeLong's unbiased one; weights enter as Σw²/(Σw)².
    """
    up, down = float(rows.hits[-1]), float(rows.false[-1])
    below = rows.negative / 2 - rows.false  # of negatives, seen from a positive
    below += down
    below /= down
    above = rows.hits - rows.positive / 2  # of positives, seen from a negative
    above /= up
    value = float(rows.positive @ below) / up

    def unbiased(total: float, squares: float) -> float:
        size = total**2 / squares
        return float(np.sqrt(size / (size - 1))) if size > 1 + 1e-9 else 1.0

    below -= value
    below *= (up + down) / up * unbiased(up, float(rows.positive_squares.sum()))
    above -= value
    above *= (up + down) / down * unbiased(down, float(rows.negative_squares.sum()))
    return Influence(value=value, positive=below, negative=above)


def average_precision_influence(rows: Ranked) -> Influence:
    """Return average precision and its influence, by differentiating Σ positive · TP/(TP+FP) / Σ positive."""
    up, total = float(rows.hits[-1]), float(rows.taken[-1])
    precision = rows.hits / rows.taken
    value = float(rows.positive @ precision) / up
    # a row changes the precision at its own score and at every lower one
    harm = from_below(rows.positive * precision / rows.taken)
    gain = from_below(rows.positive / rows.taken) - harm
    gain += precision
    gain -= value
    gain *= total / up
    harm *= -total / up
    return Influence(value=value, positive=gain, negative=harm)


def from_below(amounts: Float[np.ndarray, " groups"]) -> Float[np.ndarray, " groups"]:
    """Return the sums from every group down to the last."""
    return np.asarray(np.cumsum(amounts[::-1])[::-1])


def left_out(influence: Influence, rows: Ranked) -> Influence:
    """Return the influence of leaving a positive row out, as a jackknife does, not of weighing it a little less.

    A row holds the share w / Σw of its class, and with it of the estimate; few or heavy positives would otherwise make
    the variance too small.
    """
    share = own_weight(rows) / rows.positive.sum()
    return replace(influence, positive=influence.positive / np.maximum(1 - share, 0.1))


def own_weight(rows: Ranked) -> Float[np.ndarray, " groups"]:
    """Return what a positive row of each group weighs, and 0 where there is none."""
    if rows.positive_squares is rows.positive:  # every row weighs 1
        return np.asarray(np.minimum(rows.positive, 1.0))
    alone = np.zeros(len(rows.positive))
    return np.asarray(np.divide(rows.positive_squares, rows.positive, out=alone, where=rows.positive > 0))


def average_precision_luck(rows: Ranked) -> float:
    """Return how much of average precision comes from positives counting themselves among the hits.

    Without itself a positive sees (hits - 1) / (taken - 1) instead of hits / taken, which is less by
    (1 - precision) / (taken - 1); a row of weight w counts w times.
    """
    others = rows.taken - own_weight(rows)
    lost = np.divide(rows.false, rows.taken * others, out=np.zeros(len(others)), where=others > 1e-9 * rows.taken)
    return float(rows.positive_squares @ lost / rows.hits[-1])
