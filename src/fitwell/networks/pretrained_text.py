"""A pretrained encoder reads the pieces of a text, and its vector stands beside the other columns.

The vector is pooled from the last layer where the model says how to pool it, as encoders of sentences do. One that was
made to tell words says nothing of texts; there each layer is pooled, and the network learns how to mix them
(`mixed_layers.py`).

The encoder is kept or learns along, layer by layer at rates of their own (`training/rates.py`). No piece is padded and
no padding computed: `pretrained/packed.py` says how. Dropout hashes the place of a piece in its text and of the text in
the batch, so that it does not depend on how texts are packed.
"""

from __future__ import annotations

import re
from collections import deque

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor

from fitwell.networks.layer import ArrayNetwork, ArrayStart, freeze
from fitwell.networks.mixed_layers import MixedLayers
from fitwell.networks.noise import Dropout, PieceDropout
from fitwell.pretrained.configuration import configuration_from_text
from fitwell.pretrained.folder import encoder_of, open_folder
from fitwell.pretrained.packed import Packed, packed
from fitwell.pretrained.transformer import Drop, Transformer, kept, pooled

PIECES_AT_ONCE = 16_384  # read together where nothing is learned, which bounds the memory of long texts


class PretrainedText(ArrayNetwork):
    """Texts become the pooled vectors of an encoder; vectors that were read beforehand are taken as they are.

    Shape: pieces (rows, pieces), from 1 on and 0 after a text's end -> (rows, width).
    """

    def __init__(self, start: ArrayStart) -> None:
        super().__init__()
        assert start.settings.dropout != "auto"
        assert start.settings.text.tuned != "auto"
        assert start.training.encoder_precision != "auto"
        self.configuration = configuration_from_text(start.array.configuration)
        # Without training rows only the structure is of use, to be filled with saved weights.
        self.encoder = (
            Transformer(self.configuration).allocated()
            if start.sample is None
            else encoder_of(open_folder(start.array.folder))
        )
        self.encoder.requires_grad_(True)
        self.is_tuned = start.settings.text.tuned
        if not self.is_tuned:
            freeze(self.encoder)
        self.is_halved = start.training.encoder_precision == "bfloat16"
        self.layers = torch.nn.ModuleList()
        self.inside = PieceDropout(start.settings.dropout)
        self.noise_layer = start.noise_layer
        self.noise_layers = self.encoder.drops + 1
        self.dropout = Dropout(start.settings.dropout, layer=start.noise_layer + self.encoder.drops)
        self.width = self.configuration.pooled_width
        self.multiplications = start.array.shape[0] * self.encoder.multiplications
        self.mixed = MixedLayers(self.configuration.layers + 1 if self.configuration.mixed else 1, self.width)
        if start.sample is not None:
            self.eval()  # computes in full precision
            self.mixed.fit_to(start.sample, self._in_parts)
            self.train()

    def forward(self, numbers: Shaped[Tensor, "rows pieces"], noise: Tensor | None) -> Float[Tensor, "rows width"]:
        if numbers.is_floating_point():
            layers = numbers
        else:
            layers = self._read(numbers, noise) if self.training else self._in_parts(numbers)
        outputs: Tensor = self.dropout(self.mixed(layers), noise)
        return outputs

    def read(self, numbers: Int[Tensor, "rows pieces"]) -> Float[Tensor, "rows entries"] | None:
        """Return the vectors of texts where training leaves them as they are, so that each text is read once."""
        if self.is_tuned:
            return None
        with torch.no_grad():
            return self._in_parts(numbers)

    def depth_of(self, name: str) -> int | None:
        """Return how many layers stand between a parameter and the encoder's end; None for a new one."""
        if not name.startswith("encoder."):
            return None
        found = re.search(r"\bblocks\.(\d+)\.", name)
        return self.configuration.layers if found is None else self.configuration.layers - 1 - int(found[1])

    def _in_parts(self, numbers: Int[Tensor, "rows pieces"]) -> Float[Tensor, "rows entries"]:
        return torch.cat([self._read(some, None) for some in torch.split(numbers, _texts_at_once(numbers))])

    def _read(self, numbers: Int[Tensor, "rows pieces"], noise: Tensor | None) -> Float[Tensor, "rows entries"]:
        """Return the scaled vectors of the layers that are mixed."""
        texts = packed(numbers)
        drop: Drop = kept
        if noise is not None and self.inside.acts and self.is_tuned:
            drop = self._dropping(texts, noise, length=numbers.shape[1])
        # In training alone: what is predicted does not depend on what a machine has units for.
        with torch.autocast(numbers.device.type, torch.bfloat16, enabled=self.training and self.is_halved):
            hidden = deque(self.encoder.layers(texts, drop), maxlen=self.mixed.layers)
        kind, pooling = self.encoder.normalization.weight.dtype, self.configuration.pooling
        vectors: Tensor = self.mixed.scaled(torch.cat([pooled(each.to(kind), texts, pooling) for each in hidden], 1))
        return vectors * (numbers[:, :1] > 0)  # that of a text without a piece stays zero

    def _dropping(self, texts: Packed, noise: Tensor, *, length: int) -> Drop:
        rows = torch.cat([texts.order[run.texts].repeat_interleave(run.length) for run in texts.runs])
        places = rows * length + texts.places

        def drop(hidden: Tensor, place: int) -> Tensor:
            dropped: Tensor = self.inside(hidden, noise[self.noise_layer + place], places, of_row=length)
            return dropped

        return drop


def _texts_at_once(numbers: Int[Tensor, "rows pieces"]) -> int:
    return max(1, PIECES_AT_ONCE // numbers.shape[1])
