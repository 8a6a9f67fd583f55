"""Which settings mattered: the share of the trials' differences that each of them explains alone, with an interval.

Trials are compared by their ranks in the whole search: those that came further are ahead of those that fell out
before, and of equals the one with the lower loss. So all of them count, the bad ones too, and one that came to nothing
counts as the last and not as infinitely bad.

The share is the first-order index of a variance decomposition (Sobol' 1993): Var E[rank | setting] / Var rank. A number
has an effect that is a parabola along its scale, words and shapes one mean each. Because the trials are a Latin
hypercube, what the other settings do is nearly uncorrelated, and counts as noise. The estimate is corrected for the
freedom of the curve (Ezekiel 1930), else any setting would seem to explain something. The interval follows from the
noncentral F distribution of a regression with fixed settings (Steiger 2004); the intervals of all settings hold at once
(Bonferroni). A setting is said to matter where its interval is above 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy import optimize, special, stats

from fitwell.space import Dimension
from fitwell.tuning.trials import Trial

CONFIDENCE = 0.95  # of all intervals at once


@dataclass(frozen=True, kw_only=True)
class Share:
    """How much of the differences between trials a setting explains alone: 0 nothing, 1 everything."""

    value: float | None  # None where there are too few trials to tell
    low: float | None
    high: float | None
    matters: bool

    def as_json(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)


TOO_FEW = Share(value=None, low=None, high=None, matters=False)


def shares(space: Sequence[Dimension], trials: Sequence[Trial], order: Sequence[int]) -> dict[str, Share]:
    """Return each setting's share; `order` has the numbers of the trials, the best first."""
    confidence = 1 - (1 - CONFIDENCE) / len(space)
    places = {trial: float(place) for place, trial in enumerate(order)}
    found = {}
    for each in space:
        having = [trial for trial in places if each.path in trials[trial]]
        values = [trials[trial][each.path] for trial in having]
        ranks = stats.rankdata([places[trial] for trial in having])
        found[each.path] = share_of(_columns(each, values), ranks, confidence=confidence)
    return found


def share_of(
    columns: Float[np.ndarray, "trials columns"], values: Float[np.ndarray, " trials"], *, confidence: float
) -> Share:
    """Return the share of the variance of values that columns explain in a linear model with a constant.

    >>> x = np.arange(20.0)
    >>> share = share_of(x[:, None], x, confidence=0.95)
    >>> share.value, share.matters
    (1.0, True)
    """
    free, rest = columns.shape[1], len(values) - columns.shape[1] - 1
    spread = float(((values - values.mean()) ** 2).sum()) if len(values) else 0.0
    if not free or rest < 1 or spread == 0:
        return TOO_FEW
    design = np.column_stack([np.ones(len(values)), columns])
    fitted = design @ np.linalg.lstsq(design, values, rcond=None)[0]
    explained = 1 - min(1.0, float(((values - fitted) ** 2).sum()) / spread)
    corrected = 1 - (1 - explained) * (len(values) - 1) / rest
    if 1 - explained < 1e-12:
        return Share(value=1.0, low=1.0, high=1.0, matters=True)
    found = (explained / free) / ((1 - explained) / rest)
    tail = (1 - confidence) / 2
    low, high = (_share_with(found, free, rest, probability=chance) for chance in (1 - tail, tail))
    return Share(value=max(0.0, corrected), low=low, high=high, matters=low > 0)


def _share_with(found: float, free: int, rest: int, *, probability: float) -> float:
    """Return the share with which an F of at most the found one has this probability; 0 where none is so small."""

    def excess(noncentrality: float) -> float:
        return float(special.ncfdtr(free, rest, noncentrality, found)) - probability

    if special.fdtr(free, rest, found) <= probability:
        return 0.0
    highest = 1.0
    while excess(highest) > 0:
        highest *= 2
    noncentrality = optimize.brentq(excess, 0.0, highest)
    return float(noncentrality / (noncentrality + free + rest + 1))


def _columns(dimension: Dimension, values: Sequence[Any]) -> Float[np.ndarray, "trials columns"]:
    """Return what a setting's values are in a linear model."""
    if dimension.tried.among:
        kinds = list(dict.fromkeys(map(str, values)))
        return np.array([[float(str(value) == kind) for kind in kinds[1:]] for value in values]).reshape(
            len(values), -1
        )
    places = np.array([dimension.place(value) for value in values])
    return np.column_stack(
        [places, places**2][: max(0, min(2, len(np.unique(places)) - 1))] or [np.empty((len(places), 0))]
    )
