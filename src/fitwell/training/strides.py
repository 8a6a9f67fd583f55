"""Steps are taken in strides: one at a time, or several at once where they were recorded (`training/replays.py`).

What a step takes beside its rows does not depend on how training goes, so that it is known for a whole epoch ahead: the
course.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from jaxtyping import Float, Int
from torch import Tensor

from fitwell.training.signals import LayerSignals

MOST_STEPS = 20  # of a stride: what is left of the cost of starting one is then a twentieth


@dataclass(frozen=True, kw_only=True)
class Course:
    """The steps of an epoch that are ahead, by their places from 0 on."""

    first: int  # steps taken since the run began
    noise: Int[Tensor, "steps members layers words"]  # on the device of training
    rates: Callable[[int], tuple[float, ...]]  # of a place, each member's
    signals_every: int
    maximum_steps: int | None  # of the whole run, after which somebody may want to leave
    at_once: int  # members of a mapped step that are computed together

    def __len__(self) -> int:
        return len(self.noise)

    def observed(self, place: int) -> bool:
        """Tell whether signals are recorded there."""
        return self.signals_every > 0 and (self.first + place) % self.signals_every == 0


@dataclass(frozen=True, kw_only=True)
class Stride:
    """What steps that were taken at once left behind, still on the device."""

    losses: Float[Tensor, "steps members"]
    signals: LayerSignals | None  # of the first of them, which alone may be observed
    at_once: int  # members that were computed together
    note: str | None = None  # what went otherwise than planned, in words


def steps_together(signals_every: int) -> int:
    """Return of how many steps a stride consists, so that the first of a stride alone is observed.

    >>> [steps_together(every) for every in (0, 1, 10, 25, 100)]
    [20, 1, 10, 5, 20]
    """
    return max(steps for steps in range(1, MOST_STEPS + 1) if signals_every % steps == 0)


def strides_of(course: Course) -> Iterator[range]:
    """Yield the places of a course stride by stride.

    Strides begin at multiples of their length in the whole run, wherever a training was resumed; steps before the first
    multiple of an epoch and after the last are taken alone, and so are the last ones before the maximum.

    >>> import torch
    >>> noise = torch.zeros(13, 1, 1, 2, dtype=torch.int32)
    >>> course = Course(
    ...     first=9, noise=noise, rates=lambda place: (0.1,), signals_every=10, maximum_steps=None, at_once=1
    ... )
    >>> list(strides_of(course))
    [range(0, 1), range(1, 11), range(11, 12), range(12, 13)]
    """
    together, place = steps_together(course.signals_every), 0
    ends = [len(course)] + ([] if course.maximum_steps is None else [course.maximum_steps - course.first])
    while place < len(course):
        crosses = any(place < end < place + together for end in ends)
        steps = 1 if crosses or (course.first + place) % together else together
        yield range(place, place + steps)
        place += steps
