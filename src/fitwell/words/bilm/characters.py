"""Words as numbers of their bytes, so that every word has an input, also one that was never seen."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Int16

PADDING, BEGINS, ENDS, BOUNDARY = 0, 257, 258, 259  # a byte is one more than its value
SYMBOLS = 260
LONGEST = 32  # bytes of a word, its two ends included; further ones are not read


def character_rows(words: Sequence[str]) -> Int16[np.ndarray, "rows symbols"]:
    """Return the mark between texts as row 0, and after it the symbols of each word, 0 where it is shorter.

    >>> character_rows(["ab"])[:, :5].tolist()
    [[257, 259, 258, 0, 0], [257, 98, 99, 258, 0]]
    """
    rows = np.zeros((len(words) + 1, LONGEST), np.int16)
    rows[0, :3] = BEGINS, BOUNDARY, ENDS
    rows[1:, 0] = BEGINS
    for row, word in enumerate(words, start=1):
        own = word.encode("utf-8", "surrogatepass")[: LONGEST - 2]
        rows[row, 1 : len(own) + 1] = np.frombuffer(own, np.uint8)
        rows[row, 1 : len(own) + 1] += 1
        rows[row, len(own) + 1] = ENDS
    return rows
