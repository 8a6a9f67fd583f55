"""What a search does one after another: it searches, trains the best settings, and compares them with the recipe.

Each stage goes on from wherever it was cut off, and returns the record that names the next one, or nothing when it was
interrupted; the run can be used then.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import Any

from fitwell.comparison import compare
from fitwell.events import Event, Listener
from fitwell.learning import Clock, Learned, set_up
from fitwell.measuring import FoldTime, decided_baselines
from fitwell.preparation import planned
from fitwell.recipe import Recipe, changed
from fitwell.run import Run, ending_of, write_first_files
from fitwell.training.history import history_frame
from fitwell.training.loop import State
from fitwell.training.program import Population
from fitwell.tuning.mattering import what_mattered
from fitwell.tuning.record import Record, Stage, write_record, write_trials
from fitwell.tuning.searching import Champion, Contest, search
from fitwell.tuning.store import Folder
from fitwell.tuning.telling import found_events, mattered_events, only, search_events, verdict_event, without
from fitwell.tuning.tuned import DEFAULT
from fitwell.workflow import Begun, Left, asked_recipe, conclude, first_files, go_on, recording, resume, train

SHOWING_SECONDS = 4.0  # of a time limit, kept for comparing two runs and drawing the page anew
SEARCH_LIMIT = 0.5  # of the time that is left when the search begins: it was made to take less


@dataclass(frozen=True, kw_only=True, eq=False)
class Job:
    """A search at work."""

    run: Run
    begun: Begun | None  # the recipe's own training before its first step; None where the search is over
    data: object  # None: where the run says
    test: str | Path | None
    clock: Clock
    listener: Listener

    @property
    def listen(self) -> Listener:
        """The listener, with what it hears written into the run's events."""
        return recording(self.run, self.listener)


def searched(job: Job, record: Record) -> Record | None:
    """Search, and make the run that of the best trial before its first step."""
    run, begun, listen = job.run, job.begun, job.listen
    assert begun is not None
    for event in search_events(record):
        listen(event)
    clock = Clock(perf_counter(), SEARCH_LIMIT * job.clock.remaining())
    contest = _contest(record, begun)
    found = search(contest, store=Folder(run), clock=clock, listener=listen)
    best = found.best.trial
    if found.ending == "interrupted":
        _made_usable(job, record, begun, found.best)
        return None
    if found.ending == "time":
        done = f"after {found.rungs[-1].epochs:g} epochs" if found.rungs else "before all trials could be compared"
        listen(Event("note", f"the time limit ended the search {done}"))
    record = replace(record, stage="training", results=found.rungs, best=best, ending=found.ending)
    if found.rungs:
        record = replace(record, mattered=what_mattered(record.space, record.trials, found.rungs))
        for event in mattered_events(record, whole=contest.epochs):
            listen(event)
    write_trials(run, record, found)
    write_first_files(run, first_files(_begun_with(record.final(best), record, best, begun)))
    write_record(run, record)  # last: what was cut off before it is found again from the states
    return record


def trained(job: Job, record: Record) -> Record | None:
    """Train the run with the best trial's settings."""
    run, clock = job.run, job.clock
    Folder(run).remove()
    if ending_of(run.path) != "finished":
        for event in found_events(record):
            job.listen(event)
        # Half of the time is for the recipe as it was.
        limit = clock.remaining() if record.best == 0 else (clock.remaining() - SHOWING_SECONDS) / 2
        quieter = without(job.listener, "finished", "report")
        go_on(Run(run.path), data=job.data, test=job.test, clock=Clock(perf_counter(), limit), listener=quieter)
        if ending_of(run.path) != "finished":
            return None
    record = replace(record, stage="comparing" if record.best else "done")
    write_record(run, record)
    return record


def compared(job: Job, record: Record) -> Record | None:
    """Train with the recipe as it was in a folder of the run, and compare on the rows that the search never saw."""
    run, path = job.run, job.run.path / DEFAULT
    job.listen(Event("tuning", "training with the recipe as it was, to compare"))
    quieter = only(job.listener, "look")
    if path.exists():
        default = resume(path, data=job.data, test=job.test, listener=quieter)
    else:
        data = run.data["path"] if job.data is None else job.data
        limit = job.clock.remaining() - SHOWING_SECONDS
        time_limit = limit if math.isfinite(limit) else None
        asked = asked_recipe(record.final(0), None, {"data.test": None if job.test is None else str(job.test)})
        default = train(data, recipe=asked, out=path, time_limit=time_limit, listener=quieter)
    if default.state != "finished":
        text = f"interrupted; {run.path} is usable, and continues with: fitwell resume {run.path}"
        job.listen(Event("interrupted", text))
        return None
    record = replace(record, stage="done", comparison=_comparison(run))
    write_record(run, record)
    job.listen(verdict_event(record, default=str(path)))
    return record


STAGES: dict[Stage, Callable[[Job, Record], Record | None]] = {
    "searching": searched,
    "training": trained,
    "comparing": compared,
}


def _made_usable(job: Job, record: Record, begun: Begun, best: Champion) -> None:
    """Make the run that of the best trial so far, as a training that was interrupted."""
    asked = changed(record.final(best.trial), {"members": 1})  # as a trial has
    own = _begun_with(asked, record, best.trial, begun)
    write_first_files(job.run, first_files(own))
    learned = Learned(
        state=_state_of(best, own.setup.state), history=history_frame([], [], metric=""), ending="interrupted"
    )
    simple = decided_baselines(own.prepared, own.setup.recipe)
    left = Left(clock=job.clock, folds=job.clock, fold=FoldTime(preparing=0, training=0, measuring=0), showing=0.0)
    conclude(Run(job.run.path), own, learned, simple, left=left, listener=job.listen)


def _contest(record: Record, begun: Begun) -> Contest:
    """Return the search of a record on prepared rows; each trial is one network, trained without what only shows."""
    lean: dict[str, Any] = {"members": 1, "training.signals_every": 0}
    if record.asked.training.compile == record.asked.training.execution == "auto":
        lean["training.compile"] = "never"  # trials take too few steps to earn it back
    if record.asked.training.learning_rate == "auto":
        lean["training.learning_rate"] = begun.setup.recipe.training.learning_rate  # found by one range test for all
    recipes = [
        planned(begun.prepared, changed(record.asked, lean | (trial if number else {}))).recipe
        for number, trial in enumerate(record.trials)
    ]
    return Contest(prepared=begun.prepared, recipes=recipes, rungs=record.rungs, survivors=record.survivors)


def _begun_with(asked: Recipe, record: Record, trial: int, begun: Begun) -> Begun:
    """Return a training with a trial's settings before its first step."""
    prepared = planned(begun.prepared, asked)
    setup = set_up(prepared, prepared.recipe)
    if trial:
        count = len(record.trials)
        found = {path: f"of the best of {count} trials" for path in record.trials[trial]}
        setup = replace(setup, reasons=setup.reasons | found)
    return replace(begun, asked=asked, prepared=prepared, setup=setup)


def _state_of(best: Champion, first: State) -> State:
    """Return the state of a trial as that of a training of its own, whose best weights can be measured."""
    place = slice(best.member, best.member + 1)
    buffers = {name: best.state.best.buffers[name][place] for name in first.best.buffers}
    weights = Population(weights=best.state.best.weights[place], buffers=buffers, slots={})
    return replace(first, best=weights, marks=(best.state.marks[best.member],), step=best.state.step)


def _comparison(run: Run) -> dict[str, Any]:
    """Return how the best trial's settings do beside the recipe as it was, on the rows that the search never saw."""
    comparison = compare([run.path / DEFAULT, run.path])
    default, tuned = comparison.contenders
    assert tuned.against is not None  # only the first has none
    return {
        "metric": comparison.metric,
        "higher_is_better": comparison.higher_is_better,
        "part": comparison.part,
        "rows": comparison.rows,
        "default": default.figure.as_json(),
        "tuned": tuned.figure.as_json(),
        "difference": tuned.against.difference.as_json(),
        "verdict": tuned.against.verdict,
        "text": f"{default.figure} without, {tuned.figure} with; difference {tuned.against.difference}",
    }
