"""Recipes that differ only in what a member can have of its own train as one population.

A search, or an experiment, states every training as a recipe. Recipes of the same shape become members of one group,
which trains for little more than the price of one of them; recipes of other shapes become other groups.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fitwell.errors import RecipeError
from fitwell.recipe.paths import setting, with_values
from fitwell.recipe.per_member import OPEN, PER_MEMBER
from fitwell.recipe.recipe import Recipe, default_of

SEEDS = tuple(path for path in PER_MEMBER if path.startswith("seeds."))


@dataclass(frozen=True, kw_only=True)
class Group:
    """Recipes that train together."""

    recipe: Recipe  # of the population; its `members` say what each has of its own
    places: tuple[int, ...]  # of the members among the recipes that were grouped

    def __len__(self) -> int:
        """Count the members."""
        return len(self.places)


def grouped(recipes: Sequence[Recipe]) -> list[Group]:
    """Return the groups in the order of their first recipes, the members of each in the order of theirs.

    Member i of a group trains as its recipe would alone, to rounding: its seeds are stated, so that they do not depend
    on its place. Recipes of one `seed` therefore share first weights, order and noise, and differ only in what was set
    differently, unless `seeds` says otherwise. A setting that differs in the group is stated for each member that does
    not have the default; settings that are open (`auto`) stay open, and are decided for all alike.

    >>> from fitwell.recipe import changed
    >>> rates = [changed(Recipe(), {"training.learning_rate": rate}) for rate in (0.01, 0.03)]
    >>> deeper = changed(Recipe(), {"network.hidden": [64, 64]})
    >>> [group.places for group in grouped([rates[0], deeper, rates[1]])]
    [(0, 2), (1,)]
    >>> grouped(rates)[0].recipe.members
    ({'training.learning_rate': 0.01}, {'training.learning_rate': 0.03})

    Raises:
        RecipeError: a recipe has several members itself.
    """
    by_shape: dict[str, list[int]] = {}
    for place, recipe in enumerate(recipes):
        if recipe.member_count != 1 or any(recipe.differences):
            raise RecipeError(
                f"recipes that are grouped must have one member each, but recipe {place + 1} has {recipe.member_count}"
                f"{' with settings of its own' if recipe.member_count == 1 else ''}; give each member as a recipe"
            )
        by_shape.setdefault(_shape(recipe), []).append(place)
    return [
        Group(recipe=_population([recipes[place] for place in places]), places=tuple(places))
        for places in by_shape.values()
    ]


def _shape(recipe: Recipe) -> str:
    """Return what recipes that train together have in common, as a text."""
    hidden: dict[str, Any] = {path: _shared_word(recipe, path) for path in PER_MEMBER}
    # How a step is computed follows from how many members there are.
    alike = with_values(recipe, hidden | {"training.execution": _execution(recipe), "members": 1})
    return json.dumps(alike.model_dump(mode="json"), sort_keys=True)


def _shared_word(recipe: Recipe, path: str) -> str | None:
    # A word that is not the default (a rate found by a range test) is a way of deciding, which members share.
    value = setting(recipe, path)
    return value if value in OPEN and value != default_of(path) else None


def _execution(recipe: Recipe) -> str:
    return "auto" if recipe.training.execution == "eager" else recipe.training.execution


def _population(recipes: Sequence[Recipe]) -> Recipe:
    if len(recipes) == 1:
        return recipes[0]
    stated = [_with_stated_seeds(recipe) for recipe in recipes]
    values = {path: [setting(recipe, path) for recipe in stated] for path in PER_MEMBER}
    differing = {path: of_path for path, of_path in values.items() if any(value != of_path[0] for value in of_path)}
    defaults = {path: default_of(path) for path in differing}
    own = tuple(
        {path: of_path[place] for path, of_path in differing.items() if of_path[place] != defaults[path]}
        for place in range(len(recipes))
    )
    members = own if differing else len(recipes)
    shared = {"members": members, "training.execution": _execution(recipes[0])}
    return Recipe.model_validate(with_values(stated[0], defaults | shared).model_dump())


def _with_stated_seeds(recipe: Recipe) -> Recipe:
    stated = {path: recipe.seed for path in SEEDS if setting(recipe, path) is None}
    return with_values(recipe, stated)
