"""A run in a line: what it predicts, how it stands, and the figure that decides; also of a run that is damaged."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fitwell import recipe as recipes
from fitwell.errors import FitwellError, RunError
from fitwell.metrics import Figure
from fitwell.run.lock import is_training
from fitwell.run.reading import MEND, read_events, read_json


@dataclass(frozen=True, kw_only=True)
class Summary:
    """What the files of a run say in short; what could not be read is None."""

    path: Path
    state: str  # as `Run.state`, or `damaged`
    task: str | None = None
    target: tuple[str, ...] = ()
    metric: str | None = None  # the one that decides
    figure: Figure | None = None
    rows: int | None = None  # that were measured
    split: str | None = None  # the part that they are

    def __str__(self) -> str:
        """Read as `runs/churn-1: finished, Churn (binary), roc_auc 0.8481 (0.8212 to 0.8712) on 1,056 test rows`."""
        told = [self.state]
        if self.target:
            told.append(f"{', '.join(self.target)} ({self.task})")
        if self.figure is not None:
            on = "" if self.rows is None else f" on {self.rows:,} {self.split} rows"
            told.append(f"{self.metric} {self.figure}{on}")
        return f"{self.path}: {', '.join(told)}"

    def as_json(self) -> dict[str, Any]:
        """Return plain values, as `fitwell runs --json` lists them."""
        ends = {name: getattr(self.figure, name, None) for name in ("value", "low", "high")}
        return {
            "run": str(self.path),
            "state": self.state,
            "task": self.task,
            "target": list(self.target),
            "metric": self.metric,
            **ends,
            "rows": self.rows,
            "split": self.split,
        }


def summary_of(path: Path) -> Summary:
    """Return what there is to say about the run in a folder; a damaged one is called so, never refused."""
    summary = Summary(path=path, state="damaged")
    with suppress(FitwellError):
        recipe = recipes.read(path / "recipe.yaml")
        summary = replace(summary, task=recipe.task, target=recipe.target)
        read_json(path, "data.json")
        if (path / "evaluation.json").is_file():
            summary = replace(summary, **_measured(path))
        summary = replace(summary, state=state_of(path))
    return summary


def state_of(path: Path) -> str:
    """Return `training` (a process is at it), `finished`, `interrupted` (usable, can be resumed) or `unfinished`."""
    return "training" if is_training(path) else ending_of(path)


def ending_of(path: Path) -> str:
    """Return how a training ended the last time, `unfinished` if it did neither finish nor was interrupted."""
    names = [event["event"] for event in read_events(path)]
    return next((name for name in reversed(names) if name in ("finished", "interrupted")), "unfinished")


def _measured(path: Path) -> dict[str, Any]:
    evaluation = read_json(path, "evaluation.json")
    metric, rows = evaluation["primary"]["metric"], evaluation.get("rows")
    entry = evaluation["metrics"].get(metric)
    if not isinstance(entry, Mapping):
        raise RunError(f"{path / 'evaluation.json'} is damaged: it has no figure {metric}; {MEND}")
    value, low, high = (_number(path, entry, name) for name in ("value", "low", "high"))
    reason = str(entry.get("reason", "it says no reason"))
    return {
        "metric": metric,
        "figure": Figure(value=value, low=low, high=high, method="", reason=reason),
        "rows": rows if isinstance(rows, int) else None,
        "split": str(evaluation.get("split")),
    }


def _number(path: Path, entry: Mapping[str, Any], name: str) -> float | None:
    value = entry.get(name)
    if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
        raise RunError(f"{path / 'evaluation.json'} is damaged: {name} must be a number, but is {value!r}; {MEND}")
    return value
