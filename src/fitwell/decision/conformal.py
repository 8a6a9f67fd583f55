"""Intervals around predicted numbers by split conformal prediction (Vovk et al. 2005; Lei et al. 2018).

The half width is the ⌈(n + 1) c⌉-th smallest of the n absolute errors on the validation rows. If these rows and a new
one are exchangeable, the true value lies within prediction -/+ half width with a probability of at least c, and at most
c + 1/(n + 1) where no two errors are equal, whatever the network and the data. The promise is over all rows together:
where errors grow with the prediction, rows of small values are covered more often and those of large ones less.

Several targets have an interval each. With weights, a row counts as so many; a new row as one of the size that the
effective number of rows stands for, which makes the rule the one above where all weights are equal.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from fitwell.decision.scored import Scored
from fitwell.metrics.figure import Figure
from fitwell.metrics.measured import proportion

ENDS = ("low", "high")
SLACK = 1e-9  # of the goal: (n + 1) c is a whole number but for rounding

Values = Float[np.ndarray, "rows targets"]
Weights = Float[np.ndarray, " rows"]


@dataclass(frozen=True, kw_only=True)
class Interval:
    """How far below and above a prediction the true value is looked for."""

    coverage: float  # the share of rows that it should hold
    half_widths: tuple[float, ...]  # of each target, in its unit; () where nothing can be promised
    why: str


def fewest_rows(coverage: float) -> int:
    """Return how many rows are needed for a half width that is finite.

    >>> fewest_rows(0.9), fewest_rows(0.95)
    (9, 19)
    """
    return int(np.ceil(coverage / (1 - coverage) * (1 - SLACK)))


def fit_interval(rows: Scored, coverage: float) -> Interval:
    """Return the half width for each target, or why there is none."""
    names = rows.coding.names
    if any(f"{name}_{end}" in names for name in names for end in ENDS):
        why = "the columns of the ends would be called like another target's prediction; rename that target"
        return Interval(coverage=coverage, half_widths=(), why=why)
    total = float(rows.weights.sum())
    new = float((rows.weights**2).sum()) / total
    goal = (total + new) * coverage * (1 - SLACK)
    if total < goal:
        why = f"{total / new:.0f} validation rows are too few; {fewest_rows(coverage)} are needed"
        return Interval(coverage=coverage, half_widths=(), why=why)
    errors = np.abs(rows.truth - rows.predictions)
    halves = tuple(_reached(column, rows.weights, goal) for column in errors.T)
    why = f"of {total / new:.0f} validation rows, {goal / new:.0f} have smaller errors"
    return Interval(coverage=coverage, half_widths=halves, why=why)


def _reached(errors: Weights, weights: Weights, goal: float) -> float:
    """Return the smallest error up to which the weights reach the goal."""
    order = np.argsort(errors, kind="stable")
    place = int(np.searchsorted(np.cumsum(weights[order]), goal))
    return float(errors[order[min(place, len(errors) - 1)]])


def coverages(
    truth: Values, predictions: Values, weights: Weights | None, halves: tuple[float, ...]
) -> tuple[Figure, ...]:
    """Measure for each target the share of rows whose true value lies in its interval, ends included."""
    given = np.ones(len(truth)) if weights is None else weights
    inside = np.abs(truth - predictions) <= np.array(halves)
    return tuple(proportion(column.astype(np.float64), given, confidence=0.95) for column in inside.T)
