"""A table of Parquet files that is larger than memory, or is treated so: it is read in stretches of rows.

A stretch is a row group, the unit in which such files are packed; a row group too large to be held is cut, at the price
of being unpacked once for each of its parts. Which stretches there are is known from the files' footers alone.
"""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import polars as pl

from fitwell.data.columnar import columnar_stretch, columnar_types
from fitwell.data.footers import RowGroup, row_groups
from fitwell.data.in_memory import normalized
from fitwell.errors import DataError
from fitwell.sources import PARQUET_SUFFIXES, files_below, fingerprint_of_files

STRETCH_BYTES = 96 * 2**20  # of memory, for the cells of a stretch; reading it takes about twice as much
TYPED_ROWS, TYPED_BYTES = 100_000, 64 * 2**20  # by at most so many the columns are typed
TYPED_STRETCHES = 32  # they come from at most so many places, evenly over the table
FEW_VALUES = 1_000  # a target of more is not one of classes, or has no class so rare that it matters here
TEXT_BYTES = 40  # what a cell of text takes, about, unless the files say that there is more


class Scratch:
    """A folder for temporary files, which is deleted with the last value that refers to it."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="fitwell-"))
        weakref.finalize(self, shutil.rmtree, self.path, ignore_errors=True)


@dataclass(frozen=True, kw_only=True)
class Stretch:
    """Rows of one file that are read together."""

    file: Path
    start: int  # in the file
    rows: int
    first_row: int  # in the table


@dataclass(frozen=True, kw_only=True)
class ParquetTable:
    """A table whose rows are on disk."""

    source: str  # the name of its file or folder
    path: str  # absolute
    files: tuple[Path, ...]
    types: Mapping[str, pl.DataType]
    stretches: tuple[Stretch, ...]
    text_bytes: int = 0  # that a row has beyond what its types say: long texts
    why: str = "as asked"  # it streams
    format: str = "parquet"  # as that of a table in memory; another one if the files are a copy
    detected: Mapping[str, str] = field(default_factory=dict)  # typed files leave nothing to detect
    copy: Scratch | None = None  # where the files are, if they are a copy of the file at `path`

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return sum(stretch.rows for stretch in self.stretches)

    @property
    def bytes(self) -> int:
        """What the cells would take in memory, about."""
        return self.rows * self.row_bytes

    @property
    def row_bytes(self) -> int:
        """What the cells of a row would take in memory, about."""
        return bytes_per_row(self.types) + self.text_bytes

    @cached_property
    def fingerprint(self) -> str:
        """The same as that of a table in memory: of the files' bytes."""
        return fingerprint_of_files(list(self.files) if self.copy is None else [Path(self.path)])


def parquet_table(path: Path) -> ParquetTable:
    """Return a Parquet file or a folder of them as a table that streams.

    Raises:
        DataError: a file is damaged, or has other columns than the first; or there are no rows.
    """
    files = tuple(parquet_files(path)) if path.is_dir() else (path,)
    if not files:
        raise DataError(f"a folder that streams must hold Parquet files, but {path} has none; name another")
    types = columnar_types(files, source=path)
    groups = {file: row_groups(file) for file in files}
    text_bytes = _text_bytes(types, [group for of_file in groups.values() for group in of_file])
    most = max(1, STRETCH_BYTES // (bytes_per_row(types) + text_bytes))
    stretches: list[Stretch] = []
    first_row = 0
    for file, of_file in groups.items():
        start = 0
        for group in of_file:
            for size in _cut(group.rows, most):
                stretches.append(Stretch(file=file, start=start, rows=size, first_row=first_row))
                start, first_row = start + size, first_row + size
    if not stretches:
        raise DataError(f"{path} has {len(types)} columns but no rows; a table needs at least one row")
    return ParquetTable(
        source=path.name,
        path=str(path),
        files=files,
        types=types,
        stretches=tuple(stretches),
        text_bytes=text_bytes,
    )


def finer(table: ParquetTable, most: int) -> ParquetTable:
    """Return the table in stretches of at most so many rows."""
    stretches: list[Stretch] = []
    for stretch in table.stretches:
        place = 0
        for size in _cut(stretch.rows, most):
            start, first_row = stretch.start + place, stretch.first_row + place
            stretches.append(replace(stretch, start=start, rows=size, first_row=first_row))
            place += size
    return replace(table, stretches=tuple(stretches))


def parquet_files(folder: Path) -> list[Path]:
    """Return the Parquet files in a folder."""
    return [file for file in files_below(folder) if file.suffix.lower() in PARQUET_SUFFIXES]


def bytes_per_row(types: Mapping[str, pl.DataType]) -> int:
    """Return about how many bytes a row takes in memory.

    >>> bytes_per_row({"a": pl.Float64(), "b": pl.Int16(), "c": pl.String()})
    56
    """
    return sum(TEXT_BYTES if dtype in (pl.String, pl.Categorical, pl.Enum) else 8 for dtype in types.values())


def _text_bytes(types: Mapping[str, pl.DataType], groups: Sequence[RowGroup]) -> int:
    if pl.String() not in types.values() or not groups:
        return 0
    measured = sum(group.bytes for group in groups) // sum(group.rows for group in groups)
    return max(0, measured - bytes_per_row(types))


def read_stretch(table: ParquetTable, stretch: Stretch, columns: Sequence[str]) -> pl.DataFrame:
    """Return the cells of some columns, as `read_table` has them.

    Raises:
        DataError: the file is damaged, was changed meanwhile, or a column holds no plain values.
    """
    frame = columnar_stretch(stretch.file, table.types, columns=columns, start=stretch.start, rows=stretch.rows)
    if len(frame) != stretch.rows:
        raise DataError(
            f"{stretch.file} must have {stretch.rows} rows from row {stretch.start} on, but has {len(frame)}; "
            "was it changed while it was read?"
        )
    return normalized(frame, source=table.source)


def rows_to_type(table: ParquetTable) -> pl.DataFrame:
    """Return the rows by which columns are typed: all of a small table, else evenly from all over."""
    most = min(TYPED_ROWS, max(1000, TYPED_BYTES // table.row_bytes))
    if table.rows <= most:
        return pl.concat(read_stretch(table, stretch, list(table.types)) for stretch in table.stretches)
    chosen = table.stretches[:: -(-len(table.stretches) // TYPED_STRETCHES)]
    return pl.concat(_thinned(table, stretch, -(-most // len(chosen))) for stretch in chosen)


def with_all_values(table: ParquetTable, frame: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
    """Return rows of the table in which some columns have every value that is anywhere in them, if there are few.

    Rare classes may not be among the rows by which columns are typed. Theirs are put in the place of the last cells.
    """
    if len(frame) == table.rows:
        return frame
    few = [name for name in names if name in frame.columns and frame[name].n_unique() <= FEW_VALUES]
    seen = {name: frame[name].unique() for name in few}
    for stretch in table.stretches if few else ():
        cells = read_stretch(table, stretch, few)
        seen = {name: pl.concat([values, cells[name].unique()]).unique() for name, values in seen.items()}
        if max(map(len, seen.values())) > 2 * FEW_VALUES:
            break
    unseen = {name: values.filter(~values.is_in(frame[name].implode())).drop_nulls() for name, values in seen.items()}
    return frame.with_columns(
        pl.concat([frame[name].head(len(frame) - len(values)), values.sort()])
        for name, values in unseen.items()
        if 0 < len(values) <= len(frame) // 2
    )


def _thinned(table: ParquetTable, stretch: Stretch, most: int) -> pl.DataFrame:
    frame = read_stretch(table, stretch, list(table.types))
    places = np.unique(np.linspace(0, len(frame) - 1, min(most, len(frame))).astype(np.int64))
    return owned(frame[places])


def owned(frame: pl.DataFrame) -> pl.DataFrame:
    """Return some rows of a stretch so that nothing else of it stays in memory."""
    # Joined with nothing, text is written anew: as it comes, it points into the text of the whole stretch.
    return frame.with_columns(pl.col(pl.String) + "")


def _cut(rows: int, most: int) -> list[int]:
    """Return nearly equal sizes of at most so many rows.

    >>> _cut(10, 4), _cut(3, 4)
    ([4, 3, 3], [3])
    """
    parts = -(-rows // most)
    return [rows // parts + (place < rows % parts) for place in range(parts)]
