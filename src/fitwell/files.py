"""Files appear whole or not at all: written beside their place under another name, flushed to disk, then renamed."""

from __future__ import annotations

import errno
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fitwell.errors import SurroundingsError

RIGHTS = "this user may not write there; choose another place or change its rights"
REASONS = {
    errno.ENOSPC: "the disk is full; free some space",
    errno.EDQUOT: "this user's share of the disk is full; free some space",
    errno.EFBIG: "the file would be larger than is allowed here; write fewer rows, or .parquet",
    errno.EACCES: RIGHTS,
    errno.EPERM: RIGHTS,
    errno.EROFS: "the disk is read-only; choose another place",
}


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
