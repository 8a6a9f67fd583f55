"""Tables are written in the format that the name asks for, whole or not at all."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import polars as pl

from fitwell.errors import DataError, RequestError
from fitwell.files import writing

Compression = Literal["uncompressed", "gzip", "zstd"]

SUFFIXES = {
    "": "csv",
    ".csv": "csv",
    ".tsv": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
    ".arrow": "arrow",
    ".feather": "arrow",
}
COLUMNAR = ("parquet", "arrow")
COMPRESSIONS: dict[str, Compression] = {"": "uncompressed", ".gz": "gzip", ".zst": "zstd"}


def write_table(frame: pl.DataFrame, path: str | Path) -> None:
    """Write a frame in the format its suffix names: .csv (or none), .tsv, .jsonl, .parquet, .arrow, .feather.

    Text formats are compressed where .gz or .zst follows.

    Raises:
        RequestError: the suffix names no format that is written.
        SurroundingsError: the disk is full or the folder may not be written; nothing is left behind.
    """
    write_batches([frame], path)


def write_batches(frames: Iterable[pl.DataFrame], path: str | Path) -> int:
    """Write frames of the same columns one after another as one table, in bounded memory; return the rows written.

    Raises:
        RequestError: the suffix names no format that is written.
        DataError: there is no frame at all, or a frame has other columns than the first.
        SurroundingsError: the disk is full or the folder may not be written; nothing is left behind.
    """
    path = Path(path)
    kind, compression = _format_of(path)
    with writing(path) as temporary:
        if kind in COLUMNAR:
            return _write_columnar(_alike(frames, path), temporary, kind=kind)
        return _write_text(_alike(frames, path), temporary, kind=kind, compression=compression)


def _format_of(path: Path) -> tuple[str, str]:
    suffixes = [suffix.lower() for suffix in path.suffixes]
    compression = suffixes.pop() if suffixes and suffixes[-1] in COMPRESSIONS else ""
    kind = SUFFIXES.get(suffixes[-1] if suffixes else "")
    if kind is None or (compression and kind in COLUMNAR):
        raise RequestError(
            f"a table is written as one of {', '.join(filter(None, SUFFIXES))}, text also with .gz or .zst, "
            f'but "{path.name}" ends otherwise; choose one of these'
        )
    return kind, compression


def _alike(frames: Iterable[pl.DataFrame], path: Path) -> Iterator[pl.DataFrame]:
    first: list[str] = []
    for frame in frames:
        first = first or frame.columns
        if frame.columns != first:
            raise DataError(f"{path}: all rows need the columns {first}, but a later batch has {frame.columns}")
        yield frame
    if not first:
        raise DataError(f"{path}: there are no rows to write; is the source empty?")


def _write_text(frames: Iterator[pl.DataFrame], path: Path, *, kind: str, compression: str) -> int:
    # Compressed pieces one after another are a valid gzip or zstd file.
    rows = 0
    with path.open("wb") as file:
        for number, frame in enumerate(frames):
            file.write(_text(frame, kind=kind, compression=COMPRESSIONS[compression], header=number == 0))
            rows += frame.height
    return rows


def _text(frame: pl.DataFrame, *, kind: str, compression: Compression, header: bool) -> bytes:
    memory = io.BytesIO()
    if kind == "jsonl":
        frame.write_ndjson(memory, compression=compression)
    else:
        # In a single column an empty line would be taken for no row at all.
        null = '""' if frame.width == 1 else None
        separator = "\t" if kind == "tsv" else ","
        frame.write_csv(memory, include_header=header, separator=separator, null_value=null, compression=compression)
    return memory.getvalue()


def _write_columnar(frames: Iterator[pl.DataFrame], path: Path, *, kind: str) -> int:
    # Polars cannot append to these formats, so each frame becomes a part and the parts are joined as a stream.
    rows, parts = 0, path.parent / "parts"
    parts.mkdir()
    for number, frame in enumerate(frames):
        with _disk_errors():
            frame.write_parquet(parts / f"{number:09}.parquet", compression="uncompressed")
        rows += frame.height
    joined = pl.scan_parquet(sorted(parts.iterdir()), glob=False)
    with _disk_errors():
        if kind == "parquet":
            joined.sink_parquet(path)
        else:
            joined.sink_ipc(path, compression="uncompressed")
    return rows


@contextmanager
def _disk_errors() -> Iterator[None]:
    # Polars reports a full disk while writing Parquet as an error of computation.
    try:
        yield
    except pl.exceptions.ComputeError as error:
        if "os error" not in str(error):
            raise
        raise OSError(str(error)) from None
