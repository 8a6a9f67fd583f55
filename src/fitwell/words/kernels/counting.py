"""How often each feature occurs in each text, in order of the features' numbers, without sorting.

Which features a text has is kept in a set of bits, one bit per feature; above it a second set says which of its 64-bit
words are not zero, and a third says it of the second. Walking down from the third finds the bits in order, in time
proportional to how many there are; finding and clearing the lowest one of a word takes a few instructions.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fitwell.compiled import compiled
from fitwell.words.kernels.interning import Ids, Numbers, Places, Whole

ONE = np.uint64(1)
SIX, LOW = np.uint64(6), np.uint64(63)
# Multiplied by a power of two, the sequence has different upper six bits for each: de Bruijn's, of order 6.
SEQUENCE, TOP_SIX = np.uint64(0x03F79D71B4CB0A89), np.uint64(58)
PLACES: npt.NDArray[np.uint64] = np.zeros(64, np.uint64)
for _place in range(64):
    PLACES[(0x03F79D71B4CB0A89 << _place & 0xFFFFFFFFFFFFFFFF) >> 58] = _place


@compiled
def lowest(bits: np.uint64) -> Whole:
    """Return the place of the lowest bit that is set."""
    return PLACES[((bits & (~bits + ONE)) * SEQUENCE) >> TOP_SIX]


@compiled
def mark(feature: Whole, bits: Numbers, groups: Numbers, tops: Numbers) -> None:
    """Set a feature's bit and the bits above it."""
    word = np.uint64(feature)
    bits[word >> SIX] |= ONE << (word & LOW)
    word >>= SIX
    groups[word >> SIX] |= ONE << (word & LOW)
    word >>= SIX
    tops[word >> SIX] |= ONE << (word & LOW)


@compiled
def counted(ids: Ids, ends: Places, numbers: Ids, features: int) -> tuple[Ids, Ids, Places]:
    """Return the features of each text, rising, how often each occurs there, and where each text's end.

    `numbers` says what the ids stand for: a feature below `features`, or -1 for none.
    """
    often = np.zeros(features, np.int32)
    bits = np.zeros((features >> 6) + 1, np.uint64)
    groups = np.zeros((features >> 12) + 1, np.uint64)
    tops = np.zeros((features >> 18) + 1, np.uint64)
    found, counts = np.empty(len(ids), np.int32), np.empty(len(ids), np.int32)
    row_ends = np.empty(len(ends), np.int64)
    start = size = 0
    for text in range(len(ends)):
        for place in range(start, ends[text]):
            feature = numbers[ids[place]]
            if feature >= 0:
                if often[feature] == 0:
                    mark(feature, bits, groups, tops)
                often[feature] += 1
        start = ends[text]
        for top in range(len(tops)):
            while tops[top] != 0:
                group = (np.uint64(top) << SIX) | lowest(tops[top])
                tops[top] &= tops[top] - ONE
                while groups[group] != 0:
                    word = (group << SIX) | lowest(groups[group])
                    groups[group] &= groups[group] - ONE
                    left = bits[word]
                    bits[word] = 0
                    while left != 0:
                        feature_found = (word << SIX) | lowest(left)
                        left &= left - ONE
                        found[size] = feature_found
                        counts[size] = often[feature_found]
                        often[feature_found] = 0
                        size += 1
        row_ends[text] = size
    return found[:size].copy(), counts[:size].copy(), row_ends
