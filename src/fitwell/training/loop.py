"""The loop: epochs of steps, a look at the validation rows after each, and the best or the last weights kept.

`train` is a generator. After every step (or several, where a GPU replays them at once) it yields a `Moment`: the state,
from which training continues exactly as if it had never stopped, and the records of what just happened. Whoever
iterates may print, store, save the state, or leave: stopping early from outside is a `break`, followed by `looked_at`
so that the weights of that moment are judged too.

A member that has stopped costs nothing more: the population is packed, so that it holds the others alone. Which members
it holds is part of the state and follows from their losses, so a training that is resumed packs as the first one did.

All randomness is a function of (member's seed, epoch, step), so a state needs no generator's inner workings.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from fitwell.networks.noise import from_row, noise_words_of_steps
from fitwell.recipe import EarlyStopping, TrainingSettings
from fitwell.training.gradients import loss_of
from fitwell.training.groups import advance_in_groups
from fitwell.training.lengths import Lengths
from fitwell.training.outputs import outputs_of
from fitwell.training.program import Ahead, Batch, Population, Program, chosen, program_of
from fitwell.training.replays import not_recorded
from fitwell.training.schedules import plateau_factor_after, rate_factor
from fitwell.training.signals import LayerSignals
from fitwell.training.strides import Course, Stride

ROWS_GATHERED = 16_384  # of the members' next batches together: few calls, and what they copy stays in the cache


@dataclass(frozen=True, kw_only=True)
class Rows:
    """Encoded rows on the device of training."""

    features: Mapping[str, Tensor]
    targets: Tensor
    weights: Tensor | None
    lengths: Lengths | None = None  # by which batches are put together and cut

    def __len__(self) -> int:
        return len(self.targets)

    def batches(self, seeds: Sequence[Seeds], *, epoch: int, batch_rows: int, start: int = 0) -> Iterator[Batch]:
        """Yield the batches of one epoch from the `start`-th on, every member in its own order."""
        return epoch_batches(self, seeds, epoch=epoch, batch_rows=batch_rows, start=start)

    def taken(self, places: Int[Tensor, "members rows"]) -> Batch:
        """Return the rows at these places, each member's own."""
        flat = places.reshape(-1)
        # Whole rows are copied, which takes a fifth of what indexing does.
        return mapped(self, lambda block: block.index_select(0, flat).view(*places.shape, *block.shape[1:]))


@dataclass(frozen=True, kw_only=True)
class Seeds:
    """Where one member's randomness comes from."""

    noise: int  # dropout and input noise
    order: int  # of the rows


@runtime_checkable
class TrainingRows(Protocol):
    """Rows to train on: in memory (`Rows`), or read anew in each epoch (`training/streaming.py`)."""

    def __len__(self) -> int:
        """How many there are."""
        ...

    def batches(self, seeds: Sequence[Seeds], *, epoch: int, batch_rows: int, start: int = 0) -> Iterator[Batch]:
        """Yield the batches of one epoch from the `start`-th on, which are a function of (seeds, epoch)."""
        ...


@dataclass(frozen=True, kw_only=True)
class Mark:
    """How one member stands."""

    best_loss: float = math.inf  # on the validation rows, with the weights that are kept
    best_epoch: int = 0  # of those weights
    losses: tuple[float, ...] = ()  # on the validation rows, one per look
    glimpses: tuple[float, ...] = ()  # losses on some of them within an epoch, where somebody asked
    to_beat: float = math.inf  # the last loss that counted as an improvement
    waited: int = 0  # looks since then
    stopped: str | None = None  # why, in words


@dataclass(frozen=True, kw_only=True)
class State:
    """Everything that decides what comes next. Its tensors change in place with each step."""

    population: Population  # of the active members
    best: Population  # weights and buffers at the look that every member keeps; no slots
    marks: tuple[Mark, ...]  # of every member
    active: tuple[int, ...]  # members that train on; all of the last ones, when the last ones have stopped
    step: int  # steps taken since the run began
    epoch_step: int  # steps taken in this epoch
    epoch: int  # completed epochs
    loss_sum: Float[Tensor, " active"]  # of this epoch's batch losses


@dataclass(frozen=True, kw_only=True)
class StepRecord:
    """Signals of one step, of the members that took it."""

    members: tuple[int, ...]
    epoch: float  # fractions included
    step: int
    learning_rates: tuple[float, ...]
    losses: Tensor  # (members,), still on the device
    signals: LayerSignals
    rows: int


@dataclass(frozen=True, kw_only=True)
class EpochRecord:
    """How every member that was not stopped before stood at one look."""

    members: tuple[int, ...]
    epoch: float
    step: int
    learning_rates: tuple[float, ...]
    training_losses: tuple[float, ...]  # means over the epoch's steps, nan before the first
    validation_losses: tuple[float, ...]
    outputs: Float[Tensor, "members rows outputs"]  # for the validation rows
    seconds: float  # since the look before
    rows: int  # training rows seen since then, per member


@dataclass(frozen=True, kw_only=True)
class Moment:
    """What is handed out after a step."""

    state: State
    step: StepRecord | None = None
    look: EpochRecord | None = None
    note: str | None = None  # what went otherwise than planned, in words

    @property
    def done(self) -> bool:
        """True when no member is left to train."""
        return all(mark.stopped is not None for mark in self.state.marks)


def first_state(population: Population) -> State:
    """Return the state before the first step."""
    members = len(population.weights)
    return State(
        population=population,
        best=_snapshot(population),
        marks=(Mark(),) * members,
        active=tuple(range(members)),
        step=0,
        epoch_step=0,
        epoch=0,
        loss_sum=torch.zeros(members, device=population.weights.device),
    )


def train(
    program: Program,
    state: State,
    training: TrainingRows,
    validation: Rows,
    *,
    seeds: Sequence[Seeds],
    rates: Sequence[float],
) -> Iterator[Moment]:
    """Train every member until it stops, yielding a moment after each step, or after those of a replay.

    Starts from any state that it yielded itself and then takes the same steps. `rates` are the members' learning rates
    before the schedule.
    """
    settings = program.settings
    batch_rows, steps_per_epoch = batching(len(training), settings)
    assert settings.epochs != "auto"
    assert settings.schedule != "auto"
    at_once = len(state.population.weights) if settings.members_at_once == "auto" else settings.members_at_once
    if not any(mark.losses for mark in state.marks):
        state, look = looked_at(program, state, training, validation, rates=rates, seconds=0.0)
        yield Moment(state=state, look=look)
    started = perf_counter()
    while state.epoch < settings.epochs and not Moment(state=state).done:
        active = state.active
        own_program, own_seeds = program_of(program, active), [seeds[member] for member in active]
        course = _course(own_program, state, training, own_seeds, rates=rates, at_once=at_once)
        for stride in _strides(own_program, state, training, own_seeds, course):
            at_once, first = stride.at_once, state.step
            state.loss_sum.add_(stride.losses.sum(0))
            steps = len(stride.losses)
            state = replace(state, step=state.step + steps, epoch_step=state.epoch_step + steps)
            record = None
            if stride.signals is not None:
                record = StepRecord(
                    members=active,
                    epoch=first / steps_per_epoch,
                    step=first + 1,
                    learning_rates=course.rates(first - course.first),
                    losses=stride.losses[0],
                    signals=stride.signals,
                    rows=batch_rows,
                )
            if state.epoch_step < steps_per_epoch:
                yield Moment(state=state, step=record, note=stride.note)
        elapsed, started = perf_counter() - started, perf_counter()
        state = replace(state, epoch=state.epoch + 1)
        state, look = looked_at(program, state, training, validation, rates=rates, seconds=elapsed)
        yield Moment(state=state, step=record, look=look, note=stride.note)


def record_ahead(
    program: Program, state: State, training: TrainingRows, *, seeds: Sequence[Seeds], rates: Sequence[float]
) -> None:
    """Record what the first epoch from a state on will replay; the state stays as it is.

    Raises:
        SurroundingsError: that is not possible.
    """
    assert program.replays is not None
    if not isinstance(training, Rows):
        raise not_recorded("rows come from a disk, and a graph takes them from the memory of the GPU")
    own_program, own_seeds = program_of(program, state.active), [seeds[member] for member in state.active]
    course = _course(own_program, state, training, own_seeds, rates=rates, at_once=len(own_seeds))
    program.replays.record(_ahead(own_program, state, training, own_seeds, course))


def _course(
    program: Program,
    state: State,
    training: TrainingRows,
    seeds: Sequence[Seeds],
    *,
    rates: Sequence[float],
    at_once: int,
) -> Course:
    """Return what the steps of an epoch that are ahead take beside their rows."""
    batch_rows, steps_per_epoch = batching(len(training), program.settings)
    settings, layers, first = program.own_settings(state.active), program.network.noise_layers, state.step
    assert isinstance(layers, int)
    lowered = _rates_of_active(state, rates, settings)
    steps = range(first, first + steps_per_epoch - state.epoch_step)
    words = noise_words_of_steps([seed.noise for seed in seeds], steps=steps, layers=layers)
    if program.processes is not None:
        words = from_row(words, program.processes.share(batch_rows).start)
    return Course(
        first=first,
        noise=words.to(state.loss_sum.device),
        rates=lambda place: scheduled_rates(lowered, settings, epoch=(first + place) / steps_per_epoch),
        signals_every=program.settings.signals_every,
        maximum_steps=program.settings.maximum_steps,
        at_once=at_once,
    )


def _strides(
    program: Program, state: State, training: TrainingRows, seeds: Sequence[Seeds], course: Course
) -> Iterator[Stride]:
    """Take the steps of a course."""
    if program.replays is not None and isinstance(training, Rows):
        return program.replays.strides(_ahead(program, state, training, seeds, course))
    batch_rows, _ = batching(len(training), program.settings)
    batches = training.batches(seeds, epoch=state.epoch, batch_rows=batch_rows, start=state.epoch_step)
    if program.processes is not None:
        batches = map(program.own_rows, batches)
    return _one_by_one(program, state.population, batches, course)


def _one_by_one(program: Program, population: Population, batches: Iterator[Batch], course: Course) -> Iterator[Stride]:
    at_once = course.at_once
    for place, (noise, batch) in enumerate(zip(course.noise, batches, strict=True)):
        grouped = advance_in_groups(
            program,
            population,
            batch,
            noise=noise,
            rate=_as_rate(course.rates(place), population.weights),
            step=course.first + place + 1,
            observe=course.observed(place),
            at_once=at_once,
        )
        note = None
        if grouped.at_once < at_once:
            at_once = grouped.at_once
            note = (
                f"the memory did not suffice for all members at once; from now on they are computed {at_once} at a time"
            )
        outcome = grouped.outcome
        yield Stride(losses=outcome.losses[None], signals=outcome.signals, at_once=at_once, note=note)


def _ahead(program: Program, state: State, training: Rows, seeds: Sequence[Seeds], course: Course) -> Ahead:
    batch_rows, _ = batching(len(training), program.settings)
    order = _order(training, seeds, epoch=state.epoch, batch_rows=batch_rows)[:, state.epoch_step * batch_rows :]
    on_device = torch.from_numpy(order).to(training.targets.device)
    return Ahead(program=program, population=state.population, rows=training, order=on_device, course=course)


def looked_at(
    program: Program,
    state: State,
    training: TrainingRows,
    validation: Rows,
    *,
    rates: Sequence[float],
    seconds: float,
) -> tuple[State, EpochRecord]:
    """Judge every active member on the validation rows, keep what is to be kept, and say who stops."""
    settings = program.settings
    batch_rows, steps_per_epoch = batching(len(training), settings)
    outputs = _outputs(program, state.population, validation)
    losses = mean_losses(program_of(program, state.active), outputs, validation)
    if program.processes is not None:
        losses = program.processes.numbers_from_first(losses)
    own_settings = program.own_settings(state.active)
    marks = list(state.marks)
    for place, (member, loss) in enumerate(zip(state.active, losses, strict=True)):
        marks[member] = _judged(state.marks[member], loss, state.epoch, own_settings[place].early_stopping)
        if _keeps(state.marks[member], loss, own_settings[place].early_stopping):
            state.best.weights[member] = state.population.weights[place]
            for name, buffer in state.best.buffers.items():
                buffer[member] = state.population.buffers[name][place]
    trained = state.epoch_step
    epoch = state.step / steps_per_epoch
    look = EpochRecord(
        members=state.active,
        epoch=epoch,
        step=state.step,
        learning_rates=scheduled_rates(_rates_of_active(state, rates, own_settings), own_settings, epoch=epoch),
        training_losses=tuple((state.loss_sum / trained).tolist()) if trained else (math.nan,) * len(losses),
        validation_losses=losses,
        outputs=outputs,
        seconds=seconds,
        rows=trained * batch_rows,
    )
    state = replace(state, marks=tuple(marks), epoch_step=0, loss_sum=torch.zeros_like(state.loss_sum))
    return _packed(state), look


def glimpsed(program: Program, state: State, some: Rows) -> State:
    """Return the state with every active member's loss on some of the validation rows noted, and nothing else changed.

    A look ends an epoch; a glimpse may be had at any step.
    """
    losses = mean_losses(program_of(program, state.active), _outputs(program, state.population, some), some)
    marks = list(state.marks)
    for member, loss in zip(state.active, losses, strict=True):
        marks[member] = replace(marks[member], glimpses=(*marks[member].glimpses, loss))
    return replace(state, marks=tuple(marks))


def left_out(state: State, members: Collection[int], *, why: str) -> State:
    """Return a state in which these members have stopped, for a reason in words; the others train on as before.

    Where no other member is left, training is done.
    """
    marks = [
        replace(mark, stopped=why) if member in members and mark.stopped is None else mark
        for member, mark in enumerate(state.marks)
    ]
    return _packed(replace(state, marks=tuple(marks)))


def _outputs(program: Program, population: Population, rows: Rows) -> Float[Tensor, "members rows outputs"]:
    """Return what every member puts out for the rows, of which each process computes its share."""
    network, pieces, processes = program.network, program.pieces, program.processes
    if processes is None:
        return outputs_of(network, pieces, population, rows.features)
    own = {name: block[processes.share(len(rows))] for name, block in rows.features.items()}
    return processes.gathered(outputs_of(network, pieces, population, own), rows=len(rows))


def _packed(state: State) -> State:
    """Leave out the members that have stopped, unless all have."""
    places = [place for place, member in enumerate(state.active) if state.marks[member].stopped is None]
    if len(places) in (0, len(state.active)):
        return state
    return replace(
        state,
        population=chosen(state.population, places),
        active=tuple(state.active[place] for place in places),
        loss_sum=state.loss_sum[places],
    )


def batching(rows: int, settings: TrainingSettings) -> tuple[int, int]:
    """Return rows per batch and steps per epoch; the last incomplete batch is dropped unless it is the only one.

    >>> batching(1000, TrainingSettings(batch_size=256))
    (256, 3)
    >>> batching(100, TrainingSettings(batch_size=256)), batching(1000, TrainingSettings(batch_size="full"))
    ((100, 1), (1000, 1))
    """
    assert settings.batch_size != "auto"
    size = rows if settings.batch_size == "full" else min(settings.batch_size, rows)
    return size, rows // size


def epoch_batches(
    training: Rows, seeds: Sequence[Seeds], *, epoch: int, batch_rows: int, start: int = 0
) -> Iterator[Batch]:
    """Yield the batches of one epoch from the `start`-th on, every member in its own order.

    A batch of all rows is the rows as they are, not a copy.
    """
    steps = len(training) // batch_rows
    if batch_rows == len(training):
        everything = mapped(training, lambda block: block.expand(len(seeds), *block.shape))
        yield from [everything][start:]
        return
    order = _order(training, seeds, epoch=epoch, batch_rows=batch_rows)
    at_once = max(1, ROWS_GATHERED // (len(seeds) * batch_rows))
    for first in range(start, steps, at_once):
        yield from _gathered(training, order[:, first * batch_rows : (first + at_once) * batch_rows], batch_rows)


def _order(training: Rows, seeds: Sequence[Seeds], *, epoch: int, batch_rows: int) -> Int[np.ndarray, "members rows"]:
    """Return the places of the rows of an epoch's batches, each member's in its own order.

    A batch of all rows has them as they are: their order would change nothing.
    """
    kind = np.int32 if len(training) < 2**31 else np.int64
    if batch_rows == len(training):
        return np.tile(np.arange(batch_rows, dtype=kind), (len(seeds), 1))
    used = len(training) // batch_rows * batch_rows
    orders = np.empty((len(seeds), used), kind)
    for place, seed in enumerate(seeds):
        order = epoch_order(seed.order, epoch=epoch, rows=len(training))[:used]
        if training.lengths is not None:
            order = training.lengths.sorted(order, epoch=epoch, batch_rows=batch_rows)
        orders[place] = order
    return orders


def _gathered(training: Rows, order: Int[np.ndarray, "members rows"], batch_rows: int) -> Iterator[Batch]:
    """Yield the batches that an order of rows makes, cut to their longest rows where that may be."""
    gathered = training.taken(torch.from_numpy(order).to(training.targets.device))

    def batches_of(block: Tensor) -> Sequence[Tensor]:
        return torch.split(block, batch_rows, dim=1)  # one call cuts out all batches

    def cut(name: str, batches: Sequence[Tensor]) -> Sequence[Tensor]:
        longest = None if training.lengths is None else training.lengths.longest(name, order, batch_rows=batch_rows)
        if longest is None:
            return batches
        return [batch[:, :, :steps].contiguous() for batch, steps in zip(batches, longest, strict=True)]

    targets = batches_of(gathered.targets)
    features = {name: cut(name, batches_of(block)) for name, block in gathered.features.items()}
    weights = None if gathered.weights is None else batches_of(gathered.weights)
    for place, of_batch in enumerate(targets):
        yield Batch(
            features={name: blocks[place] for name, blocks in features.items()},
            targets=of_batch,
            weights=None if weights is None else weights[place],
        )


def epoch_order(seed: int, *, epoch: int, rows: int) -> np.ndarray:
    """Return the order of the rows in one epoch.

    >>> sorted(epoch_order(3, epoch=0, rows=5).tolist())
    [0, 1, 2, 3, 4]
    """
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, epoch]))).permutation(rows)


def _rates_of_active(state: State, rates: Sequence[float], settings: Sequence[TrainingSettings]) -> tuple[float, ...]:
    """Return each active member's rate after what its validation losses ask for; only the plateau schedule asks."""
    return tuple(
        rates[member] * plateau_factor_after(state.marks[member].losses, own)
        if own.schedule == "plateau"
        else rates[member]
        for member, own in zip(state.active, settings, strict=True)
    )


def scheduled_rates(rates: Sequence[float], settings: Sequence[TrainingSettings], *, epoch: float) -> tuple[float, ...]:
    """Return each member's rate at a moment, in epochs with fractions, by its own settings."""
    first = settings[0]
    if all(own is first for own in settings):
        factor = _factor(first, epoch)
        return tuple(rate * factor for rate in rates)
    return tuple(rate * _factor(own, epoch) for rate, own in zip(rates, settings, strict=True))


def _factor(settings: TrainingSettings, epoch: float) -> float:
    assert settings.epochs != "auto"
    assert settings.schedule != "auto"
    return rate_factor(settings.schedule, epoch, total=float(settings.epochs), settings=settings)


def mean_losses(program: Program, outputs: Tensor, rows: Rows) -> tuple[float, ...]:
    """Return each member's mean loss over rows, by their weights."""
    with torch.inference_mode():
        per_row = torch.stack(
            [loss_of(program, member)(of_member, rows.targets) for member, of_member in enumerate(outputs)]
        ).double()
        if rows.weights is None:
            return tuple(per_row.mean(1).tolist())
        return tuple(((per_row * rows.weights).sum(1) / rows.weights.sum()).tolist())


def _judged(mark: Mark, loss: float, epoch: int, stopping: EarlyStopping) -> Mark:
    patience = stopping.patience
    assert patience != "auto"
    if mark.stopped is not None:
        return mark
    mark = replace(mark, losses=(*mark.losses, loss))
    if not math.isfinite(loss):
        return replace(mark, stopped=f"the validation loss became {loss} in epoch {epoch}")
    if _keeps(mark, loss, stopping):
        mark = replace(mark, best_loss=loss, best_epoch=epoch)
    if loss < mark.to_beat - stopping.minimum_improvement:
        return replace(mark, to_beat=loss, waited=0)
    waited = mark.waited + 1
    stopped = None
    if patience and waited >= patience:
        best = f"epoch {mark.best_epoch}" if mark.best_epoch else "before the first step, whose weights are kept"
        which = "" if stopping.restore_best is False else f" (the best was {best})"
        stopped = f"no better validation loss for {waited} epochs{which}"
    return replace(mark, waited=waited, stopped=stopped)


def _keeps(mark: Mark, loss: float, stopping: EarlyStopping) -> bool:
    """Tell whether a look's weights take the place of those kept so far; a recipe from before restores the best."""
    if stopping.restore_best is False:
        return mark.stopped is None and math.isfinite(loss)
    return mark.stopped is None and loss < mark.best_loss


def _as_rate(rates: Sequence[float], like: Tensor) -> float | Tensor:
    if all(rate == rates[0] for rate in rates):
        return rates[0]
    return torch.tensor(rates, dtype=like.dtype, device=like.device)[:, None]


def _snapshot(population: Population) -> Population:
    return Population(
        weights=population.weights.clone(),
        buffers={name: buffer.clone() for name, buffer in population.buffers.items()},
        slots={},
    )


def mapped(rows: Rows | Batch, change: Callable[[Tensor], Tensor]) -> Batch:
    """Return the batch that a change of each of its tensors makes."""
    return Batch(
        features={name: change(block) for name, block in rows.features.items()},
        targets=change(rows.targets),
        weights=None if rows.weights is None else change(rows.weights),
    )
