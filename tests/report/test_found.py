"""Findings are worded, marked in the curves where they begin, and their remedies drawn with what they brought."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from fitwell.report.found import effect_pictures, findings_shown, noted_moments
from fitwell.report.learning import learning_pictures
from fitwell.report.page import page
from fitwell.report.picture import Contents

MakeContents = Callable[..., Contents]


def finding(symptom: str = "overfitting", **more: Any) -> dict[str, Any]:
    usual = {"status": "suspected", "severity": "warning", "since": "epoch 3", "explanation": "it rose", "evidence": {}}
    return {"symptom": symptom, "remedies": [], **usual, **more}


def remedy(
    text: str, effect: float | None = None, low: float | None = None, high: float | None = None
) -> dict[str, Any]:
    change = {"setting": None, "from": None, "to": None, "text": text}
    return {"change": change, "effect": effect, "low": low, "high": high}


def test_the_gravest_finding_comes_first_and_a_refuted_one_last() -> None:
    found = [
        finding("a", severity="info"),
        finding("b", severity="critical", status="refuted"),
        finding("c", severity="warning"),
        finding("d", severity="critical", status="confirmed"),
    ]
    assert [each["title"] for each in findings_shown(found)] == ["D", "C", "A", "B"]


def test_a_remedy_says_what_it_gained_where_it_was_tried() -> None:
    (shown,) = findings_shown([finding(remedies=[remedy("try less", 0.125, 0.05, 0.2), remedy("stop early")])])
    assert shown["remedies"] == ["Less. Tried out, it gained 0.125 (0.050 to 0.200).", "Stop early."]


def test_the_moment_of_a_finding_is_marked_in_the_curves(make_contents: MakeContents) -> None:
    contents = replace(make_contents("binary"), findings=[finding()])
    loss = next(learning_pictures(contents))
    layers = loss.spec["vconcat"][0]["layer"]
    (mark,) = [layer for layer in layers if layer["mark"]["type"] == "text"]
    assert mark["data"]["values"] == [{"x": 3.0, "t": "overfitting"}]
    assert loss.reading.endswith("Dashed: where a finding begins.")


def test_refuted_findings_and_those_of_the_data_have_no_moment() -> None:
    assert noted_moments([finding(status="refuted"), finding(since="data"), finding(since="start")]) == []
    many = [finding(f"s{place}", since=f"step {place}") for place in range(9)]
    assert [each["x"] for each in noted_moments(many)] == [0, 1, 2]


def test_effects_are_drawn_with_their_intervals_and_the_best_is_named(make_contents: MakeContents) -> None:
    tried = finding(
        remedies=[remedy("add dropout", 0.01, -0.02, 0.04), remedy("stop early"), remedy("a <b>", 0.1, 0.05, 0.2)]
    )
    contents = replace(make_contents("binary"), findings=[tried])
    (picture,) = effect_pictures(contents)
    assert picture.says.startswith("A <b> (overfitting) brought most: a gain of 0.1 in ")
    assert picture.table is not None
    assert [row[1:] for row in picture.table.rows] == [["0.01", "−0.02", "0.04"], ["0.1", "0.05", "0.2"]]
    text = page(contents).decode()
    assert "What remedies brought" in text
    assert "A <b>" not in text
    assert list(effect_pictures(replace(contents, findings=[finding(remedies=[remedy("untried")])]))) == []
