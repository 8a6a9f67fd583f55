"""The columns that are not inputs: targets, row weights, and what divides the rows."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import polars as pl
from jaxtyping import Float, Int

from fitwell.data.columns import KINDS, audio, image
from fitwell.data.columns.cells import Column
from fitwell.data.schema import Schema
from fitwell.data.sketches import Moments
from fitwell.errors import DataError, nearest
from fitwell.recipe import KindName


@dataclass(frozen=True, kw_only=True)
class KnownTarget:
    """What a pass counted of a target's cells."""

    name: str
    labels: Mapping[str, int] = field(default_factory=dict)  # of classes: how often each occurs, in all rows
    values: Moments = field(default_factory=Moments)  # of numbers, in the training rows


def target_cells(frame: pl.DataFrame, schema: Schema, *, first_row: int = 0) -> list[pl.Series]:
    """Return the target columns as typed values, null where missing; messages count rows from `first_row` on.

    Raises:
        DataError: a target column is not there, or a cell cannot be read as its kind.
    """
    return [parsed(frame, column, first_row=first_row) for column in schema.targets]


def labelled_rows(frame: pl.DataFrame, schema: Schema, *, first_row: int = 0) -> Int[np.ndarray, " labelled"]:
    """Return the numbers of the rows whose targets (and weight) are all there."""
    known = np.ones(len(frame), dtype=bool)
    for column in (*schema.targets, *((schema.weight,) if schema.weight else ())):
        known &= parsed(frame, column, first_row=first_row).is_not_null().to_numpy()
    return np.flatnonzero(known)


# Kinds whose cells name files, and what tells which of these cannot be read.
UNREADABLE: dict[KindName, Callable[[pl.Series], Iterator[tuple[int, str]]]] = {
    "image": image.unreadable_rows,
    "audio": audio.unreadable_rows,
}


def broken_rows(frame: pl.DataFrame, schema: Schema, kinds: Container[KindName]) -> dict[int, str]:
    """Return the rows with a picture or sound (of `kinds`) that cannot be read, by number, each with what is wrong."""
    found: dict[int, str] = {}
    for column in schema.features:
        if column.kind in kinds:
            found |= dict(UNREADABLE[column.kind](parsed(frame, column)))
    return found


def row_weights_of(frame: pl.DataFrame, schema: Schema) -> Float[np.ndarray, " rows"] | None:
    """Return the rows' weights, or None where no column of weights was named.

    Raises:
        DataError: a weight is negative, or all are 0.
    """
    if schema.weight is None:
        return None
    weights = parsed(frame, schema.weight).cast(pl.Float64).to_numpy()
    if weights.min() < 0 or not weights.any():
        row = int(np.argmin(weights))
        raise DataError(
            f'weights must be at least 0 and not all 0, but "{schema.weight.name}" is {weights[row]} in row {row + 1}; '
            "name another column with --weight"
        )
    return weights


def parsed(frame: pl.DataFrame, column: Column, *, first_row: int = 0) -> pl.Series:
    """Return one column's typed values.

    Raises:
        DataError: the column is not there, or a cell cannot be read as its kind.
    """
    if column.name not in frame.columns:
        came = ", ".join(f'"{name}"' for name in frame.columns[:8]) + (", ..." if len(frame.columns) > 8 else "")
        offer = nearest(column.name, frame.columns) or "; add it, or rename the column that holds it"
        raise DataError(f'the column "{column.name}" is missing from the columns {came}{offer}')
    return KINDS[column.kind].parse(frame[column.name], column, first_row=first_row)
