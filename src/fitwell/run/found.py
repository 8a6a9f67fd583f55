"""The folders of runs that are there: found or refused in words, and listed; what is in them is not read yet."""

from __future__ import annotations

import math
import re
from contextlib import suppress
from pathlib import Path

from fitwell.errors import RequestError, RunError, nearest
from fitwell.run.reading import MEND, read_events


def run_folder(path: str | Path) -> Path:
    """Return the folder of a run that is there.

    Raises:
        RunError: there is no run, or it lacks what every run has; the nearest name in that folder is offered.
    """
    folder = Path(path)
    if not folder.is_dir():
        beside = folder.parent
        siblings = [each.name for each in beside.iterdir() if each.is_dir()] if beside.is_dir() else []
        what = f"{folder} is a file, not the folder of a run" if folder.exists() else f"no run at {folder}"
        raise RunError(what + (nearest(folder.name, siblings) or "; `fitwell runs` lists the runs there are"))
    missing = [name for name in ("recipe.yaml", "data.json") if not (folder / name).is_file()]
    if len(missing) == 2:
        raise RunError(f"{folder} is not a run: it has no recipe.yaml and no data.json; `fitwell runs` lists the runs")
    if missing:
        raise RunError(f"{folder} is damaged: it has no {missing[0]}; {MEND}")
    return folder


def require_free(path: str | Path | None) -> None:
    """Refuse the place of a new run that is taken, before any work is done; None is a place that will be found.

    Raises:
        RequestError: the path exists.
    """
    if path is not None and Path(path).exists():
        raise RequestError(taken(path))


def taken(path: str | Path) -> str:
    """Return what is said of the place of a new run where something is already.

    >>> taken("runs/churn")
    '--out runs/churn exists; choose another folder or remove it'
    """
    return f"--out {path} exists; choose another folder or remove it"


def run_folders(folder: str | Path) -> list[Path]:
    """Return the runs in a folder, damaged ones too, oldest first; of the same moment, by name and number.

    Raises:
        RunError: there is no such folder.
    """
    if not Path(folder).is_dir():
        what = f"{folder} is a file, not a folder of runs" if Path(folder).exists() else f"there is no folder {folder}"
        raise RunError(f"{what}; name the folder that holds runs")
    marks = [mark for name in ("recipe.yaml", "data.json") for mark in Path(folder).glob(f"*/{name}")]
    found = {mark.parent for mark in marks if not mark.parent.name.startswith(".")}
    return sorted(found, key=lambda path: (_begun_at(path), _natural(path.name)))


def _begun_at(path: Path) -> float:
    """Return when the training in a folder began, in seconds since 1970, by its events or the age of its files."""
    time = next(read_events(path), {}).get("time")
    if isinstance(time, int | float) and math.isfinite(time):
        return float(time)
    for name in ("data.json", "recipe.yaml"):
        with suppress(OSError):
            return (path / name).stat().st_mtime
    return 0.0


def _natural(name: str) -> list[tuple[int, str]]:
    """Return what sorts names with numbers as people do: 9 before 10."""
    return [(int(part), "") if part.isdecimal() else (0, part) for part in re.split(r"(\d+)", name)]
