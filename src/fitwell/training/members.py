"""What may differ from member to member within one program: a number for all, or a tensor with a number for each.

The table `PER_MEMBER` of the recipe names the settings. Here are those that a step computes with; what a network holds
is in its buffers (`networks/varying.py`), and what the loop goes by in each member's own settings (`own_training`).
Everything else in a recipe is the same for all members, because it decides what is computed and not only with which
numbers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from fitwell.recipe import Own, Recipe, TrainingSettings, with_values
from fitwell.tasks.losses import Form, RowLoss, row_loss

Each = float | Tensor  # a tensor is (members, 1), in float64


@dataclass(frozen=True, kw_only=True)
class MemberSettings:
    """The settings of these names in the recipe; a limit that is infinite leaves a member alone."""

    weight_decay: Each
    l1: Each
    l2: Each
    max_norm: Each | None
    clip_norm: Each | None
    clip_value: Each | None
    redraw_fraction: Each
    momentum: Each
    nesterov: bool  # of all members
    beta1: Each
    beta2: Each
    rms_decay: Each
    epsilon: Each
    label_smoothing: Each
    focal_gamma: Each
    huber_delta: Each
    quantile: Each
    target_factor: Each  # or one for each target: (1, targets), (members, targets)
    target_shift: Each
    class_weights: Tensor | None = None  # as a loss takes them, of all members; or with a leading member axis
    differing_names: tuple[str, ...] = ()  # of those that have a value for each member

    @cached_property
    def differing(self) -> dict[str, Tensor]:
        """The settings that have a value for each member, by name, in the order of the fields."""
        return {each.name: getattr(self, each.name) for each in fields(self) if each.name in self.differing_names}

    @cached_property
    def differing_in_loss(self) -> dict[str, Tensor]:
        """Those that a loss goes by."""
        return {name: value for name, value in self.differing.items() if name in LOSS}


NUMBERS = tuple(
    each.name for each in fields(MemberSettings) if each.name not in ("nesterov", "class_weights", "differing_names")
)
LOSS = frozenset(
    {"label_smoothing", "focal_gamma", "huber_delta", "quantile", "target_factor", "target_shift", "class_weights"}
)


def member_settings(recipe: Recipe, *, class_weights: Sequence[Tensor | None] = ()) -> MemberSettings:
    """Return what the recipe's members have: a number where they agree, else a tensor on the recipe's device.

    `class_weights` are those of all members, or of each.

    >>> from fitwell.recipe import changed
    >>> resolved = {"training.beta2": 0.999, "training.label_smoothing": 0.0, "training.weight_decay": 0.1}
    >>> recipe = changed(Recipe(device="cpu"), resolved | {"members": [{}, {"training.l2": 0.5}]})
    >>> settings = member_settings(recipe)
    >>> settings.weight_decay, settings.l2
    (0.1, tensor([[0.0000],
            [0.5000]], dtype=torch.float64))
    """
    each = own_training(recipe.training, recipe.differences, count=recipe.member_count)
    values: dict[str, Any] = {}
    differing = set()
    for name in NUMBERS:
        of_members = [getattr(own, name) for own in each]
        if any(value != of_members[0] for value in of_members):
            values[name] = _stacked(of_members, recipe.device)
            differing.add(name)
        else:
            several = isinstance(of_members[0], tuple)
            values[name] = _stacked(of_members[:1], recipe.device) if several else of_members[0]
    if len(class_weights) > 1:
        values["class_weights"] = _stacked_weights(class_weights)
        differing.add("class_weights")
    elif class_weights:
        values["class_weights"] = class_weights[0]
    return MemberSettings(**values, nesterov=recipe.training.nesterov, differing_names=tuple(sorted(differing)))


def member_loss(name: str, form: Form, own: MemberSettings) -> RowLoss:
    """Return the named loss by the settings of all members, or of one.

    Raises:
        RecipeError: the loss does not fit the form.
    """
    return row_loss(name, form, settings=own, class_weights=own.class_weights)


def own_training(settings: TrainingSettings, differences: Sequence[Own], *, count: int) -> tuple[TrainingSettings, ...]:
    """Return each member's training settings: those of all, with its own in their place.

    >>> [own.l2 for own in own_training(TrainingSettings(), ({}, {"training.l2": 0.5}), count=2)]
    [0.0, 0.5]
    """
    if not differences:
        return (settings,) * count
    group = "training."
    return tuple(
        with_values(settings, {path.removeprefix(group): own[path] for path in own if path.startswith(group)})
        for own in differences
    )


def member_rates(recipe: Recipe) -> list[float]:
    """Return each member's learning rate before the schedule."""
    return [
        float(own.learning_rate) for own in own_training(recipe.training, recipe.differences, count=recipe.member_count)
    ]


def holding(settings: MemberSettings, values: Mapping[str, Tensor]) -> MemberSettings:
    """Return the settings with other values of those that differ."""
    changes: dict[str, Any] = dict(values)
    return replace(settings, **changes)


def settings_of(settings: MemberSettings, members: Sequence[int]) -> MemberSettings:
    """Return the settings of some members."""
    return holding(settings, {name: value[list(members)] for name, value in settings.differing.items()})


def matching(settings: MemberSettings, weights: Tensor) -> MemberSettings:
    """Return the settings with tensors of the dtype of weights."""
    if not settings.differing:
        return settings
    return holding(settings, {name: value.to(weights.dtype) for name, value in settings.differing.items()})


def acts(value: Each | None) -> bool:
    """Tell whether a setting does anything to at least one member."""
    return value is not None and (isinstance(value, Tensor) or value != 0)


def _stacked(values: Sequence[float | tuple[float, ...] | None], device: str) -> Tensor:
    width = max((len(value) for value in values if isinstance(value, tuple)), default=1)
    rows = [value if isinstance(value, tuple) else (math.inf if value is None else value,) * width for value in values]
    # float64, so that what is computed from them once (1 - β) is as exact as for a Python number.
    return torch.tensor(rows, dtype=torch.float64, device=device)


def _stacked_weights(weights: Sequence[Tensor | None]) -> Tensor:
    shape = next(of_member for of_member in weights if of_member is not None)
    return torch.stack([torch.ones_like(shape) if of_member is None else of_member for of_member in weights])
