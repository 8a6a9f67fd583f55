"""What was found wrong with data or a training, how sure that is, and what was seen to help."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

Severity = Literal["critical", "warning", "info"]
Status = Literal["confirmed", "suspected", "refuted"]

SEVERITIES: tuple[Severity, ...] = ("critical", "warning", "info")  # the gravest first
STATUSES: tuple[Status, ...] = ("confirmed", "suspected", "refuted")


def in_words(symptom: str) -> str:
    """Return a symptom as people write it.

    >>> in_words("dead_units"), in_words("non_finite_values")
    ('dead units', 'non-finite values')
    """
    return symptom.replace("non_", "non-").replace("_", " ")


@dataclass(frozen=True, kw_only=True)
class Remedy:
    """One thing to do about a finding, with the gain in the primary metric that it brought where it was tried.

    `change` has the keys `setting`, `from`, `to` (null where no setting of the recipe does it) and `text`, in words.
    """

    change: Mapping[str, Any]
    effect: float | None = None  # positive is better
    low: float | None = None  # of its 95 % interval
    high: float | None = None

    def as_json(self) -> dict[str, Any]:
        """Return what `findings.json` keeps."""
        return {"change": dict(self.change), "effect": self.effect, "low": self.low, "high": self.high}


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One symptom that was looked into."""

    symptom: str  # a topic of `fitwell explain`
    status: Status
    severity: Severity
    where: str | None = None  # a column, a layer, a setting
    since: str  # "data", "start", "epoch 3"
    evidence: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    explanation: str
    remedies: tuple[Remedy, ...] = ()

    @property
    def decides(self) -> bool:
        """True when it alone makes the training sick."""
        return self.severity == "critical" and self.status == "confirmed"

    def as_json(self) -> dict[str, Any]:
        """Return what `findings.json` keeps."""
        return {
            "symptom": self.symptom,
            "status": self.status,
            "severity": self.severity,
            "where": self.where,
            "since": self.since,
            "evidence": dict(self.evidence),
            "explanation": self.explanation,
            "remedies": [remedy.as_json() for remedy in self.remedies],
        }


def remedy(text: str, *, setting: str | None = None, old: object = None, new: object = None) -> Remedy:
    """Return a remedy that was not tried.

    >>> remedy("try a tenth of the rate", setting="training.learning_rate", old=0.1, new=0.01).change["to"]
    0.01
    """
    return Remedy(change={"setting": setting, "from": old, "to": new, "text": text})


def findings_json(findings: Iterable[Finding], *, complete: bool) -> dict[str, Any]:
    """Return the content of `findings.json`; `complete` when all that was suspected was tried out.

    >>> findings_json([], complete=False)
    {'healthy': True, 'complete': False, 'findings': []}
    """
    found = list(findings)
    healthy = not any(finding.decides for finding in found)
    return {"healthy": healthy, "complete": complete, "findings": [finding.as_json() for finding in found]}


def findings_from_json(content: Mapping[str, Any]) -> tuple[Finding, ...]:
    """Return the findings of a `findings.json`.

    Raises:
        KeyError, TypeError: it is none.

    >>> seen = Finding(symptom="one_class", status="confirmed", severity="critical", since="data", explanation="all no")
    >>> findings_from_json(findings_json([seen], complete=False)) == (seen,)
    True
    """
    return tuple(
        Finding(**{**each, "remedies": tuple(Remedy(**told) for told in each["remedies"])})
        for each in content["findings"]
    )
