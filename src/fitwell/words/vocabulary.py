"""The words of a corpus with their counts, the most frequent first, and how often each is read in training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from fitwell.errors import RequestError


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """Words, the most frequent first, those of equal count in order of first sight."""

    words: Sequence[str]
    counts: npt.NDArray[np.int64]

    def __len__(self) -> int:
        """Return how many words there are."""
        return len(self.words)

    @cached_property
    def numbers(self) -> dict[str, int]:
        """The number of each word."""
        return {word: number for number, word in enumerate(self.words)}

    def pruned(self, *, min_count: int = 1, max_size: int | None = None) -> Vocabulary:
        """Return the words that occur so often, and no more of them than `max_size`; their numbers stay.

        >>> Vocabulary(["a", "b", "c"], np.array([5, 2, 1])).pruned(min_count=2).words
        ['a', 'b']

        Raises:
            RequestError: a limit is below 1, or no word is left.
        """
        for name, limit in (("min_count", min_count), ("max_size", max_size)):
            if limit is not None and limit < 1:
                raise RequestError(f"{name} must be at least 1, but is {limit}")
        kept = int(np.searchsorted(-self.counts, -min_count, side="right"))
        kept = kept if max_size is None else min(kept, max_size)
        if kept == 0:
            most = f"the most frequent occurs {self.counts[0]} times" if len(self) else "there are no words"
            raise RequestError(f"no word occurs {min_count} times: {most}; try a smaller min_count or a larger corpus")
        return Vocabulary(self.words[:kept], self.counts[:kept])


def keep_probabilities(counts: npt.NDArray[np.int64], *, subsample: float) -> npt.NDArray[np.float64]:
    """Return the probability with which an occurrence of each word is read: frequent words are skipped now and then.

    A word that makes up the share f of the corpus is kept with min(1, sqrt(t / f) + t / f), where t is `subsample`; 0
    keeps all. This is what the original program does; its paper (Mikolov et al. 2013) says sqrt(t / f) alone.

    >>> keep_probabilities(np.array([75, 25]), subsample=0.25).round(3).tolist()
    [0.911, 1.0]

    Raises:
        RequestError: `subsample` is negative.
    """
    if not subsample >= 0:
        raise RequestError(f"subsample must be 0 or a small share such as 0.001, but is {subsample}")
    if subsample == 0:
        return np.ones(len(counts))
    ratio = subsample * counts.sum() / counts
    kept: npt.NDArray[np.float64] = np.minimum(1.0, np.sqrt(ratio) + ratio)
    return kept
