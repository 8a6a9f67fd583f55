"""An encoder with two heads: how well an answer would begin at each place of a window, and how well it would end.

At the first place, the mark before the question, stands "there is no answer in this window".

Sources: Devlin et al. 2019, BERT (the heads, and the first mark for no answer); Vinyals et al. 2015, Pointer networks.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from functools import partial

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from fitwell.networks.noise import PieceDropout
from fitwell.pretrained.packed import Packed, packed, rows_of
from fitwell.pretrained.transformer import Drop, Transformer, kept

NEVER = -1e9  # the logit of a place where no answer may begin or end
PIECES_AT_ONCE = 16_384  # read together where nothing is learned


class PairReader(nn.Module):
    """The encoder, whose layers learn at rates of their own (`training/rates.py`)."""

    def __init__(self, encoder: Transformer) -> None:
        super().__init__()
        self.encoder = encoder

    def depth_of(self, name: str) -> int:
        """Return how many layers stand between one of the parameters and the encoder's end."""
        layers = self.encoder.configuration.layers
        found = re.search(r"\bblocks\.(\d+)\.", name)
        return layers if found is None else layers - 1 - int(found[1])

    def read(self, _block: Tensor) -> Tensor | None:
        """Return nothing: it always learns along."""
        return None

    def forward(self, texts: Packed, drop: Drop) -> Float[Tensor, "pieces width"]:
        hidden: Tensor = self.encoder(texts, drop)
        return hidden


class SpanNetwork(nn.Module):
    """Windows become logits of beginnings and of ends, at every place.

    Shape: "pieces" (windows, length) from 1 on, 0 after a window's end, and "text" (windows, 2), the place of the
    text's first piece and how many there are -> (windows, 2 length), the beginnings first.
    """

    def __init__(self, encoder: Transformer, *, segment: int, dropout: float, is_halved: bool) -> None:
        super().__init__()
        self.reader = PairReader(encoder)
        self.segment = segment
        self.is_halved = is_halved
        self.noise_layers = encoder.drops + 1
        self.inside = PieceDropout(dropout)
        self.heads = nn.Linear(encoder.configuration.width, 2)
        nn.init.zeros_(self.heads.weight)  # the first loss is the one of an even guess
        nn.init.zeros_(self.heads.bias)

    def forward(self, features: Mapping[str, Tensor], noise: Tensor | None) -> Float[Tensor, "windows outputs"]:
        pieces, text = features["pieces"], features["text"]
        if self.training:
            return self._logits(pieces, text, noise)
        at_once = max(1, PIECES_AT_ONCE // pieces.shape[1])
        parts = zip(torch.split(pieces, at_once), torch.split(text, at_once), strict=True)
        return torch.cat([self._logits(*part, None) for part in parts])

    def _logits(
        self, pieces: Int[Tensor, "windows length"], text: Int[Tensor, "windows ends"], noise: Tensor | None
    ) -> Float[Tensor, "windows outputs"]:
        windows, length = pieces.shape
        texts = packed(pieces)
        rows = rows_of(texts)
        is_text = texts.places >= text[rows, 0]
        if self.reader.encoder.segments is not None:
            texts = replace(texts, segments=is_text * self.segment)
        drop: Drop = kept
        if noise is not None and self.inside.acts:
            drop = partial(self._dropped, noise, rows * length + texts.places, length)
        # In training alone: what is answered does not depend on what a machine has units for.
        with torch.autocast(pieces.device.type, torch.bfloat16, enabled=self.training and self.is_halved):
            hidden = self.reader(texts, drop)
        hidden = hidden.to(self.heads.weight.dtype)
        if noise is not None and self.inside.acts:
            hidden = self._dropped(noise, rows * length + texts.places, length, hidden, self.noise_layers - 1)
        logits = self.heads(hidden)
        allowed = (texts.places == 0) | (is_text & (texts.places < text[rows].sum(1)))
        logits = torch.where(allowed[:, None], logits, NEVER)
        dense = logits.new_full((windows, length, 2), NEVER)
        dense = dense.index_put((rows, texts.places), logits)
        return dense.transpose(1, 2).reshape(windows, 2 * length)

    def _dropped(self, noise: Tensor, places: Tensor, length: int, hidden: Tensor, place: int) -> Tensor:
        dropped: Tensor = self.inside(hidden, noise[place], places, of_row=length)
        return dropped


def span_loss(
    outputs: Float[Tensor, "windows outputs"], targets: Int[Tensor, "windows 2"]
) -> Float[Tensor, " windows"]:
    """Return the cross-entropy of beginnings and ends, −(log p(first) + log p(last)) / 2, of each window.

    >>> span_loss(torch.zeros(1, 8), torch.tensor([[1, 2]])).exp().round().tolist()
    [4.0]
    """
    begins, ends = outputs.chunk(2, dim=1)
    losses: Tensor = cross_entropy(begins, targets[:, 0], reduction="none")
    return (losses + cross_entropy(ends, targets[:, 1], reduction="none")) / 2
