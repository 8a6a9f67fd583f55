"""Files appear whole or not at all: written beside their place under another name, flushed to disk, then renamed."""

from __future__ import annotations

import errno
import io
import os
import re
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import polars as pl

from fitwell.errors import DataError, RequestError, SurroundingsError

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
RIGHTS = "this user may not write there; choose another place or change its rights"
REASONS = {
    errno.ENOSPC: "the disk is full; free some space",
    errno.EDQUOT: "this user's share of the disk is full; free some space",
    errno.EFBIG: "the file would be larger than is allowed here; write fewer rows, or .parquet",
    errno.EACCES: RIGHTS,
    errno.EPERM: RIGHTS,
    errno.EROFS: "the disk is read-only; choose another place",
}


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


def replace_atomically(path: str | Path, data: bytes) -> None:
    """Make a file hold these bytes; whoever reads it meanwhile, or after a crash, finds the old ones or the new.

    Raises:
        SurroundingsError: the disk is full or the folder may not be written; the old file is as it was.
    """
    with writing(path) as temporary:
        temporary.write_bytes(data)


@contextmanager
def writing(path: str | Path) -> Iterator[Path]:
    """Lend a temporary path, alone in a folder beside `path`, whose file takes its place when the block ends well.

    Raises:
        SurroundingsError: the disk is full or the folder may not be written; nothing is left behind.
    """
    path = Path(path)
    try:
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name[:100]}.") as room:
            temporary = Path(room) / path.name
            yield temporary
            _flush(temporary)
            temporary.replace(path)
        if os.name == "posix":  # elsewhere a folder cannot be opened, and need not be
            _flush(path.parent)
    except OSError as error:
        raise SurroundingsError(f"{path} cannot be written: {_reason(path, error)}") from None


def _flush(path: Path) -> None:
    opened = os.open(path, os.O_RDWR if path.is_file() else os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _reason(path: Path, error: OSError) -> str:
    if path.is_dir():
        return "it is a folder; name a file in it"
    if not path.parent.is_dir():
        return f"there is no folder {path.parent}; make it first"
    told = re.search(r"os error (\d+)", str(error))  # polars says the number in its text only
    number = error.errno or (int(told[1]) if told else 0)
    return REASONS.get(number, f"{error.strerror or error}; check the disk and its rights")


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
