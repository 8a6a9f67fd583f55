"""The search itself: groups of trials are trained rung by rung, and the trials that fall behind are packed away.

Trials of one shape are one population. Its state is kept now and then, `checkpoint_seconds` apart as in any training,
so that a search that was killed goes through the same rungs again from there: who goes on follows from the losses, and
the losses are part of the states.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from time import perf_counter
from typing import Protocol

from fitwell.events import Event, Listener
from fitwell.learning import Clock, Learned, Save, Setup, Watched, learn_watched, set_up, threads
from fitwell.preparation import Prepared, planned
from fitwell.recipe import Group, Recipe, changed, grouped
from fitwell.training.loop import Mark, Rows, State, batching, glimpsed, left_out
from fitwell.training.program import Program
from fitwell.tuning.halving import epochs_of, ranked

GLIMPSED_ROWS = 2048  # of the validation rows, at most
UNWATCHED = Watched(name="validation loss", figures=lambda look: list(look.validation_losses))  # trials are told by it
MAPPED_FROM = 3  # trials: mapping one costs more than twice as much as plain back-propagation, mapping two a third more


class Store(Protocol):
    """Where the states of groups are kept while a search lasts."""

    def load(self, group: int, *, first: State, device: str) -> State | None:
        """Return the state of a group, None before it was saved; `first` is its state before step 0."""
        ...

    def save(self, group: int, state: State) -> None:
        """Keep the state of a group in the place of the one before."""
        ...


@dataclass(frozen=True, kw_only=True, eq=False)
class Contest:
    """Everything that decides what a search does and finds."""

    prepared: Prepared
    recipes: Sequence[Recipe]  # one for each trial, resolved
    rungs: Sequence[float]  # epochs after which trials are compared, as many as are needed
    survivors: Sequence[int]  # trials that go on after each of them

    @property
    def epochs(self) -> int:
        """Of a whole training with the recipe itself."""
        epochs = self.recipes[0].training.epochs
        assert epochs != "auto"
        return epochs

    @property
    def work(self) -> float:
        """Epochs of all trials together, if none stops early."""
        return epochs_of(len(self.recipes), self.rungs, self.survivors)


@dataclass(frozen=True, kw_only=True)
class Rung:
    """How trials stood when they were compared."""

    epochs: float
    losses: Mapping[int, float]  # the lowest validation loss so far of each trial that got here
    kept: tuple[int, ...]  # trials that went on, the best first


@dataclass(frozen=True, kw_only=True)
class Champion:
    """The best trial, with what its training has come to."""

    trial: int
    state: State  # of its group
    member: int  # of the group


@dataclass(frozen=True, kw_only=True)
class Searched:
    """What a search found."""

    rungs: tuple[Rung, ...]
    marks: Mapping[int, Mark]  # of every trial that was begun
    best: Champion
    ending: str  # `done`, `interrupted` or `time` (the limit came)


def search(contest: Contest, *, store: Store, clock: Clock, listener: Listener) -> Searched:
    """Train and compare trials until one is left, until a Ctrl-C, or until the clock runs out."""
    groups = grouped(contest.recipes)
    setups: dict[int, Setup] = {}
    states: dict[int, State] = {}
    keeper = _Keeper(store)
    left: tuple[int, ...] = tuple(range(len(contest.recipes)))
    rungs: list[Rung] = []

    def found(trial: int, ending: str) -> Searched:
        number = next(number for number, group in enumerate(groups) if trial in group.places)
        best = Champion(trial=trial, state=states[number], member=groups[number].places.index(trial))
        return Searched(rungs=tuple(rungs), marks=_marks(groups, states), best=best, ending=ending)

    for epochs, count in zip(contest.rungs, contest.survivors, strict=True):
        for number, group in enumerate(groups):
            if not set(group.places) & set(left):
                continue
            if number not in setups:
                setup = _sharing_rows(_set_up(contest.prepared, group), setups)
                state = store.load(number, first=setup.state, device=setup.recipe.device) or setup.state
                setups[number] = replace(setup, state=state)
            setup = setups[number]
            state = _without_others(states.get(number, setup.state), group, left, rungs)
            states[number] = state
            glimpses = sum(rung <= epochs for rung in contest.rungs if rung < 1)
            if not _ahead(state, setup, epochs=epochs, glimpses=glimpses):
                continue  # a search that was cut off had come this far
            learned = _trained(
                replace(setup, state=state),
                epochs=epochs,
                count=len(set(group.places) & set(left)),
                save=partial(keeper.keep, number),
                clock=clock,
                listener=_telling(listener, contest, states, state),
            )
            states[number] = learned.state
            setups[number] = replace(setup, state=learned.state)
            if learned.ending == "interrupted":
                # The last look was out of turn, and a search that goes on has none there; this group was kept before.
                keeper.keep_all({other: of_other for other, of_other in states.items() if other != number})
            if learned.ending in ("interrupted", "time"):
                return found(_best_so_far(_marks(groups, states), left, rungs, epochs=epochs), learned.ending)
            keeper.keep_when_due(number, learned.state, seconds=setup.recipe.training.checkpoint_seconds)
        marks = _marks(groups, states)
        glimpsed_before = sum(rung.epochs < 1 for rung in rungs)
        losses = {
            trial: lowest(marks[trial], int(epochs)) if epochs >= 1 else _glimpse(marks[trial], glimpsed_before)
            for trial in left
        }
        left = tuple(ranked(losses)[:count])
        rungs.append(Rung(epochs=epochs, losses=losses, kept=left))
        listener(_rung_event(rungs[-1], contest))
    return found(left[0], "done")


def _trained(setup: Setup, *, epochs: float, count: int, save: Save, clock: Clock, listener: Listener) -> Learned:
    """Train a group, of which so many trials are left, until trials are compared after so many epochs."""
    recipe = changed(setup.recipe, {"training.maximum_steps": _steps(setup, epochs)})
    program = _program_for(setup, count)
    learned = learn_watched(
        replace(setup, recipe=recipe, program=program),
        UNWATCHED,
        save=save,
        clock=clock,
        within_epoch=epochs < 1,
        listener=listener,
    )
    if learned.ending == "steps" and epochs < 1:
        with threads(recipe):
            learned = replace(learned, state=glimpsed(program, learned.state, _some(setup.validation)))
    return learned


class _Keeper:
    """Keeps the states of groups in a store."""

    def __init__(self, store: Store) -> None:
        """Start with nothing kept."""
        self._store, self._started = store, perf_counter()
        self._kept: dict[int, float] = {}  # when, by the number of the group

    def keep(self, number: int, state: State, _history: bytes = b"") -> None:
        """Keep the state of a group."""
        self._store.save(number, state)
        self._kept[number] = perf_counter()

    def keep_all(self, states: Mapping[int, State]) -> None:
        """Keep the states of several groups."""
        for number, state in states.items():
            self.keep(number, state)

    def keep_when_due(self, number: int, state: State, *, seconds: float) -> None:
        """Keep the state of a group, unless that was done less than so many seconds ago; 0: never."""
        if seconds and perf_counter() - self._kept.get(number, self._started) >= seconds:
            self.keep(number, state)


def epochs_trained(mark: Mark, rungs: Sequence[float]) -> float:
    """Return how many epochs a trial was trained, as far as is known from looks and glimpses.

    >>> epochs_trained(Mark(losses=(1.1, 0.9)), rungs=[1, 4]), epochs_trained(Mark(glimpses=(1.0,)), rungs=[0.25, 1])
    (1, 0.25)
    """
    return max(0, len(mark.losses) - 1, rungs[len(mark.glimpses) - 1] if mark.glimpses else 0)


def lowest(mark: Mark, epochs: int) -> float:
    """Return the lowest validation loss that a trial had within so many epochs; infinite if it had none.

    >>> lowest(Mark(losses=(0.7, 0.5, 0.6, 0.4)), 2)
    0.5
    """
    return min((loss for loss in mark.losses[: epochs + 1] if math.isfinite(loss)), default=math.inf)


def _steps(setup: Setup, epochs: float) -> int:
    return round(epochs * batching(len(setup.training), setup.recipe.training)[1])


def _ahead(state: State, setup: Setup, *, epochs: float, glimpses: int) -> bool:
    """Tell whether a group has still something to do before trials are compared after so many epochs."""
    active = [mark for mark in state.marks if mark.stopped is None]
    unseen = epochs < 1 and any(len(mark.glimpses) < glimpses for mark in active)
    return bool(active) and (state.step < _steps(setup, epochs) or unseen)


def _some(validation: Rows) -> Rows:
    """Return as many of the validation rows as tell trials apart that have hardly begun, from all over them."""
    every = -(-len(validation) // GLIMPSED_ROWS)
    return replace(
        validation,
        features={name: block[::every] for name, block in validation.features.items()},
        targets=validation.targets[::every],
        weights=None if validation.weights is None else validation.weights[::every],
    )


def _glimpse(mark: Mark, place: int) -> float:
    loss = mark.glimpses[place] if len(mark.glimpses) > place else math.inf
    return loss if math.isfinite(loss) else math.inf


def _set_up(prepared: Prepared, group: Group) -> Setup:
    return set_up(prepared, planned(prepared, group.recipe).recipe)


def _sharing_rows(setup: Setup, others: Mapping[int, Setup]) -> Setup:
    """Return a setup with the rows of the others, so that all groups have the same memory."""
    for other in others.values():
        return replace(setup, training=other.training, validation=other.validation)
    return setup


def _program_for(setup: Setup, count: int) -> Program:
    """Return the program that trains so many of a group with the least work; which one follows from the rung alone."""
    if setup.program.execution == "mapped" and count < MAPPED_FROM:
        return replace(setup.program, execution="eager")
    return setup.program


def _marks(groups: Sequence[Group], states: Mapping[int, State]) -> dict[int, Mark]:
    """Return how every trial stands whose group was begun."""
    return {
        trial: mark
        for number, state in states.items()
        for trial, mark in zip(groups[number].places, state.marks, strict=True)
    }


def _without_others(state: State, group: Group, left: Sequence[int], rungs: Sequence[Rung]) -> State:
    """Return the state of a group without the trials that fell behind, which is what it is saved as from then on."""
    if not rungs:
        return state
    gone = [member for member, trial in enumerate(group.places) if trial not in left]
    return left_out(state, gone, why=f"fell behind in the first {rungs[-1].epochs:g} epochs")


def _best_so_far(marks: Mapping[int, Mark], left: Sequence[int], rungs: Sequence[Rung], *, epochs: float) -> int:
    """Return the best trial where all that are left were last compared; before that, of those that got that far."""
    if rungs:
        return rungs[-1].kept[0]
    begun = {trial: mark for trial, mark in marks.items() if trial in left}
    through = {trial: mark for trial, mark in begun.items() if len(mark.losses) > epochs}
    return ranked({trial: lowest(mark, int(epochs)) for trial, mark in (through or begun).items()})[0]


def _telling(listener: Listener, contest: Contest, states: Mapping[int, State], state: State) -> Listener:
    """Return a listener for the training of one group, which tells how far the whole search has come."""
    done = sum(epochs_trained(mark, contest.rungs) for each in states.values() for mark in each.marks)
    begun = max(epochs_trained(state.marks[member], contest.rungs) for member in state.active)

    def listen(event: Event) -> None:
        if event.kind != "look" or not event.values["epoch"]:
            return
        came = done + (event.values["epoch"] - begun) * len(state.active)
        values = {"done": came, "total": contest.work, "epoch": event.values["epoch"]}
        text = f"{came:g} of {contest.work:g} epochs, those of all trials together"
        listener(Event("search", text, values))

    return listen


def _rung_event(rung: Rung, contest: Contest) -> Event:
    best, first = rung.kept[0], ""
    if best != 0 and 0 in rung.losses:
        place = ranked(rung.losses).index(0) + 1
        first = f", that of the recipe itself {rung.losses[0]:.4f} (place {place})"
    goes = "is left" if len(rung.kept) == 1 else f"of {len(rung.losses)} trials go on"
    count = f"trial {best}" if len(rung.kept) == 1 else f"{len(rung.kept)}"
    text = (
        f"after {rung.epochs:g} of {contest.epochs} epochs {count} {goes}; "
        f"lowest validation loss {rung.losses[best]:.4f}{first}"
    )
    return Event("rung", text, {"epochs": rung.epochs, "kept": list(rung.kept)})
