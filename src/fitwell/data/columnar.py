"""Parquet and Arrow files become typed frames, whole or in batches; their types are kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import polars as pl

from fitwell.errors import DataError
from fitwell.sources import CONTAINERS, first_bytes, named_by, worded

TAIL_BYTES = 8


def columnar_types(parts: Sequence[Path], *, source: Path) -> dict[str, pl.DataType]:
    """Return the columns and types of one file or of several with the same columns.

    Raises:
        DataError: a file is damaged, or has other columns than the first.
    """
    schemas = [_types(part) for part in parts]
    first = schemas[0]
    for part, schema in zip(parts, schemas, strict=True):
        if differing := sorted(set(first) ^ set(schema)):
            lacking = part if differing[0] in first else parts[0]
            raise DataError(
                f"{source}: all Parquet files of a folder need the same columns, but {lacking.name} lacks "
                f'"{differing[0]}"; add it or move that file away'
            )
    return {name: _common_type(name, [schema[name] for schema in schemas], source=source) for name in first}


def columnar_frames(
    parts: Sequence[Path], types: dict[str, pl.DataType], *, columns: Sequence[str], rows: int | None
) -> Iterator[pl.DataFrame]:
    """Yield the rows of the files in their order, in frames of about `rows` rows; None: one frame for each file."""
    for part in parts:
        with worded(str(part)):
            lazy = _scan(part).select(pl.col(name).cast(types[name]) for name in columns)
            if rows is None:
                yield lazy.collect()
            else:
                yield from lazy.collect_batches(chunk_size=rows, maintain_order=True)


def columnar_stretch(
    part: Path, types: Mapping[str, pl.DataType], *, columns: Sequence[str], start: int, rows: int
) -> pl.DataFrame:
    """Return some consecutive rows of one file; of a Parquet file only the row groups that they lie in are read."""
    with worded(str(part)):
        lazy = _scan(part).select(pl.col(name).cast(types[name]) for name in columns)
        return lazy.slice(start, rows).collect()


def _common_type(name: str, types: Sequence[pl.DataType], *, source: Path) -> pl.DataType:
    # Numbers widen; other types must agree, because polars would turn a date into a number to make it fit.
    present = [dtype for dtype in dict.fromkeys(types) if dtype != pl.Null()] or [pl.Null()]
    if len(present) == 1:
        return present[0]
    if all(dtype.is_numeric() for dtype in present):
        return pl.concat([pl.Series(dtype=dtype).to_frame() for dtype in present], how="vertical_relaxed").dtypes[0]
    if all(dtype in (pl.String, pl.Categorical, pl.Enum) for dtype in present):
        return pl.String()
    kinds = ", ".join(sorted(map(str, present)))
    raise DataError(f'{source}: a column needs one type in all files, but "{name}" is {kinds}; write it with one type')


def _types(part: Path) -> dict[str, pl.DataType]:
    _refuse_cut_off(part)
    with worded(str(part)):
        return dict(_scan(part).collect_schema())


def _scan(part: Path) -> pl.LazyFrame:
    container = named_by(first_bytes(part), CONTAINERS)
    if container == "parquet":
        return pl.scan_parquet(part, glob=False)
    if container == "arrow":
        return pl.scan_ipc(part, glob=False)
    if container == "arrow stream":
        return pl.read_ipc_stream(part).lazy()
    raise DataError(f"{part} is named a Parquet file, but does not begin as one; write it again")


def _refuse_cut_off(part: Path) -> None:
    # Parquet and Arrow files end as they begin; polars' own message about it speaks of offsets.
    container = named_by(first_bytes(part), CONTAINERS)
    if container not in ("parquet", "arrow"):
        return
    with worded(str(part)), part.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - TAIL_BYTES))
        tail = file.read()
    if not tail.endswith((b"PAR1", b"ARROW1")):
        raise DataError(
            f"{part} begins as {container} but lacks its end: it is truncated after {size} bytes; write it again"
        )
