"""Numbers of words that were given before: counted, and exchanged for others.

NumPy does either too, at three times the cost: it widens the numbers to indices first.
"""

from __future__ import annotations

import numpy as np

from fitwell.compiled import compiled
from fitwell.words.kernels.interning import Ids, Places


@compiled
def occurrences(ids: Ids, words: int) -> Places:
    """Return how often each of so many numbers occurs."""
    counts = np.zeros(words, np.int64)
    for place in range(len(ids)):
        counts[ids[place]] += 1
    return counts


@compiled
def renumber(ids: Ids, numbers: Ids) -> None:
    """Put in the place of each number the one that stands for it."""
    for place in range(len(ids)):
        ids[place] = numbers[ids[place]]
