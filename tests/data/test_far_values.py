"""What lies far is beyond a gap, and not the end of a long tail."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import lognorm, t

from fitwell.data.far_values import far_values

PLACES = np.linspace(0, 1, 2001)[1:-1, None]


@pytest.mark.parametrize("tail", [lognorm(1.5).ppf(PLACES), t(3).ppf(PLACES), np.ones((100, 1))])
def test_the_end_of_a_long_tail_is_not_far(tail: np.ndarray) -> None:
    assert not far_values(tail).rows.any()


def test_a_few_beyond_a_gap_are_counted_and_their_distance_is_in_spreads_of_the_middle_half() -> None:
    values = lognorm(1.0).ppf(PLACES)
    values[[7, 500], 0] = 400.0, -300.0
    found = far_values(np.concatenate([np.ones_like(values), values], axis=1))
    assert np.flatnonzero(found.rows).tolist() == [7, 500]
    low, middle, high = np.percentile(values, [25, 50, 75])
    assert found.distances[7] == pytest.approx((400 - middle) / ((high - low) / 1.349))


def test_many_that_lie_apart_are_a_kind_of_their_own() -> None:
    assert not far_values(np.repeat([[1.0], [2.0], [3.0], [1000.0]], [40, 40, 40, 30], axis=0)).rows.any()


def test_of_draws_with_heavy_tails_few_are_taken_for_such_and_all_slipped_points_are_found() -> None:
    random = np.random.default_rng(7)
    tails = sum(bool(far_values(random.lognormal(1.0, 1.0, (1000, 1))).rows.any()) for _ in range(200))
    assert tails <= 8  # 0.5 % of such draws, seen over thousands
    for _ in range(20):
        values = random.normal(200, 40, (1000, 1))
        slipped = random.random((1000, 1)) < 0.02
        assert far_values(np.where(slipped, 100 * values, values)).rows.sum() == slipped.sum()
