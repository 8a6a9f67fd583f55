"""The vision transformer (Dosovitskiy et al. 2021): patches of a picture are read as a transformer reads a text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from fitwell.pretrained.backbones.network import CHANNELS, Backbone, Places
from fitwell.pretrained.transformer import BENT

USUAL = {
    "hidden_size": 768,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "intermediate_size": 3072,
    "hidden_act": "gelu",
    "layer_norm_eps": 1e-12,
    "image_size": 224,
    "patch_size": 16,
    "qkv_bias": True,
}
Pieces = Float[Tensor, "rows pieces width"]


class Patches(nn.Module):
    """Each patch becomes a piece, with what is learned of its place; one that stands for the whole is the first."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        super().__init__()
        width, patch = settings["hidden_size"], settings["patch_size"]
        self.first = nn.Parameter(torch.empty(1, 1, width))
        self.places = nn.Parameter(torch.empty(1, 1 + (settings["image_size"] // patch) ** 2, width))
        self.projection = nn.Conv2d(CHANNELS, width, patch, stride=patch)

    def forward(self, pictures: Places) -> Pieces:
        patches = self.projection(pictures).flatten(2).movedim(1, -1)
        return torch.cat([self.first.expand(len(patches), -1, -1), patches], 1) + self.places


class Block(nn.Module):
    """Attention, then two maps with a bend between, each of what is normalized first, and added."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        super().__init__()
        width, inner, epsilon = settings["hidden_size"], settings["intermediate_size"], settings["layer_norm_eps"]
        self.heads = settings["num_attention_heads"]
        self.first_normalization = nn.LayerNorm(width, eps=epsilon)
        self.query = nn.Linear(width, width, bias=settings["qkv_bias"])
        self.key = nn.Linear(width, width, bias=settings["qkv_bias"])
        self.value = nn.Linear(width, width, bias=settings["qkv_bias"])
        self.mixed = nn.Linear(width, width)
        self.second_normalization = nn.LayerNorm(width, eps=epsilon)
        self.inner = nn.Linear(width, inner)
        self.bend = BENT[settings["hidden_act"]]()
        self.outer = nn.Linear(inner, width)

    def forward(self, inputs: Pieces) -> Pieces:
        hidden = inputs + self._attended(self.first_normalization(inputs))
        outputs: Tensor = hidden + self.outer(self.bend(self.inner(self.second_normalization(hidden))))
        return outputs

    def _attended(self, hidden: Pieces) -> Pieces:
        query, key, value = (self._by_heads(asked(hidden)) for asked in (self.query, self.key, self.value))
        answers = scaled_dot_product_attention(query, key, value)
        mixed: Tensor = self.mixed(answers.movedim(1, 2).flatten(2))
        return mixed

    def _by_heads(self, asked: Pieces) -> Float[Tensor, "rows heads pieces own"]:
        rows, pieces, width = asked.shape
        return asked.view(rows, pieces, self.heads, width // self.heads).movedim(2, 1)


class First(nn.Module):
    """The piece that stands for the whole."""

    def forward(self, pieces: Pieces) -> Float[Tensor, "rows width"]:
        return pieces[:, 0]


def built(settings: Mapping[str, Any]) -> Backbone:
    """Return the network that these settings describe."""
    width = settings["hidden_size"]
    end = nn.Sequential(First(), nn.LayerNorm(width, eps=settings["layer_norm_eps"]))
    return Backbone(
        Patches(settings), (Block(settings) for _ in range(settings["num_hidden_layers"])), end, width=width
    )


def prefixes(settings: Mapping[str, Any]) -> dict[str, str]:
    """Return with what the names of tensors begin: ours -> those in its files."""
    found = {
        "stem.first": "embeddings.cls_token",
        "stem.places": "embeddings.position_embeddings",
        "stem.projection.": "embeddings.patch_embeddings.projection.",
        "end.1.": "layernorm.",
    }
    for layer in range(settings["num_hidden_layers"]):
        found |= {f"blocks.{layer}.{ours}.": f"encoder.layer.{layer}.{theirs}." for ours, theirs in TENSORS.items()}
    return found


TENSORS = {
    "first_normalization": "layernorm_before",
    "query": "attention.attention.query",
    "key": "attention.attention.key",
    "value": "attention.attention.value",
    "mixed": "attention.output.dense",
    "second_normalization": "layernorm_after",
    "inner": "intermediate.dense",
    "outer": "output.dense",
}
