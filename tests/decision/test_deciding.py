"""What is decided follows the settings, survives JSON to the last digit, and is read with suspicion."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fitwell import metrics
from fitwell.decision import UNDECIDED, Decision, Scored, costs_of, decide, decision_from_json, judged
from fitwell.decision.calibration import FITS
from fitwell.decision.judged import probability_figures
from fitwell.metrics.thresholds import RULES
from fitwell.recipe import DecisionSettings, choices_of
from fitwell.tasks.table import TASKS
from fitwell.tasks.task import TargetCoding

Draw = Callable[..., Scored]
COSTS: dict[str, Any] = {"false_positive_cost": 1, "false_negative_cost": 4}
PLAIN: dict[str, Any] = {"threshold": "half", "calibration": "none"}


def asked(**settings_of: Any) -> DecisionSettings:
    return DecisionSettings(**(PLAIN | settings_of))


def numbers(rows: int, targets: int = 1) -> Scored:
    truth = np.random.default_rng(2).normal(size=(rows, targets))
    coding = TargetCoding(names=tuple("uvw"[:targets]))
    return Scored(task=TASKS["regression"], coding=coding, truth=truth, predictions=0.5 * truth, weights=np.ones(rows))


def test_the_rules_are_the_words_of_the_setting() -> None:
    assert {"auto", "half", *RULES} == set(choices_of("decision.threshold"))


@pytest.mark.parametrize(
    ("settings_of", "rule"),
    [
        ({}, "half"),
        ({"threshold": 0.3}, "number"),
        *[({"threshold": name, "at_least": 0.7, **COSTS}, name) for name in RULES],
    ],
)
def test_a_threshold_says_by_which_rule_it_was_chosen(settings_of: dict[str, Any], rule: Any, scored: Draw) -> None:
    found = decide(scored("binary", 200), asked(**settings_of)).threshold
    assert found is not None
    assert found.rule == rule
    assert found.why
    if rule in RULES:
        rows = scored("binary", 200)
        by_hand = metrics.choose_threshold(
            rows.truth,
            rows.predictions[:, 1],
            rule=rule,
            at_least=0.7,
            costs=(1, 4),
        )
        assert found == by_hand


def test_with_calibration_the_least_cost_needs_no_rows(scored: Draw) -> None:
    for rows in (scored("binary", 60), scored("binary", 1_000, offsets=[2.0])):
        found = decide(rows, asked(threshold="cost", calibration="if_better", **COSTS)).threshold
        assert found is not None
        assert found.value == pytest.approx(1 / 5)


def test_costs_are_saved_by_acting_at_the_calibrated_break_even_point(scored: Draw) -> None:
    # Log-odds moved by 2, as class weights of 7 : 1 would: acting on them as they are answers yes far too often.
    rows, fresh = (scored("binary", 4_000, seed=seed, offsets=[-2.0]) for seed in (1, 2))
    settings_of = asked(threshold="cost", calibration="if_better", **COSTS)
    decision = decide(rows, settings_of)

    def cost(predictions: np.ndarray, threshold: float) -> float:
        figure = metrics.binary(fresh.truth, predictions, threshold=threshold, costs=(1, 4))["cost"]
        assert isinstance(figure, metrics.Figure)
        assert figure.value is not None
        return figure.value

    assert decision.threshold is not None
    acted = cost(decision.applied(fresh).predictions[:, 1], decision.threshold.value)
    honest = scored("binary", 4_000, seed=2).predictions[:, 1]
    assert acted == pytest.approx(cost(honest, 0.2), abs=0.01)
    assert acted < cost(fresh.predictions[:, 1], 0.2) - 0.03


@pytest.mark.parametrize("task", ["multiclass", "multilabel"])
def test_other_classes_have_no_threshold(task: str, scored: Draw) -> None:
    found = decide(scored(task, 100), asked(calibration="temperature"))
    assert found.threshold is None
    assert found.interval is None
    assert found.cut().threshold == 0.5
    assert found.calibration is not None


def test_numbers_have_intervals_alone() -> None:
    found = decide(numbers(50, 2), asked(coverage=0.8))
    assert (found.threshold, found.calibration) == (None, None)
    assert found.interval is not None
    table = found.table(TASKS["regression"], numbers(50, 2).coding, numbers(50, 2).predictions)
    assert table.columns == [
        "prediction_u", "prediction_v",
        "prediction_u_low", "prediction_u_high", "prediction_v_low", "prediction_v_high",
    ]  # fmt: skip
    half = found.interval.half_widths[1]
    assert (table["prediction_v_high"] - table["prediction_v"]).to_numpy() == pytest.approx(np.full(50, half))
    assert (table["prediction_v"] - table["prediction_v_low"]).to_numpy() == pytest.approx(np.full(50, half))


def test_one_number_has_two_ends_and_too_few_rows_give_none() -> None:
    rows = numbers(50)
    table = decide(rows, asked()).table(rows.task, rows.coding, rows.predictions)
    assert table.columns == ["prediction", "prediction_low", "prediction_high"]
    few = decide(numbers(8), asked())
    assert few.table(rows.task, rows.coding, rows.predictions).columns == ["prediction"]


def test_the_threshold_parts_the_answers(scored: Draw) -> None:
    rows = scored("binary", 50)
    decision = decide(rows, asked(threshold=0.3))
    table = decision.table(rows.task, TargetCoding(names=("y",), classes=(("no", "yes"),)), rows.predictions)
    assert (table["prediction"] == "yes").to_list() == (rows.predictions[:, 1] >= 0.3).tolist()


CASES: list[tuple[str, dict[str, Any]]] = [
    *[("binary", {"calibration": name, "threshold": "f1"}) for name in FITS],
    ("binary", {"threshold": 1 / 3}),
    ("multiclass", {"calibration": "logistic"}),
    ("multilabel", {"calibration": "logistic"}),
    ("regression", {}),
]


def decided(task: str, settings_of: dict[str, Any], seed: int, scored: Draw) -> tuple[Scored, Decision]:
    rows = numbers(77, 2) if task == "regression" else scored(task, 77, seed=seed, temperature=2.0)
    return rows, decide(rows, asked(**settings_of))


@pytest.mark.parametrize(("task", "settings_of"), CASES)
@given(seed=st.integers(0, 999))
@settings(max_examples=10, deadline=None)
def test_a_decision_survives_json_to_the_last_digit(
    task: str, settings_of: dict[str, Any], seed: int, scored: Draw
) -> None:
    rows, decision = decided(task, settings_of, seed, scored)
    columns = 1 if task == "binary" else rows.predictions.shape[1]
    again = decision_from_json(json.loads(json.dumps(decision.as_json(), allow_nan=False)), columns=columns)
    assert again == decision
    assert np.array_equal(again.applied(rows).predictions, decision.applied(rows).predictions)


def test_nothing_decided_leaves_predictions_as_they_are(scored: Draw) -> None:
    rows = scored("binary", 20)
    assert UNDECIDED.applied(rows).predictions is rows.predictions
    assert decision_from_json(UNDECIDED.as_json(), columns=1) == UNDECIDED


WRONG: dict[str, tuple[tuple[str, str], Any, str]] = {
    "a threshold in words": (("threshold", "value"), "half", "threshold must be a finite number, but is 'half'"),
    "an endless threshold": (("threshold", "value"), float("inf"), "threshold must be a finite number, but is inf"),
    "a truth for a number": (("calibration", "temperature"), True, "temperature must be a finite number above 0"),
    "a temperature of 0": (("calibration", "temperature"), 0.0, "temperature must be a finite number above 0"),
    "an unknown method": (("calibration", "method"), "magic", "1 outputs have no calibration called 'magic'"),
    "a method left open": (("calibration", "method"), "if_better", "1 outputs have no calibration called 'if_better'"),
    "offsets too many": (("calibration", "offsets"), [0.0, 1.0], "there are 2 offsets for 1 outputs"),
    "rates that fall": (("calibration", "rates"), None, "the rates of a calibration must rise from 0 to 1"),
    "a curve without scores": (("calibration", "scores"), [], "there are 0 scores and"),
    "an own share above 1": (("calibration", "own_share"), 1.5, "own_share must lie between 0 and 1"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_decision_that_no_fit_can_give_is_refused(name: str, scored: Draw) -> None:
    (part, key), value, says = WRONG[name]
    values = decide(scored("binary", 100, temperature=3.0), asked(calibration="isotonic")).as_json()
    values[part][key] = values[part][key][::-1] if value is None else value
    with pytest.raises(ValueError, match=says):
        decision_from_json(values, columns=1)


def test_a_curve_of_one_probability_is_refused_for_several(scored: Draw) -> None:
    values = decide(scored("binary", 100), asked(calibration="isotonic")).as_json()
    with pytest.raises(ValueError, match="3 outputs have no calibration called 'isotonic'"):
        decision_from_json(values, columns=3)


@pytest.mark.parametrize("halves", [[1.0, 2.0], [-1.0], ["1"]])
def test_half_widths_that_no_fit_can_give_are_refused(halves: list[Any]) -> None:
    values = decide(numbers(50), asked()).as_json()
    values["interval"]["half_widths"] = halves
    with pytest.raises(ValueError, match="half_widths must be"):
        decision_from_json(values, columns=1)


@pytest.mark.parametrize("task", ["binary", "multiclass", "multilabel"])
def test_what_calibration_brought_are_the_figures_of_both_predictions(task: str, scored: Draw) -> None:
    fitted_on, measured_on = (scored(task, 400, seed=seed, temperature=3.0) for seed in (1, 2))
    if task == "multiclass":
        measured_on = Scored(**(vars(measured_on) | {"coding": TargetCoding(names=("y",), classes=(("0", "1", "2"),))}))
    elif task == "multilabel":
        measured_on = Scored(**(vars(measured_on) | {"coding": TargetCoding(names=("u", "v"))}))
    decision = decide(fitted_on, asked(calibration="if_better"))
    both = [
        measured_on.task.measure(measured_on.truth, rows.predictions, measured_on.coding, None, metrics.Cut())
        for rows in (measured_on, decision.applied(measured_on))
    ]
    found = judged(
        decision, fitted_on, measured_on, cut=decision.cut(), after=both[1], covered=(), split="test"
    ).as_json()
    names = [name for name in ("log_loss", "brier", "calibration_error") if name in both[0]]
    for key, figures in zip(("before", "after"), both, strict=True):
        assert list(found["calibration"][key]) == names
        for name in names:
            figure = figures[name]
            assert isinstance(figure, metrics.Figure)
            assert found["calibration"][key][name]["value"] == pytest.approx(figure.value, abs=1e-12)
    assert found["calibration"]["after"]["log_loss"]["value"] < found["calibration"]["before"]["log_loss"]["value"]
    assert set(probability_figures(measured_on)) == set(names)


def test_what_holds_at_the_threshold_is_told_for_the_rows_that_chose_it(scored: Draw) -> None:
    fitted_on, measured_on = scored("binary", 300, seed=1), scored("binary", 300, seed=2)
    settings_of = asked(threshold="precision", at_least=0.8, **COSTS)
    decision = decide(fitted_on, settings_of)
    cut = decision.cut(costs_of(settings_of))
    after = measured_on.task.measure(measured_on.truth, measured_on.predictions, measured_on.coding, None, cut)
    found = judged(decision, fitted_on, measured_on, cut=cut, after=after, covered=(), split="test").as_json()
    direct = metrics.binary(fitted_on.truth, fitted_on.predictions[:, 1], threshold=cut.threshold, costs=(1, 4))
    shown = found["threshold"]["validation"]
    assert shown["precision"]["value"] >= 0.8
    assert shown == {name: form for name, form in direct.as_json().items() if name in shown}
    assert {"precision", "recall", "f1", "specificity", "accuracy", "cost"} <= set(shown)
