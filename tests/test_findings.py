"""Notes about the data become findings that say how sure they are."""

from __future__ import annotations

import json
from typing import Literal

import pytest

from fitwell.data.audit import Note
from fitwell.findings import SUSPECTED, findings_json

Severity = Literal["critical", "warning", "info"]


def note(symptom: str = "duplicate_rows", severity: Severity = "critical") -> Note:
    return Note(
        symptom=symptom, severity=severity, column="a", evidence={"rows": 3}, text="what is wrong", way_out="a way out"
    )  # fmt: skip


def test_a_note_becomes_a_finding_with_its_evidence_and_its_way_out() -> None:
    (found,) = findings_json([note()])["findings"]
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
    found = findings_json([note(symptom, severity) for symptom in symptoms])
    assert (found["healthy"], found["complete"]) == (healthy, False)
    assert [each["status"] for each in found["findings"]] == [
        "suspected" if symptom in SUSPECTED else "confirmed" for symptom in symptoms
    ]
