"""What signals say of a recurrence agrees with what can be worked out by hand."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from fitwell.doctor.examining.signals import memory_of


class Last(nn.Module):
    """A recurrence of one unit whose weights are known, read at its last step or at all."""

    def __init__(self, weight: float, *, pooled: bool = False) -> None:
        super().__init__()
        self.recurrent, self.pooled = nn.RNN(1, 1, batch_first=True, bias=False), pooled
        of_inputs, of_states = self.recurrent.parameters()
        nn.init.constant_(of_inputs, 1.0)
        nn.init.constant_(of_states, weight)

    def forward(self, inputs: Tensor) -> Tensor:
        states, _ = self.recurrent(inputs)
        output: Tensor = states.mean(1) if self.pooled else states[:, -1]
        return output


def test_gradients_fade_by_the_recurrent_weight_at_every_step() -> None:
    # Near zero tanh is the identity: the step k before the last gets w to the k-th of the gradient.
    found = memory_of(Last(0.5), torch.zeros(3, 8, 1))
    assert found == pytest.approx((0.5**7 + 0.5**6) / (0.5 + 1), rel=1e-6)


def test_what_is_read_at_every_step_is_not_forgotten() -> None:
    assert memory_of(Last(0.5, pooled=True), torch.zeros(3, 8, 1)) > 1


def test_a_network_without_a_recurrence_forgets_nothing_and_is_left_as_it_was() -> None:
    network = nn.Sequential(nn.Linear(4, 2)).train()
    assert memory_of(network, torch.zeros(3, 4)) == 1.0
    assert network.training
