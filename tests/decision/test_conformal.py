"""Split conformal intervals: the exact order statistic, and the coverage that theory promises, by simulation."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import betabinom, binom

from fitwell.decision import Scored
from fitwell.decision.conformal import coverages, fewest_rows, fit_interval
from fitwell.metrics import Figure
from fitwell.tasks.table import TASKS
from fitwell.tasks.task import TargetCoding


def rows_of(errors: np.ndarray, weights: np.ndarray | None = None, names: tuple[str, ...] = ("y",)) -> Scored:
    """Rows whose predictions are 0 and whose truths are the errors."""
    truth = errors.reshape(len(errors), -1)
    return Scored(
        task=TASKS["regression"],
        coding=TargetCoding(names=names),
        truth=truth,
        predictions=np.zeros_like(truth),
        weights=np.ones(len(errors)) if weights is None else weights,
    )


def covered(rows: Scored, half: float) -> tuple[Figure, ...]:
    return coverages(rows.truth, rows.predictions, rows.weights, (half,))


@given(rows=st.integers(1, 200), percent=st.integers(1, 99), seed=st.integers(0, 999))
@settings(max_examples=200, deadline=None)
def test_the_half_width_is_the_order_statistic_of_the_finite_sample(rows: int, percent: int, seed: int) -> None:
    errors = np.random.default_rng(seed).normal(size=rows)
    place = math.ceil((rows + 1) * Fraction(percent, 100))  # in whole numbers, so that nothing is rounded
    found = fit_interval(rows_of(errors), percent / 100)
    if place > rows:
        assert found.half_widths == ()
        assert found.why.endswith(f"are too few; {fewest_rows(percent / 100)} are needed")
        assert rows < fewest_rows(percent / 100)
    else:
        assert found.half_widths == (float(np.sort(np.abs(errors))[place - 1]),)
        assert rows >= fewest_rows(percent / 100)


@given(seed=st.integers(0, 999), coverage=st.sampled_from([0.5, 0.8, 0.9]), scale=st.floats(0.01, 100))
@settings(max_examples=50, deadline=None)
def test_weights_of_any_unit_and_rows_of_weight_0_change_nothing(seed: int, coverage: float, scale: float) -> None:
    errors = np.random.default_rng(seed).normal(size=60)
    weights = np.repeat([scale, 0.0], 30)
    assert fit_interval(rows_of(errors, weights), coverage).half_widths == (
        fit_interval(rows_of(errors[:30]), coverage).half_widths
    )


def test_a_heavier_row_counts_for_more() -> None:
    # Weights 1, 1, 2: a new row counts (1 + 1 + 4) / 4 = 1.5, and 0.4 of 5.5 is 2.2, reached by the third error only.
    assert fit_interval(rows_of(np.array([1.0, 2.0, 3.0]), np.array([1.0, 1.0, 2.0])), 0.4).half_widths == (3.0,)
    assert fit_interval(rows_of(np.array([1.0, 2.0, 3.0]), np.array([2.0, 1.0, 1.0])), 0.3).half_widths == (1.0,)


def test_each_target_has_its_own_width_whatever_the_others() -> None:
    errors = np.random.default_rng(0).normal(size=(99, 2)) * [1.0, 50.0]
    both = fit_interval(rows_of(errors, names=("a", "b")), 0.9).half_widths
    assert both == tuple(fit_interval(rows_of(errors[:, place]), 0.9).half_widths[0] for place in (0, 1))


@pytest.mark.parametrize("heavy", [False, True])
@pytest.mark.parametrize("coverage", [0.8, 0.9])
def test_exchangeable_rows_are_covered_as_often_as_promised(coverage: float, heavy: bool) -> None:
    generator = np.random.default_rng(5)
    rows, times = 49, 4_000
    place = math.ceil(round((rows + 1) * coverage, 9))
    hits = 0
    for _ in range(times):
        drawn = generator.standard_t(2, rows + 1) if heavy else generator.normal(size=rows + 1)
        (half,) = fit_interval(rows_of(drawn[:rows]), coverage).half_widths
        hits += abs(drawn[rows]) <= half
    # A new error ranks uniformly among rows + 1, so each time is covered with chance place / (rows + 1) exactly.
    low, high = binom.ppf([1e-4, 1 - 1e-4], times, place / (rows + 1))
    assert low <= hits <= high


def test_coverage_over_many_new_rows_varies_as_theory_says() -> None:
    # Of m new rows the number covered is beta-binomial with parameters place and rows + 1 - place (Vovk 2012).
    generator = np.random.default_rng(6)
    rows, new, place = 99, 50, 90
    counts = []
    for _ in range(2_000):
        (half,) = fit_interval(rows_of(generator.exponential(size=rows)), 0.9).half_widths
        (figure,) = covered(rows_of(generator.exponential(size=new)), half)
        assert figure.value is not None
        counts.append(round(figure.value * new))
    law = betabinom(new, place, rows + 1 - place)
    assert np.mean(counts) == pytest.approx(law.mean(), abs=4 * law.std() / math.sqrt(2_000))
    assert np.var(counts) == pytest.approx(law.var(), rel=0.15)  # the spread of a variance over 2,000 draws is 3 to 4 %


def test_measured_coverage_is_a_weighted_share_with_its_interval() -> None:
    (figure,) = covered(rows_of(np.array([0.5, 1.0, 2.0, 9.0]), np.array([1.0, 1.0, 2.0, 0.0])), 1.0)
    assert (figure.value, figure.method) == (0.5, "Wilson")  # ends included; the row of weight 0 is nothing
    assert figure.low is not None
    assert 0 < figure.low < 0.5


def test_names_that_the_columns_of_the_ends_would_take_are_left_without_intervals() -> None:
    found = fit_interval(rows_of(np.ones((50, 2)), names=("price", "price_low")), 0.9)
    assert found.half_widths == ()
    assert "rename that target" in found.why
