"""Sums over all processes inside a network, where gradients flow back through them.

Both functions work on plain tensors and on those of a population that is mapped (`torch.func.vmap`): members' sums are
then added up by one call.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

from fitwell.processes.group import add_up

InDims = tuple[int | None, ...]


def summed_within(values: Tensor) -> Tensor:
    """Return the sum over all processes; its gradient is the sum of all processes' gradients.

    Every process must add up the losses that belong to one whole for the gradient to be that of the whole.
    """
    total: Tensor = _Summed.apply(values)  # type: ignore[no-untyped-call]
    return total


def remember(average: Tensor, value: Tensor, *, share: float) -> None:
    """Move a running average toward a value, in place, by a share of the way; no gradient flows."""
    _Remembered.apply(average, value, share)  # type: ignore[no-untyped-call]


class _Summed(Function):
    @staticmethod
    def forward(values: Tensor) -> Tensor:
        total = values.detach().clone(memory_format=torch.contiguous_format)
        add_up(total)
        return total

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor], output: Tensor) -> None:
        pass

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return summed_within(gradient)

    @staticmethod
    def vmap(info: Any, in_dims: InDims, values: Tensor) -> tuple[Tensor, int | None]:
        return summed_within(values), in_dims[0]


class _Remembered(Function):
    """An update in place that maps see as an ordinary call: they allow none of a tensor from outside."""

    @staticmethod
    def forward(average: Tensor, value: Tensor, share: float) -> Tensor:
        average.mul_(1 - share).add_(value, alpha=share)
        return value.clone()

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor, float], output: Tensor) -> None:
        ctx.mark_non_differentiable(output)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[None, None, None]:
        return None, None, None

    @staticmethod
    def vmap(info: Any, in_dims: InDims, average: Tensor, value: Tensor, share: float) -> tuple[Tensor, int]:
        assert in_dims[:2] == (0, 0), "the members' averages are stacked"
        return _Remembered.apply(average, value, share), 0  # type: ignore[no-untyped-call]
