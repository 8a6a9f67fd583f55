"""What goes on inside the layers, measured within the step.

Per layer: the norm of the gradient, of the weights, the size of the update beside the weights, and of the activations
the mean, the spread, the share of exact zeros and the share within a twentieth of a bound (saturation). They stay on
the device until somebody reads them.
"""

from __future__ import annotations

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
from fitwell.training.pieces import LARGE, Piece

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
    """What was measured in one step. What follows from it is left to whoever reads many steps at once."""

    layers: tuple[str, ...]
    norms: Float[
        Tensor, "3 members layers"
    ]  # of the gradient, of the weights before the step, of what it moved them by
    activations: Float[
        Tensor, "members hidden 4"
    ]  # of hidden layers: mean, variance, shares that are not 0, near bounds

    @property
    def values(self) -> Float[Tensor, "members layers signals"]:
        """The signals, in the order of SIGNALS.

        Layers without activations (inputs, head) have not-a-number there.
        """
        of_gradient, size, of_update = self.norms.unbind(0)
        # Weights that start at zero, as a head may, move by a share of 1.
        update_ratio = of_update / torch.maximum(size, of_update).clamp_min(TINY)
        mean, variance, nonzero, saturated = self.activations.unbind(2)
        zeros = 1 - nonzero + 0 * mean  # what is not a number has the sign of zero
        hidden = iter(torch.stack([mean, variance.sqrt(), zeros, saturated], 2).unbind(1))
        nothing = size.new_full((len(size), self.activations.shape[2]), torch.nan)
        inside = torch.stack([next(hidden) if has_activations(layer) else nothing for layer in self.layers], 1)
        return torch.cat([torch.stack([of_gradient, size, update_ratio], 2), inside], 2)


def no_signals(layers: tuple[str, ...], weights: Float[Tensor, "members weights"]) -> LayerSignals:
    """Return room for the signals of a population with these weights, all zero."""
    hidden = sum(map(has_activations, layers))
    return LayerSignals(
        layers=layers,
        norms=weights.new_zeros(3, len(weights), len(layers)),
        activations=weights.new_zeros(len(weights), hidden, 4),
    )


def joined_signals(signals: Sequence[LayerSignals]) -> LayerSignals:
    """Return a copy of the signals of several populations of the same layers, or of several steps, end to end."""
    return LayerSignals(
        layers=signals[0].layers,
        norms=torch.cat([each.norms for each in signals], 1),
        activations=torch.cat([each.activations for each in signals]),
    )


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
def observed_activations(network: nn.Module, wanted: bool) -> Iterator[list[Float[Tensor, "hidden 4"]]]:
    """Collect what `LayerSignals` has of every hidden activation while the network runs.

    It is there when the context is left, neighboring layers of one shape together.
    """
    found: list[Tensor] = []
    if not wanted:
        yield found
        return
    if network not in _hidden_layers:
        _hidden_layers[network] = [module for module in network.modules() if isinstance(module, Layer)]
    layers = _hidden_layers[network]
    seen: list[Tensor] = []

    def see(_module: nn.Module, _inputs: object, outputs: Tensor) -> None:
        seen.append(outputs)

    handles = [layer.activation.register_forward_hook(see) for layer in layers]
    try:
        yield found
    finally:
        for handle in handles:
            handle.remove()
    # Layers of one shape together: a small network's signals take as long as their number of operations.
    alike = groupby(zip(seen, layers, strict=True), key=lambda pair: (pair[0].shape, pair[1].bounds))
    with torch.no_grad():
        for (_, bounds), group in alike:
            found.append(_measured([outputs for outputs, _ in group], bounds))


def joined_activations(
    parts: Sequence[Float[Tensor, "members hidden 4"]], shares: Sequence[float]
) -> Float[Tensor, "members hidden 4"]:
    """Return what the activations of all rows of a batch are from those of parts of it, which have these shares of it.

    >>> joined_activations([torch.tensor([[[1.0, 0.0, 0.0, 0.5]]]), torch.tensor([[[3.0, 0.0, 1.0, 0.5]]])], [0.5, 0.5])
    tensor([[[2.0000, 1.0000, 0.5000, 0.5000]]])
    """
    weighted = [
        torch.stack([*part.unbind(-1), part[..., 0].square() + part[..., 1]], -1) * share
        for part, share in zip(parts, shares, strict=True)
    ]
    mean, _, nonzero, saturated, square = torch.stack(weighted).sum(0).unbind(-1)
    return torch.stack([mean, (square - mean.square()).clamp_min(0), nonzero, saturated], -1)


@dataclass(frozen=True, kw_only=True)
class Noted:
    """What is noted of gradient and weights before they change."""

    norms: tuple[Float[Tensor, "1 members layers"], ...]  # that are taken already, of the first ones
    held: Float[Tensor, "held members weights"]  # copies, the last one of the weights


def noted(
    spans: Mapping[str, slice],
    gradient: Float[Tensor, "members weights"],
    weights: Float[Tensor, "members weights"],
) -> Noted:
    """Note what signals need of a step before it is taken."""
    if weights.numel() > LARGE:  # copies would take longer than what they spare
        return Noted(norms=(_norms(spans, gradient[None]), _norms(spans, weights[None])), held=weights[None].clone())
    # One after another, the norms of a small network would take longer than its gradient.
    return Noted(norms=(), held=torch.stack([gradient, weights, weights]))


def weight_signals(
    spans: Mapping[str, slice],
    *,
    before: Noted,
    after: Float[Tensor, "members weights"],
    activations: Float[Tensor, "members hidden 4"],
) -> LayerSignals:
    """Return the signals of one step; what was noted before is overwritten.

    `activations` are of the hidden layers, in order.
    """
    before.held[-1].sub_(after)
    norms = _norms(spans, before.held)
    return LayerSignals(
        layers=tuple(spans),
        norms=torch.cat([*before.norms, norms]) if before.norms else norms,
        activations=activations,
    )


def _norms(
    spans: Mapping[str, slice], matrices: Float[Tensor, "matrices members weights"]
) -> Float[Tensor, "matrices members layers"]:
    return torch.stack([vector_norm(matrices[:, :, span], dim=2) for span in spans.values()], 2)


def _rows_looked_at(outputs: Tensor) -> int:
    """Return how many of a batch's rows tell its signals well enough.

    >>> [_rows_looked_at(torch.empty(256, *shape)) for shape in ((16,), (128,), (8, 28, 28))]
    [256, 128, 32]
    """
    return min(len(outputs), max(ENOUGH_ROWS, -(-ENOUGH_ACTIVATIONS * len(outputs) // outputs.numel())))


def _measured(
    of_layers: Sequence[Float[Tensor, "rows ..."]], bounds: tuple[float, float] | None
) -> Float[Tensor, "layers 4"]:
    """Return mean, variance, and the shares that are not 0 and near a bound, of layers of one shape."""
    rows, layers = _rows_looked_at(of_layers[0]), len(of_layers)
    values = torch.stack([outputs[:rows] for outputs in of_layers]).reshape(layers, -1)  # maps may be channels last
    mean = values.mean(1, keepdim=True)
    # The quick ways on a CPU: torch's own variance takes twice as long, and counting what is true four times.
    variance = (values - mean).square().mean(1, keepdim=True)
    nonzero = values.sgn().square().mean(1, keepdim=True)
    saturated = torch.zeros_like(mean)
    if bounds is not None:
        low, high = bounds
        margin = SATURATION_MARGIN * (high - low)
        saturated = ((values < low + margin) | (values > high - margin)).to(mean.dtype).mean(1, keepdim=True)
    return torch.cat([mean, variance, nonzero, saturated], 1)
