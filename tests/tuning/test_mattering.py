"""What mattered is found where it was planted, and nothing is found where there is nothing."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from fitwell.recipe import Range
from fitwell.space import Dimension, dimension_of
from fitwell.tuning.halving import ranked
from fitwell.tuning.mattering import share_of, shares
from fitwell.tuning.trials import Trial, latin_hypercube

SPACE = (
    dimension_of("training.learning_rate", Range(low=1e-4, high=1.0, scale="log"), why=""),
    dimension_of("network.dropout", Range(low=0.0, high=0.5), why=""),
    dimension_of("network.hidden", Range(among=((8,), (16,), (8, 8))), why=""),
)


def trials_in(space: tuple[Dimension, ...], count: int, seed: int) -> list[Trial]:
    cube = latin_hypercube(count, len(space), seed=seed)
    return [{each.path: each.value(place) for each, place in zip(space, row, strict=True)} for row in cube]


def test_a_share_is_the_adjusted_r_squared_of_a_regression() -> None:
    random = np.random.default_rng(0)
    x, noise = random.random(30), random.normal(size=30)
    found = share_of(x[:, None], 2 * x + noise, confidence=0.95)
    line = stats.linregress(x, 2 * x + noise)
    assert found.value == pytest.approx(1 - (1 - line.rvalue**2) * 29 / 28)
    assert found.matters == (line.pvalue < 0.025)


def test_the_ends_of_an_interval_are_where_the_found_f_is_just_likely_enough() -> None:
    """By drawing F as what it is, a ratio of sums of squares of normal numbers."""
    random = np.random.default_rng(1)
    x, noise = random.random(25), random.normal(size=25)
    columns = np.column_stack([x, x**2])
    share = share_of(columns, 1.5 * x + noise, confidence=0.9)
    assert share.low is not None
    assert share.high is not None
    design = np.column_stack([np.ones(25), columns])
    fitted = design @ np.linalg.lstsq(design, 1.5 * x + noise, rcond=None)[0]
    values = 1.5 * x + noise
    found = (((fitted - values.mean()) ** 2).sum() / 2) / (((values - fitted) ** 2).sum() / 22)
    for end, likely in ((share.low, 0.95), (share.high, 0.05)):
        noncentrality = 25 * end / (1 - end)
        first = random.normal(size=(200_000, 2))
        first[:, 0] += math.sqrt(noncentrality)
        drawn = (first**2).sum(1) / 2 / (random.chisquare(22, size=200_000) / 22)
        assert (drawn < found).mean() == pytest.approx(likely, abs=0.003)  # five standard errors


def test_intervals_hold_as_often_as_they_claim() -> None:
    """Five hundred searches with a known share: 95 % ± 3 standard errors of the coverage."""
    random = np.random.default_rng(2)
    held = 0
    for _ in range(500):
        x = (random.permutation(24) + random.random(24)) / 24
        effect = 2 * x**2
        truth = ((effect - effect.mean()) ** 2).sum()
        truth /= truth + 24 * 0.25
        share = share_of(np.column_stack([x, x**2]), effect + random.normal(scale=0.5, size=24), confidence=0.95)
        assert share.low is not None
        assert share.high is not None
        held += share.low <= truth <= share.high
    assert abs(held / 500 - 0.95) < 3 * math.sqrt(0.95 * 0.05 / 500)


def test_the_setting_that_decides_is_found_and_the_others_are_not() -> None:
    for seed in range(10):
        trials = trials_in(SPACE, 24, seed)
        random = np.random.default_rng(seed)
        losses = {
            number: math.log10(trial["training.learning_rate"] / 0.01) ** 2 + random.normal(scale=0.3)
            for number, trial in enumerate(trials)
        }
        found = shares(SPACE, trials, ranked(losses))
        assert found["training.learning_rate"].matters
        assert found["training.learning_rate"].value > 0.5  # type: ignore[operator]
        assert not found["network.dropout"].matters
        assert not found["network.hidden"].matters


def test_a_shape_that_decides_is_found() -> None:
    for seed in range(10):
        trials, noise = trials_in(SPACE, 24, seed), np.random.default_rng(seed).random(24)
        losses = {number: len(trial["network.hidden"]) + noise[number] for number, trial in enumerate(trials)}
        assert shares(SPACE, trials, ranked(losses))["network.hidden"].matters


def test_where_nothing_matters_something_is_found_in_one_search_of_twenty_at_most() -> None:
    random = np.random.default_rng(3)
    designs = [trials_in(SPACE, 24, seed) for seed in range(20)]
    wrong = 0
    for search in range(200):
        losses = dict(enumerate(random.normal(size=24)))
        wrong += any(share.matters for share in shares(SPACE, designs[search % 20], ranked(losses)).values())
    assert wrong / 200 < 0.05 + 3 * math.sqrt(0.05 * 0.95 / 200)


def test_a_trial_that_came_to_nothing_counts_as_the_last_and_not_more() -> None:
    trials = trials_in(SPACE, 24, 0)
    losses = {number: trial["network.dropout"] for number, trial in enumerate(trials)}
    worst = max(losses, key=lambda trial: losses[trial])
    assert shares(SPACE, trials, ranked(losses | {worst: math.inf})) == shares(SPACE, trials, ranked(losses))


def test_too_few_trials_say_nothing() -> None:
    trials = trials_in(SPACE, 3, 0)
    found = shares(SPACE, trials, [0, 1, 2])
    assert all(share.value is None and not share.matters for share in found.values())


def test_trials_that_are_all_alike_say_nothing() -> None:
    assert share_of(np.arange(9.0)[:, None], np.ones(9), confidence=0.95).value is None
