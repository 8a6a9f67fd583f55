"""Where a row belongs is known row by row, and nothing in the data can tell it beforehand."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import settings as given_settings
from hypothesis import strategies as st
from scipy.stats import kstest

from fitwell.data.hashing import uniform_of_rows, uniform_of_values

COUNT = 100_000


def splitmix64(number: int, key: int) -> int:
    """SplitMix64 as published, in Python's whole numbers."""
    z = ((number + 1) * 0x9E3779B97F4A7C15 + key) % 2**64
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB % 2**64
    return z ^ (z >> 31)


def test_numbers_are_mixed_as_published() -> None:
    key = int(np.random.SeedSequence([7, 1]).generate_state(1, np.uint64)[0])
    expected = [(splitmix64(row, key) >> 11) * 2.0**-53 for row in range(5, 25)]
    assert uniform_of_rows(5, 20, seed=7, stream=1).tolist() == expected


@pytest.mark.parametrize("seed", range(3))
def test_numbers_are_uniform_and_streams_are_independent(seed: int) -> None:
    one, other = (uniform_of_rows(0, COUNT, seed=seed, stream=stream) for stream in (0, 1))
    assert kstest(one, "uniform").pvalue > 1e-3
    # Of independent numbers a correlation spreads by 1/√n, here 0.003.
    for pair in ((one, other), (one[:-1], one[1:]), (one, uniform_of_rows(0, COUNT, seed=seed + 9, stream=0))):
        assert abs(np.corrcoef(*pair)[0, 1]) < 0.015


@given(st.integers(0, 2**40), st.integers(1, 50), st.integers(0, 49))
@given_settings(max_examples=50, deadline=None)
def test_a_rows_number_does_not_depend_on_where_reading_begins(first: int, count: int, skipped: int) -> None:
    skipped = min(skipped, count)
    whole = uniform_of_rows(first, count, seed=0, stream=0)
    assert np.array_equal(whole[skipped:], uniform_of_rows(first + skipped, count - skipped, seed=0, stream=0))
    assert np.all((whole >= 0) & (whole < 1))


def test_equal_values_have_equal_numbers_in_any_company() -> None:
    values = pl.Series([f"group {number}" for number in range(5_000)])
    whole = uniform_of_values(values, seed=3, stream=0)
    assert kstest(whole, "uniform").pvalue > 1e-3
    assert uniform_of_values(pl.Series(["group 7", "new", "group 7"]), seed=3, stream=0)[[0, 2]].tolist() == [
        whole[7],
        whole[7],
    ]
    assert uniform_of_values(pl.Series([7, 8]), seed=3, stream=0).tolist() == (
        uniform_of_values(pl.Series(["7", "8"]), seed=3, stream=0).tolist()
    )
