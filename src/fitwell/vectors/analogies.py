"""What is to c as b is to a: by adding directions, or by multiplying similarities.

Mikolov et al. 2013 add: the answer is the word x with the largest cos(x, b − a + c), all of length 1. Levy and
Goldberg 2014 multiply: cos(x, b) · cos(x, c) / (cos(x, a) + ε) with cosines moved to 0 … 1, so that no single term
outweighs the others.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np

from fitwell.errors import RequestError
from fitwell.vectors.search.coding import Found
from fitwell.vectors.search.exact import similarities

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Score = Callable[[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]], NDArray[np.float64]]

Method = Literal["add", "multiply"]

EPSILON = 0.001  # as Levy and Goldberg have it
AT_ONCE = 1 << 22  # similarities in the table of one step


def by_addition(a: NDArray[np.float64], b: NDArray[np.float64], c: NDArray[np.float64]) -> NDArray[np.float64]:
    """Score words by 3CosAdd, from their similarities with a, b and c.

    >>> float(by_addition(np.array(0.5), np.array(0.75), np.array(0.5)))
    0.75
    """
    return b - a + c


def by_multiplication(a: NDArray[np.float64], b: NDArray[np.float64], c: NDArray[np.float64]) -> NDArray[np.float64]:
    """Score words by 3CosMul, from their similarities with a, b and c.

    >>> round(float(by_multiplication(np.array(0.0), np.array(1.0), np.array(0.0))), 3)  # 1 · 0.5 / 0.501
    0.998
    """
    return (1 + b) / 2 * ((1 + c) / 2) / ((1 + a) / 2 + EPSILON)


METHODS: dict[Method, Score] = {
    "add": by_addition,
    "multiply": by_multiplication,
}


def require_method(method: str) -> None:
    """Check that there is such a method.

    Raises:
        RequestError: there is none.
    """
    if method not in METHODS:
        raise RequestError(f'an analogy is found by {" or ".join(METHODS)}, but the method is "{method}"')


def answers(matrix: NDArray[np.float32], given: NDArray[np.float64], *, count: int, method: Method) -> Found:
    """Return the rows that score best for the directions a, b and c, the given ones among them."""
    scores = METHODS[method](*similarities(matrix, given).T)
    order = np.argsort(-scores, kind="stable")[:count]
    return Found(rows=order[None], similarities=scores[order][None])


def best_answers(
    matrix: NDArray[np.float32],
    questions: NDArray[np.int64],
    left_out: Sequence[NDArray[np.int64]],
    *,
    method: Method,
) -> NDArray[np.int64]:
    """Return the best row for each question (rows of a, b and c), the rows left out for it aside; -1 if none is left.

    Questions share words, so the similarities with each distinct word are computed once, for a block of rows at a
    time.
    """
    asked, places = np.unique(questions, return_inverse=True)
    places = places.reshape(questions.shape)
    directions = unit_rows(matrix[asked])
    best, highest = np.full(len(questions), -1, np.int64), np.full(len(questions), -np.inf)
    step = max(1, AT_ONCE // max(len(asked), 1))
    for start in range(0, len(matrix), step):
        table = np.ascontiguousarray(similarities(matrix[start : start + step], directions).T)
        for number, (a, b, c) in enumerate(places):
            scores = METHODS[method](table[a], table[b], table[c])
            here = left_out[number] - start
            scores[here[(here >= 0) & (here < len(scores))]] = -np.inf
            row = int(scores.argmax())
            if scores[row] > highest[number]:
                best[number], highest[number] = start + row, scores[row]
    return best


def unit_rows(rows: NDArray[np.float32] | NDArray[np.float64]) -> NDArray[np.float64]:
    """Return rows of length 1 in float64, leaving rows of zeros as they are.

    >>> unit_rows(np.float32([[3, 4], [0, 0]]))
    array([[0.6, 0.8],
           [0. , 0. ]])
    """
    wide = rows.astype(np.float64)
    lengths = np.linalg.norm(wide, axis=1, keepdims=True)
    return wide / np.where(lengths > 0, lengths, 1)
