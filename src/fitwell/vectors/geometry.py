"""Vectors moved, scaled and projected; each function gives new vectors and leaves the old ones alone.

The new ones have no vectors for parts of words, because what was done to words cannot be done to parts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from fitwell.errors import RequestError
from fitwell.vectors.analogies import unit_rows
from fitwell.vectors.value import Vectors

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True, eq=False)
class Projection:
    """Rows seen along their principal directions, the one of the largest spread first."""

    points: NDArray[np.float64]  # (rows, count)
    shares: NDArray[np.float64]  # (count,): of the whole variance, that each direction explains
    directions: NDArray[np.float64]  # (count, width), of length 1


def unit(vectors: Vectors) -> Vectors:
    """Scale every vector to length 1; vectors of zeros stay.

    >>> unit(Vectors(("a",), np.float32([[3, 4]]))).matrix
    array([[0.6, 0.8]], dtype=float32)
    """
    return _changed(vectors, unit_rows(vectors.checked), "unit")


def centered(vectors: Vectors) -> Vectors:
    """Move all vectors so that their mean is zero.

    >>> centered(Vectors(("a", "b"), np.float32([[3, 4], [1, 4]]))).matrix
    array([[ 1.,  0.],
           [-1.,  0.]], dtype=float32)
    """
    wide = vectors.checked.astype(np.float64)
    return _changed(vectors, wide - wide.mean(axis=0), "centered")


def without_top(vectors: Vectors, count: int) -> Vectors:
    """Center all vectors and take out the `count` directions that they share most ("all but the top").

    These tell how frequent a word is rather than what it means; width / 100 of them is usual. Mu and Viswanath 2018,
    All-but-the-top: simple and effective postprocessing for word representations.

    Raises:
        RequestError: the count is not between 1 and the width.
    """
    wide = vectors.checked.astype(np.float64)
    wide -= wide.mean(axis=0)
    top = principal(vectors.checked, count).directions
    return _changed(vectors, wide - wide @ top.T @ top, f"without_top {count}")


def flat(vectors: Vectors, words: Sequence[str]) -> Projection:
    """Project the directions of these words onto the two along which they spread most; lengths do not count.

    Raises:
        RequestError: there are fewer than 3 words, one is unknown, or the vectors have a single value.
    """
    if len(words) < 3:
        raise RequestError(f"a map needs 3 words or more, but there are {len(words)}")
    return principal(unit_rows(np.stack([vectors.vector(word) for word in words])), 2)


def principal(matrix: NDArray[np.float32] | NDArray[np.float64], count: int) -> Projection:
    """Project rows onto the directions of largest variance (PCA); a direction's largest coordinate is positive.

    Raises:
        RequestError: the count is not between 1 and the width.
    """
    if not 1 <= count <= matrix.shape[1]:
        raise RequestError(f"there are 1 to {matrix.shape[1]} principal directions, but {count} were asked for")
    wide = matrix.astype(np.float64)
    wide -= wide.mean(axis=0)
    variances, directions = np.linalg.eigh(wide.T @ wide)
    chosen = directions[:, ::-1][:, :count].T
    chosen = chosen * np.sign(chosen[np.arange(count), np.abs(chosen).argmax(axis=1)])[:, None]
    total = max(float(variances.sum()), np.finfo(np.float64).tiny)
    return Projection(points=wide @ chosen.T, shares=variances[::-1][:count].clip(0) / total, directions=chosen)


def _changed(vectors: Vectors, matrix: NDArray[np.float64], how: str) -> Vectors:
    before = vectors.made.get("changed", [])
    made = {**vectors.made, "changed": [*(before if isinstance(before, list) else []), how]}
    return replace(vectors, matrix=matrix.astype(np.float32), made=made, subwords=None)
