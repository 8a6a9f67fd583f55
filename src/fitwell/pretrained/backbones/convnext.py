"""ConvNeXt (Liu et al. 2022): wide filters of each channel alone, then two maps of all channels, place by place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from fitwell.pretrained.backbones.network import CHANNELS, Backbone, MeanOfPlaces, Places
from fitwell.pretrained.transformer import BENT

KERNEL, WIDER, EPSILON = 7, 4, 1e-6  # of filters; the middle, times; of normalizations but the last
USUAL = {
    "patch_size": 4,
    "hidden_sizes": [96, 192, 384, 768],
    "depths": [3, 3, 9, 3],
    "hidden_act": "gelu",
    "layer_norm_eps": 1e-12,
}


class OfChannels(nn.Module):
    """Layer normalization over the channels of each place."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(channels))
        self.bias = nn.Parameter(torch.empty(channels))

    def forward(self, hidden: Places) -> Places:
        last = hidden.movedim(1, -1)
        found = nn.functional.layer_norm(last, last.shape[-1:], self.weight, self.bias, EPSILON)
        return found.movedim(-1, 1)


class Block(nn.Module):
    """Where a stage begins, its places are halved; then filters, and two maps with a bend between, scaled and added."""

    def __init__(self, before: int, width: int, *, begins: bool, bend: str) -> None:
        super().__init__()
        halved = nn.Sequential(OfChannels(before), nn.Conv2d(before, width, 2, stride=2))
        self.downsampling_layer = halved if begins else nn.Identity()
        self.dwconv = nn.Conv2d(width, width, KERNEL, padding=KERNEL // 2, groups=width)
        self.layernorm = nn.LayerNorm(width, eps=EPSILON)
        self.pwconv1 = nn.Linear(width, WIDER * width)
        self.bend = BENT[bend]()
        self.pwconv2 = nn.Linear(WIDER * width, width)
        self.layer_scale_parameter = nn.Parameter(torch.empty(width))

    def forward(self, inputs: Places) -> Places:
        halved: Tensor = self.downsampling_layer(inputs)
        mapped: Tensor = self.pwconv2(self.bend(self.pwconv1(self.layernorm(self.dwconv(halved).movedim(1, -1)))))
        scaled: Tensor = self.layer_scale_parameter * mapped
        return halved + scaled.movedim(-1, 1)


def built(settings: Mapping[str, Any]) -> Backbone:
    """Return the network that these settings describe."""
    sizes, patch = settings["hidden_sizes"], settings["patch_size"]
    stem = nn.Sequential(nn.Conv2d(CHANNELS, sizes[0], patch, stride=patch), OfChannels(sizes[0]))
    end = nn.Sequential(MeanOfPlaces(), nn.LayerNorm(sizes[-1], eps=settings["layer_norm_eps"]))
    return Backbone(stem, _blocks(settings), end, width=sizes[-1])


def prefixes(settings: Mapping[str, Any]) -> dict[str, str]:
    """Return with what the names of tensors begin: ours -> those in its files."""
    found = {
        "stem.0.": "embeddings.patch_embeddings.",
        "stem.1.": "embeddings.layernorm.",
        "end.1.": "layernorm.",
    }
    for number, (stage, layer) in enumerate(_places(settings)):
        found[f"blocks.{number}.downsampling_layer."] = f"encoder.stages.{stage}.downsampling_layer."
        found[f"blocks.{number}."] = f"encoder.stages.{stage}.layers.{layer}."
    return found


def _places(settings: Mapping[str, Any]) -> Iterator[tuple[int, int]]:
    """Yield the stage of each block, and its place in it."""
    for stage, depth in enumerate(settings["depths"]):
        for layer in range(depth):
            yield stage, layer


def _blocks(settings: Mapping[str, Any]) -> Iterator[Block]:
    sizes = settings["hidden_sizes"]
    for stage, layer in _places(settings):
        begins = stage > 0 and layer == 0
        yield Block(sizes[stage - begins], sizes[stage], begins=begins, bend=settings["hidden_act"])
