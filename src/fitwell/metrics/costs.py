"""From which score on an answer is yes, and what wrong answers cost: what turns scores into decisions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fitwell.errors import DataError


class Costs(NamedTuple):
    """What each wrong answer of a binary target costs, in any unit; right ones cost nothing."""

    false_positive: float
    false_negative: float


@dataclass(frozen=True, kw_only=True)
class Cut:
    """Where scores become answers: those from the threshold up are positive."""

    threshold: float = 0.5
    costs: Costs | None = None


def checked_costs(costs: tuple[float, float]) -> Costs:
    """Return costs that are finite and above 0."""
    named = Costs(*costs)
    if not all(0 < cost < np.inf for cost in named):
        raise DataError(f"each wrong answer must cost something above 0, but the costs are {tuple(named)}; try (1, 5)")
    return named


def cost_per_row(cells: NDArray[np.float64], costs: Costs) -> NDArray[np.float64]:
    """Return the mean cost of confusion matrices [[TN, FP], [FN, TP]], (..., 2, 2).

    >>> cost_per_row(np.array([[6.0, 1.0], [2.0, 1.0]]), Costs(1, 5))
    array(1.1)
    """
    paid = costs.false_positive * cells[..., 0, 1] + costs.false_negative * cells[..., 1, 0]
    return np.asarray(paid / cells.sum((-2, -1)))


def break_even(costs: Costs) -> float:
    """Return the probability from which acting is cheaper than not: c_fp / (c_fp + c_fn) (Elkan 2001).

    At probability p a positive answer costs (1 - p) c_fp on average and a negative one p c_fn.

    >>> break_even(Costs(false_positive=1, false_negative=3))
    0.25
    """
    return costs.false_positive / (costs.false_positive + costs.false_negative)
