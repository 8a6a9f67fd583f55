"""What may differ from member to member within one program: a number for all, or a tensor with a number for each.

Rates differ too, but they change from step to step and come with each of them. Everything else in a recipe is the same
for all members, because it decides what is computed and not only with which numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property

import torch
from torch import Tensor

from fitwell.recipe import TrainingSettings

Each = float | Tensor  # a tensor is (members, 1)


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


def shared_settings(settings: TrainingSettings) -> MemberSettings:
    """Return the recipe's settings for all members alike."""
    assert settings.weight_decay != "auto"
    return MemberSettings(
        weight_decay=settings.weight_decay,
        l1=settings.l1,
        l2=settings.l2,
        clip_norm=settings.clip_norm,
        clip_value=settings.clip_value,
    )


def varied(settings: MemberSettings, values: Mapping[str, Sequence[float]], *, like: Tensor) -> MemberSettings:
    """Return the settings with some that have a value for each member; `like` has the dtype and device of weights.

    >>> from fitwell.recipe import TrainingSettings
    >>> shared = shared_settings(TrainingSettings(weight_decay=0.1))
    >>> varied(shared, {"l2": [0.0, 0.5]}, like=torch.ones(2, 9)).l2
    tensor([[0.0000],
            [0.5000]])
    """
    return replace(
        settings,
        **{
            name: torch.as_tensor(of_members, dtype=like.dtype, device=like.device)[:, None]
            for name, of_members in values.items()
        },
    )


def settings_of(settings: MemberSettings, members: Sequence[int]) -> MemberSettings:
    """Return the settings of some members."""
    return replace(settings, **{name: value[list(members)] for name, value in settings.differing.items()})


def acts(value: Each | None) -> bool:
    """Tell whether a setting does anything to at least one member."""
    return value is not None and (isinstance(value, Tensor) or value != 0)
