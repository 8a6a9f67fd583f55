"""Successive halving: all trials train a little, the better ones of them on, and so forth until one is left.

Source: Jamieson & Talwalkar 2016, Non-stochastic best arm identification and hyperparameter optimization. A stage of it
is called a rung. Trials that go on do so from where they stand: nothing is trained twice.

When may trials be compared? A network whose learning rate is high looks worse in the middle of its schedule than it
will be at the end, so trials that are stopped anywhere would be judged by how their rates look. Three cases:

- `log_cosine`, the default, and `warm_restarts` and `cyclical` anneal several times. Rungs end where a cycle ends: the
  rates have come down, and each trial is as good as its settings make it after so many epochs.
- `constant`, `step`, `exponential` and `plateau` look the same wherever one stops. Rungs end about where those of the
  default schedule do.
- `cosine` and `one_cycle` anneal once, at the end of the last epoch. There is one rung, of all epochs: an honest search
  costs as many trainings as it has trials then.

Before the first of these rungs there are heats, at a quarter and at half of its epochs. There trials are compared with
their rates still up; so no more than the worse half falls out, and then down to the better third.

Trials follow the schedule of a full training all the while, so the one that is left was judged on its way to the
training that the search ends with.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise

from fitwell.recipe import TrainingSettings

KEPT = 4  # of so many trials one goes on
KEPT_OF_HEATS = 6  # of so many from the first rung, where the heats have left the best
TOO_FEW = 2  # to go on with: telling two good trials apart would take as long as all before
STAGES = (1 / 15, 3 / 15, 7 / 15, 1.0)  # of the epochs, each about twice as long as the one before


def rungs_of(settings: TrainingSettings) -> tuple[int, ...]:
    """Return after how many epochs trials may be compared, in order; the last is the end of the training.

    >>> rungs_of(TrainingSettings(schedule="log_cosine", epochs=64))
    (4, 13, 30, 64)
    >>> rungs_of(TrainingSettings(schedule="cosine", epochs=64))
    (64,)
    """
    epochs = settings.epochs
    assert epochs != "auto"
    possible = [epoch for epoch in _comparable(settings, epochs) if settings.warmup_epochs <= epoch < epochs]
    if not possible:
        return (epochs,)
    nearest = {min(possible, key=lambda epoch: abs(epoch - stage * epochs)) for stage in STAGES[:-1]}
    return (*sorted(nearest), epochs)


def survivors_of(trials: int, rungs: Sequence[int], *, warmup_epochs: float) -> dict[int, int]:
    """Return how many trials go on after so many epochs, heats among them; at the end only the best is left.

    >>> survivors_of(24, (4, 13, 30, 64), warmup_epochs=0.0)
    {1: 12, 2: 8, 4: 4, 13: 1}
    >>> survivors_of(3, (4, 13, 30, 64), warmup_epochs=0.0), survivors_of(24, (64,), warmup_epochs=0.0)
    ({4: 1}, {64: 1})
    """
    heats = _heats(trials, rungs, warmup_epochs=warmup_epochs)
    goes_on, count = dict(heats), math.ceil(trials / KEPT)
    if heats:
        count = min(count, max(TOO_FEW + 1, math.ceil(trials / KEPT_OF_HEATS)))
    for epochs in rungs:
        goes_on[epochs] = 1 if epochs == rungs[-1] or count <= TOO_FEW else count
        if goes_on[epochs] == 1:
            break
        count = math.ceil(count / KEPT)
    return goes_on


def epochs_of(trials: int, rungs: Sequence[int], survivors: Sequence[int]) -> int:
    """Return how many epochs all trials train together, if none stops early.

    >>> epochs_of(24, (1, 2, 4, 13), (12, 8, 4, 1))  # 24 + 12 + 8 * 2 + 4 * 9
    88
    """
    needed = zip((trials, *survivors[:-1]), pairwise((0, *rungs)), strict=False)
    return sum(count * (end - start) for count, (start, end) in needed)


def _heats(trials: int, rungs: Sequence[int], *, warmup_epochs: float) -> dict[int, int]:
    """Return how many trials go on from each heat; a schedule that anneals once has none, nor have few trials."""
    if len(rungs) == 1:
        return {}
    places = [epochs for epochs in sorted({rungs[0] // 4, rungs[0] // 2} - {0}) if epochs >= warmup_epochs]
    goes_on = {epochs: math.ceil(trials / part) for epochs, part in zip(places, (2, 3), strict=False)}
    return {epochs: count for epochs, count in goes_on.items() if TOO_FEW < count < trials}


def ranked(losses: Mapping[int, float]) -> list[int]:
    """Return the trials by their validation losses, the lowest first; equal ones, and lost ones last, by their number.

    >>> ranked({0: 0.5, 1: math.nan, 2: 0.4, 3: math.inf})
    [2, 0, 1, 3]
    """
    return sorted(losses, key=lambda trial: (losses[trial] if math.isfinite(losses[trial]) else math.inf, trial))


def _comparable(settings: TrainingSettings, epochs: int) -> Sequence[int]:
    """Return the epochs at whose end the rate is as low as it will be; where it never rises again, all of them."""
    assert settings.schedule != "auto"
    ends = CYCLE_ENDS.get(settings.schedule)
    return range(1, epochs) if ends is None else sorted({*ends(settings, epochs)} - {0})


def _ends_of_log_cosine(settings: TrainingSettings, epochs: int) -> Iterator[int]:
    for cycle in range(1, settings.cycles + 1):
        yield round(epochs * (2**cycle - 1) / (2**settings.cycles - 1))


def _ends_of_warm_restarts(settings: TrainingSettings, epochs: int) -> Iterator[int]:
    end, length = settings.cycle_epochs, settings.cycle_epochs
    while end < epochs:
        yield math.floor(end)  # a moment later the rate is at its highest
        length *= settings.cycle_growth
        end += length


def _ends_of_cyclical(settings: TrainingSettings, epochs: int) -> Iterator[int]:
    for cycle in range(1, math.ceil(epochs / settings.cycle_epochs)):
        yield round(cycle * settings.cycle_epochs)


def _no_end_before_the_last(_settings: TrainingSettings, _epochs: int) -> Iterator[int]:
    yield from ()


# Schedules whose rate comes down in cycles. Of the others it never rises again, or never falls.
CYCLE_ENDS: dict[str, Callable[[TrainingSettings, int], Iterator[int]]] = {
    "log_cosine": _ends_of_log_cosine,
    "warm_restarts": _ends_of_warm_restarts,
    "cyclical": _ends_of_cyclical,
    "cosine": _no_end_before_the_last,
    "one_cycle": _no_end_before_the_last,
}
