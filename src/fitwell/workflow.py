"""The main job: data and a recipe become a run.

    read -> type -> divide -> encode -> plan -> look for trouble -> baselines -> train -> measure

`train` goes through it once. `resume` prepares the same rows again from the run's own recipe and goes on from its
checkpoint, to the same result. Whatever happens is told as events, which the run's `events.jsonl` keeps too.
"""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from itertools import chain
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from fitwell import recipe as recipes
from fitwell.data.audit import Note, Subject, audit
from fitwell.data.encode import encoders_to_json
from fitwell.data.memory import available_bytes
from fitwell.data.parquet import ParquetTable, streamed_table
from fitwell.data.read import Table, read_table
from fitwell.data.schema import schema_to_json
from fitwell.data.split import Split
from fitwell.decision import UNDECIDED
from fitwell.doctor.finding import findings_json
from fitwell.errors import FitwellError, LostProcess, RequestError, RunError
from fitwell.events import Event, Listener, unheard
from fitwell.explanation import asked_of, reach_of
from fitwell.findings import findings_of, observed
from fitwell.held_out import held_out_table
from fitwell.interrupts import interruptible
from fitwell.learning import Clock, Learned, Setup, in_time, learn, pace_of, set_up, trained_model
from fitwell.measuring import (
    NOTHING_RESERVED,
    Decided,
    FoldTime,
    cross_validated,
    decided_baselines,
    decided_network,
    evaluated,
    gained_together,
    held_out_predictions,
    judged_decision,
    reserved,
)
from fitwell.narration import (
    data_events,
    decision_events,
    findings_events,
    measured_events,
    member_events,
    mixing_events,
    plan_event,
    streaming_event,
)
from fitwell.prediction import model_tensors
from fitwell.preparation import Prepared, divided, divided_in_folds, labelled_rows_of, prepare
from fitwell.processes import launched
from fitwell.processes.group import Processes, joined
from fitwell.recipe import Recipe
from fitwell.run import (
    Run,
    alone,
    append_event,
    create_run,
    discard_unstarted,
    json_bytes,
    load_run,
    open_run,
    read_checkpoint,
    remove_checkpoint,
    require_fitting,
    require_free,
    write_checkpoint,
    write_decision,
    write_history,
    write_json,
    write_model,
    write_predictions,
    write_recipe,
)
from fitwell.showing import seconds_to_show, show, versions
from fitwell.space import usual_ranges
from fitwell.streamed import prepare_streamed
from fitwell.together import dismiss, follow, lead, partible, require_in_memory, shared, tell_epochs
from fitwell.training.checkpoints import state_from_bytes, state_to_bytes

BASELINE_SHARE = 0.15  # of the time that is left when the baselines come
TIMED_SHARE = 0.01  # of a time limit, for timing steps
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
    time_limit: float | None = None,
    seed: int | None = None,
    device: str | None = None,
    listener: Listener = unheard,
) -> Run:
    """Train a network on a table, measure it on rows it has not seen, and return the run.

    `data` is a path (CSV, TSV, Parquet, JSONL, Arrow), a pandas or polars frame, a dict of arrays or a NumPy array.
    `settings` are recipe settings by dotted name, such as {"training.learning_rate": 0.01}; they and the other
    arguments win over `recipe`. `members` is how many networks, or a list with the settings of each. `time_limit` is in
    seconds and includes everything.

    Raises:
        DataError: the data cannot be read or learned from. RequestError: what was asked contradicts itself or the
        data. RecipeError: the recipe is wrong. SurroundingsError: the run cannot be written.
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
    if clock.limit < TOO_SHORT_TO_COMPILE and asked.training.compile == asked.training.execution == "auto":
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
            return _carry_out(run, begun, history=b"", clock=clock, listener=listen)
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
    return _carry_out(run, begun, history=history, clock=clock, listener=listen)


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


def begun_anew(
    run: Run, recipe: Recipe, *, data: object, test: str | Path | None, processes: Processes | None = None
) -> Begun:
    """Return a training on the data of a run before its first step; `data` and `test` say where they are now.

    Raises:
        RunError: the data is not the one that the run was begun with.
    """
    source = run.data["path"] if data is None else data
    if source is None:
        raise RunError(f"{run.path} was trained on {run.data['source']} in memory; give the data again with --data")
    table = opened(source, run.recipe, listener=unheard)
    _require_unchanged(run, table, run.data["fingerprint"], what="data", option="--data")
    asked = asked_recipe(recipe, None, {"data.test": None if test is None else str(test)})
    place = asked.data.test
    if (place is None) != (run.data["test"] is None):
        raise RunError(f"{run.path} was started {'without' if place else 'with'} a test file; leave --test out")
    if place is not None and not Path(place).exists():
        raise RunError(f"the test file {place} of {run.path} is not there; say where it is with --test")
    begun = begin(table, asked, listener=unheard, processes=processes)
    if begun.test is not None:
        recorded = str(run.data["test"].get("fingerprint"))
        _require_unchanged(run, begun.test, recorded, what="test file", option="--test")
    if _split_fingerprint(begun.prepared.split) != run.data["split"]["fingerprint"]:
        raise RunError(f"{run.path} cannot be continued: its rows no longer divide as recorded; train again")
    return begun


def _require_unchanged(run: Run, table: Table | ParquetTable, fingerprint: str, *, what: str, option: str) -> None:
    if table.fingerprint != fingerprint:
        raise RunError(
            f"the {what} at {table.path or table.source} has changed since {run.path} was started (its fingerprint is "
            f"{table.fingerprint[:19]}..., not {fingerprint[:19]}...); give the old {what} with {option}"
        )


def commented_recipe(
    data: object,
    *,
    target: Sequence[str] | None = None,
    recipe: Recipe | Mapping[str, Any] | str | Path | None = None,
    settings: Mapping[str, Any] | None = None,
    arguments: Mapping[str, Any] | None = None,
) -> str:
    """Return the recipe that training would follow, as YAML to edit, in which every setting says what it is and why.

    Columns and the task have their values. What else follows from the data stays open (`auto`), with the value it would
    take in the comment, so that changing one setting leaves the others free to follow it. `arguments` are settings by
    dotted name, and win over `settings`; those that are None were not given.
    """
    asked = asked_recipe(recipe, settings, {"target": target, **(arguments or {})})
    _, prepared = _prepared(opened(data, asked, listener=unheard), asked)
    columns = {name: column.model_dump(exclude_defaults=True) for name, column in prepared.recipe.data.columns.items()}
    shown = recipes.changed(asked, {"task": prepared.recipe.task, "data.columns": columns})
    usual = {} if asked.tune.ranges else usual_ranges(asked, prepared.recipe)
    ranges = {path: each.tried.model_dump(mode="json") for path, each in usual.items()}
    shown = recipes.changed(shown, {"tune.ranges": ranges}) if ranges else shown
    reasons = {
        path: f"{recipes.setting(prepared.recipe, path)}: {why}" if _is_open(shown, path) else why
        for path, why in prepared.reasons.items()
    } | {f"tune.ranges.{path}": each.why for path, each in usual.items()}
    return recipes.to_yaml(shown, comments=_comments(reasons))


def _is_open(recipe: Recipe, path: str) -> bool:
    return not path.startswith("data.columns.") and recipes.setting(recipe, path) in ("auto", "usual")


def asked_recipe(
    recipe: Recipe | Mapping[str, Any] | str | Path | None,
    settings: Mapping[str, Any] | None,
    arguments: Mapping[str, Any],
) -> Recipe:
    """Return the recipe with settings and arguments on top; arguments that are None were not given."""
    if recipe is None:
        base = Recipe()
    elif isinstance(recipe, Recipe):
        base = recipe
    elif isinstance(recipe, Mapping):
        base = recipes.parse(recipe)
    else:
        base = recipes.read(recipe)
    given = {name: value for name, value in arguments.items() if value is not None}
    asked = recipes.changed(base, dict(settings or {}) | given)
    named = {"data.test": asked.data.test, "network.text.vectors": asked.network.text.vectors}
    # A run may be resumed from another folder.
    whole = {setting: str(Path(path).absolute()) for setting, path in named.items() if path is not None}
    return recipes.changed(asked, whole) if whole else asked


@dataclass(frozen=True, kw_only=True, eq=False)
class Begun:
    """A training before its first step."""

    asked: Recipe
    table: Table | ParquetTable
    test: Table | None
    prepared: Prepared
    notes: Sequence[Note]  # what was noticed about the data
    setup: Setup
    seconds: float  # that typing, dividing and encoding took

    @property
    def reasons(self) -> dict[str, str]:
        """Why each setting is as it is."""
        return dict(self.prepared.reasons) | dict(self.setup.reasons)


def opened(data: object, asked: Recipe, *, listener: Listener) -> Table | ParquetTable:
    """Return the data in memory, or, where it does not fit or was asked to, as a table that streams, which is said."""
    if asked.task == "answer":
        raise RequestError(
            "task answer learns from questions in SQuAD's form, which this does not do; what there is for it: fitwell "
            "train, resume, predict, evaluate, report, answer and chat"
        )
    if isinstance(data, ParquetTable):
        return data
    table = streamed_table(data, asked.data.streaming, available=available_bytes())
    if table is None:
        return read_table(data)
    listener(streaming_event(table))
    return table


def begin(
    table: Table | ParquetTable, asked: Recipe, *, listener: Listener, processes: Processes | None = None
) -> Begun:
    """Return the training that was asked for before its first step, and tell what there is to say about the data."""
    started = perf_counter()
    if processes is not None:
        require_in_memory(table)
        asked = partible(asked)
    test, prepared = _prepared(table, asked)
    seconds = perf_counter() - started
    for event in data_events(table, prepared):
        listener(event)
    setup = set_up(prepared, prepared.recipe)
    setup = setup if processes is None else shared(setup, processes)
    labelled = prepared.labelled
    notes = audit(
        Subject(
            frame=labelled.frame,
            schema=labelled.schema,
            split=prepared.split,
            targets=labelled.truth,
            task=labelled.task.name,
            names=labelled.coding.classes[0] if labelled.coding.classes else (),
            parameters=setup.state.population.weights.shape[1],
            seed=prepared.recipe.seed,
        )
    )
    for note in notes:
        listener(Event(note.severity, f"{note.text}; {note.way_out}", {"symptom": note.symptom}))
    return Begun(asked=asked, table=table, test=test, prepared=prepared, notes=notes, setup=setup, seconds=seconds)


def _prepared(table: Table | ParquetTable, asked: Recipe) -> tuple[Table | None, Prepared]:
    test = None if asked.data.test is None else read_table(asked.data.test)
    if isinstance(table, ParquetTable):
        with ThreadPoolExecutor(max_workers=1) as pool:
            pool.submit(lambda: table.fingerprint)  # beside the pass over the rows, which reads the same bytes
            return test, prepare_streamed(table, asked, test=test)
    labelled, decided = labelled_rows_of(table, asked, test=test)
    if decided.data.folds:
        divided_in_folds(labelled, decided)  # refuses too many folds before anything is trained
    return test, prepare(labelled, decided, split=divided(labelled, decided))


@contextmanager
def stopping_well(run: Run, listener: Listener) -> Iterator[None]:
    """Take the first Ctrl-C as a wish, and say after a second one how the run goes on."""
    try:
        with interruptible():
            yield
    except KeyboardInterrupt:
        listener(Event("interrupted", f"interrupted at once; {run.path} continues with: fitwell resume {run.path}"))
        raise


def _carry_out(run: Run, begun: Begun, *, history: bytes, clock: Clock, listener: Listener) -> Run:
    """Train from the setup's state, measure, and write everything that a finished run has."""
    prepared, setup = begun.prepared, begun.setup
    for event in setup.events:
        listener(event)
        write_recipe(run, setup.recipe, comments=_comments(begun.reasons))  # what it tells of holds when resumed too
    lead(setup, table=begun.table, run=run.path, limited=math.isfinite(clock.limit))
    simple = decided_baselines(prepared, setup.recipe, seconds=BASELINE_SHARE * clock.remaining())
    kept, own, measured_by, showing = NOTHING_RESERVED, clock, clock, 0.0
    if math.isfinite(clock.limit):
        pace = pace_of(setup, seconds=TIMED_SHARE * clock.limit)
        untrained = trained_model(prepared, setup, setup.state, UNDECIDED)
        showing = seconds_to_show(prepared, untrained, simple)
        kept = reserved(prepared, setup, pace, simple, showing=showing, limit=clock.limit)
        measured_by = clock.before(kept.ensemble + kept.showing + kept.leaving)
        shortest = FoldTime(preparing=begun.seconds, training=pace.epoch(setup), measuring=kept.measuring)
        after_own = measured_by.before(shortest.training + shortest.measuring)
        folds = after_own.enough_for(shortest.total, most=setup.recipe.data.folds)
        own = measured_by.share(further=folds, preparing=begun.seconds)
        is_asked = "training.early_stopping.patience" not in begun.reasons
        setup = in_time(setup, pace, seconds=own.limit - kept.measuring, patience_is_asked=is_asked)
        tell_epochs(setup)
        begun = replace(begun, setup=setup)
        write_recipe(run, setup.recipe, comments=_comments(begun.reasons))
    started = perf_counter()
    learned = learn(
        setup,
        prepared,
        history=history,
        save=lambda state, so_far: write_checkpoint(run, state_to_bytes(state, so_far)),
        clock=own,
        reserve=kept.measuring,
        listener=listener,
    )
    took = perf_counter() - started
    if learned.ending == "time":
        recipe = recipes.changed(setup.recipe, {"training.maximum_steps": learned.state.step})
        begun = replace(begun, setup=replace(setup, recipe=recipe))
        write_recipe(run, recipe, comments=_comments(begun.reasons))
    fold = FoldTime(preparing=begun.seconds, training=took, measuring=kept.measuring)
    left = Left(clock=clock, folds=measured_by, fold=fold, showing=showing)
    return conclude(run, begun, learned, simple, left=left, listener=listener)


@dataclass(frozen=True, kw_only=True)
class Left:
    """The time that is left when training is over."""

    clock: Clock  # for everything
    folds: Clock  # until when folds may be trained
    fold: FoldTime
    showing: float  # seconds that explaining and the page will take


def conclude(
    run: Run, begun: Begun, learned: Learned, simple: Mapping[str, Decided], *, left: Left, listener: Listener
) -> Run:
    """Measure what was learned, and write everything that a finished or an interrupted run has."""
    prepared, setup = begun.prepared, begun.setup
    predicted = held_out_predictions(prepared, setup, learned)
    network = decided_network(prepared, setup.recipe, predicted)
    # Before the model: one without them is of an older Fitwell.
    write_decision(run, network.decision.as_json())
    write_predictions(run, held_out_table(prepared, predicted, network.decision))
    model = trained_model(prepared, setup, learned.state, network.decision)
    write_model(run, model)
    write_history(run, learned.history)
    evaluation = evaluated(prepared, setup.recipe, network, simple)
    decided = judged_decision(prepared, setup.recipe, network, evaluation)
    write_decision(run, decided.as_json())
    ensemble = gained_together(prepared, setup.recipe, network, predicted, evaluation)
    report = evaluation.as_json() | ({} if ensemble is None else {"ensemble": ensemble.as_json()})
    interrupted = learned.ending == "interrupted"
    if setup.recipe.data.folds and not interrupted:
        done = {event["fold"]: event["figures"] for event in run.events if event["event"] == "fold"}
        over_folds = cross_validated(
            prepared.labelled,
            setup.recipe,
            done=done,
            clock=left.folds,
            time=left.fold,
            listener=listener,
        )
        interrupted = over_folds is None
        report |= {"folds": over_folds} if over_folds else {}
    write_json(run, "evaluation.json", report)
    seen = observed(
        prepared,
        setup.recipe,
        learned.history,
        ending=learned.ending,
        evaluation=evaluation,
        answers=network.answers,
    )
    findings = findings_of(begun.notes, seen)
    write_json(run, "findings.json", findings_json(findings, complete=False))
    members = member_events(setup.recipe, learned.history, metric=prepared.labelled.task.glance.name)
    told = findings_events([finding for finding in findings if finding.since != "data"])
    mixing = mixing_events(model_tensors(model), model.encoders)
    measured = measured_events(evaluation, report)
    for event in chain(members, mixing, measured, decision_events(decided, evaluation), told):
        listener(event)
    if not interrupted:
        asked = asked_of(prepared, model, predicted[prepared.split.measured])
        in_time = left.clock.remaining() > left.showing
        reach = reach_of(prepared, model) if in_time else []
        show(run, evaluation, asked, reach=reach, in_time=in_time, listener=listener)
    if interrupted:
        step, folds = learned.state.step, setup.recipe.data.folds
        where = f"at step {step}"
        if learned.ending != "interrupted":
            fold = 1 + sum(event["event"] == "fold" for event in Run(run.path).events)
            where = f"in fold {fold} of {folds}"
        text = f"interrupted {where}; {run.path} is usable, and continues with: fitwell resume {run.path}"
        listener(Event("interrupted", text, {"step": step}))
    else:
        values = {"run": str(run.path), "seconds": round(perf_counter() - left.clock.started, 2)}
        listener(Event("finished", f"run: {run.path}", values))
        remove_checkpoint(run)  # last: a run without it must be known to be finished
    return Run(run.path)


def first_files(begun: Begun) -> dict[str, bytes]:
    """Return the files that a run has from its beginning, by their names."""
    table, test, prepared = begun.table, begun.test, begun.prepared
    labelled, split = prepared.labelled, prepared.split
    rows = prepared.rows
    data = {
        "source": table.source,
        "path": table.path,
        "format": table.format,
        "detected": dict(table.detected),
        "fingerprint": table.fingerprint,
        "test": None if test is None else {"path": test.path, "fingerprint": test.fingerprint},
        "rows": sum(rows.values()),
        "rows_without_target": labelled.without_target,
        "schema": schema_to_json(labelled.schema),
        "targets": labelled.coding.as_json(),
        "split": {"method": split.method, "why": split.why, **rows, "fingerprint": _split_fingerprint(split)},
        "streamed": None
        if prepared.streamed is None
        else {"typed_rows": prepared.streamed.typed_rows, "sample_rows": len(split.train)},
        "decided": [path for path, _, _ in recipes.described() if _is_open(begun.asked, path)],
        "notes": [asdict(note) for note in begun.notes],
        "versions": versions(),
    }
    return {
        "recipe.yaml": recipes.to_yaml(begun.setup.recipe, comments=_comments(begun.reasons)).encode(),
        "data.json": json_bytes(data),
        "encoders.json": json_bytes(encoders_to_json(prepared.encoders)),
    }


def _comments(reasons: Mapping[str, str]) -> dict[str, str]:
    """Return what stands beside each setting: why it was chosen, else what it does."""
    return {path: sentence for path, sentence, _ in recipes.described()} | dict(reasons)


def _split_fingerprint(split: Split) -> str:
    digest = hashlib.sha256()
    for rows in (split.train, split.validation, split.test):
        digest.update(np.ascontiguousarray(rows, dtype=np.int64).tobytes() + b";")
    return f"sha256:{digest.hexdigest()}"


def recording(run: Run, listener: Listener) -> Listener:
    """Return a listener that writes the run's events too, but for the frequent ones, which say how far it is."""

    def listen(event: Event) -> None:
        if event.kind not in ("look", "search"):
            append_event(run, event.kind, text=event.text, **event.values)
        listener(event)

    return listen
