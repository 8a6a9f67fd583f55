"""How far a training stays below what its data was shown to allow, and whether that is more than noise.

The raw effect of one change says little: doubling a rate improves many healthy networks. A training is sick where it
leaves a good part of what was shown to be possible,

    shortfall = (best - own) / (best - trivial),

best being the best of all that was tried on the same rows, simple models included, and trivial the simple model that
always gives the same answer; and where the gain is above noise, on rows and seeds that did not choose the best.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtr, stdtrit

from fitwell.metrics import Comparison

# A tenth is what a cure has to come within to count as one; by less than three hundredths, healthy trainings differ as
# much. Where the cause is a matter of taste (a rate within a factor of ten), a quarter has to be missing; by a proper
# score as well, which counts what calibration puts right too, and in which sound networks differ more than in ranks.
CRITICAL, NOTICED, TASTE_CRITICAL, PROPERLY_CRITICAL = 0.1, 0.03, 0.25, 0.25
ALONE = 0.8  # of the gain: a single change that brings so much is the cause
CONFIDENCE = 0.95


@dataclass(frozen=True, kw_only=True)
class Effect:
    """A gain in the primary metric over several trainings, with its interval; positive is better."""

    value: float
    low: float
    high: float
    p: float  # that there is no gain, two-sided
    trainings: int

    def __str__(self) -> str:
        """Give the value with its interval."""
        return f"{self.value:.3g} ({self.low:.3g} to {self.high:.3g})"


def shortfall(own: float, best: float, trivial: float) -> float:
    """Return the share of what is possible that is missing; 0 where nothing is possible.

    >>> shortfall(0.6, 0.8, 0.5)
    0.6666666666666667
    >>> shortfall(0.5, 0.5, 0.5)
    0.0
    """
    return min(1.0, max(0.0, (best - own) / (best - trivial))) if best > trivial else 0.0


def is_above_noise(comparison: Comparison) -> bool:
    """Tell whether the rows show that the first is better."""
    return comparison.verdict == "better"


def leans(comparison: Comparison) -> bool:
    """Tell whether the first is better by more than a standard error: too little to say so, enough to look further."""
    gap = comparison.difference
    if gap.value is None or gap.low is None or gap.high is None:
        return False
    return gap.value > (gap.high - gap.low) / 2 / float(stdtrit(math.inf, 0.5 + CONFIDENCE / 2))


def pooled(comparisons: Sequence[Comparison], *, divisions: int, held_out: float) -> Effect | None:
    """Return what several trainings on fresh seeds gained together; None where no figure had a value.

    `divisions` counts the different divisions of the rows among them, `held_out` is the ratio of validation rows to
    training rows. The variance of a mean over divisions that share their rows is (1/divisions + held_out) times that of
    one (Nadeau and Bengio 2003); what seeds add is measured between the trainings. The quantile is Student's, with the
    degrees of freedom of Welch and Satterthwaite.
    """
    known = [each.difference for each in comparisons if each.difference.value is not None]
    if not known:
        return None
    values = np.array([each.value for each in known], dtype=np.float64)
    z = stdtrit(math.inf, 0.5 + CONFIDENCE / 2)
    halves = [(each.high - each.low) / 2 for each in known if each.low is not None and each.high is not None]
    of_rows = float(np.mean(np.square(halves))) / z**2 if halves else math.inf
    count = len(values)
    rows_part = of_rows * min(1.0, 1 / divisions + held_out)
    seeds_part = float(values.var(ddof=1)) / count if count > 1 else 0.0
    variance = rows_part + seeds_part
    mean = float(values.mean())
    if variance == 0:
        return Effect(value=mean, low=mean, high=mean, p=float(mean == 0), trainings=count)
    freedom = math.inf if seeds_part == 0 else (count - 1) * (variance / seeds_part) ** 2
    half = float(stdtrit(freedom, 0.5 + CONFIDENCE / 2)) * math.sqrt(variance)
    p = 2 * float(stdtr(freedom, -abs(mean) / math.sqrt(variance)))
    return Effect(value=mean, low=mean - half, high=mean + half, p=p, trainings=count)


def confirmed(effects: Sequence[Sequence[Effect]]) -> list[bool]:
    """Tell which claims are gains, all of them together being wrong in one family of twenty (Holm 1979).

    A claim may be borne out by any of its effects, of which the least likely counts as often as there are effects; the
    first of them, which is in the primary metric, has to be a gain.

    >>> gain = Effect(value=0.2, low=0.1, high=0.3, p=0.03, trainings=3)
    >>> confirmed([[gain]]), confirmed([[gain], [gain]]), confirmed([[gain, gain]])
    ([True], [False, False], [False])
    """
    chances = [
        min((len(claim) * effect.p for effect in claim if effect.value > 0), default=1.0)
        if claim and claim[0].value > 0
        else 1.0
        for claim in effects
    ]
    found = [False] * len(effects)
    for rank, place in enumerate(sorted(range(len(effects)), key=chances.__getitem__)):
        if chances[place] > (1 - CONFIDENCE) / (len(effects) - rank):
            break
        found[place] = True
    return found
