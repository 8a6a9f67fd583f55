"""Paths are looked at as soon as they are typed: what leads nowhere is refused before heavy packages are imported."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from fitwell.errors import FitwellError, RequestError

Typed = TypeVar("Typed", str, Path, str | None, Path | None, list[Path])


def is_there(path: Typed) -> Typed:
    """Let the path of a file or folder through that is there; an option that was not given is let through too."""
    from fitwell.sources import existing_path

    return _looked_at(path, existing_path)


def is_program(place: str) -> str:
    """Let `FILE.py:FUNCTION` through if its file is there."""
    file, colon, _ = place.rpartition(":")
    if colon:
        is_there(file)
    return place


def is_run(path: Typed) -> Typed:
    """Let the folders of runs through that are there."""
    from fitwell.run import run_folder

    return _looked_at(path, run_folder)


def is_free(path: Typed) -> Typed:
    """Let the place of a new run through where nothing is yet."""
    from fitwell.run import require_free

    return _looked_at(path, require_free)


def _looked_at(typed: Typed, look: Callable[[str | Path], object]) -> Typed:
    try:
        for path in typed if isinstance(typed, list) else [typed]:
            if path is not None:
                look(path)
    except FitwellError as error:
        # Of several processes, which are asked alike, only the first says what is wrong with a request.
        raise RequestError(str(error)) from None
    return typed
