"""Thresholds by rule against trying every cut in float64 loops, with ties, weights, and rules that cannot be met."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fitwell.errors import DataError, RequestError
from fitwell.metrics import Costs, binary, choose_threshold
from fitwell.metrics.costs import break_even
from fitwell.metrics.thresholds import RULES, RuleName

Rows = tuple[np.ndarray, np.ndarray, np.ndarray]
Counts = tuple[float, float, float, float]  # TP, FP, FN, TN

AT_LEAST = 0.7
COSTS = (2.0, 3.0)
AIMS: dict[RuleName, dict[str, Any]] = {
    "f1": {},
    "youden": {},
    "cost": {"costs": COSTS},
    "precision": {"at_least": AT_LEAST},
    "recall": {"at_least": AT_LEAST},
}


@st.composite
def scored_rows(draw: st.DrawFn) -> Rows:
    """Make labels of both classes, scores with many ties, and weights that are all 1 or uneven."""
    rows = draw(st.integers(2, 40))
    generator = np.random.default_rng(draw(st.integers(0, 10_000)))
    labels = np.concatenate([[0, 1], generator.integers(0, 2, rows - 2)])
    scores = np.round(
        generator.normal(labels * draw(st.sampled_from([0.0, 1.0, 5.0]))), draw(st.sampled_from([0, 1, 9]))
    )
    weights = generator.integers(0, 4, rows) + 1.0 * np.isin(np.arange(rows), (0, 1)) if draw(st.booleans()) else 1.0
    return labels, scores, np.broadcast_to(weights, rows).astype(np.float64)


def counted(rows: Rows, threshold: float) -> Counts:
    cells = [0.0, 0.0, 0.0, 0.0]
    for label, score, weight in zip(*rows, strict=True):
        cells[(0 if label else 1) if score >= threshold else (2 if label else 3)] += weight
    return cells[0], cells[1], cells[2], cells[3]


def every_cut(rows: Rows) -> Iterator[Counts]:
    _, scores, weights = rows
    for threshold in (*sorted({float(each) for each in scores[weights > 0]}), math.inf):
        yield counted(rows, threshold)


def precision(cells: Counts) -> float:
    return cells[0] / (cells[0] + cells[1]) if cells[0] + cells[1] else 0.0


def recall(cells: Counts) -> float:
    return cells[0] / (cells[0] + cells[2])


# What each rule makes large; a first entry of False means that the cut is not allowed.
CRITERIA: dict[RuleName, Callable[[Counts], tuple[bool, float]]] = {
    "f1": lambda c: (True, 2 * c[0] / (2 * c[0] + c[1] + c[2])),
    "youden": lambda c: (True, recall(c) + c[3] / (c[1] + c[3]) - 1),
    "cost": lambda c: (True, -(COSTS[0] * c[1] + COSTS[1] * c[2])),
    "precision": lambda c: (precision(c) >= AT_LEAST - 1e-12, recall(c)),
    "recall": lambda c: (recall(c) >= AT_LEAST - 1e-12, precision(c)),
}


@pytest.mark.parametrize("rule", RULES)
@given(rows=scored_rows())
@settings(max_examples=100, deadline=None)
def test_no_other_cut_is_better_by_the_rule(rule: RuleName, rows: Rows) -> None:
    found = choose_threshold(rows[0], rows[1], rule=rule, positive=1, weights=rows[2], **AIMS[rule])
    allowed = [value for is_allowed, value in map(CRITERIA[rule], every_cut(rows)) if is_allowed]
    is_allowed, value = CRITERIA[rule](counted(rows, found.value))
    assert found.met == bool(allowed)
    if allowed:
        assert is_allowed
        assert value == pytest.approx(max(allowed), abs=1e-12)
    else:
        assert precision(counted(rows, found.value)) == pytest.approx(max(map(precision, every_cut(rows))))


@pytest.mark.parametrize("rule", RULES)
@given(rows=scored_rows())
@settings(max_examples=25, deadline=None)
def test_a_threshold_is_no_score_but_the_lowest(rule: RuleName, rows: Rows) -> None:
    found = choose_threshold(rows[0], rows[1], rule=rule, positive=1, weights=rows[2], **AIMS[rule])
    known = rows[1][rows[2] > 0]
    assert not np.isin(found.value, known[known > known.min()])


@pytest.mark.parametrize("rule", RULES)
@given(rows=scored_rows())
@settings(max_examples=25, deadline=None)
def test_a_weight_counts_as_so_many_copies_and_the_order_of_rows_is_nothing(rule: RuleName, rows: Rows) -> None:
    labels, scores, weights = rows
    copies = np.random.default_rng(0).permutation(np.repeat(np.arange(len(labels)), weights.astype(np.int64)))
    weighted = choose_threshold(labels, scores, rule=rule, positive=1, weights=weights, **AIMS[rule])
    assert choose_threshold(labels[copies], scores[copies], rule=rule, positive=1, **AIMS[rule]) == weighted


def test_youden_is_where_the_distance_of_ks_is_attained() -> None:
    generator = np.random.default_rng(3)
    labels = generator.random(500) < 0.3
    scores = generator.normal(labels * 1.0)
    found = choose_threshold(labels, scores, rule="youden")
    figures = binary(labels, scores, threshold=found.value)
    assert figures.recall.value + figures.specificity.value - 1 == pytest.approx(figures.ks.value)  # type: ignore[operator]


def test_with_honest_probabilities_costs_are_least_near_the_break_even_point() -> None:
    generator = np.random.default_rng(4)
    probabilities = generator.uniform(size=200_000)
    labels = generator.random(200_000) < probabilities
    found = choose_threshold(labels, probabilities, rule="cost", costs=COSTS)
    assert break_even(Costs(*COSTS)) == 0.4
    # A distance d from it costs a row 5 d² / 2 more; d = 0.04 costs 0.004, four times the noise of 200,000 rows.
    assert found.value == pytest.approx(0.4, abs=0.04)


def test_a_precision_that_no_threshold_reaches_is_said_and_the_highest_taken() -> None:
    found = choose_threshold([0, 1, 0, 1], [0.9, 0.8, 0.7, 0.6], rule="precision", at_least=0.99)
    assert (found.met, found.value) == (False, 0.6)  # a half at 0.8 and with all four, of which all four find more
    assert found.why == "no threshold reaches a precision of 0.99; it is highest there, 0.5"


def test_equally_good_cuts_give_the_highest_threshold() -> None:
    # F1 is 2/3 from 0.875 up (1 of 2 found, nothing else) and for all four (both found, two too many).
    assert choose_threshold([1, 0, 0, 1], [0.875, 0.625, 0.5, 0.25], rule="f1").value == 0.75
    # To predict nobody positive costs 2 for two misses; any other cut costs 9 for the negative one at least.
    assert choose_threshold([0, 1, 1], [0.5, 0.25, 0.25], rule="cost", costs=(9.0, 1.0)).value > 0.5


def test_neighboring_scores_are_parted_at_the_upper_one() -> None:
    upper = np.nextafter(0.5, 1.0)
    assert choose_threshold([0, 1], [0.5, upper], rule="f1").value == upper


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("label", [0, 1])
def test_with_one_class_alone_nothing_is_chosen_and_it_is_said(rule: RuleName, label: int) -> None:
    found = choose_threshold([label] * 5, np.arange(5.0), rule=rule, positive=1, **AIMS[rule])
    assert (found.value, found.met) == (0.5, False)
    assert f"no row is {'negative' if label else 'positive'}" in found.why


@pytest.mark.parametrize(
    ("rule", "aims", "says"),
    [
        ("youdn", {}, '"youdn" is no rule for a threshold; did you mean "youden"'),
        ("cost", {}, 'the rule "cost" needs the costs of a false positive and of a false negative'),
        ("recall", {}, 'the rule "recall" needs the recall to reach, above 0 and at most 1, but at_least is None'),
        ("precision", {"at_least": 1.5}, "at_least is 1.5"),
    ],
)
def test_a_rule_without_what_it_needs_is_refused(rule: Any, aims: dict[str, Any], says: str) -> None:
    with pytest.raises(RequestError, match=says):
        choose_threshold([0, 1], [0.1, 0.9], rule=rule, **aims)


@pytest.mark.parametrize("costs", [(0.0, 1.0), (1.0, -1.0), (math.inf, 1.0), (math.nan, 1.0)])
def test_costs_must_be_above_0_and_finite(costs: tuple[float, float]) -> None:
    with pytest.raises(DataError, match="each wrong answer must cost something above 0"):
        binary([0, 1], [0.1, 0.9], costs=costs)
