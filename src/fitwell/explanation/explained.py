"""What a run keeps of it: the content of `explanation.json`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from fitwell.explanation.asking import Asked
from fitwell.explanation.dependence import dependence
from fitwell.explanation.importance import Importance, importance
from fitwell.explanation.rows import telling_rows

DRAWN = 6  # columns whose dependence is asked: those that matter most


def explained(asked: Asked, *, metric: str, seed: int) -> dict[str, Any]:
    """Return which columns matter for a metric, how predictions change along the first, and the rows worth a look."""
    found = importance(asked, metric=metric, seed=seed)
    columns = list(asked.entries) if found is None else [loss.column for loss in found.losses]
    changing = columns if found is None else [loss.column for loss in found.losses if loss.low < loss.high]
    return {
        "importance": None if found is None else _importance_json(found, rows=len(asked)),
        "dependence": [asdict(each) for each in dependence(asked, changing[:DRAWN])],
        "rows": telling_rows(asked, columns),
        "sheets": list(asked.sheets),
    }


def _importance_json(found: Importance, *, rows: int) -> dict[str, Any]:
    return {
        "metric": found.metric,
        "rows": found.rows,
        "repeats": found.repeats,
        "bounded": bounded(found, rows=rows),
        "columns": [asdict(loss) for loss in found.losses],
    }


def bounded(found: Importance, *, rows: int) -> str | None:
    """Return what the bound on the work left out, in a sentence; None where it was nothing."""
    said = []
    if found.untried:
        tried = len(found.losses)
        said.append(
            f"the {tried} of {tried + found.untried} columns that go along with the predictions most were tried"
        )
    if found.rows < rows:
        said.append(f"{found.rows:,} of {rows:,} rows were used")
    if not said:
        return None
    text = " and ".join(said)
    return f"To bound the work, {text}."
