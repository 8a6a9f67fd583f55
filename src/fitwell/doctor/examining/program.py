"""A training written in a file: `FILE.py:FUNCTION`, whose function returns the arguments of `examine`."""

from __future__ import annotations

import inspect
import runpy
import sys
import traceback
from pathlib import Path
from typing import Any

from fitwell.doctor.examining.examination import examine
from fitwell.errors import RequestError, nearest

REQUIRED = ("model", "inputs", "targets", "loss", "optimizer")


def program_arguments(place: str) -> dict[str, Any]:
    """Return what the function at `FILE.py:FUNCTION` returns; its file's folder can be imported from, as when run.

    Raises:
        RequestError: there is no such file or function, it fails, or what it returns is no arguments of `examine`.
    """
    file, _, name = place.rpartition(":")
    if not file or not name.isidentifier():
        raise RequestError(f"what is examined must be given as FILE.py:FUNCTION, but is {place!r}")
    path = Path(file)
    if not path.is_file():
        raise RequestError(f"{file} must be a file of Python, but there is none")
    sys.path.insert(0, str(path.resolve().parent))
    try:
        found = runpy.run_path(str(path), run_name="examined")
        if not callable(found.get(name)):
            functions = [each for each, value in found.items() if inspect.isfunction(value)]
            raise RequestError(f'{file} has no function "{name}"{nearest(name, functions)}')
        arguments = found[name]()
    except RequestError:
        raise
    except Exception as error:  # anything may be wrong with somebody's program, and it is no defect of ours
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
        where = f" in line {lines[-1]}" if lines else ""
        raise RequestError(f"{place} must run, but fails{where}: {type(error).__name__}: {error}") from error
    finally:
        sys.path.pop(0)
    return _checked(place, arguments)


def _checked(place: str, arguments: Any) -> dict[str, Any]:
    if not isinstance(arguments, dict):
        raise RequestError(f"{place} must return a dict of examine's arguments, but returns {type(arguments).__name__}")
    known = list(inspect.signature(examine).parameters)
    for key in arguments:
        if key not in known:
            raise RequestError(f"{place} returns {key!r}, which examine does not take{nearest(str(key), known)}")
    missing = [each for each in REQUIRED if each not in arguments]
    if missing:
        raise RequestError(f"{place} must return {', '.join(REQUIRED)}, but lacks {', '.join(missing)}")
    return arguments
