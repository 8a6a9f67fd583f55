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

Between these rungs there are heats: at a sixteenth, an eighth, a quarter and half of the epochs of the first, and
halfway from one to the next. There trials are compared with their rates still up, so that the worse half falls out and
no more. Heats come within the first epoch, where that has steps enough. Each stage is about twice as long as the one
before and has half its trials, so that none costs much more than another.

Early comparisons tell the same after four steps as after four epochs: bad trials are bad from the first steps on, and
of the others those with higher rates look better. So heats begin soon. Hard is the last comparison, between good
trials; it is made at the second rung. Few validation rows rank trials less well: then three are left until there, not
two, and before the first rung all heats but the first let three of eight go, not half.

Trials follow the schedule of a full training all the while, so the one that is left was judged on its way to the
training that the search ends with.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise

from fitwell.recipe import TrainingSettings

HALF = 2  # of so many trials one goes on
UNHEATED = 4  # of so many from the first rung, where no heats were before: to get there was dear
TOO_FEW = 3  # to go on from the second rung with: telling so few good trials apart would take as long as all before
LEAST = 2  # trials until the last choice
MOST, LEAST_BY_FEW = 1.6, 3  # of so many trials one goes on, and so many at least, by few validation rows
FEW_ROWS = 500
HEATS = (16, 8, 4, 2)  # parts of the first rung's epochs
FEWEST_STEPS = 4  # before a heat within the first epoch: trials stand then as they will after four epochs
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


def survivors_of(
    trials: int, rungs: Sequence[int], *, warmup_epochs: float, steps_per_epoch: int, validation_rows: int
) -> dict[float, int]:
    """Return how many trials go on after so many epochs, heats among them; at the end only the best is left.

    >>> survivors_of(32, (4, 13, 64), warmup_epochs=0.0, steps_per_epoch=20, validation_rows=1000)
    {0.25: 16, 0.5: 8, 1: 4, 2: 2, 13: 1}
    >>> survivors_of(32, (4, 13, 64), warmup_epochs=0.0, steps_per_epoch=20, validation_rows=100)
    {0.25: 16, 0.5: 10, 1: 7, 2: 5, 4: 3, 13: 1}
    >>> survivors_of(32, (2, 6, 32), warmup_epochs=0.0, steps_per_epoch=89, validation_rows=1000)
    {0.125: 16, 0.25: 8, 0.5: 4, 1: 2, 6: 1}
    >>> survivors_of(24, (64,), warmup_epochs=0.0, steps_per_epoch=20, validation_rows=1000)
    {64: 1}
    """
    heats = _heats(rungs, warmup_epochs=warmup_epochs, steps_per_epoch=steps_per_epoch)
    few = validation_rows < FEW_ROWS
    goes_on: dict[float, int] = {}
    count = trials
    for epochs in sorted({*heats, *rungs}):
        fair = epochs in rungs
        if epochs == rungs[-1] or (fair and epochs != rungs[0] and count <= TOO_FEW):
            left = 1
        else:
            again = few and goes_on and epochs < rungs[0]
            of_so_many = MOST if again else UNHEATED if fair and not goes_on else HALF
            left = min(count, max(LEAST_BY_FEW if few else LEAST, math.ceil(count / of_so_many)))
        if left < count or (fair and left == 1):
            goes_on[epochs] = count = left
        if fair and count == 1:
            break
    return goes_on


def epochs_of(trials: int, rungs: Sequence[float], survivors: Sequence[int]) -> float:
    """Return how many epochs all trials train together, if none stops early.

    >>> epochs_of(32, (1, 2, 4, 8, 13), (16, 8, 4, 2, 1))  # 32 + 16 + 8 * 2 + 4 * 4 + 2 * 5
    90
    """
    needed = zip((trials, *survivors[:-1]), pairwise((0, *rungs)), strict=False)
    return sum(count * (end - start) for count, (start, end) in needed)


def _heats(rungs: Sequence[int], *, warmup_epochs: float, steps_per_epoch: int) -> set[float]:
    """Return after how many epochs heats are held; a schedule that anneals once has none."""
    if len(rungs) == 1:
        return set()
    first = [rungs[0] / part for part in HEATS]
    between = [(start + end) // 2 for start, end in pairwise(rungs)]
    return {
        epochs
        for epochs in (*(_whole(each) for each in first), *between)
        if epochs >= max(warmup_epochs, min(1, FEWEST_STEPS / steps_per_epoch))
    } - set(rungs)


def _whole(epochs: float) -> float:
    """Return whole epochs where there are any, at whose end trials are looked at anyway."""
    return epochs if epochs < 1 else int(epochs)


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
