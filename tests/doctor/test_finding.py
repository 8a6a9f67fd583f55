"""Findings are values that survive being written down."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fitwell.doctor.finding import SEVERITIES, STATUSES, Finding, Remedy, findings_from_json, findings_json

WORDS = st.text(max_size=8)
EVIDENCE = st.dictionaries(WORDS, st.none() | st.integers() | st.floats(allow_nan=False) | WORDS, max_size=3)
EFFECTS = st.none() | st.floats(-1, 1)
REMEDIES = st.builds(
    Remedy,
    change=st.fixed_dictionaries({"setting": st.none() | WORDS, "from": EFFECTS, "to": EFFECTS, "text": WORDS}),
    effect=EFFECTS,
    low=EFFECTS,
    high=EFFECTS,
)
FINDINGS = st.builds(
    Finding,
    symptom=WORDS,
    status=st.sampled_from(STATUSES),
    severity=st.sampled_from(SEVERITIES),
    where=st.none() | WORDS,
    since=WORDS,
    evidence=EVIDENCE,
    explanation=WORDS,
    remedies=st.lists(REMEDIES, max_size=2).map(tuple),
)


@given(st.lists(FINDINGS, max_size=3), st.booleans())
def test_findings_survive_being_written_down(findings: list[Finding], complete: bool) -> None:
    written = json.loads(json.dumps(findings_json(findings, complete=complete)))
    assert findings_from_json(written) == tuple(findings)
    assert written["complete"] is complete


@given(st.lists(FINDINGS, max_size=3))
def test_a_training_is_sick_when_something_critical_is_confirmed(findings: list[Finding]) -> None:
    sick = any(each.severity == "critical" and each.status == "confirmed" for each in findings)
    assert findings_json(findings, complete=True)["healthy"] is not sick


@pytest.mark.parametrize("content", [{}, {"findings": [{"symptom": "x"}]}, {"findings": [1]}])
def test_what_holds_no_findings_is_refused(content: dict[str, Any]) -> None:
    with pytest.raises((KeyError, TypeError)):
        findings_from_json(content)
