"""How sure a gain is, beside closed forms and drawn data."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from fitwell.curing.shortfall import Effect, confirmed, leans, pooled, shortfall
from fitwell.metrics import Comparison, Figure


def comparison(value: float, half: float) -> Comparison:
    figure = Figure(value=value, low=value - half, high=value + half, method="made")
    verdict = "better" if value > half else "worse" if value < -half else "not distinguishable"
    return Comparison(metric="roc_auc", difference=figure, verdict=verdict)  # type: ignore[arg-type]


def test_a_shortfall_lies_between_nothing_and_all() -> None:
    assert shortfall(0.6, 0.8, 0.5) == pytest.approx(2 / 3)
    assert shortfall(0.9, 0.8, 0.5) == 0.0  # better than the best
    assert shortfall(0.1, 0.8, 0.5) == 1.0  # worse than trivial
    assert shortfall(-3.0, -1.0, -5.0) == pytest.approx(0.5)  # of a loss


def test_equal_gains_on_one_division_are_as_sure_as_its_rows() -> None:
    effect = pooled([comparison(0.1, 0.05)] * 3, divisions=1, held_out=0.2)
    assert effect is not None
    assert [effect.low, effect.high] == pytest.approx([0.05, 0.15])
    assert effect.p == pytest.approx(2 * stats.norm.sf(0.1 / (0.05 / stats.norm.ppf(0.975))))


def test_several_divisions_are_as_sure_as_nadeau_and_bengio_say() -> None:
    effect = pooled([comparison(0.1, 0.05)] * 4, divisions=4, held_out=0.2)
    assert effect is not None
    assert effect.high - effect.value == pytest.approx(0.05 * math.sqrt(1 / 4 + 0.2))


def test_gains_that_differ_between_seeds_are_as_sure_as_a_t_test() -> None:
    values = [0.1, 0.3, 0.2]
    effect = pooled([comparison(value, 1e-9) for value in values], divisions=1, held_out=0.2)
    expected = stats.ttest_1samp(values, 0.0)
    assert effect is not None
    assert effect.p == pytest.approx(expected.pvalue, rel=1e-6)
    interval = expected.confidence_interval()
    assert [effect.low, effect.high] == pytest.approx([interval.low, interval.high], rel=1e-6)


def test_intervals_of_nothing_hold_nothing_as_often_as_they_say() -> None:
    random = np.random.default_rng(0)
    held = 0
    for _ in range(2000):
        drawn = random.normal(0, 0.1, size=3)
        effect = pooled([comparison(value, 0.1 * 1.96) for value in drawn], divisions=1, held_out=0.2)
        assert effect is not None
        held += effect.low <= 0 <= effect.high
    assert held / 2000 > 0.95  # rows count once, and again among what seeds add: never too sure


def test_no_figures_are_no_effect() -> None:
    undefined = Comparison(
        metric="mcc",
        difference=Figure(value=None, low=None, high=None, method="none", reason="made"),
        verdict="not distinguishable",
    )
    assert pooled([undefined], divisions=1, held_out=0.2) is None


def effect(p: float, value: float = 0.1) -> Effect:
    return Effect(value=value, low=0.0, high=0.2, p=p, trainings=3)


def test_claims_hold_together_as_holm_says() -> None:
    assert confirmed([[effect(0.01)], [effect(0.02)], [effect(0.04)]]) == [True, True, True]
    assert confirmed([[effect(0.04)], [effect(0.02)], [effect(0.03)]]) == [False, False, False]
    assert confirmed([[effect(0.04)], [effect(0.001)], [effect(0.024)]]) == [True, True, True]


def test_a_loss_is_no_claim_and_the_primary_metric_has_to_gain() -> None:
    assert confirmed([[effect(0.001, value=-0.1)]]) == [False]
    assert confirmed([[effect(0.9, value=-0.01), effect(1e-9)]]) == [False]
    assert confirmed([[effect(0.9), effect(1e-9)]]) == [True]
    assert confirmed([[]]) == [False]


def test_leaning_is_a_standard_error() -> None:
    assert leans(comparison(0.1, 1.96 * 0.09))
    assert not leans(comparison(0.1, 1.96 * 0.11))
