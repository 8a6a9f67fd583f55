"""What an examination found and what it went by, as `diagnosis.json` keeps it beside `findings.json`.

`diagnosis.json` holds the findings as they were before experiments, so that an examination can be done again, every
training that was compared, and what the cure is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from fitwell.curing.shortfall import Effect
from fitwell.doctor.finding import Finding, findings_from_json, findings_json
from fitwell.errors import RunError
from fitwell.run import DIAGNOSIS, Run, read_json


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """One training, or one simple model, that was compared."""

    name: str
    changes: Mapping[str, Any]  # of the run's recipe
    seed: str  # `own`, or which other
    figure: float | None  # on the validation rows
    trainings: float  # how many it counts as: of half of the rows it is half

    def as_json(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self) | {"changes": dict(self.changes)}


@dataclass(frozen=True, kw_only=True)
class Cure:
    """What helped: settings of the recipe, and the gain that was confirmed."""

    values: Mapping[str, Any]
    effect: Effect

    def as_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {"values": dict(self.values), "effect": asdict(self.effect)}


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """What is wrong with a run's training, or why one may believe that nothing is."""

    run: Run
    findings: tuple[Finding, ...]  # the likeliest cause first
    metric: str
    why: str  # it is healthy, or not, in a sentence
    cure: Cure | None
    experiments: tuple[Experiment, ...]
    untried: tuple[str, ...]  # what the budget did not allow
    passive: tuple[Finding, ...]  # as they were before the experiments
    seconds: float

    @property
    def healthy(self) -> bool:
        """True when no critical finding is confirmed."""
        return not any(finding.decides for finding in self.findings)

    @property
    def complete(self) -> bool:
        """True when all that was suspected was tried."""
        return not self.untried

    @property
    def trainings(self) -> float:
        """How many trainings it took; one on half of the rows is half a training."""
        return sum(experiment.trainings for experiment in self.experiments)

    def findings_json(self) -> dict[str, Any]:
        """Return the content of `findings.json`."""
        return findings_json(self.findings, complete=self.complete)

    def as_json(self) -> dict[str, Any]:
        """Return the content of `diagnosis.json`."""
        return {
            "metric": self.metric,
            "why": self.why,
            "cure": None if self.cure is None else self.cure.as_json(),
            "trainings": self.trainings,
            "seconds": self.seconds,
            "untried": list(self.untried),
            "experiments": [experiment.as_json() for experiment in self.experiments],
            "passive": findings_json(self.passive, complete=False)["findings"],
        }

    def __repr__(self) -> str:
        """Say in a line how it stands."""
        return f"<Diagnosis {self.run.path}: {self.why}>"


def passive_findings(run: Run) -> tuple[Finding, ...]:
    """Return what was found without experiments, also where an examination came after it.

    Raises:
        RunError: a file of the run is damaged.
    """
    if not (run.path / DIAGNOSIS).is_file():
        return run.findings
    content = read_json(run.path, DIAGNOSIS)
    try:
        return findings_from_json({"findings": content["passive"]})
    except (KeyError, TypeError) as error:
        raise RunError(f"{run.path / DIAGNOSIS} is damaged ({error}); remove it") from None


def recorded(run: Run) -> Diagnosis | None:
    """Return the examination that a run keeps, None where there is none, or one that a budget cut short.

    Raises:
        RunError: a file of the run is damaged.
    """
    if not (run.path / DIAGNOSIS).is_file():
        return None
    content = read_json(run.path, DIAGNOSIS)
    try:
        told = content["cure"]
        found = Diagnosis(
            run=run,
            findings=run.findings,
            metric=content["metric"],
            why=content["why"],
            cure=None if told is None else Cure(values=_settings(told["values"]), effect=Effect(**told["effect"])),
            experiments=tuple(
                Experiment(**each | {"changes": _settings(each["changes"])}) for each in content["experiments"]
            ),
            untried=tuple(content["untried"]),
            passive=passive_findings(run),
            seconds=content["seconds"],
        )
    except (KeyError, TypeError) as error:
        raise RunError(f"{run.path / DIAGNOSIS} is damaged ({error}); remove it") from None
    return found if found.complete else None


def _settings(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings as recipes have them: several values are a tuple, which JSON does not know."""
    return {path: tuple(value) if isinstance(value, list) else value for path, value in values.items()}
