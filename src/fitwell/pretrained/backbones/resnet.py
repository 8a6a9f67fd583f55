"""Residual networks (He et al. 2016): convolutions with a shortcut around them, by twos or through a narrow middle."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import count
from typing import Any

from torch import Tensor, nn

from fitwell.pretrained.backbones.network import CHANNELS, Backbone, KeptStatistics, MeanOfPlaces, Places
from fitwell.pretrained.transformer import BENT

NARROWER = 4  # times, in the middle
USUAL = {
    "embedding_size": 64,
    "hidden_sizes": [256, 512, 1024, 2048],
    "depths": [3, 4, 6, 3],
    "layer_type": "bottleneck",
    "hidden_act": "relu",
    "downsample_in_first_stage": False,
    "downsample_in_bottleneck": False,
}
CHOICES = {"layer_type": ("basic", "bottleneck")}


class Convolved(nn.Module):
    """A convolution, normalized and bent."""

    def __init__(self, width_in: int, width_out: int, *, kernel: int, stride: int, bend: str | None) -> None:
        super().__init__()
        padding = kernel // 2
        self.convolution = nn.Conv2d(width_in, width_out, kernel, stride=stride, padding=padding, bias=False)
        self.normalization = KeptStatistics(width_out)
        self.bend = nn.Identity() if bend is None else BENT[bend]()

    def forward(self, inputs: Places) -> Places:
        outputs: Tensor = self.bend(self.normalization(self.convolution(inputs)))
        return outputs


class Residual(nn.Module):
    """Convolutions, and a shortcut around them."""

    def __init__(self, layers: list[Convolved], shortcut: nn.Module, *, bend: str) -> None:
        super().__init__()
        self.layer = nn.Sequential(*layers)
        self.shortcut = shortcut
        self.bend = BENT[bend]()

    def forward(self, inputs: Places) -> Places:
        outputs: Tensor = self.bend(self.layer(inputs) + self.shortcut(inputs))
        return outputs


def built(settings: Mapping[str, Any]) -> Backbone:
    """Return the network that these settings describe."""
    first = Convolved(CHANNELS, settings["embedding_size"], kernel=7, stride=2, bend=settings["hidden_act"])
    stem = nn.Sequential(first, nn.MaxPool2d(3, stride=2, padding=1))
    return Backbone(stem, _blocks(settings), MeanOfPlaces(), width=settings["hidden_sizes"][-1])


def prefixes(settings: Mapping[str, Any]) -> dict[str, str]:
    """Return with what the names of tensors begin: ours -> those in its files."""
    places = [(stage, layer) for stage, depth in enumerate(settings["depths"]) for layer in range(depth)]
    blocks = {
        f"blocks.{number}.": f"encoder.stages.{stage}.layers.{layer}."
        for number, (stage, layer) in zip(count(), places, strict=False)
    }
    return {"stem.0.": "embedder.embedder."} | blocks


def _blocks(settings: Mapping[str, Any]) -> Iterator[Residual]:
    before = settings["embedding_size"]
    for stage, (after, depth) in enumerate(zip(settings["hidden_sizes"], settings["depths"], strict=True)):
        for layer in range(depth):
            halves = layer == 0 and (stage > 0 or settings["downsample_in_first_stage"])
            yield _block(before, after, settings, stride=2 if halves else 1)
            before = after


def _block(before: int, after: int, settings: Mapping[str, Any], *, stride: int) -> Residual:
    bend, middle = settings["hidden_act"], after // NARROWER
    shortcut: nn.Module = nn.Identity()
    if stride > 1 or before != after:
        shortcut = Convolved(before, after, kernel=1, stride=stride, bend=None)
    if settings["layer_type"] == "basic":
        layers = [
            Convolved(before, after, kernel=3, stride=stride, bend=bend),
            Convolved(after, after, kernel=3, stride=1, bend=None),
        ]
    else:
        early = settings["downsample_in_bottleneck"]
        layers = [
            Convolved(before, middle, kernel=1, stride=stride if early else 1, bend=bend),
            Convolved(middle, middle, kernel=3, stride=1 if early else stride, bend=bend),
            Convolved(middle, after, kernel=1, stride=1, bend=None),
        ]
    return Residual(layers, shortcut, bend=bend)
