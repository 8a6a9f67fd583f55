"""Every value of a text file becomes the float32 that Python's `float`, rounded once more, gives."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fitwell.errors import DataError
from fitwell.vectors import load

DIGITS = st.text("0123456789", min_size=1, max_size=30)
TEXTS = st.builds(
    lambda sign, whole, fraction, exponent: sign + whole + fraction + exponent,
    st.sampled_from(["", "-", "+"]),
    DIGITS,
    st.one_of(st.just(""), st.just("."), DIGITS.map(lambda digits: "." + digits)),
    st.one_of(st.just(""), st.integers(-60, 12).map(lambda power: f"e{power}"), st.just("E+3")),
)
LARGEST = float(np.finfo(np.float32).max)


def values_of(texts: list[str], folder: Path) -> np.ndarray:
    """Read the texts as the values of one word."""
    path = folder / "values.txt"
    path.write_text(f"1 {len(texts)}\nword {' '.join(texts)}\n")
    return np.array(load(path).matrix[0])


def expected(texts: list[str]) -> np.ndarray:
    """Convert as Python and NumPy do."""
    return np.array([float(text) for text in texts], np.float64).astype(np.float32)


def same_bits(left: np.ndarray, right: np.ndarray) -> bool:
    """Compare with the sign of zero."""
    return left.tobytes() == right.tobytes()


@settings(max_examples=300, deadline=None)
@given(texts=st.lists(TEXTS.filter(lambda text: abs(float(text)) < LARGEST), min_size=1, max_size=20))
@example(texts=["0", "-0.0", "1e-45", "7e-46", "1.17549435e-38", "3.4028234e38", ".5", "5.", "00012.50"])
@example(texts=["16777217", "16777217.0000000000000000000001", "16777216.999999999999999999999"])
@example(
    texts=["1e-400", "0e999", "123456789012345678901234567890e-30", "0.00000000000000000000000000000000000000001e41"]
)
def test_a_value_is_read_as_python_reads_it(texts: list[str], tmp_path_factory: pytest.TempPathFactory) -> None:
    assert same_bits(values_of(texts, tmp_path_factory.mktemp("values")), expected(texts))


@settings(max_examples=100, deadline=None)
@given(values=st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1, max_size=20))
def test_any_float32_comes_back_from_its_shortest_text(
    values: list[float], tmp_path_factory: pytest.TempPathFactory
) -> None:
    exact = np.array(values, np.float32)
    texts = [str(value) for value in exact]
    assert same_bits(values_of(texts, tmp_path_factory.mktemp("values")), exact)


def test_values_next_to_the_borders_of_rounding_are_right(tmp_path: Path) -> None:
    # Halfway between two float32, and a hair beside it: what a rounded product cannot decide.
    generator = np.random.default_rng(0)
    low = generator.integers(1, 0x7F000000, 3000).astype(np.uint32).view(np.float32).astype(np.float64)
    high = np.nextafter(low.astype(np.float32), np.float32(np.inf)).astype(np.float64)
    middles = (low + high) / 2
    around = [middles, np.nextafter(middles, 0), np.nextafter(middles, np.inf)]
    texts = [f"{value:.{digits}e}" for values in around for value in values for digits in (16, 25)]
    assert same_bits(values_of(texts, tmp_path), expected(texts))


@pytest.mark.parametrize("text", ["nan", "-inf", "1e39", "3.4028236e38", "1_0", "0x1p3", "--1", "1e", ".", "e5", "1,5"])
def test_what_is_no_finite_number_is_refused_with_its_place(text: str, tmp_path: Path) -> None:
    path = tmp_path / "values.txt"
    path.write_text(f"2 2\nfine 1 2\nword 1 {text}\n")
    with pytest.raises(DataError, match=r"line 3: value 2 must be a finite number .*, but is ") as refusal:
        load(path)
    assert f'"{text}"' in str(refusal.value)


def test_the_largest_float32_is_the_border_of_what_is_read(tmp_path: Path) -> None:
    # 2^128 - 2^103 lies halfway between the largest float32 and what would come next; below it is the next float64.
    assert values_of(["3.4028235677973362e38"], tmp_path)[0] == np.float32(LARGEST)
    with pytest.raises(DataError, match="finite number"):
        values_of(["3.4028235677973366e38"], tmp_path)
