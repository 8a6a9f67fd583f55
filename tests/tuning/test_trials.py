"""Trials cover the space: every setting evenly, no two settings together, the recipe itself first."""

from __future__ import annotations

import numpy as np
import pytest

from fitwell.recipe import changed, parse, setting
from fitwell.space import space_of
from fitwell.tuning.trials import latin_hypercube, trials_of

CHOSEN = parse(
    {
        "network": {"hidden": [128, 128, 128], "activation": "silu", "dropout": 0.1},
        "training": {"learning_rate": 0.002, "weight_decay": 0.1, "optimizer": "adamw"},
    }
)


@pytest.mark.parametrize(("points", "dimensions"), [(1, 1), (2, 5), (7, 1), (23, 5), (100, 9)])
def test_each_part_of_each_dimension_has_one_point(points: int, dimensions: int) -> None:
    cube = latin_hypercube(points, dimensions, seed=3)
    assert cube.shape == (points, dimensions)
    parts = np.sort((cube * points).astype(int), axis=0)
    assert np.array_equal(parts, np.tile(np.arange(points)[:, None], (1, dimensions)))


def test_dimensions_are_less_correlated_than_by_chance() -> None:
    """Chance alone correlates some two of five dimensions of 23 points by about 0.4."""
    for seed in range(5):
        correlations = np.corrcoef(latin_hypercube(23, 5, seed=seed), rowvar=False) - np.eye(5)
        assert np.abs(correlations).max() < 0.25


def test_the_first_trial_is_the_recipe_and_the_seed_decides_the_others() -> None:
    space = space_of(parse({}), CHOSEN)
    one, same, other = (trials_of(space, 12, chosen=CHOSEN, seed=seed) for seed in (1, 1, 2))
    assert one[0] == {each.path: setting(CHOSEN, each.path) for each in space}
    assert one == same
    assert one[0] == other[0]
    assert one[1:] != other[1:]
    assert len(one) == 12


def test_no_trial_comes_twice_where_a_space_is_small() -> None:
    ranges = {"network.activation": {"among": ["silu", "relu", "tanh"]}}
    space = space_of(parse({"tune": {"ranges": ranges}}), CHOSEN)
    trials = trials_of(space, 20, chosen=CHOSEN, seed=0)
    assert sorted(trial["network.activation"] for trial in trials) == ["relu", "silu", "tanh"]


def test_every_trial_is_a_recipe() -> None:
    space = space_of(parse({}), CHOSEN)
    for trial in trials_of(space, 24, chosen=CHOSEN, seed=0):
        recipe = changed(CHOSEN, trial)
        assert all(setting(recipe, path) == value for path, value in trial.items())
