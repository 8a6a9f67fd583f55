"""The folders of runs: opened, created and named."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from fitwell.errors import RequestError, RunError
from fitwell.files import replace_atomically
from fitwell.run.disk import writing_worded
from fitwell.run.found import require_free, run_folder, taken
from fitwell.run.lock import is_training
from fitwell.run.reading import CHECKPOINT, FIRST_FILES, checksum, recorded_sums, require_unchanged
from fitwell.run.value import Run
from fitwell.run.writing import json_bytes

ELSEWHERE = "choose another place with --out"


def open_run(path: str | Path) -> Run:
    """Return the run in a folder.

    Raises:
        RunError: there is no run, it is damaged or was changed, or it is of a newer format.
    """
    run = Run(run_folder(path))
    require_unchanged(run.path, FIRST_FILES)
    _ = run.recipe, run.data  # refuses what is damaged or newer at the door
    return run


def load_run(path: str | Path) -> Run:
    """Return a run that can predict.

    Raises:
        RunError: as `open_run`; or the run was cut off before it had a model, or its files were changed.
    """
    run = Run(run_folder(path))
    _require_trained(run)
    _ = run.reader if run.answers_questions else run.model
    return run


def measured_run(path: str | Path) -> Run:
    """Return a run that knows what it predicts for the rows that it was not trained on.

    Raises:
        RunError: as `open_run`; or the run was cut off before it had a model, or an older Fitwell trained it.
    """
    run = open_run(path)
    _require_trained(run)
    _ = run.predictions
    return run


def _require_trained(run: Run) -> None:
    if (run.path / "model.safetensors").exists() or "model.safetensors" in recorded_sums(run.path):
        return
    if run.state == "training":
        raise RunError(f"{run.path} is still being trained; wait until it is finished")
    raise RunError(f"{run.path} was cut off before it was finished; continue it with: fitwell resume {run.path}")


def create_run(path: str | Path | None, *, source: str, files: Mapping[str, bytes]) -> Run:
    """Return a new run whose folder appears with all these files at once.

    Without a path it is `runs/<source>-<n>` with the first free number.

    Raises:
        RequestError: the path exists. SurroundingsError: the folder cannot be written.
    """
    require_free(path)
    target = Path(path) if path is not None else next_run_path(source)
    made = _folders_to_make(target.parent)
    sums = {name: checksum(content) for name, content in files.items()}
    try:
        with writing_worded(target, ELSEWHERE):
            target.parent.mkdir(parents=True, exist_ok=True)
            temporary = Path(tempfile.mkdtemp(prefix=f".{target.name[:100]}.", dir=target.parent))
        try:
            for name, content in {**files, "checksums.json": json_bytes({"sha256": sums})}.items():
                replace_atomically(temporary / name, content)
            with writing_worded(target, ELSEWHERE):
                temporary.chmod(0o755)
            return Run(_appeared(temporary, target, source=None if path is not None else source))
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
    except BaseException:
        for folder in made:
            with suppress(OSError):
                folder.rmdir()
        raise


def _appeared(temporary: Path, target: Path, *, source: str | None) -> Path:
    """Give a folder its name; where the name was taken meanwhile, the next number of the source is tried."""
    while True:
        with writing_worded(target, ELSEWHERE):
            try:
                return temporary.rename(target)
            except OSError:
                if not target.exists():
                    raise
        if source is None:
            raise RequestError(taken(target))
        target = next_run_path(source)


def _folders_to_make(folder: Path) -> list[Path]:
    """Return the folders that are not there yet, innermost first."""
    return [each for each in (folder, *folder.parents) if not each.exists()]


def discard_unstarted(run: Run) -> bool:
    """Remove a run that has neither a model nor anything to continue from, and tell whether it was removed."""
    started = any((run.path / name).exists() for name in (CHECKPOINT, "model.safetensors", "search"))
    if started or is_training(run.path):
        return False
    shutil.rmtree(run.path, ignore_errors=True)
    return True


def next_run_path(source: str, *, folder: str | Path = "runs") -> Path:
    """Return `runs/<name>-<n>` for the first n that is free."""
    name = re.sub(r"[^\w.-]+", "-", Path(source).name.split(".")[0]).strip("-") or "run"
    number = 1
    while (Path(folder) / f"{name}-{number}").exists():
        number += 1
    return Path(folder) / f"{name}-{number}"
