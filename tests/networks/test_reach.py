"""How far back gradients reach: planted recurrences decay at known rates, and the picture says so."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from fitwell.networks.recurrent import gradient_reach, recurrent_layers

STEPS, UNITS = 12, 6


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(3)


def layers_of(family: str, *, units: int = UNITS, count: int = 1, bidirectional: bool = False) -> nn.ModuleList:
    return recurrent_layers(family, 2, [units] * count, bidirectional=bidirectional, generator=generator()).double()


def reach(layers: nn.ModuleList, inputs: Tensor, present: Tensor | None = None) -> np.ndarray:
    present = torch.ones(inputs.shape[:2], dtype=torch.float64) if present is None else present
    return gradient_reach(layers, inputs, present, generator=generator()).numpy()


def inputs_of(rows: int, *, size: float = 1.0) -> Tensor:
    return size * torch.randn(rows, STEPS, 2, generator=generator(), dtype=torch.float64)


@pytest.mark.parametrize("factor", [0.5, 0.9, 1.1])
def test_a_plain_network_near_zero_multiplies_by_its_recurrent_weights_each_step(factor: float) -> None:
    (layer,) = layers = layers_of("rnn")
    with torch.no_grad():
        direction = dict(layer.named_parameters())
        direction["forwards.recurrent_weight"].mul_(factor)  # orthogonal before: every direction alike
    lengths = reach(layers, inputs_of(500, size=1e-6))  # where tanh is a straight line
    # Q^k only turns a direction. A length is the root of a mean over 2,000 directions, whose squares spread as much as
    # they are large at most: a ratio of two is off by 3 % (one standard error), the eleventh root by 0.3 %.
    np.testing.assert_allclose(lengths[1:] / lengths[:-1], factor, rtol=0.12)
    assert (lengths[-1] / lengths[0]) ** (1 / (STEPS - 1)) == pytest.approx(factor, rel=0.012)


def test_a_plain_network_of_one_unit_decays_exactly() -> None:
    (layer,) = layers = layers_of("rnn", units=1)
    with torch.no_grad():
        dict(layer.named_parameters())["forwards.recurrent_weight"].fill_(0.7)
    lengths = reach(layers, inputs_of(3, size=1e-8))
    np.testing.assert_allclose(lengths, lengths[0] * 0.7 ** np.arange(STEPS), rtol=1e-6)


@pytest.mark.parametrize("bias", [0.0, 1.0, 5.0])
def test_a_cell_passes_on_what_its_forget_gate_keeps(bias: float) -> None:
    (layer,) = layers = layers_of("lstm")
    with torch.no_grad():
        weights = dict(layer.named_parameters())
        weights["forwards.recurrent_weight"].zero_()  # the cell alone carries anything on
        weights["forwards.input_bias"][UNITS : 2 * UNITS] = bias
    lengths = reach(layers, inputs_of(4, size=1e-6))
    kept = 1 / (1 + np.exp(-bias))
    np.testing.assert_allclose(lengths, lengths[0] * kept ** np.arange(STEPS), rtol=1e-4)


def test_an_lstm_reaches_further_than_a_plain_network_from_their_first_weights() -> None:
    inputs = torch.randn(32, 40, 2, generator=generator(), dtype=torch.float64)
    lengths = {family: reach(layers_of(family, units=32), inputs) for family in ("rnn", "lstm")}
    assert lengths["lstm"][-1] / lengths["lstm"].max() > 3 * lengths["rnn"][-1] / lengths["rnn"].max()


@pytest.mark.parametrize("bidirectional", [False, True])
def test_lengths_are_those_of_the_whole_matrix_of_derivatives(bidirectional: bool) -> None:
    layers = layers_of("gru", units=1, count=2, bidirectional=bidirectional)  # one unit: one direction, up to its sign
    present = torch.ones(2, STEPS, dtype=torch.float64)
    present[1, 8:] = 0
    inputs = inputs_of(2)

    def last(rows: Tensor) -> Tensor:
        hidden = rows
        order = torch.where(
            present > 0, present.sum(-1, keepdim=True).long() - 1 - torch.arange(STEPS), torch.arange(STEPS)
        )
        for layer in layers:
            hidden = layer(hidden, order)
        return torch.stack([hidden[0, STEPS - 1, 0], hidden[1, 7, 0]])

    whole = torch.autograd.functional.jacobian(last, inputs)  # (states, rows, steps, channels)
    squares = torch.stack([whole[row, row].square().sum(-1) for row in range(2)]).numpy()
    expected = [
        np.sqrt(np.mean([squares[0, STEPS - 1 - back], *([squares[1, 7 - back]] if back < 8 else [])]))
        for back in range(STEPS)
    ]
    np.testing.assert_allclose(reach(layers, inputs, present), expected, rtol=1e-10)


def test_where_no_row_has_so_many_steps_there_is_no_number() -> None:
    present = torch.zeros(3, STEPS, dtype=torch.float64)
    present[:, :5] = 1
    lengths = reach(layers_of("rnn"), inputs_of(3), present)
    assert np.isfinite(lengths).tolist() == [True] * 5 + [False] * (STEPS - 5)
