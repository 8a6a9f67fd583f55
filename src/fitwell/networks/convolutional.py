"""Convolutional networks: the same small filters everywhere, so that what is learned in one place holds in all.

A layer is a residual block (He et al. 2016): two convolutions with batch normalization, and a shortcut around them that
gradients pass unchanged. A stage is a few such layers; each stage after the first halves the sides of the picture, or
the steps of the series. The last stage's means over all places are what is handed on.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from fitwell.networks.activations import ACTIVATIONS
from fitwell.networks.augmentation import NOISE_LAYERS, changes_of
from fitwell.networks.initialization import INITIALIZATIONS
from fitwell.networks.layer import ArrayNetwork, ArrayStart, Layer
from fitwell.networks.normalization import BatchNorm
from fitwell.recipe import NetworkSettings

IMAGE_KERNEL, SERIES_KERNEL = 3, 7
Convolution = type[nn.Conv1d] | type[nn.Conv2d]
Present = Float[Tensor, "rows 1 *filled"] | None  # 1 where there is something, 0 where it is filled up; None: all
SCALED_BY = 1000  # pictures, about, whose mean and spread are taken
LARGE_SIDE = 24  # pictures from here on are halved by the first layer: with twice the channels, the same work is faster


class ConvolutionalLayer(Layer):
    """Convolution, batch normalization, activation, without a shortcut: the first layer, whose channels are colors."""

    def __init__(
        self, kind: Convolution, width_in: int, width_out: int, settings: NetworkSettings, *, kernel: int, stride: int
    ) -> None:
        super().__init__()
        self.convolution = _convolution(kind, width_in, width_out, kernel=kernel, stride=stride)
        self.normalization = BatchNorm(width_out)
        self.activation, self.bounds = _activation(settings)

    def forward(
        self, inputs: Float[Tensor, "rows channels *places"], present: Present = None
    ) -> Float[Tensor, "rows out_channels ..."]:
        """Return what the layer makes of the places that are `present` in its outputs, and 0 for the others."""
        outputs: Tensor = self.activation(self.normalization(self.convolution(inputs)))
        return _kept(outputs, present)


class ResidualLayer(Layer):
    """Two convolutions, and a shortcut around them, of 1 x 1 filters where channels or sides change."""

    def __init__(
        self, kind: Convolution, width_in: int, width_out: int, settings: NetworkSettings, *, kernel: int, stride: int
    ) -> None:
        super().__init__()
        self.first = _convolution(kind, width_in, width_out, kernel=kernel, stride=stride)
        self.first_normalization = BatchNorm(width_out)
        self.first_activation, _ = _activation(settings)
        self.second = _convolution(kind, width_out, width_out, kernel=kernel, stride=1)
        self.second_normalization = BatchNorm(width_out)
        changes = stride > 1 or width_in != width_out
        # The places are taken out beforehand: where a convolution of 1 x 1 has a stride, oneDNN's backward pass for
        # processors without AVX-512 writes beyond its memory if there are few channels (torch 2.13, channels last).
        shortcut = _convolution(kind, width_in, width_out, kernel=1, stride=1) if changes else nn.Identity()
        self.stride, self.sides = stride, 2 if kind is nn.Conv2d else 1
        self.shortcut: nn.Module = shortcut
        self.activation, self.bounds = _activation(settings)

    def forward(
        self, inputs: Float[Tensor, "rows channels *places"], present: Present = None
    ) -> Float[Tensor, "rows out_channels ..."]:
        """Return what the layer makes of the places that are `present` in its outputs, and 0 for the others."""
        bent = _kept(self.first_activation(self.first_normalization(self.first(inputs))), present)
        outputs: Tensor = self.activation(
            self.second_normalization(self.second(bent)) + self.shortcut(self._taken(inputs))
        )
        return _kept(outputs, present)

    def _taken(self, inputs: Tensor) -> Tensor:
        return inputs[..., :: self.stride] if self.sides == 1 else inputs[..., :: self.stride, :: self.stride]


class ConvolutionalImages(ArrayNetwork):
    """Pictures become row vectors.

    In training each is changed in ways that do not change what it shows (`networks/augmentation.py`), and mixed with
    another (`networks/mixing.py`) by the noise words that are the last of the whole network.

    Shape: bytes (rows, height, width, channels) -> (rows, width of the last stage).
    """

    center: Tensor
    factor: Tensor

    def __init__(self, start: ArrayStart) -> None:
        super().__init__()
        assert start.settings.image.widths != "auto"
        assert start.training.image_precision != "auto"
        height, width, channels = start.array.shape
        center, factor = _scale(start.sample, channels)
        self.register_buffer("center", center)
        self.register_buffer("factor", factor)
        self.changes = changes_of(start.training, noise_layer=start.noise_layer)
        self.is_halved = start.training.image_precision == "bfloat16"
        self.noise_layers = NOISE_LAYERS
        widths = start.settings.image.widths
        halved = 2 if max(height, width) >= LARGE_SIDE else 1
        first = ConvolutionalLayer(nn.Conv2d, channels, widths[0], start.settings, kernel=IMAGE_KERNEL, stride=halved)
        stages = residual_stages(
            nn.Conv2d, widths, start.settings, kernel=IMAGE_KERNEL, blocks=start.settings.image.blocks
        )
        self.layers = nn.ModuleList([first, *stages])
        self.width = widths[-1]
        self.multiplications = multiplications_of(self.layers, (height, width))
        initialize(self, start.settings, generator=start.generator)

    def forward(
        self, images: UInt8[Tensor, "rows height width channels"], noise: Tensor | None
    ) -> Float[Tensor, "rows features"]:
        # Channels stay last in memory, as pictures are kept and convolutions are fastest.
        hidden = self.changes.scaled(images, noise, center=self.center, factor=self.factor).movedim(-1, -3)
        # In training alone: what is predicted does not depend on what a machine has units for.
        with torch.autocast(images.device.type, torch.bfloat16, enabled=self.training and self.is_halved):
            for layer in self.layers:
                hidden = layer(hidden)
        return hidden.float().mean((-2, -1))


class ConvolutionalSeries(ArrayNetwork):
    """Series become row vectors; what fills up shorter ones is kept at zero, so that it changes nothing.

    Shape: (rows, steps, channels), the last channel 1 on a series' own steps, else 0 -> (rows, last width).
    """

    def __init__(self, start: ArrayStart) -> None:
        super().__init__()
        assert start.settings.series.widths != "auto"
        steps, channels = start.array.shape
        widths = start.settings.series.widths
        self.noise_layers = 0
        first = ConvolutionalLayer(nn.Conv1d, channels - 1, widths[0], start.settings, kernel=SERIES_KERNEL, stride=1)
        self.layers = nn.ModuleList(
            [first, *residual_stages(nn.Conv1d, widths, start.settings, kernel=SERIES_KERNEL, blocks=1)]
        )
        self.width = widths[-1]
        self.multiplications = multiplications_of(self.layers, (steps,))
        initialize(self, start.settings, generator=start.generator)

    def forward(
        self, series: Float[Tensor, "rows steps channels"], noise: Tensor | None
    ) -> Float[Tensor, "rows features"]:
        hidden, present = series[..., :-1].movedim(-1, -2), series[..., None, :, -1]
        for place, layer in enumerate(self.layers):
            present = present[..., :: 2 if place > 1 else 1]  # each stage after the first halves the steps
            hidden = layer(hidden, present)
        return hidden.sum(-1) / present.sum(-1).clamp_min(1.0)


def initialize(network: nn.Module, settings: NetworkSettings, *, generator: torch.Generator) -> None:
    """Draw the weights of all convolutions by the recipe's rule."""
    assert settings.activation != "auto"
    assert settings.initialization != "auto"
    fill = INITIALIZATIONS[settings.initialization]
    gain = ACTIVATIONS[settings.activation].gain(settings)
    with torch.no_grad():
        for convolution in _convolutions(network):
            fill(convolution.weight, gain=gain, bound=settings.initialization_range, generator=generator)


def _kept(values: Tensor, present: Present) -> Tensor:
    return values if present is None else values * present


def residual_stages(
    kind: Convolution, widths: Sequence[int], settings: NetworkSettings, *, kernel: int, blocks: int
) -> Iterator[ResidualLayer]:
    """Yield stages of so many blocks each; each stage after the first halves the sides."""
    before = widths[0]
    for stage, after in enumerate(widths):
        for block in range(blocks):
            stride = 2 if stage and not block else 1
            yield ResidualLayer(kind, before, after, settings, kernel=kernel, stride=stride)
            before = after


def _convolutions(network: nn.Module) -> Iterator[nn.Conv1d | nn.Conv2d]:
    return (module for module in network.modules() if isinstance(module, nn.Conv1d | nn.Conv2d))


def _convolution(
    kind: Convolution, width_in: int, width_out: int, *, kernel: int, stride: int
) -> nn.Conv1d | nn.Conv2d:
    # Batch normalization takes a bias out again.
    return kind(width_in, width_out, kernel, stride=stride, padding=kernel // 2, bias=False)


def _activation(settings: NetworkSettings) -> tuple[nn.Module, tuple[float, float] | None]:
    assert settings.activation != "auto"
    activation = ACTIVATIONS[settings.activation]
    return activation.module(settings), activation.saturates


def _scale(sample: Tensor | None, channels: int) -> tuple[Tensor, Tensor]:
    """Return each channel's mean over the sample, and 1 over its standard deviation, which counts as 1 at least."""
    if sample is None:
        return torch.zeros(channels), torch.ones(channels)
    values = sample[:: max(1, len(sample) // SCALED_BY)].double().flatten(0, -2)
    return values.mean(0).float(), (1 / values.std(0, correction=0).clamp_min(1.0)).float()


def multiplications_of(layers: nn.ModuleList, sides: Sequence[int]) -> float:
    """Return how many multiplications the convolutions take for one row with such sides."""
    total = 0.0
    for layer in layers:
        convolutions = list(_convolutions(layer))
        stride = max(convolution.stride[0] for convolution in convolutions)
        sides = [-(-side // stride) for side in sides]
        total += math.prod(sides) * sum(convolution.weight.numel() for convolution in convolutions)
    return total
