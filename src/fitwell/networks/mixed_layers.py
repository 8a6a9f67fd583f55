"""What the layers of a pretrained network say of a text is brought to one scale, and mixed to one vector.

Vectors of texts have much in common: averaged over words and normalized, they all lie near one direction, and what
tells texts apart is small beside it (Ethayarajh 2019). A layer that learns from them as they are learns the common part
first, and slowly anything else. So each entry is brought to mean 0 and one spread, both those of training rows before
the first step, and stays scaled so.

Which layer knows most about a task is not known beforehand: the last one of a model that tells words is made for that.
Shares that add up to 1, and a scale, are learned with the network (Peters et al. 2018).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn

LEAST = 0.05  # of the mean spread: what differs less between rows is not blown up
SCALED_BY = 512  # training rows, about


class MixedLayers(nn.Module):
    """Vectors of all layers beside each other become one vector; those of a single layer are scaled alone.

    Shape: (rows, layers * width) -> (rows, width).

    >>> mixed = MixedLayers(2, width=1)
    >>> mixed.fit(torch.tensor([[1.0, 50.0], [3.0, 54.0]]))
    >>> mixed(mixed.scaled(torch.tensor([[2.0, 54.0]])))
    tensor([[0.5000]], grad_fn=<MulBackward0>)
    """

    center: Tensor
    factor: Tensor

    def __init__(self, layers: int, width: int) -> None:
        super().__init__()
        self.layers, self.width = layers, width
        self.register_buffer("center", torch.zeros(layers * width))
        self.register_buffer("factor", torch.ones(layers * width))
        if layers > 1:
            self.shares = nn.Parameter(torch.zeros(layers))
            self.scale = nn.Parameter(torch.ones(()))

    def scaled(self, vectors: Float[Tensor, "rows entries"]) -> Float[Tensor, "rows entries"]:
        """Return the vectors of all layers in their scale."""
        return (vectors - self.center) * self.factor

    def forward(self, scaled: Float[Tensor, "rows entries"]) -> Float[Tensor, "rows width"]:
        if self.layers == 1:
            return scaled
        shares = torch.softmax(self.shares, 0)
        return self.scale * (shares[:, None] * scaled.view(len(scaled), self.layers, self.width)).sum(1)

    def fit(self, vectors: Float[Tensor, "rows entries"]) -> None:
        """Take means and spreads from these, two at least that are not the same."""
        spread = vectors.std(0, correction=0)
        if float(spread.max()) > 0:
            self.center.copy_(vectors.mean(0))
            self.factor.copy_(1 / spread.clamp_min(LEAST * float(spread.mean())))

    def fit_to(self, sample: Shaped[Tensor, "rows places"], read: Callable[[Tensor], Tensor]) -> None:
        """Take means and spreads from what is read of some rows of texts that have words."""
        some = sample[sample[:, 0] > 0]
        if len(some):
            with torch.no_grad():
                self.fit(read(some[:: -(-len(some) // SCALED_BY)]))
