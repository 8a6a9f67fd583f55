"""What an examination comes to: a value with a verdict, its findings, and how sure they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fitwell.doctor.examining.thresholds import MOST_WORK_IN_ALL
from fitwell.doctor.finding import Finding, findings_json

SHOWN = 4  # names
MARKS = {"critical": "✗", "warning": "!", "info": "·"}


@dataclass(frozen=True, kw_only=True)
class Exam:
    """What is wrong with a training, the likeliest cause first, and why one may believe it."""

    findings: tuple[Finding, ...]
    complete: bool  # False when time ended it, or all work that it may take was done
    task: str  # what the network was taken to do, and by what it was judged
    skill: float | None  # of the training as examined, on held-out rows; 0: as good as a constant, 1: perfect
    allowed: float | None  # the skill that the data was shown to allow
    rows: int  # held-out rows that judged
    trainings: int  # how many trainings it took
    summary: str  # the verdict in a sentence or two
    untried: tuple[str, ...] = ()  # what was left out, since so much work was done
    by_moments: tuple[str, ...] = ()  # parameters that other seeds drew by their own mean and spread

    @property
    def healthy(self) -> bool:
        """True when no critical finding is confirmed."""
        return not any(finding.decides for finding in self.findings)

    def as_json(self) -> dict[str, Any]:
        """Return it as `findings.json` keeps findings, with what it rests on."""
        return {
            "version": 1,
            **findings_json(self.findings, complete=self.complete),
            "task": self.task,
            "skill": self.skill,
            "allowed": self.allowed,
            "rows": self.rows,
            "trainings": self.trainings,
            "summary": self.summary,
            "untried": list(self.untried),
            "by_moments": list(self.by_moments),
        }

    def __str__(self) -> str:
        """Return the findings to read, the likeliest cause first."""
        lines = [f"{'healthy' if self.healthy else 'sick'}: {self.summary}", f"judged as: {self.task}"]
        if self.by_moments:
            names = ", ".join(self.by_moments[:SHOWN]) + (", …" if len(self.by_moments) > SHOWN else "")
            lines.append(f"other seeds drew by their own mean and spread, since no layer draws them so: {names}")
        if self.untried:
            lines.append(
                f"incomplete: the work of {MOST_WORK_IN_ALL:.0f} trainings was done before {', '.join(self.untried)} "
                "could be tried; a budget of time allows more"
            )
        elif not self.complete:
            lines.append("incomplete: the time ended it before everything was tried")
        for finding in self.findings:
            where = f" ({finding.where})" if finding.where else ""
            lines.append("")
            lines.append(f"{MARKS[finding.severity]} {finding.symptom}{where}: {finding.status} {finding.severity}")
            lines.append(f"  {finding.explanation}")
            lines.extend(f"  -> {_remedy(each)}" for each in finding.remedies)
        return "\n".join(lines)


def _remedy(remedy: Any) -> str:
    text = str(remedy.change["text"])
    if remedy.effect is None:
        return text
    interval = "" if remedy.low is None else f", 95 % interval {remedy.low:+.2f} to {remedy.high:+.2f}"
    return f"{text}: {remedy.effect:+.2f} in skill{interval}"
