"""The search from end to end: trials are drawn, halved until one is left, and what is left has to prove itself.

    read, type, divide, encode -> draw trials -> search -> train the best -> train the recipe as it was -> compare

The search sees the training and the validation rows. The best trial of many owes some of its validation loss to luck,
so its settings are trained once more as an ordinary run, and so is the recipe as it was. Both are measured on the test
rows, which no part of the search has seen, and the verdict comes with an interval.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any

from fitwell.comparison import compare
from fitwell.data.read import read_table
from fitwell.errors import FitwellError, RecipeError, RequestError
from fitwell.events import Event, Listener, unheard
from fitwell.learning import Clock, Learned, pace_of, set_up
from fitwell.measuring import decided_baselines
from fitwell.preparation import planned
from fitwell.recipe import Recipe, changed
from fitwell.run import (
    TUNING,
    Run,
    alone,
    create_run,
    discard_unstarted,
    json_bytes,
    load_run,
    open_run,
    require_free,
    write_first_files,
)
from fitwell.space import space_of
from fitwell.training.history import history_frame
from fitwell.training.loop import State
from fitwell.training.step import Population
from fitwell.tuning.budget import affordable, size_of
from fitwell.tuning.mattering import shares
from fitwell.tuning.record import Record, read_record, write_record, write_trials
from fitwell.tuning.searching import Champion, Contest, search
from fitwell.tuning.store import Folder
from fitwell.tuning.telling import found_events, only, search_events, shares_event, trial_text, verdict_event, without
from fitwell.tuning.trials import Trial, trials_of
from fitwell.tuning.tuned import DEFAULT, Tuned
from fitwell.workflow import (
    Begun,
    asked_recipe,
    begin,
    begun_anew,
    conclude,
    first_files,
    go_on,
    recording,
    stopping_well,
    train,
)
from fitwell.workflow import resume as resume_run

SHOWING_SECONDS = 4.0  # of a time limit, kept for comparing two runs and drawing the page anew
SEARCH_LIMIT = 0.5  # of the time that is left when the search begins: it was made to take less
FINAL_ALIKE = 2  # trainings at the end, which share the time that is left


def tune(
    data: object,
    *,
    target: str | Sequence[str] | None = None,
    trials: int | None = None,
    time_limit: float | None = None,
    task: str | None = None,
    goal: str | None = None,
    recipe: Recipe | Mapping[str, Any] | str | Path | None = None,
    settings: Mapping[str, Any] | None = None,
    out: str | Path | None = None,
    members: int | None = None,
    test: str | Path | None = None,
    group: str | None = None,
    time: str | None = None,
    weight: str | None = None,
    drop: Sequence[str] | None = None,
    seed: int | None = None,
    device: str | None = None,
    listener: Listener = unheard,
) -> Tuned:
    """Search for better settings, train with the best, and say on unseen rows whether they are better than the default.

    What is varied stands in the recipe (`tune.ranges`), else the usual settings are. Everything else is as for
    `fitwell.train`; `members` are those of the trainings at the end, a trial has one. `time_limit` is in seconds and
    includes everything.

    Raises:
        DataError: the data cannot be read or learned from. RequestError: what was asked contradicts itself or the
        data, or leaves no test rows. RecipeError: the recipe is wrong, or a range is senseless. SurroundingsError: the
        run cannot be written.
    """
    clock = Clock(perf_counter()) if time_limit is None else Clock(perf_counter(), time_limit)
    asked = asked_recipe(
        recipe,
        settings,
        {
            "target": [target] if isinstance(target, str) else target,
            "task": task,
            "goal": goal,
            "members": members,
            "tune.trials": trials,
            "data.test": None if test is None else str(test),
            "data.group": group,
            "data.time": time,
            "data.weight": weight,
            "data.drop": drop,
            "seed": seed,
            "device": device,
        },
    )
    require_free(out)
    begun = begin(read_table(data), asked, listener=listener)
    record = _planned(begun, clock=clock, listener=listener)
    files = first_files(begun) | {TUNING: json_bytes(record.as_json())}
    run = create_run(out, source=begun.table.source, files=files)
    try:
        with alone(run.path), stopping_well(run, listener):
            return _carry_out(run, record, begun, data=begun.table, test=None, clock=clock, listener=listener)
    except FitwellError as error:
        if discard_unstarted(run):
            raise
        raise type(error)(f"{error}; then continue with: fitwell resume {run.path}") from None


def resume(
    path: str | Path, *, data: object = None, test: str | Path | None = None, listener: Listener = unheard
) -> Tuned:
    """Continue a search that was cut off, to the same result; one that is over is returned as it is.

    `data` and `test` say where the data and the test file are now, if they were moved. A time limit does not go on; how
    many trials and epochs it had left room for holds.

    Raises:
        RunError: there is no such search, another process is at it, its data has changed, or it is damaged.
    """
    run = open_run(path)
    record = read_record(run)
    if record.stage == "done":
        load_run(path)
        listener(Event("finished", f"{run.path} is finished already"))
        return Tuned(run)
    with alone(run.path), stopping_well(run, listener):
        begun = None
        if record.stage == "searching":
            begun = begun_anew(run, record.asked, data=data, test=test)
            listener(Event("resumed", f"continuing the search of {run.path}"))
        clock = Clock(perf_counter())
        return _carry_out(run, record, begun, data=data, test=test, clock=clock, listener=listener)


def _planned(begun: Begun, *, clock: Clock, listener: Listener) -> Record:
    """Return the search that was asked for, made to fit into the time."""
    asked, chosen = begun.asked, begun.setup.recipe
    if not len(begun.prepared.split.test):
        raise RequestError(
            "a search needs test rows that it never sees, to say whether its settings are really better, but "
            f"data.test_share is {asked.data.test_share:g}; try 0.15, or give a file with --test"
        )
    epochs = chosen.training.epochs
    assert epochs != "auto"
    assert chosen.training.loss != "auto"
    space = space_of(asked, chosen)
    size = size_of(begun.setup, asked.tune.trials, epochs=epochs)
    if math.isfinite(clock.limit):
        seconds = clock.remaining() - SHOWING_SECONDS
        size = affordable(begun.setup, asked.tune.trials, pace=pace_of(begun.setup), seconds=seconds)
    if size.epochs < epochs:
        asked = changed(asked, {"training.epochs": size.epochs})
        listener(Event("note", f"the time limit leaves room for trainings of {size.epochs} epochs, not {epochs}"))
    if size.trials < asked.tune.trials:
        listener(Event("note", f"the time limit leaves room for {size.trials} trials, not {asked.tune.trials}"))
    trials = tuple(trials_of(space, size.trials, chosen=chosen, seed=asked.seed))
    if len(trials) < size.trials:
        listener(Event("note", f"the ranges have only {len(trials)} different trials, not {size.trials}"))
        size = size_of(begun.setup, len(trials), epochs=size.epochs)
    for number, trial in enumerate(trials):
        _require_sound(asked, number, trial)
    return Record(
        stage="searching",
        asked=asked,
        space=space,
        trials=trials,
        rungs=size.rungs,
        survivors=size.survivors,
        loss=chosen.training.loss,
    )


def _require_sound(asked: Recipe, number: int, trial: Trial) -> None:
    try:
        changed(asked, trial)
    except RecipeError as error:
        raise RecipeError(
            f"every trial must be a recipe, but trial {number} ({trial_text(trial)}) is not: {error}; change the ranges"
        ) from None


def _carry_out(
    run: Run,
    record: Record,
    begun: Begun | None,
    *,
    data: object,
    test: str | Path | None,
    clock: Clock,
    listener: Listener,
) -> Tuned:
    """Go from the record's stage to the end: search, train, compare."""
    listen = recording(run, listener)
    if record.stage == "searching":
        assert begun is not None
        found = _searched(run, record, begun, clock=clock, listener=listener)
        if found is None:
            return Tuned(run)
        record = found
    Folder(run).remove()
    if record.stage == "training":
        if Run(run.path).state != "finished":
            for event in found_events(record):
                listen(event)
            limit = clock.remaining() if record.best == 0 else (clock.remaining() - SHOWING_SECONDS) / FINAL_ALIKE
            go_on(
                Run(run.path),
                data=data,
                test=test,
                clock=Clock(perf_counter(), limit),
                listener=without(listener, "finished", "report"),
            )
            if Run(run.path).state == "interrupted":
                return Tuned(run)
        record = replace(record, stage="comparing" if record.best else "done")
        write_record(run, record)
    if record.stage == "comparing":
        if not _trained_default(run, record, data=data, test=test, clock=clock, listener=listener):
            text = f"interrupted; {run.path} is usable, and continues with: fitwell resume {run.path}"
            listen(Event("interrupted", text))
            return Tuned(run)
        record = replace(record, stage="done", comparison=_compared(run))
        write_record(run, record)
        listen(verdict_event(record, default=str(run.path / DEFAULT)))
    if (run.path / "report.html").is_file():
        path = Run(run.path).report(run.path / "report.html")  # anew, with what the search found
        listen(Event("report", f"report: {path}", {"path": str(path)}))
    tuned = Tuned(Run(run.path))
    values = {"run": str(tuned.kept.path), "seconds": round(perf_counter() - clock.started, 2)}
    listen(Event("finished", f"run: {tuned.kept.path}", values))
    return tuned


def _searched(run: Run, record: Record, begun: Begun, *, clock: Clock, listener: Listener) -> Record | None:
    """Search, and make the run that of the best trial before its first step; None when interrupted."""
    listen = recording(run, listener)
    folder = Folder(run)
    for event in search_events(record):
        listen(event)
    searched = search(
        _contest(record, begun),
        store=folder,
        clock=Clock(perf_counter(), SEARCH_LIMIT * clock.remaining()),
        listener=listen,
    )
    best = searched.best
    own = _begun_with(record, best.trial, begun)
    if searched.ending == "interrupted":
        write_first_files(run, first_files(own))
        setup = own.setup
        learned = Learned(state=_state_of(best, setup.state), history=history_frame([], []), ending="interrupted")
        simple = decided_baselines(own.prepared, setup.recipe)
        conclude(Run(run.path), own, learned, simple, clock=clock, listener=listen)
        return None
    if searched.ending == "time":
        done = f"after {searched.rungs[-1].epochs} epochs" if searched.rungs else "before all trials had begun"
        listen(Event("note", f"the time limit ended the search {done}"))
    record = replace(record, stage="training", results=searched.rungs, best=best.trial, ending=searched.ending)
    if searched.rungs:
        record = replace(record, shares=shares(record.space, record.trials, searched.rungs[0].losses))
        listen(shares_event(record))
    write_trials(run, record, searched)
    write_first_files(run, first_files(own))
    write_record(run, record)
    return record


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


def _begun_with(record: Record, trial: int, begun: Begun) -> Begun:
    """Return the final training with a trial's settings before its first step."""
    asked = record.final(trial)
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


def _trained_default(
    run: Run, record: Record, *, data: object, test: str | Path | None, clock: Clock, listener: Listener
) -> bool:
    """Train the recipe as it was in a folder of the run, and tell whether it is finished."""
    path = run.path / DEFAULT
    listener(Event("tuning", "training with the recipe as it was, to compare"))
    own = only(listener, "look")
    if path.exists():
        trained = resume_run(path, data=data, test=test, listener=own)
    else:
        source = run.data["path"] if data is None else data
        limit = clock.remaining() - SHOWING_SECONDS
        asked = asked_recipe(record.final(0), None, {"data.test": None if test is None else str(test)})
        trained = train(
            source, recipe=asked, out=path, time_limit=limit if math.isfinite(limit) else None, listener=own
        )
    return trained.state == "finished"


def _compared(run: Run) -> dict[str, Any]:
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
