"""Intervals against closed forms, pair loops, and simulations with a known truth."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.special import ndtr, ndtri
from scipy.stats import norm, ttest_1samp
from scipy.stats import t as student

from fitwell.metrics import regression
from fitwell.metrics.binary import at_threshold
from fitwell.metrics.bootstrap import draw, gathered
from fitwell.metrics.confusion import MULTICLASS, MULTICLASS_MEASURES, smoothed, value_and_variance
from fitwell.metrics.costs import Costs
from fitwell.metrics.distances import calibration_error_figure, folded, ks_figure
from fitwell.metrics.intervals import (
    Interval,
    Moments,
    auc_score_form,
    hall,
    logit,
    mover,
    ratio_of_shares,
    share_of,
    skewed_mean,
    wilson,
)
from fitwell.metrics.ranked import (
    average_precision,
    average_precision_influence,
    ks,
    ranked,
    ranked_with_groups,
    roc_auc_influence,
)

Z = norm.ppf(0.975)


@pytest.mark.parametrize(("share", "size"), [(0.0, 10), (0.3, 10), (0.5, 400), (0.999, 1000), (1.0, 7)])
def test_wilson_holds_exactly_the_shares_that_the_score_test_accepts(share: float, size: int) -> None:
    low, high = wilson(share, size=size, confidence=0.95)
    for end in (low, high):
        if 0 < end < 1:
            assert abs(share - end) / math.sqrt(end * (1 - end) / size) == pytest.approx(Z, abs=1e-9)
        else:
            assert end == share


def test_mover_is_newcombes_hybrid_for_the_sum_of_two_shares() -> None:
    bounds = [wilson(0.8, size=50, confidence=0.95), wilson(0.6, size=40, confidence=0.95)]
    below = math.hypot(0.8 - bounds[0].low, 0.6 - bounds[1].low)
    above = math.hypot(bounds[0].high - 0.8, bounds[1].high - 0.6)
    assert mover((0.8, 0.6), bounds, (1, 1)) == pytest.approx((1.4 - below, 1.4 + above))


def test_logit_is_symmetric_in_the_log_odds() -> None:
    low, high = logit(0.9, variance=0.0004, confidence=0.95)
    assert math.log(low / (1 - low)) + math.log(high / (1 - high)) == pytest.approx(2 * math.log(9))
    assert math.log(high / (1 - high)) - math.log(9) == pytest.approx(Z * 0.02 / 0.09)


@pytest.mark.parametrize(("shares", "sizes"), [((0.2, 0.8), (40, 60)), ((0.0, 0.3), (10, 30)), ((0.5, 0.5), (9, 9))])
def test_the_ends_of_a_ratio_are_where_mover_finds_no_difference(
    shares: tuple[float, float], sizes: tuple[int, int]
) -> None:
    (top, bottom) = shares
    (top_low, top_high), (low, high) = (
        wilson(share, size=size, confidence=0.95) for share, size in zip(shares, sizes, strict=True)
    )
    least, most = ratio_of_shares(shares, [Interval(top_low, top_high), Interval(low, high)])
    # Donner and Zou: the interval of top - ratio * bottom has an end at 0
    assert top - least * bottom == pytest.approx(math.hypot(top - top_low, least * (high - bottom)), abs=1e-9)
    assert most * bottom - top == pytest.approx(math.hypot(top_high - top, most * (bottom - low)), abs=1e-9)


@pytest.mark.parametrize("skewness", [0.0, 1.5, -2.0, 6.0])
def test_halls_cubic_of_the_statistic_at_the_ends_is_students_quantile(skewness: float) -> None:
    sample = Moments(mean=3.0, error=0.2, skewness=skewness, size=50.0)
    quantile, tilt = student.ppf(0.975, 49), skewness / math.sqrt(50)
    for end, expected in zip(hall(sample, confidence=0.95), (quantile, -quantile), strict=True):
        statistic = (3.0 - end) / 0.2
        cubic = statistic + tilt * statistic**2 / 3 + tilt**2 * statistic**3 / 27 + tilt / 6
        assert cubic == pytest.approx(expected, abs=1e-9)


def test_a_weighted_share_counts_as_the_plain_one_with_its_variance() -> None:
    generator = np.random.default_rng(4)
    estimates, sizes = [], []
    for _ in range(4000):
        right = generator.random(200) < 0.3
        weights = np.where(right, 2.0, 1.0) * generator.uniform(0.5, 1.5, 200)
        share = share_of(
            float(weights[right].sum()),
            float(weights[~right].sum()),
            success_squares=float((weights[right] ** 2).sum()),
            failure_squares=float((weights[~right] ** 2).sum()),
        )
        estimates.append(share.value)
        sizes.append(share.size)
    mean = float(np.mean(estimates))
    # 4,000 samples know a variance to 2.2 %
    assert mean * (1 - mean) / np.mean(sizes) == pytest.approx(np.var(estimates), rel=0.08)


@pytest.mark.parametrize("name", MULTICLASS)
def test_the_variance_of_a_confusion_figure_is_that_of_its_derivatives_by_the_cells(name: str) -> None:
    cells = np.array([[30.0, 4.0, 2.0], [3.0, 20.0, 5.0], [1.0, 6.0, 9.0]])
    squares = cells * np.array([[1.5], [1.0], [2.0]])
    table = smoothed(cells, squares)
    expected = 0.0
    for place in np.ndindex(3, 3):
        step = np.zeros((3, 3))
        step[place] = 1e-4
        slope = (MULTICLASS[name](table.cells + step) - MULTICLASS[name](table.cells - step)) / 2e-4
        expected += float(table.squares[place] * slope**2)
    value, variance = value_and_variance(MULTICLASS_MEASURES[name], table)
    assert value == pytest.approx(float(MULTICLASS[name](table.cells)))
    assert variance == pytest.approx(expected, rel=1e-5)


def test_the_mean_and_variance_of_folded_normals_are_those_of_drawn_ones() -> None:
    gaps, spread = np.array([0.0, 0.3, -1.2, 0.5]), np.array([1.0, 0.5, 0.4, 0.0])
    drawn = np.abs(gaps + spread * np.random.default_rng(0).standard_normal((400_000, 4))).sum(axis=1)
    mean, variance = folded(gaps, spread)
    # 400,000 draws know the mean to 0.0012 and the variance to 0.3 %
    assert mean == pytest.approx(drawn.mean(), abs=0.006)
    assert variance == pytest.approx(drawn.var(), rel=0.015)


def test_a_symmetric_mean_is_bounded_as_by_students_t() -> None:
    values = np.array([1.0, 2.0, 3.0, 4.0, 5.0])
    witness = ttest_1samp(values, 0).confidence_interval(0.95)
    assert skewed_mean(values, np.ones(5), np.ones(5), confidence=0.95) == pytest.approx(tuple(witness))


@pytest.mark.parametrize("digits", [1, 12])
def test_delong_by_ranks_is_delong_by_pairs(digits: int) -> None:
    generator = np.random.default_rng(5)
    hits = generator.random(60) < 0.4
    scores = np.round(generator.normal(hits * 1.0), digits)
    up, down = scores[hits], scores[~hits]
    psi = (up[:, None] > down) + 0.5 * (up[:, None] == down)
    witness = psi.mean(1).var(ddof=1) / len(up) + psi.mean(0).var(ddof=1) / len(down)
    rows = ranked(hits, scores, np.ones(60))
    found = roc_auc_influence(rows)
    assert found.value == pytest.approx(psi.mean(), abs=1e-12)
    assert found.variance(rows) == pytest.approx(witness, abs=1e-12)


@pytest.mark.parametrize("row", [0, 1, 7, 20])
def test_the_influence_on_average_precision_is_its_derivative_by_a_rows_weight(row: int) -> None:
    generator = np.random.default_rng(6)
    hits = generator.random(40) < 0.4
    scores, weights = np.round(generator.normal(hits * 1.0), 1), generator.uniform(0.5, 2, 40)
    rows, group = ranked_with_groups(hits, scores, weights)

    def moved(step: float) -> float:
        changed = ranked(hits, scores, weights + step * (np.arange(40) == row))
        return float(average_precision(changed.positive, changed.negative))

    slope = (moved(1e-5) - moved(-1e-5)) / 2e-5 * weights.sum()
    assert average_precision_influence(rows).by_row(group, hits)[row] == pytest.approx(slope, abs=1e-6)


def test_the_score_form_reaches_one_for_a_perfect_ranking_and_not_much_below() -> None:
    low, high = auc_score_form(1.0, variance=0.0, positives=30, negatives=30, confidence=0.95)
    assert high == 1
    # Newcombe's method 5 by its own equation: (1 - t)² = z² V(t)
    middle = (30 + 30) / 2 - 1

    def equation(t: float) -> float:
        spread = t * (1 - t) * (1 + middle * ((1 - t) / (2 - t) + t / (1 + t))) / 900
        return float((1 - t) ** 2 - Z**2 * spread)

    assert low == pytest.approx(brentq(equation, 0.5, 1 - 1e-9), abs=1e-9)


def test_gathering_a_long_ranking_keeps_its_mass_and_nearly_its_ks() -> None:
    generator = np.random.default_rng(0)
    hits = generator.random(20_000) < 0.3
    rows = ranked(hits, generator.normal(hits * 1.0), generator.uniform(0.5, 2, 20_000))
    short = gathered(rows)
    assert len(short.scores) <= 2048
    for part in ("positive", "negative", "positive_squares", "negative_squares"):
        assert getattr(short, part).sum() == pytest.approx(getattr(rows, part).sum())
    assert abs(float(ks(short.positive, short.negative) - ks(rows.positive, rows.negative))) <= 2 / 2048


def test_drawn_cells_have_the_mean_and_variance_of_the_rows_they_stand_for() -> None:
    weights = np.array([0.5, 1.0, 2.5])
    drawn = draw(
        np.array([weights.sum(), 2.0, 0.0]),
        np.array([(weights**2).sum(), 4.0, 0.0]),
        draws=200_000,
        generator=np.random.default_rng(1),
    )
    assert drawn.mean(0) == pytest.approx([4.0, 2.0, 0.0], abs=0.03)
    assert drawn.var(0) == pytest.approx([7.5, 4.0, 0.0], rel=0.03)


def coverage(simulate: Callable[[np.random.Generator], tuple[Interval, float]], *, rounds: int) -> float:
    """Return how often the interval held the truth."""
    generator = np.random.default_rng(11)
    results = [simulate(generator) for _ in range(rounds)]
    return sum(ends.low <= truth <= ends.high for ends, truth in results) / rounds


def binormal(name: str, *, auc: float, prevalence: float, rows: int) -> Callable[..., tuple[Interval, float]]:
    """Simulate normal scores whose ROC-AUC, KS, recall and accuracy at the midpoint are known."""
    distance = math.sqrt(2) * float(ndtri(auc))
    right = float(ndtr(distance / 2))

    def simulate(generator: np.random.Generator) -> tuple[Interval, float]:
        labels = generator.random(rows) < prevalence
        scored = ranked(labels, generator.normal(size=rows) + distance * (labels - 0.5), np.ones(rows))
        if name == "ks":
            widest = ks_figure(scored, confidence=0.95)
            return Interval(widest.low or 0.0, widest.high or 1.0), 2 * right - 1
        if name == "roc_auc":
            found, count = roc_auc_influence(scored), {"positives": labels.sum(), "negatives": (~labels).sum()}
            return auc_score_form(found.value, variance=found.variance(scored), confidence=0.95, **count), auc
        figure = at_threshold(scored, 0.0, costs=Costs(1, 5), confidence=0.95)[name]
        truth = right if name != "cost" else (1 - right) * (5 * prevalence + 1 - prevalence)
        return Interval(figure.low or 0.0, figure.high or 5.0), truth

    return simulate


# 300 rounds know a coverage of 95 % to ±2.5 points, so 91 % is where a sound interval does not fall
@pytest.mark.parametrize(
    ("name", "auc", "prevalence"),
    [
        ("roc_auc", 0.75, 0.5),
        ("roc_auc", 0.99, 0.2),
        ("accuracy", 0.8, 0.3),
        ("recall", 0.95, 0.1),
        ("balanced_accuracy", 0.9, 0.2),
        ("cost", 0.8, 0.3),
    ],
)
def test_intervals_hold_the_truth_about_as_often_as_they_claim(name: str, auc: float, prevalence: float) -> None:
    simulate = binormal(name, auc=auc, prevalence=prevalence, rows=150)
    assert 0.91 <= coverage(simulate, rounds=300) <= 0.99


def test_an_interval_of_ks_reaches_zero_when_scores_tell_nothing() -> None:
    assert coverage(binormal("ks", auc=0.5, prevalence=0.5, rows=150), rounds=200) >= 0.9


def test_an_interval_of_calibration_error_reaches_zero_for_calibrated_probabilities() -> None:
    def simulate(generator: np.random.Generator) -> tuple[Interval, float]:
        scores = generator.beta(1, 3, 500)
        rows = ranked(generator.random(500) < scores, scores, np.ones(500))
        return Interval(calibration_error_figure(rows, confidence=0.95).low or 0.0, 1.0), 0.0

    assert coverage(simulate, rounds=300) >= 0.91


def test_an_interval_of_calibration_error_stays_clear_of_zero_for_probabilities_twice_too_bold() -> None:
    generator = np.random.default_rng(2)
    truth = generator.beta(2, 2, 4000)
    labels, odds = generator.random(4000) < truth, (truth / (1 - truth)) ** 2
    figure = calibration_error_figure(ranked(labels, odds / (1 + odds), np.ones(4000)), confidence=0.95)
    planted = float(np.abs(odds / (1 + odds) - truth).mean())
    assert figure.low is not None
    assert figure.high is not None
    assert 0 < figure.low <= planted <= figure.high
    assert figure.approximate  # outcomes vary more than such probabilities say


def test_an_interval_of_rmse_holds_the_spread_of_the_noise() -> None:
    def simulate(generator: np.random.Generator) -> tuple[Interval, float]:
        figure = regression(generator.normal(size=100), np.zeros(100)).rmse
        return Interval(figure.low or 0.0, figure.high or math.inf), 1.0

    assert 0.91 <= coverage(simulate, rounds=300) <= 0.98
