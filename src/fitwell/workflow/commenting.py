"""The recipe that training would follow, as YAML to edit."""

from __future__ import annotations

from fitwell import recipe as recipes
from fitwell.events import unheard
from fitwell.recipe import Recipe
from fitwell.space import usual_ranges
from fitwell.workflow.asking import comments_of, is_open
from fitwell.workflow.beginning import opened, prepared_of


def commented_recipe(data: object, asked: Recipe) -> str:
    """Return the recipe that training would follow, as YAML to edit, in which every setting says what it is and why.

    Columns and the task have their values. What else follows from the data stays open (`auto`), with the value it would
    take in the comment, so that changing one setting leaves the others free to follow it.
    """
    _, prepared = prepared_of(opened(data, asked, listener=unheard), asked)
    columns = {name: column.model_dump(exclude_defaults=True) for name, column in prepared.recipe.data.columns.items()}
    shown = recipes.changed(asked, {"task": prepared.recipe.task, "data.columns": columns})
    usual = {} if asked.tune.ranges else usual_ranges(asked, prepared.recipe)
    ranges = {path: each.tried.model_dump(mode="json") for path, each in usual.items()}
    shown = recipes.changed(shown, {"tune.ranges": ranges}) if ranges else shown
    reasons = {
        path: f"{recipes.setting(prepared.recipe, path)}: {why}" if is_open(shown, path) else why
        for path, why in prepared.reasons.items()
    } | {f"tune.ranges.{path}": each.why for path, each in usual.items()}
    return recipes.to_yaml(shown, comments=comments_of(reasons))
