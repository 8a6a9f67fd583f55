"""Networks become a population: built from their own seeds, stacked, and ready for the first step."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from fitwell.recipe import TrainingSettings
from fitwell.tasks.losses import RowLoss
from fitwell.training.compiled import CompiledStep
from fitwell.training.loop import Seeds
from fitwell.training.members import shared_settings
from fitwell.training.optimizers import OPTIMIZERS
from fitwell.training.pieces import decay_mask, flatten, pieces_of
from fitwell.training.step import Population, Program, Redrawn

BuildNetwork = Callable[[int], nn.Module]  # of an initialization seed


def member_seeds(seed: int, members: int) -> list[tuple[int, Seeds]]:
    """Return each member's initialization seed and its seeds of noise and order.

    Member i of a run depends on the run's seed and i alone, not on how many members there are.

    >>> member_seeds(0, 3)[:2] == member_seeds(0, 2)
    True
    """
    found = []
    for member in range(members):
        words = np.random.SeedSequence([seed, member]).generate_state(3, np.uint64) >> np.uint64(1)
        found.append((int(words[0]), Seeds(noise=int(words[1]), order=int(words[2]))))
    return found


def build_population(
    build: BuildNetwork, *, seed: int, members: int, settings: TrainingSettings, device: str
) -> tuple[nn.Module, Population]:
    """Return the structure of the networks and the stacked members, each built from its own seed."""
    networks = [build(initialization) for initialization, _ in member_seeds(seed, members)]
    structure = networks[0]
    weights = torch.stack([flatten(network) for network in networks]).to(device)
    buffers = {
        name: torch.stack([dict(network.named_buffers())[name] for network in networks]).to(device)
        for name, _ in structure.named_buffers()
    }
    assert settings.optimizer != "auto"
    slots = {name: torch.zeros_like(weights) for name in OPTIMIZERS[settings.optimizer].slots}
    return structure.to(device), Population(weights=weights, buffers=buffers, slots=slots)


def make_program(
    network: nn.Module,
    loss: RowLoss,
    build: BuildNetwork,
    *,
    seed: int,
    members: int,
    settings: TrainingSettings,
    steps_per_epoch: int,
    device: str,
) -> Program:
    """Return what a step of this population computes.

    With `redraw_fraction`, weights are drawn anew
    from the initialization during the first `redraw_epochs`.
    """
    assert settings.execution != "auto"
    redrawn = None
    if settings.redraw_fraction:
        draw = _fresh_weights(build, seed=seed, members=members, device=device)
        redrawn = Redrawn(draw=draw, steps=round(settings.redraw_epochs * steps_per_epoch))
    pieces = pieces_of(network)
    return Program(
        network=network,
        pieces=pieces,
        loss=loss,
        settings=settings,
        execution=settings.execution,
        whole_step=CompiledStep() if settings.execution == "compiled" else None,
        own=shared_settings(settings),
        decays=decay_mask(pieces).to(device),
        redrawn=redrawn,
    )


def _fresh_weights(
    build: BuildNetwork, *, seed: int, members: int, device: str
) -> Callable[[int], tuple[Tensor, Tensor]]:
    def draw(step: int) -> tuple[Tensor, Tensor]:
        # Which weights are replaced must not depend on what they are replaced with: two seeds.
        seeds = [np.random.SeedSequence([seed, member, step]).generate_state(2) for member in range(members)]
        fresh = torch.stack([flatten(build(int(weights))) for weights, _ in seeds])
        uniforms = [
            torch.rand(fresh.shape[1], generator=torch.Generator().manual_seed(int(which))) for _, which in seeds
        ]
        return fresh.to(device), torch.stack(uniforms).to(device)

    return draw
