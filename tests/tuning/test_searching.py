"""A search finds what training each trial by itself would find, however it is grouped or cut off."""

from __future__ import annotations

import math
import signal
from collections.abc import Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import pytest

from fitwell.events import Event, Listener, unheard
from fitwell.learning import Clock, learn, set_up
from fitwell.preparation import Prepared, planned
from fitwell.recipe import changed
from fitwell.training.checkpoints import state_from_bytes, state_to_bytes
from fitwell.training.loop import State, glimpsed
from fitwell.training.outputs import outputs_of
from fitwell.tuning.halving import epochs_of, ranked
from fitwell.tuning.searching import Contest, Searched, lowest, search

TRIALS: list[dict[str, Any]] = [
    {"training.learning_rate": 0.01},
    {"training.learning_rate": 0.03, "training.weight_decay": 0.3},
    {"training.learning_rate": 1e-6},
    {"training.learning_rate": 0.02, "network.hidden": [6, 6]},
    {"training.learning_rate": 0.003, "network.hidden": [6, 6]},
    {"training.learning_rate": 0.01, "network.activation": "tanh"},
]
RUNGS, SURVIVORS = (2, 4, 6), (3, 2, 1)


# Two glimpses within the first epoch, which has four steps.
EARLY_RUNGS, EARLY_SURVIVORS = (0.25, 0.5, 1, 6), (5, 4, 2, 1)


def contest(
    prepared: Prepared,
    trials: Sequence[dict[str, Any]] = TRIALS,
    *,
    rungs: Sequence[float] = RUNGS,
    survivors: Sequence[int] = SURVIVORS,
    apart: float = 10.0,
) -> Contest:
    open_again = {"training.execution": "auto", "network.initialization": "auto", "training.early_stopping.patience": 0}
    open_again["training.checkpoint_seconds"] = apart
    asked = changed(prepared.recipe, open_again)
    recipes = [planned(prepared, changed(asked, trial)).recipe for trial in trials]
    return Contest(prepared=prepared, recipes=recipes, rungs=rungs, survivors=survivors)


@dataclass(frozen=True)
class Memory:
    """States as bytes, as a disk would have them."""

    kept: dict[int, bytes] = field(default_factory=dict)

    def load(self, group: int, *, first: State, device: str) -> State | None:
        return state_from_bytes(self.kept[group], device=device)[0] if group in self.kept else None

    def save(self, group: int, state: State) -> None:
        self.kept[group] = state_to_bytes(state, b"")


def searched(
    what: Contest, store: Memory | None = None, *, listener: Listener = unheard, clock: Clock | None = None
) -> Searched:
    clock = clock or Clock(perf_counter())
    return search(what, store=Memory() if store is None else store, clock=clock, listener=listener)


@pytest.fixture(scope="module")
def whole(prepared: Prepared) -> Searched:
    return searched(contest(prepared))


def test_grouped_trials_have_the_losses_of_trainings_of_their_own(prepared: Prepared, whole: Searched) -> None:
    for trial, recipe in enumerate(contest(prepared).recipes):
        alone = learn(set_up(prepared, recipe), prepared, clock=Clock(perf_counter()), listener=unheard)
        losses, own = whole.marks[trial].losses, alone.state.marks[0].losses
        assert losses == pytest.approx(own[: len(losses)], rel=1e-4)  # arithmetic differs with the size of a group


def test_the_better_trials_go_on_and_the_best_is_left(prepared: Prepared, whole: Searched) -> None:
    left = list(range(len(TRIALS)))
    for rung, epochs, count in zip(whole.rungs, RUNGS, SURVIVORS, strict=True):
        losses = {trial: min(whole.marks[trial].losses[: epochs + 1]) for trial in left}
        assert (rung.epochs, dict(rung.losses)) == (epochs, losses)
        left = sorted(left, key=lambda trial: losses[trial])[:count]
        assert list(rung.kept) == left
    assert (whole.best.trial, whole.ending) == (left[0], "done")
    assert 2 not in whole.rungs[0].kept  # a rate of a millionth learns nothing


def test_trials_that_fell_behind_train_no_further(whole: Searched) -> None:
    trained = {trial: len(mark.losses) - 1 for trial, mark in whole.marks.items()}
    for rung in whole.rungs:
        assert all(trained[trial] == rung.epochs for trial in rung.losses if trial not in rung.kept)
    assert sum(trained.values()) == epochs_of(len(TRIALS), RUNGS, SURVIVORS)


@pytest.mark.parametrize(("rungs", "survivors"), [(RUNGS, SURVIVORS), (EARLY_RUNGS, EARLY_SURVIVORS)])
def test_progress_counts_every_epoch_once(prepared: Prepared, rungs: Sequence[float], survivors: Sequence[int]) -> None:
    heard: list[Event] = []
    searched(contest(prepared, rungs=rungs, survivors=survivors), listener=heard.append)
    told = [event for event in heard if event.kind == "search"]
    assert [event.values["done"] for event in told] == sorted(event.values["done"] for event in told)
    assert told[-1].values["done"] == told[-1].values["total"] == epochs_of(len(TRIALS), rungs, survivors)
    assert sum(event.kind == "rung" for event in heard) == len(rungs)


ALWAYS = 1e-9  # seconds between two states that are kept: one after each step


@pytest.fixture(scope="module")
def early(prepared: Prepared) -> Contest:
    return contest(prepared, rungs=EARLY_RUNGS, survivors=EARLY_SURVIVORS, apart=ALWAYS)


def test_a_glimpse_within_the_first_epoch_is_the_loss_at_that_step(prepared: Prepared, early: Contest) -> None:
    found = searched(early)
    for rung, steps in zip(found.rungs[:2], (1, 2), strict=True):
        for trial, loss in rung.losses.items():
            recipe = changed(early.recipes[trial], {"training.maximum_steps": steps})
            alone = learn(set_up(prepared, recipe), prepared, clock=Clock(perf_counter()), listener=unheard)
            assert loss == pytest.approx(alone.state.marks[0].losses[-1], rel=1e-4)


def test_trials_that_were_glimpsed_at_train_on_as_if_nobody_had_looked(prepared: Prepared, early: Contest) -> None:
    found = searched(early)
    best = found.best.trial
    alone = learn(set_up(prepared, early.recipes[best]), prepared, clock=Clock(perf_counter()), listener=unheard)
    assert found.marks[best].losses == pytest.approx(alone.state.marks[0].losses, rel=1e-4)
    assert [rung.epochs for rung in found.rungs] == list(EARLY_RUNGS)
    assert sorted(len(mark.losses) - 1 for mark in found.marks.values()) == [0, 0, 1, 1, 6, 6]


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_search_that_was_killed_after_a_glimpse_goes_on_to_the_same_result(early: Contest, number: int) -> None:
    store = Memory()
    with pytest.raises(Killed):
        searched(early, store, listener=killing("rung", number))
    assert_same(searched(early, store), searched(early))


@pytest.mark.parametrize(("number", "group", "steps"), [(1, 0, 1), (2, 1, 1), (4, 0, 2)])
def test_a_search_that_was_killed_between_a_step_and_the_glimpse_after_it_goes_on_to_the_same_result(
    early: Contest, number: int, group: int, steps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, calls = Memory(), 0

    def killed(*arguments: Any) -> State:
        nonlocal calls
        calls += 1
        if calls == number:
            raise Killed
        return glimpsed(*arguments)

    monkeypatch.setattr("fitwell.tuning.searching.glimpsed", killed)
    with pytest.raises(Killed):
        searched(early, store)
    # What was kept has taken its steps, but nobody has looked.
    last = state_from_bytes(store.kept[group], device="cpu")[0]
    assert last.step == steps
    assert all(len(last.marks[member].glimpses) == steps - 1 for member in last.active)
    monkeypatch.undo()
    assert_same(searched(early, store), searched(early))


def test_only_some_of_many_validation_rows_are_glimpsed_at(
    prepared: Prepared, early: Contest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fitwell.tuning.searching.GLIMPSED_ROWS", 10)
    found = searched(early)
    rows = len(prepared.split.validation)
    setup = set_up(prepared, changed(early.recipes[0], {"training.maximum_steps": 1}))
    state = learn(setup, prepared, clock=Clock(perf_counter()), listener=unheard).state
    validation = setup.validation
    outputs = outputs_of(setup.program.network, setup.program.pieces, state.population, validation.features)[0]
    every = -(-rows // 10)
    expected = float(setup.program.loss(outputs, validation.targets)[::every].mean())
    assert rows > 2 * len(validation.targets[::every])
    assert found.rungs[0].losses[0] == pytest.approx(expected, rel=1e-4)


class Killed(BaseException):
    """What ends a process in the middle of anything."""


def killing(kind: str, number: int) -> Listener:
    left = number

    def listen(event: Event) -> None:
        nonlocal left
        left -= event.kind == kind
        if left == 0:
            raise Killed

    return listen


@pytest.mark.parametrize(
    ("kind", "number", "apart"),
    [
        *(("search", 3, ALWAYS), ("rung", 1, ALWAYS), ("rung", 1, 10.0)),
        *(
            pytest.param(kind, number, ALWAYS, marks=pytest.mark.slow)
            for kind, number in (("search", 1), ("search", 8), ("rung", 2))
        ),
    ],
)
def test_a_search_that_was_killed_goes_on_to_the_same_result(
    kind: str, number: int, apart: float, prepared: Prepared, whole: Searched
) -> None:
    store, what = Memory(), contest(prepared, apart=apart)
    with pytest.raises(Killed):
        searched(what, store, listener=killing(kind, number))
    assert bool(store.kept) == (apart == ALWAYS)  # a second's training is not worth a file
    assert_same(searched(what, store), whole)


def test_a_search_that_was_over_when_it_was_killed_trains_nothing_again(prepared: Prepared, whole: Searched) -> None:
    store, heard = Memory(), list[Event]()
    searched(contest(prepared, apart=ALWAYS), store)
    assert_same(searched(contest(prepared, apart=ALWAYS), store, listener=heard.append), whole)
    assert not any(event.kind == "search" for event in heard)


def test_a_recipe_that_writes_no_checkpoints_has_none_of_its_search(prepared: Prepared) -> None:
    store = Memory()
    searched(contest(prepared, apart=0.0), store)
    assert not store.kept


def test_an_interrupted_search_has_a_best_so_far_and_goes_on_to_the_same_result(
    prepared: Prepared, whole: Searched
) -> None:
    store, count = Memory(), 0

    def press(event: Event) -> None:
        nonlocal count
        count += event.kind == "search"
        if count == 8 and event.kind == "search":
            signal.raise_signal(signal.SIGINT)

    found = searched(contest(prepared), store, listener=press)
    assert found.ending == "interrupted"
    assert len(store.kept) == 3  # every group's state, so that nothing is trained again
    assert found.best.trial == found.rungs[-1].kept[0]
    assert math.isfinite(found.best.state.marks[found.best.member].best_loss)
    assert_same(searched(contest(prepared), store), whole)


def test_a_search_without_time_takes_the_best_of_what_there_is(prepared: Prepared) -> None:
    found = searched(contest(prepared), clock=Clock(perf_counter(), -1.0))
    assert (found.ending, found.rungs, found.best.trial) == ("time", (), 0)
    assert list(found.marks) == [0, 1, 2]  # the first group alone was begun


def test_trials_that_stop_early_keep_their_best_loss(prepared: Prepared) -> None:
    impatient = [trial | {"training.early_stopping.patience": 1} for trial in TRIALS]
    found = searched(contest(prepared, impatient))
    assert any(mark.stopped and mark.stopped.startswith("no better") for mark in found.marks.values())
    assert found.rungs[-1].losses[found.best.trial] == min(found.rungs[-1].losses.values())


def test_a_trial_that_diverges_is_last(prepared: Prepared) -> None:
    trials = [*TRIALS[:5], {"training.learning_rate": 1e30}]
    found = searched(contest(prepared, trials))
    assert ranked(found.rungs[0].losses)[-1] == 5
    assert lowest(found.marks[5], 0) == found.rungs[0].losses[5]  # the one before the first step


def assert_same(one: Searched, other: Searched) -> None:
    assert one.rungs == other.rungs
    assert (one.best.trial, one.ending) == (other.best.trial, other.ending)
    own, others = (found.best.state.best.weights[found.best.member] for found in (one, other))
    assert own.equal(others)
