"""Inputs and outputs in other units: an affine map x ↦ f x + s before a network, or its inverse behind it.

A network that sees its inputs, or aims at its targets, in other units trains differently; what it says stays in the
units of everybody else. That is how members of one population can differ in how their data is scaled.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from fitwell.errors import RecipeError
from fitwell.networks.varying import hold

Numbers = float | tuple[float, ...]  # one for all columns, or one for each


class AffineMap(nn.Module):
    """Maps x to f x + s, or back to (x - s) / f; `settings` are the names of f and s in the recipe.

    >>> names = ("network.input_factor", "network.input_shift")
    >>> there = AffineMap(2.0, (1.0, -1.0), width=2, settings=names)
    >>> back = AffineMap(2.0, (1.0, -1.0), width=2, settings=names, inverse=True)
    >>> there(torch.ones(1, 2)), back(there(torch.ones(1, 2)))
    (tensor([[3., 1.]]), tensor([[1., 1.]]))

    Raises:
        RecipeError: a list does not have a number for each of the columns.
    """

    factor: Tensor | Numbers
    shift: Tensor | Numbers

    def __init__(
        self, factor: Numbers, shift: Numbers, *, width: int, settings: tuple[str, str], inverse: bool = False
    ) -> None:
        super().__init__()
        for name, numbers in zip(settings, (factor, shift), strict=True):
            if isinstance(numbers, tuple) and len(numbers) != width:
                raise RecipeError(
                    f"{name} must be one number, or a list with one for each of the {width} columns, but has "
                    f"{len(numbers)}; give {width}, or one for all"
                )
        self.width, self.settings, self.inverse = width, settings, inverse
        self.factor, self.shift = factor, shift
        self.acts = not (factor == 1 and shift == 0)
        if isinstance(factor, tuple) or isinstance(shift, tuple):
            self.vary()

    def vary(self) -> None:
        """Let members have numbers of their own."""
        self.acts = True
        if not isinstance(self.factor, Tensor):
            hold(self, factor=_row(self.factor, self.width), shift=_row(self.shift, self.width))

    def forward(self, values: Float[Tensor, "rows width"]) -> Float[Tensor, "rows width"]:
        if not self.acts:
            return values
        factor, shift = self.factor, self.shift
        assert not isinstance(factor, tuple)
        assert not isinstance(shift, tuple)
        return (values - shift) / factor if self.inverse else values * factor + shift


def _row(numbers: Tensor | Numbers, width: int) -> Float[Tensor, " width"]:
    return torch.as_tensor(numbers, dtype=torch.float32).expand(width).clone()
