"""The loop: epochs of steps, a look at the validation rows after each, and the best weights kept.

`train` is a generator. After every step it yields a `Moment`: the state, from which training continues exactly as if it
had never stopped, and the records of what just happened. Whoever iterates may print, store, save the state, or leave:
stopping early from outside is a `break`, followed by `looked_at` so that the weights of that moment are judged too.

A member that has stopped costs nothing more: the population is packed, so that it holds the others alone. Which members
it holds is part of the state and follows from their losses, so a training that is resumed packs as the first one did.

All randomness is a function of (member's seed, epoch, step), so a state needs no generator's inner workings.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from time import perf_counter

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from fitwell.networks.noise import noise_words_of_steps
from fitwell.recipe import TrainingSettings
from fitwell.training.schedules import plateau_factor_after, rate_factor
from fitwell.training.signals import LayerSignals
from fitwell.training.step import Batch, Population, Program, advance, chosen, outputs_of, program_of


@dataclass(frozen=True, kw_only=True)
class Rows:
    """Encoded rows on the device of training."""

    features: Mapping[str, Tensor]
    targets: Tensor
    weights: Tensor | None

    def __len__(self) -> int:
        return len(self.targets)


@dataclass(frozen=True, kw_only=True)
class Seeds:
    """Where one member's randomness comes from."""

    noise: int  # dropout and input noise
    order: int  # of the rows


@dataclass(frozen=True, kw_only=True)
class Mark:
    """How one member stands."""

    best_loss: float = math.inf  # on the validation rows
    best_epoch: int = 0
    losses: tuple[float, ...] = ()  # on the validation rows, one per look
    to_beat: float = math.inf  # the last loss that counted as an improvement
    waited: int = 0  # looks since then
    stopped: str | None = None  # why, in words


@dataclass(frozen=True, kw_only=True)
class State:
    """Everything that decides what comes next. Its tensors change in place with each step."""

    population: Population  # of the active members
    best: Population  # weights and buffers at every member's best look; no slots
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
    program: Program, state: State, training: Rows, validation: Rows, *, seeds: Sequence[Seeds], rates: Sequence[float]
) -> Iterator[Moment]:
    """Train every member until it stops, yielding a moment after each step.

    Starts from any state that it yielded itself and then takes the same steps. `rates` are the members' learning rates
    before the schedule.
    """
    settings = program.settings
    batch_rows, steps_per_epoch = batching(len(training), settings)
    assert settings.epochs != "auto"
    assert settings.schedule != "auto"
    every = settings.signals_every
    layers = program.network.noise_layers
    assert isinstance(layers, int)
    if not any(mark.losses for mark in state.marks):
        state, look = looked_at(program, state, training, validation, rates=rates, seconds=0.0)
        yield Moment(state=state, look=look)
    started = perf_counter()
    while state.epoch < settings.epochs and not Moment(state=state).done:
        active = state.active
        own_program, own_seeds = program_of(program, active), [seeds[member] for member in active]
        lowered = _rates_of_active(state, rates, settings)
        steps = range(state.step, state.step + steps_per_epoch - state.epoch_step)
        words = noise_words_of_steps([seed.noise for seed in own_seeds], steps=steps, layers=layers)
        batches = epoch_batches(training, own_seeds, epoch=state.epoch, batch_rows=batch_rows, start=state.epoch_step)
        for noise, batch in zip(words.to(state.loss_sum.device), batches, strict=True):
            epoch = state.step / steps_per_epoch
            current = scheduled_rates(lowered, settings, epoch=epoch)
            observe = every > 0 and state.step % every == 0
            outcome = advance(
                own_program,
                state.population,
                batch,
                noise=noise,
                rate=_as_rate(current, state.loss_sum),
                step=state.step + 1,
                observe=observe,
            )
            state = replace(
                state,
                step=state.step + 1,
                epoch_step=state.epoch_step + 1,
                loss_sum=state.loss_sum + outcome.losses,
            )
            record = None
            if outcome.signals is not None:
                record = StepRecord(
                    members=active,
                    epoch=epoch,
                    step=state.step,
                    learning_rates=current,
                    losses=outcome.losses,
                    signals=outcome.signals,
                    rows=batch_rows,
                )
            if state.epoch_step < steps_per_epoch:
                yield Moment(state=state, step=record)
        elapsed, started = perf_counter() - started, perf_counter()
        state = replace(state, epoch=state.epoch + 1)
        state, look = looked_at(program, state, training, validation, rates=rates, seconds=elapsed)
        yield Moment(state=state, step=record, look=look)


def looked_at(
    program: Program, state: State, training: Rows, validation: Rows, *, rates: Sequence[float], seconds: float
) -> tuple[State, EpochRecord]:
    """Judge every active member on the validation rows, keep what is best so far, and say who stops."""
    settings = program.settings
    batch_rows, steps_per_epoch = batching(len(training), settings)
    outputs = outputs_of(program.network, program.pieces, state.population, validation.features)
    losses = mean_losses(program, outputs, validation)
    marks = list(state.marks)
    for place, (member, loss) in enumerate(zip(state.active, losses, strict=True)):
        marks[member] = _judged(state.marks[member], loss, state.epoch, settings)
        if marks[member].best_loss < state.marks[member].best_loss:
            state.best.weights[member] = state.population.weights[place]
            for name, buffer in state.best.buffers.items():
                buffer[member] = state.population.buffers[name][place]
    trained = state.epoch_step
    epoch = state.step / steps_per_epoch
    look = EpochRecord(
        members=state.active,
        epoch=epoch,
        step=state.step,
        learning_rates=scheduled_rates(_rates_of_active(state, rates, settings), settings, epoch=epoch),
        training_losses=tuple((state.loss_sum / trained).tolist()) if trained else (math.nan,) * len(losses),
        validation_losses=losses,
        outputs=outputs,
        seconds=seconds,
        rows=trained * batch_rows,
    )
    state = replace(state, marks=tuple(marks), epoch_step=0, loss_sum=torch.zeros_like(state.loss_sum))
    return _packed(state), look


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

    A batch of all rows is the rows as they are: their order would change nothing.
    """
    steps = len(training) // batch_rows
    if batch_rows == len(training):
        everything = _mapped(training, lambda block: block.expand(len(seeds), *block.shape))
        yield from [everything][start:]
        return
    orders = np.stack([epoch_order(seed.order, epoch=epoch, rows=len(training)) for seed in seeds])
    order = torch.from_numpy(orders[:, : steps * batch_rows]).to(training.targets.device)
    # One member: one permuted copy, then views of it, is cheaper than gathering each batch; but arrays may be large.
    is_copied = len(seeds) == 1 and all(block.ndim == 2 for block in training.features.values())
    shuffled = _mapped(training, lambda block: block[order]) if is_copied else None
    for place in range(start, steps):
        rows = slice(place * batch_rows, (place + 1) * batch_rows)
        if shuffled is not None:
            yield _mapped(shuffled, lambda block, rows=rows: block[:, rows])  # type: ignore[misc]
        else:
            yield _mapped(training, lambda block, rows=rows: block[order[:, rows]])  # type: ignore[misc]


def epoch_order(seed: int, *, epoch: int, rows: int) -> np.ndarray:
    """Return the order of the rows in one epoch.

    >>> sorted(epoch_order(3, epoch=0, rows=5).tolist())
    [0, 1, 2, 3, 4]
    """
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, epoch]))).permutation(rows)


def lowered_rates(rates: Sequence[float], marks: Sequence[Mark], settings: TrainingSettings) -> tuple[float, ...]:
    """Return each member's rate after what its validation losses ask for; only the plateau schedule asks."""
    if settings.schedule != "plateau":
        return tuple(rates)
    return tuple(rate * plateau_factor_after(mark.losses, settings) for rate, mark in zip(rates, marks, strict=True))


def _rates_of_active(state: State, rates: Sequence[float], settings: TrainingSettings) -> tuple[float, ...]:
    lowered = lowered_rates(rates, state.marks, settings)
    return tuple(lowered[member] for member in state.active)


def scheduled_rates(rates: Sequence[float], settings: TrainingSettings, *, epoch: float) -> tuple[float, ...]:
    """Return each member's rate at a moment, in epochs with fractions."""
    assert settings.epochs != "auto"
    assert settings.schedule != "auto"
    factor = rate_factor(settings.schedule, epoch, total=float(settings.epochs), settings=settings)
    return tuple(rate * factor for rate in rates)


def mean_losses(program: Program, outputs: Tensor, rows: Rows) -> tuple[float, ...]:
    """Return each member's mean loss over rows, by their weights."""
    with torch.inference_mode():
        per_row = torch.stack([program.loss(of_member, rows.targets) for of_member in outputs]).double()
        if rows.weights is None:
            return tuple(per_row.mean(1).tolist())
        return tuple(((per_row * rows.weights).sum(1) / rows.weights.sum()).tolist())


def _judged(mark: Mark, loss: float, epoch: int, settings: TrainingSettings) -> Mark:
    patience = settings.early_stopping.patience
    assert patience != "auto"
    if mark.stopped is not None:
        return mark
    mark = replace(mark, losses=(*mark.losses, loss))
    if not math.isfinite(loss):
        return replace(mark, stopped=f"the validation loss became {loss} in epoch {epoch}")
    if loss < mark.best_loss:
        mark = replace(mark, best_loss=loss, best_epoch=epoch)
    if loss < mark.to_beat - settings.early_stopping.minimum_improvement:
        return replace(mark, to_beat=loss, waited=0)
    waited = mark.waited + 1
    stopped = None
    if patience and waited >= patience:
        stopped = f"no better validation loss for {waited} epochs (the best was epoch {mark.best_epoch})"
    return replace(mark, waited=waited, stopped=stopped)


def _as_rate(rates: Sequence[float], like: Tensor) -> float | Tensor:
    if all(rate == rates[0] for rate in rates):
        return rates[0]
    return torch.tensor(rates, device=like.device)[:, None]


def _snapshot(population: Population) -> Population:
    return Population(
        weights=population.weights.clone(),
        buffers={name: buffer.clone() for name, buffer in population.buffers.items()},
        slots={},
    )


def _mapped(rows: Rows | Batch, change: Callable[[Tensor], Tensor]) -> Batch:
    return Batch(
        features={name: change(block) for name, block in rows.features.items()},
        targets=change(rows.targets),
        weights=None if rows.weights is None else change(rows.weights),
    )
