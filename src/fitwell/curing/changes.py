"""In which settings a recipe differs from what Fitwell would have chosen, and recipes with some of them put right.

A setting that was left open follows the others: where an unusual activation is put right, the initialization that was
chosen for it is chosen anew. So a counterfactual recipe states what was asked, but for what it puts right, and leaves
open what was open.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fitwell.plan import DATA_CHOICES
from fitwell.preparation import Prepared, planned
from fitwell.recipe import (
    APPLIES,
    Recipe,
    changed,
    default_of,
    described,
    own_recipe,
    setting,
    with_values,
    without_effect,
)

# How a step is computed, not what comes of it; and what only shows how it went.
MACHINE = frozenset(
    {
        "training.accumulation",
        "training.image_precision",
        "training.encoder_precision",
        "training.compile",
        "training.execution",
        "training.members_at_once",
        "training.sorted_batches",
        "training.threads",
        "training.signals_every",
        "training.checkpoint_seconds",
    }
)
# Texts and pictures are encoded for these: what else is read in them is a matter of the data.
AS_ENCODED = frozenset({"network.text.family", "network.text.vectors", "network.text.tuned", "network.image.tuned"})
# Of the data only these: which rows and columns are learned from is the user's to say.
OF_DATA = ("data.numbers", "data.missing_indicators", "data.one_hot_limit", "data.rare_count", "data.target_scaling")
LEAN: dict[str, Any] = {
    "data.folds": 0,
    "training.signals_every": 0,
    "training.compile": "never",  # an experiment takes too few steps to earn it back
    "training.execution": "auto",
    "training.members_at_once": "auto",
    "training.sorted_batches": "auto",
    "training.image_precision": "auto",
    "training.encoder_precision": "auto",
}
# Of a table that streams, those of its rows are experimented with that are in memory; they are divided as any are.
IN_MEMORY: dict[str, Any] = {"data.streaming": "never", "data.shuffle_buffer": "auto"}
WIDER = 2  # times as wide
MORE_DROPOUT, MOST_DROPOUT = 0.2, 0.5
MORE_L2 = 1e-4


@dataclass(frozen=True, kw_only=True, eq=False)
class Change:
    """One thing done otherwise: settings, and what they become; an open value is what Fitwell chooses."""

    name: str  # the setting, or a word
    values: Mapping[str, Any]
    is_headroom: bool = False  # it improves many healthy networks too


@dataclass(frozen=True, kw_only=True, eq=False)
class Subject:
    """A run's recipe as experiments vary it."""

    base: Recipe  # resolved, of one member, without what only shows how it went
    left_open: frozenset[str]  # settings that were left to Fitwell and follow the others
    changes: tuple[Change, ...]  # that would make it what Fitwell chooses itself

    def recipe(self, done: Collection[Change] = ()) -> Recipe:
        """Return the recipe with these changes; without any it is the run's own, to the bit.

        Raises:
            RecipeError: the changes contradict what else was asked.
        """
        if not done:
            return self.base
        values = values_of(done)
        followers = {path: default_of(path) for path in self.left_open}
        return _consistent(with_values(self.base, followers | values))


def values_of(changes: Iterable[Change]) -> dict[str, Any]:
    """Return what settings become by these changes."""
    return {path: value for change in changes for path, value in change.values.items()}


def subject_of(recipe: Recipe, prepared: Prepared, *, left_open: Collection[str]) -> Subject:
    """Return a run's recipe with the changes that would make it Fitwell's own for these rows.

    `recipe` is resolved; `left_open` are the settings that were left to Fitwell when it was. Such a setting may differ
    from what Fitwell chooses too: a time limit allows fewer epochs, a range test finds a rate.
    """
    base = changed(own_recipe(recipe, 0), LEAN | IN_MEMORY)
    usual = planned(prepared, with_values(base, {path: default_of(path) for path in possible_causes()})).recipe
    opened = {path: default_of(path) for path in possible_causes() if path in left_open}
    reopened = planned(prepared, with_values(base, opened)).recipe
    differing = [
        path
        for path in possible_causes()
        if setting(base, path) != setting(reopened if path in opened else usual, path)
        and not without_effect(base, path)
    ]
    changes = [Change(name=path, values={path: _usual_value(path, usual)}) for path in differing]
    for path in OF_DATA:
        value = DATA_CHOICES[path](base, None).value if path in DATA_CHOICES else default_of(path)
        if path not in left_open and setting(base, path) != value and not without_effect(base, path):
            changes.append(Change(name=path, values={path: value}))
    return Subject(base=base, left_open=frozenset(opened) - set(differing), changes=tuple(changes))


def possible_causes() -> tuple[str, ...]:
    """Return the settings of the network and its training that may be why it fails, in the order of the recipe."""
    return tuple(
        path
        for path, _, _ in described()
        if path.startswith(("network.", "training.")) and path not in MACHINE | AS_ENCODED
    )


def headroom(recipe: Recipe) -> Iterator[Change]:
    """Yield what improves many healthy networks too, on top of a resolved recipe: wider, and held back more."""
    hidden, dropout = recipe.network.hidden, recipe.network.dropout
    assert hidden != "auto"
    assert dropout != "auto"
    if hidden:
        wider = tuple(WIDER * width for width in hidden)
        yield Change(name="wider", values={"network.hidden": wider}, is_headroom=True)
    more = max(dropout, min(MOST_DROPOUT, round(dropout + MORE_DROPOUT, 6)))
    held_back = {"network.dropout": more, "training.l2": max(MORE_L2, recipe.training.l2)}
    yield Change(name="regularized", values=held_back, is_headroom=True)


def asked_with(recipe: Recipe, values: Mapping[str, Any], *, left_open: Collection[str]) -> Recipe:
    """Return a run's resolved recipe to train anew: some settings changed, and those that were open open again."""
    followers: dict[str, Any] = {path: default_of(path) for path in left_open if path not in values}
    if recipe.differences:
        own = tuple({path: value for path, value in each.items() if path not in values} for each in recipe.differences)
        followers["members"] = own if any(own) else len(own)
    return _consistent(with_values(recipe, followers | dict(values)))


# Words that decide whether other settings mean anything are stated; numbers may follow them.
STATED = frozenset(other for other, _ in APPLIES.values()) - {"network.initialization"}


def _usual_value(path: str, usual: Recipe) -> Any:
    return setting(usual, path) if path in STATED else default_of(path)


def _consistent(recipe: Recipe) -> Recipe:
    """Return the recipe without settings that what was changed leaves nothing to decide."""
    idle = [
        path
        for path, (other, _) in APPLIES.items()
        if without_effect(recipe, path) or (other not in STATED and setting(recipe, other) == "auto")
    ]
    values = {path: default_of(path) for path in idle}
    if recipe.training.optimizer == "adam":
        values["training.weight_decay"] = default_of("training.weight_decay")
    return Recipe.model_validate(with_values(recipe, values).model_dump())
