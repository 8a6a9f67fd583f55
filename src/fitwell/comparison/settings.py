"""What differs between two runs' recipes: what somebody asked for, apart from what Fitwell decided because of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fitwell.recipe import Recipe, described, setting, without_effect
from fitwell.recipe.accepted import shown
from fitwell.run import Run

COLUMNS = "data.columns"
NEVER_TOLD = frozenset({"version", "target"})  # the first says nothing about a training; the second is the same


@dataclass(frozen=True, kw_only=True)
class Change:
    """A setting that differs between two runs, with its resolved values."""

    setting: str  # its dotted name
    before: Any  # in the first run
    after: Any
    asked: bool  # for in one of the runs at least; else Fitwell decided it in both

    def __str__(self) -> str:
        """Read as `network.dropout 0.1 -> 0.3`."""
        return f"{self.setting} {self.values}"

    @property
    def values(self) -> str:
        """Both values, such as `0.1 -> 0.3`."""
        return f"{text_of(self.before)} -> {text_of(self.after)}"

    def as_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {"setting": self.setting, "from": self.before, "to": self.after, "asked": self.asked}


def changes_between(first: Run, other: Run) -> tuple[Change, ...]:
    """Return the settings that differ, in the order of the recipe.

    What only follows is left out: settings that have no effect in the other run, and columns that one run does not
    have, since `data.drop` says so.
    """
    before, after = _plain(first.recipe), _plain(other.recipe)
    decided = _decided(first) & _decided(other)
    return tuple(
        Change(setting=path, before=before[path], after=after[path], asked=path not in decided)
        for path in before
        if path in after and before[path] != after[path] and not without_effect(other.recipe, path)
    )


def _plain(recipe: Recipe) -> dict[str, Any]:
    """Return every setting by its dotted name as a plain value; columns one by one."""
    values: dict[str, Any] = {}
    for path, _, _ in described():
        if path in NEVER_TOLD:
            continue
        value = setting(recipe, path)
        if path != COLUMNS:
            values[path] = list(value) if isinstance(value, tuple) else value
            continue
        for name, column in value.items():
            values[f"{COLUMNS}.{name}"] = column.model_dump(mode="json", exclude_defaults=True)
    return values


def _decided(run: Run) -> set[str]:
    """Return the settings that were left to Fitwell."""
    names = run.data.get("decided")
    return set(map(str, names)) if isinstance(names, list) else set()


def text_of(value: Any) -> str:
    """Return a value of a setting as a sentence shows it.

    >>> text_of([64, 64]), text_of(0.00123456), text_of(True)
    ('[64, 64]', '0.001235', 'true')
    """
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(text_of, value))}]"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {text_of(each)}" for name, each in value.items()) or "nothing"
    return shown(value)
