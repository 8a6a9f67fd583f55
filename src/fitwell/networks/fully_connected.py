"""Fully connected networks: blocks of inputs side by side, hidden layers, a linear head.

A column of arrays (texts, images, series) has a network of its own before, whose row vector stands beside the other
inputs.

Where pictures are mixed in training (`networks/mixing.py`), the row vectors of other columns are mixed alike.

A hidden layer is linear map, normalization, activation, dropout; with `residual`, its input is added to its output
where the widths agree. Initialization follows the activation unless it is set.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn

from fitwell.data.encode import FeatureLayout
from fitwell.networks.activations import ACTIVATIONS
from fitwell.networks.affine import AffineMap
from fitwell.networks.arrays import ARRAY_NETWORKS, family_of
from fitwell.networks.embeddings import (
    CategoryEmbedding,
    InputScale,
    NumberEmbedding,
    PeriodicEmbedding,
    PiecewiseLinearEmbedding,
    quantile_edges,
)
from fitwell.networks.initialization import INITIALIZATIONS
from fitwell.networks.layer import ArrayNetwork, ArrayStart, Layer
from fitwell.networks.mixing import Mixing, mixing_of
from fitwell.networks.noise import Dropout, InputNoise
from fitwell.networks.normalization import NORMALIZATIONS
from fitwell.recipe import NetworkSettings, TrainingSettings

PERIODIC_FREQUENCIES = 16  # per number; the choice of Holzmüller et al. (2024)


class Inputs(nn.Module):
    """Blocks of encoded columns become one row vector: numbers widened, categories embedded, flags as they are.

    The scaled numbers go through `network.input_factor` and `input_shift` first, and in training normal noise of
    standard deviation `noise_scale` is added to them.
    """

    def __init__(
        self,
        layout: FeatureLayout,
        settings: NetworkSettings,
        *,
        noise_scale: float,
        sample: Mapping[str, Tensor] | None,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        factor, shift = settings.input_factor, settings.input_shift
        names = ("network.input_factor", "network.input_shift")
        self.units = AffineMap(factor, shift, width=layout.numbers, settings=names)
        self.noise = InputNoise(noise_scale, layer=0)
        seen = None if sample is None or not layout.numbers else self.units(sample["numbers"])
        self.numbers = _number_embedding(layout, settings, sample=seen, generator=generator)
        self.codes: CategoryEmbedding | None = None
        widths: tuple[int, ...] = ()
        if layout.cardinalities:
            assert settings.category_embedding_width != "auto"
            widths = tuple(min(settings.category_embedding_width, size) for size in layout.cardinalities)
            self.codes = CategoryEmbedding(layout.cardinalities, widths=widths, generator=generator)
        number_width = 1 if settings.number_embedding == "none" else _resolved_width(settings)
        self.width = layout.flags + layout.numbers * number_width + sum(widths)
        self.scale = InputScale(self.width) if settings.input_scale else nn.Identity()

    def forward(self, features: Mapping[str, Tensor], noise: Tensor | None) -> Float[Tensor, "rows width"]:
        parts = []
        if "numbers" in features:
            numbers = features["numbers"]
            # Asked here: calling a module that does nothing costs a hundredth of a small step.
            if self.units.acts:
                numbers = self.units(numbers)
            if self.noise.acts:
                numbers = self.noise(numbers, noise)
            parts.append(self.numbers(numbers))
        if "flags" in features:
            parts.append(features["flags"])
        if self.codes is not None:
            parts.append(self.codes(features["codes"]))
        joined: Tensor = self.scale(parts[0] if len(parts) == 1 else torch.cat(parts, -1))
        return joined


class HiddenLayer(Layer):
    """Linear map, normalization, activation, dropout."""

    def __init__(self, width_in: int, width_out: int, settings: NetworkSettings, *, layer: int) -> None:
        super().__init__()
        assert settings.activation != "auto"
        assert settings.normalization != "auto"
        assert settings.dropout != "auto"
        # Batch normalization takes a bias out again, and its gradient is rounding: adam would let it wander.
        self.linear = nn.Linear(width_in, width_out, bias=settings.normalization != "batch")
        self.normalization = NORMALIZATIONS[settings.normalization](width_out, settings)
        activation = ACTIVATIONS[settings.activation]
        self.activation = activation.module(settings)
        self.bounds = activation.saturates  # read by the signals
        self.dropout = Dropout(settings.dropout, layer=layer)
        self.residual = bool(settings.residual) and width_in == width_out

    def forward(self, inputs: Float[Tensor, "rows width_in"], noise: Tensor | None) -> Float[Tensor, "rows width_out"]:
        outputs: Tensor = self.dropout(self.activation(self.normalization(self.linear(inputs))), noise)
        return outputs + inputs if self.residual else outputs


class FullyConnected(nn.Module):
    """A multilayer perceptron over encoded columns.

    The head works in the units in which the loss sees the targets; `units` maps its outputs back to scaled ones.

    Shape: features, a mapping of blocks each (rows, ...), and noise words (layers, 2) or None -> (rows, outputs).
    """

    def __init__(
        self,
        settings: NetworkSettings,
        layout: FeatureLayout,
        outputs: int,
        training: TrainingSettings,
        *,
        units: AffineMap,
        sample: Mapping[str, Tensor] | None,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        assert settings.hidden != "auto"
        self.inputs: Inputs | None = None
        if layout.inputs:
            noise = training.input_noise
            self.inputs = Inputs(layout, settings, noise_scale=noise, sample=sample, generator=generator)
        noise_layer = 1 + len(settings.hidden)  # the first is the input noise
        self.arrays = nn.ModuleDict()
        for block, array in layout.arrays.items():
            self.arrays[block] = ARRAY_NETWORKS[array.kind][family_of(array, settings)](
                ArrayStart(
                    array=array,
                    settings=settings,
                    training=training,
                    noise_layer=noise_layer,
                    sample=None if sample is None else sample[block],
                    generator=generator,
                )
            )
            noise_layer += self._array(block).noise_layers
        self.pictures = {block for block, array in layout.arrays.items() if array.kind == "image"}
        self.mixing = mixing_of(training) if self.pictures else Mixing(mixup=0.0, cutmix=0.0)
        self.noise_layers = noise_layer + int(self.mixing.acts)  # the last layer's words are those of the mixing
        inputs = 0 if self.inputs is None else self.inputs.width
        widths = (inputs + sum(self._array(block).width for block in self.arrays), *settings.hidden)
        self.layers = nn.ModuleList(
            HiddenLayer(width_in, width_out, settings, layer=place + 1)
            for place, (width_in, width_out) in enumerate(pairwise(widths))
        )
        self.head = nn.Linear(widths[-1], outputs)
        self.units = units
        _initialize(self, settings, generator=generator)

    def forward(self, features: Mapping[str, Tensor], noise: Tensor | None) -> Float[Tensor, "rows outputs"]:
        parts = [] if self.inputs is None else [self.inputs(features, noise)]
        parts += [network(features[block], noise) for block, network in self.arrays.items()]
        if noise is not None and self.mixing.acts:
            blend = self.mixing.drawn(noise[-1], len(parts[0]))
            mixed_before = [False] * (self.inputs is not None) + [block in self.pictures for block in self.arrays]
            parts = [part if mixed else blend.rows(part) for part, mixed in zip(parts, mixed_before, strict=True)]
        hidden = parts[0] if len(parts) == 1 else torch.cat(parts, -1)
        for layer in self.layers:
            hidden = layer(hidden, noise)
        outputs: Tensor = self.head(hidden)
        return self.units(outputs) if self.units.acts else outputs

    @property
    def multiplications(self) -> float:
        """How many multiplications the arrays of one row take, about."""
        return sum((self._array(block).multiplications for block in self.arrays), 0.0)

    def _array(self, block: str) -> ArrayNetwork:
        network = self.arrays[block]
        assert isinstance(network, ArrayNetwork)
        return network


def _initialize(network: FullyConnected, settings: NetworkSettings, *, generator: torch.Generator) -> None:
    assert settings.activation != "auto"
    assert settings.initialization != "auto"
    fill = INITIALIZATIONS[settings.initialization]
    gain = ACTIVATIONS[settings.activation].gain(settings)
    linear = [layer.linear for layer in network.layers if isinstance(layer, HiddenLayer)]
    with torch.no_grad():
        for layer in linear:
            fill(layer.weight, gain=gain, bound=settings.initialization_range, generator=generator)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
        # A head of zeros starts from the even guess instead of a random one; the first step moves the head alone.
        nn.init.zeros_(network.head.weight)
        nn.init.zeros_(network.head.bias)


def _number_embedding(
    layout: FeatureLayout, settings: NetworkSettings, *, sample: Tensor | None, generator: torch.Generator
) -> nn.Module:
    if layout.numbers == 0 or settings.number_embedding == "none":
        return nn.Identity()
    width = _resolved_width(settings) - 1  # the number itself is the last entry
    parts: list[nn.Module] = []
    if settings.number_embedding in ("periodic", "combined"):
        scale, frequencies = settings.number_embedding_scale, PERIODIC_FREQUENCIES
        parts.append(
            PeriodicEmbedding(layout.numbers, width=width, frequencies=frequencies, scale=scale, generator=generator)
        )
    if settings.number_embedding in ("piecewise_linear", "combined"):
        bins = settings.number_embedding_bins
        numbers = torch.zeros(1, layout.numbers) if sample is None else sample
        edges = quantile_edges(numbers, bins=bins)
        parts.append(PiecewiseLinearEmbedding(edges, bins=bins, width=width, generator=generator))
    return NumberEmbedding(parts)


def _resolved_width(settings: NetworkSettings) -> int:
    assert settings.number_embedding_width != "auto"
    return settings.number_embedding_width
