"""The vectors of all known words from their parts, compiled."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fitwell.compiled import compiled

if TYPE_CHECKING:
    from numpy.typing import NDArray

BEGIN, END = ord("<"), ord(">")


@compiled
def mean_rows(
    text: NDArray[np.uint8],
    ends: NDArray[np.int64],
    first: int,
    last: int,
    shortest: int,
    longest: int,
    own: NDArray[np.float32],
    buckets: NDArray[np.float32],
    vectors: NDArray[np.float32],
) -> None:
    """Fill in the mean of each word's own row and the rows of its parts, from word `first` to before `last`.

    Words are UTF-8, one after another; word i ends before `ends[i + 1]`, and an empty one has no parts.
    """
    for word in range(first, last):
        size = ends[word + 1] - ends[word]
        marked = np.empty(size + 2, np.uint8)
        marked[0], marked[size + 1] = BEGIN, END
        marked[1 : size + 1] = text[ends[word] : ends[word + 1]]
        vectors[word] = own[word]
        added = 1
        for start in range(size + 2 if size else 0):
            if marked[start] & 0xC0 != 0x80:  # not in the middle of a character
                added += _add_parts(marked, start, shortest, longest, buckets, vectors[word])
        vectors[word] *= np.float32(1 / added)


@compiled
def _add_parts(
    marked: NDArray[np.uint8],
    start: int,
    shortest: int,
    longest: int,
    buckets: NDArray[np.float32],
    total: NDArray[np.float32],
) -> int:
    value, added, place, characters = 2166136261, 0, start, 0
    while place < len(marked) and characters < longest:
        while True:
            byte = int(marked[place])
            value = ((value ^ (byte | 0xFFFFFF00 if byte > 127 else byte)) * 16777619) & 0xFFFFFFFF
            place += 1
            if place == len(marked) or marked[place] & 0xC0 != 0x80:
                break
        characters += 1
        if characters >= shortest and not (characters == 1 and (start == 0 or place == len(marked))):
            total += buckets[value % len(buckets)]
            added += 1
    return added
