"""Activations do what their formulas say, and their gains are what signals need."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import get_args

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.special import erf, expit

from fitwell.networks.activations import ACTIVATIONS
from fitwell.networks.initialization import INITIALIZATIONS
from fitwell.recipe import ActivationName, NetworkSettings

SETTINGS = NetworkSettings(leaky_slope=0.1)

FORMULAS: dict[str, Callable[[float], float]] = {
    "relu": lambda x: max(0.0, x),
    "leaky_relu": lambda x: x if x > 0 else 0.1 * x,
    "prelu": lambda x: x if x > 0 else 0.1 * x,
    "elu": lambda x: x if x > 0 else math.expm1(x),
    "selu": lambda x: 1.0507009873554805 * (x if x > 0 else 1.6732632423543772 * math.expm1(x)),
    "gelu": lambda x: x * (1 + erf(x / math.sqrt(2))) / 2,
    "silu": lambda x: x * expit(x),
    "mish": lambda x: x * math.tanh(np.logaddexp(0, x)),
    "softplus": lambda x: float(np.logaddexp(0, x)),
    "sigmoid": lambda x: float(expit(x)),
    "tanh": math.tanh,
    "identity": lambda x: x,
}


def test_every_activation_of_the_recipe_is_in_the_table() -> None:
    assert tuple(ACTIVATIONS) == get_args(ActivationName)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_activation_follows_its_formula(name: str) -> None:
    points = torch.linspace(-6, 6, 25, dtype=torch.float64)[:, None]
    expected = [FORMULAS[name](float(x)) for x in points]
    found = ACTIVATIONS[name].module(SETTINGS).double()(points)
    # nn.PReLU keeps its slope in float32 before it becomes a double: 0.1 to eight digits.
    assert found[:, 0].tolist() == pytest.approx(expected, abs=1e-8)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_gain_undoes_what_the_activation_takes_from_a_normal_input(name: str) -> None:
    def weighted(z: float) -> float:
        return FORMULAS[name](z) ** 2 * math.exp(-z * z / 2) / math.sqrt(2 * math.pi)

    square = quad(weighted, -40, 0, epsabs=1e-13)[0] + quad(weighted, 0, 40, epsabs=1e-13)[0]
    assert ACTIVATIONS[name].gain(SETTINGS) == pytest.approx(1 / math.sqrt(square), rel=1e-9)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_saturation_bounds_are_the_limits_of_the_formula(name: str) -> None:
    limits = (FORMULAS[name](-50.0), FORMULAS[name](50.0))
    bounds = ACTIVATIONS[name].saturates
    if bounds is None:
        assert max(map(abs, limits)) >= 50
    else:
        assert bounds == pytest.approx(limits, abs=1e-15)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_activation_names_an_initialization_with_its_reason(name: str) -> None:
    activation = ACTIVATIONS[name]
    assert activation.initialization in INITIALIZATIONS
    assert activation.why
    assert activation.definition


def test_only_the_slope_of_prelu_is_learned() -> None:
    learned = {name for name, of in ACTIVATIONS.items() if list(of.module(SETTINGS).parameters())}
    assert learned == {"prelu"}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_activation_can_be_mapped_over_members(name: str) -> None:
    members = [ACTIVATIONS[name].module(NetworkSettings(leaky_slope=slope)) for slope in (0.1, 0.4)]
    if name == "leaky_relu":  # its slope is a setting of the population, not a weight of a member
        members = members[:1] * 2
    stacked, _ = torch.func.stack_module_state(members)
    inputs = torch.linspace(-2, 2, 12).reshape(2, 3, 2)
    mapped = torch.func.vmap(lambda state, x: torch.func.functional_call(members[0], state, (x,)))(stacked, inputs)
    assert torch.equal(mapped, torch.stack([member(x) for member, x in zip(members, inputs, strict=True)]))
