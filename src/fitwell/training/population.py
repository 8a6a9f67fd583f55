"""Networks become a population: built from their own seeds, stacked, and ready for the first step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from fitwell.devices import records_graphs
from fitwell.networks.mixing import Mixing
from fitwell.recipe import Recipe, TrainingSettings, own_recipe
from fitwell.tasks.losses import RowLoss
from fitwell.training.compiled import CompiledStep
from fitwell.training.cuda_graphs import CudaGraphs
from fitwell.training.loop import Seeds
from fitwell.training.members import MemberSettings, acts
from fitwell.training.optimizers import OPTIMIZERS
from fitwell.training.pieces import decay_mask, flatten, pieces_of
from fitwell.training.program import Population, Program, Redrawn
from fitwell.training.rates import stretches_of
from fitwell.training.replays import Replays

LossOf = Callable[[MemberSettings], RowLoss]  # the loss by a member's settings
BuildNetwork = Callable[[int, int], nn.Module]  # of a member's number and a seed
Place = tuple[int, int]  # a run's seed, and the number of a member of that run: all randomness follows from them


@dataclass(frozen=True, kw_only=True)
class Member:
    """One network of a population before its first step."""

    build: Callable[[int], nn.Module]  # from a seed, by its own settings
    initialization: int  # the seed of its first weights
    redrawing: Place  # of the weights that are drawn anew
    seeds: Seeds


def members_of(recipe: Recipe, build: BuildNetwork) -> list[Member]:
    """Return the members of a run; member i depends on the recipe and i alone, not on how many members there are.

    Where `seeds` has a number, that part of a member's randomness is the one of the first member of a run with that
    seed, so that members share it, or have the one of another run.
    """
    found = []
    for number in range(recipe.member_count):
        own = own_recipe(recipe, number)
        first, order, noise = (
            (recipe.seed, number) if stated is None else (stated, 0)
            for stated in (own.seeds.weights, own.seeds.order, own.seeds.noise)
        )
        found.append(
            Member(
                build=partial(build, number),
                initialization=_words(first)[0],
                redrawing=first,
                seeds=Seeds(noise=_words(noise)[1], order=_words(order)[2]),
            )
        )
    return found


def _words(place: Place) -> tuple[int, ...]:
    """Return the seeds of a member's first weights, its noise and its order."""
    return tuple((np.random.SeedSequence(place).generate_state(3, np.uint64) >> np.uint64(1)).tolist())


def build_population(
    members: Sequence[Member], *, settings: TrainingSettings, device: str
) -> tuple[nn.Module, Population]:
    """Return the structure of the networks and the stacked members, each built from its own seed."""
    networks = [member.build(member.initialization) for member in members]
    structure = networks[0]
    weights = torch.stack([flatten(network) for network in networks]).to(device)
    of_members = [dict(network.named_buffers()) for network in networks]
    buffers = {name: torch.stack([own[name] for own in of_members]).to(device) for name in of_members[0]}
    assert settings.optimizer != "auto"
    slots = {name: torch.zeros_like(weights) for name in OPTIMIZERS[settings.optimizer].slots}
    return structure.to(device), Population(weights=weights, buffers=buffers, slots=slots)


def make_program(
    network: nn.Module,
    loss: LossOf,
    members: Sequence[Member],
    *,
    recipe: Recipe,
    own: MemberSettings,
    mixing: Mixing | None = None,
    steps_per_epoch: int,
) -> Program:
    """Return what a step of this population computes; `own` are the numbers that the recipe's members have,
    `mixing` is how the network mixes rows.

    With `redraw_fraction`, weights are drawn anew
    from the initialization during the first `redraw_epochs`.
    """
    settings, device = recipe.training, recipe.device
    assert settings.execution != "auto"
    redrawn = None
    if acts(own.redraw_fraction):
        draw = _fresh_weights(members, device=device)
        redrawn = Redrawn(draw=draw, steps=round(settings.redraw_epochs * steps_per_epoch))
    if mixing is not None:
        mixing.keep_on(device)
    pieces = pieces_of(network)
    compiled, on_gpu = settings.execution == "compiled", records_graphs(device)
    return Program(
        network=network,
        pieces=pieces,
        loss=loss(own),
        settings=settings,
        execution=settings.execution,
        whole_step=CompiledStep() if compiled and not on_gpu else None,
        replays=Replays(CudaGraphs) if compiled and on_gpu else None,
        own=own,
        own_loss=loss,
        decays=decay_mask(pieces).to(device),
        redrawn=redrawn,
        stretches=stretches_of(network, pieces, settings, steps_per_epoch=steps_per_epoch),
        differences=recipe.differences,
        mixing=mixing,
    )


def _fresh_weights(members: Sequence[Member], *, device: str) -> Callable[[int], tuple[Tensor, Tensor]]:
    def draw(step: int) -> tuple[Tensor, Tensor]:
        # Which weights are replaced must not depend on what they are replaced with: two seeds.
        seeds = [np.random.SeedSequence((*member.redrawing, step)).generate_state(2) for member in members]
        fresh = torch.stack(
            [flatten(member.build(int(first))) for member, (first, _) in zip(members, seeds, strict=True)]
        )
        uniforms = [
            torch.rand(fresh.shape[1], generator=torch.Generator().manual_seed(int(which))) for _, which in seeds
        ]
        return fresh.to(device), torch.stack(uniforms).to(device)

    return draw
