"""Words of a report: the verdict follows from the evaluation, and digits from the interval."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from fitwell.metrics import METRICS
from fitwell.report.picture import Contents
from fitwell.report.verdict import MEANINGS, headline, measured_on, standing_sentence
from fitwell.report.words import fixed, interval_text, listed, metric_title, number, places_of, value_text

MakeContents = Callable[[str], Contents]


def beside(verdict: str) -> dict[str, Any]:
    return {"metrics": {}, "verdict": verdict, "difference": {"value": 0.1}}


def with_verdicts(contents: Contents, **verdicts: str) -> Contents:
    baselines = {name: beside(verdict) for name, verdict in verdicts.items()}
    return replace(contents, evaluation={**(contents.evaluation or {}), "baselines": baselines})


def test_the_verdict_names_what_is_beaten_what_is_even_and_what_is_better(make_contents: MakeContents) -> None:
    contents = make_contents("binary")
    said = standing_sentence(with_verdicts(contents, majority="better", linear="not distinguishable", trees="worse"))
    assert "Simpler does better here: boosted trees" in said
    assert "clearly beats the majority guess" in said
    assert "cannot be told apart from a linear model" in said
    best = standing_sentence(with_verdicts(contents, majority="better", linear="better"))
    assert best == "It clearly beats every simple model on the same rows: the majority guess and a linear model."
    assert standing_sentence(replace(contents, evaluation=None)) == ""


def test_a_figure_without_a_value_says_why(make_contents: MakeContents) -> None:
    contents = make_contents("regression")
    nothing = {"value": None, "low": None, "high": None, "method": "none", "reason": "all targets are equal"}
    evaluation = {**(contents.evaluation or {}), "metrics": {"rmse": nothing}}
    assert headline(replace(contents, evaluation=evaluation)) == "The RMSE has no value here: all targets are equal."


def test_rows_that_decided_when_to_stop_are_not_called_unseen(make_contents: MakeContents) -> None:
    contents = make_contents("binary")
    assert "has not seen" in measured_on(contents)
    assert "flatters" in measured_on(
        replace(contents, evaluation={**(contents.evaluation or {}), "split": "validation"})
    )


def test_every_metric_that_can_decide_has_a_meaning_in_words() -> None:
    from fitwell.metrics.primary import REASONS

    assert set(MEANINGS) == set(REASONS)


@pytest.mark.parametrize("metric", METRICS)
def test_titles_hold_no_underscores(metric: str) -> None:
    assert "_" not in metric_title(metric)


@given(some.floats(-1e6, 1e6), some.floats(1e-6, 1e5))
def test_an_interval_is_shown_to_two_digits_of_its_half_width(middle: float, half: float) -> None:
    low, high = middle - half, middle + half
    step = 10.0 ** -places_of(low, high)
    assert 9.9 <= half / step <= 101
    shown = float(fixed(low, places_of(low, high)).replace(",", "").replace("−", "-"))
    assert abs(shown - low) <= step * 0.51


@pytest.mark.parametrize(
    ("figure", "shown"),
    [
        ({"value": 0.84531, "low": 0.8213, "high": 0.8671}, ("0.845", "0.821 to 0.867")),
        ({"value": 47123.0, "low": 45210.0, "high": 49332.0}, ("47,100", "45,200 to 49,300")),
        ({"value": 1.0, "low": None, "high": None}, ("1", "")),
        ({"value": None, "low": None, "high": None}, ("–", "")),
        ({"value": 0.5, "low": 0.5, "high": 0.5}, ("0.500", "0.500 to 0.500")),
    ],
)
def test_a_figure_has_the_digits_its_interval_supports(figure: dict[str, Any], shown: tuple[str, str]) -> None:
    assert (value_text(figure), interval_text(figure)) == shown


@given(some.floats(allow_nan=True, allow_infinity=True))
def test_any_number_has_a_short_text(value: float) -> None:
    assert 0 < len(number(value)) <= len("−9,999,000,000")


def test_lists_read_as_sentences_do() -> None:
    assert listed(["a", "b", "c"]) == "a, b and c"
