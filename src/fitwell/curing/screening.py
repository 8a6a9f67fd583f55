"""The screen: the recipe on three seeds, all of Fitwell's own choices, those wider and held back more, simple models.

Healthy trainings are cleared here. Where the bundle of Fitwell's choices gains, something in the recipe is wrong.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fitwell.curing.arms import TRIVIAL, Arm, Bench, Tried
from fitwell.curing.changes import Change, Subject, headroom, values_of
from fitwell.curing.shortfall import ALONE, NOTICED, PROPERLY_CRITICAL, is_above_noise, leans, shortfall
from fitwell.preparation import planned
from fitwell.recipe import Recipe, with_values

OTHER_SEEDS = 2
MOST_SEED = 2**31


@dataclass(frozen=True, kw_only=True, eq=False)
class Screen:
    """How the recipe stands beside what was tried on the same rows."""

    base: Tried
    seeds: tuple[Tried, ...]  # the recipe on other seeds
    changed: Mapping[str, Tried]  # the bundle, `usual`, and what was added to it
    simple: Mapping[str, Tried]
    target: tuple[Change, ...]  # the changes that brought the most
    target_tried: Tried
    gains: bool  # they seem to bring something, which is worth taking apart
    own: float  # goodness
    best: float
    best_name: str
    trivial: float
    proper_shortfall: float | None  # by the proper score, below the changes that brought the most

    @property
    def shortfall(self) -> float:
        """The share of what is possible that the recipe misses."""
        return shortfall(self.own, self.best, self.trivial)


def screened(bench: Bench, subject: Subject) -> Screen:
    """Train the recipe beside its healthier selves, and say which changes gain the most."""
    usual = subject.recipe(subject.changes)
    (prepared,) = bench.prepared.values()
    extras = tuple(headroom(planned(prepared, usual).recipe))
    bundles: dict[str, tuple[Change, ...]] = {"usual": subject.changes} if subject.changes else {}
    bundles |= {extra.name: (*subject.changes, extra) for extra in extras}
    arms = [Arm(name="as it is", recipe=subject.base)]
    arms += [
        Arm(name="as it is", recipe=with_seed(subject.base, number), seed=f"other {number}")
        for number in range(1, OTHER_SEEDS + 1)
    ]
    arms += [
        Arm(name=name, recipe=subject.recipe(changes), changes=values_of(changes)) for name, changes in bundles.items()
    ]
    base, *rest = bench.try_out(arms)
    seeds, changed = rest[:OTHER_SEEDS], dict(zip(bundles, rest[OTHER_SEEDS:], strict=True))
    simple = bench.simple_models(subject.base)
    own, trivial = bench.goodness(base), bench.goodness(simple[TRIVIAL])
    chosen = max(changed, key=lambda name: bench.merit(changed[name]))
    merit = bench.merit(base)
    if "usual" in changed and bench.merit(changed["usual"]) - merit >= ALONE * (bench.merit(changed[chosen]) - merit):
        chosen = "usual"
    average = (own + sum(map(bench.goodness, seeds))) / (1 + len(seeds))
    reached = bench.goodness(changed[chosen])
    missing = min(shortfall(each, reached, trivial) for each in (own, average))
    difference, properly = bench.compared(changed[chosen], base), bench.properly_compared(changed[chosen], base)
    is_clear = is_above_noise(difference) or (properly is not None and is_above_noise(properly))
    is_suspected = is_clear or (bool(subject.changes) and leans(difference))
    # Ranks of rows may be right where what is said of each is hardly more than the shares of the classes.
    proper_shortfall = bench.proper_shortfall(base, changed[chosen], simple[TRIVIAL])
    is_improper = (
        chosen == "usual"
        and proper_shortfall is not None
        and proper_shortfall >= PROPERLY_CRITICAL
        and properly is not None
        and is_above_noise(properly)
    )
    good = {name: bench.goodness(tried) for name, tried in (changed | simple).items() if name != TRIVIAL}
    best_name = max(good, key=good.__getitem__)
    return Screen(
        base=base,
        seeds=tuple(seeds),
        changed=changed,
        simple=simple,
        target=bundles[chosen],
        target_tried=changed[chosen],
        gains=(missing >= NOTICED and is_suspected) or is_improper,
        own=own,
        best=max(own, good[best_name]),
        best_name=best_name if good[best_name] > own else "as it is",
        trivial=trivial,
        proper_shortfall=proper_shortfall,
    )


def with_seed(recipe: Recipe, number: int) -> Recipe:
    """Return the recipe with other first weights, order and noise, on the same division of the rows."""
    seed = (recipe.seed + number) % MOST_SEED
    return with_values(recipe, {f"seeds.{name}": seed for name in ("weights", "order", "noise")})
