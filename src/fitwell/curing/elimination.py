"""A bundle of changes that helps is taken apart, down to the few that matter.

A single change that alone brings four fifths of the gain is a cause. Where none does, faults mask each other: then
changes are taken out of the bundle one after another as long as the rest still brings as much, and what is left are
the causes together. Bundles of many changes are first thinned out by quarters (delta debugging, Zeller and Hildebrandt
2002).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fitwell.curing.arms import Arm, Bench, Tried
from fitwell.curing.changes import Change, Subject, values_of
from fitwell.curing.screening import Screen
from fitwell.curing.shortfall import ALONE

MANY = 4  # changes that are tried one by one
MOST_ALTERNATIVES = 2  # single changes that each bring it all


@dataclass(frozen=True, kw_only=True, eq=False)
class Eliminated:
    """The changes that matter."""

    causes: tuple[Change, ...]  # the likeliest first
    alone: bool  # each of them is enough by itself; else they are needed together
    together: Tried  # what the likeliest brings alone, or all of them together
    tried: tuple[Tried, ...] = ()  # what each brings alone, or what is left without each; () where not all were tried
    is_minimal: bool = True  # False: the trainings that are allowed did not tell all that matter from all that do not


@dataclass(kw_only=True, eq=False)
class _Trials:
    """Bundles that are tried, as many as are allowed."""

    bench: Bench
    subject: Subject
    needed: float  # merit of a bundle that brings enough
    left: int

    def each(self, bundles: Sequence[Sequence[Change]]) -> list[Tried]:
        self.left -= len(bundles)
        return self.bench.try_out(
            [
                Arm(name=named(bundle), recipe=self.subject.recipe(bundle), changes=values_of(bundle))
                for bundle in bundles
            ]
        )

    def is_enough(self, tried: Tried) -> bool:
        return self.bench.merit(tried) >= self.needed


def eliminated(bench: Bench, subject: Subject, screen: Screen, *, most: int) -> Eliminated:
    """Return the causes among the changes that gained, after at most so many trainings."""
    own = bench.merit(screen.base)
    needed = own + ALONE * (bench.merit(screen.target_tried) - own)
    trials = _Trials(bench=bench, subject=subject, needed=needed, left=most)
    left = _thinned_out(trials, Eliminated(causes=screen.target, alone=False, together=screen.target_tried))
    if len(left.causes) == 1:
        return Eliminated(causes=left.causes, alone=True, together=left.together, tried=(left.together,))
    if len(left.causes) > trials.left:
        return Eliminated(causes=left.causes, alone=False, together=left.together, is_minimal=False)
    singles = dict(zip(left.causes, trials.each([[change] for change in left.causes]), strict=True))
    by_gain = sorted(singles, key=lambda change: bench.merit(singles[change]), reverse=True)
    enough = [change for change in by_gain if trials.is_enough(singles[change])][:MOST_ALTERNATIVES]
    if enough:
        of_each = tuple(singles[change] for change in enough)
        return Eliminated(causes=tuple(enough), alone=True, together=of_each[0], tried=of_each)
    if len(by_gain) == 2:  # what is left without the one is what the other brings alone
        of_each = (singles[by_gain[1]], singles[by_gain[0]])
        return Eliminated(causes=tuple(by_gain), alone=False, together=left.together, tried=of_each)
    return _taken_apart(trials, by_gain, left.together)


def named(changes: Sequence[Change]) -> str:
    """Return what the changes are, as the name of an arm."""
    return " and ".join(change.name for change in changes)


def _thinned_out(trials: _Trials, bundle: Eliminated) -> Eliminated:
    """Take quarters out of a large bundle as long as what is left brings enough."""
    while len(bundle.causes) > MANY and trials.left >= MANY:
        before = bundle.causes
        size = -(-len(before) // MANY)
        for chunk in (before[start : start + size] for start in range(0, len(before), size)):
            rest = tuple(change for change in bundle.causes if change not in chunk)
            if rest:
                (found,) = trials.each([rest])
                if trials.is_enough(found):
                    bundle = Eliminated(causes=rest, alone=False, together=found)
        if len(bundle.causes) == len(before):
            break
    return bundle


def _taken_apart(trials: _Trials, by_gain: Sequence[Change], together: Tried) -> Eliminated:
    """Take changes out one by one, those that bring least alone first."""
    kept, without = list(by_gain), dict[Change, Tried]()
    for change in reversed(by_gain):
        if trials.left < 1:
            return Eliminated(causes=tuple(kept), alone=False, together=together, is_minimal=False)
        rest = [other for other in kept if other is not change]
        (found,) = trials.each([rest])
        if trials.is_enough(found):
            kept, together = rest, found
            without = {}  # what was left without another one was left with this one
        else:
            without[change] = found
    if len(without) < len(kept):
        return Eliminated(causes=tuple(kept), alone=False, together=together)
    kept.sort(key=lambda change: trials.bench.merit(without[change]))  # the one that is missed most first
    return Eliminated(causes=tuple(kept), alone=False, together=together, tried=_of(without, kept))


def _of(tried: Mapping[Change, Tried], changes: Sequence[Change]) -> tuple[Tried, ...]:
    return tuple(tried[change] for change in changes)
