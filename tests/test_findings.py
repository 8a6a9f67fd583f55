"""Notes about the data and diverged trainings become findings that say how sure they are."""

from __future__ import annotations

import json
import math
from typing import Literal

import pytest

from fitwell.data.audit import Note
from fitwell.doctor.finding import findings_json
from fitwell.findings import SUSPECTED, finding_of, training_finding
from fitwell.recipe import Recipe, parse
from fitwell.topics import find
from fitwell.training.loop import Mark

Severity = Literal["critical", "warning", "info"]


def note(symptom: str = "duplicate_rows", severity: Severity = "critical") -> Note:
    return Note(
        symptom=symptom, severity=severity, column="a", evidence={"rows": 3}, text="what is wrong", way_out="a way out"
    )  # fmt: skip


def test_a_note_becomes_a_finding_with_its_evidence_and_its_way_out() -> None:
    (found,) = findings_json([finding_of(note())], complete=False)["findings"]
    assert (found["symptom"], found["status"], found["severity"]) == ("duplicate_rows", "confirmed", "critical")
    assert (found["where"], found["since"], found["evidence"]) == ("a", "data", {"rows": 3})
    assert found["explanation"] == "what is wrong"
    (remedy,) = found["remedies"]
    assert remedy["change"]["text"] == "a way out"
    assert [remedy["effect"], remedy["low"], remedy["high"]] == [None] * 3
    assert json.loads(json.dumps(found)) == found


@pytest.mark.parametrize(
    ("symptoms", "severity", "healthy"),
    [
        ([], "critical", True),
        (["duplicate_rows"], "critical", False),
        (["duplicate_rows"], "warning", True),
        ([*SUSPECTED], "critical", True),
        ([*SUSPECTED, "duplicate_rows"], "critical", False),
    ],
)
def test_only_what_is_critical_and_certain_makes_a_run_unhealthy(
    symptoms: list[str], severity: Severity, healthy: bool
) -> None:
    found = findings_json([finding_of(note(symptom, severity)) for symptom in symptoms], complete=False)
    assert (found["healthy"], found["complete"]) == (healthy, False)
    assert [each["status"] for each in found["findings"]] == [
        "suspected" if symptom in SUSPECTED else "confirmed" for symptom in symptoms
    ]


HEALTHY = Mark(losses=(0.7, 0.6, 0.5), best_epoch=2, stopped="no better validation loss for 20 epochs")
DIVERGED = Mark(losses=(0.7, 0.6, math.nan), best_epoch=1, stopped="the validation loss became nan in epoch 2")
EXPLODED = Mark(losses=(0.7, math.inf), stopped="the validation loss became inf in epoch 1")


def recipe_with(rate: float) -> Recipe:
    return parse({"target": ["y"], "training": {"learning_rate": rate}})


def test_a_training_whose_losses_stayed_finite_has_no_finding() -> None:
    assert training_finding(recipe_with(0.3), [HEALTHY, Mark()]) is None


def test_a_diverged_training_is_not_healthy_and_a_tenth_of_the_rate_is_offered() -> None:
    found = training_finding(recipe_with(0.3), [DIVERGED])
    assert found is not None
    assert (found.symptom, found.status, found.severity) == ("non_finite_values", "confirmed", "critical")
    assert found.evidence["epoch"] == 2
    assert (found.evidence["learning_rate"], found.evidence["best_epoch"]) == (0.3, 1)
    assert "became nan, in epoch 2, at a learning rate of 0.3" in found.explanation
    change = found.remedies[0].change
    assert (change["setting"], change["from"], change["to"]) == ("training.learning_rate", 0.3, 0.03)
    report = findings_json([finding_of(note(severity="info")), found], complete=False)
    assert (report["healthy"], [each["symptom"] for each in report["findings"]]) == (
        False,
        ["duplicate_rows", "non_finite_values"],
    )
    assert json.loads(json.dumps(report, allow_nan=False)) == report


def test_it_is_a_warning_while_other_members_went_on() -> None:
    found = training_finding(recipe_with(1.0), [HEALTHY, DIVERGED, EXPLODED])
    assert found is not None
    assert (found.severity, findings_json([found], complete=False)["healthy"]) == ("warning", True)
    assert (found.evidence["diverged"], found.evidence["members"], found.evidence["epoch"]) == (2, 3, 1)
    assert "2 of 3 members became inf, first in epoch 1" in found.explanation
    assert training_finding(recipe_with(1.0), [DIVERGED, EXPLODED]).severity == "critical"  # type: ignore[union-attr]


def test_the_rate_that_is_blamed_is_the_members_own() -> None:
    recipe = parse(
        {"target": ["y"], "training": {"learning_rate": 0.1}, "members": [{}, {"training.learning_rate": 9}]}
    )
    found = training_finding(recipe, [HEALTHY, DIVERGED])
    assert found is not None
    assert found.evidence["learning_rate"] == 9


def test_a_loss_that_was_infinite_before_any_step_is_not_blamed_on_the_rate() -> None:
    found = training_finding(recipe_with(0.3), [Mark(losses=(math.inf,), stopped="inf in epoch 0")])
    assert found is not None
    assert found.remedies[0].change["setting"] is None
    assert found.remedies[0].change["text"].startswith("look for huge values")


def test_what_is_found_is_explained() -> None:
    assert find("non_finite_values").kind == "symptom"
