"""What was asked for becomes one recipe, and a recipe is written with what each of its settings is for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fitwell import recipe as recipes
from fitwell.errors import RecipeError
from fitwell.recipe import Recipe


def asked_recipe(
    recipe: Recipe | Mapping[str, Any] | str | Path | None,
    settings: Mapping[str, Any] | None,
    arguments: Mapping[str, Any],
) -> Recipe:
    """Return the recipe with settings and arguments on top; arguments that are None were not given."""
    if recipe is None:
        base = Recipe()
    elif isinstance(recipe, Recipe):
        base = recipe
    elif isinstance(recipe, Mapping):
        base = recipes.parse(recipe)
    elif isinstance(recipe, str | Path):
        base = recipes.read(recipe)
    else:
        raise RecipeError(f"recipe must be a recipe, a mapping or a path, but is of type {type(recipe).__name__}")
    if settings is not None and not (isinstance(settings, Mapping) and all(isinstance(name, str) for name in settings)):
        raise RecipeError(
            f'settings must be a mapping from names to values, such as {{"seed": 1}}, but is {settings!r}'
        )
    given = {name: value for name, value in arguments.items() if value is not None}
    asked = recipes.changed(base, dict(settings or {}) | given)
    named = {"data.test": asked.data.test, "network.text.vectors": asked.network.text.vectors}
    # A run may be resumed from another folder.
    whole = {setting: str(Path(path).absolute()) for setting, path in named.items() if path is not None}
    return recipes.changed(asked, whole) if whole else asked


def comments_of(reasons: Mapping[str, str]) -> dict[str, str]:
    """Return what stands beside each setting: why it was chosen, else what it does."""
    return {path: sentence for path, sentence, _ in recipes.described()} | dict(reasons)


def is_open(recipe: Recipe, path: str) -> bool:
    return not path.startswith("data.columns.") and recipes.setting(recipe, path) in ("auto", "usual")
