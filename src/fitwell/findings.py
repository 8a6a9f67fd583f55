"""What was found wrong with the data or a training, as `findings.json` keeps it.

A finding is confirmed, suspected or refuted. What counting the rows shows is confirmed by the count; that a column
gives the target away is a suspicion, since an honest column can predict well too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fitwell.data.audit import Note

SUSPECTED = frozenset({"target_leakage"})  # what counting cannot settle


def findings_json(notes: Sequence[Note]) -> dict[str, Any]:
    """Return the content of `findings.json`; nothing has been tried out yet, so it is not complete.

    >>> findings_json([])
    {'healthy': True, 'complete': False, 'findings': []}
    """
    findings = [finding_of(note) for note in notes]
    sick = any(found["severity"] == "critical" and found["status"] == "confirmed" for found in findings)
    return {"healthy": not sick, "complete": False, "findings": findings}


def finding_of(note: Note) -> dict[str, Any]:
    """Return a note about the data as a finding, with its way out as a remedy whose effect is not known."""
    change = {"setting": None, "from": None, "to": None, "text": note.way_out}
    return {
        "symptom": note.symptom,
        "status": "suspected" if note.symptom in SUSPECTED else "confirmed",
        "severity": note.severity,
        "where": note.column,
        "since": "data",
        "evidence": dict(note.evidence),
        "explanation": note.text,
        "remedies": [{"change": change, "effect": None, "low": None, "high": None}],
    }
