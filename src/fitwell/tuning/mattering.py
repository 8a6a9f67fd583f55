"""Which settings mattered to the trials that were compared: how much of their differences each explains alone.

Halving makes this two questions. When trials are compared first, all are there, spread evenly over every setting; but
they have hardly begun, and what is ahead then (a high learning rate, say) need not be ahead at the end. When they are
compared last, they are trained for long; but few are left, chosen by their losses, and the settings that decided who
is left hardly differ among them any more. No figure makes one answer of both: a rank over the whole search is for the
most part who fell out first. So each comparison is asked by itself, as far as there are trials enough to tell anything,
and says how many trials it rests on and how far these were trained. What is asked of a later one is what mattered to
the trials that were left.

Trials are compared by their ranks, so that one that came to nothing counts as the last and not as infinitely bad. The
share is the first-order index of a variance decomposition (Sobol' 1993): Var E[rank | setting] / Var rank. A number
has an effect that is a parabola along its scale, words and shapes one mean each. Because the trials are a Latin
hypercube, what the other settings do is nearly uncorrelated, and counts as noise; of trials that are left that is no
longer so, and what one setting explains another may explain too, but a setting without any effect explains nothing
still. The estimate is corrected for the freedom of the curve (Ezekiel 1930), else any setting would seem to explain
something. The interval follows from the noncentral F distribution of a regression with fixed settings (Steiger 2004);
the intervals of all settings in all comparisons hold at once (Bonferroni). A setting is said to matter where its
interval is above 0; then it is also said which of its values are ahead.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy import special

from fitwell.space import Dimension
from fitwell.tuning.searching import Rung
from fitwell.tuning.trials import Trial

CONFIDENCE = 0.95  # of all intervals at once
FEWEST = 8  # trials: of fewer, even what explains nine tenths of their differences can hardly be told from chance


@dataclass(frozen=True, kw_only=True)
class Share:
    """How much of the differences between trials a setting explains alone: 0 nothing, 1 everything."""

    value: float | None  # None where there are too few trials to tell
    low: float | None
    high: float | None
    matters: bool
    ahead: Any = None  # where it matters: of numbers `higher`, `lower`, `middle` or `ends`, else the value itself

    def as_json(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class Mattered:
    """What mattered to the trials of one comparison."""

    epochs: float  # that they were trained
    trials: int
    shares: Mapping[str, Share]  # by setting

    def as_json(self) -> dict[str, Any]:
        """Return plain values."""
        shares = {path: share.as_json() for path, share in self.shares.items()}
        return {"epochs": self.epochs, "trials": self.trials, "shares": shares}


TOO_FEW = Share(value=None, low=None, high=None, matters=False)


def what_mattered(space: Sequence[Dimension], trials: Sequence[Trial], rungs: Sequence[Rung]) -> tuple[Mattered, ...]:
    """Return what mattered at each comparison of enough trials, in order; none where all had too few."""
    asked = [rung for rung in rungs if len(rung.losses) >= FEWEST]
    confidence = 1 - (1 - CONFIDENCE) / max(1, len(space) * len(asked))
    return tuple(
        Mattered(
            epochs=rung.epochs,
            trials=len(rung.losses),
            shares={each.path: _share(each, trials, rung.losses, confidence=confidence) for each in space},
        )
        for rung in asked
    )


def _share(dimension: Dimension, trials: Sequence[Trial], losses: Mapping[int, float], *, confidence: float) -> Share:
    """Return the share of a setting among the trials that have it."""
    from scipy.stats import rankdata  # here: it takes a second to import, and a search begins without it

    having = [trial for trial in losses if dimension.path in trials[trial]]
    if len(having) < FEWEST:
        return TOO_FEW
    values = [trials[trial][dimension.path] for trial in having]
    ranks = rankdata([losses[trial] for trial in having])
    columns = _columns(dimension, values)
    share = share_of(columns, ranks, confidence=confidence)
    if not share.matters:
        return share
    return replace(share, ahead=_first(values, ranks) if dimension.tried.among else _tendency(columns, ranks))


def _first(values: Sequence[Any], ranks: Float[np.ndarray, " trials"]) -> Any:
    """Return the value whose trials have the lowest ranks on average."""
    kinds = np.array([str(value) for value in values])
    return min(values, key=lambda value: float(ranks[kinds == str(value)].mean()))


def _tendency(columns: Float[np.ndarray, "trials columns"], ranks: Float[np.ndarray, " trials"]) -> str:
    """Return where along a number's scale ranks are low: what explains more of them, its slope or its bend?"""
    places = columns[:, 0]
    slope = float(np.corrcoef(places, ranks)[0, 1])
    explained = _explained(columns, ranks)
    if 2 * slope**2 >= explained:
        return "lower" if slope > 0 else "higher"
    return "middle" if np.polyfit(places, ranks, 2)[0] > 0 else "ends"


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
    explained = _explained(columns, values)
    corrected = 1 - (1 - explained) * (len(values) - 1) / rest
    if 1 - explained < 1e-12:
        return Share(value=1.0, low=1.0, high=1.0, matters=True)
    found = (explained / free) / ((1 - explained) / rest)
    tail = (1 - confidence) / 2
    low, high = (_share_with(found, free, rest, probability=chance) for chance in (1 - tail, tail))
    return Share(value=max(0.0, corrected), low=low, high=high, matters=low > 0)


def _explained(columns: Float[np.ndarray, "trials columns"], values: Float[np.ndarray, " trials"]) -> float:
    """Return R² of a linear model with a constant, of values that differ."""
    design = np.column_stack([np.ones(len(values)), columns])
    fitted = design @ np.linalg.lstsq(design, values, rcond=None)[0]
    return 1 - min(1.0, float(((values - fitted) ** 2).sum() / ((values - values.mean()) ** 2).sum()))


def _share_with(found: float, free: int, rest: int, *, probability: float) -> float:
    """Return the share with which an F of at most the found one has this probability; 0 where none is so small."""
    from scipy.optimize import brentq  # here: it takes long to import

    def excess(noncentrality: float) -> float:
        return float(special.ncfdtr(free, rest, noncentrality, found)) - probability

    if special.fdtr(free, rest, found) <= probability:
        return 0.0
    highest = 1.0
    while excess(highest) > 0:
        highest *= 2
    noncentrality = brentq(excess, 0.0, highest)
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
