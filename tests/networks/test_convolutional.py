"""Convolutional networks are sums over neighborhoods; what fills series up changes nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from fitwell.data.encode import ArrayBlock
from fitwell.networks.convolutional import ConvolutionalImages, ConvolutionalSeries, ResidualLayer
from fitwell.networks.layer import ArrayStart
from fitwell.networks.noise import noise_words
from fitwell.recipe import NetworkSettings, Precision, TrainingSettings

NETWORK = {"activation": "tanh", "initialization": "glorot_normal"}


def generator(seed: int = 1) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def settings_of(**settings: Any) -> NetworkSettings:
    return NetworkSettings.model_validate(NETWORK | settings)


def images(rows: int = 6, height: int = 9, width: int = 8, channels: int = 3) -> Tensor:
    return torch.randint(0, 256, (rows, height, width, channels), generator=generator(), dtype=torch.uint8)


def image_network(
    shape: tuple[int, ...],
    *,
    shift: float = 0.0,
    flip: bool = False,
    erase: float = 0.0,
    mixup: float = 0.0,
    cutmix: float = 0.0,
    precision: Precision = "float32",
    **image: Any,
) -> ConvolutionalImages:
    return ConvolutionalImages(
        ArrayStart(
            array=ArrayBlock(column="x", kind="image", shape=shape),
            settings=settings_of(image={"widths": [4, 6]} | image),
            training=TrainingSettings(
                image_shift=shift,
                image_flip=flip,
                image_crop=0,
                image_rotation=0,
                image_color=0,
                image_erase=erase,
                image_mixup=mixup,
                image_cutmix=cutmix,
                image_precision=precision,
            ),
            noise_layer=1,
            sample=images(channels=shape[2]),
            generator=generator(),
        )
    )


def series_network(steps: int) -> ConvolutionalSeries:
    return ConvolutionalSeries(
        ArrayStart(
            array=ArrayBlock(column="x", kind="series", shape=(steps, 3)),
            settings=settings_of(series={"widths": [4, 6]}),
            training=TrainingSettings(),
            noise_layer=1,
            sample=None,
            generator=generator(),
        )
    )


def convolved(inputs: np.ndarray, weight: np.ndarray, stride: int) -> np.ndarray:
    """Sum over every neighborhood, place by place."""
    reach = weight.shape[-1] // 2
    padded = np.pad(inputs, ((0, 0), (0, 0), (reach, reach), (reach, reach)))
    rows, _, height, width = inputs.shape
    outputs = np.zeros((rows, len(weight), -(-height // stride), -(-width // stride)))
    for y in range(outputs.shape[2]):
        for x in range(outputs.shape[3]):
            top, left = y * stride, x * stride
            near = padded[:, :, top : top + weight.shape[2], left : left + weight.shape[3]]
            outputs[:, :, y, x] = np.einsum("rcyx,ocyx->ro", near, weight)
    return outputs


def normalized(inputs: np.ndarray) -> np.ndarray:
    mean, variance = inputs.mean((0, 2, 3), keepdims=True), inputs.var((0, 2, 3), keepdims=True)
    return np.asarray((inputs - mean) / np.sqrt(variance + 1e-5))


@pytest.mark.parametrize(("width_out", "stride"), [(3, 1), (5, 1), (5, 2)])
def test_a_residual_layer_is_its_formula_place_by_place(width_out: int, stride: int) -> None:
    layer = ResidualLayer(nn.Conv2d, 3, width_out, settings_of(), kernel=3, stride=stride).double()
    inputs = torch.randn(4, 3, 7, 6, generator=generator(), dtype=torch.float64)
    first, second = (each.weight.detach().numpy() for each in (layer.first, layer.second))
    x = inputs.numpy()
    bent = np.tanh(normalized(convolved(x, first, stride)))
    shortcut = layer.shortcut
    around = convolved(x, shortcut.weight.detach().numpy(), stride) if isinstance(shortcut, nn.Conv2d) else x
    expected = np.tanh(normalized(convolved(bent, second, 1)) + around)
    # Both are float64: only the order of the additions differs.
    assert np.allclose(layer(inputs).detach().numpy(), expected, rtol=1e-10, atol=1e-12)


def test_gradients_are_finite_differences() -> None:
    layer = ResidualLayer(nn.Conv2d, 2, 3, settings_of(), kernel=3, stride=2).double()
    inputs = torch.randn(3, 2, 4, 4, generator=generator(), dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: layer(x), (inputs,), fast_mode=True)


def test_pixels_are_scaled_by_the_samples_mean_and_spread_of_each_channel() -> None:
    network, sample = image_network((9, 8, 3)), images().double()
    assert torch.allclose(network.center.double(), sample.mean((0, 1, 2)))
    assert torch.allclose(1 / network.factor.double(), sample.flatten(0, 2).std(0, correction=0))


@pytest.mark.parametrize("shape", [(1, 1, 1), (5, 9, 3), (48, 40, 1)])
def test_pictures_of_any_shape_become_row_vectors(shape: tuple[int, ...]) -> None:
    network = image_network(shape, blocks=2)
    assert network(images(2, *shape), None).shape == (2, network.width)
    assert len(network.layers) == 5


def test_half_as_long_numbers_are_for_training_alone_and_round() -> None:
    full, half = image_network((9, 8, 3)), image_network((9, 8, 3), precision="bfloat16")
    handed, rounded = (network.train()(images(), None) for network in (full, half))
    assert rounded.dtype == torch.float32
    assert not torch.equal(handed, rounded)
    # Eight significant bits, some layers deep.
    assert torch.allclose(handed, rounded, atol=0.1)
    rounded.sum().backward()
    assert all(parameter.grad is not None and parameter.grad.dtype == torch.float32 for parameter in half.parameters())
    for network in (full, half):
        network.load_state_dict(full.state_dict())
    assert torch.equal(full.eval()(images(), None), half.eval()(images(), None))


def test_large_pictures_are_halved_at_once() -> None:
    assert [image_network((side, side, 3)).layers[0].convolution.stride for side in (20, 28)] == [(1, 1), (2, 2)]


def test_multiplications_are_those_of_every_convolution() -> None:
    network = image_network((9, 8, 3))
    # 3 → 4 channels and twice 4 → 4 at 9 x 8; 4 → 6, 6 → 6 and the shortcut 4 → 6 at 5 x 4.
    assert network.multiplications == 72 * 9 * (3 * 4 + 2 * 4 * 4) + 20 * (9 * (4 * 6 + 6 * 6) + 4 * 6)


def test_pictures_are_moved_in_training_alone() -> None:
    network = image_network((9, 8, 3), shift=0.3, flip=True).eval()
    words = noise_words([3], step=0, layers=5)[0]
    plain = network(images(), None)
    assert torch.equal(plain, network(images(), None))
    assert not torch.allclose(plain, network(images(), words))


def test_what_is_erased_is_at_the_means_of_the_channels() -> None:
    network = image_network((9, 8, 3), erase=0.5)
    words = noise_words([3], step=0, layers=5)[0]  # its own begin with the second
    plain, erased = (
        network.changes.scaled(images(), noise, center=network.center, factor=network.factor) for noise in (None, words)
    )
    assert ((erased == plain) | (erased == 0)).all()
    assert (erased == 0).all(-1).any()


def test_what_fills_a_series_up_changes_nothing() -> None:
    network = series_network(8).eval()
    short = torch.cat([torch.randn(3, 8, 2, generator=generator()), torch.ones(3, 8, 1)], -1)
    filled = torch.cat([short, torch.zeros(3, 6, 3)], 1)
    assert torch.allclose(network(filled, None), network(short, None), rtol=1e-5, atol=1e-6)


def test_a_series_of_no_steps_hands_on_zeros() -> None:
    assert not series_network(8).eval()(torch.zeros(2, 8, 3), None).any()
