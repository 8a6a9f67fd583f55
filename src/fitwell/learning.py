"""Prepared rows become a trained population: the loop is driven here, saved now and then, and left in time.

The loop itself (`training.loop.train`) knows nothing of disks, clocks or Ctrl-C. This is the one place that iterates
over it, and it only ever does four things with a moment: remember its records, tell about it, save its state, or leave.
"""

from __future__ import annotations

import copy
import io
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import partial
from time import perf_counter
from typing import Any

import numpy as np
import polars as pl
import torch
from torch import nn

from fitwell.decision import Decision, costs_of
from fitwell.devices import require_device
from fitwell.errors import SurroundingsError
from fitwell.evaluation import primary_for
from fitwell.events import Event, Listener
from fitwell.interrupts import interruptible
from fitwell.networks.build import build_network
from fitwell.networks.fully_connected import FullyConnected
from fitwell.networks.layer import ArrayNetwork, ReadBeforehand
from fitwell.networks.noise import noise_words
from fitwell.plan import uncompiled_execution
from fitwell.prediction import Model, Predictions, predictions_of
from fitwell.preparation import Prepared
from fitwell.processes.group import Wishes
from fitwell.recipe import Recipe, TrainingSettings, changed, own_recipe
from fitwell.tasks.task import Glance, class_weights
from fitwell.training.compiled import compile_ahead
from fitwell.training.groups import measured_fit
from fitwell.training.history import history_frame
from fitwell.training.lengths import Lengths
from fitwell.training.loop import (
    EpochRecord,
    Mark,
    Moment,
    Rows,
    Seeds,
    State,
    StepRecord,
    TrainingRows,
    batching,
    first_state,
    looked_at,
    record_ahead,
    train,
)
from fitwell.training.members import member_loss, member_rates, member_settings
from fitwell.training.outputs import outputs_by_member
from fitwell.training.population import build_population, make_program, members_of
from fitwell.training.program import Batch, Population, Program, copied
from fitwell.training.range_test import range_test
from fitwell.training.threads import torch_threads

SAMPLE_ROWS = 32_768  # of the training rows, for what starts from data
QUICK_SAVING, SAVING_SHARE = (
    0.1,
    0.05,
)  # seconds; what takes longer, as a gigabyte does, has so much of the time at most
TIMED_STEPS = 20
TIMED_ROWS = 16_384  # at most so many of what a look takes, to time it


@dataclass(frozen=True, kw_only=True)
class Setup:
    """All that the loop needs."""

    recipe: Recipe  # resolved, with its learning rate
    program: Program
    state: State
    training: TrainingRows
    validation: Rows
    seeds: Sequence[Seeds]
    rates: Sequence[float]
    reasons: dict[str, str]  # for what was found out while setting up
    events: tuple[Event, ...] = ()  # what there is to say about it


@dataclass(frozen=True, kw_only=True)
class Learned:
    """What training left."""

    state: State
    history: pl.DataFrame
    ending: str  # `done`, `interrupted`, `time` (the limit came) or `steps` (maximum_steps came)


@dataclass(frozen=True)
class Clock:
    """How much time there is, from the start of the command."""

    started: float
    limit: float = math.inf  # seconds

    def remaining(self) -> float:
        """Seconds until the limit."""
        return self.limit - (perf_counter() - self.started)

    def before(self, seconds: float) -> Clock:
        """Return the clock that ends so many seconds earlier, because something follows."""
        return Clock(self.started, self.limit - seconds)

    def share(self, *, further: int, preparing: float) -> Clock:
        """Return the clock of one training, when as many `further` ones will each need `preparing` seconds first."""
        now = perf_counter()
        if math.isinf(self.limit):
            return Clock(now)
        return Clock(now, (self.remaining() - further * preparing) / (further + 1))

    def enough_for(self, seconds: float, *, most: int) -> int:
        """Return how many things that take so many seconds each can be done until the limit, at most `most`."""
        return most if math.isinf(self.limit) else max(0, min(most, int(self.remaining() / seconds)))


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How fast training goes on this machine now."""

    step: float  # seconds
    look: float  # seconds, at the validation rows

    def epoch(self, setup: Setup) -> float:
        """Seconds that an epoch and the look after it take."""
        return batching(len(setup.training), setup.recipe.training)[1] * self.step + self.look


Save = Callable[[State, bytes], None]


@dataclass(frozen=True, kw_only=True)
class Watched:
    """The quick figure that is told and kept at every look at the validation rows."""

    name: str
    figures: Callable[[EpochRecord], list[float]]  # of every member


def watched_of(prepared: Prepared, recipe: Recipe) -> Watched:
    """Return the quick figure of the task of prepared rows: the one that decides, where that is quick."""
    labelled = prepared.labelled
    truth, costs = labelled.truth[prepared.split.held_out[prepared.split.measured]], costs_of(recipe.decision)
    decides = primary_for(labelled.task, labelled.coding, truth, goal=recipe.goal, costs=costs).metric
    glance = labelled.task.glance(decides)
    return Watched(name=glance.name, figures=partial(_figures, prepared, glance))


def set_up(prepared: Prepared, recipe: Recipe) -> Setup:
    """Return the population before its first step; an automatic learning rate is found by a range test.

    Raises:
        SurroundingsError: the recipe's device is not there.
    """
    device = recipe.device
    require_device(device)
    training = prepared.training(device=device)
    validation = prepared.part(prepared.split.validation, device=device)
    every = -(-len(training) // SAMPLE_ROWS)
    sampled = prepared.split.train[::every]  # from all over the rows, which may be sorted
    sample = {name: torch.from_numpy(block[sampled]) for name, block in prepared.features.items()}
    task, coding = prepared.labelled.task, prepared.labelled.coding

    def build(member: int, seed: int) -> FullyConnected:
        layout, outputs = prepared.encoders.layout, task.outputs(coding)
        return build_network(recipe, layout, outputs, sample=sample, seed=seed, member=member)

    settings = recipe.training
    members = members_of(recipe, build)
    network, population = build_population(members, settings=settings, device=device)
    program = make_program(
        network,
        partial(member_loss, settings.loss, task.form),
        members,
        recipe=recipe,
        own=member_settings(recipe, class_weights=_class_weights(prepared, recipe)),
        mixing=network.mixing if isinstance(network, FullyConnected) and network.mixing.acts else None,
        steps_per_epoch=batching(len(training), settings)[1],
    )
    if isinstance(training, Rows):
        training = _with_lengths(network, _read_beforehand(network, training), settings)
    validation = _read_beforehand(network, validation)
    seeds = [member.seeds for member in members]
    reasons = {}
    if settings.learning_rate == "auto":
        found = _found_rates(recipe, program, population, training, seeds)
        recipe = changed(recipe, found.changes)
        program = replace(program, settings=recipe.training, differences=recipe.differences)
        reasons["training.learning_rate"] = found.why
    setup = Setup(
        recipe=recipe,
        program=program,
        state=first_state(population),
        training=training,
        validation=validation,
        seeds=seeds,
        rates=member_rates(recipe),
        reasons=reasons,
    )
    if recipe.training.execution == "compiled":
        setup = _with_code(setup)
    chosen = "training.members_at_once" in prepared.reasons
    return _with_groups(setup) if chosen and setup.recipe.training.execution == "mapped" else setup


def _read_beforehand(network: nn.Module, rows: Rows) -> Rows:
    """Return the rows with what a frozen network makes of its block in the place of that block."""
    found: dict[str, torch.Tensor] = {}
    for name, module in network.named_modules():
        block = name.rpartition(".")[2]
        if block in rows.features and isinstance(module, ReadBeforehand):
            read = module.read(rows.features[block])
            found |= {} if read is None else {block: read}
    return replace(rows, features={**rows.features, **found})


def _with_lengths(network: nn.Module, rows: Rows, settings: TrainingSettings) -> Rows:
    """Return the rows with their lengths, where the network reads no further and a step may take rows of any."""
    if settings.execution == "compiled":
        return rows
    steps: dict[str, np.ndarray] = {}
    for name, module in network.named_modules():
        block = name.rpartition(".")[2]
        if block in rows.features and isinstance(module, ArrayNetwork):
            found = module.lengths(rows.features[block])
            steps |= {} if found is None else {block: found.cpu().numpy()}
    # A recipe from before does not say how many batches were sorted: none.
    window = 1 if settings.sorted_batches == "auto" else settings.sorted_batches
    return replace(rows, lengths=Lengths(steps=steps, window=window)) if steps else rows


def _with_groups(setup: Setup) -> Setup:
    """Return the setup with as many members computed at once as are measured to fit the memory."""
    batch, noise = _first_batch(setup)
    with threads(setup.recipe):
        fit = measured_fit(setup.program, setup.state.population, batch, noise=noise)
    recipe = changed(setup.recipe, {"training.members_at_once": fit.at_once})
    return replace(
        setup,
        recipe=recipe,
        program=replace(setup.program, settings=recipe.training),
        reasons=setup.reasons | {"training.members_at_once": fit.why},
    )


def _first_batch(setup: Setup) -> tuple[Batch, torch.Tensor]:
    """Return a batch of every member and the words of its noise."""
    layers = setup.program.network.noise_layers
    assert isinstance(layers, int)
    size, _ = batching(len(setup.training), setup.recipe.training)
    noise = noise_words([seed.noise for seed in setup.seeds], step=0, layers=layers)
    batch = next(setup.training.batches(setup.seeds, epoch=0, batch_rows=size))
    return batch, noise.to(setup.recipe.device)


@dataclass(frozen=True, kw_only=True)
class _FoundRates:
    """What range tests say."""

    changes: dict[str, Any]  # of the recipe
    why: str


def _found_rates(
    recipe: Recipe, program: Program, population: Population, training: TrainingRows, seeds: Sequence[Seeds]
) -> _FoundRates:
    """Return the rate that a range test finds; members that differ have a test each, unless they have a rate."""
    path = "training.learning_rate"
    tested = [member for member, own in enumerate(recipe.differences) if path not in own] or [0]
    with threads(recipe):
        tests = {
            member: range_test(program, population, training, member=member, seed=seeds[member]) for member in tested
        }
    first = tests[tested[0]]
    members = [
        {path: tests[member].suggested, **own} if member in tests else own
        for member, own in enumerate(recipe.differences)
    ]
    why = f"a tenth of the rate at which the loss was lowest in a range test of {len(first.rates)} steps"
    return _FoundRates(
        changes={path: first.suggested} | ({"members": members} if members else {}),
        why=f"{why}; members have a test each" if members else why,
    )


def _with_code(setup: Setup) -> Setup:
    """Return the setup with its step compiled, or, where that fails, with the execution that needs no compiler."""
    program, state, training = setup.program, setup.state, setup.training
    try:
        with threads(setup.recipe):
            if program.replays is not None:
                record_ahead(program, state, training, seeds=setup.seeds, rates=setup.rates)
            else:
                batch, noise = _first_batch(setup)
                observing = setup.recipe.training.signals_every > 0
                compile_ahead(program, state.population, batch, noise=noise, observing=observing)
    except SurroundingsError as error:
        choice = uncompiled_execution(setup.recipe)
        recipe = changed(setup.recipe, {"training.compile": "never", "training.execution": choice.value})
        return replace(
            setup,
            recipe=recipe,
            program=replace(program, settings=recipe.training, execution=choice.value, whole_step=None, replays=None),
            reasons=setup.reasons | {"training.compile": str(error), "training.execution": choice.why},
            events=(Event("note", f"training goes on without compiling: {error}"),),
        )
    return setup


def in_time(setup: Setup, pace: Pace, *, seconds: float, patience_is_asked: bool = False) -> Setup:
    """Return the setup with as many epochs as fit into the seconds, so that the schedule ends when training does.

    Patience shrinks with the epochs, unless it was asked for.
    """
    epochs = setup.recipe.training.epochs
    assert epochs != "auto"
    fitting = int(seconds / pace.epoch(setup))
    if fitting >= epochs:
        return setup
    changes: dict[str, int] = {"training.epochs": max(1, fitting)}
    reasons = setup.reasons | {"training.epochs": f"as many as fit into the time limit, of {epochs}"}
    patience = setup.recipe.training.early_stopping.patience
    assert patience != "auto"
    if patience and not patience_is_asked:
        changes["training.early_stopping.patience"] = max(1, round(patience * fitting / epochs))
    recipe = changed(setup.recipe, changes)
    return replace(setup, recipe=recipe, program=replace(setup.program, settings=recipe.training), reasons=reasons)


def learn(
    setup: Setup,
    prepared: Prepared,
    *,
    history: bytes = b"",
    save: Save | None = None,
    clock: Clock,
    reserve: float = 0.0,
    within_epoch: bool = False,
    listener: Listener,
) -> Learned:
    """Train on prepared rows, as `learn_watched` does, with the quick figure of their task."""
    return learn_watched(
        setup,
        watched_of(prepared, setup.recipe),
        history=history,
        save=save,
        clock=clock,
        reserve=reserve,
        within_epoch=within_epoch,
        listener=listener,
    )


def learn_watched(
    setup: Setup,
    watched: Watched,
    *,
    history: bytes = b"",
    save: Save | None = None,
    clock: Clock,
    reserve: float = 0.0,
    within_epoch: bool = False,
    listener: Listener,
) -> Learned:
    """Train from the setup's state to the end, or until time, steps or a Ctrl-C end it; every member's best is kept.

    Where the steps end within an epoch, there is a last look, unless training goes on `within_epoch` later.
    `reserve` seconds of the clock are left for what comes after. `save` gets a state and the history so far at least
    `checkpoint_seconds` apart, so that it takes a small share of the time at most, and when training is interrupted.
    """
    settings, state, processes = setup.recipe.training, setup.state, setup.program.processes
    log = _Log(watched, history)
    if processes is not None:
        processes.forget()
    saved, saving = perf_counter(), 0.0
    ending = _ending(state, setup.recipe, interrupted=False, late=False)  # a saved state may have taken all its steps
    with interruptible() as interruption, threads(setup.recipe):
        moments = train(setup.program, state, setup.training, setup.validation, seeds=setup.seeds, rates=setup.rates)
        for moment in moments if ending == "done" else ():
            before, state = state, moment.state
            log.add(moment.step, moment.look)
            for event in _told(moment, before, log, setup.recipe, metric=watched.name):
                listener(event)
            if moment.done:
                break
            wishes = Wishes(interrupted=interruption.asked, late=clock.remaining() < reserve)
            if processes is not None:
                wishes = processes.agree(wishes)
            ending = _ending(state, setup.recipe, interrupted=wishes.interrupted, late=wishes.late)
            apart = max(settings.checkpoint_seconds, saving / SAVING_SHARE if saving > QUICK_SAVING else 0.0)
            due = settings.checkpoint_seconds > 0 and perf_counter() - saved >= apart
            if save is not None and (due or ending == "interrupted"):
                started = perf_counter()
                save(state, log.as_bytes())
                saved = perf_counter()
                saving = saved - started
            if ending != "done":
                break
        if state.epoch_step and not (within_epoch and ending == "steps"):
            state, look = looked_at(
                setup.program, state, setup.training, setup.validation, rates=setup.rates, seconds=math.nan
            )
            log.add(None, look)
    return Learned(state=state, history=log.frame(), ending=ending)


def trained_model(prepared: Prepared, setup: Setup, state: State, decision: Decision) -> Model:
    """Return the model with every member's best weights, on the CPU, and the decision that was fitted for it."""
    best = Population(
        weights=state.best.weights.cpu(),
        buffers={name: buffer.cpu() for name, buffer in state.best.buffers.items()},
        slots={},
    )
    return Model(
        recipe=setup.recipe,
        encoders=prepared.encoders,
        coding=prepared.labelled.coding,
        network=copy.deepcopy(setup.program.network).cpu(),
        population=best,
        decision=decision,
    )


def predictions_for_rows(prepared: Prepared, setup: Setup, state: State, rows: np.ndarray) -> Predictions:
    """Return the predictions of the best weights for some prepared rows, before any decision."""
    part = prepared.part(rows, device=setup.recipe.device)
    with threads(setup.recipe):
        outputs = outputs_by_member(setup.program.network, setup.program.pieces, state.best, part.features)
        of_members = (of_member.cpu().numpy() for of_member in outputs)
        return predictions_of(prepared.labelled.task, prepared.labelled.coding, of_members)


def _ending(state: State, recipe: Recipe, *, interrupted: bool, late: bool) -> str:
    steps = recipe.training.maximum_steps
    if interrupted:
        return "interrupted"
    if late and state.step:  # one step at least: a run of none could not be told from one without a limit
        return "time"
    return "done" if steps is None or state.step < steps else "steps"


def threads(recipe: Recipe) -> AbstractContextManager[None]:
    """Compute with the recipe's number of threads."""
    assert recipe.training.threads != "auto"
    return torch_threads(recipe.training.threads)


class _Log:
    """Records since the start, turned into a table only when somebody asks: reading them waits for the device."""

    def __init__(self, watched: Watched, history: bytes) -> None:
        self._watched = watched
        self._frames = [pl.read_parquet(io.BytesIO(history))] if history else []
        self._records: list[StepRecord | EpochRecord] = []
        self.figures: list[list[float]] = []

    def add(self, step: StepRecord | None, look: EpochRecord | None) -> None:
        if step is not None:
            self._records.append(step)
        if look is not None:
            self.figures.append(self._watched.figures(look))
            # Only how many there are goes into the table; kept until then, the outputs of many looks would fill memory.
            self._records.append(replace(look, outputs=look.outputs.new_zeros(()).expand(look.outputs.shape)))

    def frame(self) -> pl.DataFrame:
        if self._records or not self._frames:
            looks = sum(isinstance(record, EpochRecord) for record in self._records)
            recent = self.figures[len(self.figures) - looks :]
            new = history_frame(self._records, recent, metric=self._watched.name)
            self._frames = [pl.concat([*self._frames, new], how="diagonal")]
            self._records = []
        return self._frames[0]

    def as_bytes(self) -> bytes:
        buffer = io.BytesIO()
        self.frame().write_parquet(buffer)
        return buffer.getvalue()


def _figures(prepared: Prepared, glance: Glance, look: EpochRecord) -> list[float]:
    labelled = prepared.labelled
    truth = labelled.truth[prepared.split.validation]
    return [
        glance.figure(truth, labelled.task.predictions(outputs, labelled.coding))
        for outputs in look.outputs.cpu().numpy()
    ]


def _told(moment: Moment, before: State, log: _Log, recipe: Recipe, *, metric: str) -> Iterator[Event]:
    """Yield what there is to say about a moment that is in the log already."""
    if moment.note is not None:
        yield Event("note", moment.note)
    if moment.look is not None:
        yield _look_event(moment.look, log.figures[-1], moment.state, recipe, metric=metric)
        yield from _stops(before, moment.state)


def _look_event(look: EpochRecord, figures: Sequence[float], state: State, recipe: Recipe, *, metric: str) -> Event:
    def mean(values: Sequence[float]) -> float:
        return sum(values) / len(values)

    training_loss, figure = mean(look.training_losses), mean(figures)
    values = {
        "epoch": look.epoch,
        "epochs": recipe.training.epochs,
        "step": look.step,
        "training_loss": training_loss,
        "validation_loss": mean(look.validation_losses),
        "metric": metric,
        "figure": figure,
        "learning_rate": mean(look.learning_rates),
        "seconds": look.seconds,
        "active": sum(mark.stopped is None for mark in state.marks),
    }
    loss = "" if math.isnan(training_loss) else f"loss {training_loss:.4f}  "  # none before the first step
    text = (
        f"epoch {look.epoch:g}/{recipe.training.epochs}  {loss}validation {values['validation_loss']:.4f}  "
        f"{metric} {_figure_text(figure)}  rate {values['learning_rate']:.2g}"
    )
    return Event("look", text, values)


def _figure_text(value: float) -> str:
    """Return a quick figure as a line of progress has it: a share with four decimals, any size with four digits.

    >>> _figure_text(0.81234), _figure_text(0.0), _figure_text(51234.5), _figure_text(0.00012345)
    ('0.8123', '0.0000', '5.123e+04', '0.0001234')
    """
    return f"{value:.4f}" if value == 0 or 1e-3 <= abs(value) < 10 else f"{value:.4g}"


def _stops(before: State, after: State) -> Iterator[Event]:
    pairs: Iterator[tuple[Mark, Mark]] = zip(before.marks, after.marks, strict=True)
    for member, (old, new) in enumerate(pairs):
        if old.stopped is None and new.stopped is not None:
            which = f"member {member}: " if len(after.marks) > 1 else ""
            yield Event("stopped", f"{which}{new.stopped}", {"member": member, "best_epoch": new.best_epoch})


def _class_weights(prepared: Prepared, recipe: Recipe) -> list[torch.Tensor | None]:
    """Return the weights of the classes: one for all members, or one for each."""
    labelled = prepared.labelled
    truth = labelled.truth[prepared.split.train]
    each = range(recipe.member_count if "training.class_weights" in recipe.varied else 1)
    found = []
    for asked in (own_recipe(recipe, member).training.class_weights for member in each):
        weights = None if asked == "none" else class_weights(labelled.task, asked, truth, labelled.coding)
        found.append(None if weights is None else torch.from_numpy(weights.astype(np.float32)).to(recipe.device))
    return found


def _wait_for(device: str) -> None:
    if device.startswith("cuda"):
        torch.cuda.synchronize(device)  # its work goes on after the call that asked for it


def pace_of(setup: Setup, *, seconds: float = 0.0) -> Pace:
    """Time looks and steps on a copy of the population: twenty steps, and more until the seconds are over.

    A look is timed at some of the validation rows, at the second time: the first one pays for allocations, and so does
    the first step.
    """
    program, state = setup.program, first_state(copied(setup.state.population))
    seen = _some(setup.validation, TIMED_ROWS)
    with threads(setup.recipe):
        moments = train(program, state, setup.training, seen, seeds=setup.seeds, rates=setup.rates)
        next(moments)  # a look before the first step
        started = perf_counter()
        looked_at(program, state, setup.training, seen, rates=setup.rates, seconds=0.0)
        look = perf_counter() - started
        first = next(moments).state.step
        _wait_for(setup.recipe.device)
        started, steps, looks = perf_counter(), 0, 0
        for moment in moments:
            steps = moment.state.step - first
            looks += moment.look is not None
            over = steps >= TIMED_STEPS and perf_counter() - started >= seconds
            if program.processes is not None:  # of which none may go on alone
                over = program.processes.agree(Wishes(late=over)).late
            if over:
                break
        _wait_for(setup.recipe.device)
    took = perf_counter() - started - looks * look
    return Pace(step=max(0.0, took) / max(1, steps), look=look * len(setup.validation) / len(seen))


def _some(rows: Rows, most: int) -> Rows:
    every = -(-len(rows) // most)
    return Rows(
        features={name: block[::every] for name, block in rows.features.items()},
        targets=rows.targets[::every],
        weights=None if rows.weights is None else rows.weights[::every],
    )
