"""What several threads have learned of the same rows, each in a copy of its own, becomes one."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from fitwell.compiled import compiled, vectorized
from fitwell.words.kernels.windows import Floats

Numbers = npt.NDArray[np.float64]
NEARLY_ONE = 1 - 1e-9  # the quotient of two differences that are 0, up to rounding, is not formed


@compiled
def share_of_sum(threads: int, remaining: Any) -> Any:
    """Return how much of the sum of the threads' moves a row goes, where `remaining` of its way is left after one.

    Threads that each go the share 1 - q of the way to the same place have together gone T (1 - q); one after the other
    they would have gone 1 - q^T.
    """
    if remaining > NEARLY_ONE:
        return 1.0
    return (1.0 - remaining**threads) / (threads * (1.0 - remaining))


@vectorized
def agree(rows: Floats, threads: int, first: int, last: int, touches: Numbers, pull: float) -> None:
    """Move some rows on by what all threads have learned, and give every thread the result.

    Of `rows` each thread has the first, second, … ones, as many as there are numbers of touches, and behind these are
    those that were last agreed on. A thread has gone the share 1 - exp(-pull touches[r]) of the way of row r.
    """
    width, own = rows.shape[1], len(touches)
    agreed = threads * own
    moves = np.empty(width, np.float32)
    for row in range(first, last):
        share = np.float32(share_of_sum(threads, np.exp(-pull * touches[row])))
        moves[:] = np.float32(0.0)
        for thread in range(threads):
            for i in range(width):
                moves[i] += rows[thread * own + row, i] - rows[agreed + row, i]
        for i in range(width):
            moves[i] = rows[agreed + row, i] + share * moves[i]
        for copy in range(threads + 1):
            for i in range(width):
                rows[copy * own + row, i] = moves[i]
