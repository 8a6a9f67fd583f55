"""Lines of a word and its values become rows of a matrix, compiled.

A value is read as Python reads it and then rounded to float32, every time. The usual value has up to 18 digits and a
small exponent: its digits make a whole number m below 2⁶³, and it is m · 10^k.

- m ≤ 2⁵³ and |k| ≤ 22: m and 10^|k| are exact in float64, so that one multiplication or division rounds once: the
  result is
  the float64 nearest to the text.
- Otherwise digits beyond the 18th are dropped (a relative error below 10⁻¹⁷), m is rounded to float64, 10^k comes
  rounded from a table, and the product is rounded: together less than 2⁻⁵¹. If the values 2⁻⁵⁰ below and above round
  to the same float32, so does the true one, because rounding keeps order. Only one value in some fifty million lies
  closer to a border.
- Those, and whatever does not look like a number, are listed as doubtful for Python to decide.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fitwell.compiled import compiled

if TYPE_CHECKING:
    from numpy.typing import NDArray

NEWLINE, RETURN, SPACE, TAB = 10, 13, 32, 9
PLUS, MINUS, POINT, ZERO, NINE = 43, 45, 46, 48, 57
LARGE_E, SMALL_E = 69, 101
DIGITS = 18
EXACT = 2**53
SMALLEST, LARGEST = -80, 40  # powers of ten outside give 0 in float32, or too much
POWERS = np.array([float(f"1e{power}") for power in range(SMALLEST, LARGEST + 1)])
BELOW, ABOVE = 1 - 2.0**-50, 1 + 2.0**-50
FINITE = float(np.finfo(np.float32).max)

TOO_FEW, NO_WORD, FULL, DONE = -1, -2, 1, 0


@compiled
def parse(
    text: NDArray[np.uint8],
    state: NDArray[np.int64],
    matrix: NDArray[np.float32],
    begins: NDArray[np.int64],
    ends: NDArray[np.int64],
    doubtful: NDArray[np.int64],
) -> int:
    """Read lines until the matrix is full; return what stopped it.

    `state` holds the place in the text, the row, and how many values are listed in `doubtful` as (row, column, begin,
    end); called again it goes on from there.
    """
    rows, width = matrix.shape
    while state[1] < rows:
        if state[2] + width > len(doubtful):
            return FULL
        begin, row = state[0], state[1]
        end = begin
        while end < len(text) and text[end] != NEWLINE:
            end += 1
        state[0] = end + 1
        while end > begin and (text[end - 1] == SPACE or text[end - 1] == TAB or text[end - 1] == RETURN):
            end -= 1
        after = begin
        while after < end and text[after] != SPACE and text[after] != TAB:
            after += 1
        known = state[2]
        outcome = _values(text, after, end, row, matrix, state, doubtful)
        if outcome > 0:  # more than `width` fields: spaces within the word
            state[2] = known
            after = _before_last_fields(text, begin, end, width)
            outcome = _values(text, after, end, row, matrix, state, doubtful)
        if outcome < 0:
            return TOO_FEW
        if after == begin:
            return NO_WORD
        begins[row], ends[row] = begin, after
        state[1] += 1
    return DONE


@compiled
def gather(
    text: NDArray[np.uint8], begins: NDArray[np.int64], ends: NDArray[np.int64], words: NDArray[np.uint8]
) -> None:
    """Copy the words together, a newline after each."""
    place = 0
    for word in range(len(begins)):
        for at in range(begins[word], ends[word]):
            words[place] = text[at]
            place += 1
        words[place] = NEWLINE
        place += 1


@compiled
def _before_last_fields(text: NDArray[np.uint8], begin: int, end: int, count: int) -> int:
    """Return where the text before the last `count` fields ends."""
    for _ in range(count):
        while end > begin and text[end - 1] != SPACE and text[end - 1] != TAB:
            end -= 1
        while end > begin and (text[end - 1] == SPACE or text[end - 1] == TAB):
            end -= 1
    return end


@compiled
def _values(
    text: NDArray[np.uint8],
    place: int,
    end: int,
    row: int,
    matrix: NDArray[np.float32],
    state: NDArray[np.int64],
    doubtful: NDArray[np.int64],
) -> int:
    """Fill in a row; return -1 if there are fewer fields, 1 if there are more."""
    for column in range(matrix.shape[1]):
        while place < end and (text[place] == SPACE or text[place] == TAB):
            place += 1
        if place == end:
            return -1
        begin = place
        value, place, certain = _number(text, place, end)
        if not certain:
            while place < end and text[place] != SPACE and text[place] != TAB:
                place += 1
            listed = doubtful[state[2]]
            listed[0], listed[1], listed[2], listed[3] = row, column, begin, place
            state[2] += 1
        matrix[row, column] = value
    return 1 if place < end else 0


@compiled
def _number(text: NDArray[np.uint8], place: int, end: int) -> tuple[np.float32, int, bool]:
    """Read one value; return it, the place after it, and whether it is certain."""
    negative = text[place] == MINUS
    if negative or text[place] == PLUS:
        place += 1
    whole, digits, power, seen = 0, 0, 0, False
    while place < end and ZERO <= text[place] <= NINE:
        seen = True
        if digits < DIGITS:
            whole = whole * 10 + (text[place] - ZERO)
            digits += whole > 0
        else:
            power += 1
        place += 1
    if place < end and text[place] == POINT:
        place += 1
        while place < end and ZERO <= text[place] <= NINE:
            seen = True
            if digits < DIGITS:
                whole = whole * 10 + (text[place] - ZERO)
                digits += whole > 0
                power -= 1
            place += 1
    if place < end and seen and (text[place] == SMALL_E or text[place] == LARGE_E):
        exponent, place, seen = _exponent(text, place + 1, end)
        power += exponent
    if not seen or (place < end and text[place] != SPACE and text[place] != TAB):
        return np.float32(0), place, False
    value, certain = _rounded(whole, power)
    return -value if negative else value, place, certain


@compiled
def _exponent(text: NDArray[np.uint8], place: int, end: int) -> tuple[int, int, bool]:
    negative = place < end and text[place] == MINUS
    if place < end and (negative or text[place] == PLUS):
        place += 1
    exponent, seen = 0, False
    while place < end and ZERO <= text[place] <= NINE:
        exponent = min(exponent * 10 + (text[place] - ZERO), 1 << 40)
        seen = True
        place += 1
    return -exponent if negative else exponent, place, seen


@compiled
def _rounded(whole: int, power: int) -> tuple[np.float32, bool]:
    """Round m · 10^k to float64 and then to float32."""
    if whole == 0 or power < SMALLEST:
        return np.float32(0), True
    if power > LARGEST:
        return np.float32(0), False
    if whole <= EXACT and -22 <= power <= 22:
        exact = whole / POWERS[-power - SMALLEST] if power < 0 else whole * POWERS[power - SMALLEST]
        return np.float32(exact), exact <= FINITE
    near = whole * POWERS[power - SMALLEST]
    low, high = np.float32(near * BELOW), np.float32(near * ABOVE)
    return low, low == high and near <= FINITE
