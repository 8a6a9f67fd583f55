"""Where weights start decides whether signals and gradients arrive.

An initialization fills one weight tensor (outputs, inputs) in place. `gain` is the one of the activation that follows;
`bound` is read by `uniform` alone. Biases start at zero everywhere. Two kinds need more than a tensor:
- `unit_variance` draws orthogonal weights, then `scale_to_unit_variance` looks at a first batch;
- batch initialization draws a fraction of the weights anew from batch to batch: `redraw`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor, nn


@runtime_checkable
class Initialization(Protocol):
    """Fills a weight tensor in place."""

    def __call__(
        self, weight: Float[Tensor, "outputs inputs *kernel"], *, gain: float, bound: float, generator: torch.Generator
    ) -> None:
        """Draw all weights from the generator."""
        ...


def glorot_uniform(
    weight: Float[Tensor, "outputs inputs *kernel"], *, gain: float, bound: float, generator: torch.Generator
) -> None:
    """Draw from [−r, r] with r = √(6 / (inputs + outputs)): variance 2 / (inputs + outputs) (Glorot & Bengio 2010).

    The rule balances both directions of a linear unit and takes no gain.
    """
    inputs, outputs = _fans(weight)
    _uniform(weight, math.sqrt(2 / (inputs + outputs)), generator)


def glorot_normal(
    weight: Float[Tensor, "outputs inputs *kernel"], *, gain: float, bound: float, generator: torch.Generator
) -> None:
    """Draw from a normal distribution of variance 2 / (inputs + outputs) (Glorot & Bengio 2010)."""
    inputs, outputs = _fans(weight)
    nn.init.normal_(weight, 0.0, math.sqrt(2 / (inputs + outputs)), generator=generator)


def he_uniform(
    weight: Float[Tensor, "outputs inputs *kernel"], *, gain: float, bound: float, generator: torch.Generator
) -> None:
    """Draw from [−r, r] with r = gain √(3 / inputs): variance gain² / inputs (He et al. 2015)."""
    _uniform(weight, gain / math.sqrt(_fans(weight)[0]), generator)


def he_normal(
    weight: Float[Tensor, "outputs inputs *kernel"], *, gain: float, bound: float, generator: torch.Generator
) -> None:
    """Draw from a normal distribution of variance gain² / inputs (He et al. 2015).

    With ReLU's gain √2 this is 2 / inputs, with gain 1 LeCun's rule.
    """
    nn.init.normal_(weight, 0.0, gain / math.sqrt(_fans(weight)[0]), generator=generator)


def orthogonal(
    weight: Float[Tensor, "outputs inputs *kernel"], *, gain: float, bound: float, generator: torch.Generator
) -> None:
    """Draw a matrix whose rows, or columns if they are fewer, are orthogonal and of length gain (Saxe et al. 2014)."""
    nn.init.orthogonal_(weight, gain, generator=generator)


def uniform(
    weight: Float[Tensor, "outputs inputs *kernel"], *, gain: float, bound: float, generator: torch.Generator
) -> None:
    """Draw from [−bound, bound]: variance bound² / 3."""
    nn.init.uniform_(weight, -bound, bound, generator=generator)


INITIALIZATIONS: dict[str, Initialization] = {
    "glorot_uniform": glorot_uniform,
    "glorot_normal": glorot_normal,
    "he_uniform": he_uniform,
    "he_normal": he_normal,
    "orthogonal": orthogonal,
    "uniform": uniform,
    "unit_variance": orthogonal,  # and then scale_to_unit_variance
}


def scale_to_unit_variance(network: nn.Module, features: Mapping[str, Tensor], layers: Sequence[nn.Linear]) -> None:
    """Scale each layer's weights so that its outputs on these rows have variance 1, layer after layer.

    The second half of LSUV (Mishkin & Matas 2016). Biases must be zero: then dividing the weights divides the outputs,
    and one pass through the network, which hands on the scaled outputs, does all layers. A layer whose outputs do not
    vary is left as it is. Batch statistics do not move.
    """

    def scale(layer: nn.Module, inputs: object, outputs: Tensor) -> Tensor:
        spread = outputs.std(correction=0)
        if spread > 0:
            assert isinstance(layer.weight, Tensor)
            layer.weight.div_(spread)
            return outputs / spread
        return outputs

    was_training = network.training
    hooks = [layer.register_forward_hook(scale) for layer in layers]
    try:
        with torch.no_grad():
            network.eval()(features, None)
    finally:
        for hook in hooks:
            hook.remove()
        network.train(was_training)


def redraw(
    weights: Float[Tensor, "members weights"],
    fresh: Float[Tensor, "members weights"],
    *,
    uniforms: Float[Tensor, "members weights"],
    fraction: float | Tensor,
    mask: Float[Tensor, " weights"],
) -> None:
    """Replace, in place, about the given fraction of the weights under the mask by freshly drawn ones.

    A weight is replaced where its uniform number from [0, 1) is below the fraction, so that the caller's randomness
    decides alone.

    >>> weights, uniforms = torch.tensor([[1.0, 1.0, 1.0]]), torch.tensor([[0.1, 0.9, 0.1]])
    >>> redraw(weights, torch.zeros(1, 3), uniforms=uniforms, fraction=0.5, mask=torch.tensor([1.0, 1.0, 0.0]))
    >>> weights
    tensor([[0., 1., 1.]])
    """
    torch.where(uniforms < fraction * mask, fresh, weights, out=weights)


def _fans(weight: Tensor) -> tuple[int, int]:
    per_unit = weight[0].numel()
    return per_unit, weight.numel() // weight.shape[1]


def _uniform(weight: Tensor, spread: float, generator: torch.Generator) -> None:
    bound = math.sqrt(3) * spread  # a uniform distribution on [−r, r] has standard deviation r / √3
    nn.init.uniform_(weight, -bound, bound, generator=generator)
