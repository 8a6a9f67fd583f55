"""Layers that learn at rates of their own against groups of torch.optim, and layers that begin later."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from fitwell.recipe import Recipe, TrainingSettings, changed
from fitwell.training.members import member_loss, member_settings
from fitwell.training.pieces import flatten, pieces_of
from fitwell.training.population import make_program
from fitwell.training.program import Batch, Population
from fitwell.training.rates import stretches_of
from fitwell.training.step import advance


class Two(nn.Module):
    """Two layers that were trained elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList([nn.Linear(3, 4), nn.Linear(4, 4)])

    def depth_of(self, name: str) -> int:
        return 1 - int(name.split(".")[1])

    def read(self, block: Tensor) -> Tensor | None:
        return None

    def forward(self, inputs: Tensor) -> Tensor:
        first, second = self.blocks
        outputs: Tensor = torch.tanh(second(torch.tanh(first(inputs))))
        return outputs


class Small(nn.Module):
    """They and a head; no noise."""

    noise_layers = 0

    def __init__(self) -> None:
        super().__init__()
        self.two = Two()
        self.head = nn.Linear(4, 2)

    def forward(self, features: dict[str, Tensor], noise: Tensor | None) -> Tensor:
        outputs: Tensor = self.head(self.two(features["numbers"]))
        return outputs


SETTINGS = {
    "optimizer": "adamw",
    "beta2": 0.99,
    "weight_decay": 0.3,
    "label_smoothing": 0.0,
    "execution": "eager",
    "encoder_rate": 0.5,
    "encoder_layer_rate": 0.25,
}
RATE, STEPS = 0.05, 6


@pytest.mark.parametrize("unfreezing", [0, 1])
@pytest.mark.parametrize("members", [1, 2])
def test_steps_are_those_of_groups_in_torch(unfreezing: int, members: int) -> None:
    torch.manual_seed(0)
    network, steps_per_epoch = Small(), 2
    recipe = Recipe(
        device="cpu", task="multiclass", members=members, training=TrainingSettings.model_validate(SETTINGS)
    )
    recipe = changed(recipe, {"training.encoder_unfreezing": unfreezing})
    program = make_program(
        network,
        lambda own: member_loss("cross_entropy", "classes", own),
        [],
        recipe=recipe,
        own=member_settings(recipe),
        steps_per_epoch=steps_per_epoch,
    )
    weights = flatten(network).expand(members, -1).clone()
    slots = {name: torch.zeros_like(weights) for name in ("mean", "square")}
    population = Population(weights=weights, buffers={}, slots=slots)
    reference = Small()
    reference.load_state_dict(network.state_dict())
    layers = (reference.head, reference.two.blocks[1], reference.two.blocks[0])
    rates = (RATE, 0.5 * RATE, 0.125 * RATE)
    groups = [
        {"params": [parameter], "lr": rate, "weight_decay": 0.3 if parameter.ndim == 2 else 0.0}
        for layer, rate in zip(layers, rates, strict=True)
        for parameter in layer.parameters()
    ]
    optimizer = torch.optim.AdamW(groups, betas=(0.9, 0.99), eps=1e-8)
    for step in range(1, STEPS + 1):
        inputs, targets = torch.randn(8, 3), torch.randint(0, 2, (8,))
        batch = Batch(
            features={"numbers": inputs.expand(members, -1, -1)}, targets=targets.expand(members, -1), weights=None
        )
        noise = torch.zeros(members, 0, 2, dtype=torch.int32)
        advance(program, population, batch, noise=noise, rate=RATE, step=step)
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(reference({"numbers": inputs}, None), targets).backward()  # type: ignore[no-untyped-call]
        if unfreezing and step <= steps_per_epoch:  # the first layer has not begun
            for parameter in reference.two.blocks[0].parameters():
                parameter.grad = None
        optimizer.step()
    for of_member in population.weights:
        assert torch.allclose(of_member, flatten(reference), atol=1e-6)


def test_a_network_without_pretrained_weights_has_no_stretches() -> None:
    network = nn.Linear(2, 2)
    assert stretches_of(network, pieces_of(network), TrainingSettings(), steps_per_epoch=1) == ()


def test_stretches_cover_all_weights_once() -> None:
    network = Small()
    settings = TrainingSettings.model_validate(SETTINGS | {"encoder_unfreezing": 3})
    stretches = stretches_of(network, pieces_of(network), settings, steps_per_epoch=10)
    assert [(each.factor, each.after) for each in stretches] == [(0.125, 30), (0.5, 0), (1.0, 0)]
    edges = [0, *(each.stop for each in stretches)]
    assert edges[:-1] == [each.start for each in stretches]
    assert edges[-1] == len(flatten(network))
