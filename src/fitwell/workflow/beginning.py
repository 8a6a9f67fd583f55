"""Data and a recipe become a training before its first step: read, typed, divided, encoded, planned, looked over."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter

import numpy as np

from fitwell import recipe as recipes
from fitwell.data.audit import Note, Subject, audit
from fitwell.data.encode import encoders_to_json
from fitwell.data.memory import available_bytes
from fitwell.data.parquet import ParquetTable
from fitwell.data.read import Table, read_table
from fitwell.data.schema import schema_to_json
from fitwell.data.split import Split
from fitwell.data.streaming import streamed_table
from fitwell.errors import RequestError, RunError
from fitwell.events import Event, Listener, unheard
from fitwell.learning import Setup, set_up
from fitwell.narration import data_events, streaming_event
from fitwell.preparation import Prepared, divided, divided_in_folds, labelled_rows_of, prepare
from fitwell.processes.group import Processes
from fitwell.recipe import Recipe
from fitwell.run import Run, json_bytes
from fitwell.showing import versions
from fitwell.streamed import prepare_streamed
from fitwell.together import partible, require_in_memory, shared
from fitwell.workflow.asking import asked_recipe, comments_of, is_open


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
    test, prepared = prepared_of(table, asked)
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


def prepared_of(table: Table | ParquetTable, asked: Recipe) -> tuple[Table | None, Prepared]:
    test = None if asked.data.test is None else read_table(asked.data.test)
    if isinstance(table, ParquetTable):
        with ThreadPoolExecutor(max_workers=1) as pool:
            pool.submit(lambda: table.fingerprint)  # beside the pass over the rows, which reads the same bytes
            return test, prepare_streamed(table, asked, test=test)
    labelled, decided = labelled_rows_of(table, asked, test=test)
    if decided.data.folds:
        divided_in_folds(labelled, decided)  # refuses too many folds before anything is trained
    return test, prepare(labelled, decided, split=divided(labelled, decided))


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
        "decided": [path for path, _, _ in recipes.described() if is_open(begun.asked, path)],
        "notes": [asdict(note) for note in begun.notes],
        "versions": versions(),
    }
    return {
        "recipe.yaml": recipes.to_yaml(begun.setup.recipe, comments=comments_of(begun.reasons)).encode(),
        "data.json": json_bytes(data),
        "encoders.json": json_bytes(encoders_to_json(prepared.encoders)),
    }


def _require_unchanged(run: Run, table: Table | ParquetTable, fingerprint: str, *, what: str, option: str) -> None:
    if table.fingerprint != fingerprint:
        raise RunError(
            f"the {what} at {table.path or table.source} has changed since {run.path} was started (its fingerprint is "
            f"{table.fingerprint[:19]}..., not {fingerprint[:19]}...); give the old {what} with {option}"
        )


def _split_fingerprint(split: Split) -> str:
    digest = hashlib.sha256()
    for rows in (split.train, split.validation, split.test):
        digest.update(np.ascontiguousarray(rows, dtype=np.int64).tobytes() + b";")
    return f"sha256:{digest.hexdigest()}"
