"""What all backbones have in common: a stem, blocks one after another, and what is read from the last of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

CHANNELS = 3  # red, green, blue
Places = Float[Tensor, "rows channels high wide"]


class Backbone(nn.Module):
    """Pictures become vectors. Weights are on no device until they are loaded, or `allocated`.

    Shape: (rows, 3, high, wide), centered and scaled -> (rows, width).
    """

    def __init__(self, stem: nn.Module, blocks: Iterable[nn.Module], end: nn.Module, *, width: int) -> None:
        super().__init__()
        self.stem = stem
        self.blocks = nn.ModuleList(blocks)
        self.end = end
        self.width = width

    def forward(self, pictures: Places) -> Float[Tensor, "rows width"]:
        hidden = self.stem(pictures)
        for block in self.blocks:
            hidden = block(hidden)
        vectors: Tensor = self.end(hidden)
        return vectors

    def allocated(self) -> Backbone:
        """Return the module itself, its weights zeros in memory."""
        self.to_empty(device="cpu")
        with torch.no_grad():
            for tensor in self.state_dict().values():
                tensor.zero_()
        return self

    def multiplications(self, height: int, width: int) -> float:
        """Return how many multiplications one picture of such sides takes in linear maps and convolutions.

        The weights need no memory for it.
        """
        total = 0.0

        def count(module: nn.Module, _inputs: Any, outputs: Tensor) -> None:
            nonlocal total
            assert isinstance(module, nn.Linear | nn.Conv2d)
            total += outputs.numel() * module.weight[0].numel()

        maps = [module for module in self.modules() if isinstance(module, nn.Linear | nn.Conv2d)]
        hooks = [module.register_forward_hook(count) for module in maps]
        self(torch.empty(1, CHANNELS, height, width, device="meta"))
        for hook in hooks:
            hook.remove()
        return total


class KeptStatistics(nn.Module):
    """Batch normalization by the means and variances that it was pretrained with, in training too.

    Few pictures, in small batches, tell worse what is usual than the many that these are of.
    """

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, channels: int, *, epsilon: float = 1e-5) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(channels))
        self.bias = nn.Parameter(torch.empty(channels))
        self.register_buffer("running_mean", torch.empty(channels))
        self.register_buffer("running_var", torch.empty(channels))
        self.epsilon = epsilon

    def forward(self, inputs: Places) -> Places:
        means, variances = self.running_mean, self.running_var
        return nn.functional.batch_norm(inputs, means, variances, self.weight, self.bias, eps=self.epsilon)


class MeanOfPlaces(nn.Module):
    """The mean of each channel over all places."""

    def forward(self, hidden: Places) -> Float[Tensor, "rows channels"]:
        return hidden.mean((-2, -1))
