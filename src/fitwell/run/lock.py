"""One process at a time trains a run, and others can see that it does.

The file `lock` in the run holds the process's id, and the system holds a lock on the file for that process. The system
lets go of it however the process ends, so a lock that was left behind is never mistaken for a live one, even when its
process id belongs to another process by now.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from fitwell.errors import RunError
from fitwell.run.disk import writing_worded

ATTEMPTS = 5  # somebody who only looks holds the lock for an instant
BETWEEN = 0.02  # seconds

if sys.platform == "win32":
    import msvcrt

    PLACE = 1 << 30  # of the locked byte: behind the text, which others may read

    def _taken(file: BinaryIO) -> bool:
        file.seek(PLACE)
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _taken(file: BinaryIO) -> bool:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:  # a disk without locks cannot tell, and must not stand in the way
            return True
        return True


@contextmanager
def alone(run: Path) -> Iterator[None]:
    """Hold the lock of a run's folder; one that a dead process left behind is taken over.

    Raises:
        RunError: another process is training the run. SurroundingsError: the folder cannot be written.
    """
    path = run / "lock"
    with _held(path) as file:
        with writing_worded(path):
            file.seek(0)
            file.truncate()
            file.write(f"{os.getpid()}\n".encode())
            file.flush()
        try:
            yield
        finally:
            if os.name == "posix":  # while it is held: afterwards it might be another's
                with suppress(OSError):
                    path.unlink()
    if os.name != "posix":  # elsewhere an open file cannot be removed
        with suppress(OSError):
            path.unlink()


def is_training(run: Path) -> bool:
    """Tell whether a living process is training the run in a folder."""
    try:
        with (run / "lock").open("rb") as file:
            return not _taken(file)
    except OSError:
        return False


@contextmanager
def _held(path: Path) -> Iterator[BinaryIO]:
    for _ in range(ATTEMPTS):
        with writing_worded(path):
            file = path.open("a+b")
        with file:
            if _taken(file) and _is_still(path, file):
                yield file
                return
        time.sleep(BETWEEN)
    raise RunError(
        f"{path.parent} is being trained by process {_holder(path)}; wait for it, or end it with Ctrl-C there"
    )


def _is_still(path: Path, file: BinaryIO) -> bool:
    """Tell whether the open file is the one at its path: who held it before may have removed it meanwhile."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _holder(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip() or "unknown"
    except OSError:
        return "unknown"
