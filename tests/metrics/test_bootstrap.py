"""Resamples of a shared sort against closed forms, and the intervals of all figures against resamples."""

from __future__ import annotations

import numpy as np
import pytest

from fitwell.metrics import METRICS, Figure, binary, bootstrap

COSTS = (1.0, 5.0)
BINARY = [name for name, metric in METRICS.items() if "binary" in metric.tasks]


def made_rows(rows: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(0)
    labels = generator.random(rows) < 0.3
    return labels, 1 / (1 + np.exp(-generator.normal(1.5 * labels - 1.4)))


def test_every_figure_is_resampled_and_a_loss_without_probabilities_is_not() -> None:
    labels, scores = made_rows(200)
    assert set(bootstrap(labels, scores, draws=20)) == set(binary(labels, scores))
    assert set(bootstrap(labels, scores, costs=COSTS, draws=20)) == set(BINARY)
    left_out = {name for name in BINARY if METRICS[name].needs_probabilities}
    assert set(binary(labels, scores)) - set(bootstrap(labels, 3 * scores, draws=20)) == left_out


@pytest.mark.parametrize("rows", [1500, 40_000])  # resampled row by row, and in neighborhoods
def test_resamples_of_a_share_vary_as_a_share_does(rows: int) -> None:
    labels, scores = made_rows(rows)
    drawn = bootstrap(labels, scores, draws=2000)
    recall = float((scores[labels] >= 0.5).mean())
    # 2,000 resamples know a standard deviation to 1.6 %
    assert drawn["recall"].mean() == pytest.approx(recall, abs=0.1 * drawn["recall"].std())
    assert drawn["recall"].std() == pytest.approx(np.sqrt(recall * (1 - recall) / labels.sum()), rel=0.06)


@pytest.mark.parametrize("weighted", [False, True])
def test_intervals_are_as_wide_as_resamples_vary(weighted: bool) -> None:
    labels, scores = made_rows(4000)
    weights = np.exp(0.5 * np.random.default_rng(1).standard_normal(4000)) * (1 + labels) if weighted else None
    figures = binary(labels, scores, weights=weights, costs=COSTS)
    drawn = bootstrap(labels, scores, weights=weights, costs=COSTS, draws=1500)
    for name in BINARY:
        if name == "lift_by_decile":
            continue  # ten numbers, none with an interval
        figure = figures[name]
        assert isinstance(figure, Figure)
        assert figure.low is not None, name
        assert figure.high is not None, name
        # luck is taken off KS, whose resamples have it; the others agree to the noise of 1,500 resamples and 1/√rows
        width, near = (figure.high - figure.low) / (2 * 1.96), 0.2 if name == "ks" else 0.12
        assert width == pytest.approx(drawn[name].std(), rel=near), name


def test_the_same_seed_draws_the_same_and_another_does_not() -> None:
    labels, scores = made_rows(100)
    first, again, other = (bootstrap(labels, scores, draws=10, seed=seed)["ks"] for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
