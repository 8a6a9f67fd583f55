"""What goes on inside the layers, measured within the step.

Per layer: the norm of the gradient, of the weights, the size of the update beside the weights, and of the activations
the mean, the spread, the share of exact zeros and the share within a twentieth of a bound (saturation). They stay on
the device until somebody reads them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from weakref import WeakKeyDictionary

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.linalg import vector_norm

from fitwell.networks.layer import Layer
from fitwell.training.pieces import Piece

SIGNALS = (
    "gradient_norm",
    "weight_norm",
    "update_ratio",
    "activation_mean",
    "activation_spread",
    "zeros",
    "saturation",
)
ACTIVATION_SIGNALS = frozenset(SIGNALS[3:])
TINY = torch.finfo(torch.float32).tiny
# Rows of a batch come in random order, so the first ones are a sample of them. Sixteen thousand activations tell a mean
# to a hundredth of the spread, and a batch is itself a sample.
ENOUGH_ROWS = 32
ENOUGH_ACTIVATIONS = 16_384
SATURATION_MARGIN = 0.05  # of the width between an activation's bounds


# Walking over the modules of a network takes as long as some of its layers do.
_hidden_layers: WeakKeyDictionary[nn.Module, list[Layer]] = WeakKeyDictionary()


@dataclass(frozen=True, kw_only=True)
class LayerSignals:
    """Signals of one step; layers without activations (inputs, head) have not-a-number there."""

    layers: tuple[str, ...]
    values: Float[Tensor, "members layers signals"]  # in the order of SIGNALS


def layer_spans(pieces: Sequence[Piece]) -> dict[str, slice]:
    """Return where each layer's weights lie in a member's row: the front, the hidden layers, the head."""
    spans = {}
    for layer, group in groupby(pieces, key=lambda piece: layer_of(piece.name)):
        members = list(group)
        spans[layer] = slice(members[0].start, members[-1].stop)
    return spans


def layer_of(name: str) -> str:
    """Return the layer a tensor belongs to.

    >>> [layer_of(name) for name in ("inputs.numbers.weight", "layers.0.linear.bias", "head.weight")]
    ['inputs', 'layers.0', 'head']
    >>> layer_of("arrays.image_0.layers.1.first.weight")
    'arrays.image_0.layers.1'
    """
    parts = name.split(".")
    return ".".join(parts[: parts.index("layers") + 2]) if "layers" in parts else parts[0]


def has_activations(layer: str) -> bool:
    """Tell whether a layer bends its outputs: hidden layers do, inputs and head do not."""
    return "layers" in layer.split(".")


@contextmanager
def observed_activations(network: nn.Module, wanted: bool) -> Iterator[list[Float[Tensor, 4]]]:
    """Collect mean, spread, zeros and saturation of every hidden activation while the network runs.

    They are there when the context is left.
    """
    found: list[Tensor] = []
    samples: list[Tensor] = []
    handles = []
    layers: list[Layer] = []
    if wanted:
        if network not in _hidden_layers:
            _hidden_layers[network] = [module for module in network.modules() if isinstance(module, Layer)]
        layers = _hidden_layers[network]
        handles = [layer.activation.register_forward_hook(_sampling(samples)) for layer in layers]
    try:
        yield found
    finally:
        for handle in handles:
            handle.remove()
    # Layers of one shape together: a small network's signals take as long as their number of operations.
    alike = groupby(zip(samples, layers, strict=True), key=lambda pair: (pair[0].shape, pair[1].bounds))
    for (_, bounds), group in alike:
        found += _measured(torch.stack([sample.flatten() for sample, _ in group]), bounds)


def joined_activations(
    parts: Sequence[Float[Tensor, "members hidden 4"]], shares: Sequence[float]
) -> Float[Tensor, "members hidden 4"]:
    """Return the signals of all rows of a batch from those of parts of it, which have these shares of the rows.

    >>> joined_activations([torch.tensor([[[1.0, 0.0, 0.0, 0.5]]]), torch.tensor([[[3.0, 0.0, 1.0, 0.5]]])], [0.5, 0.5])
    tensor([[[2.0000, 1.0000, 0.5000, 0.5000]]])
    """
    weighted = [
        torch.stack([*part.unbind(-1), part[..., :2].square().sum(-1)], -1) * share
        for part, share in zip(parts, shares, strict=True)
    ]
    mean, _, zeros, saturated, square = torch.stack(weighted).sum(0).unbind(-1)
    spread = (square - mean.square()).clamp_min(0).sqrt()
    return torch.stack([mean, spread, zeros, saturated], -1)


def weight_signals(
    spans: Mapping[str, slice],
    *,
    before: Float[Tensor, "members weights"],
    after: Float[Tensor, "members weights"],
    gradient: Float[Tensor, "members weights"],
    activations: Float[Tensor, "members hidden 4"],
) -> LayerSignals:
    """Return the signals of one step; `activations` are of the hidden layers, in order."""

    # One after another, the norms of a small network would take longer than its gradient.
    together = torch.stack([gradient, before, after])
    together[2].sub_(before)
    of_gradient, size, of_update = torch.stack([vector_norm(together[:, :, span], dim=2) for span in spans.values()], 2)
    # Weights that start at zero, as a head may, move by a share of 1.
    update_ratio = of_update / torch.maximum(size, of_update).clamp_min(TINY)
    nothing = size.new_full((len(before), activations.shape[2]), torch.nan)
    hidden = iter(activations.unbind(1))
    inside = [next(hidden) if has_activations(layer) else nothing for layer in spans]
    outside = torch.stack([of_gradient, size, update_ratio], -1)
    return LayerSignals(layers=tuple(spans), values=torch.cat([outside, torch.stack(inside, 1)], -1))


def _rows_looked_at(outputs: Tensor) -> int:
    """Return how many of a batch's rows tell its signals well enough.

    >>> [_rows_looked_at(torch.empty(256, *shape)) for shape in ((16,), (128,), (8, 28, 28))]
    [256, 128, 32]
    """
    return min(len(outputs), max(ENOUGH_ROWS, -(-ENOUGH_ACTIVATIONS * len(outputs) // outputs.numel())))


def _sampling(samples: list[Tensor]):  # type: ignore[no-untyped-def]
    def sample(_module: nn.Module, _inputs: object, outputs: Tensor) -> None:
        samples.append(outputs.detach()[: _rows_looked_at(outputs)])

    return sample


def _measured(
    values: Float[Tensor, "layers activations"], bounds: tuple[float, float] | None
) -> Float[Tensor, "layers 4"]:
    mean = values.mean(1)
    # The quick ways on a CPU: torch's own std takes twice as long, and counting what is true four times.
    spread = vector_norm(values - mean[:, None], dim=1) / math.sqrt(values.shape[1])
    zeros = 1 - values.sgn().abs_().mean(1) + 0 * mean  # what is not a number has the sign of zero
    saturated = torch.zeros_like(zeros)
    if bounds is not None:
        low, high = bounds
        margin = SATURATION_MARGIN * (high - low)
        saturated = ((values < low + margin) | (values > high - margin)).float().mean(1)
    return torch.stack([mean, spread, zeros, saturated], 1)
