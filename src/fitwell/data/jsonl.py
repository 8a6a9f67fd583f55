"""Lines of JSON objects become typed frames; a column keeps one type through the whole file.

Polars reads what it can. Where it gives up, the lines are read one by one, which either finds the line that is wrong or
reads what polars would not. A field whose values differ in type is text.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from fitwell.data.columns.cells import list_depth
from fitwell.data.in_memory import SERIES
from fitwell.errors import DataError
from fitwell.sources import decompressed

Types = dict[str, pl.DataType]
# What a JSON value becomes, and the types that have a wider one in common; all other pairs are text.
TYPES: dict[type, pl.DataType] = {
    int: pl.Int64(),
    float: pl.Float64(),
    str: pl.String(),
    bool: pl.Boolean(),
    type(None): pl.Null(),
}
NUMBERS = (pl.Int64(), pl.Float64())
LARGEST_INTEGER = 2**63


def jsonl_types(path: Path) -> Types:
    """Return the type of each field over all lines: the one that holds every value, text where types differ.

    Raises:
        DataError: a line is no JSON object, or a field holds nested values; line and field are named.
    """
    types: Types = {}
    for chunk, line in _line_chunks(path):
        found = _polars_types(chunk)
        for name, dtype in (_slow_types(path, chunk, line) if found is None else found).items():
            types[name] = _common(types.get(name, dtype), dtype)
    return types


def jsonl_frames(path: Path, types: Mapping[str, pl.DataType], *, columns: Sequence[str]) -> Iterator[pl.DataFrame]:
    """Yield the rows of a JSONL file with the given types; a field that a line lacks is null."""
    schema = {name: types[name] for name in columns}
    for chunk, line in _line_chunks(path):
        try:
            yield pl.read_ndjson(chunk, schema=schema)
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException):
            rows = [row for _, row in _objects(path, chunk, line)]
            cells = {name: [_cell(row.get(name), dtype) for row in rows] for name, dtype in schema.items()}
            yield pl.DataFrame(cells, schema=schema)


def json_objects(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the number of each line and the object that it holds, whatever its fields are; empty lines are left out.

    Raises:
        DataError: a line is no JSON object; it is named.
    """
    for chunk, line in _line_chunks(path):
        yield from _objects(path, chunk, line)


def _line_chunks(path: Path) -> Iterator[tuple[bytes, int]]:
    # Whole lines, and the number of the first; a JSON text never holds a raw line end.
    rest, line = b"", 1
    for chunk in decompressed(path):
        whole, newline, rest = (rest + chunk).rpartition(b"\n")
        if whole.strip():
            yield whole.removeprefix(b"\xef\xbb\xbf") + newline, line
        line += whole.count(b"\n") + len(newline)
    if rest.strip():
        yield rest.removeprefix(b"\xef\xbb\xbf"), line


def _polars_types(chunk: bytes) -> Types | None:
    # None: polars gave up, or found something to be named by line.
    try:
        frame = pl.read_ndjson(chunk, infer_schema_length=None)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException):
        return None
    types = {name: pl.Float64() if dtype == pl.Int128 else dtype for name, dtype in frame.schema.items()}
    known = all(dtype in TYPES.values() or list_depth(dtype) for dtype in types.values())
    return {name: SERIES.get(list_depth(dtype), dtype) for name, dtype in types.items()} if types and known else None


def _slow_types(path: Path, chunk: bytes, first_line: int) -> Types:
    types: Types = {}
    for line, row in _objects(path, chunk, first_line):
        for name, value in row.items():
            depth = _depth_of(value)
            if depth in SERIES:
                types[name] = _common(types.get(name, SERIES[depth]), SERIES[depth])
                continue
            if type(value) not in TYPES:
                holds = "a list of more than numbers" if isinstance(value, list) else "an object"
                raise DataError(
                    f'{path}: cells must be plain values or lists of numbers, but the field "{name}" holds {holds} in '
                    f"line {line}; give each of its parts a field of its own, or leave it out"
                )
            large = type(value) is int and abs(value) >= LARGEST_INTEGER
            dtype = pl.Float64() if large else TYPES[type(value)]
            types[name] = _common(types.get(name, dtype), dtype)
    return types


def _objects(path: Path, chunk: bytes, first_line: int) -> Iterator[tuple[int, dict[str, Any]]]:
    for line, text in enumerate(chunk.split(b"\n"), start=first_line):
        if not text.strip():
            continue
        try:
            row = json.loads(text)
        except (ValueError, RecursionError) as error:
            reason = f"is not ({getattr(error, 'msg', 'not UTF-8, or too deeply nested')})"
        else:
            if isinstance(row, dict):
                yield line, row
                continue
            reason = "is another JSON value"
        raise DataError(
            f"{path}: every line must be one JSON object, but line {line} {reason}: {_shown(text)}; correct that line"
        )


def _depth_of(value: object) -> int:
    """Return how deep numbers lie in lists, 0 where there is no list, or something else in it."""
    if not isinstance(value, list):
        return 0
    present = [part for part in value if part is not None]
    if all(type(part) in (int, float) for part in present):
        return 1
    return 2 if all(_depth_of(part) == 1 for part in present) else 0


def _common(one: pl.DataType, other: pl.DataType) -> pl.DataType:
    if one == other or other == pl.Null():
        return one
    if one == pl.Null():
        return other
    return pl.Float64() if one in NUMBERS and other in NUMBERS else pl.String()


def _cell(value: Any, dtype: pl.DataType) -> Any:
    if dtype == pl.Float64() and value is not None:
        return float(value) if abs(value) < LARGEST_INTEGER else float(str(value))
    if dtype != pl.String() or value is None or isinstance(value, str):
        return value
    whole = isinstance(value, float) and math.isfinite(value) and value == int(value)
    return json.dumps(int(value) if whole else value)  # as polars writes it


def _shown(text: bytes) -> str:
    shown = text.decode(errors="replace").strip()
    return shown if len(shown) <= 60 else shown[:57] + "..."
