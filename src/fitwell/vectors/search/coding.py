"""How rows are coded, and the values that compiled loops take and fill: named tuples, because numba knows these."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LANES = 128  # rows side by side: their sums fill the registers and no more
BITS = 5  # of a coordinate
PER_WORD = 3  # coordinates in one 16-bit word
HIGHEST = 15.0  # levels go from minus this to this
AT_A_TIME = 2  # words; a row has a multiple of it
OFFSET = 16  # added to a level where it is stored


class Codes(NamedTuple):
    """What is known of every row without reading it."""

    packed: NDArray[np.uint16]  # (blocks, words, LANES)
    scales: NDArray[np.float32]  # (blocks, LANES): |x| / (x·c); 0 for rows of zeros
    tangents: NDArray[np.float32]  # (blocks, LANES): tan δ
    norms: NDArray[np.float64]  # (rows,): |x|
    levels: NDArray[np.float64]  # (width,): what level 1 of a coordinate stands for
    longest: float  # the largest |c|, counted in levels
    widest_angle: float  # the largest δ


class Questions(NamedTuple):
    """Directions that are searched for, exact and as codes see them."""

    exact: NDArray[np.float64]  # (questions, width), of length 1
    multipliers: NDArray[np.int16]  # (questions, words, PER_WORD): r, as whole words take it
    starts: NDArray[np.int16]  # (questions,): what a sum begins with, since levels are stored with `OFFSET` added
    factors: NDArray[np.float32]  # (questions,): 1 / |r|
    angles: NDArray[np.float64]  # (questions,): η


class Found(NamedTuple):
    """The best rows of every question, best first."""

    rows: NDArray[np.int64]  # (questions, count)
    similarities: NDArray[np.float64]  # (questions, count)
