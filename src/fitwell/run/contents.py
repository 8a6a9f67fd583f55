"""What a run's files hold, gathered for its report: a file that is not there is left out, a damaged one refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import polars as pl

from fitwell.errors import RunError
from fitwell.recipe import Recipe
from fitwell.report.picture import Contents
from fitwell.run.reading import (
    DECISION,
    DIAGNOSIS,
    HISTORY,
    MEND,
    PREDICTIONS,
    TUNING,
    has_decision,
    read_history,
    read_json,
    read_predictions,
    recorded_sums,
)

Made = TypeVar("Made")

DAMAGE = (
    AssertionError,
    AttributeError,
    IndexError,
    KeyError,
    TypeError,
    ValueError,
    ZeroDivisionError,
    pl.exceptions.PolarsError,
)


def contents_of(path: Path, *, state: str, recipe: Recipe, data: Mapping[str, Any]) -> Contents:
    """Return what a run's files hold.

    Raises:
        RunError: a file that is there is damaged, was changed, or is of a newer format.
    """
    return Contents(
        name=path.resolve().name,
        path=str(path),
        state=state,
        recipe=(path / "recipe.yaml").read_text(encoding="utf-8"),
        settings=recipe.model_dump(),
        data=data,
        evaluation=_json(path, "evaluation.json") or None,
        findings=_json(path, "findings.json").get("findings", []),
        history=read_history(path) if (path / HISTORY).is_file() else None,
        predictions=read_predictions(path) if PREDICTIONS in recorded_sums(path) else None,
        decision=read_json(path, DECISION) if has_decision(path) else {},
        explanation=_json(path, "explanation.json"),
        tuning=_json(path, TUNING),
        diagnosis=_json(path, DIAGNOSIS),
        versions=data.get("versions") or {},
    )


def made_of(contents: Contents, make: Callable[[Contents], Made]) -> Made:
    """Return what is made of a run's contents.

    Raises:
        RunError: its files hold something else than training writes.
    """
    try:
        return make(contents)
    except DAMAGE as error:
        what = f"{type(error).__name__}: {error}"
        raise RunError(f"{contents.path} cannot be shown: a file of it is damaged ({what}); {MEND}") from error


def _json(path: Path, name: str) -> dict[str, Any]:
    return read_json(path, name) if (path / name).is_file() else {}
