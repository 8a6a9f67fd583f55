"""What was found on one seed and one division of the rows has to hold on others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fitwell.curing.arms import Arm, Bench, Tried
from fitwell.curing.screening import MOST_SEED, OTHER_SEEDS, with_seed
from fitwell.curing.shortfall import Effect, pooled, shortfall
from fitwell.recipe import Recipe, with_values

OTHER_DIVISION = 97  # added to the seed; the first few are those of the run's members
# Validation rows on which a difference is known well enough that one more division of the rows will do; figures on
# fewer are so uncertain that two are needed.
ROWS_FOR_ONE, FEW_ROWS_DIVISIONS = 500, 2


@dataclass(frozen=True, kw_only=True, eq=False)
class Confirmation:
    """How far cures carry on fresh trainings."""

    effects: Mapping[str, Effect | None]
    proper: Mapping[str, Effect | None]  # by the proper score of what the networks say
    shortfall: float  # of the recipe below the cure that brings most, on average
    proper_shortfall: float | None  # the same by the proper score


def other_divisions(validation_rows: int) -> int:
    """Return on how many other divisions of the rows a cure is tried."""
    return 1 if validation_rows >= ROWS_FOR_ONE else FEW_ROWS_DIVISIONS


def confirmation(
    own: Bench,
    fresh: Mapping[int, Bench],
    base: Recipe,
    *,
    seeds: Sequence[Tried],
    cures: Mapping[str, Recipe],
    trivial: Tried,
) -> Confirmation:
    """Return what each cure gains over the recipe on other seeds, and on other divisions of the rows.

    `seeds` are the trainings of the recipe on the other seeds of its own division, `fresh` the other divisions by seed,
    `trivial` what always gives the same answer.
    """
    numbers = range(1, OTHER_SEEDS + 1)
    trained = own.try_out(
        [
            Arm(name=name, recipe=with_seed(cure, number), seed=f"other {number}")
            for name, cure in cures.items()
            for number in numbers
        ]
    )
    anew = {
        seed: bench.try_out(
            [
                Arm(name=name, recipe=divided_anew(recipe, seed), seed=f"other rows {seed}")
                for name, recipe in {"as it is": base, **cures}.items()
            ]
        )
        for seed, bench in fresh.items()
    }
    held_out = len(own.split.validation) / len(own.split.train)
    effects, proper, missing, properly_missing = {}, {}, [], []
    nothing = own.goodness(trivial)
    for place, name in enumerate(cures):
        pairs = [(own, *pair) for pair in zip(trained[place * OTHER_SEEDS :][:OTHER_SEEDS], seeds, strict=True)]
        pairs += [(bench, anew[seed][1 + place], anew[seed][0]) for seed, bench in fresh.items()]
        comparisons = [bench.compared(cured, before) for bench, cured, before in pairs]
        effects[name] = pooled(comparisons, divisions=1 + len(fresh), held_out=held_out)
        properly = [bench.properly_compared(cured, before) for bench, cured, before in pairs]
        told = [each for each in properly if each is not None]
        proper[name] = pooled(told, divisions=1 + len(fresh), held_out=held_out)
        lacking = [shortfall(bench.goodness(before), bench.goodness(cured), nothing) for bench, cured, before in pairs]
        missing.append(sum(lacking) / len(lacking))
        lacking_properly = [own.proper_shortfall(before, cured, trivial) for _, cured, before in pairs]
        known = [each for each in lacking_properly if each is not None]
        properly_missing += [sum(known) / len(known)] if known else []
    return Confirmation(
        effects=effects,
        proper=proper,
        shortfall=max(missing),
        proper_shortfall=max(properly_missing, default=None),
    )


def division_seeds(recipe: Recipe, count: int) -> list[int]:
    """Return the seeds of so many other divisions of the rows."""
    return [(recipe.seed + number * OTHER_DIVISION) % MOST_SEED for number in range(1, count + 1)]


def divided_anew(recipe: Recipe, seed: int) -> Recipe:
    """Return the recipe with the seed of another division of the rows, from which all other randomness follows."""
    free = {f"seeds.{name}": None for name in ("weights", "order", "noise")}
    return with_values(recipe, free | {"seed": seed})
