"""Recurrent networks are their formulas, written gate by gate; shorter series end where they end."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from fitwell.data.encode import ArrayBlock
from fitwell.networks.layer import ArrayStart
from fitwell.networks.recurrent import CELLS, RecurrentLayer, RecurrentSeries, backward_order
from fitwell.recipe import RECURRENT, NetworkSettings, TrainingSettings
from fitwell.training.pieces import pieces_of

ROWS, STEPS, CHANNELS, UNITS = 3, 7, 2, 5


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(1)


def layer_of(name: str, *, bidirectional: bool = False) -> RecurrentLayer:
    layer = RecurrentLayer(name, CHANNELS, UNITS, bidirectional=bidirectional, generator=generator()).double()
    with torch.no_grad():
        for parameter in layer.parameters():  # biases too, which start at zero
            parameter.add_(0.3 * torch.randn(parameter.shape, generator=generator(), dtype=torch.float64))
    return layer


def series(rows: int = ROWS, steps: int = STEPS) -> Tensor:
    return torch.randn(rows, steps, CHANNELS, generator=generator(), dtype=torch.float64)


def by_hand(name: str, direction: Any, inputs: Tensor) -> Tensor:
    """Go step by step and gate by gate, as the formulas of the module's docstring say."""
    w, u = (weight.split(UNITS) for weight in (direction.input_weight, direction.recurrent_weight))
    b, b_state = (bias.split(UNITS) for bias in (direction.input_bias, direction.recurrent_bias))
    h = c = torch.zeros(len(inputs), UNITS, dtype=torch.float64)
    states = []
    for x in inputs.unbind(1):
        own = [x @ w[gate].T + b[gate] for gate in range(len(w))]
        carried = [h @ u[gate].T + b_state[gate] for gate in range(len(w))]
        if name == "rnn":
            h = torch.tanh(own[0] + carried[0])
        elif name == "lstm":
            i, f, o = (torch.sigmoid(own[gate] + carried[gate]) for gate in (0, 1, 3))
            c = f * c + i * torch.tanh(own[2] + carried[2])
            h = o * torch.tanh(c)
        else:
            r, z = (torch.sigmoid(own[gate] + carried[gate]) for gate in (0, 1))
            h = (1 - z) * torch.tanh(own[2] + r * carried[2]) + z * h
        states.append(h)
    return torch.stack(states, 1)


def test_every_recurrent_family_of_the_recipe_has_a_cell() -> None:
    assert set(CELLS) == RECURRENT


@pytest.mark.parametrize("name", CELLS)
def test_states_are_those_of_the_formula_gate_by_gate(name: str) -> None:
    layer, inputs = layer_of(name), series()
    states = layer(inputs, backward_order(torch.ones(ROWS, STEPS, dtype=torch.bool)))
    # Both are float64: only the order of the additions differs.
    assert torch.allclose(states, by_hand(name, layer.forwards, inputs), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("name", CELLS)
def test_backwards_each_series_begins_at_its_own_end(name: str) -> None:
    layer, inputs, lengths = layer_of(name, bidirectional=True), series(), [7, 4, 1]
    present = torch.arange(STEPS) < torch.tensor(lengths)[:, None]
    states = layer(inputs, backward_order(present))
    for row, length in enumerate(lengths):
        turned = by_hand(name, layer.backwards, inputs[row : row + 1, :length].flip(1)).flip(1)
        assert torch.allclose(states[row, :length, UNITS:], turned[0], rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("name", CELLS)
def test_gradients_are_finite_differences(name: str) -> None:
    layer, inputs = layer_of(name, bidirectional=True), series(2, 4).requires_grad_()
    order = backward_order(torch.tensor([[True] * 4, [True] * 3 + [False]]))
    parameters = tuple(layer.parameters())

    def outputs(inputs: Tensor, *weights: Tensor) -> Tensor:
        tensors = dict(zip((key for key, _ in layer.named_parameters()), weights, strict=True))
        found: Tensor = torch.func.functional_call(layer, tensors, (inputs, order))
        return found

    assert torch.autograd.gradcheck(outputs, (inputs, *parameters), fast_mode=True)


def test_recurrent_weights_start_orthogonal_and_the_forget_gate_open() -> None:
    layer = RecurrentLayer("lstm", CHANNELS, UNITS, bidirectional=False, generator=generator()).forwards
    for gate in torch.split(layer.recurrent_weight, UNITS):
        assert torch.allclose(gate @ gate.T, torch.eye(UNITS), atol=1e-5)
    assert torch.split(layer.input_bias, UNITS)[1].tolist() == [1.0] * UNITS
    assert layer.input_bias.sum() == UNITS
    assert not layer.recurrent_bias.any()


def network_of(family: str, **settings: Any) -> RecurrentSeries:
    recipe = NetworkSettings.model_validate({"series": {"family": family, "widths": [4, 3]} | settings})
    array = ArrayBlock(column="x", kind="series", shape=(STEPS, CHANNELS + 1))
    return RecurrentSeries(
        ArrayStart(
            array=array, settings=recipe, training=TrainingSettings(), noise_layer=1, sample=None, generator=generator()
        )
    ).double()


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("name", CELLS)
def test_what_fills_a_series_up_changes_nothing(name: str, bidirectional: bool) -> None:
    network = network_of(name, bidirectional=bidirectional)
    short = torch.cat([series(2, 4), torch.ones(2, 4, 1)], -1)
    filled = torch.cat([short, torch.zeros(2, 3, CHANNELS + 1)], 1)
    filled[:, 4:, :CHANNELS] = 9.0
    handed = network(short, None)
    assert handed.shape == (2, network.width)
    assert torch.allclose(network(filled, None), handed, rtol=1e-12, atol=1e-14)


def test_a_series_of_no_steps_hands_on_zeros() -> None:
    assert not network_of("gru")(torch.zeros(2, STEPS, CHANNELS + 1, dtype=torch.float64), None).any()


def test_the_last_states_and_their_means_are_handed_on() -> None:
    network = network_of("lstm")
    inputs = torch.cat([series(), torch.ones(ROWS, STEPS, 1)], -1)
    hidden = inputs[..., :-1]
    for layer in network.layers:
        hidden = layer(hidden, backward_order(torch.ones(ROWS, STEPS, dtype=torch.bool)))
    assert torch.allclose(network(inputs, None), torch.cat([hidden[:, -1], hidden.mean(1)], 1))


def test_recurrent_biases_are_not_decayed() -> None:
    roles = {piece.name.rpartition(".")[2]: piece.role for piece in pieces_of(network_of("gru"))}
    assert roles == {
        "input_weight": "weight", "recurrent_weight": "weight", "input_bias": "bias", "recurrent_bias": "bias",
    }  # fmt: skip
