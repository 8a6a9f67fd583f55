"""Summaries of values seen once: exact while little was seen, then wrong by no more than they say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import settings as given_settings
from hypothesis import strategies as st

from fitwell.data.sketches import CHUNK, FrequentValues, Moments, QuantileSketch, joined, moments_of

SHARES = np.linspace(0, 1, 101)
SHAPES: dict[str, Callable[[np.random.Generator, int], np.ndarray]] = {
    "normal": lambda random, count: random.normal(size=count),
    "sorted": lambda random, count: np.sort(random.normal(size=count)),
    "falling": lambda random, count: np.arange(count, 0, -1.0),
    "skewed": lambda random, count: random.lognormal(0, 3, size=count),
    "repeated": lambda random, count: random.integers(0, 7, size=count).astype(float),
    "mostly zero": lambda random, count: np.where(random.random(count) < 0.9, 0.0, random.normal(size=count)),
}


def sketch_of(values: np.ndarray, part: int) -> QuantileSketch:
    sketch = QuantileSketch()
    for start in range(0, len(values), part):
        sketch.add(values[start : start + part])
    return sketch


def rank_errors(values: np.ndarray, found: np.ndarray) -> np.ndarray:
    """Return how far each quantile's true shares, of values below and up to it, are from the share asked for."""
    ordered = np.sort(values)
    below, up_to = (np.searchsorted(ordered, found, side=side) / len(values) for side in ("left", "right"))
    return np.maximum(np.maximum(below - SHARES, SHARES - up_to), 0)


@pytest.mark.parametrize("shape", SHAPES)
def test_quantiles_of_many_values_are_as_near_as_promised(shape: str) -> None:
    values = SHAPES[shape](np.random.default_rng(0), 700_001)
    sketch = sketch_of(values, 30_011)
    errors = rank_errors(values, sketch.quantiles(SHARES))
    assert 0 < sketch.rank_error < 0.002
    assert errors.max() <= sketch.rank_error + 1 / len(values)
    assert sketch.quantiles(np.array([0.0, 1.0])).tolist() == [values.min(), values.max()]


def test_what_the_points_stand_for_adds_up_to_all_values() -> None:
    values = np.random.default_rng(1).normal(size=5 * CHUNK + 321)
    points, weights = sketch_of(values, 10_000).points()
    assert weights.sum() == len(values)
    assert np.all(np.diff(points) >= 0)
    assert set(points) <= set(values)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=60), st.integers(1, 20))
@given_settings(max_examples=60, deadline=None)
def test_quantiles_of_few_values_are_numpys(values: list[float], part: int) -> None:
    array = np.array(values)
    assert np.array_equal(sketch_of(array, part).quantiles(SHARES), np.quantile(array, SHARES))


def test_merged_sketches_are_as_near_as_promised() -> None:
    values = np.random.default_rng(2).gamma(0.5, size=400_000)
    whole = QuantileSketch()
    for part in np.array_split(values, [90_000, 91_000, 260_000]):
        whole.merge(sketch_of(part, 40_000))
    assert whole.count == len(values)
    assert rank_errors(values, whole.quantiles(SHARES)).max() <= whole.rank_error + 1 / len(values)


@given(st.lists(st.lists(st.floats(-1e3, 1e3), max_size=8), min_size=1, max_size=6))
@given_settings(max_examples=60, deadline=None)
def test_moments_of_parts_are_those_of_the_whole(parts: list[list[float]]) -> None:
    found = Moments()
    for part in parts:
        found = joined(found, moments_of(np.array(part, dtype=float)))
    values = np.array([value for part in parts for value in part])
    assert found.count == len(values)
    if len(values):
        expected = (values.mean(), values.std(), values.min(), values.max())
        # A float64 sum of under 50 numbers of at most 1000 is right to about 1e-11.
        assert (found.mean, found.deviation, found.minimum, found.maximum) == pytest.approx(expected, abs=1e-6)


def test_moments_do_not_lose_a_small_spread_far_from_zero() -> None:
    values = 1e9 + np.random.default_rng(3).normal(size=100_000)
    found = Moments()
    for part in np.array_split(values, 13):
        found = joined(found, moments_of(part))
    assert found.deviation == pytest.approx(values.std(), rel=1e-9)


@given(st.lists(st.lists(st.sampled_from("abcdefgh"), max_size=30), min_size=1, max_size=8), st.integers(1, 8))
@given_settings(max_examples=120, deadline=None)
def test_frequent_values_are_counted_as_near_as_promised(parts: list[list[str]], most: int) -> None:
    sketch, other = FrequentValues(most), FrequentValues(most)
    for place, part in enumerate(parts):
        (sketch if place % 2 else other).add(pl.Series("x", part, dtype=pl.String))
    sketch.merge(other)
    truth = Counter(value for part in parts for value in part)
    found = dict(sketch.counts().iter_rows())
    assert len(found) <= most
    assert sketch.undercount <= sum(truth.values()) / (most + 1)
    assert all(0 <= truth[value] - count <= sketch.undercount for value, count in found.items())
    assert all(value in found for value, count in truth.items() if count > sketch.undercount)
    if len(truth) <= most:
        assert found == truth


def test_counts_come_the_most_frequent_first_and_equals_by_value() -> None:
    sketch = FrequentValues()
    sketch.add(pl.Series(["b", "a", None, "c"]))
    sketch.add(pl.Series(["c", None]))
    assert sketch.counts().rows() == [("c", 2), ("a", 1), ("b", 1)]
