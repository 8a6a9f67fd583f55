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
    for row, word in enumerate(words, start=1):
        own = symbols_of(word)
        rows[row, : len(own)] = own
    return rows


def symbols_of(word: str) -> list[int]:
    """Return the symbols of a word between two marks.

    >>> symbols_of("ab")
    [257, 98, 99, 258]
    """
    return [BEGINS, *(byte + 1 for byte in word.encode("utf-8", "surrogatepass")[: LONGEST - 2]), ENDS]


def spelled(words: Sequence[str], *, most: int | None = None) -> list[int]:
    """Return the symbols of words one after another, as many whole words as have `most` symbols together.

    >>> spelled(["a", "b", "c"], most=7)
    [257, 98, 258, 257, 99, 258]
    """
    found: list[int] = []
    for word in words:
        own = symbols_of(word)
        if most is not None and len(found) + len(own) > most:
            break
        found += own
    return found
