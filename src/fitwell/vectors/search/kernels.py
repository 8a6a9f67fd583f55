"""The loops of exact search, compiled; `codes.py` says why they are right."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from fitwell.compiled import compiled
from fitwell.vectors.search.coding import AT_A_TIME, BITS, HIGHEST, LANES, OFFSET, PER_WORD

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fitwell.vectors.search.coding import Codes, Found, Questions

# Steps between levels, in root mean squares of the row: the best one is 0.19 for bell-shaped rows, less for flat ones,
# more for rows with few large values.
STEPS = (0.14, 0.19, 0.25, 0.35)
USELESS = np.float32(1e30)  # tan δ of a code that says nothing: its row is always looked at
SLACK = 1e-5  # float32 rounds the few operations of the test by less
FIRST, SECOND = np.uint16(BITS), np.uint16(2 * BITS)


@compiled
def encode(matrix: NDArray[np.float32], first: int, last: int, codes: Codes) -> float:
    """Fill in the codes of the blocks from `first` to before `last`; return the largest |c|, in levels."""
    rows, width = matrix.shape
    scaled, trial = np.zeros(width), np.zeros(width)
    best = np.zeros(codes.packed.shape[1] * PER_WORD, np.int64)
    longest = 1.0
    for block in range(first, last):
        for lane in range(LANES):
            best[:] = 0
            if block * LANES + lane < rows:
                _encode_row(matrix, block, lane, codes, scaled, trial, best)
                length = 0.0
                for j in range(width):
                    length += best[j] * best[j]
                longest = max(longest, math.sqrt(length))
            for word in range(codes.packed.shape[1]):
                bits = 0
                for place in range(PER_WORD):
                    bits |= (best[word * PER_WORD + place] + OFFSET) << (BITS * place)
                codes.packed[block, word, lane] = bits
    return longest


@compiled
def _encode_row(
    matrix: NDArray[np.float32],
    block: int,
    lane: int,
    codes: Codes,
    scaled: NDArray[np.float64],
    trial: NDArray[np.float64],
    best: NDArray[np.int64],
) -> None:
    row, levels = matrix[block * LANES + lane], codes.levels
    width = len(row)
    squares, spread = 0.0, 0.0
    for j in range(width):
        scaled[j] = row[j] / levels[j]
        squares += np.float64(row[j]) * row[j]
        spread += scaled[j] * scaled[j]
    norm = math.sqrt(squares)
    codes.norms[block * LANES + lane] = norm
    if norm == 0:
        return
    closest = 0.0
    for step in STEPS:
        per_level = 1 / (step * math.sqrt(spread / width))
        product, length = 0.0, 0.0
        for j in range(width):
            level = min(max(math.floor(scaled[j] * per_level + 0.5), -HIGHEST), HIGHEST)
            trial[j] = level
            product += row[j] * levels[j] * level
            length += (levels[j] * level) ** 2
        if length > 0 and product > closest * norm * math.sqrt(length):
            closest = product / (norm * math.sqrt(length))
            codes.scales[block, lane] = norm / product
            for j in range(width):
                best[j] = np.int64(trial[j])
    if closest < 0.5:
        codes.scales[block, lane], codes.tangents[block, lane] = 0, USELESS
    else:
        codes.tangents[block, lane] = math.sqrt(max(1 - closest * closest, 0.0)) / closest * (1 + 1e-6) + 1e-6


@compiled
def similarity(row: NDArray[np.float32], question: NDArray[np.float64], norm: float) -> float:
    """Return the cosine of a row and a question of length 1, in float64; a row of zeros has similarity 0."""
    if norm == 0:
        return 0.0
    # four sums, because each addition would wait for the one before
    one, two, three, four = 0.0, 0.0, 0.0, 0.0
    width = len(row)
    for j in range(0, width - 3, 4):
        one += row[j] * question[j]
        two += row[j + 1] * question[j + 1]
        three += row[j + 2] * question[j + 2]
        four += row[j + 3] * question[j + 3]
    for j in range(width - width % 4, width):
        one += row[j] * question[j]
    return min(max(((one + two) + (three + four)) / norm, -1.0), 1.0)


@compiled
def scan(
    codes: Codes,
    matrix: NDArray[np.float32],
    asked: Questions,
    first: int,
    last: int,
    sums: NDArray[np.int16],
    found: Found,
) -> int:
    """Fill in the best rows of every question among the blocks from `first` to before `last`, best first.

    Of equally similar rows the earlier come first. Returns how many rows were read to prove it.
    """
    looked, flat = 0, np.float32(0)
    for block in range(first, last):
        for question in range(len(asked.exact)):
            own = sums[question, block - first]
            _add_up(codes.packed[block], asked.multipliers[question], asked.starts[question], own)
            # A guess at the best rows: those whose code looks better than the worst of the best so far.
            worst = np.float32(found.similarities[question, -1])
            if _passes(own, codes.scales[block], codes.tangents[block], asked.factors[question], worst, flat):
                looked += _look(codes, matrix, asked, block, question, own, worst, flat, found, True)
    for question in range(len(asked.exact)):
        # The proof: all rows that may be better than the guess.
        cosine, sine = _test(found.similarities[question, -1], asked.angles[question], codes.widest_angle)
        for block in range(first, last):
            own = sums[question, block - first]
            if _passes(own, codes.scales[block], codes.tangents[block], asked.factors[question], cosine, sine):
                looked += _look(codes, matrix, asked, block, question, own, cosine, sine, found, False)
    return looked


@compiled
def _passes(
    sums: NDArray[np.int16],
    scales: NDArray[np.float32],
    tangents: NDArray[np.float32],
    factor: np.float32,
    cosine: np.float32,
    sine: np.float32,
) -> bool:
    """Return whether any row of a block passes the test."""
    hits = np.int32(0)
    for lane in range(LANES):
        hits += np.int32(np.float32(sums[lane]) * scales[lane] * factor + sine * tangents[lane] >= cosine)
    return bool(hits > 0)


@compiled
def _add_up(
    words: NDArray[np.uint16], multipliers: NDArray[np.int16], start: np.int16, sums: NDArray[np.int16]
) -> None:
    """Fill in c·r for the rows of a block, two words at a time, so that sums are fetched and stored half as often."""
    for lane in range(LANES):
        sums[lane] = start
    for word in range(0, len(words), AT_A_TIME):
        a, b, c = multipliers[word, 0], multipliers[word, 1], multipliers[word, 2]
        d, e, f = multipliers[word + 1, 0], multipliers[word + 1, 1], multipliers[word + 1, 2]
        for lane in range(LANES):
            one, two = words[word, lane], words[word + 1, lane]
            sums[lane] += (
                np.int16(np.int16(one) * a)
                + np.int16(np.int16(one >> FIRST) * b)
                + np.int16(np.int16(one >> SECOND) * c)
                + np.int16(np.int16(two) * d)
                + np.int16(np.int16(two >> FIRST) * e)
                + np.int16(np.int16(two >> SECOND) * f)
            )


@compiled
def _look(
    codes: Codes,
    matrix: NDArray[np.float32],
    asked: Questions,
    block: int,
    question: int,
    sums: NDArray[np.int16],
    cosine: np.float32,
    sine: np.float32,
    found: Found,
    guessing: bool,
) -> int:
    """Compute the similarity of the rows in a block that pass the test, and keep those that belong to the best."""
    scales, tangents, factor = codes.scales[block], codes.tangents[block], asked.factors[question]
    looked = 0
    rows, similarities = found.rows[question], found.similarities[question]
    for lane in range(LANES):
        row = block * LANES + lane
        if row < len(matrix) and np.float32(sums[lane]) * scales[lane] * factor + sine * tangents[lane] >= cosine:
            looked += 1
            value = similarity(matrix[row], asked.exact[question], codes.norms[row])
            if value > similarities[-1] or (value == similarities[-1] and row < rows[-1]):
                _insert(rows, similarities, row, value)
            if guessing:
                cosine = np.float32(similarities[-1])
    return looked


@compiled
def _insert(found: NDArray[np.int64], similarities: NDArray[np.float64], row: int, value: float) -> None:
    for known in found:
        if known == row:
            return
    place = len(found) - 1
    while place > 0 and (
        similarities[place - 1] < value or (similarities[place - 1] == value and found[place - 1] > row)
    ):
        similarities[place], found[place] = similarities[place - 1], found[place - 1]
        place -= 1
    similarities[place], found[place] = value, row


@compiled
def _test(worst: float, angle: float, widest_angle: float) -> tuple[np.float32, np.float32]:
    """Return cos φ and sin φ of the test, or one that every row passes."""
    if worst < -1:  # there are fewer rows than asked for
        return np.float32(-np.inf), np.float32(0)
    phi = math.acos(worst) + angle
    if phi + widest_angle >= math.pi - SLACK:
        return np.float32(-np.inf), np.float32(0)
    return np.float32(math.cos(phi) - SLACK), np.float32(max(math.sin(phi), 1e-6))
