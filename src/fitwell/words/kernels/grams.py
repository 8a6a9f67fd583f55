"""Runs of neighboring words or characters become features, numbered like words, in the order scikit-learn meets them.

Of one text all the shortest come first, from left to right, then those one longer, and so on.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from fitwell.compiled import compiled
from fitwell.words.kernels.interning import (
    FEW,
    NOUGHT,
    ONE,
    UNUSUAL,
    ZERO,
    Bytes,
    Ids,
    Numbers,
    Places,
    Whole,
    decoded_character,
    encoded_character,
    identified,
    read_on,
    read_out,
    widened,
)

Features = tuple[Ids, Places, Numbers, Bytes, Places]  # numbers, ends, and the words' rows, letters and offsets
Flags = npt.NDArray[np.bool_]
Table = Any  # index, rows, letters, offsets: a tuple whose arrays are replaced when they are full
SPACE = np.int32(32)


@compiled
def longer(array: Any, size: int) -> Any:
    """Return the array with room for so many and as many again."""
    room = np.empty(2 * size, array.dtype)
    for place in range(len(array)):
        room[place] = array[place]
    return room


@compiled
def more_rows(rows: Numbers) -> Numbers:
    """Return the rows with room for as many again."""
    room = np.empty((2 * len(rows), 4), np.uint64)
    for row in range(len(rows)):
        for column in range(4):
            room[row, column] = rows[row, column]
    return room


@compiled
def empty_table() -> Table:
    """Return a table without words."""
    return np.zeros(FEW, np.uint64), np.empty((FEW, 4), np.uint64), np.empty(FEW, np.uint8), np.zeros(FEW, np.int64)


@compiled
def with_room(table: Table, size: int, count: int) -> Table:
    """Return the table with room for one more word of so many bytes."""
    index, rows, letters, offsets = table
    if 2 * (size + 1) > len(index):
        index = widened(index, rows, size)
    if size + 1 >= len(rows):
        rows = more_rows(rows)
        offsets = longer(offsets, len(offsets))
    if offsets[size] + count > len(letters):
        letters = longer(letters, offsets[size] + count)
    return index, rows, letters, offsets


@compiled
def numbered(table: Table, size: int, stop: Whole) -> Whole:
    """Return the number of the word that was written behind the last one up to `stop`; `size` if it is new."""
    index, rows, letters, offsets = table
    start = np.uint64(offsets[size])
    summary = (ZERO, ZERO, ZERO, ZERO)
    for place in range(start, np.uint64(stop)):
        summary = read_on(summary, place - start + ONE, letters[place])
    offsets[size + 1] = stop
    row = read_out(summary, np.uint64(stop) - start)
    return identified(index, rows, letters, offsets, size, row, letters, np.int64(start))


@compiled
def joined(line: Bytes, tail: int, words: Ids, letters: Bytes, offsets: Places) -> int:
    """Write words with spaces between them, and return the place behind the last one."""
    for number in range(len(words)):
        if number:
            line[tail] = SPACE
            tail += 1
        for place in range(offsets[words[number]], offsets[words[number] + 1]):
            line[tail] = letters[place]
            tail += 1
    return tail


@compiled
def word_grams(
    ids: Ids, ends: Places, letters: Bytes, offsets: Places, dropped: Flags, fewest: int, most: int
) -> Features:
    """Return runs of `fewest` to `most` words, joined by spaces, after the dropped words are taken out."""
    table, size, count = empty_table(), NOUGHT, NOUGHT
    features = np.empty(len(ids) * (most - fewest + 1), np.int32)
    feature_ends = np.empty(len(ends), np.int64)
    kept = np.empty(len(ids) + 1, np.int32)  # one more, for a dropped word behind the last one that is kept
    start = 0
    for text in range(len(ends)):
        length = 0
        for place in range(start, ends[text]):
            kept[length] = ids[place]
            length += not dropped[ids[place]]
        start = ends[text]
        for width in range(fewest, most + 1):
            for first in range(length - width + 1):
                needed = 0
                for place in range(first, first + width):
                    needed += offsets[kept[place] + 1] - offsets[kept[place]] + 1
                table = with_room(table, size, needed)
                tail = joined(table[2], table[3][size], kept[first : first + width], letters, offsets)
                number = numbered(table, size, tail)
                size += number == size
                features[count] = number
                count += 1
        feature_ends[text] = count
    return finished(features, count, feature_ends, table, size)


@compiled
def finished(features: Ids, count: int, ends: Places, table: Table, size: int) -> Features:
    """Return copies that are no larger than what they hold."""
    _, rows, letters, offsets = table
    used = offsets[size]
    return features[:count].copy(), ends, rows[:size].copy(), letters[:used].copy(), offsets[: size + 1].copy()


@compiled
def folded_line(
    text: Bytes, start: int, end: int, folded: Ids, white: Flags, line: Bytes, places: Places
) -> tuple[int, bool]:
    """Write a text's characters, folded, and where each begins; two and more of white space become one space.

    Returns how many there are, and whether all of them could be folded.
    """
    characters = tail = spaces = 0
    place = start
    while place < end:
        code, place = decoded_character(text, place)
        fold = folded[code]
        if fold == UNUSUAL:
            return 0, False
        spaces = spaces + 1 if white[fold] else 0
        if spaces > 1:  # written again, over the last one
            characters -= 1
            tail = places[characters]
        places[characters] = tail
        tail = encoded_character(line, tail, SPACE if spaces > 1 else fold)
        characters += 1
    places[characters] = tail
    return characters, True


@compiled
def spans(
    table: Table, size: int, line: Bytes, places: Places, characters: int, width: int, features: Ids, count: int
) -> tuple[Table, int]:
    """Number every run of so many characters of a line, and return the table with its size."""
    for first in range(characters - width + 1):
        begin, end = places[first], places[first + width]
        table = with_room(table, size, end - begin)
        tail = table[3][size]
        for step in range(end - begin):
            table[2][tail + step] = line[begin + step]
        number = numbered(table, size, tail + end - begin)
        size += number == size
        features[count + first] = number
    return table, size


@compiled
def character_grams(
    text: Bytes, ends: Places, folded: Ids, white: Flags, fewest: int, most: int
) -> tuple[bool, Features]:
    """Return runs of `fewest` to `most` characters of each text without its line end, and whether all were usual."""
    table, size, count = empty_table(), NOUGHT, NOUGHT
    features = np.empty(len(text) * (most - fewest + 1), np.int32)
    feature_ends = np.zeros(len(ends), np.int64)
    line = np.empty(2 * len(text) + 4, np.uint8)
    places = np.empty(len(text) + 1, np.int64)
    start, usual = NOUGHT, True
    for number in range(len(ends)):
        characters, usual = folded_line(text, start, ends[number] - 1, folded, white, line, places)
        start = ends[number]
        if not usual:
            break
        for width in range(fewest, most + 1):
            if width <= characters:
                table, size = spans(table, size, line, places, characters, width, features, count)
                count += characters - width + 1
        feature_ends[number] = count
    return usual, finished(features, count, feature_ends, table, size)


@compiled
def bounded_grams(ids: Ids, ends: Places, letters: Bytes, offsets: Places, fewest: int, most: int) -> Features:
    """Return runs of `fewest` to `most` characters within words that have a space put before and behind.

    A padded word that is no longer than a run is itself the last run. Words recur, so each is cut once.
    """
    words = len(offsets) - 1
    table, size = empty_table(), NOUGHT
    own = np.empty((len(letters) + 3 * words) * (most - fewest + 1), np.int32)  # each word's runs, end to end
    own_ends = np.zeros(words + 1, np.int64)
    longest = 0
    for word in range(words):
        longest = max(longest, offsets[word + 1] - offsets[word])
    line = np.empty(longest + 2, np.uint8)
    places = np.empty(longest + 3, np.int64)
    for word in range(words):
        characters = padded(letters, offsets[word], offsets[word + 1], line, places)
        count = own_ends[word]
        for width in range(fewest, most + 1):
            taken = min(width, characters)
            table, size = spans(table, size, line, places, characters, taken, own, count)
            count += characters - taken + 1
            if characters <= width:
                break
        own_ends[word + 1] = count
    total = 0
    for word in ids:
        total += own_ends[word + 1] - own_ends[word]
    features, feature_ends, count, start = np.empty(total, np.int32), np.empty(len(ends), np.int64), 0, 0
    for text in range(len(ends)):
        for place in range(start, ends[text]):
            word = ids[place]
            for own_place in range(own_ends[word], own_ends[word + 1]):
                features[count] = own[own_place]
                count += 1
        start = ends[text]
        feature_ends[text] = count
    return finished(features, count, feature_ends, table, size)


@compiled
def padded(letters: Bytes, start: int, stop: int, line: Bytes, places: Places) -> int:
    """Write a word between two spaces, and where each character begins; return how many there are."""
    line[0] = SPACE
    places[0] = 0
    characters, tail = 1, 1
    for place in range(start, stop):
        if letters[place] & 0xC0 != 0x80:  # not a further byte of a character
            places[characters] = tail
            characters += 1
        line[tail] = letters[place]
        tail += 1
    line[tail] = SPACE
    places[characters] = tail
    places[characters + 1] = tail + 1
    return characters + 1
