"""Choices are made in the order of a table, so that a later one sees the earlier ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fitwell.data.columns.cells import MARKERS, WORDS, Column
from fitwell.data.schema import Schema
from fitwell.metrics import Primary
from fitwell.plan.augmentation import OF_AUGMENTATION
from fitwell.plan.data import DATA_CHOICES
from fitwell.plan.execution import OF_EXECUTION, OF_MACHINE
from fitwell.plan.facts import Choice, Facts, Plan
from fitwell.plan.network import OF_NETWORK
from fitwell.plan.training import OF_TRAINING
from fitwell.recipe import APPLIES, NEUTRAL, Goal, Recipe, changed, setting, with_values, without_effect

# The word that leaves a setting open, where it is not `auto`: an automatic learning rate is found by a range test.
OPEN = {"training.learning_rate": "usual"}

OF_TEXTS = ("data.text", "data.text_length", "data.vocabulary_size")

GOAL_OF: dict[str, Goal] = {"pr_auc": "imbalanced", "mcc": "imbalanced", "roc_auc": "ranking"}


def resolve_data(recipe: Recipe, schema: Schema, primary: Primary, *, rows: int) -> Plan:
    """Return the recipe with every `auto` that concerns the data replaced, and the reasons; `rows` are trained on.

    Columns get the kind that was inferred, so that the recipe reads the same cells in the same way again; the usual
    markers of missing cells and the writing of numbers and dates follow from the kind and the cells.
    """
    asked = {name: column.model_dump(exclude_defaults=True) for name, column in recipe.data.columns.items()}
    dropped = {column.name for column in schema.left_out} & set(recipe.data.drop)
    known = [column for column in (*schema.features, *schema.targets, *schema.left_out) if column.name not in dropped]
    columns = {column.name: _as_read(column) | asked.get(column.name, {}) for column in known}
    reasons = {
        f"data.columns.{column.name}": column.why
        for column in (*schema.features, *schema.targets, *schema.left_out)
        if column.name in columns
    }
    values: dict[str, Any] = {"data.columns": columns | {name: asked[name] for name in asked if name not in columns}}
    if recipe.goal == "auto":
        values["goal"] = GOAL_OF.get(primary.metric, "balanced")
        reasons["goal"] = primary.why
    for path, choose in DATA_CHOICES.items():
        if setting(recipe, path) == "auto":
            choice = choose(recipe, rows)
            values[path] = choice.value
            reasons[path] = choice.why
    return Plan(recipe=changed(recipe, values), reasons=reasons)


def resolve_texts(recipe: Recipe, *, rows: int) -> Plan:
    """Return the recipe with every `auto` replaced that says how texts are encoded, and the reasons.

    `rows` are those to train on, about.
    """
    chosen = {path: DATA_CHOICES[path] for path in OF_TEXTS if setting(recipe, path) == "auto"}
    reasons = {}
    for path, choose in chosen.items():
        choice = choose(recipe, rows)
        recipe, reasons[path] = changed(recipe, {path: choice.value}), choice.why
    return Plan(recipe=recipe, reasons=reasons)


def _as_read(column: Column) -> dict[str, Any]:
    """Return the settings that read the column again: its kind, and its markers where one is not a usual one."""
    usual = MARKERS | WORDS
    if column.kind not in ("number", "date") or {marker.strip().lower() for marker in column.missing} <= usual:
        return {"kind": column.kind}
    return {"kind": column.kind, "missing": [*column.missing, *sorted(usual - set(column.missing))]}


def resolve(recipe: Recipe, facts: Facts) -> Plan:
    """Return the recipe with every `auto` about the network and its training replaced, and the reasons.

    Raises:
        RecipeError: a setting that was made contradicts what the data asks for.
    """
    reasons = {}
    for group in GROUPS:
        chosen: dict[str, Any] = {}
        for path in group:
            if setting(recipe, path) == OPEN.get(path, "auto"):
                if without_effect(recipe, path):
                    choice = Choice(NEUTRAL[path], f"has no effect with {setting(recipe, APPLIES[path][0])}")
                else:
                    choice = CHOICES[path](recipe, facts)
                chosen[path] = tuple(choice.value) if isinstance(choice.value, list) else choice.value
                recipe, reasons[path] = with_values(recipe, {path: chosen[path]}), choice.why
        if chosen:
            recipe = changed(recipe, chosen)  # checked once for a group: it takes longer than all choices
    return Plan(recipe=recipe, reasons=reasons)


def _threshold(recipe: Recipe, _facts: Facts) -> Choice:
    if recipe.decision.false_positive_cost is not None:
        return Choice("cost", "costs of wrong answers are given")
    if recipe.goal == "imbalanced":
        return Choice("f1", "at one half few of the rare positives would be found")
    return Choice("half", "the likelier class is the answer that is right most often")


def _calibration(_recipe: Recipe, _facts: Facts) -> Choice:
    return Choice("if_better", "the validation rows show whether it helps")


OF_DECISION: dict[str, Callable[[Recipe, Facts], Choice]] = {
    "decision.threshold": _threshold,
    "decision.calibration": _calibration,
}
GROUPS = (OF_MACHINE, OF_NETWORK, OF_AUGMENTATION, OF_TRAINING, OF_EXECUTION, OF_DECISION)
CHOICES = {path: choose for group in GROUPS for path, choose in group.items()}
