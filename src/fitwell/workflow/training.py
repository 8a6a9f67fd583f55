"""Training a run, and continuing one that was cut off."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any

from fitwell import recipe as recipes
from fitwell.devices import records_graphs
from fitwell.durations import seconds_of
from fitwell.errors import FitwellError, LostProcess, RequestError
from fitwell.events import Event, Listener, unheard
from fitwell.learning import Clock
from fitwell.narration import plan_event
from fitwell.processes import launched
from fitwell.processes.group import Processes, joined
from fitwell.recipe import Recipe
from fitwell.run import (
    Run,
    alone,
    create_run,
    discard_unstarted,
    load_run,
    open_run,
    read_checkpoint,
    remove_checkpoint,
    require_fitting,
    require_free,
)
from fitwell.together import dismiss, follow
from fitwell.training.checkpoints import state_from_bytes
from fitwell.workflow.asking import asked_recipe
from fitwell.workflow.beginning import Begun, begin, begun_anew, first_files, opened
from fitwell.workflow.carrying_out import carry_out
from fitwell.workflow.running import recording, stopping_well

TOO_SHORT_TO_COMPILE = 180.0  # seconds: a limit under which compiling would take a large share of the time


def train(
    data: object,
    *,
    target: str | Sequence[str] | None = None,
    task: str | None = None,
    goal: str | None = None,
    recipe: Recipe | Mapping[str, Any] | str | Path | None = None,
    settings: Mapping[str, Any] | None = None,
    out: str | Path | None = None,
    members: int | Sequence[Mapping[str, Any]] | None = None,
    test: str | Path | None = None,
    group: str | None = None,
    time: str | None = None,
    series_id: str | None = None,
    series_time: str | None = None,
    weight: str | None = None,
    drop: Sequence[str] | None = None,
    folds: int | None = None,
    time_limit: float | str | None = None,
    seed: int | None = None,
    device: str | None = None,
    listener: Listener = unheard,
) -> Run:
    """Train a network on a table, measure it on rows it has not seen, and return the run.

    `data` is a path (CSV, TSV, Parquet, JSONL, Arrow), a pandas or polars frame, a dict of arrays or a NumPy array.
    `settings` are recipe settings by dotted name, such as {"training.learning_rate": 0.01}; they and the other
    arguments win over `recipe`. `members` is how many networks, or a list with the settings of each. `time_limit` is in
    seconds, or a duration such as "10m", and includes everything.

    Raises:
        DataError: the data cannot be read or learned from. RequestError: what was asked contradicts itself or the
        data. RecipeError: the recipe is wrong. SurroundingsError: the run cannot be written.
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
            "data.test": None if test is None else str(test),
            "data.group": group,
            "data.time": time,
            "data.series_id": series_id,
            "data.series_time": series_time,
            "data.weight": weight,
            "data.drop": drop,
            "data.folds": folds,
            "seed": seed,
            "device": device,
        },
    )
    if asked.task == "answer":
        return _read_and_answered(data, asked, out, clock=clock, listener=listener)
    open_ = asked.training.compile == asked.training.execution == "auto"
    if open_ and clock.limit < TOO_SHORT_TO_COMPILE and not records_graphs(asked.device):
        asked = recipes.changed(asked, {"training.compile": "never"})
    with joined(os.environ) as processes:
        if processes is not None and not processes.first:
            return Run(follow(processes, data))
        run = _trained(data, asked, out, clock=clock, listener=listener, processes=processes)
        if processes is not None:
            dismiss(processes, run.path)
        return run


def _read_and_answered(data: object, asked: Recipe, out: str | Path | None, *, clock: Clock, listener: Listener) -> Run:
    """Train a reader on questions with answers (`questions/`), alone in its run."""
    from fitwell import questions

    if launched(os.environ) is not None:
        raise RequestError("a reader is trained by one process; start it without torchrun")
    require_free(out)
    begun = questions.begin(data, asked, listener=listener)
    run = create_run(out, source=begun.squad.source, files=questions.first_files(begun))
    listen = recording(run, listener)
    try:
        with alone(run.path), stopping_well(run, listener):
            listen(questions.plan_event(begun))
            return questions.carry_out(run, begun, history=b"", clock=clock, listener=listen)
    except FitwellError as error:
        if discard_unstarted(run):
            raise
        raise type(error)(f"{error}; then continue with: fitwell resume {run.path}") from None


def _trained(
    data: object,
    asked: Recipe,
    out: str | Path | None,
    *,
    clock: Clock,
    listener: Listener,
    processes: Processes | None,
) -> Run:
    require_free(out)
    begun = begin(opened(data, asked, listener=listener), asked, listener=listener, processes=processes)
    run = create_run(out, source=begun.table.source, files=first_files(begun))
    listen = recording(run, listener)
    try:
        with alone(run.path), stopping_well(run, listener):
            listen(plan_event(begun.setup))
            return carry_out(run, begun, history=b"", clock=clock, listener=listen)
    except FitwellError as error:
        if discard_unstarted(run):
            raise
        raise type(error)(f"{error}; then continue with: fitwell resume {run.path}") from None


def resume(
    path: str | Path, *, data: object = None, test: str | Path | None = None, listener: Listener = unheard
) -> Run:
    """Continue a run that was cut off, to the same result; a finished run is returned as it is.

    `data` and `test` say where the data and the test file are now, if they were moved.

    Raises:
        RunError: there is no such run, another process is training it, its data has changed, or it is damaged.
    """
    with joined(os.environ) as processes:
        if processes is not None and not processes.first:
            return Run(follow(processes, data))
        try:
            done = _resumed(open_run(path), data, test, listener=listener, processes=processes)
        except LostProcess as error:
            raise LostProcess(f"{error}; then continue again with: fitwell resume {path}") from None
        if processes is not None:
            dismiss(processes, done.path)
        return done


def _resumed(
    run: Run, data: object, test: str | Path | None, *, listener: Listener, processes: Processes | None
) -> Run:
    if run.state == "finished":
        load_run(run.path)  # refuses what was changed or lost since
        remove_checkpoint(run)  # it was cut off in its very last step
        listener(Event("finished", f"{run.path} is finished already"))
        return run
    with alone(run.path), stopping_well(run, listener):
        clock = Clock(perf_counter())
        return go_on(run, data=data, test=test, clock=clock, listener=listener, processes=processes)


def go_on(
    run: Run,
    *,
    data: object,
    test: str | Path | None,
    clock: Clock,
    listener: Listener,
    processes: Processes | None = None,
) -> Run:
    """Train an unfinished run from where it stands, which may be its beginning, to its end.

    Raises:
        RunError: its data has changed, or it is damaged.
    """
    listen = recording(run, listener)
    if run.recipe.task == "answer":
        return _answered_again(run, data, test, clock=clock, listener=listen)
    begun, history = _begun_again(run, data, test, processes)
    step = begun.setup.state.step
    is_new = not any(event["event"] == "plan" for event in run.events)
    listen(
        plan_event(begun.setup)
        if is_new
        else Event("resumed", f"continuing {run.path} from step {step}", {"step": step})
    )
    return carry_out(run, begun, history=history, clock=clock, listener=listen)


def _answered_again(run: Run, data: object, test: str | Path | None, *, clock: Clock, listener: Listener) -> Run:
    from fitwell import questions

    begun, history = questions.begun_anew(run, data=data, test=test), b""
    content = read_checkpoint(run)
    if content is not None:
        state, history = state_from_bytes(content, device=begun.setup.recipe.device)
        require_fitting(run, state, first=begun.setup.state)
        begun = replace(begun, setup=replace(begun.setup, state=state))
    step = begun.setup.state.step
    listener(Event("resumed", f"continuing {run.path} from step {step}", {"step": step}))
    return questions.carry_out(run, begun, history=history, clock=clock, listener=listener)


def _begun_again(run: Run, data: object, test: str | Path | None, processes: Processes | None) -> tuple[Begun, bytes]:
    """Return the training as it stood when it was cut off, and the history so far."""
    begun = begun_anew(run, run.recipe, data=data, test=test, processes=processes)
    content = read_checkpoint(run)
    if content is None:
        return begun, b""
    state, history = state_from_bytes(content, device=begun.setup.recipe.device)
    require_fitting(run, state, first=begun.setup.state)
    return replace(begun, setup=replace(begun.setup, state=state)), history
