"""The parts of all known words, and their vectors from these, compiled."""

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
    width = vectors.shape[1]
    for word in range(first, last):
        numbers = _buckets_of(text[ends[word] : ends[word + 1]], shortest, longest, len(buckets))
        for i in range(width):
            vectors[word, i] = own[word, i]
        for number in numbers:
            for i in range(width):
                vectors[word, i] += buckets[number, i]
        share = np.float32(1 / (1 + len(numbers)))
        for i in range(width):
            vectors[word, i] *= share


@compiled
def all_buckets(
    text: NDArray[np.uint8], ends: NDArray[np.int64], shortest: int, longest: int, buckets: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the buckets of all words' parts end to end, and where those of each word begin."""
    words = len(ends) - 1
    begins = np.zeros(words + 1, np.int64)
    numbers, size = np.empty(64, np.int64), 0
    for word in range(words):
        found = _buckets_of(text[ends[word] : ends[word + 1]], shortest, longest, buckets)
        if size + len(found) > len(numbers):
            grown = np.empty(2 * (size + len(found)), np.int64)
            for place in range(size):
                grown[place] = numbers[place]
            numbers = grown
        for number in found:
            numbers[size] = number
            size += 1
        begins[word + 1] = size
    return numbers[:size].copy(), begins


@compiled
def hash_each(text: NDArray[np.uint8], ends: NDArray[np.int64]) -> NDArray[np.int32]:
    """Return the hash of each word."""
    hashes = np.empty(len(ends) - 1, np.int32)
    for word in range(len(hashes)):
        value = 2166136261
        for byte in text[ends[word] : ends[word + 1]]:
            value = _hashed(value, int(byte))
        hashes[word] = np.int32(np.uint32(value))
    return hashes


@compiled
def _hashed(value: int, byte: int) -> int:
    return ((value ^ (byte | 0xFFFFFF00 if byte > 127 else byte)) * 16777619) & 0xFFFFFFFF


@compiled
def _buckets_of(word: NDArray[np.uint8], shortest: int, longest: int, buckets: int) -> NDArray[np.int64]:
    size = len(word)
    marked = np.empty(size + 2, np.uint8)
    marked[0], marked[size + 1] = BEGIN, END
    for place in range(size):
        marked[place + 1] = word[place]
    found, count = np.empty((size + 2) * (longest - shortest + 1), np.int64), 0
    for start in range(size + 2 if size else 0):
        if marked[start] & 0xC0 == 0x80:  # in the middle of a character
            continue
        value, place, characters = 2166136261, start, 0
        while place < len(marked) and characters < longest:
            while True:
                value = _hashed(value, int(marked[place]))
                place += 1
                if place == len(marked) or marked[place] & 0xC0 != 0x80:
                    break
            characters += 1
            if characters >= shortest and not (characters == 1 and (start == 0 or place == len(marked))):
                found[count] = value % buckets
                count += 1
    return found[:count]
