"""Which tables stream: those that memory would not hold, and those of which it is asked.

Only Parquet can be read from any of its rows on. A file of another format is copied to Parquet first, piece by piece,
into the folder for temporary files; the copy goes when nobody reads from it any more.
"""

from __future__ import annotations

import os
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl

from fitwell.data.parquet import TEXT_BYTES, ParquetTable, Scratch, parquet_files, parquet_table
from fitwell.data.read import open_source, read_batches
from fitwell.errors import RequestError, SurroundingsError
from fitwell.recipe import Streaming
from fitwell.sources import CONTAINERS, existing_path, first_bytes, named_by

COPIES = 4  # of the cells: as read, as far as labelled, encoded, and in the order of an epoch; the last two are half
ENCODED_TEXT = 2048  # bytes of a long text's terms, unless the recipe says otherwise; they are there twice
LOOKED_AT = 1000  # first rows of a file, which say how long its texts are
PART_BYTES = 32 * 2**20  # of cells in each file of a copy


def streamed_table(source: Any, asked: Streaming, *, available: int | None) -> ParquetTable | None:
    """Return the table as one that streams, where that was asked for or where memory would not hold it; else None.

    `available` are the bytes that are free; where that cannot be told, only what was asked for streams.

    Raises:
        RequestError: a table in memory is asked to stream. DataError: the file is damaged.
        SurroundingsError: there is no room for a copy.
    """
    if asked == "never":
        return None
    if not isinstance(source, str | os.PathLike):
        if asked == "always":
            raise RequestError("data.streaming is always, but the table is in memory already; give the path of a file")
        return None
    path = existing_path(Path(source))
    if path.is_dir() and asked == "auto" and not parquet_files(path):
        return None  # it may hold something else
    is_parquet = path.is_dir() or named_by(first_bytes(path), CONTAINERS) == "parquet"
    if asked == "always":
        return parquet_table(path) if is_parquet else copied(path)
    if is_parquet:
        table = parquet_table(path)
        why = _why(table.bytes, table.rows if table.text_bytes else 0, available=available)
        return None if why is None else replace(table, why=why)
    size = path.stat().st_size
    why = _why(size, size, available=available) and _why(size, _long_texts(path, size), available=available)
    return None if why is None else replace(copied(path), why=why)


def copied(path: Path) -> ParquetTable:
    """Return a table of another format, read from a copy in Parquet.

    Raises:
        DataError: the file is damaged. SurroundingsError: there is no room for the copy.
    """
    opened, scratch = open_source(path), Scratch()
    rows = max(LOOKED_AT, int(PART_BYTES / sum(_first_cells(path))))
    with closing(read_batches(path, rows=rows)) as frames:
        for number, frame in enumerate(frames):
            _write(frame, scratch.path / f"{number:06}.parquet")
    return replace(
        parquet_table(scratch.path),
        source=path.name,
        path=str(path),
        format=opened.format,
        detected=opened.detected,
        copy=scratch,
    )


def _why(cells: int, long_texts: int, *, available: int | None) -> str | None:
    """Return why cells of so many bytes do not fit, with so many long texts among them; None where they do."""
    needed = COPIES * cells + 2 * ENCODED_TEXT * long_texts
    if available is None or needed <= available:
        return None
    return f"training in memory would take about {needed / 1e9:.1f} GB, but {available / 1e9:.1f} GB are free"


def _long_texts(path: Path, size: int) -> int:
    """Return how many rows a file of so many bytes has, by its first ones, if these have long texts; else 0."""
    cells = _first_cells(path)
    return int(size / sum(cells)) if max(cells) > TEXT_BYTES else 0


def _first_cells(path: Path) -> list[float]:
    """Return how many bytes a cell of each column takes, on average over the first rows."""
    with closing(read_batches(path, rows=LOOKED_AT)) as frames:
        first = next(frames)
    return [
        1 + int(column.str.len_bytes().sum()) / len(column) if column.dtype == pl.String else 8.0 for column in first
    ]


def _write(frame: pl.DataFrame, path: Path) -> None:
    try:
        frame.write_parquet(path, compression="lz4")
    except (OSError, pl.exceptions.PolarsError) as error:
        raise SurroundingsError(
            f"a copy that streams must fit into {path.parent.parent}, but does not ({error}); let the environment's "
            "TMPDIR name a folder with more room"
        ) from None
