"""Several threads change the same vectors, but those of frequent words in copies of their own, on which they agree.

Threads that change one matrix without waiting (Recht et al. 2011, Hogwild) do wait for one another: a cache line that
one core has changed must come to the other. How long that takes depends on where the two cores are; two threads take
from 0.55 to 1.2 of the time of one. Most of it goes to few words: the 2,048 most frequent ones of English are over two
thirds of what is read and half of what is drawn. Copies of these fit into a core's own cache and never wait.

What they cost is that a thread doesn't know at once what the others have learned. So threads agree after every piece of
text: they add up their moves, as though they had moved one after the other; but not where these went to the same place,
each most of the way (`kernels.agreeing`). Pieces are short at first, when vectors are far from any place and copies
would go apart, and long in the end, when a lower rate lets them move little.
"""

from __future__ import annotations

from concurrent.futures import Executor
from functools import partial

import numpy as np
import numpy.typing as npt

from fitwell.words.matrices import aligned_zeros
from fitwell.words.word2vec_settings import Architecture
from fitwell.words.word_checkpoint import State

OWN = 2**11  # rows of which every thread has a copy, of each array
FIRST_PIECE = 2**12  # words of a piece at first
GROWTH = 1 / 16  # of a piece to what was read before it
PIECE = 2**15 * 0.025  # words of a piece later, times the rate
# The share of its way that a vector goes when it is touched, divided by the rate; measured with English.
PULL: dict[Architecture, float] = {"skipgram": 0.12, "cbow": 0.05}


class Replicas:
    """The vectors as each thread sees them: its copies of the first rows, and the other rows, which all share."""

    def __init__(self, state: State, touches: dict[str, npt.NDArray[np.float64]], *, pull: float, threads: int) -> None:
        """Copy the first rows of the arrays whose rows are touched so often for each word that is read.

        A touch goes the share `pull` of the way, for each unit of the rate.

        The state's arrays move behind the copies; they are up to date when the threads have agreed.
        """
        self.threads, self.own, self._pull = threads, OWN, pull
        self._touches = {name: each[: self.own].copy() for name, each in touches.items()}
        self._rows = {name: self._with_copies(name, array) for name, array in state.arrays.items()}
        state.arrays = {name: rows[threads * self._copied(name) :] for name, rows in self._rows.items()}

    def seen_by(self, thread: int, name: str) -> npt.NDArray[np.float32]:
        """Return an array's rows from a thread's copies on; those it has no copy of lie `further` than in the state."""
        return self._rows[name][thread * self._copied(name) :]

    def further(self, thread: int) -> int:
        """Return how many rows further those lie for a thread that it has no copy of, in arrays that are copied."""
        return (self.threads - thread) * max(map(self._copied, self._rows))

    def agree(self, pool: Executor, words: float, *, rate: float) -> None:
        """Agree after each thread has read about so many more words at this rate."""
        list(pool.map(partial(self._agree_on_a_share, pull=self._pull * rate * words), range(self.threads)))

    def _agree_on_a_share(self, thread: int, *, pull: float) -> None:
        """Agree on one of as many shares of the rows as there are threads."""
        from fitwell.words.kernels.agreeing import agree

        for name, touches in self._touches.items():
            first, last = (len(touches) * share // self.threads for share in (thread, thread + 1))
            agree(self._rows[name], self.threads, first, last, touches, pull)

    def _copied(self, name: str) -> int:
        """Return how many rows of an array every thread has a copy of."""
        return len(self._touches.get(name, ()))

    def _with_copies(self, name: str, array: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Return a copy of an array with a copy of its first rows before it for each thread."""
        own, width = self._copied(name), array.shape[1]
        rows = aligned_zeros((self.threads * own + len(array)) * width).reshape(-1, width)
        rows[self.threads * own :] = array
        for thread in range(self.threads):
            rows[thread * own : (thread + 1) * own] = array[:own]
        return rows


def words_of_piece(before: int, rate: float) -> int:
    """Return how many words a thread reads until all agree, where so many were read, at a rate.

    >>> [words_of_piece(before, 0.025) for before in (0, 80_000, 10**6)], words_of_piece(10**6, 0.0125)
    ([4096, 5000, 32768], 62500)
    """
    return int(min(PIECE / rate, max(FIRST_PIECE, GROWTH * before)))
