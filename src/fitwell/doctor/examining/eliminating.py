"""Which few changes bring what the bundle brought: those not missed are taken back, the least suspected first."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from fitwell.doctor.examining.changes import BESIDE, CHANGES, Arm
from fitwell.doctor.examining.measuring import Bench, Gain, Measured, gain
from fitwell.doctor.examining.thresholds import RATE_FACTORS, SHARE_OF_GAIN

SUSPECTED = 0.5  # from here a change is among the suspects that are tried without the rest


@dataclass(frozen=True, kw_only=True)
class Causes:
    """The changes without which the gain is lost."""

    measured: Measured  # with these changes alone
    effects: Mapping[
        str, Gain
    ]  # by change, the largest first: alone where it is the only one, else what its lack costs


def eliminate(bench: Bench, base: Measured, best: Measured, suspicion: Mapping[str, float]) -> Causes:
    """Return a set of changes, none of which can be taken back, that brings most of the best arm's gain."""
    enough = base.skill + SHARE_OF_GAIN * (best.skill - base.skill)
    order = sorted(best.arm.changes, key=lambda name: (suspicion.get(name, 0.2), _place(name)))
    kept = best
    suspects = {name for name in order if suspicion.get(name, 0.2) >= SUSPECTED}
    if suspects and suspects != best.arm.changes:
        alone = bench.measure(best.arm.of(suspects))
        kept = alone if alone.skill >= enough else kept
    if kept is best:
        kept = _halved(bench, kept, order, enough)
    for name in order:
        if name in kept.arm.changes and len(kept.arm.changes) > 1:
            without = bench.measure(kept.arm.without(name))
            kept = without if without.skill >= enough else kept
    kept = _by_rate(bench, base, kept, enough)
    return Causes(measured=kept, effects=_effects(bench, base, kept))


def _place(name: str) -> int:
    names = [*CHANGES, *BESIDE]
    return names.index(name)


def _halved(bench: Bench, kept: Measured, order: list[str], enough: float) -> Measured:
    """Take the less suspected half back at once where it is not missed, which saves trying one after another."""
    while len(kept.arm.changes) > 3:
        names = [name for name in order if name in kept.arm.changes]
        without = bench.measure(kept.arm.without(*names[: len(names) // 2]))
        if without.skill < enough:
            break
        kept = without
    return kept


def _by_rate(bench: Bench, base: Measured, kept: Measured, enough: float) -> Measured:
    """Put another rate of the subject's own optimizer in Adam's place where that does as well."""
    if "adam" not in kept.arm.changes:
        return kept
    names = (kept.arm.changes - {"adam"}) | {"rate"}
    # The likelier direction first, so that the first that suffices is found in one or two trainings.
    for factor in sorted(RATE_FACTORS, key=lambda factor: ((factor > 1) is base.jumpy, abs(math.log(factor)))):
        tried = bench.measure(Arm(changes=names, factor=factor, longer=kept.arm.longer))
        if tried.skill >= enough:
            return tried
    return kept


def _effects(bench: Bench, base: Measured, kept: Measured) -> dict[str, Gain]:
    names = kept.arm.changes
    if len(names) == 1:
        return {name: gain(kept.contributions, base.contributions) for name in names}
    missed = {name: gain(kept.contributions, bench.measure(kept.arm.without(name)).contributions) for name in names}
    return dict(sorted(missed.items(), key=lambda each: -each[1].effect))
