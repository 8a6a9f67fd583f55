"""Search finds exactly the rows that a plain loop in float64 finds, in the same order."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fitwell.errors import DataError
from fitwell.vectors import Vectors
from fitwell.vectors.analogies import unit_rows
from fitwell.vectors.search import exact
from fitwell.vectors.search.codes import coded, questioned
from fitwell.vectors.search.coding import LANES
from fitwell.vectors.search.exact import FEW_ROWS, nearest, nearest_plainly


def by_a_loop(matrix: np.ndarray, direction: np.ndarray, count: int) -> list[int]:
    """Find the nearest rows one by one, in float64; similarities that differ in the last bits count as equal."""
    cosines = []
    for row in matrix.astype(np.float64).tolist():
        norm = math.sqrt(math.fsum(value * value for value in row))
        product = math.fsum(value * other for value, other in zip(row, direction.tolist(), strict=True))
        cosines.append(round(product / norm, 12) if norm else 0.0)
    return sorted(range(len(cosines)), key=lambda row: (-cosines[row], row))[:count]


def shapes(kind: str, rows: int, width: int, seed: int) -> np.ndarray:
    """Make rows that are easy or hard to code."""
    generator = np.random.default_rng(seed)
    matrix = generator.standard_normal((rows, width))
    if kind == "heavy":  # few values carry a row
        matrix = matrix**5
    elif kind == "sparse":
        matrix *= generator.random((rows, width)) < 0.1
    elif kind == "uneven":  # coordinates differ by orders of magnitude
        matrix *= 10.0 ** np.linspace(-3, 3, width)
    elif kind == "crowded":  # all rows lie close together
        matrix = matrix * 1e-3 + 1
    elif kind == "repeated":
        matrix = matrix[generator.integers(0, max(rows // 5, 1), rows)]
    elif kind == "opposite":
        matrix[: rows // 2] = -matrix[rows // 2 : 2 * (rows // 2)]
    return matrix.astype(np.float32)


KINDS = ("bell", "heavy", "sparse", "uneven", "crowded", "repeated", "opposite")


@settings(max_examples=80, deadline=None)
@given(
    kind=st.sampled_from(KINDS),
    rows=st.integers(1, 300),  # up to three blocks
    width=st.integers(1, 40),
    count=st.integers(1, 30),
    seed=st.integers(0, 10**6),
)
def test_codes_find_what_a_plain_loop_finds(kind: str, rows: int, width: int, count: int, seed: int) -> None:
    matrix = shapes(kind, rows, width, seed)
    generator = np.random.default_rng(seed + 1)
    asked = np.concatenate([generator.standard_normal((2, width)), matrix[:1] + 1e-9, -matrix[-1:] - 1e-9])
    directions = unit_rows(asked)
    found = nearest(matrix, directions, count=count, codes=coded(matrix))
    for number, direction in enumerate(directions):
        order = by_a_loop(matrix, direction, count)
        values = unit_rows(matrix)[order] @ direction
        assert found.similarities[number] == pytest.approx(values, abs=1e-9)
        if kind not in ("repeated", "sparse", "crowded") and width > 4:  # elsewhere rows tie in the last bits
            assert found.rows[number].tolist() == order


@pytest.mark.parametrize("kind", KINDS)
def test_both_ways_of_searching_agree_on_many_rows(kind: str) -> None:
    matrix = shapes(kind, 30_000, 50, 5)
    matrix[17] = 0
    directions = unit_rows(matrix[[3, 99, 29_999]] + 0.01)
    by_codes = nearest(matrix, directions, count=20, codes=coded(matrix))
    plainly = nearest_plainly(matrix, directions, count=20)
    assert by_codes.similarities == pytest.approx(plainly.similarities, abs=1e-12)
    gaps = np.diff(plainly.similarities, axis=1) < -1e-12
    alone = np.pad(gaps, ((0, 0), (1, 0)), constant_values=True) & np.pad(gaps, ((0, 0), (0, 1)))
    assert (by_codes.rows == plainly.rows)[alone].all()


@pytest.mark.parametrize("search", ["codes", "plain"])
def test_of_copies_of_a_row_the_earlier_comes_first(search: str) -> None:
    matrix = shapes("bell", 1000, 30, 1)
    matrix[[400, 901, 37]] = matrix[650]
    codes = coded(matrix) if search == "codes" else None
    found = nearest(matrix, unit_rows(matrix[650:651]), count=3, codes=codes)
    assert found.rows[0].tolist() == [37, 400, 650]


def test_rows_that_lie_in_memory_past_a_limit_are_not_found() -> None:
    matrix = shapes("bell", 2 * LANES + 5, 8, 2)
    codes = coded(matrix)
    found = nearest(matrix[:LANES], unit_rows(matrix[LANES + 1 : LANES + 2]), count=LANES, codes=codes)
    assert sorted(found.rows[0].tolist()) == list(range(LANES))


def test_many_questions_are_answered_as_one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    matrix = shapes("bell", 3000, 20, 4)
    codes, directions = coded(matrix), unit_rows(matrix[:40])
    together = nearest(matrix, directions, count=5, codes=codes)
    monkeypatch.setattr(exact, "SUMS_AT_ONCE", 3 * 3072)  # so that questions are taken three at a time
    apart = nearest(matrix, directions, count=5, codes=codes)
    assert (together.rows == apart.rows).all()
    assert [row.tolist() for row in together.rows[:2]] == [
        by_a_loop(matrix, direction, 5) for direction in directions[:2]
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_the_angle_between_a_row_and_its_code_is_what_the_code_claims(kind: str) -> None:
    matrix = shapes(kind, 200, 31, 3)
    codes = coded(matrix)
    for row in range(len(matrix)):
        block, lane = divmod(row, LANES)
        words = codes.packed[block, :, lane].astype(int)
        levels = np.stack([words & 31, words >> 5 & 31, words >> 10], axis=1).ravel()[:31] - 16
        code, exact_row = levels * codes.levels, matrix[row].astype(np.float64)
        if not exact_row.any() or codes.tangents[block, lane] > 1e20:
            continue
        cosine = code @ exact_row / np.linalg.norm(code) / np.linalg.norm(exact_row)
        assert math.acos(min(cosine, 1)) <= math.atan(codes.tangents[block, lane]) + 1e-7
        assert np.linalg.norm(levels) <= codes.longest + 1e-9


@pytest.mark.parametrize("width", [1, 3, 100, 300, 1024])
def test_sums_of_sixteen_bits_cannot_overflow(width: int) -> None:
    # by the inequality of Cauchy and Schwarz: |c · r| ≤ |c| |r|
    matrix = shapes("heavy", 300, width, 6)
    codes = coded(matrix)
    asked = questioned(codes, unit_rows(np.concatenate([matrix[:20], np.eye(1, width, dtype=np.float32)])))
    rounded = asked.multipliers.copy()  # undo what makes them fit whole words, in 16 bits that wrap around
    rounded[..., 1] += rounded[..., 0] << 5
    rounded[..., 2] += rounded[..., 1] << 5
    lengths = np.linalg.norm(rounded.reshape(len(rounded), -1).astype(np.float64), axis=1)
    assert (lengths * codes.longest <= 2**15 - 1).all()
    assert (lengths > 0).all()


def test_a_word_with_a_value_that_is_not_finite_is_refused_by_name() -> None:
    matrix = np.ones((FEW_ROWS + 5, 4), np.float32)
    matrix[70, 2] = np.nan
    vectors = Vectors(tuple(map(str, range(len(matrix)))), matrix)
    for ask in (lambda: vectors.neighbors("3"), lambda: vectors.similarity("3", "70")):
        with pytest.raises(DataError, match='the vector of "70" must hold finite numbers'):
            ask()


def test_a_large_vocabulary_is_searched_by_codes_and_a_small_one_is_not() -> None:
    many = Vectors(tuple(map(str, range(FEW_ROWS + 1))), shapes("bell", FEW_ROWS + 1, 3, 0))
    assert many._codes is not None
    few = Vectors(("a", "b"), shapes("bell", 2, 3, 0))
    assert few._codes is None
    direction = unit_rows(many.matrix[7:8])[0]
    order = [row for row in by_a_loop(many.matrix, direction, 6) if row != 7][:5]
    assert [neighbor.word for neighbor in many.neighbors("7", 5)] == [str(row) for row in order]
