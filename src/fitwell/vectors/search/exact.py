"""The rows of a matrix that are most similar to a direction: exactly these, in exactly this order.

Similarity is the cosine, computed in float64; a row of zeros has similarity 0 with everything. Of equally similar
rows the earlier come first. Few rows are compared one by one; many are searched by `Codes`, whose page says why that
is exact.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from fitwell.compiled import to_be_read
from fitwell.vectors.search.codes import questioned
from fitwell.vectors.search.coding import LANES, Codes, Found, Questions
from fitwell.vectors.threads import over_parts

if TYPE_CHECKING:
    from numpy.typing import NDArray

WIDEST = 1024  # beyond, rounding the question to what 16 bits allow would spoil it
FEW_ROWS = 1 << 14  # up to so many, comparing with each takes a few milliseconds
MOST_BY_CODES = 1024  # of so many best rows the worst is hardly better than the rest, and codes prove little
CLOSE = 1e-9  # matrix products differ by less in the order of their sums
AT_ONCE = 1 << 22  # numbers in the table of similarities of one step
SUMS_AT_ONCE = 1 << 25  # sums kept between guess and proof, of two bytes each


def worth_coding(matrix: NDArray[np.float32]) -> bool:
    """Return whether codes make searching this matrix faster."""
    return len(matrix) > FEW_ROWS and matrix.shape[1] <= WIDEST


def nearest(matrix: NDArray[np.float32], directions: NDArray[np.float64], *, count: int, codes: Codes | None) -> Found:
    """Find the rows most similar to each direction of length 1, at most `count` and no more than there are.

    A matrix shorter than the codes searches the first rows only.
    """
    count = min(count, len(matrix))
    if codes is None or count > MOST_BY_CODES:
        return nearest_plainly(matrix, directions, count=count)
    return _nearest_by_codes(matrix, directions, count=count, codes=codes)


def nearest_plainly(matrix: NDArray[np.float32], directions: NDArray[np.float64], *, count: int) -> Found:
    """Find them by comparing with every row."""
    step = max(1, AT_ONCE // max(len(matrix), 1))
    parts = [_compared(matrix, directions[start : start + step], count) for start in range(0, len(directions), step)]
    empty = np.empty((0, count))
    return Found(
        rows=np.concatenate([part.rows for part in parts] or [empty.astype(np.int64)]),
        similarities=np.concatenate([part.similarities for part in parts] or [empty]),
    )


def similarities(matrix: NDArray[np.float32], directions: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the cosine of every row with every direction of length 1, as a table (rows, directions)."""
    table = np.empty((len(matrix), len(directions)))
    step = max(1, AT_ONCE // max(matrix.shape[1], 1))
    for start in range(0, len(matrix), step):
        part = matrix[start : start + step].astype(np.float64)
        norms = np.linalg.norm(part, axis=1, keepdims=True)
        table[start : start + step] = part @ directions.T / np.where(norms > 0, norms, 1)
    return np.clip(table, -1, 1)


def _compared(matrix: NDArray[np.float32], directions: NDArray[np.float64], count: int) -> Found:
    table = similarities(matrix, directions)
    rows = np.empty((len(directions), count), np.int64)
    best = np.empty((len(directions), count))
    for number, direction in enumerate(directions):
        shown = table[:, number]
        worst = -np.inf if count == len(shown) else -np.partition(-shown, count - 1)[count - 1] if count else np.inf
        candidates = np.flatnonzero(shown >= worst - CLOSE)
        # once more, in an order of sums that is the same for every row: copies of a row must come out equal
        exact = cosines(matrix[candidates], direction)
        order = np.lexsort((candidates, -exact))[:count]
        rows[number], best[number] = candidates[order], exact[order]
    return Found(rows=rows, similarities=best)


def cosines(rows: NDArray[np.float32], direction: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the cosine of each row with a direction of length 1, by sums in one order for every row."""
    wide = rows.astype(np.float64)
    norms = np.sqrt(np.einsum("ij,ij->i", wide, wide))
    found: NDArray[np.float64] = np.einsum("ij,j->i", wide, direction) / np.where(norms > 0, norms, 1)
    return found.clip(-1, 1)


def _nearest_by_codes(
    matrix: NDArray[np.float32], directions: NDArray[np.float64], *, count: int, codes: Codes
) -> Found:
    blocks = -(-len(matrix) // LANES)
    step = max(1, SUMS_AT_ONCE // max(blocks * LANES, 1))
    found = [Found(rows=np.empty((0, count), np.int64), similarities=np.empty((0, count)))]
    for start in range(0, len(directions) if count else 0, step):
        asked = questioned(codes, directions[start : start + step])
        parts = over_parts(partial(_scanned, matrix, codes, asked, count), blocks)
        found.append(_best(parts, count))
    return Found(
        rows=np.concatenate([each.rows for each in found]),
        similarities=np.concatenate([each.similarities for each in found]),
    )


def _scanned(matrix: NDArray[np.float32], codes: Codes, asked: Questions, count: int, first: int, last: int) -> Found:
    from fitwell.vectors.search.kernels import scan

    shape = (len(asked.exact), count)
    found = Found(rows=np.full(shape, -1, np.int64), similarities=np.full(shape, -np.inf))
    scan(codes, to_be_read(matrix), asked, first, last, np.empty((shape[0], last - first, LANES), np.int16), found)
    return found


def _best(parts: list[Found], count: int) -> Found:
    rows = np.concatenate([each.rows for each in parts], axis=1)
    best = np.concatenate([each.similarities for each in parts], axis=1)
    order = np.lexsort((rows, -best), axis=1)[:, :count]
    return Found(rows=np.take_along_axis(rows, order, 1), similarities=np.take_along_axis(best, order, 1))
