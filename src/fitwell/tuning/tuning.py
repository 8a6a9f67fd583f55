"""The search from end to end: trials are drawn, halved until one is left, and what is left has to prove itself.

    read, type, divide, encode -> draw trials -> search -> train the best -> train the recipe as it was -> compare

The search sees the training and the validation rows. The best trial of many owes some of its validation loss to luck,
so its settings are trained once more as an ordinary run, and so is the recipe as it was. Both are measured on the test
rows, which no part of the search has seen, and the verdict comes with an interval.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

from fitwell.durations import seconds_of
from fitwell.errors import FitwellError, RecipeError, RequestError
from fitwell.events import Event, Listener, unheard
from fitwell.learning import Clock, pace_of
from fitwell.recipe import Recipe, changed
from fitwell.run import TUNING, Run, alone, create_run, discard_unstarted, json_bytes, load_run, open_run, require_free
from fitwell.space import space_of
from fitwell.tuning.budget import affordable, size_of
from fitwell.tuning.record import Record, read_record
from fitwell.tuning.stages import SHOWING_SECONDS, STAGES, Job
from fitwell.tuning.telling import trial_text
from fitwell.tuning.trials import Trial, trials_of
from fitwell.tuning.tuned import Tuned
from fitwell.workflow import TIMED_SHARE, Begun, asked_recipe, begin, begun_anew, first_files, opened, stopping_well


def tune(
    data: object,
    *,
    target: str | Sequence[str] | None = None,
    trials: int | None = None,
    time_limit: float | str | None = None,
    task: str | None = None,
    goal: str | None = None,
    recipe: Recipe | Mapping[str, Any] | str | Path | None = None,
    settings: Mapping[str, Any] | None = None,
    out: str | Path | None = None,
    members: int | None = None,
    test: str | Path | None = None,
    group: str | None = None,
    time: str | None = None,
    series_id: str | None = None,
    series_time: str | None = None,
    weight: str | None = None,
    drop: Sequence[str] | None = None,
    seed: int | None = None,
    device: str | None = None,
    listener: Listener = unheard,
) -> Tuned:
    """Search for better settings, train with the best, and say on unseen rows whether they are better than the default.

    What is varied stands in the recipe (`tune.ranges`), else the usual settings are. Everything else is as for
    `fitwell.train`; `members` are those of the trainings at the end, a trial has one. `time_limit` is in seconds, or
    a duration such as "10m", and includes everything.

    Raises:
        DataError: the data cannot be read or learned from. RequestError: what was asked contradicts itself or the
        data, or leaves no test rows. RecipeError: the recipe is wrong, or a range is senseless. SurroundingsError: the
        run cannot be written.
    """
    clock = Clock(perf_counter(), seconds_of(time_limit, name="time_limit"))
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
            "data.series_id": series_id,
            "data.series_time": series_time,
            "data.weight": weight,
            "data.drop": drop,
            "seed": seed,
            "device": device,
        },
    )
    require_free(out)
    begun = begin(opened(data, asked, listener=listener), asked, listener=listener)
    record = _planned(begun, clock=clock, listener=listener)
    files = first_files(begun) | {TUNING: json_bytes(record.as_json())}
    run = create_run(out, source=begun.table.source, files=files)
    try:
        with alone(run.path), stopping_well(run, listener):
            job = Job(run=run, begun=begun, data=begun.table, test=None, clock=clock, listener=listener)
            return _carry_out(job, record)
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
        job = Job(run=run, begun=begun, data=data, test=test, clock=Clock(perf_counter()), listener=listener)
        return _carry_out(job, record)


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
        pace = pace_of(begun.setup, seconds=TIMED_SHARE * clock.limit)
        seconds = clock.remaining() - SHOWING_SECONDS
        size = affordable(begun.setup, asked.tune.trials, pace=pace, seconds=seconds)
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


def _carry_out(job: Job, record: Record) -> Tuned:
    """Go from the record's stage to the end."""
    run, clock = job.run, job.clock
    while record.stage != "done":
        further = STAGES[record.stage](job, record)
        if further is None:
            return Tuned(Run(run.path))  # interrupted: what there is can be used
        record = further
    if (run.path / "report.html").is_file():
        path = Run(run.path).report(run.path / "report.html")  # anew, with what the search found
        job.listen(Event("report", f"report: {path}", {"path": str(path)}))
    tuned = Tuned(Run(run.path))
    values = {"run": str(tuned.kept.path), "seconds": round(perf_counter() - clock.started, 2)}
    job.listen(Event("finished", f"run: {tuned.kept.path}", values))
    return tuned
