"""A table that is larger than memory made ready: one pass over its rows, and some of them kept.

The parts that are measured and a sample of the training rows are in memory, prepared like the rows of any table, so
that everything but training is done with them as ever. Encoders and targets are fitted on all training rows, which
training then reads anew in each epoch.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import polars as pl

from fitwell.data.encode import Encoders, encode_features
from fitwell.data.parquet import ParquetTable, finer, read_stretch, rows_to_type, with_all_values
from fitwell.data.read import Table
from fitwell.data.schema import Schema, infer_schema
from fitwell.data.split import Split
from fitwell.data.survey import (
    TEST,
    TRAINING,
    VALIDATION,
    Shares,
    Survey,
    encoded_text_bytes,
    held_rows,
    shares_of,
    survey,
)
from fitwell.data.targets import KnownTarget, labelled_rows, parsed, row_weights_of, target_cells
from fitwell.plan import resolve_texts
from fitwell.preparation import (
    Labelled,
    Prepared,
    Streamed,
    data_decided,
    encoded,
    joined_with_test,
    require_test_rows,
    task_name_for,
)
from fitwell.recipe import Recipe, changed
from fitwell.tasks.table import TASKS
from fitwell.tasks.task import label_cells
from fitwell.training.streaming import EncodedRows, StreamedRows

ENCODED_BYTES = 16 * 2**20  # of the texts of a stretch, several of which are in memory together


@dataclass(frozen=True, kw_only=True, eq=False)
class Kept:
    """Rows in memory, where they are from, and what all rows say of the targets."""

    frame: pl.DataFrame
    source_rows: np.ndarray  # their numbers in the table; a test file's go on counting
    parts: np.ndarray
    known: tuple[KnownTarget, ...]
    without_target: int
    given_test: int = 0  # so many last rows came from a test file


def prepare_streamed(table: ParquetTable, recipe: Recipe, *, test: Table | None) -> Prepared:
    """Return what training needs, after one pass over the rows.

    Raises:
        DataError, RequestError: the target is not there or says nothing, no features are left, or a cell cannot be
            read as its column's kind.
    """
    reasons = {"data.streaming": table.why} if recipe.data.streaming == "auto" else {}
    recipe = changed(recipe, {"data.streaming": "always"})
    sample = with_all_values(table, rows_to_type(table), recipe.target)
    schema = infer_schema(_as_table(table, sample), recipe)
    shares = shares_of(table.rows, recipe.data, held=held_rows(table.row_bytes))
    of_texts = resolve_texts(recipe, rows=round(table.rows * (1 - shares.test - shares.validation)))
    recipe, reasons = of_texts.recipe, reasons | dict(of_texts.reasons)
    if text_bytes := encoded_text_bytes(schema, recipe.data):
        table = finer(table, max(1, ENCODED_BYTES // text_bytes))
    found = survey(table, schema, recipe.data, seed=recipe.seed)
    schema = _with_all_classes(schema, found.targets)
    kept = Kept(
        frame=found.frame,
        source_rows=found.source_rows,
        parts=found.parts,
        known=found.targets,
        without_target=found.without_target,
    )
    kept = kept if test is None else _with_test(kept, table, test, schema)
    labelled = _labelled(kept, schema, recipe)
    split = Split(
        train=np.flatnonzero(kept.parts == TRAINING),
        validation=np.flatnonzero(kept.parts == VALIDATION),
        test=np.flatnonzero(kept.parts == TEST),
        method="given" if test is not None else "random" if schema.group is None else "grouped",
        why=_why_divided(schema, found.shares, test),
    )
    decided = data_decided(labelled, changed(recipe, {"task": labelled.task.name}), split)
    rows = sum(found.training_rows)
    streamed = Streamed(
        rows=rows,
        ordered=found.ordered,
        typed_rows=len(sample),
        training=partial(_training, table, found, labelled),
    )
    prepared = encoded(labelled, decided, split=split, encoders=found.encoders, streamed=streamed)
    return replace(prepared, reasons=reasons | dict(prepared.reasons))


def _training(table: ParquetTable, found: Survey, labelled: Labelled, recipe: Recipe, device: str) -> StreamedRows:
    assert recipe.data.shuffle_buffer != "auto"
    return StreamedRows(
        stretches=found.training_rows,
        read=partial(_read, table, found, labelled),
        buffer=recipe.data.shuffle_buffer,
        seed=recipe.seed,
        device=device,
    )


def _read(table: ParquetTable, found: Survey, labelled: Labelled, number: int) -> EncodedRows:
    """Return the training rows of one stretch."""
    stretch, schema = table.stretches[number], labelled.schema
    frame = read_stretch(table, stretch, _needed(found.encoders, schema))
    frame = frame[np.flatnonzero(np.unpackbits(found.training[number], count=stretch.rows))]
    truth = labelled.task.truth(target_cells(frame, schema), labelled.coding)
    weights = None if schema.weight is None else parsed(frame, schema.weight).cast(pl.Float32).to_numpy()
    return EncodedRows(
        features=encode_features(frame, found.encoders),
        targets=labelled.task.targets(truth, labelled.coding),
        weights=weights,
    )


def _needed(encoders: Encoders, schema: Schema) -> list[str]:
    weight = [] if schema.weight is None else [schema.weight]
    columns = (*(encoder.column for encoder in encoders.encoders), *schema.targets, *weight)
    return list(dict.fromkeys(column.name for column in columns))


def _labelled(kept: Kept, schema: Schema, recipe: Recipe) -> Labelled:
    task = TASKS[task_name_for(schema, recipe)]
    coding = task.coding(kept.known, recipe.data.target_scaling != "none")
    return Labelled(
        frame=kept.frame,
        schema=schema,
        task=task,
        coding=coding,
        truth=task.truth(target_cells(kept.frame, schema), coding),
        weights=row_weights_of(kept.frame, schema),
        source_rows=kept.source_rows,
        given_test=kept.given_test,
        without_target=kept.without_target,
    )


def _with_test(kept: Kept, table: ParquetTable, test: Table, schema: Schema) -> Kept:
    """Return the rows with those of a test file after them."""
    own = len(kept.frame)
    frame = joined_with_test(_as_table(table, kept.frame), test)
    labelled = labelled_rows(frame, schema)  # of the table's own rows, which all have a target, and of the test's
    of_test = labelled[own:]
    require_test_rows(len(of_test), test)
    return Kept(
        frame=frame[labelled],
        source_rows=np.concatenate([kept.source_rows, of_test - own + table.rows]),
        parts=np.concatenate([kept.parts, np.full(len(of_test), TEST)]),
        known=_with_labels_of(kept.known, target_cells(frame[of_test], schema)),
        without_target=kept.without_target + len(test.frame) - len(of_test),
        given_test=len(of_test),
    )


def _as_table(table: ParquetTable, frame: pl.DataFrame) -> Table:
    return Table(frame=frame, source=table.source, path=table.path, format=table.format, fingerprint="")


def _with_all_classes(schema: Schema, known: tuple[KnownTarget, ...]) -> Schema:
    """Return the schema with as many classes of each target as all rows have, not only those that it was typed by."""
    targets = tuple(
        replace(column, distinct=len(target.labels)) if target.labels else column
        for column, target in zip(schema.targets, known, strict=True)
    )
    return replace(schema, targets=targets)


def _with_labels_of(known: tuple[KnownTarget, ...], cells: list[pl.Series]) -> tuple[KnownTarget, ...]:
    """Return the targets with the labels of further cells counted too; numbers know their training rows only."""
    return tuple(
        replace(target, labels=dict(Counter(target.labels) + Counter(label_cells(column)))) if target.labels else target
        for target, column in zip(known, cells, strict=True)
    )


def _why_divided(schema: Schema, shares: Shares, test: Table | None) -> str:
    what = "its number" if schema.group is None else f'its "{schema.group.name}"'
    why = f"a hash of {what} decides where a row goes"
    why += f"; {shares.bounded}" if shares.bounded else ""
    return why if test is None else f"the test rows come from a file of their own; of the others, {why}"
