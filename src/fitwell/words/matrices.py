"""Matrices whose rows begin at multiples of 64 bytes, so that a row is read in whole cache lines."""

from __future__ import annotations

import mmap
from typing import Any

import numpy as np
import numpy.typing as npt

LINE = 64  # bytes
HUGE = 2**21  # bytes of a huge page
FLOATS = LINE // 4


def padded_width(width: int) -> int:
    """Return how many numbers a row takes so that the next begins at a multiple of 64 bytes.

    >>> padded_width(100)
    112
    """
    return -(-width // FLOATS) * FLOATS


def aligned_zeros(size: int) -> npt.NDArray[np.float32]:
    """Return so many zeros that begin at a multiple of 64 bytes, in huge pages where the system has them.

    Vectors are read in no order, so that small pages would be looked up anew for almost every one.
    """
    memory = mmap.mmap(-1, size * 4 + HUGE)
    if hasattr(mmap, "MADV_HUGEPAGE"):
        memory.madvise(mmap.MADV_HUGEPAGE)
    whole = np.frombuffer(memory, np.float32)
    start = -whole.ctypes.data % HUGE // 4
    return whole[start : start + size]


def vector_widths(width: int, drawn: int) -> Any:
    """Return two tuples, as long as a row has cache lines and as `drawn`, or () for plain loops.

    Compiled loops are made anew for each length, so that their instructions know it. Which of two branches is meant
    numba sees from the length of a tuple before it compiles either; of a tuple and None it would compile both.
    """
    from fitwell.words.kernels.windows import has_wide_vectors

    return ((0,) * (width // FLOATS), (0,) * drawn) if has_wide_vectors() else ()
