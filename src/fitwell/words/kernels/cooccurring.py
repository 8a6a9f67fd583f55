"""How often words stand near each other is added up in a table, until it is full."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fitwell.compiled import compiled
from fitwell.words.kernels.interning import ODD, Ids, Places, Whole

EMPTY = -1
Weights = npt.NDArray[np.float64]


@compiled
def slot_of(key: Whole, keys: Places) -> Whole:
    """Return where a key stands in a table, or the empty place where it belongs; the table's size is a power of two."""
    slot = np.int64((np.uint64(key) * ODD) >> np.uint64(20)) & (len(keys) - 1)
    while keys[slot] != EMPTY and keys[slot] != key:
        slot = (slot + 1) & (len(keys) - 1)
    return slot


@compiled
def count_near(
    ids: Ids,
    ends: Places,
    text: int,
    begin: int,
    words: Whole,
    window: int,
    keys: Places,
    weights: Weights,
    used: int,
    room: int,
) -> tuple[int, int]:
    """Count from token `begin` of a text on until `room` places are used; return the next token, and how many are used.

    Two known words with d - 1 known ones between them add 1/d to their pair, whose key is (smaller number) * words +
    (larger number); a word that meets itself is in both places, and adds twice as much.
    """
    for number in range(text, len(ends)):
        start = ends[number - 1] if number else 0
        for place in range(max(begin, start), ends[number]):
            if used + window > room:
                return place, used
            word, distance, other = np.int64(ids[place]), 0, place
            while word < words and distance < window and other > start:
                other -= 1
                near = np.int64(ids[other])
                if near < words:
                    distance += 1
                    key = min(word, near) * words + max(word, near)
                    slot = slot_of(key, keys)
                    used += keys[slot] == EMPTY
                    keys[slot] = key
                    weights[slot] += (1.0 + (word == near)) / distance
    return len(ids), used


@compiled
def put_in(keys: Places, weights: Weights, into_keys: Places, into_weights: Weights) -> None:
    """Enter what a table holds into a larger one that is empty."""
    for place in range(len(keys)):
        if keys[place] != EMPTY:
            slot = slot_of(keys[place], into_keys)
            into_keys[slot] = keys[place]
            into_weights[slot] = weights[place]
