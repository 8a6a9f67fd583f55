"""One sort serves every figure of a binary target.

Rows with equal scores form a group; groups stand highest score first. What a group weighs among the positives and among
the negatives is all that ROC-AUC, average precision, KS, lift and calibration ever look at, so ties come out exact. The
statistics accept leading axes: the same function gives the figure and, on a stack of resampled weights, its bootstrap.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray

DECILES = 10
BINS = 15  # of the calibration error

Stack = NDArray[np.float64]  # (..., groups): one row of group weights, or a stack of resampled ones


@dataclass(frozen=True, kw_only=True)
class Ranked:
    """The weight of positives and of negatives at every distinct score, highest score first."""

    scores: Float[np.ndarray, " groups"]
    positive: Float[np.ndarray, " groups"]  # Σw of the positives
    negative: Float[np.ndarray, " groups"]
    positive_squares: Float[np.ndarray, " groups"]  # Σw² of the positives: what variances need
    negative_squares: Float[np.ndarray, " groups"]
    group: Int[np.ndarray, " rows"]  # the group that each row went to


def ranked(
    hits: Bool[np.ndarray, " rows"], scores: Float[np.ndarray, " rows"], weights: Float[np.ndarray, " rows"]
) -> Ranked:
    """Sort the rows once and gather equal scores into groups.

    >>> ranked(np.array([True, False, True]), np.array([0.2, 0.2, 0.9]), np.ones(3)).positive
    array([1., 1.])
    """
    order = np.argsort(-scores)
    ordered = scores[order]
    first = np.concatenate([[True], ordered[1:] != ordered[:-1]])
    starts = np.flatnonzero(first)
    group = np.empty(len(scores), dtype=np.int64)
    group[order] = np.cumsum(first) - 1
    up = np.where(hits, weights, 0.0)[order]
    down = np.where(hits, 0.0, weights)[order]
    return Ranked(
        scores=ordered[starts],
        positive=np.add.reduceat(up, starts),
        negative=np.add.reduceat(down, starts),
        positive_squares=np.add.reduceat(up * up, starts),
        negative_squares=np.add.reduceat(down * down, starts),
        group=group,
    )


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


def ks(positive: Stack, negative: Stack) -> Stack:
    """Return the largest distance between the score distributions of the two classes."""
    gap = np.cumsum(positive, axis=-1) / positive.sum(axis=-1, keepdims=True)
    gap -= np.cumsum(negative, axis=-1) / negative.sum(axis=-1, keepdims=True)
    return np.asarray(np.abs(gap).max(axis=-1))


def shares_of(mass: Stack, amounts: Stack, *, parts: int) -> Stack:
    """Cut the ranking into parts of equal mass and return how much of the amounts each part holds, (..., parts).

    A group that straddles a border is shared in proportion, so neither the order of ties nor a fractional part matters.
    """
    flat_mass, flat_amounts = mass.reshape(-1, mass.shape[-1]), amounts.reshape(-1, amounts.shape[-1])
    result = np.empty((len(flat_mass), parts))
    fractions = np.arange(parts + 1) / parts
    for row, (ends, sums) in enumerate(zip(np.cumsum(flat_mass, -1), np.cumsum(flat_amounts, -1), strict=True)):
        ends, sums = np.concatenate([[0.0], ends]), np.concatenate([[0.0], sums])
        result[row] = np.diff(np.interp(fractions * ends[-1], ends, sums))
    return result.reshape(*mass.shape[:-1], parts)


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

    def by_row(self, rows: Ranked, hits: Bool[np.ndarray, " rows"]) -> Float[np.ndarray, " rows"]:
        """Return the influence of every row, in the order the rows came in."""
        return np.asarray(np.where(hits, self.positive[rows.group], self.negative[rows.group]))


def roc_auc_influence(rows: Ranked) -> Influence:
    """Return ROC-AUC with DeLong's placements (DeLong et al. 1988) from ranks, in time linear in the groups.

    Carries the factor m/(m-1) of each class, so that the variance is DeLong's unbiased one; weights enter as Σw²/(Σw)².
    """
    up, down = float(rows.positive.sum()), float(rows.negative.sum())
    below = (down - np.cumsum(rows.negative) + rows.negative / 2) / down  # of negatives, seen from a positive
    above = (np.cumsum(rows.positive) - rows.positive / 2) / up  # of positives, seen from a negative
    value = float(rows.positive @ below) / up

    def unbiased(total: float, squares: float) -> float:
        size = total**2 / squares
        return float(np.sqrt(size / (size - 1))) if size > 1 + 1e-9 else 1.0

    return Influence(
        value=value,
        positive=(below - value) * (up + down) / up * unbiased(up, float(rows.positive_squares.sum())),
        negative=(above - value) * (up + down) / down * unbiased(down, float(rows.negative_squares.sum())),
    )


def average_precision_influence(rows: Ranked) -> Influence:
    """Return average precision and its influence, by differentiating Σ positive · TP/(TP+FP) / Σ positive."""
    up, total = float(rows.positive.sum()), float(rows.positive.sum() + rows.negative.sum())
    hits, false = np.cumsum(rows.positive), np.cumsum(rows.negative)
    taken = hits + false
    precision = hits / taken
    value = float(rows.positive @ precision) / up
    # a row changes the precision at its own score and at every lower one
    gain = np.cumsum((rows.positive * false / taken**2)[::-1])[::-1]
    harm = np.cumsum((rows.positive * hits / taken**2)[::-1])[::-1]
    return Influence(value=value, positive=(precision - value + gain) * total / up, negative=-harm * total / up)
