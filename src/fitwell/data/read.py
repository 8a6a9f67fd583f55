"""A table is read from wherever it is: a file, a folder, or an object in memory; whole, or in batches.

Cells of text formats stay text, because a reader's guess from a sample breaks late; typed formats keep their types.
Either way a missing cell is null: no empty text, no NaN. What a file is, its first bytes say, not its suffix.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from fitwell.data.columnar import columnar_frames, columnar_types
from fitwell.data.folders import LABEL, located, pictures_frame, sounds_frame, texts_below, texts_frame
from fitwell.data.in_memory import fingerprint_of_frame, frame_of, normalized
from fitwell.data.jsonl import jsonl_frames, jsonl_types
from fitwell.data.pictures import is_picture
from fitwell.data.sounds import is_sound
from fitwell.data.text import text_frames
from fitwell.data.text_format import detect_text_format
from fitwell.errors import DataError, RequestError, nearest
from fitwell.sources import (
    CONTAINERS,
    PARQUET_SUFFIXES,
    compression_of,
    decompressed,
    existing_path,
    files_below,
    fingerprint_of_files,
    first_bytes,
    named_by,
)

IN_MEMORY = {
    "pandas": "a pandas frame",
    "polars": "a polars frame",
    "dict": "a dict of arrays",
    "numpy": "a NumPy array",
}


@dataclass(frozen=True, kw_only=True)
class Table:
    """Rows and where they came from."""

    frame: pl.DataFrame  # missing cells are null
    source: str  # the file's name, or what kind of object it was
    path: str | None  # absolute; None for objects in memory
    format: str  # csv, tsv, jsonl, parquet, arrow, pictures, sounds, texts, pandas, polars, dict, numpy
    fingerprint: str  # "sha256:..." of the bytes of the file and of those it names, or of the frame's cells
    detected: Mapping[str, str] = field(default_factory=dict)  # how a text file is written, in words
    target: tuple[str, ...] = ()  # the columns to predict, where the form of the data says it: classes of pictures


# The rows of an opened source with the given columns, in frames of whatever size suits the format. The number of rows
# is a wish; None asks for the fewest frames.
Frames = Callable[[Sequence[str], int | None], Iterator[pl.DataFrame]]


@dataclass(frozen=True, kw_only=True)
class Opened:
    """A source whose columns are known and whose rows are not read yet."""

    source: str  # as given, for messages
    format: str
    names: tuple[str, ...]
    frames: Frames
    files: tuple[Path, ...] = ()  # what the fingerprint is taken of; none: the frame
    detected: Mapping[str, str] = field(default_factory=dict)
    folder: Path | None = None  # that names of files in the cells are relative to; None for objects in memory
    target: tuple[str, ...] = ()


def read_table(source: Any) -> Table:
    """Return the whole table that a path leads to or that an object holds.

    A path may lead to CSV, TSV or JSONL (plain, gzip, zstd), Parquet (a file, or a folder of files with the same
    columns), Arrow/Feather, or a folder with a folder of pictures, sounds or texts for each class; an object may be a
    pandas or polars frame, a dict of arrays, or an array with one or two axes (columns x0, x1, ...).

    >>> read_table({"a": [1, 2], "b": ["x", ""]}).frame.rows()
    [(1, 'x'), (2, None)]

    Raises:
        DataError: there is no such file, or it is no table; what is wrong and where is named.
        SurroundingsError: the file may not be read.
    """
    if isinstance(source, Table):
        return source
    opened = open_source(source)
    frames = list(opened.frames(opened.names, None))
    if not sum(frame.height for frame in frames):
        raise DataError(_without_rows(opened))
    frame, pictures = _located(pl.concat(frames, rechunk=True), opened)
    return Table(
        frame=frame,
        source=Path(opened.source).name if opened.files else opened.source,
        path=str(existing_path(source)) if opened.files else None,
        format=opened.format,
        fingerprint=_fingerprint(opened, pictures) if opened.files else fingerprint_of_frame(frame),
        detected=opened.detected,
        target=opened.target,
    )


def read_batches(
    source: Any, *, rows: int, columns: Sequence[str] | None = None
) -> Generator[pl.DataFrame, None, None]:
    """Yield the same cells as `read_table` in frames of `rows` rows, the last one shorter, in bounded memory.

    With `columns` only these are read, in this order.

    >>> [batch.rows() for batch in read_batches({"a": [1, 2, 3], "b": [4, 5, 6]}, rows=2, columns=["b"])]
    [[(4,), (5,)], [(6,)]]

    Raises:
        DataError: as `read_table`, at the batch where it is found; or a column is not there (the nearest is offered).
        SurroundingsError: the file may not be read.
    """
    if rows < 1:
        raise RequestError(f"a batch needs at least 1 row, but rows is {rows}")
    opened = open_source(source)
    wanted = opened.names if columns is None else tuple(columns)
    for name in wanted:
        if name not in opened.names:
            raise DataError(f'{opened.source} has no column "{name}"{nearest(name, opened.names) or _offered(opened)}')
    empty = True
    for frame in _exactly(opened.frames(wanted, rows), rows):
        empty = False
        yield _located(frame, opened)[0]
    if empty:
        raise DataError(_without_rows(opened))


def open_source(source: Any) -> Opened:
    """Return a source with what can be told of it before its rows are read.

    Raises:
        DataError: there is no such file, or it is no table. SurroundingsError: the file may not be read.
    """
    if isinstance(source, Table):
        return _opened_frame(source.frame, source.source, source.format)
    if isinstance(source, str | os.PathLike):
        return _opened_path(Path(source))
    found = frame_of(source)
    if found is None:
        raise DataError(
            "a table must be a path, a pandas or polars frame, a dict of arrays, or a NumPy array, but is of type "
            f"{type(source).__name__}; convert it to one of these"
        )
    frame, kind = found
    return _opened_frame(frame, IN_MEMORY[kind], kind)


def _opened_path(given: Path) -> Opened:
    path = existing_path(given)
    if path.is_dir():
        return _opened_folder(given, path)
    container = named_by(first_bytes(path), CONTAINERS)
    if container is not None:
        return _opened_columnar(given, (path,), container.split()[0])
    return _opened_jsonl(given, path) if _is_jsonl(path) else _opened_text(given, path)


def _opened_folder(given: Path, folder: Path) -> Opened:
    seen = files_below(folder)
    parts = [file for file in seen if file.suffix.lower() in PARQUET_SUFFIXES]
    if parts:
        return _opened_columnar(given, tuple(parts), "parquet")
    pictures = [file for file in seen if is_picture(file.name)]
    sounds = [file for file in seen if is_sound(file.name)]
    if len(sounds) > len(pictures):
        return _opened_files(given, folder, sounds, sounds_frame(folder, sounds), kind="sounds")
    if pictures:
        return _opened_files(given, folder, pictures, pictures_frame(folder, pictures), kind="pictures")
    texts = texts_below(seen)
    if texts:
        return _opened_files(given, folder, texts, texts_frame(folder, texts), kind="texts")
    first = f"its {len(seen)} files are others (the first is {seen[0].relative_to(folder)})" if seen else "it is empty"
    raise DataError(
        "a folder must hold Parquet files, or pictures, sounds or texts (.txt) in a folder for each class, but "
        f"{folder} has none: {first}; name one file instead"
    )


def _opened_frame(frame: pl.DataFrame, source: str, kind: str) -> Opened:
    def frames(columns: Sequence[str], rows: int | None) -> Iterator[pl.DataFrame]:
        yield normalized(frame.select(columns), source=source)

    return Opened(source=source, format=kind, names=tuple(frame.columns), frames=frames)


def _opened_columnar(given: Path, parts: tuple[Path, ...], kind: str) -> Opened:
    types = columnar_types(parts, source=given)

    def frames(columns: Sequence[str], rows: int | None) -> Iterator[pl.DataFrame]:
        typed = columnar_frames(parts, types, columns=columns, rows=rows)
        return (normalized(frame, source=str(given)) for frame in typed)

    folder = existing_path(given)
    return Opened(
        source=str(given),
        format=kind,
        names=tuple(types),
        frames=frames,
        files=parts,
        folder=folder if folder.is_dir() else folder.parent,
    )


def _opened_files(given: Path, folder: Path, files: list[Path], frame: pl.DataFrame, *, kind: str) -> Opened:
    def frames(columns: Sequence[str], rows: int | None) -> Iterator[pl.DataFrame]:
        yield frame.select(columns)

    return Opened(
        source=str(given),
        format=kind,
        names=tuple(frame.columns),
        frames=frames,
        files=tuple(files),
        folder=folder,
        target=(LABEL,),
    )


def _opened_jsonl(given: Path, path: Path) -> Opened:
    types = jsonl_types(path)
    if not types:
        raise DataError(f"{given} holds JSON lines without any field; a table needs at least one row with one field")

    def frames(columns: Sequence[str], rows: int | None) -> Iterator[pl.DataFrame]:
        return (normalized(frame, source=str(given)) for frame in jsonl_frames(path, types, columns=columns))

    detected = {"compression": compression_of(path)}
    return Opened(
        source=str(given),
        format="jsonl",
        names=tuple(types),
        frames=frames,
        files=(path,),
        detected=detected,
        folder=path.parent,
    )


def _opened_text(given: Path, path: Path) -> Opened:
    form = detect_text_format(path)

    def frames(columns: Sequence[str], rows: int | None) -> Iterator[pl.DataFrame]:
        return text_frames(path, form, columns=columns)

    kind = "tsv" if form.dialect.delimiter == "\t" else "csv"
    return Opened(
        source=str(given),
        format=kind,
        names=form.names,
        frames=frames,
        files=(path,),
        detected=form.described(),
        folder=path.parent,
    )


def _located(frame: pl.DataFrame, opened: Opened) -> tuple[pl.DataFrame, list[Path]]:
    return (frame, []) if opened.folder is None else located(frame, opened.folder)


def _fingerprint(opened: Opened, pictures: list[Path]) -> str:
    files = list(dict.fromkeys([*opened.files, *pictures]))
    return fingerprint_of_files(files, below=opened.folder if opened.target or pictures else None)


def _is_jsonl(path: Path) -> bool:
    head = next(decompressed(path), b"").removeprefix(b"\xef\xbb\xbf").lstrip()
    if head.startswith(b"[") and ".json" in path.suffixes:
        raise DataError(f"{path} must hold one JSON object in each line, but is one JSON array; write it as JSONL")
    if {".jsonl", ".ndjson"} & set(path.suffixes):
        return True
    try:
        return isinstance(json.loads(head.partition(b"\n")[0]), dict)
    except (ValueError, RecursionError):
        return False


def _exactly(frames: Iterator[pl.DataFrame], rows: int) -> Iterator[pl.DataFrame]:
    # Pieces wait until they fill a batch; each is cut once, so the work is proportional to the rows.
    waiting: list[pl.DataFrame] = []
    height = 0
    for frame in frames:
        start = 0
        while height + frame.height - start >= rows:
            piece = frame.slice(start, rows - height)
            yield pl.concat([*waiting, piece])
            start += piece.height
            waiting, height = [], 0
        waiting.append(frame.slice(start))
        height += frame.height - start
    if height:
        yield pl.concat(waiting)


def _without_rows(opened: Opened) -> str:
    return (
        f"{opened.source} has a header ({len(opened.names)} columns) but no rows; a table needs at least one row, "
        "is it the right file?"
    )


def _offered(opened: Opened) -> str:
    shown = ", ".join(opened.names[:10]) + (", ..." if len(opened.names) > 10 else "")
    return f"; its columns are {shown}"
