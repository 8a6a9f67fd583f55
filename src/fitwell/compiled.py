"""Loops too slow for Python, compiled by numba when they are first called and kept on disk for the next process.

Importing numba takes half a second, so modules with such loops are imported inside the functions that call them.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from filelock import FileLock

F = TypeVar("F", bound=Callable[..., Any])
Scalar = TypeVar("Scalar", bound=np.generic)


def compiled(function: F) -> F:
    """Return the function as machine code that runs without Python's lock and without checks of bounds.

    Its callers answer for every index. It copies arrays number by number: `one[:n] = other` takes numba seconds to
    compile, because of the sentence that it would say of lengths that differ. The code is cached beside the source or,
    where that may not be written, in the user's cache folder; where neither may be written, every process compiles
    anew.
    """
    return _compiled(function, fastmath=False)


def vectorized(function: F) -> F:
    """Return the same, but sums may be added up in any order, so that several numbers are worked on at a time."""
    return _compiled(function, fastmath=True)


def inlined(function: F) -> F:
    """Return the function as machine code that takes the place of its calls in a compiled loop.

    A call passes each array as seven numbers, which may take longer than a small function does.
    """
    import numba

    made: F = numba.njit(function, nogil=True, boundscheck=False, forceinline=True)
    return made


def to_be_read(array: npt.NDArray[Scalar]) -> npt.NDArray[Scalar]:
    """Return a view of an array that cannot be written to.

    Code is compiled anew for what can be. Arrays mapped from files cannot, so where both kinds come, both shall be the
    same to a compiled loop.
    """
    view = np.asarray(array).view()
    view.flags.writeable = False
    return view


def _compiled(function: F, *, fastmath: bool) -> F:
    import numba

    try:
        made = numba.njit(function, nogil=True, boundscheck=False, fastmath=fastmath, cache=True)
    except RuntimeError as error:
        if "cannot cache" not in str(error):
            raise
        made = numba.njit(function, nogil=True, boundscheck=False, fastmath=fastmath)
    else:
        _compile_in_turns(made)
    return made  # type: ignore[no-any-return]


def _compile_in_turns(made: Any) -> None:
    """Have one process compile a function at a time; those that wait find its code on disk then.

    Of processes that compile at once, numba may keep files that do not belong together, and who reads these crashes
    (numba's issue 4807).
    """
    compile_now, turns = made.compile, _turns(f"{made.stats.cache_path}/compiling.lock")

    def compile_in_turn(signature: Any) -> Any:
        try:
            turns.acquire()
        except (OSError, NotImplementedError):  # a disk without locks must not stand in the way
            return compile_now(signature)
        try:
            return compile_now(signature)
        finally:
            turns.release()

    made.compile = compile_in_turn


@functools.cache  # a function that is compiled has those compiled that it calls, in the same turn
def _turns(path: str) -> FileLock:
    from filelock import FileLock

    return FileLock(path)
