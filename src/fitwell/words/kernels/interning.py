"""Words become numbers: bytes are cut into tokens, and each token gets the number of its word.

A table of words is four arrays. `letters` holds the bytes of all words end to end, word i from `offsets[i]` to
`offsets[i + 1]`; numbers are given in order of first sight. `rows[i]` sums word i up in four numbers: its first eight
bytes, its next eight, its length, its hash. `index` finds a word: open addressing with linear probing, at most half
full; an entry is the upper half of the hash beside the word's number plus one, and 0 is nobody.

Why it is fast: a token is read eight bytes at a time, its end being found by arithmetic on the eight. Most words have
at most sixteen bytes, so three comparisons of numbers identify them for certain, and their letters are never fetched
from memory. What is looked up again and again is small: the index has eight bytes a word, and frequent words, seen
first, have the first rows. Rare words lie far away; what they need is on its way while other tokens are read.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from fitwell.compiled import compiled, inlined
from fitwell.words.kernels import eight_bytes as _eight_bytes

Bytes = npt.NDArray[np.uint8]
Numbers = npt.NDArray[np.uint64]
Ids = npt.NDArray[np.int32]
Places = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Whole = Any  # a whole number, signed or not: numba tells them apart, a type checker cannot
Summary = tuple[Whole, Whole, Whole, Whole]  # of a token that is being read

NO_TOKEN, UNUSUAL = -1, -2  # what folding may give instead of a character
ASCII, LOWERING = 128, 32  # how many characters there are in ASCII, and how far a lower case letter is above its upper
FEW = 1 << 14
FIRST, SECOND, LENGTH, HASH = 0, 1, 2, 3
TWO, THREE, SEVEN, EIGHT = np.uint64(2), np.uint64(3), np.uint64(7), np.uint64(8)
HALF, ALL = np.uint64(32), np.uint64(64)
LOWEST, HIGHEST = np.uint64(0x0101010101010101), np.uint64(0x8080808080808080)  # bits of each byte
AT_ONCE = 64  # tokens that are read before they are looked up
NUMBER = np.uint64(0xFFFFFFFF)
ZERO, ONE = np.uint64(0), np.uint64(1)
# Not the literal: that has a type of its own, and functions that it is given to are compiled twice.
NOUGHT: Whole = np.int64(0)
ODD = np.uint64(0x9E3779B97F4A7C15)  # 2^64 divided by the golden ratio
SPREAD = np.uint64(0xD6E8FEB86659FD93)

# A type checker sees the first argument of an intrinsic, which numba gives.
eight_at: Any = _eight_bytes.eight_at
put_eight_at: Any = _eight_bytes.put_eight_at
reversed_bytes: Any = _eight_bytes.reversed_bytes
low_zeros: Any = _eight_bytes.low_zeros
fetch: Any = _eight_bytes.fetch


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
def row_of(first: Whole, second: Whole, length: Whole, code: Whole) -> Summary:
    """Return the row of a token; `code` is that of the bytes behind its first sixteen."""
    return first, second, length, code ^ mixed(mixed(first + length) ^ second)


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
    return row_of(first, second, length, code)


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
        last = np.uint64(len(index) - 1)
        if new + AT_ONCE < len(new_rows):
            fetch(index, new_rows[new + AT_ONCE, HASH] & last)
        if new + AT_ONCE // 2 < len(new_rows):
            entry = index[new_rows[new + AT_ONCE // 2, HASH] & last] & NUMBER
            if entry:
                fetch(rows, (entry - ONE) << TWO)  # a row is four numbers
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


@inlined
def zero_bytes(eight: Whole) -> Whole:
    """Return a number whose lowest bit that is set is the highest of the lowest byte that is 0; 0 if there is none.

    Taking 1 from a byte sets its highest bit if it is 0, or if it had that bit, which the second factor sorts out. What
    a byte of 0 borrows from those above it does not matter, because only the lowest is asked for.
    """
    return (eight - LOWEST) & ~eight & HIGHEST


@inlined
def row_of_run(start: Whole) -> Summary:
    """Return the row of the token from an address up to the next byte that is 0; its length is 0 there."""
    eight = eight_at(start)
    ended = zero_bytes(eight)
    if ended:
        bits = low_zeros(ended) & ~SEVEN  # of the bytes before the end
        first = (reversed_bytes(eight) >> ONE) >> (ALL - ONE - bits)  # in two steps: 64 of them are no shift
        return row_of(first, ZERO, bits >> THREE, ZERO)
    first, second, code = reversed_bytes(eight), ZERO, ZERO
    length = EIGHT
    while True:
        eight = eight_at(start + length)
        ended = zero_bytes(eight)
        bits = (low_zeros(ended) & ~SEVEN) if ended else ALL
        if bits:
            key = reversed_bytes(eight) >> (ALL - bits)
            if length == EIGHT:
                second = key
            else:
                code = mixed(code ^ key)
        length += bits >> THREE
        if ended:
            return row_of(first, second, length, code)


@inlined
def characters_at(start: Whole, length: Whole) -> Whole:
    """Return how many characters so many bytes of UTF-8 from an address on are: those that do not go on with one."""
    characters = length
    for step in range(ZERO, length, EIGHT):
        eight = eight_at(start + step)
        going_on = eight & ~(eight << ONE) & HIGHEST  # bytes that begin with the bits 10
        if length - step < EIGHT:
            going_on &= (ONE << ((length - step) << THREE)) - ONE
        while going_on:
            going_on &= going_on - ONE
            characters -= ONE
    return characters


@compiled
def runs_of(found: Flags) -> tuple[Numbers, Numbers]:
    """Return, for each run of the ASCII characters found, what `within` adds to its first one and to the one behind."""
    firsts, behind = np.empty(ASCII, np.uint64), np.empty(ASCII, np.uint64)
    runs = 0
    for code in range(ASCII):
        if found[code] and (code == 0 or not found[code - 1]):
            firsts[runs] = np.uint64(ASCII - code) * LOWEST
            runs += 1
        if found[code]:
            behind[runs - 1] = np.uint64(ASCII - 1 - code) * LOWEST
    return firsts[:runs].copy(), behind[:runs].copy()


@inlined
def within(eight: Whole, runs: tuple[Numbers, Numbers]) -> Whole:
    """Return the highest bit of each of eight ASCII characters that lies in one of the runs.

    A character below 128 and what makes its run's first one 128 sum up to 128 or more, but not to 256, from there on.
    """
    inside = ZERO
    for run in range(len(runs[0])):
        inside |= (eight + runs[0][run]) & ~(eight + runs[1][run])
    return inside & HIGHEST


@compiled
def folded_text(text: Bytes, ends: Places, folded: Ids) -> tuple[bool, Bytes, Places]:
    """Write each character of texts as the one that stands for it, and 0 for what is no token character.

    Every text is followed by a 0 of its own. Return whether this was possible, the bytes (and eight more that may be
    read), and where each text ends there. Eight ASCII characters are folded at a time where each of them stands for
    itself, for the one 32 above it, as an upper case letter does, or for none.
    """
    written = np.empty(2 * len(text) + len(ends) + 8, np.uint8)  # folding may double a character
    stops = np.empty(len(ends), np.int64)
    itself = np.arange(ASCII)
    none, lowered = runs_of(folded[:ASCII] == NO_TOKEN), runs_of(folded[:ASCII] == itself + LOWERING)
    at_once = True
    for code in range(1, ASCII):
        fold = folded[code]
        at_once &= fold in (NO_TOKEN, code, code + LOWERING)
    source, target = np.uint64(text.ctypes.data), np.uint64(written.ctypes.data)
    place = tail = ZERO  # unsigned, like the other places here: numba checks signed ones for being negative
    for number in range(len(ends)):
        end = np.uint64(ends[number])
        while place < end:
            if at_once and place + EIGHT <= end:
                eight = eight_at(source + place)
                if not (eight & HIGHEST or zero_bytes(eight)):
                    dropped = within(eight, none)
                    kept = ~(dropped | (dropped - (dropped >> SEVEN)))  # all bits of the other bytes
                    put_eight_at(target + tail, (eight + (within(eight, lowered) >> TWO)) & kept)
                    place += EIGHT
                    tail += EIGHT
                    continue
            byte = text[place]
            if byte < 0x80 and folded[byte] < 0x80:
                fold = folded[byte]
                place += ONE
                written[tail] = fold if fold > 0 else 0  # without a branch, which nobody could foretell
                tail += ONE
            else:
                code, after = decoded_character(text, np.int64(place))
                fold = folded[code]
                place = np.uint64(after)
                tail = np.uint64(encoded_character(written, np.int64(tail), fold if fold > 0 else 0))
            if fold == UNUSUAL or fold == 0:
                return False, written, stops
        written[tail] = 0
        tail += ONE
        stops[number] = tail
    written[tail : tail + EIGHT] = 0
    return True, written, stops


@compiled
def scanned(  # noqa: C901
    text: Bytes, ends: Places, folded: Ids, least: int
) -> tuple[bool, Ids, Places, Numbers, Bytes, Places]:
    """Cut texts into their longest runs of token characters and number the runs of at least so many characters.

    `ends[i]` is where text i ends, and the next begins there. `folded` gives for each character the one that stands
    for it (its lower case, say), NO_TOKEN, or UNUSUAL: then nothing can be said here, nor if a token character is 0,
    and the first value is False. Otherwise follow the numbers of the tokens, how many there are up to the end of each
    text, and the words: their rows, letters and offsets.

    Rare words lie in memory that is far away. A few dozen tokens are read before the first of them is looked up; by
    then the cells of the index are on their way, and so are the rows of the words when the cells have been read.
    """
    possible, written, stops = folded_text(text, ends, folded)
    # The sizes are upper bounds, because untouched memory costs nothing: every other byte a token, every token new.
    most = len(written) // 2 + 1
    letters = np.empty(len(written), np.uint8)
    offsets = np.empty(most + 1, np.int64)
    offsets[0] = 0
    rows = np.empty((most, 4), np.uint64)
    ids = np.empty(most, np.int32)
    token_ends = np.empty(len(ends), np.int64)
    index = np.zeros(FEW, np.uint64)
    read = np.empty((AT_ONCE, 4), np.uint64)
    starts = np.empty(AT_ONCE, np.uint64)
    size = count = number = NOUGHT
    place = ZERO
    address = np.uint64(written.ctypes.data)  # numba counts references to arrays, which takes longer than reading
    while possible and number < len(ends):
        last = np.uint64(len(index) - 1)
        waiting = 0
        while waiting < AT_ONCE and number < len(ends):
            if place >= np.uint64(stops[number]):
                token_ends[number] = count + waiting
                number += 1
                continue
            row = row_of_run(address + place)
            start, length = place, row[LENGTH]
            place += length + ONE
            if length == 0 or (least > 1 and characters_at(address + start, length) < least):
                continue
            fetch(index, row[HASH] & last)
            read[waiting, FIRST], read[waiting, SECOND], read[waiting, LENGTH], read[waiting, HASH] = row
            starts[waiting] = start
            waiting += 1
        for token in range(waiting):
            entry = index[read[token, HASH] & last] & NUMBER
            if entry:
                fetch(rows, (entry - ONE) << TWO)  # a row is four numbers
        for token in range(waiting):
            row = (read[token, FIRST], read[token, SECOND], read[token, LENGTH], read[token, HASH])
            word = identified(index, rows, letters, offsets, size, row, written, np.int64(starts[token]))
            ids[count] = word
            count += 1
            if word == size:
                tail = offsets[size]
                for step in range(row[LENGTH]):
                    letters[tail + step] = written[starts[token] + step]
                offsets[size + 1] = tail + np.int64(row[LENGTH])
                size += 1
                if 2 * size > len(index):
                    index = widened(index, rows, size)
    used = offsets[size]
    return (
        possible,
        ids[:count].copy(),
        token_ends,
        rows[:size].copy(),
        letters[:used].copy(),
        offsets[: size + 1].copy(),
    )
