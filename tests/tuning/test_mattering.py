"""What mattered is found where it was planted, when it did, and nothing is found where there is nothing."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pytest
from scipy import stats

from fitwell.recipe import Range
from fitwell.space import Dimension, dimension_of
from fitwell.tuning.halving import ranked
from fitwell.tuning.mattering import FEWEST, Share, share_of, what_mattered
from fitwell.tuning.searching import Rung
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


def shares(trials: Sequence[Trial], losses: Mapping[int, float]) -> Mapping[str, Share]:
    """Return what mattered where trials were compared once."""
    (found,) = what_mattered(SPACE, trials, [rung_of(losses, 1)])
    return found.shares


def rung_of(losses: Mapping[int, float], kept: int, *, epochs: float = 1) -> Rung:
    return Rung(epochs=epochs, losses=losses, kept=tuple(ranked(losses)[:kept]))


def halved(trials: Sequence[Trial], loss: Callable[[int, float], float]) -> list[Rung]:
    """Return the comparisons of a search whose losses are known: all trials, half of them, and so forth."""
    rungs: list[Rung] = []
    left = tuple(range(len(trials)))
    for step in range(4):
        losses = {trial: loss(trial, 4.0**step) for trial in left}
        rungs.append(rung_of(losses, len(left) // 2, epochs=4.0**step))
        left = rungs[-1].kept
    return rungs


def place(trial: Trial) -> float:
    """Return where the rate lies, from 0 to 1."""
    return float(SPACE[0].place(trial["training.learning_rate"]))


def test_the_setting_that_decides_is_found_and_the_others_are_not() -> None:
    for seed in range(10):
        trials = trials_in(SPACE, 24, seed)
        random = np.random.default_rng(seed)
        losses = {
            number: math.log10(trial["training.learning_rate"] / 0.01) ** 2 + random.normal(scale=0.3)
            for number, trial in enumerate(trials)
        }
        found = shares(trials, losses)
        assert found["training.learning_rate"].matters
        assert found["training.learning_rate"].value > 0.5  # type: ignore[operator]
        assert found["training.learning_rate"].ahead == "middle"
        assert not found["network.dropout"].matters
        assert not found["network.hidden"].matters
        assert found["network.hidden"].ahead is None


@pytest.mark.parametrize(
    ("loss", "ahead"),
    [
        (lambda x: -x, "higher"),
        (lambda x: -(x**3), "higher"),  # nearly flat first, and still it only falls
        (lambda x: math.exp(3 * x), "lower"),
        (lambda x: abs(x - 0.5), "middle"),
        (lambda x: -abs(x - 0.5), "ends"),
        (lambda x: (x - 0.85) ** 2, "higher"),  # falls along nearly all of the range
    ],
)
def test_which_numbers_are_ahead_is_told(loss: Callable[[float], float], ahead: str) -> None:
    for seed in range(10):
        trials, noise = trials_in(SPACE, 32, seed), np.random.default_rng(seed).normal(scale=0.02, size=32)
        losses = {number: loss(place(trial)) + noise[number] for number, trial in enumerate(trials)}
        assert shares(trials, losses)["training.learning_rate"].ahead == ahead


def test_a_shape_that_decides_is_found_with_the_best() -> None:
    for seed in range(10):
        trials, noise = trials_in(SPACE, 24, seed), np.random.default_rng(seed).random(24)
        losses = {number: -trial["network.hidden"][-1] / 8 + noise[number] for number, trial in enumerate(trials)}
        found = shares(trials, losses)["network.hidden"]
        assert found.matters
        assert found.ahead == (16,)


def test_what_is_ahead_early_and_behind_later_is_told_of_both_times() -> None:
    """As learning rates are: with high ones losses fall faster first, and end higher."""
    for seed in range(10):
        trials, noise = trials_in(SPACE, 64, seed), np.random.default_rng(seed).normal(scale=0.03, size=(64, 4))

        def loss(trial: int, epochs: float, trials: list[Trial] = trials, noise: np.ndarray = noise) -> float:
            rate = place(trials[trial])
            told = -rate if epochs < 4 else rate
            return told + float(noise[trial, int(math.log(epochs, 4))])

        first, second, third, *_ = what_mattered(SPACE, trials, halved(trials, loss))
        assert [(each.epochs, each.trials) for each in (first, second, third)] == [(1, 64), (4, 32), (16, 16)]
        aheads = [each.shares["training.learning_rate"].ahead for each in (first, second, third)]
        assert aheads == ["higher", "lower", "lower"]
        assert not any(each.shares["network.dropout"].matters for each in (first, second, third))


def test_comparisons_of_too_few_trials_are_not_asked() -> None:
    trials = trials_in(SPACE, 32, 0)
    found = what_mattered(SPACE, trials, halved(trials, lambda trial, _: trial))
    assert [each.trials for each in found] == [32, 16, FEWEST]


def test_a_setting_that_too_few_trials_have_says_nothing() -> None:
    trials = trials_in(SPACE, 24, 0)
    lacking = [trial if number < FEWEST - 1 else {} for number, trial in enumerate(trials)]
    for path in ("training.learning_rate", "network.hidden"):
        found = shares(lacking, {number: place(trial) for number, trial in enumerate(trials)})[path]
        assert (found.value, found.matters) == (None, False)


@pytest.mark.parametrize("lasting", [0.0, 1.0], ids=["losses anew each time", "lasting losses"])
def test_where_nothing_matters_something_is_found_in_one_search_of_twenty_at_most(lasting: float) -> None:
    """Over all comparisons together, though each leaves only the better trials to the next."""
    random = np.random.default_rng(3)
    designs = [trials_in(SPACE, 32, seed) for seed in range(20)]
    wrong = 0
    for number in range(200):
        own = lasting * random.normal(size=32)
        rungs = halved(designs[number % 20], lambda trial, _, own=own: own[trial] + random.normal())  # type: ignore[misc]
        found = what_mattered(SPACE, designs[number % 20], rungs)
        wrong += any(share.matters for each in found for share in each.shares.values())
    assert wrong / 200 < 0.05 + 3 * math.sqrt(0.05 * 0.95 / 200)


def test_a_setting_without_effect_is_not_found_among_trials_that_another_chose() -> None:
    """The other decides who is left, and must be found at first; whoever is left, this one still does nothing."""
    random = np.random.default_rng(4)
    designs = [trials_in(SPACE, 32, seed) for seed in range(20)]
    wrong = right = 0
    for number in range(200):
        trials = designs[number % 20]
        own = [2 * place(trial) + random.normal(scale=0.4) for trial in trials]
        found = what_mattered(SPACE, trials, halved(trials, lambda trial, _, own=own: own[trial]))  # type: ignore[misc]
        right += found[0].shares["training.learning_rate"].matters
        wrong += any(each.shares[path].matters for each in found for path in ("network.dropout", "network.hidden"))
    assert right > 190
    assert wrong / 200 < 0.05 + 3 * math.sqrt(0.05 * 0.95 / 200)


def test_a_trial_that_came_to_nothing_counts_as_the_last_and_not_more() -> None:
    trials = trials_in(SPACE, 24, 0)
    losses = {number: trial["network.dropout"] for number, trial in enumerate(trials)}
    worst = max(losses, key=lambda trial: losses[trial])
    assert shares(trials, losses | {worst: math.inf}) == shares(trials, losses)


def test_a_search_of_too_few_trials_is_not_asked() -> None:
    trials = trials_in(SPACE, 3, 0)
    assert what_mattered(SPACE, trials, [rung_of({0: 0.1, 1: 0.2, 2: 0.3}, 1)]) == ()


def test_trials_that_are_all_alike_say_nothing() -> None:
    assert share_of(np.arange(9.0)[:, None], np.ones(9), confidence=0.95).value is None
