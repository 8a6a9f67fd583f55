"""The rows that a network was not trained on, with truth and predictions: a table that a run keeps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from jaxtyping import Float, Int

from fitwell.errors import DataError
from fitwell.prediction import Predictions, table_of
from fitwell.preparation import Labelled, Prepared
from fitwell.tasks.task import TargetCoding, codes_of, truth_table


def held_out_table(prepared: Prepared, predicted: Mapping[str, Predictions]) -> pl.DataFrame:
    """Return the rows that were not trained on, validation first, with their number in the data, truth and predictions.

    Columns: `row`, `part`, `weight` where rows have weights, `truth` (of several targets `truth_<name>`: labels as
    text), and what `fitwell predict` gives.
    """
    return pl.concat(
        [_part_table(prepared.labelled, part, rows, predicted[part]) for part, rows in prepared.split.held_out.items()]
    )


def _part_table(labelled: Labelled, part: str, rows: np.ndarray, predictions: Predictions) -> pl.DataFrame:
    known = pl.DataFrame({"row": labelled.source_rows[rows]}, schema={"row": pl.Int64})
    known = known.with_columns(pl.lit(part).alias("part"))
    if labelled.weights is not None:
        known = known.with_columns(pl.Series("weight", labelled.weights[rows]))
    truth = truth_table(labelled.truth[rows], labelled.coding)
    return pl.concat([known, truth, table_of(predictions, labelled.task, labelled.coding)], how="horizontal")


@dataclass(frozen=True, kw_only=True, eq=False)
class HeldOut:
    """Rows that were not trained on, in the form in which tasks measure them."""

    rows: Int[np.ndarray, " rows"]  # their numbers in the data as read, from 0
    truth: np.ndarray
    predictions: np.ndarray
    decisions: np.ndarray | None  # the codes that were predicted, in the form of truth; None for values
    weights: Float[np.ndarray, " rows"] | None


def held_out_of(table: pl.DataFrame, coding: TargetCoding) -> HeldOut:
    """Return the rows that `held_out_table` wrote, or some of them.

    Raises:
        DataError: a column is missing, or holds what it cannot hold.
    """
    endings = [""] if len(coding.names) == 1 else [f"_{name}" for name in coding.names]
    if coding.classes:
        labels = coding.classes[0] if len(endings) == 1 else coding.names
        predictions = _numbers(table, [f"probability_{label}" for label in labels])
        truth, decisions = (_codes(table, kind, endings, coding) for kind in ("truth", "prediction"))
    else:
        predictions, decisions = _numbers(table, [f"prediction{ending}" for ending in endings]), None
        truth = _numbers(table, [f"truth{ending}" for ending in endings])
    return HeldOut(
        rows=table["row"].to_numpy(),
        truth=truth,
        predictions=predictions,
        decisions=decisions,
        weights=_numbers(table, ["weight"])[:, 0] if "weight" in table.columns else None,
    )


def _codes(table: pl.DataFrame, kind: str, endings: Sequence[str], coding: TargetCoding) -> np.ndarray:
    columns = [
        codes_of(_column(table, f"{kind}{ending}"), classes, name=name)
        for ending, classes, name in zip(endings, coding.classes, coding.names, strict=True)
    ]
    return columns[0] if len(columns) == 1 else np.stack(columns, axis=1)


def _numbers(table: pl.DataFrame, names: Sequence[str]) -> np.ndarray:
    columns = []
    for name in names:
        column = _column(table, name)
        if not column.dtype.is_numeric() or not column.is_finite().all() or column.null_count():
            raise DataError(f'"{name}" must hold finite numbers only')
        columns.append(column.cast(pl.Float64).to_numpy())
    return np.stack(columns, axis=1)


def _column(table: pl.DataFrame, name: str) -> pl.Series:
    if name not in table.columns:
        raise DataError(f'the column "{name}" is missing')
    return table[name]
