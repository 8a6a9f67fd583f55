"""Numbers of a network that members of a population may have of their own.

A module has such a number as a plain Python number, which a compiler takes for a constant. Where it differs from member
to member, `vary` makes it a buffer: a population stacks buffers, packs them with its members, and every execution hands
a member its own.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol, runtime_checkable

from torch import Tensor, nn


@runtime_checkable
class Varying(Protocol):
    """A module that holds numbers of settings."""

    settings: tuple[str, ...]  # their names in the recipe

    def vary(self) -> None:
        """Hold the numbers in buffers from now on."""
        ...


def vary(network: nn.Module, settings: Collection[str]) -> None:
    """Let members have these settings of their own, wherever the network holds one of them."""
    for module in network.modules():
        if isinstance(module, Varying) and not set(settings).isdisjoint(module.settings):
            module.vary()


def hold(module: nn.Module, **numbers: Tensor) -> None:
    """Make attributes of a module buffers."""
    for name, number in numbers.items():
        delattr(module, name)
        module.register_buffer(name, number)
