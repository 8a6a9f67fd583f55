"""Several steps are recorded once, and replayed with other rows, noise and rates.

On a GPU a step of a small network takes as long as asking for its operations one by one. So the steps of a stride, from
taking the rows out of the device's memory to the moved weights and the signals, are recorded as one graph. All that
changes from step to step is written into tensors that stay where they are, before each replay; weights, buffers, slots
and losses stay where they are anyway. Nothing of it comes back to the CPU: losses and signals are copied on the device.

A recording belongs to a population, a program and rows. A stride of several steps has one, and so has a step alone that
is observed, and one that is not. Before a recording is used, its first replay is compared with the function itself, on
other inputs than those it was recorded with: what was taken for a constant by mistake would show. Where recording fails
after a training has begun, the function itself is called from then on, which gives the same weights, later.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, Float64, Int
from torch import Tensor
from torch.linalg import vector_norm

from fitwell.errors import SurroundingsError
from fitwell.training.program import Ahead, Population, ResidentRows, copied
from fitwell.training.signals import LayerSignals, joined_signals, no_signals
from fitwell.training.step import advance
from fitwell.training.strides import Course, Stride, strides_of

# What atomic additions in another order make of a few steps is a thousand times less than what a wrong input does.
ALIKE = 0.25  # of the way that the weights go
ALIKE_LOSSES = 0.01


@runtime_checkable
class Recorder(Protocol):
    """Records functions of one device."""

    def __call__(self, function: Callable[[], None]) -> Callable[[], None]:
        """Return what does again what the function does; to find that out, it is called.

        Raises:
            RuntimeError: that is not possible.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """What changes from step to step."""

    places: Int[Tensor, "steps members rows"]  # of the rows that a step takes
    noise: Int[Tensor, "steps members layers words"]
    rates: Float[Tensor, "steps ..."]  # (steps, members, 1); (steps,) where all members have the same ones
    numbers: Float64[Tensor, " steps"]  # of the steps, from 1

    def __len__(self) -> int:
        return len(self.numbers)

    def write(self, other: Inputs) -> None:
        """Take over what others hold, without waiting for it."""
        for each in fields(self):
            getattr(self, each.name).copy_(getattr(other, each.name), non_blocking=True)


@dataclass(frozen=True, kw_only=True)
class Recording:
    """Steps that can be taken again, with what they read and what they leave."""

    inputs: Inputs
    losses: Float[Tensor, "steps members"]
    signals: LayerSignals | None  # of the first step
    replay: Callable[[], None]
    steps: Callable[[], None]  # kept with all that they read: a graph knows nothing but addresses


@dataclass(frozen=True)
class Kind:
    """What tells the recordings of a population apart."""

    steps: int
    observed: bool  # the first of them
    alike: bool  # the members' rates


class Replays:
    """Takes the steps of a population stride by stride, each of them a replay of what was recorded."""

    def __init__(self, recorder_of: Callable[[torch.device], Recorder]) -> None:
        """Start with nothing recorded."""
        self._recorder_of = recorder_of
        self._recorder: Recorder | None = None
        self._recorded_for: tuple[Population, ResidentRows] | None = None
        self._recordings: dict[Kind, Recording] = {}

    def record(self, ahead: Ahead) -> None:
        """Record all that an epoch takes; the population stays as it is.

        Raises:
            SurroundingsError: it cannot be recorded.
        """
        self._turn_to(ahead)
        for places in strides_of(ahead.course):
            inputs = _inputs(ahead, places)
            kind = _kind(ahead.course, places, inputs)
            if kind not in self._recordings:
                self._recordings[kind] = self._record(ahead, inputs, kind)

    def strides(self, ahead: Ahead) -> Iterator[Stride]:
        """Move every member in place, to the end of the epoch."""
        self._turn_to(ahead)
        for places in strides_of(ahead.course):
            inputs = _inputs(ahead, places)
            kind, note = _kind(ahead.course, places, inputs), None
            if kind not in self._recordings:
                try:
                    self._recordings[kind] = self._record(ahead, inputs, kind)
                except SurroundingsError as error:
                    note = f"training goes on without a graph: {error}"
                    self._recorder = _as_it_is
                    self._recordings[kind] = self._record(ahead, inputs, kind)
            recording = self._recordings[kind]
            recording.inputs.write(inputs)
            recording.replay()
            signals = None if recording.signals is None else joined_signals([recording.signals])
            yield Stride(losses=recording.losses.clone(), signals=signals, at_once=ahead.course.at_once, note=note)

    def _turn_to(self, ahead: Ahead) -> None:
        """Forget what was recorded of another population or other rows."""
        before, population, rows = self._recorded_for, ahead.population, ahead.rows
        if before is None or before[0] is not population or before[1] is not rows:
            self._recordings.clear()
            self._recorder = None  # a pool of memory goes with the recordings
            self._recorder = self._recorder_of(population.weights.device)
            self._recorded_for = population, rows

    def _record(self, ahead: Ahead, inputs: Inputs, kind: Kind) -> Recording:
        """Return a recording that has proved itself on these inputs; the population stays as it is.

        Raises:
            SurroundingsError: there is none.
        """
        assert self._recorder is not None
        program, population, weights = ahead.program, ahead.population, ahead.population.weights
        members = len(weights)
        own = _neutral(inputs)
        losses = weights.new_zeros(kind.steps, members)
        signals = no_signals(tuple(program.layers), weights) if kind.observed else None
        single = replace(program, replays=None, execution="eager" if members == 1 else "mapped")

        def take_steps() -> None:
            for place in range(kind.steps):
                outcome = advance(
                    single,
                    population,
                    ahead.rows.taken(own.places[place]),
                    noise=own.noise[place],
                    rate=own.rates[place],
                    step=own.numbers[place],
                    observe=kind.observed and place == 0,
                )
                losses[place].copy_(outcome.losses)
                if signals is not None and outcome.signals is not None:
                    signals.norms.copy_(outcome.signals.norms)
                    signals.activations.copy_(outcome.signals.activations)

        before = copied(population)
        try:
            replay = self._recorder(take_steps)
            recording = Recording(inputs=own, losses=losses, signals=signals, replay=replay, steps=take_steps)
            _write(population, before)
            own.write(inputs)
            take_steps()
            expected, of_steps = copied(population), losses.clone()
            _write(population, before)
            recording.replay()
            same = _alike(population, expected, before=before) and _close(losses, of_steps)
        except RuntimeError as error:
            raise not_recorded(_first_reason(error)) from error
        finally:
            _write(population, before)
        if not same:
            raise not_recorded("a replay did not do what the steps do")
        return recording


def not_recorded(why: str) -> SurroundingsError:
    """Return the error that steps cannot be recorded."""
    return SurroundingsError(f"the steps cannot be recorded as a graph ({why}); try training.compile: never")


def _first_reason(error: BaseException) -> str:
    """Return what went wrong first: that a recording has come to an end by it says little."""
    while error.__context__ is not None:
        error = error.__context__
    return str(error).partition("\n")[0]


def _inputs(ahead: Ahead, places: range) -> Inputs:
    """Return what the steps at some places of a course take; numbers are still in the memory of the CPU."""
    course, weights = ahead.course, ahead.population.weights
    steps, members = len(places), len(weights)
    batch_rows = ahead.order.shape[1] // len(course)
    of_steps = ahead.order[:, places.start * batch_rows : places.stop * batch_rows]
    rates: Sequence[tuple[float, ...]] = [course.rates(place) for place in places]
    alike = all(rate == of_step[0] for of_step in rates for rate in of_step)
    numbers = torch.tensor(rates, dtype=weights.dtype)
    return Inputs(
        places=of_steps.reshape(members, steps, batch_rows).transpose(0, 1),
        noise=course.noise[places.start : places.stop],
        rates=numbers[:, 0] if alike else numbers[..., None],
        numbers=torch.arange(course.first + places.start + 1, course.first + places.stop + 1, dtype=torch.float64),
    )


def _kind(course: Course, places: range, inputs: Inputs) -> Kind:
    return Kind(steps=len(inputs), observed=course.observed(places.start), alike=inputs.rates.ndim == 1)


def _neutral(inputs: Inputs) -> Inputs:
    """Return inputs of this form that differ from them: the first row, again and again, at the rate 0."""
    device = inputs.places.device
    zeros = {
        each.name: torch.zeros(getattr(inputs, each.name).shape, dtype=getattr(inputs, each.name).dtype, device=device)
        for each in fields(inputs)
    }
    return Inputs(**zeros | {"numbers": zeros["numbers"] + 1})


def _write(population: Population, other: Population) -> None:
    """Give a population the values of another, in place."""
    for one, two in zip(_tensors(population), _tensors(other), strict=True):
        one.copy_(two)


def _tensors(population: Population) -> list[Tensor]:
    return [population.weights, *population.buffers.values(), *population.slots.values()]


def _alike(one: Population, other: Population, *, before: Population) -> bool:
    """Tell whether two populations have gone the same way from where they were before."""
    tensors = zip(_tensors(one), _tensors(other), _tensors(before), strict=True)
    apart, way = zip(*((_length(a, b), _length(b, c).nan_to_num()) for a, b, c in tensors), strict=True)
    return bool((torch.stack(apart) <= ALIKE * torch.stack(way)).all())


def _length(one: Tensor, other: Tensor) -> Tensor:
    """Return how far two tensors are apart; places where both are the same, be it no number, do not count."""
    same = (one == other) | (one.isnan() & other.isnan())
    length: Tensor = vector_norm(torch.where(same, torch.zeros_like(one), one - other).double())
    return length


def _close(losses: Tensor, others: Tensor) -> bool:
    return torch.allclose(losses, others, rtol=ALIKE_LOSSES, atol=ALIKE_LOSSES, equal_nan=True)


def _as_it_is(function: Callable[[], None]) -> Callable[[], None]:
    return function
