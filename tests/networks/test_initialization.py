"""Weights start with the spread that each rule promises."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import get_args

import pytest
import torch
from torch import Tensor, nn

from fitwell.networks.initialization import INITIALIZATIONS, redraw, scale_to_unit_variance
from fitwell.recipe import InitializationName

GAIN, BOUND = 1.5, 0.07
SHAPES = [(300, 200), (40, 90), (60, 20, 5)]


def drawn(name: str, shape: tuple[int, ...], *, gain: float = GAIN, seed: int = 3) -> Tensor:
    weight = torch.empty(shape)
    INITIALIZATIONS[name](weight, gain=gain, bound=BOUND, generator=torch.Generator().manual_seed(seed))
    return weight


def promised_variance(name: str, shape: tuple[int, ...]) -> float:
    kernel = math.prod(shape[2:])
    inputs, outputs = shape[1] * kernel, shape[0] * kernel
    glorot = 2 / (inputs + outputs)
    he = GAIN**2 / inputs
    orthogonal = GAIN**2 / max(inputs, shape[0])  # min(rows, columns) · gain² shared by rows · columns entries
    return {
        "glorot_uniform": glorot,
        "glorot_normal": glorot,
        "he_uniform": he,
        "he_normal": he,
        "orthogonal": orthogonal,
        "unit_variance": orthogonal,
        "uniform": BOUND**2 / 3,
    }[name]


def test_every_initialization_of_the_recipe_is_in_the_table() -> None:
    assert tuple(INITIALIZATIONS) == get_args(InitializationName)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", INITIALIZATIONS)
def test_every_initialization_has_its_promised_variance_around_zero(name: str, shape: tuple[int, ...]) -> None:
    weight, variance = drawn(name, shape).double(), promised_variance(name, shape)
    # Five standard errors: of a mean √(v/n); of a variance at most √(2/n) v, that of normal draws.
    assert abs(weight.mean()) < 5 * math.sqrt(variance / weight.numel())
    assert float(weight.var()) == pytest.approx(variance, rel=5 * math.sqrt(2 / weight.numel()))


@pytest.mark.parametrize("name", INITIALIZATIONS)
def test_every_initialization_is_a_function_of_its_generator(name: str) -> None:
    assert torch.equal(drawn(name, (7, 5)), drawn(name, (7, 5)))
    assert not torch.equal(drawn(name, (7, 5)), drawn(name, (7, 5), seed=4))


@pytest.mark.parametrize("shape", SHAPES)
def test_the_rules_draw_what_torch_draws(shape: tuple[int, ...]) -> None:
    def from_torch(fill: object, **options: object) -> Tensor:
        weight = torch.empty(shape)
        assert callable(fill)
        fill(weight, generator=torch.Generator().manual_seed(3), **options)
        return weight

    init, relu = nn.init, math.sqrt(2)
    assert torch.equal(drawn("glorot_uniform", shape), from_torch(init.xavier_uniform_))
    assert torch.equal(drawn("glorot_normal", shape), from_torch(init.xavier_normal_))
    assert torch.equal(drawn("he_uniform", shape, gain=relu), from_torch(init.kaiming_uniform_, nonlinearity="relu"))
    assert torch.equal(drawn("he_normal", shape, gain=relu), from_torch(init.kaiming_normal_, nonlinearity="relu"))
    assert torch.equal(drawn("uniform", shape), from_torch(init.uniform_, a=-BOUND, b=BOUND))


@pytest.mark.parametrize("shape", [(6, 10), (10, 6), (8, 8)])
def test_orthogonal_rows_or_columns_are_orthogonal_and_of_length_gain(shape: tuple[int, int]) -> None:
    weight = drawn("orthogonal", shape).double()
    gram = weight @ weight.T if shape[0] <= shape[1] else weight.T @ weight
    # Entries of a float32 orthogonal factor carry a rounding error of about 1e-7 each.
    assert torch.allclose(gram, GAIN**2 * torch.eye(min(shape), dtype=torch.float64), atol=1e-5)


class Stack(nn.Module):
    """Three layers with a normalization between, as the networks of this package are called."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.head = nn.Linear(4, 16), nn.Linear(16, 8), nn.Linear(8, 2)
        self.normalization = nn.BatchNorm1d(16)
        for layer in (self.first, self.second, self.head):
            nn.init.zeros_(layer.bias)

    def forward(self, features: Mapping[str, Tensor], noise: Tensor | None) -> Tensor:
        hidden = torch.tanh(self.normalization(self.first(features["numbers"])))
        output: Tensor = self.head(torch.relu(self.second(hidden)))
        return output


def outputs_by_hand(network: Stack, rows: Tensor) -> list[Tensor]:
    network.eval()
    first = network.first(rows)
    second = network.second(torch.tanh(network.normalization(first)))
    return [first, second, network.head(torch.relu(second))]


def test_unit_variance_holds_for_every_layer_on_the_first_batch() -> None:
    torch.manual_seed(0)
    network, rows = Stack(), 30 * torch.randn(200, 4)
    layers = [network.first, network.second, network.head]
    before = [layer.weight.detach().clone() for layer in layers]
    scale_to_unit_variance(network, {"numbers": rows}, layers)
    assert network.training
    assert torch.equal(network.normalization.get_buffer("running_mean"), torch.zeros(16))
    for layer, old in zip(layers, before, strict=True):  # only the length of the weights has changed
        ratio = layer.weight / old
        assert torch.allclose(ratio, ratio.mean(), rtol=1e-5)
    for outputs in outputs_by_hand(network, rows):
        assert float(outputs.detach().var(correction=0)) == pytest.approx(1, rel=1e-5)


def test_a_layer_whose_outputs_do_not_vary_keeps_its_weights() -> None:
    network = Stack()
    before = network.first.weight.detach().clone()
    scale_to_unit_variance(network, {"numbers": torch.zeros(5, 4)}, [network.first, network.second])
    assert torch.equal(network.first.weight, before)


def test_redrawing_replaces_the_given_fraction_of_the_masked_weights_alone() -> None:
    generator = torch.Generator().manual_seed(0)
    weights, uniforms = torch.zeros(3, 10_000), torch.rand(3, 10_000, generator=generator)
    mask = (torch.arange(10_000) < 8_000).float()
    redraw(weights, torch.ones(3, 10_000), uniforms=uniforms, fraction=0.25, mask=mask)
    assert weights[:, 8_000:].sum() == 0
    # Five standard deviations of a binomial share of 24,000 draws.
    assert float(weights[:, :8_000].mean()) == pytest.approx(0.25, abs=5 * math.sqrt(0.25 * 0.75 / 24_000))


def test_redrawing_no_fraction_leaves_every_bit_as_it_was() -> None:
    weights = torch.randn(2, 50, generator=torch.Generator().manual_seed(0))
    before = weights.clone()
    redraw(weights, torch.ones(2, 50), uniforms=torch.zeros(2, 50), fraction=0.0, mask=torch.ones(50))
    assert torch.equal(weights, before)


def test_a_member_is_redrawn_alone_as_among_others() -> None:
    generator = torch.Generator().manual_seed(1)
    weights, fresh, uniforms = (torch.rand(3, 40, generator=generator) for _ in range(3))
    alone = weights[1:2].clone()
    redraw(alone, fresh[1:2], uniforms=uniforms[1:2], fraction=0.3, mask=torch.ones(40))
    redraw(weights, fresh, uniforms=uniforms, fraction=0.3, mask=torch.ones(40))
    assert torch.equal(weights[1:2], alone)
