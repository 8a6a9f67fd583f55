"""An encoder with a head that tells which piece was there: a map, then the vectors of the pieces themselves."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from fitwell.pretrained.configuration import Configuration
from fitwell.pretrained.packed import Packed
from fitwell.pretrained.transformer import BENT, Drop, Transformer, kept

SPREAD = 0.02  # of first weights, as in BERT


class MaskedModel(nn.Module):
    """The pieces of masked texts become scores of what was there; weights are zeros until they are drawn or loaded.

    Shape: packed texts, (places,) -> (places, vocabulary).
    """

    def __init__(self, configuration: Configuration) -> None:
        super().__init__()
        self.encoder = Transformer(configuration).allocated()
        self.mapped = nn.Linear(configuration.width, configuration.width)
        self.bend = BENT[configuration.activation]()
        self.normalization = nn.LayerNorm(configuration.width, eps=configuration.epsilon)
        self.bias = nn.Parameter(torch.zeros(configuration.vocabulary))

    def forward(
        self, texts: Packed, places: Int[Tensor, " places"], drop: Drop = kept
    ) -> Float[Tensor, "places vocabulary"]:
        hidden = self.encoder(texts, drop)[places]
        hidden = self.normalization(self.bend(self.mapped(hidden)))
        return nn.functional.linear(hidden, self.encoder.entries.weight, self.bias)


def draw_encoder(model: MaskedModel, generator: torch.Generator) -> None:
    """Draw the encoder's first weights: normal ones of little spread, which a normalization after each sum allows."""
    for module in model.encoder.modules():
        if isinstance(module, nn.Linear | nn.Embedding):
            nn.init.normal_(module.weight, std=SPREAD, generator=generator)
        elif isinstance(module, nn.LayerNorm):
            nn.init.ones_(module.weight)


def draw_head(model: MaskedModel, frequencies: Float[Tensor, " vocabulary"], generator: torch.Generator) -> None:
    """Draw the head's first weights; it begins by telling pieces by how frequent they are in the corpus."""
    nn.init.normal_(model.mapped.weight, std=SPREAD, generator=generator)
    nn.init.zeros_(model.mapped.bias)
    nn.init.ones_(model.normalization.weight)
    nn.init.zeros_(model.normalization.bias)
    with torch.no_grad():
        model.bias.copy_(torch.log(frequencies))
