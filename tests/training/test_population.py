"""A member's start, noise, order and fresh draws are its own, whatever group it trains in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from fitwell.training.loop import State
from fitwell.training.pieces import unflatten
from fitwell.training.population import Member, build_population

Start = Callable[..., Any]
MODERATE = {"network": {"normalization": "batch", "dropout": 0.2}, "learning_rate": 0.03}


def last(training: Any) -> State:
    states: list[State] = [moment.state for moment in training.moments()]
    return states[-1]


def _seeds(member: Member) -> tuple[int, ...]:
    return member.initialization, member.seeds.noise, member.seeds.order


def test_a_member_starts_and_draws_the_same_in_every_group_and_trains_alike(start: Start) -> None:
    many, few = (start(members=count, seed=7).members for count in (32, 4))
    assert [_seeds(member) for member in many[:4]] == [_seeds(member) for member in few]
    assert len({seed for member in many for seed in _seeds(member)}) == 96
    four = start(members=4, execution="mapped", double=True, optimizer="sgd", **MODERATE)
    one = start(members=1, execution="eager", double=True, optimizer="sgd", **MODERATE)
    assert torch.equal(four.population.weights[:1], one.population.weights)
    assert len(four.population.weights.unique(dim=0)) == 4
    assert torch.allclose(last(four).population.weights[:1], last(one).population.weights, rtol=1e-9, atol=1e-11)


def test_every_member_is_built_from_its_own_seed(start: Start) -> None:
    training = start(members=3, network={"normalization": "batch"})
    network, population = build_population(training.members, settings=training.recipe.training, device="cpu")
    for weights, member in zip(population.weights, training.members, strict=True):
        built = member.build(member.initialization)
        for name, tensor in unflatten(weights, training.program.pieces).items():
            assert torch.equal(tensor, built.get_parameter(name))
    assert {name: tuple(buffer.shape) for name, buffer in population.buffers.items()} == {
        name: (3, *buffer.shape) for name, buffer in network.named_buffers()
    }


def test_redrawing_replaces_its_share_of_weights_by_draws_from_the_whole_distribution(start: Start) -> None:
    training = start(
        redraw_fraction=0.3, redraw_epochs=1.0, network={"hidden": [200, 200], "initialization": "he_uniform"}
    )
    redrawn = training.program.redrawn
    fresh, uniforms = redrawn.draw(1)
    piece = next(piece for piece in training.program.pieces if piece.name == "layers.1.linear.weight")
    columns = slice(piece.start, piece.stop)
    weights, chosen = fresh[0, columns].double(), uniforms[0, columns] < 0.3
    bound = float(weights.abs().max())
    assert abs(float(chosen.double().mean()) - 0.3) < 4.5 * (0.21 / 40_000) ** 0.5
    # Those that are taken are as the rest: mean 0 within 4.5 standard errors of a uniform draw.
    assert abs(float(weights[chosen].mean())) < 4.5 * bound / 3**0.5 / int(chosen.sum()) ** 0.5
    correlation = torch.corrcoef(torch.stack([fresh[0].double(), uniforms[0].double()]))[0, 1]
    assert abs(float(correlation)) < 4.5 / fresh.shape[1] ** 0.5
