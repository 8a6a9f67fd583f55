"""A run's files are read with suspicion: anybody may have edited, cut or replaced them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import NoneType
from typing import Any

import polars as pl

from fitwell.errors import RunError

RUN_VERSION = 1
FIRST_FILES = ("recipe.yaml", "data.json", "encoders.json")  # a run has these from its beginning
CHECKED_FILES = (*FIRST_FILES, "model.safetensors")
DECISION = "decision.json"  # runs that were written before there were decisions have none
PREDICTIONS = "predictions.parquet"
HISTORY = "history.parquet"
DIAGNOSIS = "diagnosis.json"  # of runs that were examined
TUNING = "tuning.json"  # of runs that a search found the settings of
CHECKPOINT = "checkpoint/state.safetensors"
MEND = "restore it from a copy, or train again"

Shape = Mapping[str, "type | tuple[type, ...] | Shape"]

# What each file must hold at least; what it holds besides is whoever reads it to check.
SHAPES: dict[str, Shape] = {
    "data.json": {
        "source": str,
        "path": (str, NoneType),
        "fingerprint": str,
        "test": (dict, NoneType),
        "schema": dict,
        "targets": dict,
        "split": {"fingerprint": str},
    },
    "encoders.json": {"encoders": list},
    DECISION: {name: (dict, NoneType) for name in ("threshold", "calibration", "interval")},
    "evaluation.json": {"primary": {"metric": str}, "metrics": dict},
    "findings.json": {"findings": list},
    TUNING: {"stage": str, "asked": dict, "space": list, "trials": list, "rungs": list, "results": list},
    "checksums.json": {"sha256": dict},
}
KINDS = {str: "text", dict: "a mapping", list: "a list", NoneType: "null"}


def read_json(path: Path, name: str) -> dict[str, Any]:
    """Return one of a run's JSON files.

    Raises:
        RunError: it is missing, damaged, without what it must hold, or of a newer format.
    """
    try:
        values = json.loads((path / name).read_text(encoding="utf-8"))
    except FileNotFoundError:
        if name in (*FIRST_FILES, "checksums.json"):
            raise RunError(f"{path} is damaged: it has no {name}; {MEND}") from None
        raise RunError(f"{path} has no {name}: it was cut off; continue it with: fitwell resume {path}") from None
    except (OSError, ValueError, RecursionError) as error:
        raise RunError(f"{path / name} is damaged ({error}); {MEND}") from None
    if not isinstance(values, dict):
        raise RunError(f"{path / name} is damaged: it must hold a mapping, but holds {_kind(values)}; {MEND}")
    version = values.get("version")
    if type(version) is int and version > RUN_VERSION:
        raise RunError(
            f"{path / name} has format version {version}, but this Fitwell reads up to {RUN_VERSION}; upgrade fitwell"
        )
    if wrong := _unlike(values, {"version": int, **SHAPES.get(name, {})}):
        raise RunError(f"{path / name} is damaged: {wrong}; {MEND}")
    return values


def read_predictions(path: Path) -> pl.DataFrame:
    """Return the table of the rows that a run was not trained on, its rows numbered and each in one of the parts.

    Raises:
        RunError: there is none, because the run was cut off or is of an older Fitwell; or it was changed or damaged.
    """
    sums = recorded_sums(path)
    if PREDICTIONS not in sums and "model.safetensors" in sums:
        raise RunError(
            f"{path} has no {PREDICTIONS}: an older Fitwell trained it; train it again, to the same figures, with: "
            f"fitwell train DATA --recipe {path / 'recipe.yaml'}"
        )
    if PREDICTIONS not in sums:
        raise RunError(f"{path} has no {PREDICTIONS}: it was cut off; continue it with: fitwell resume {path}")
    require_unchanged(path, [PREDICTIONS])
    try:
        table = pl.read_parquet(path / PREDICTIONS)
        sound = table.schema["row"] == pl.Int64 and table["part"].is_in(["validation", "test"]).all()
    except (OSError, pl.exceptions.PolarsError, KeyError) as error:
        raise RunError(f"{path / PREDICTIONS} is damaged ({error}); {MEND}") from None
    if not sound or table["row"].null_count() or table["row"].is_duplicated().any():
        raise RunError(f"{path / PREDICTIONS} is damaged: its rows must be numbered, each in one part; {MEND}")
    return table


def read_history(path: Path) -> pl.DataFrame:
    """Return how a training went.

    Raises:
        RunError: it is missing or damaged.
    """
    try:
        return pl.read_parquet(path / HISTORY)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise RunError(f"{path / HISTORY} is missing or damaged ({error})") from None


def _unlike(values: Mapping[str, Any], shape: Shape, prefix: str = "") -> str | None:
    """Return the first thing that must be there, and what is there instead."""
    for name, kind in shape.items():
        if name not in values:
            return f'it has no "{prefix}{name}"'
        value = values[name]
        expected = dict if isinstance(kind, Mapping) else kind
        if not isinstance(value, expected):
            kinds = expected if isinstance(expected, tuple) else (expected,)
            told = " or ".join(KINDS.get(each, "a whole number") for each in kinds)
            return f'"{prefix}{name}" must be {told}, but is {_kind(value)}'
        if isinstance(kind, Mapping) and (wrong := _unlike(values[name], kind, f"{prefix}{name}.")):
            return wrong
    return None


def _kind(value: object) -> str:
    return KINDS.get(type(value), "true or false" if isinstance(value, bool) else "a number")


def read_events(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the events of a run; a line that was cut off is passed over."""
    file = path / "events.jsonl"
    for line in file.read_bytes().split(b"\n") if file.is_file() else ():
        try:
            event = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(event, dict) and "event" in event:
            yield event


def recorded_sums(path: Path) -> dict[str, set[str]]:
    """Return the checksums that each of a run's files may have.

    A file that is being replaced may have two: `sha256` has the old one, `next` the one that is about to come.

    Raises:
        RunError: they are missing, damaged, or of a newer format.
    """
    values = read_json(path, "checksums.json")
    coming = values.get("next", {})
    if not isinstance(coming, dict):
        raise RunError(f'{path / "checksums.json"} is damaged: "next" must be a mapping; {MEND}')
    found: dict[str, set[str]] = {}
    for name, known in (*values["sha256"].items(), *coming.items()):
        found.setdefault(name, set()).add(str(known))
    return found


def has_decision(path: Path) -> bool:
    """Tell whether a run has a decision, or should have one."""
    return (path / DECISION).exists() or DECISION in recorded_sums(path)


def require_unchanged(path: Path, names: Sequence[str]) -> None:
    """Refuse a run some of whose files are not as training wrote them.

    Raises:
        RunError: a file is missing, or has another checksum than was recorded.
    """
    sums = recorded_sums(path)
    for name in names:
        if not (path / name).is_file():
            raise RunError(f"{path} is damaged: it has no {name}; {MEND}")
        if checksum((path / name).read_bytes()) not in sums.get(name, ()):
            raise RunError(f"{path / name} is not the file that training wrote (its checksum differs); {MEND}")


def checksum(content: bytes) -> str:
    """Return the SHA-256 of a file's content.

    >>> checksum(b"")[:8]
    'e3b0c442'
    """
    return hashlib.sha256(content).hexdigest()
