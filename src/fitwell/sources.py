"""A path leads to bytes: found or refused in words, told apart by their first bytes, decompressed as a stream."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl

from fitwell.errors import DataError, FitwellError, SurroundingsError, nearest

CHUNK_BYTES = 4 * 2**20
COMPRESSED_BYTES = 2**19  # of which some megabytes become
GZIP_WBITS = 31  # to zlib: the largest window, and gzip's header and checksum around the stream
ZSTD_LINES = 2**16  # lines decompressed at a time

COMPRESSIONS = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd"}
CONTAINERS = {b"PAR1": "parquet", b"ARROW1": "arrow", b"\xff\xff\xff\xff": "arrow stream"}
FOREIGN = {
    b"PK\x03\x04": "a zip archive or an Excel workbook",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"SQLite format 3": "an SQLite database",
    b"FEA1": "Feather version 1",
    b"BZh": "a bzip2 archive",
    b"\xfd7zXZ": "an xz archive",
    b"%PDF": "a PDF document",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"\x89HDF": "an HDF5 file",
    b"\x93NUMPY": "a NumPy file",
    b"\x80\x04\x95": "a pickle",
}
PARQUET_SUFFIXES = (".parquet", ".pq")


def existing_path(source: str | Path) -> Path:
    """Return the absolute path of a file or folder that is there.

    Raises:
        DataError: nothing is there; the nearest name in that folder is offered.
    """
    with worded(str(source)):
        path = Path(source).expanduser().absolute()
        if path.exists():
            return path
        if not path.parent.is_dir():
            raise DataError(f"there is no folder {path.parent}, so {path.name} cannot be read; check the path")
        siblings = [entry.name for entry in path.parent.iterdir()]
    offered = nearest(path.name, siblings) or "; check the path"
    raise DataError(f"there is no file {source}{offered}")


def files_below(folder: Path) -> list[Path]:
    """Return the files in and below a folder, ordered by name; hidden ones are not counted."""
    with worded(str(folder)):
        below = [entry.relative_to(folder) for entry in sorted(folder.rglob("*")) if entry.is_file()]
    return [folder / part for part in below if not any(name.startswith((".", "_")) for name in part.parts)]


def first_bytes(path: Path, count: int = 16) -> bytes:
    """Return the first bytes of a file as they are on disk.

    Raises:
        DataError: the file is empty.
    """
    with worded(str(path)), path.open("rb") as file:
        start = file.read(count)
    if not start:
        raise DataError(f"{path} is empty; a table needs a header and at least one row")
    return start


def named_by(start: bytes, magics: dict[bytes, str]) -> str | None:
    """Return the name whose magic bytes begin the given ones.

    >>> named_by(b"PAR1....", CONTAINERS)
    'parquet'
    """
    return next((name for magic, name in magics.items() if start.startswith(magic)), None)


def compression_of(path: Path) -> str:
    """Return "gzip", "zstd" or "none", by the first bytes; the suffix does not matter."""
    return named_by(first_bytes(path), COMPRESSIONS) or "none"


def decompressed(path: Path) -> Iterator[bytes]:
    """Yield the bytes of a file, decompressed, in chunks of some megabytes.

    Raises:
        DataError: the compressed stream is damaged or cut short.
        SurroundingsError: the file may not be read.
    """
    compression = compression_of(path)
    with worded(str(path), damaged=f"its {compression} stream"):
        yield from DECOMPRESSORS[compression](path)


def fingerprint_of_files(paths: list[Path], *, below: Path | None = None) -> str:
    """Return "sha256:..." of one file's bytes, or of the fingerprints and names of several.

    Names count with their folders `below` the given one, where the folders mean something.
    """
    digests = [_digest(path) for path in paths]
    if len(digests) == 1:
        return f"sha256:{digests[0]}"
    names = [path.name if below is None else path.relative_to(below).as_posix() for path in paths]
    listing = "\n".join(f"{name} {digest}" for name, digest in zip(names, digests, strict=True))
    return f"sha256:{hashlib.sha256(listing.encode()).hexdigest()}"


@contextmanager
def worded(source: str, *, damaged: str = "it") -> Iterator[None]:
    """Turn what goes wrong while reading into a worded error that names the source and its damaged part."""
    try:
        yield
    except FitwellError:
        raise
    except PermissionError:
        raise SurroundingsError(f"{source} may not be read by this user; check its rights") from None
    except (
        OSError,
        EOFError,
        zlib.error,
        ValueError,
        pl.exceptions.PolarsError,
        pl.exceptions.PanicException,
    ) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0][:200]
        raise DataError(
            f"{source} cannot be read to its end: {damaged} is truncated or damaged ({reason}); fetch or write it again"
        ) from None


def _digest(path: Path) -> str:
    with worded(str(path)), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _plain(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            yield chunk


def _gunzipped(path: Path) -> Iterator[bytes]:
    # Python's gzip module would read 8 kB at a time and take a quarter longer. A file may hold several streams, one
    # behind another, and zeros behind the last (RFC 1952; gzip's manual, "Tapes").
    stream = zlib.decompressobj(wbits=GZIP_WBITS)
    with path.open("rb") as file:
        while given := file.read(COMPRESSED_BYTES):
            while given := given.lstrip(b"\0") if stream.eof else given:
                stream = zlib.decompressobj(wbits=GZIP_WBITS) if stream.eof else stream
                if chunk := stream.decompress(given, CHUNK_BYTES):
                    yield chunk
                given = stream.unused_data if stream.eof else stream.unconsumed_tail
    if not stream.eof:
        raise EOFError("the compressed file ends before the end of its stream")


def _unzstd(path: Path) -> Iterator[bytes]:
    # Python has no zstd before 3.14, and polars hands out decompressed lines, not bytes: so the text must be UTF-8,
    # and a CRLF within a quoted cell comes back as LF.
    lines = pl.scan_lines(path, glob=False).collect_batches(chunk_size=ZSTD_LINES, maintain_order=True)
    try:
        for frame in lines:
            yield (str(frame.to_series().str.join("\n").item()) + "\n").encode()
    except pl.exceptions.ComputeError as error:
        if "utf" not in str(error):
            raise
        raise DataError(
            f"{path} must hold UTF-8 text because it is compressed with zstd, but does not; compress it with gzip"
        ) from None


DECOMPRESSORS: dict[str, Callable[[Path], Iterator[bytes]]] = {"none": _plain, "gzip": _gunzipped, "zstd": _unzstd}
