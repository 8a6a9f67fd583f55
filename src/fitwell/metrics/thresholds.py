"""From which score on is the answer yes? A threshold chosen by a stated rule from labels and scores, over one sort.

Only the borders between distinct scores matter: with k of them there are k + 1 ways to cut, from nobody to everybody
positive, and the counts of each come from one running sum, so ties are exact. The threshold itself lies halfway between
the two scores that it parts, so that a score which differs in its last bits falls on the same side. Of equally good
cuts the highest is taken.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float
from numpy.typing import ArrayLike, NDArray

from fitwell.errors import RequestError, nearest
from fitwell.metrics.costs import Costs, checked_costs
from fitwell.metrics.inputs import column, is_positive, row_weights
from fitwell.metrics.ranked import Ranked, ranked

RuleName = Literal["f1", "youden", "cost", "precision", "recall"]
HALF = 0.5  # where nothing can be chosen
SLACK = 1e-12  # sums of weights are known to rounding only

Counts = Float[np.ndarray, " cuts"]


@dataclass(frozen=True, kw_only=True)
class Threshold:
    """A threshold and how it was chosen."""

    value: float  # scores from here up are predicted positive
    rule: str  # one of RULES, or another way to come by it
    why: str
    met: bool = True  # whether the rows allow what the rule asks for


@dataclass(frozen=True, kw_only=True)
class Aims:
    """What some rules need to know."""

    at_least: float | None = None  # the precision or recall that must be reached
    costs: Costs | None = None


@dataclass(frozen=True, kw_only=True)
class Cuts:
    """Every way to cut the ranking, from none predicted positive to all, with the weight in each cell."""

    thresholds: Counts
    true_positives: Counts
    false_positives: Counts
    positives: float  # the weight of all
    negatives: float

    @property
    def precision(self) -> Counts:
        """TP / (TP + FP); 0 where nothing is predicted positive."""
        taken = self.true_positives + self.false_positives
        return np.asarray(np.divide(self.true_positives, taken, out=np.zeros_like(taken), where=taken > 0))

    @property
    def recall(self) -> Counts:
        """TP / P."""
        return np.asarray(self.true_positives / self.positives)


@dataclass(frozen=True)
class Pick:
    """A cut by its place, and the words for it."""

    place: int
    why: str
    met: bool = True


Rule = Callable[[Cuts, Aims], Pick]


def choose_threshold(
    labels: ArrayLike,
    scores: ArrayLike,
    *,
    rule: RuleName,
    positive: object = None,
    weights: ArrayLike | None = None,
    at_least: float | None = None,
    costs: tuple[float, float] | None = None,
) -> Threshold:
    """Choose from which score up a row is predicted positive, by one of the rules of `RULES`.

    `at_least` is the precision or recall asked for, `costs` those of a false positive and of a false negative. Where
    the rows cannot meet the rule, the threshold comes closest and says so. Without a row of each class it is 0.5.
    Labels, scores, `positive` and weights are as in `binary`; a threshold that was chosen on the rows it is measured
    on flatters the figures.

    Raises `RequestError` for an unknown rule, or one without what it needs; `DataError` as `binary`.

    >>> choose_threshold([0, 1, 0, 1], [0.1, 0.4, 0.35, 0.8], rule="f1").value
    0.375
    """
    if rule not in RULES:
        raise RequestError(f'"{rule}" is no rule for a threshold{nearest(rule, RULES) or "; try " + ", ".join(RULES)}')
    aims = Aims(at_least=at_least, costs=None if costs is None else checked_costs(costs))
    _require_aims(rule, aims)
    hits, _ = is_positive(labels, positive=positive)
    numbers, given = column(scores, what="scores", rows=len(hits)), row_weights(weights, rows=len(hits))
    return of_cuts(all_cuts(hits, numbers, given), rule=rule, aims=aims)


def _require_aims(rule: RuleName, aims: Aims) -> None:
    if rule == "cost" and aims.costs is None:
        raise RequestError('the rule "cost" needs the costs of a false positive and of a false negative, and has none')
    if rule in ("precision", "recall") and (aims.at_least is None or not 0 < aims.at_least <= 1):
        raise RequestError(
            f'the rule "{rule}" needs the {rule} to reach, above 0 and at most 1, but at_least is {aims.at_least}'
        )


def all_cuts(
    hits: Bool[np.ndarray, " rows"], scores: Float[np.ndarray, " rows"], weights: Float[np.ndarray, " rows"]
) -> Cuts:
    """Sort the rows once and count what every threshold gives."""
    kept = weights > 0
    rows = ranked(hits[kept], scores[kept], weights[kept])

    def reached(mass: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.concatenate([[0.0], np.cumsum(mass)])

    true, false = reached(rows.positive), reached(rows.negative)
    return Cuts(
        thresholds=borders(rows),
        true_positives=true,
        false_positives=false,
        positives=float(true[-1]),
        negatives=float(false[-1]),
    )


def borders(rows: Ranked) -> Counts:
    """Return a threshold above all scores, one between each two neighbors, and the lowest score."""
    upper, lower = rows.scores[:-1], rows.scores[1:]
    middle = lower + (upper - lower) / 2
    between = np.where(middle > lower, middle, upper)  # neighboring floats have nothing between them
    return np.concatenate([[np.nextafter(rows.scores[0], np.inf)], between, rows.scores[-1:]])


def of_cuts(cuts: Cuts, *, rule: RuleName, aims: Aims) -> Threshold:
    """Apply a rule to the cuts."""
    if not (cuts.positives and cuts.negatives):
        lacking = "positive" if not cuts.positives else "negative"
        why = f"0.5, because no row is {lacking}, so nothing can be chosen by {rule}"
        return Threshold(value=HALF, rule=rule, why=why, met=False)
    pick = RULES[rule](cuts, aims)
    return Threshold(value=float(cuts.thresholds[pick.place]), rule=rule, why=pick.why, met=pick.met)


def best(criterion: Counts) -> int:
    """Return the first cut, from the highest threshold down, that is as good as any but for rounding."""
    top = criterion.max()
    return int(np.argmax(criterion >= top - SLACK * max(1.0, abs(top))))


def by_f1(cuts: Cuts, _aims: Aims) -> Pick:
    """Maximize F1 = 2 TP / (P + TP + FP)."""
    f1 = 2 * cuts.true_positives / (cuts.positives + cuts.true_positives + cuts.false_positives)
    return Pick(best(f1), "F1 is largest there")


def by_youden(cuts: Cuts, _aims: Aims) -> Pick:
    """Maximize recall + specificity - 1 (Youden 1950), which is where KS is attained."""
    return Pick(
        best(cuts.recall - cuts.false_positives / cuts.negatives), "recall + specificity (Youden's J) is largest there"
    )


def by_cost(cuts: Cuts, aims: Aims) -> Pick:
    """Minimize what wrong answers cost."""
    assert aims.costs is not None
    missed = cuts.positives - cuts.true_positives
    paid = aims.costs.false_positive * cuts.false_positives + aims.costs.false_negative * missed
    return Pick(
        best(-paid / (sum(aims.costs) * (cuts.positives + cuts.negatives))),
        f"wrong answers cost least there, a false positive {aims.costs.false_positive:g} and a false negative "
        f"{aims.costs.false_negative:g}",
    )


def by_precision(cuts: Cuts, aims: Aims) -> Pick:
    """Find most positives at a precision that is high enough; else come as close to it as possible."""
    assert aims.at_least is not None
    enough = cuts.precision >= aims.at_least - SLACK
    if enough.any():
        place = best(np.where(enough, cuts.recall, -1.0))
        return Pick(place, f"recall is largest there among precisions of at least {aims.at_least:g}")
    highest = cuts.precision.max()
    place = best(np.where(cuts.precision >= highest - SLACK, cuts.recall, -1.0))
    why = f"no threshold reaches a precision of {aims.at_least:g}; it is highest there, {highest:.4g}"
    return Pick(place, why, met=False)


def by_recall(cuts: Cuts, aims: Aims) -> Pick:
    """Be most precise at a recall that is high enough; everybody positive always is."""
    assert aims.at_least is not None
    enough = cuts.recall >= aims.at_least - SLACK
    return Pick(
        best(np.where(enough, cuts.precision, -1.0)),
        f"precision is largest there among recalls of at least {aims.at_least:g}",
    )


RULES: dict[RuleName, Rule] = {
    "f1": by_f1,
    "youden": by_youden,
    "cost": by_cost,
    "precision": by_precision,
    "recall": by_recall,
}
