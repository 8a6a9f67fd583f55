"""What a run is asked to do: one frozen, validated value.

A resolved recipe has no `auto` left, and run again on the same data and machine it gives the same bits.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any, Self

from pydantic import field_validator, model_validator

from fitwell.recipe.accepted import words
from fitwell.recipe.contradictions import contradictions
from fitwell.recipe.paths import default_in, field_of, fields_of, with_values
from fitwell.recipe.per_member import checked
from fitwell.recipe.settings import Asked


class Recipe(Asked):
    """What a run is asked to do, its settings in agreement."""

    @field_validator("members")
    @classmethod
    def _members_fit(cls, members: int | tuple[dict[str, Any], ...]) -> int | tuple[dict[str, Any], ...]:
        return members if isinstance(members, int) else checked(members, cls)

    @model_validator(mode="after")
    def _settings_agree(self) -> Self:
        for problem in contradictions(self):
            raise ValueError(problem)
        return self


def own_recipe(recipe: Recipe, member: int) -> Recipe:
    """Return the recipe of one member: its own settings in the place of everybody's.

    >>> recipe = Recipe(members=({}, {"training.l2": 0.5}))
    >>> own_recipe(recipe, 0).training.l2, own_recipe(recipe, 1).training.l2
    (0.0, 0.5)
    """
    own = recipe.differences[member] if recipe.differences else {}
    return with_values(recipe, {"members": 1} | dict(own))


def default_of(path: str) -> Any:
    """Return the default of one setting by its dotted path.

    >>> default_of("network.leaky_slope")
    0.01
    """
    return default_in(Recipe, path)


def described() -> Iterator[tuple[str, str, Any]]:
    """Yield every setting as (dotted path, its sentence, its default), in the order of the recipe.

    >>> next(described())
    ('version', 'Version of this format.', 1)
    """
    yield from _described()


@cache  # a plan asks for it each time that it decides a setting
def _described() -> tuple[tuple[str, str, Any], ...]:
    return tuple((path, field.description or "", default_of(path)) for path, field in fields_of(Recipe))


def choices_of(path: str) -> tuple[str, ...]:
    """Return the words a setting accepts, empty for settings that take numbers or names only.

    >>> choices_of("data.target_scaling")
    ('standard', 'none', 'auto')
    """
    return tuple(words(field_of(Recipe, path).annotation))
