"""A search fits into its time by what the machine does in a second."""

from __future__ import annotations

import pytest

from fitwell.learning import Pace, Setup
from fitwell.tuning.budget import SEARCH_SHARE, TRAINING_SHARE, affordable, size_of


@pytest.mark.parametrize("seconds", [0.0, 1.0, 10.0, 40.0, 100.0, 1000.0])
def test_search_and_training_take_their_shares_at_most(seconds: float, setup: Setup) -> None:
    pace = Pace(step=0.01, look=0.06)  # 4 steps and a look: a tenth of a second
    size = affordable(setup, 24, pace=pace, seconds=seconds)
    assert size.epochs == 1 or 0.1 * size.epochs <= TRAINING_SHARE * seconds + 1e-9
    assert size.trials == 2 or 0.1 * size.work <= SEARCH_SHARE * seconds
    assert size.rungs[-1] <= size.epochs


def test_with_time_enough_nothing_is_left_out(setup: Setup) -> None:
    size = affordable(setup, 24, pace=Pace(step=1e-6, look=1e-6), seconds=60.0)
    assert size == size_of(setup, 24, epochs=60)
    assert (size.trials, size.rungs, size.survivors) == (24, (1, 2, 4, 8, 12), (12, 8, 4, 3, 1))


def test_more_time_is_a_larger_search(setup: Setup) -> None:
    sizes = [affordable(setup, 24, pace=Pace(step=0.01, look=0.06), seconds=seconds) for seconds in (5, 20, 30, 80)]
    assert [(size.epochs, size.trials) for size in sizes] == sorted((size.epochs, size.trials) for size in sizes)
