"""The networks of the programs, as people write them: plain PyTorch modules."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor, nn


def layers(
    *widths: int, activation: Callable[[], nn.Module] | None = nn.ReLU, output: nn.Module | None = None
) -> nn.Sequential:
    """Return fully connected layers of these widths, the activation between them, and `output` at the end."""
    made: list[nn.Module] = []
    for index, (before, after) in enumerate(pairwise(widths)):
        made.append(nn.Linear(before, after))
        if index < len(widths) - 2 and activation is not None:
            made.append(activation())
    return nn.Sequential(*made, *([output] if output is not None else []))


def pixels(*channels: int, activation: Callable[[], nn.Module] = nn.ReLU, normalized: bool = False) -> nn.Sequential:
    """Return a small convolutional network for pictures of 8 by 8 and ten classes."""
    made: list[nn.Module] = []
    for before, after in zip((1, *channels), channels, strict=False):
        made += [nn.Conv2d(before, after, 3, padding=1), *([nn.BatchNorm2d(after)] if normalized else []), activation()]
        made.append(nn.MaxPool2d(2))
    side = 8 // 2 ** len(channels)
    return nn.Sequential(*made, nn.Flatten(), nn.Linear(channels[-1] * side * side, 10))


def with_weights(
    model: nn.Module, *, weight: Callable[[Tensor], object], bias: Callable[[Tensor], object]
) -> nn.Module:
    """Return the model after its linear and convolutional layers were initialized by these functions."""
    for module in model.modules():
        if isinstance(module, nn.Linear | nn.Conv2d):
            weight(module.weight)
            if module.bias is not None:
                bias(module.bias)
    return model


class Recurrent(nn.Module):
    """A recurrent layer over (rows, steps, inputs), and a linear layer on its last state or on the mean of all."""

    def __init__(
        self, kind: type[nn.RNN | nn.GRU | nn.LSTM], inputs: int, width: int, outputs: int, *, pooled: bool = False
    ) -> None:
        super().__init__()
        self.recurrent = kind(inputs, width, batch_first=True)
        self.head = nn.Linear(width, outputs)
        self.pooled = pooled

    def forward(self, x: Tensor) -> Tensor:
        states, _ = self.recurrent(x)
        outputs: Tensor = self.head(states.mean(1) if self.pooled else states[:, -1])
        return outputs


class Words(nn.Module):
    """Word numbers to one output, through the mean of their vectors."""

    def __init__(self, words: int, width: int, hidden: int) -> None:
        super().__init__()
        self.vectors = nn.Embedding(words, width)
        self.head = nn.Sequential(nn.Linear(width, hidden), nn.ReLU(), nn.Linear(hidden, 1))

    def forward(self, x: Tensor) -> Tensor:
        outputs: Tensor = self.head(self.vectors(x).mean(1))
        return outputs


class Residual(nn.Module):
    """Blocks that add to what goes past them."""

    def __init__(self, inputs: int, width: int, blocks: int, outputs: int) -> None:
        super().__init__()
        self.first = nn.Linear(inputs, width)
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.LayerNorm(width), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width))
            for _ in range(blocks)
        )
        self.head = nn.Linear(width, outputs)

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        for block in self.blocks:
            x = x + block(x)
        outputs: Tensor = self.head(torch.relu(x))
        return outputs
