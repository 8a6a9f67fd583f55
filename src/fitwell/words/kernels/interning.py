"""Words become numbers: bytes are cut into tokens, and each token gets the number of its word.

A table of words is four arrays. `letters` holds the bytes of all words end to end, word i from `offsets[i]` to
`offsets[i + 1]`; numbers are given in order of first sight. `rows[i]` sums word i up in four numbers: its first eight
bytes, its next eight, its length, its hash. `index` finds a word: open addressing with linear probing, at most half
full; an entry is the upper half of the hash beside the word's number plus one, and 0 is nobody.

Why it is fast: most words have at most sixteen bytes, so three comparisons of numbers identify them for certain, and
their letters are never fetched from memory. The summary is made in registers while the token is read. What is looked
up again and again is small: the index has eight bytes a word, and frequent words, seen first, have the first rows.
A candidate is written behind the last word while it is read: if it is new, it already stands in its place.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from fitwell.compiled import compiled, inlined

Bytes = npt.NDArray[np.uint8]
Numbers = npt.NDArray[np.uint64]
Ids = npt.NDArray[np.int32]
Places = npt.NDArray[np.int64]
Whole = Any  # a whole number, signed or not: numba tells them apart, a type checker cannot
Summary = tuple[Whole, Whole, Whole, Whole]  # of a token that is being read

NO_TOKEN, UNUSUAL = -1, -2  # what folding may give instead of a character
FEW = 1 << 14
FIRST, SECOND, LENGTH, HASH = 0, 1, 2, 3
SEVEN, EIGHT = np.uint64(7), np.uint64(8)
HALF = np.uint64(32)
NUMBER = np.uint64(0xFFFFFFFF)
ZERO, ONE = np.uint64(0), np.uint64(1)
ODD = np.uint64(0x9E3779B97F4A7C15)  # 2^64 divided by the golden ratio
SPREAD = np.uint64(0xD6E8FEB86659FD93)


@inlined
def mixed(code: np.uint64) -> np.uint64:
    """Return a number whose every bit depends on every bit of the given one."""
    code = (code ^ (code >> HALF)) * SPREAD
    return (code ^ (code >> HALF)) * ODD


@inlined
def read_on(summary: Summary, length: Whole, byte: Whole) -> Summary:
    """Take in the byte that makes a token so long; the last part holds the bytes since the last multiple of eight."""
    first, second, code, key = summary
    key = (key << EIGHT) | np.uint64(byte)
    if length & SEVEN:
        return first, second, code, key
    if length == 8:
        return key, second, code, ZERO
    if length == 16:
        return first, key, code, ZERO
    return first, second, mixed(code ^ key), ZERO


@inlined
def read_out(summary: Summary, length: Whole) -> Summary:
    """Return the row of a token whose bytes were all taken in."""
    first, second, code, key = summary
    if length < 8:
        first = key
    elif length < 16:
        second = key
    elif length & SEVEN:
        code = mixed(code ^ key)
    return first, second, length, code ^ mixed(mixed(first + length) ^ second)


@inlined
def same(one: Bytes, start: Whole, other: Bytes, other_start: Whole, count: Whole) -> bool:
    """Return whether the same bytes stand at two places."""
    for step in range(count):  # noqa: SIM110
        if one[start + step] != other[other_start + step]:
            return False
    return True


@inlined
def identified(
    index: Numbers, rows: Numbers, letters: Bytes, offsets: Places, size: int, row: Summary, text: Bytes, start: Whole
) -> Whole:
    """Return the number of the word that begins at a place of a text and has this row; `size` if it is new.

    A new word is entered with its row, but without its letters.
    """
    first, second, length, code = row  # by value: numba counts references to slices, which takes longer than all this
    last = np.uint64(len(index) - 1)
    cell = code & last
    mark = code & ~NUMBER
    while True:
        entry = index[cell]
        if entry == 0:
            index[cell] = mark | np.uint64(size + 1)
            rows[size, FIRST], rows[size, SECOND], rows[size, LENGTH], rows[size, HASH] = row
            return size
        if (entry & ~NUMBER) == mark:
            word = (entry & NUMBER) - ONE
            if rows[word, FIRST] == first and rows[word, SECOND] == second and rows[word, LENGTH] == length:
                more = np.int64(length) - 16
                if more <= 0 or same(letters, offsets[word] + 16, text, start + 16, more):
                    return np.int64(word)
        cell = (cell + ONE) & last


@compiled
def widened(index: Numbers, rows: Numbers, size: int) -> Numbers:
    """Return an index of twice the size with the same words."""
    wider = np.zeros(2 * len(index), np.uint64)
    last = np.uint64(len(wider) - 1)
    for word in range(size):
        cell = rows[word, HASH] & last
        while wider[cell] != 0:
            cell = (cell + ONE) & last
        wider[cell] = (rows[word, HASH] & ~NUMBER) | np.uint64(word + 1)
    return wider


@compiled
def merged(
    index: Numbers, rows: Numbers, letters: Bytes, offsets: Places, size: int,
    new_rows: Numbers, new_letters: Bytes, new_offsets: Places,
) -> tuple[Numbers, int, Ids]:  # fmt: skip
    """Enter words into a table that has room for all of them; return its index, its size, and their numbers there."""
    numbers = np.empty(len(new_rows), np.int32)
    for new in range(len(new_rows)):
        start = new_offsets[new]
        row = (new_rows[new, FIRST], new_rows[new, SECOND], new_rows[new, LENGTH], new_rows[new, HASH])
        word = identified(index, rows, letters, offsets, size, row, new_letters, start)
        numbers[new] = word
        if word == size:
            count = new_offsets[new + 1] - start
            tail = offsets[size]
            for step in range(count):
                letters[tail + step] = new_letters[start + step]
            offsets[size + 1] = tail + count
            size += 1
            if 2 * size > len(index):
                index = widened(index, rows, size)
    return index, size, numbers


@compiled
def summaries(letters: Bytes, offsets: Places) -> Numbers:
    """Return the summary of every word."""
    rows = np.empty((len(offsets) - 1, 4), np.uint64)
    for word in range(len(rows)):
        start, stop = offsets[word], offsets[word + 1]
        summary = (ZERO, ZERO, ZERO, ZERO)
        for place in range(start, stop):
            summary = read_on(summary, np.uint64(place - start + 1), letters[place])
        rows[word, FIRST], rows[word, SECOND], rows[word, LENGTH], rows[word, HASH] = read_out(
            summary, np.uint64(stop - start)
        )
    return rows


@compiled
def encoded_character(letters: Bytes, place: Whole, code: Whole) -> Whole:
    """Write a character in UTF-8 and return the place behind it."""
    if code < 0x80:
        letters[place] = code
        return place + 1
    if code < 0x800:
        letters[place] = 0xC0 | (code >> 6)
        letters[place + 1] = 0x80 | (code & 63)
        return place + 2
    if code < 0x10000:
        letters[place] = 0xE0 | (code >> 12)
        letters[place + 1] = 0x80 | ((code >> 6) & 63)
        letters[place + 2] = 0x80 | (code & 63)
        return place + 3
    letters[place] = 0xF0 | (code >> 18)
    letters[place + 1] = 0x80 | ((code >> 12) & 63)
    letters[place + 2] = 0x80 | ((code >> 6) & 63)
    letters[place + 3] = 0x80 | (code & 63)
    return place + 4


@compiled
def decoded_character(text: Bytes, place: Whole) -> tuple[Whole, Whole]:
    """Return the character that begins at a place of valid UTF-8, and the place behind it."""
    lead = np.int64(text[place])
    if lead < 0x80:
        return lead, place + 1
    second = np.int64(text[place + 1]) & 63
    if lead < 0xE0:
        return ((lead & 31) << 6) | second, place + 2
    third = np.int64(text[place + 2]) & 63
    if lead < 0xF0:
        return ((lead & 15) << 12) | (second << 6) | third, place + 3
    return ((lead & 7) << 18) | (second << 12) | (third << 6) | (np.int64(text[place + 3]) & 63), place + 4


@compiled
def scanned(  # noqa: C901
    text: Bytes, ends: Places, folded: Ids, least: int
) -> tuple[bool, Ids, Places, Numbers, Bytes, Places]:
    """Cut texts into their longest runs of token characters and number the runs of at least so many characters.

    `ends[i]` is where text i ends, and the next begins there. `folded` gives for each character the one that stands
    for it (its lower case, say), NO_TOKEN, or UNUSUAL: then nothing can be said here, and the first value is False.
    Otherwise follow the numbers of the tokens, how many there are up to the end of each text, and the words: their
    rows, letters and offsets.
    """
    # Reading a token is no function of its own: numba counts references to every array that a function is given, and
    # that takes as long as the reading. The sizes are upper bounds, because untouched memory costs nothing: every byte
    # a token, every character doubled by folding.
    letters = np.empty(2 * len(text) + 4, np.uint8)
    offsets = np.empty(len(text) + 2, np.int64)
    rows = np.empty((len(text) + 1, 4), np.uint64)
    ids = np.empty(len(text) + 1, np.int32)
    token_ends = np.empty(len(ends), np.int64)
    index = np.zeros(FEW, np.uint64)
    offsets[0] = 0
    size = count = 0
    place = ZERO  # unsigned, like the other places here: numba checks signed ones for being negative
    for number in range(len(ends)):
        end = np.uint64(ends[number])
        while place < end:
            start = np.uint64(offsets[size])
            tail, characters = start, 0
            summary = (ZERO, ZERO, ZERO, ZERO)
            while place < end:
                byte = text[place]
                if byte < 0x80:
                    fold = folded[byte]
                    place += ONE
                    if fold < 0:
                        break
                    letters[tail] = fold
                    tail += ONE
                    summary = read_on(summary, tail - start, fold)
                else:
                    code, after = decoded_character(text, np.int64(place))
                    place = np.uint64(after)
                    fold = folded[code]
                    if fold == UNUSUAL:
                        characters = UNUSUAL
                        break
                    if fold < 0:
                        break
                    before, tail = tail, np.uint64(encoded_character(letters, np.int64(tail), fold))
                    for written in range(before, tail):
                        summary = read_on(summary, written - start + ONE, letters[written])
                characters += 1
            if characters == UNUSUAL:
                return False, ids[:0], token_ends[:0], rows[:0], letters[:0], offsets[:1]
            if characters < least:
                continue
            row = read_out(summary, tail - start)
            offsets[size + 1] = tail
            word = identified(index, rows, letters, offsets, size, row, letters, np.int64(start))
            ids[count] = word
            count += 1
            if word == size:
                size += 1
                if 2 * size > len(index):
                    index = widened(index, rows, size)
        token_ends[number] = count
    used = offsets[size]
    return True, ids[:count].copy(), token_ends, rows[:size].copy(), letters[:used].copy(), offsets[: size + 1].copy()
