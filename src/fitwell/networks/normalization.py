"""Normalization keeps what flows between layers at a steady size.

Batch normalization measures each unit over the rows of a batch, the others measure each row over its units. All of
them can be mapped over a population with stacked parameters and buffers (`torch.func.vmap`).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from fitwell.errors import RecipeError
from fitwell.recipe import NetworkSettings

EPSILON = 1e-5  # added to variances, so that a unit that never changes does not divide by zero
MOMENTUM = 0.1  # how much the newest batch counts in the running averages


class BatchNorm(nn.Module):
    """Scales each unit to mean 0 and variance 1 over the rows, then by a learned slope and intercept.

    In training the batch's own mean and variance are used, and running averages of them (the newest batch counts
    a tenth) are kept for prediction. Source: Ioffe & Szegedy 2015. Unlike `nn.BatchNorm1d` it counts no batches, so
    every tensor of a network is a float.

    >>> BatchNorm(1)(torch.tensor([[1.0], [3.0]])).detach().round(decimals=3)
    tensor([[-1.],
            [ 1.]])
    """

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, width: int) -> None:
        """Start as the identity for inputs of mean 0 and variance 1."""
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.bias = nn.Parameter(torch.zeros(width))
        self.register_buffer("running_mean", torch.zeros(width))
        self.register_buffer("running_var", torch.ones(width))
        self.over_processes = False  # whether several processes have rows of each batch

    def forward(self, inputs: Float[Tensor, "rows width *places"]) -> Float[Tensor, "rows width *places"]:
        """Normalize a batch, in training of at least two rows; where units have places, over those too.

        Raises:
            RecipeError: one row in training, whose variance is undefined.
        """
        if self.training and inputs.shape[0] < 2 and not self.over_processes:
            raise RecipeError(
                f"batch normalization needs at least 2 rows in a training step, but this one has {inputs.shape[0]}; "
                "raise training.batch_size, or try network.normalization: layer"
            )
        if self.training and self.over_processes:
            return self._normalized_together(inputs)
        return functional.batch_norm(
            inputs,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            training=self.training,
            momentum=MOMENTUM,
            eps=EPSILON,
        )

    def _normalized_together(self, inputs: Float[Tensor, "rows width"]) -> Float[Tensor, "rows width"]:
        """Normalize by the mean and variance of the whole batch, of which this process has some rows."""
        from fitwell.processes.within import remember, summed_within  # here: few train in several processes

        own = inputs.new_full((1,), len(inputs))
        sums = summed_within(torch.cat([inputs.sum(0), own]))
        mean, rows = sums[:-1] / sums[-1], sums[-1]
        centered = inputs - mean
        # Not from the sum of squares: the difference of two large numbers would lose the variance's digits.
        variance = summed_within(centered.square().sum(0)) / rows
        remember(self.running_mean, mean.detach(), share=MOMENTUM)
        remember(self.running_var, (variance * rows / (rows - 1)).detach(), share=MOMENTUM)
        return centered * (variance + EPSILON).rsqrt() * self.weight + self.bias


def group_norm(width: int, settings: NetworkSettings) -> nn.Module:
    """Normalize each row within groups of neighboring units (Wu & He 2018).

    >>> group_norm(8, NetworkSettings(normalization_groups=4))
    GroupNorm(4, 8, eps=1e-05, affine=True, bias=True)

    Raises:
        RecipeError: the groups do not divide the width.
    """
    groups = settings.normalization_groups
    if width % groups:
        raise RecipeError(
            f"network.normalization_groups must divide the width of every hidden layer, but {groups} does not divide "
            f"{width}; {_divisor_near(width, groups)} does"
        )
    return nn.GroupNorm(groups, width, eps=EPSILON)


def _divisor_near(width: int, groups: int) -> int:
    return min((d for d in range(1, width + 1) if width % d == 0), key=lambda divisor: abs(divisor - groups))


Normalization = Callable[[int, NetworkSettings], nn.Module]  # from the width of the layer

NORMALIZATIONS: dict[str, Normalization] = {
    "none": lambda width, settings: nn.Identity(),
    "batch": lambda width, settings: BatchNorm(width),
    "layer": lambda width, settings: nn.LayerNorm(width, eps=EPSILON),
    "group": group_norm,
    "rms": lambda width, settings: nn.RMSNorm(width, eps=EPSILON),
}
