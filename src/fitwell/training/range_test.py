"""A learning rate found by trying: the rate rises step by step until the loss blows up (Smith 2015).

One throwaway copy of a member takes about a hundred steps while its rate grows from a millionth to ten. The
loss falls, turns and explodes; the highest rate at which it was about as low as it ever got is already too high to
train at, and a tenth of it is the usual choice. Running medians keep a lucky batch and the explosion to themselves.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count
from statistics import median

import torch

from fitwell.errors import RecipeError
from fitwell.networks.noise import noise_words
from fitwell.training.loop import Seeds, TrainingRows, batching
from fitwell.training.program import Batch, Population, Program, chosen, program_of
from fitwell.training.step import advance

LOWEST, HIGHEST, STEPS = 1e-6, 10.0, 100
WINDOW = 5  # steps on either side
NEARLY = 1.1  # times the lowest loss is about as low
BLOWN_UP = 4.0  # times the loss of the first steps
MARGIN = 10.0  # the chosen rate is so much below the highest good one


@dataclass(frozen=True, kw_only=True)
class RangeTest:
    """What the test saw, and the rate it suggests."""

    rates: tuple[float, ...]
    losses: tuple[float, ...]  # running medians
    suggested: float


def range_test(
    program: Program, population: Population, training: TrainingRows, *, member: int = 0, seed: Seeds
) -> RangeTest:
    """Return the learning rate suggested for a member, whose seeds are `seed`; the population stays as it is.

    Raises:
        RecipeError: the loss is not finite even before the first step.
    """
    copy = _fresh(chosen(population, [member]))
    single = replace(program_of(program, [member]), execution="eager", whole_step=None, redrawn=None)
    rates: list[float] = []
    losses: list[float] = []
    loss = math.nan
    for step, batch in zip(range(STEPS), _batches(training, seed, program), strict=False):
        rate = LOWEST * (HIGHEST / LOWEST) ** (step / (STEPS - 1))
        words = noise_words([seed.noise], step=step, layers=program.network.noise_layers)  # type: ignore[arg-type]
        outcome = advance(single, copy, batch, noise=words.to(copy.weights.device), rate=rate, step=step + 1)
        loss = float(outcome.losses[0])
        if not math.isfinite(loss):
            break
        rates.append(rate)
        losses.append(loss)
        if median(losses[-WINDOW:]) > BLOWN_UP * median(losses[: 2 * WINDOW]):
            break
    if not losses:
        raise RecipeError(
            f"a range test needs a finite loss to start from, but the first batch has {loss}; look for extreme targets "
            "or inputs, or set training.learning_rate to a number"
        )
    medians = [median(losses[max(0, place - WINDOW) : place + WINDOW + 1]) for place in range(len(losses))]
    return RangeTest(rates=tuple(rates), losses=tuple(medians), suggested=_suggested(rates, medians))


def _suggested(rates: Sequence[float], losses: Sequence[float]) -> float:
    highest = max(rate for rate, loss in zip(rates, losses, strict=True) if loss <= NEARLY * min(losses))
    # Two digits are all that the test can tell, and they read well in a recipe.
    return float(f"{highest / MARGIN:.1e}")


def _batches(training: TrainingRows, seed: Seeds, program: Program) -> Iterator[Batch]:
    size, _ = batching(len(training), program.settings)
    for epoch in count():
        yield from training.batches([seed], epoch=epoch, batch_rows=size)


def _fresh(population: Population) -> Population:
    return replace(population, slots={name: torch.zeros_like(slot) for name, slot in population.slots.items()})
