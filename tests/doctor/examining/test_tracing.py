"""What a network computes is seen from its calls, whether modules make them or functions, and can be changed."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from fitwell.doctor.examining.tracing import Rewired, trace

INPUTS = torch.randn(6, 3, generator=torch.Generator().manual_seed(0))


class ByFunctions(nn.Module):
    """What `BY_MODULES` computes, called by functions."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.last = nn.Linear(3, 4), nn.Linear(4, 4), nn.Linear(4, 1)

    def forward(self, inputs: Tensor) -> Tensor:
        hidden = torch.sigmoid(self.second(self.first(inputs)))
        return functional.softmax(self.last(functional.dropout(hidden, 0.5, self.training)), dim=1).squeeze(1)


class FunctionOfDropout(nn.Module):
    """Dropout as a call of a function."""

    def forward(self, inputs: Tensor) -> Tensor:
        return functional.dropout(inputs, training=self.training, p=0.9)


BY_MODULES = nn.Sequential(
    nn.Linear(3, 4), nn.Linear(4, 4), nn.Sigmoid(), nn.Dropout(0.5), nn.Linear(4, 1), nn.Softmax(dim=1), nn.Flatten(0)
)


@pytest.mark.parametrize("module", [BY_MODULES, ByFunctions()], ids=["modules", "functions"])
def test_layers_activations_and_the_output_are_told_apart(module: nn.Module) -> None:
    seen = trace(module.eval(), INPUTS)
    assert [call.name for call in seen.calls] == ["linear", "linear", "sigmoid", "linear", "softmax"]
    assert [call.name for call in seen.hidden_activations] == ["sigmoid"]
    assert seen.output_activation is not None
    assert (seen.output_activation.name, seen.output_activation.axis) == ("softmax", 1)
    assert seen.unbent == (0,)


def test_an_output_that_a_layer_gives_has_no_activation() -> None:
    assert trace(nn.Linear(3, 1), INPUTS).output_activation is None


def test_weights_of_attention_are_no_hidden_activation() -> None:
    class Attention(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.query, self.key = nn.Linear(3, 3), nn.Linear(3, 3)

        def forward(self, inputs: Tensor) -> Tensor:
            weights = (self.query(inputs) @ self.key(inputs).T).softmax(-1)
            mixed: Tensor = weights @ inputs
            return mixed

    assert trace(Attention(), INPUTS).hidden_activations == ()


def test_batch_normalization_between_layers_bends_nothing_and_a_recurrent_layer_does() -> None:
    module = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 1)).eval()
    assert trace(module, INPUTS).unbent == (0,)


def test_a_rewired_pass_is_what_the_changed_network_computes() -> None:
    first, second, last = (BY_MODULES[place] for place in (0, 1, 4))
    expected = last(torch.relu(second(torch.relu(first(INPUTS)))))
    with Rewired(left_out=[4], rectified=[2], bent=[0]):
        found = BY_MODULES.eval()(INPUTS)
    assert torch.equal(found, expected.flatten())


def test_dropout_falls_behind_the_activations_named() -> None:
    module = nn.Sequential(nn.Linear(3, 200), nn.Sigmoid())
    torch.manual_seed(0)
    with Rewired(left_out=[], rectified=[], bent=[], dropped=[1], share=0.3):
        zeros = (module(INPUTS) == 0).float().mean()
    # 1,200 draws: three standard deviations of a share of 0.3 are 0.04.
    assert abs(float(zeros) - 0.3) < 0.04


def test_a_pass_that_changes_nothing_says_so() -> None:
    assert Rewired(left_out=[], rectified=[], bent=[]).changes_nothing
    assert not Rewired(left_out=[], rectified=[], bent=[0]).changes_nothing


@pytest.mark.parametrize("module", [nn.Dropout(0.9), FunctionOfDropout()], ids=["module", "function"])
def test_dropout_is_found_and_made_lighter_however_it_is_written(module: nn.Module) -> None:
    network, inputs = nn.Sequential(module), torch.ones(4000)
    network.train()
    assert trace(network, inputs).dropout == 0.9
    with Rewired(left_out=[], rectified=[], bent=[], kept=0.95):
        dropped = float((network(inputs) == 0).float().mean())
    assert dropped == pytest.approx(0.05, abs=5 * (0.05 * 0.95 / 4000) ** 0.5)  # five binomial standard errors
