"""Which few changes bring what the bundle brought, and which of them the training really lacks.

Changes that are not missed are taken back, the least suspected first. What is left is enough, but need not be all:

- *Several changes may each be enough.* Scaled inputs help many a network whose first weights are at fault. So changes
  that something visible speaks for are tried alone too, and what is enough stands beside what was kept.
- *A change may be hidden behind another.* Where four fifths of the gain were enough to be kept, what the rest brings
  is looked for among what is suspected, and at last in the whole bundle, which then is the cure.

Causes are ranked by what their lack costs, weighed by how much speaks for them before any comparison.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from fitwell.doctor.examining.changes import BESIDE, CHANGES, Arm
from fitwell.doctor.examining.measuring import Bench, Gain, Measured, gain
from fitwell.doctor.examining.thresholds import (
    ABSOLUTE_GAIN,
    EVIDENT,
    MOST_WORK,
    RATE_FACTORS,
    SHARE_OF_CURE,
    SHARE_OF_GAIN,
    STANDARD_ERRORS,
)

UNKNOWN = 0.2  # the suspicion of a change that signals say nothing about
SUSPECTED = 0.5  # from here a change is among the suspects that are tried without the rest
MOST_ALTERNATIVES = 2  # suspects that are tried alone beside what was kept
FEW = 3  # changes
FASTER = 10.0  # the rate that is tried where more steps help


@dataclass(frozen=True, kw_only=True)
class Causes:
    """The changes without which the gain is lost, and what puts all right."""

    measured: Measured  # with the needed changes alone
    effects: Mapping[str, Gain]  # by needed change, the likeliest cause first: what it brings, or its lack costs
    alternatives: Mapping[str, Measured]  # changes that are enough alone, in the place of those
    possible: Mapping[str, Gain | None]  # that something speaks for, with what they bring alone where that is known
    hidden: Mapping[str, Gain]  # what clearly brings more once the needed changes are made
    cure: Measured  # with all that helps


def eliminate(bench: Bench, base: Measured, best: Measured, suspicion: Mapping[str, float]) -> Causes:
    """Return a set of changes, none of which can be taken back, that brings most of the best arm's gain."""
    enough = base.skill + SHARE_OF_GAIN * (best.skill - base.skill)
    order = sorted(best.arm.changes, key=lambda name: (suspicion.get(name, UNKNOWN), _place(name)))
    suspects = [name for name in reversed(order) if suspicion.get(name, UNKNOWN) >= SUSPECTED]
    kept = best
    if suspects and set(suspects) != best.arm.changes:
        alone = best.arm.of(set(suspects))
        kept = bench.measure(alone) if bench.reaches(alone, enough) else kept
    if kept is best:
        kept = _halved(bench, kept, order, enough)
    for name in order:
        left = len(kept.arm.changes)
        # Of few, what each one's lack costs is measured in any case.
        if name in kept.arm.changes and left > 1 and (left <= FEW or bench.work < MOST_WORK):
            without = kept.arm.without(name)
            kept = bench.measure(without) if bench.reaches(without, enough) else kept
    kept = _by_rate(bench, base, kept, enough)
    # Adam takes another rate as well, so that where a rate was found it would say the same once more, or its opposite.
    said = kept.arm.changes | ({"adam"} if "rate" in kept.arm.changes else frozenset())
    others = [name for name in suspects if name not in said]
    hidden, cure = _what_helps_further(bench, base, kept, best, others)
    tried = [*(best.arm.of({name}) for name in others[:MOST_ALTERNATIVES]), *_rivals(base, kept.arm)]
    alternatives = _alternatives(bench, tried, enough)
    beside = [name for name in others if name not in {*alternatives, *hidden}]
    brought = {name: _alone(bench, base, best.arm.of({name})) for name in beside}
    return Causes(
        measured=kept,
        effects=_ranked(_effects(bench, base, kept), suspicion),
        alternatives=alternatives,
        possible={name: each for name, each in brought.items() if _is_possible(name, each, suspicion)},
        hidden=_ranked(hidden, suspicion),
        cure=cure,
    )


def _place(name: str) -> int:
    names = [*CHANGES, *BESIDE]
    return names.index(name)


def _halved(bench: Bench, kept: Measured, order: list[str], enough: float) -> Measured:
    """Take the less suspected half back at once where it is not missed, which saves trying one after another."""
    while len(kept.arm.changes) > 3:
        names = [name for name in order if name in kept.arm.changes]
        without = kept.arm.without(*names[: len(names) // 2])
        if not bench.reaches(without, enough):
            break
        kept = bench.measure(without)
    return kept


def _by_rate(bench: Bench, base: Measured, kept: Measured, enough: float) -> Measured:
    """Put another rate of the subject's own optimizer in Adam's place where that does as well."""
    if "adam" not in kept.arm.changes:
        return kept
    names = (kept.arm.changes - {"adam"}) | {"rate"}
    # The likelier direction first, so that the first that suffices is found in one or two trainings.
    for factor in sorted(RATE_FACTORS, key=lambda factor: ((factor > 1) is base.jumpy, abs(math.log(factor)))):
        tried = replace(kept.arm, changes=names, factor=factor)
        if bench.reaches(tried, enough):
            return bench.measure(tried)
    return kept


def _effects(bench: Bench, base: Measured, kept: Measured) -> dict[str, Gain]:
    names = sorted(kept.arm.changes, key=_place)
    if len(names) == 1:
        return {name: gain(kept.contributions, base.contributions) for name in names}
    return {name: bench.missed(kept.arm.without(name), kept) for name in names}


def _ranked(effects: Mapping[str, Gain], suspicion: Mapping[str, float]) -> dict[str, Gain]:
    def weight(each: tuple[str, Gain]) -> float:
        return -each[1].effect * (0.5 + suspicion.get(each[0], UNKNOWN))

    return dict(sorted(effects.items(), key=weight))


def _rivals(base: Measured, kept: Arm) -> list[Arm]:
    """Return single changes that often do the same as the one that was kept, so that either may be the cause.

    Too few steps look like steps that are too short, and steps that are too long like gradients that explode.
    """
    if len(kept.changes) != 1:
        return []
    (name,) = kept.changes
    faster, longer = replace(kept.of({"rate"}), factor=FASTER), kept.of({"longer"})
    if name == "longer":
        return [faster]
    if name == "batch":
        return [longer, faster] if kept.longer > 1 else [faster]
    if name not in ("rate", "adam"):
        return []
    if kept.factor < 1 or (name == "adam" and base.jumpy):
        return [kept.of({"clip"})]
    return [longer] if kept.longer > 1 else []


def _alternatives(bench: Bench, arms: Sequence[Arm], enough: float) -> dict[str, Measured]:
    """Return which of some changes would have been enough too, each alone."""
    return {
        name: bench.measure(arm)
        for arm in arms
        for name in arm.changes
        if bench.work < MOST_WORK and bench.reaches(arm, enough)
    }


def _is_possible(name: str, alone: Gain | None, suspicion: Mapping[str, float]) -> bool:
    """Tell whether a change that was not needed is worth a word: it helps, or its lack is plain to see."""
    helps = alone is not None and alone.effect >= ABSOLUTE_GAIN
    return helps or (is_evident([name], suspicion) and name not in ("adam", "rate"))


def _alone(bench: Bench, base: Measured, arm: Arm) -> Gain | None:
    """Return what a change brings alone, where that was measured to the end."""
    found = bench.done.get(arm)
    return None if found is None or found.cut else gain(found.contributions, base.contributions)


def _what_helps_further(
    bench: Bench, base: Measured, kept: Measured, best: Measured, others: Sequence[str]
) -> tuple[dict[str, Gain], Measured]:
    """Return which other suspects clearly bring more beside what was kept, and the smallest set that is a cure."""
    whole = base.skill + SHARE_OF_CURE * (best.skill - base.skill)
    if kept.skill >= whole or not others or bench.work >= MOST_WORK:
        return {}, max(kept, best, key=lambda each: (each.skill >= whole, each is kept))
    more = bench.measure(kept.arm.plus(*others))
    lacks = {name: bench.missed(more.arm.without(name), more) for name in others} if more.skill > kept.skill else {}
    hidden = {name: each for name, each in lacks.items() if _is_real(each)}
    return hidden, more if more.skill >= whole else best


def _is_real(found: Gain) -> bool:
    return found.effect >= ABSOLUTE_GAIN and found.clear >= STANDARD_ERRORS


def is_evident(names: Sequence[str], suspicion: Mapping[str, float]) -> bool:
    """Tell whether something visible speaks for each of some changes before any comparison."""
    return all(suspicion.get(name, UNKNOWN) >= EVIDENT for name in names)
