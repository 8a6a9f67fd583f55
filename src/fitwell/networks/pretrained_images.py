"""A pretrained network reads pictures, and what it says of a picture stands beside the other columns.

It is kept, and then reads each picture once, before the first step; or it learns along, block by block at rates of
their own (`training/rates.py`), and may see each picture changed anew in every step, as any network that learns to see
(`augmentation.py`). What it says is scaled by its means and spreads over training pictures
(`mixed_layers.py`). Channels stay last in memory, as pictures are kept.
"""

from __future__ import annotations

import re

import torch
from jaxtyping import Float, Shaped, UInt8
from torch import Tensor, nn

from fitwell.networks.augmentation import NOISE_LAYERS, changes_of
from fitwell.networks.layer import ArrayNetwork, ArrayStart, freeze
from fitwell.networks.mixed_layers import SCALED_BY, MixedLayers
from fitwell.networks.noise import Dropout
from fitwell.pretrained.backbones.folder import backbone_for, backbone_of, picture_model_from_text

AT_ONCE = 64  # pictures read together where nothing is learned


class PretrainedImages(ArrayNetwork):
    """Pictures become the vectors of a pretrained network; vectors that were read beforehand are taken as they are.

    Shape: bytes (rows, high, wide, 3) -> (rows, width).
    """

    center: Tensor
    factor: Tensor

    def __init__(self, start: ArrayStart) -> None:
        super().__init__()
        assert start.settings.dropout != "auto"
        assert start.settings.image.tuned != "auto"
        assert start.training.image_precision != "auto"
        model = picture_model_from_text(start.array.configuration)
        height, width, _ = start.array.shape
        self.multiplications = backbone_for(model).multiplications(height, width)
        # Without training rows only the structure is of use, to be filled with saved weights.
        self.encoder = (
            backbone_for(model).allocated() if start.sample is None else backbone_of(start.array.folder, model)
        )
        self.encoder.requires_grad_(True)
        self.is_tuned = start.settings.image.tuned
        if not self.is_tuned:
            freeze(self.encoder)
        self.is_halved = start.training.image_precision == "bfloat16"
        self.register_buffer("center", 255 * torch.tensor(model.means))
        self.register_buffer("factor", 1 / (255 * torch.tensor(model.spreads)))
        self.layers = nn.ModuleList()
        self.dropout = Dropout(start.settings.dropout, layer=start.noise_layer)
        self.changes = changes_of(start.training, noise_layer=start.noise_layer + 1)
        self.noise_layers = 1 + (NOISE_LAYERS if self.changes.act else 0)
        self.width = self.encoder.width
        self.scale = MixedLayers(1, self.width)
        if start.sample is not None:
            self.eval()  # computes in full precision
            with torch.no_grad():
                self.scale.fit(self._in_parts(start.sample[:: -(-len(start.sample) // SCALED_BY)]))
            self.train()

    def forward(self, pictures: Shaped[Tensor, "rows ..."], noise: Tensor | None) -> Float[Tensor, "rows width"]:
        if pictures.is_floating_point():
            vectors = pictures
        else:
            vectors = self._read(pictures, noise) if self.training else self._in_parts(pictures)
        outputs: Tensor = self.dropout(vectors, noise)
        return outputs

    def read(self, pictures: UInt8[Tensor, "rows high wide channels"]) -> Float[Tensor, "rows width"] | None:
        """Return the vectors of pictures where training leaves them as they are, so that each is read once."""
        if self.is_tuned:
            return None
        with torch.no_grad():
            return self._in_parts(pictures)

    def depth_of(self, name: str) -> int | None:
        """Return how many blocks stand between a parameter and the network's end; None for a new one."""
        if not name.startswith("encoder."):
            return None
        blocks = len(self.encoder.blocks)
        if name.startswith("encoder.end."):
            return 0
        found = re.match(r"encoder\.blocks\.(\d+)\.", name)
        return blocks if found is None else blocks - 1 - int(found[1])

    def _in_parts(self, pictures: UInt8[Tensor, "rows high wide channels"]) -> Float[Tensor, "rows width"]:
        return torch.cat([self._read(some, None) for some in torch.split(pictures, AT_ONCE)])

    def _read(
        self, pictures: UInt8[Tensor, "rows high wide channels"], noise: Tensor | None
    ) -> Float[Tensor, "rows width"]:
        scaled = self.changes.scaled(pictures, noise, center=self.center, factor=self.factor).movedim(-1, -3)
        # In training alone: what is predicted does not depend on what a machine has units for.
        with torch.autocast(pictures.device.type, torch.bfloat16, enabled=self.training and self.is_halved):
            vectors = self.encoder(scaled)
        return self.scale.scaled(vectors.to(self.center.dtype))
