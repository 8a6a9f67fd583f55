"""Intervals of the lift of every tenth of a ranking, in closed form.

With p the rate of positives inside a tenth and q the rate outside, lift = p / (p/10 + 9q/10): it depends on q/p alone,
the ratio of two nearly independent proportions. What makes them dependent is the border, which moves with the scores:
influence functions say by how much that changes the variance, and the proportions count as so many more or fewer rows.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from fitwell.metrics.figure import Figure
from fitwell.metrics.intervals import Interval, Share, effective_size, ratio_of_shares, wilson
from fitwell.metrics.measured import bounded
from fitwell.metrics.ranked import DECILES, Places, Ranked

FEW_IN_TENTH = 20  # rows; below, tenths with two moving borders vary less than told: simulations covered up to 99 %
CROWDED = 0.2  # of a tenth, in one group of ties on its border, pins the border down: they covered up to 100 %
NEAR = 0.03  # of the rows on each side of a border tell the rate of positives there

Tenths = Float[np.ndarray, " tenths"]


def variances_of_capture(rows: Ranked) -> Tenths:
    """Return the sampling variance of the share of all positives that each tenth holds.

    A row moves that share by [Y(A - r) - m_low(B - b) + m_high(C - c)] / base rate, where Y is 1 for a positive, A, B
    and C are 1 inside the tenth, down to its lower border and down to its upper one, b and c how many rows that are, r
    is the share and m the rate of positives at a border.
    """
    mass = rows.positive + rows.negative
    total, base = float(rows.taken[-1]), float(rows.hits[-1] / rows.taken[-1])
    borders = np.arange(DECILES + 1) / DECILES
    before, tenths, after = (Places.at(mass, rows.taken, np.clip(borders + shift, 0, 1)) for shift in (-NEAR, 0, NEAR))
    share = tenths.within(rows.positive) / (total * base)
    around = np.clip(borders + NEAR, 0, 1) - np.clip(borders - NEAR, 0, 1)
    rate = (after.reached(rows.positive) - before.reached(rows.positive)) / (total * around)
    squares = [tenths.within(part) for part in (rows.positive_squares, rows.negative_squares)]
    moved = np.zeros(DECILES)
    # rows above a tenth, inside it and below it
    for within, to_low, to_high in ((above, 1, 1), (inside, 1, 0), (below, 0, 0)):
        of_all = -rate[1:] * (to_low - borders[1:]) + rate[:-1] * (to_high - borders[:-1])
        of_positive = of_all + (to_low - to_high) - share
        moved += within(squares[0]) * of_positive**2 + within(squares[1]) * of_all**2
    return np.asarray(moved / (total * base) ** 2)


def above(amounts: Tenths) -> Tenths:
    """Return what the tenths above each hold together."""
    return np.asarray(np.cumsum(amounts) - amounts)


def inside(amounts: Tenths) -> Tenths:
    """Return what each tenth holds."""
    return amounts


def below(amounts: Tenths) -> Tenths:
    """Return what the tenths below each hold together."""
    return np.asarray(amounts.sum() - np.cumsum(amounts))


def lift_figures(rows: Ranked, values: Tenths, *, confidence: float) -> tuple[Figure, ...]:
    """Bound the lifts of the tenths.

    A figure is approximate with fewer than 6 positives inside or outside; where ties on a border of its tenth are a
    fifth of the tenth; and, between the first and the last tenth, with fewer than 20 rows in it.
    """
    total = float(rows.taken[-1])
    size = effective_size(total, float(rows.positive_squares.sum() + rows.negative_squares.sum()))
    positives = effective_size(float(rows.hits[-1]), float(rows.positive_squares.sum()))
    base = float(rows.hits[-1]) / total
    tied = ties_at_borders(rows) > CROWDED
    figures = []
    for place, (value, variance) in enumerate(zip(values.tolist(), variances_of_capture(rows).tolist(), strict=True)):
        ends = lift_ends(value, base, size, variance, confidence=confidence)
        few = Share(min(value / DECILES, 1.0), positives).is_discrete
        small = 0 < place < DECILES - 1 and size / DECILES < FEW_IN_TENTH
        rough = few or small or bool(tied[place : place + 2].any())
        figures.append(bounded(value, ends, METHOD, most=float(DECILES), approximate=rough))
    return tuple(figures)


def ties_at_borders(rows: Ranked) -> Float[np.ndarray, " borders"]:
    """Return how large the group of ties is that lies across each border between tenths, as a share of a tenth."""
    tenth = float(rows.taken[-1]) / DECILES
    borders = tenth * np.arange(DECILES + 1)
    place = np.minimum(np.searchsorted(rows.taken, borders, side="right"), len(rows.taken) - 1)
    sizes = rows.positive[place] + rows.negative[place]
    across = (rows.taken[place] - sizes < borders) & (borders < rows.taken[place])
    return np.where(across, sizes / tenth, 0.0)


METHOD = "ratio of two Wilson bounds, with the moving border"


def lift_ends(value: float, base: float, size: float, variance: float, *, confidence: float) -> Interval:
    """Bound one lift from the ratio of the rates inside and outside."""
    share = min(value / DECILES, 1.0)  # of all positives
    held, outside = min(value * base, 1.0), max(0.0, (1 - share) * base * DECILES / (DECILES - 1))
    sizes = [size / DECILES, size * (DECILES - 1) / DECILES]
    if 0 < share < 1:
        plain = (share * (1 - share)) ** 2 * ((1 - held) / (held * sizes[0]) + (1 - outside) / (outside * sizes[1]))
        factor = variance / plain if plain > 1e-12 else 1.0
        sizes = [part / min(max(factor, 0.1), 10.0) for part in sizes]
    bounds = [wilson(rate, size=part, confidence=confidence) for rate, part in zip((held, outside), sizes, strict=True)]
    if held < outside:
        ratio = ratio_of_shares((held, outside), bounds)
        return Interval(*(end / (end / DECILES + 1 - 1 / DECILES) for end in ratio))
    ratio = ratio_of_shares((outside, held), bounds[::-1])
    return Interval(*(1 / (1 / DECILES + (1 - 1 / DECILES) * end) for end in ratio[::-1]))
