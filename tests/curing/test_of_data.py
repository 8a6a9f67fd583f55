"""What lies in the data is measured as planted: a rise with the rows, over as many divisions as few rows need."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from tests.curing.test_shortfall import comparison

from fitwell.curing.of_data import learning
from fitwell.curing.shortfall import pooled
from fitwell.curing.verdicts import learning_finding
from fitwell.recipe import Recipe


class Planted:
    """A bench on which the figure is told by the share of the rows, and lies as high for all divisions of a table."""

    metric = "accuracy"

    def __init__(self, figures: dict[float, float], *, validation: int, half: float) -> None:
        self.split = SimpleNamespace(train=range(200), validation=range(validation))
        self.figures, self.half = figures, half

    def try_out(self, arms: Any) -> list[float]:
        return [self.figures[arm.rows] for arm in arms]

    def goodness(self, tried: float) -> float:
        return tried

    def metric_of(self, goodness: float) -> float:
        return goodness

    def compared(self, first: float, second: float) -> Any:
        return comparison(first - second, self.half)


def asked(*divisions: dict[float, float], validation: int = 100, half: float) -> Any:
    """Return what comes of a first division, and of the others that are asked for."""
    own, *others = (Planted(figures, validation=validation, half=half) for figures in divisions)
    left: Any = iter(others)
    whole: Any = own.figures[1.0]
    return own, learning(own, lambda _seed: next(left), Recipe(), whole)  # type: ignore[arg-type]


FIRST, SECOND, THIRD = ({0.25: 0.6, 0.5: 0.7, 1.0: 0.7 + rise} for rise in (0.08, 0.05, 0.05))


def test_on_few_rows_a_rise_is_the_mean_of_three_divisions() -> None:
    bench, found = asked(FIRST, SECOND, THIRD, half=0.1)
    assert found.divisions == 3
    assert found.figures == pytest.approx((0.6, 0.7, 0.76))
    effect = pooled([comparison(rise, 0.1) for rise in (0.08, 0.05, 0.05)], divisions=3, held_out=0.5)
    assert effect is not None
    assert (found.gained.low, found.gained.high) == pytest.approx((effect.low, effect.high))
    assert found.doubled == pytest.approx(0.06 * 0.6)  # the gain shrank from 0.1 to 0.06
    assert learning_finding(bench, found, best=0.76, trivial=0.5) is None  # 0.06 may be chance


def test_a_rise_beyond_noise_is_told_with_the_divisions_that_show_it() -> None:
    bench, found = asked(FIRST, SECOND, THIRD, half=0.04)
    told = learning_finding(bench, found, best=0.76, trivial=0.5)
    assert told is not None
    assert "0.7 with half, 0.76 with all, over 3 divisions of the rows" in told.explanation
    assert told.remedies[0].low == pytest.approx(found.doubled / found.gained.value * found.gained.low)


def test_many_rows_need_one_division_and_a_curve_that_does_not_lean_none() -> None:
    _, found = asked(FIRST, validation=500, half=0.1)
    assert (found.divisions, found.gained.value) == (1, pytest.approx(0.08))
    assert asked(FIRST, half=0.3)[1] is None  # less than a standard error, 0.3 / 1.96
