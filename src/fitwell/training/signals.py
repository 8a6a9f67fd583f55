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

import torch
from jaxtyping import Float
from torch import Tensor, nn

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
SATURATION_MARGIN = 0.05  # of the width between an activation's bounds


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
    """Collect mean, spread, zeros and saturation of every hidden activation while the network runs."""
    found: list[Tensor] = []
    handles = []
    if wanted:
        for module in network.modules():
            if isinstance(module, Layer):
                hook = _observer(found, module.bounds)
                handles.append(module.activation.register_forward_hook(hook))
    try:
        yield found
    finally:
        for handle in handles:
            handle.remove()


def weight_signals(
    spans: Mapping[str, slice],
    *,
    before: Float[Tensor, "members weights"],
    after: Float[Tensor, "members weights"],
    gradient: Float[Tensor, "members weights"],
    activations: Float[Tensor, "members hidden 4"],
) -> LayerSignals:
    """Return the signals of one step; `activations` are of the hidden layers, in order."""
    update = after - before
    columns = []
    hidden = 0
    for layer, span in spans.items():
        weight_norm = before[:, span].norm(dim=1)
        # Beside the larger of before and after: weights that start at zero, as a head may, move by a share of 1.
        larger = torch.maximum(weight_norm, after[:, span].norm(dim=1)).clamp_min(TINY)
        norms = [gradient[:, span].norm(dim=1), weight_norm, update[:, span].norm(dim=1) / larger]
        if has_activations(layer):
            inside = activations[:, hidden]
            hidden += 1
        else:
            inside = torch.full((len(before), 4), torch.nan, device=before.device)
        columns.append(torch.cat([torch.stack(norms, 1), inside], 1))
    return LayerSignals(layers=tuple(spans), values=torch.stack(columns, 1))


def _observer(found: list[Tensor], bounds: tuple[float, float] | None):  # type: ignore[no-untyped-def]
    def observe(_module: nn.Module, _inputs: object, outputs: Tensor) -> None:
        values = outputs.detach()
        zeros = (values == 0).float().mean()
        if bounds is None:
            saturated = torch.zeros_like(zeros)
        else:
            margin = SATURATION_MARGIN * (bounds[1] - bounds[0])
            saturated = ((values < bounds[0] + margin) | (values > bounds[1] - margin)).float().mean()
        found.append(torch.stack([values.mean(), values.std(unbiased=False), zeros, saturated]))

    return observe
