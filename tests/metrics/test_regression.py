"""Figures of numbers against scikit-learn, and their intervals against a bootstrap written out."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from fitwell.errors import DataError
from fitwell.metrics import METRICS, Figure, regression

WITNESSES: dict[str, Callable[..., float]] = {
    "r2": sk.r2_score,
    "rmse": sk.root_mean_squared_error,
    "mae": sk.mean_absolute_error,
    "mape": sk.mean_absolute_percentage_error,
    "median_absolute_error": sk.median_absolute_error,
}
NAMES = [name for name, metric in METRICS.items() if "regression" in metric.tasks]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("weighted", [False, True])
@given(rows=st.integers(2, 60), targets=st.integers(1, 3), seed=st.integers(0, 10_000))
@settings(max_examples=20, deadline=None)
def test_every_figure_agrees_with_scikit_learn(name: str, weighted: bool, rows: int, targets: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    truth = generator.normal(3, 2, (rows, targets))
    guess = truth + generator.normal(0, 1, (rows, targets))
    weights = generator.uniform(0.2, 3, rows) if weighted else np.ones(rows)
    figure = regression(truth, guess, weights=weights)[name]
    assert isinstance(figure, Figure)
    assert figure.value == pytest.approx(WITNESSES[name](truth, guess, sample_weight=weights), abs=1e-9, rel=1e-9)
    if figure.value is not None and figure.low is not None and figure.high is not None:
        assert figure.low <= figure.value <= figure.high


@pytest.mark.parametrize("name", NAMES)
def test_intervals_are_about_those_of_a_bootstrap_of_rows(name: str) -> None:
    generator = np.random.default_rng(4)
    truth = generator.normal(10, 2, 400)
    guess = truth + generator.normal(0, 1, 400)
    draws = [generator.integers(0, 400, 400) for _ in range(800)]
    witness = np.quantile([WITNESSES[name](truth[rows], guess[rows]) for rows in draws], [0.025, 0.975])
    figure = regression(truth, guess)[name]
    assert isinstance(figure, Figure)
    width = witness[1] - witness[0]
    # 800 resamples know each end to about 6 % of the width; the median's own ends jump between rows
    assert (figure.low, figure.high) == pytest.approx(tuple(witness), abs=0.2 * width)


def test_several_targets_are_averaged_and_kept_apart_by_name() -> None:
    generator = np.random.default_rng(0)
    truth, guess = generator.normal(size=(50, 2)), generator.normal(size=(50, 2))
    figures = regression(truth, guess, names=["height", "weight"])
    assert figures.parts["weight"].as_json() == regression(truth[:, 1], guess[:, 1]).as_json()


def test_a_constant_target_has_no_r2_and_a_target_of_zero_no_mape() -> None:
    figures = regression([0.0, 0.0, 0.0], [0.1, 0.2, 0.3])
    assert figures.r2.reason == "a target does not vary, so there is nothing to explain"
    assert figures.mape.reason == "3 targets are 0, and an error cannot be a share of 0"
    assert regression([1e6 + 0.1] * 7, np.arange(7.0)).r2.value is None


def test_one_row_has_values_without_intervals() -> None:
    figures = regression([2.0], [2.5])
    assert figures.mae.value == 0.5
    assert figures.mae.low is None
    assert figures.mae.reason == "one row says nothing about the uncertainty"


def test_perfect_predictions_have_no_error() -> None:
    figures = regression([1.0, 2.0, 4.0], [1.0, 2.0, 4.0])
    assert (figures.r2.value, figures.rmse.value, figures.mae.high) == (1.0, 0.0, 0.0)


def test_shapes_that_disagree_are_refused() -> None:
    with pytest.raises(DataError, match=r"one shape, but they have \(2, 1\) and \(3, 1\)"):
        regression([1.0, 2.0], [1.0, 2.0, 3.0])


def test_names_that_do_not_fit_are_refused() -> None:
    with pytest.raises(DataError, match=r"2 targets need as many different names, but they are \['a'\]"):
        regression(np.ones((3, 2)), np.ones((3, 2)), names=["a"])


def test_a_mean_that_hangs_on_one_large_error_says_that_its_interval_is_approximate() -> None:
    errors = np.append(np.full(99, 0.1), 50.0)
    assert regression(np.ones(100), 1 + errors).mae.approximate
    assert not regression(np.ones(100), 1 + np.linspace(0, 1, 100)).mae.approximate
