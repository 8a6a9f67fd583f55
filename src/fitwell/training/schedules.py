"""A schedule says which share of the learning rate holds at a moment of the training.

Moments are counted in epochs, fractions included, so that a schedule looks the same for every batch size. Schedules
are functions of the moment alone; `plateau`, which waits for the validation loss to stop falling, takes its factor
from the losses so far instead. Warm-up multiplies every schedule.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from fitwell.recipe import TrainingSettings

WARMUP_START = 0.01  # the factor of the first step; from zero, that step would teach nothing
ONE_CYCLE_START = 1 / 25  # one_cycle begins here and climbs for this share of the training, as in Smith & Topin 2019
ONE_CYCLE_CLIMB = 0.3


@runtime_checkable
class Schedule(Protocol):
    """A factor between 0 and 1 for the learning rate."""

    def __call__(self, epoch: float, *, total: float, settings: TrainingSettings) -> float:
        """Return the factor after `epoch` of `total` epochs."""
        ...


def constant(epoch: float, *, total: float, settings: TrainingSettings) -> float:
    """Return 1."""
    return 1.0


def step(epoch: float, *, total: float, settings: TrainingSettings) -> float:
    """Return f^⌊t/n⌋: the factor f again after every n epochs.

    >>> step(25.0, total=30.0, settings=TrainingSettings(step_epochs=10.0, step_factor=0.5))
    0.25
    """
    return settings.step_factor ** math.floor(epoch / settings.step_epochs)


def exponential(epoch: float, *, total: float, settings: TrainingSettings) -> float:
    """Return e^(−λt).

    >>> round(exponential(20.0, total=30.0, settings=TrainingSettings(decay_rate=0.05)), 4)
    0.3679
    """
    return math.exp(-settings.decay_rate * epoch)


def cosine(epoch: float, *, total: float, settings: TrainingSettings) -> float:
    """Return half a cosine from 1 down to the minimum at the last epoch (Loshchilov & Hutter 2017).

    >>> cosine(15.0, total=30.0, settings=TrainingSettings())
    0.5
    """
    return _annealed(1.0, settings.minimum_factor, min(epoch / total, 1.0))


def cyclical(epoch: float, *, total: float, settings: TrainingSettings) -> float:
    """Return a triangle: from the minimum straight up to 1 and down again in each cycle (Smith 2017).

    >>> [cyclical(epoch, total=20.0, settings=TrainingSettings(cycle_epochs=4.0)) for epoch in (0.0, 1.0, 2.0, 3.0)]
    [0.0, 0.5, 1.0, 0.5]
    """
    place = math.fmod(epoch, settings.cycle_epochs) / settings.cycle_epochs
    return settings.minimum_factor + (1 - settings.minimum_factor) * (1 - abs(2 * place - 1))


def warm_restarts(epoch: float, *, total: float, settings: TrainingSettings) -> float:
    """Return half a cosine from 1 to the minimum in each cycle, each cycle longer than the last (SGDR).

    Source: Loshchilov & Hutter 2017. Cycle i, from 0, lasts n·g^i epochs.

    >>> settings = TrainingSettings(cycle_epochs=10.0, cycle_growth=2.0)
    >>> [warm_restarts(epoch, total=70.0, settings=settings) for epoch in (0.0, 5.0, 10.0, 20.0, 30.0)]
    [1.0, 0.5, 1.0, 0.5, 1.0]
    """
    first, growth = settings.cycle_epochs, settings.cycle_growth
    if growth == 1:
        return _annealed(1.0, settings.minimum_factor, math.fmod(epoch, first) / first)

    def starts(cycle: int) -> float:
        return first * (growth**cycle - 1) / (growth - 1)

    cycle = int(math.log1p(epoch * (growth - 1) / first) / math.log(growth))
    cycle += epoch >= starts(cycle + 1)  # the logarithm may round down at a restart
    return _annealed(1.0, settings.minimum_factor, min(max(epoch - starts(cycle), 0.0) / (first * growth**cycle), 1.0))


def one_cycle(epoch: float, *, total: float, settings: TrainingSettings) -> float:
    """Return a climb by half a cosine from 1/25 to 1 in the first 30 % of the epochs, then a descent to the minimum.

    Source: Smith & Topin 2019. A minimum above 1/25 is also the start.

    >>> settings = TrainingSettings()
    >>> [round(one_cycle(epoch, total=10.0, settings=settings), 2) for epoch in (0.0, 3.0, 6.5, 10.0)]
    [0.04, 1.0, 0.5, 0.0]
    """
    climb = ONE_CYCLE_CLIMB * total
    if epoch < climb:
        return _annealed(max(ONE_CYCLE_START, settings.minimum_factor), 1.0, epoch / climb)
    return _annealed(1.0, settings.minimum_factor, min((epoch - climb) / (total - climb), 1.0))


def log_cosine(epoch: float, *, total: float, settings: TrainingSettings) -> float:
    """Return (1 − cos(2π log2(1 + (2^k − 1) t))) / 2 with t the share of the epochs done and k the cycles.

    Each cycle climbs from 0 to 1 and comes down again, and lasts twice as long as the one before.
    Source: coslog_k of Holzmüller, Grinsztajn & Steinwart 2024.

    >>> settings = TrainingSettings(cycles=4)
    >>> [round(log_cosine(epoch, total=15.0, settings=settings), 2) for epoch in (0.0, 2**0.5 - 1, 1.0, 3.0, 15.0)]
    [0.0, 1.0, 0.0, 0.0, 0.0]
    """
    place = math.log2(1 + (2**settings.cycles - 1) * min(epoch / total, 1.0))
    return (1 - math.cos(2 * math.pi * place)) / 2


SCHEDULES: dict[str, Schedule] = {
    "constant": constant,
    "step": step,
    "exponential": exponential,
    "cosine": cosine,
    "cyclical": cyclical,
    "warm_restarts": warm_restarts,
    "one_cycle": one_cycle,
    "log_cosine": log_cosine,
    "plateau": constant,  # times plateau_factor_after
}


def rate_factor(name: str, epoch: float, *, total: float, settings: TrainingSettings) -> float:
    """Return the schedule's factor times that of the warm-up, which rises linearly from 1/100 to 1.

    >>> rate_factor("constant", 0.0, total=10.0, settings=TrainingSettings(warmup_epochs=2.0))
    0.01
    >>> rate_factor("constant", 2.0, total=10.0, settings=TrainingSettings(warmup_epochs=2.0))
    1.0
    """
    factor = SCHEDULES[name](epoch, total=total, settings=settings)
    if epoch < settings.warmup_epochs:
        factor *= WARMUP_START + (1 - WARMUP_START) * epoch / settings.warmup_epochs
    return factor


def plateau_factor_after(losses: Sequence[float], settings: TrainingSettings) -> float:
    """Return the plateau schedule's factor after these validation losses, one per epoch.

    So many epochs in a row without a new lowest loss are borne with; the next multiplies the rate, and the count
    starts over. Losses that are not numbers are no improvement.

    >>> settings = TrainingSettings(plateau_patience=1, plateau_factor=0.5)
    >>> [plateau_factor_after([3.0, 2.0, 2.0, 2.0][:epochs], settings) for epochs in (2, 3, 4)]
    [1.0, 1.0, 0.5]
    """
    factor, lowest, waited = 1.0, math.inf, 0
    for loss in losses:
        waited = 0 if loss < lowest else waited + 1
        lowest = min(loss, lowest) if loss == loss else lowest
        if waited > settings.plateau_patience:
            factor *= settings.plateau_factor
            waited = 0
    return factor


def _annealed(start: float, end: float, share: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * share)) / 2
