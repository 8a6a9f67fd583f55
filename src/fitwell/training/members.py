"""What may differ from member to member within one program: a number for all, or a tensor with a number for each.

Rates differ too, but they change from step to step and come with each of them. Everything else in a recipe is the same
for all members, because it decides what is computed and not only with which numbers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property

import torch
from torch import Tensor

from fitwell.recipe import Recipe, own_recipe

Each = float | Tensor  # a tensor is (members, 1), in float64


@dataclass(frozen=True, kw_only=True)
class MemberSettings:
    """The settings of these names in the recipe; a limit that is infinite leaves a member alone."""

    weight_decay: Each
    l1: Each
    l2: Each
    clip_norm: Each | None
    clip_value: Each | None

    @cached_property
    def differing(self) -> dict[str, Tensor]:
        """The settings that have a value for each member, by name."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in values.items() if isinstance(value, Tensor)}


def member_settings(recipe: Recipe) -> MemberSettings:
    """Return what the recipe's members have: a number where they agree, else a tensor on the recipe's device.

    >>> from fitwell.recipe import changed
    >>> recipe = changed(Recipe(device="cpu"), {"members": [{}, {"training.l2": 0.5}], "training.weight_decay": 0.1})
    >>> settings = member_settings(recipe)
    >>> settings.weight_decay, settings.l2
    (0.1, tensor([[0.0000],
            [0.5000]], dtype=torch.float64))
    """
    names = [field.name for field in fields(MemberSettings)]
    of_members = [own_recipe(recipe, member).training for member in range(recipe.member_count)]
    return MemberSettings(**{name: _each([getattr(own, name) for own in of_members], recipe.device) for name in names})


def member_rates(recipe: Recipe) -> list[float]:
    """Return each member's learning rate before the schedule."""
    rates = [own_recipe(recipe, member).training.learning_rate for member in range(recipe.member_count)]
    return [float(rate) for rate in rates]


def _each(values: Sequence[float | None], device: str) -> Each | None:
    if all(value == values[0] for value in values):
        return values[0]
    limits = [math.inf if value is None else value for value in values]
    # float64, so that what is computed from them once (1 - β) is as exact as for a Python number.
    return torch.tensor(limits, dtype=torch.float64, device=device)[:, None]


def settings_of(settings: MemberSettings, members: Sequence[int]) -> MemberSettings:
    """Return the settings of some members."""
    return replace(settings, **{name: value[list(members)] for name, value in settings.differing.items()})


def matching(settings: MemberSettings, weights: Tensor) -> MemberSettings:
    """Return the settings with tensors of the dtype of weights."""
    if not settings.differing:
        return settings
    return replace(settings, **{name: value.to(weights.dtype) for name, value in settings.differing.items()})


def acts(value: Each | None) -> bool:
    """Tell whether a setting does anything to at least one member."""
    return value is not None and (isinstance(value, Tensor) or value != 0)
