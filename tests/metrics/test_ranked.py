"""One sort by integers ranks as the order of the scores does, and luck of the ranking is what enumeration says."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fitwell.metrics.inputs import label_values
from fitwell.metrics.ranked import (
    Places,
    average_precision_influence,
    average_precision_luck,
    packed,
    ranked,
    ranked_with_groups,
)

SCORES = st.floats(0, 2, exclude_max=True) | st.sampled_from([0.0, -0.0, 0.5, 5e-324, 1.9999999999999998])


@given(rows=st.lists(st.tuples(st.booleans(), SCORES), min_size=1, max_size=50), weight=st.sampled_from([1.0, 0.3]))
def test_packing_labels_into_the_bits_of_scores_ranks_as_sorting_them_does(
    rows: list[tuple[bool, float]], weight: float
) -> None:
    hits, scores = np.array([hit for hit, _ in rows]), np.array([score for _, score in rows])
    fast = packed(hits, scores, weight=weight)
    slow, group = ranked_with_groups(hits, scores, np.full(len(rows), weight))
    assert fast.scores.tolist() == slow.scores.tolist()
    for part in ("positive", "negative", "positive_squares", "negative_squares"):
        assert getattr(fast, part) == pytest.approx(getattr(slow, part), abs=1e-12)
    assert slow.scores[group].tolist() == scores.tolist()


def test_average_precision_without_its_luck_is_the_base_rate_for_a_random_order() -> None:
    found = []
    for order in permutations([True, True, False, False, False]):
        rows = ranked(np.array(order), np.arange(5, 0, -1) / 10, np.ones(5))
        found.append(average_precision_influence(rows).value - average_precision_luck(rows))
    assert np.mean(found) == pytest.approx(2 / 5, abs=1e-12)


def test_places_share_a_group_that_straddles_them() -> None:
    mass = np.array([1.0, 3.0, 2.0])
    places = Places.at(mass, np.cumsum(mass), np.array([0.0, 1 / 3, 1.0]))
    # two of the six lie above the second place: the first group, and a third of the second
    assert places.reached(np.array([5.0, 9.0, 7.0])) == pytest.approx([0.0, 5 + 9 / 3, 21.0])


@given(labels=st.lists(st.integers(-3, 4), min_size=1) | st.lists(st.booleans(), min_size=1))
def test_labels_are_counted_as_they_would_be_sorted(labels: list[int] | list[bool]) -> None:
    values, codes = label_values(np.array(labels))
    expected, places = np.unique(np.array(labels), return_inverse=True)
    assert (values.tolist(), codes.tolist()) == (expected.tolist(), places.tolist())
    assert values.dtype == expected.dtype
