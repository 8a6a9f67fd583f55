"""What the disk refuses, in words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fitwell.errors import SurroundingsError
from fitwell.files import REASONS


@contextmanager
def writing_worded(path: Path, advice: str = "check the disk and its rights") -> Iterator[None]:
    """Word what the disk refuses.

    Raises:
        SurroundingsError: the block raised an OSError.
    """
    try:
        yield
    except (FileExistsError, NotADirectoryError):
        raise SurroundingsError(f"{path} cannot be written: a file is where a folder must be; {advice}") from None
    except OSError as error:
        reason = REASONS.get(error.errno or 0, f"{error.strerror}; {advice}")
        raise SurroundingsError(f"{path} cannot be written: {reason}") from None
