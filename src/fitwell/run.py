"""A run on disk: a folder of plain files, each written whole or not at all, and read with suspicion.

    recipe.yaml        what was asked, resolved: run again on the same data and machine it gives the same bits
    data.json          where the data was, its fingerprint, schema, how targets became numbers, how rows were split
    encoders.json      how cells become inputs
    model.safetensors  weights, members stacked
    history.parquet    how training went
    events.jsonl       what happened, appended while it happens
    evaluation.json    figures with intervals, baselines
    findings.json      what was found wrong with the data or the training
    checksums.json     of the files that predictions depend on
    checkpoint/        while training; gone when finished

The folder appears by one rename, so a run either has its recipe and data or does not exist.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import polars as pl
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from fitwell import recipe as recipes
from fitwell.data.encode import encoders_from_json
from fitwell.data.read import read_batches, read_table
from fitwell.data.schema import schema_from_json
from fitwell.data.write import REASONS, replace_atomically, write_batches
from fitwell.errors import FitwellError, RequestError, RunError, SurroundingsError, nearest
from fitwell.evaluation import Evaluation, evaluate_predictions
from fitwell.prediction import Model, encoded, model_from_tensors, model_tensors, prediction_table, predictions_for
from fitwell.tasks.task import coding_from_json

Item = TypeVar("Item")

RUN_VERSION = 1
CHECKPOINT = "checkpoint/state.safetensors"
CHECKED_FILES = ("recipe.yaml", "data.json", "encoders.json", "model.safetensors")
PREDICTED_AT_ONCE = 65536  # rows; bounds the memory of prediction


@dataclass(frozen=True)
class Run:
    """A training and what came of it."""

    path: Path

    @cached_property
    def recipe(self) -> recipes.Recipe:
        """What the run was asked to do, resolved."""
        return recipes.read(self.path / "recipe.yaml")

    @cached_property
    def data(self) -> dict[str, Any]:
        """Where the data was, its schema and split, and what was noticed about it."""
        return read_json(self.path, "data.json")

    @cached_property
    def evaluation(self) -> dict[str, Any]:
        """Figures with intervals and the baselines beside them."""
        return read_json(self.path, "evaluation.json")

    @cached_property
    def findings(self) -> list[dict[str, Any]]:
        """What was found wrong, the likeliest cause first."""
        found: list[dict[str, Any]] = read_json(self.path, "findings.json")["findings"]
        return found

    @cached_property
    def history(self) -> pl.DataFrame:
        """One row per member and look, and per member and step whose signals were recorded."""
        try:
            return pl.read_parquet(self.path / "history.parquet")
        except (OSError, pl.exceptions.PolarsError) as error:
            raise RunError(f"{self.path / 'history.parquet'} is missing or damaged ({error})") from None

    @cached_property
    def events(self) -> list[dict[str, Any]]:
        """What happened, in order."""
        return list(read_events(self.path))

    @property
    def state(self) -> str:
        """`finished`, `interrupted` (usable, and can be resumed) or `unfinished` (was cut off)."""
        names = [event["event"] for event in self.events]
        return next((name for name in reversed(names) if name in ("finished", "interrupted")), "unfinished")

    @cached_property
    def model(self) -> Model:
        """The trained model, checked against the run's checksums."""
        return _read_model(self)

    def predict(self, data: object) -> pl.DataFrame:
        """Return predictions for the rows of a file, frame or mapping, in their order.

        Columns: `prediction`; `probability_<class>` for classes; `disagreement` where there are several members.

        Raises:
            DataError: a column is missing, or a cell cannot be read as its column's kind.
        """
        return pl.concat(list(self.predict_batches(data)))

    def predict_file(self, data: object, path: str | Path) -> int:
        """Write the predictions for a file's rows, in bounded memory, and return how many there were."""
        return write_batches(self.predict_batches(data), path)

    def evaluate(self, data: object) -> Evaluation:
        """Return figures with intervals on labelled rows."""
        frame = read_table(data).frame
        schema = schema_from_json(self.data["schema"])
        return evaluate_predictions(
            self.model, frame, schema, predictions_for(self.model, encoded(self.model, frame)).mean
        )

    def predict_batches(self, data: object) -> Iterator[pl.DataFrame]:
        """Yield the predictions of `predict` batch by batch, in bounded memory.

        The next batch is read and encoded while the present one goes through the network.
        """
        model = self.model

        def batches() -> Iterator[Mapping[str, Tensor]]:
            first_row = 0
            for frame in read_batches(data, rows=PREDICTED_AT_ONCE, columns=model.columns):
                yield encoded(model, frame, first_row=first_row)
                first_row += len(frame)

        for features in _made_ahead(batches()):
            yield prediction_table(model, features)


def open_run(path: str | Path) -> Run:
    """Return the run in a folder.

    Raises:
        RunError: there is no run, it is damaged, or it is of a newer format.
    """
    run = _found(path)
    _ = run.recipe, run.data  # refuses what is damaged or newer at the door
    return run


def load_run(path: str | Path) -> Run:
    """Return a run that can predict.

    Raises:
        RunError: as `open_run`; or the run was cut off before it had a model, or its files were changed.
    """
    run = _found(path)
    if not (run.path / "model.safetensors").exists() and not (run.path / "checksums.json").exists():
        raise RunError(f"{run.path} was cut off before it was finished; continue it with: fitwell resume {run.path}")
    _ = run.model
    return run


def _found(path: str | Path) -> Run:
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
        raise RunError(f"{folder} is damaged: it has no {missing[0]}; restore it from a copy, or train again")
    return Run(folder)


def create_run(path: str | Path | None, *, source: str, files: Mapping[str, bytes]) -> Run:
    """Return a new run whose folder appears with all these files at once.

    Without a path it is `runs/<source>-<n>` with the first free number.

    Raises:
        RequestError: the path exists. SurroundingsError: the folder cannot be written.
    """
    target = Path(path) if path is not None else next_run_path(source)
    if target.exists():
        raise RequestError(f"--out {target} exists; choose another folder or remove it")
    made = _folders_to_make(target.parent)
    try:
        with writing_worded(target, "choose another place with --out"):
            target.parent.mkdir(parents=True, exist_ok=True)
            temporary = Path(tempfile.mkdtemp(prefix=f".{target.name[:100]}.", dir=target.parent))
        try:
            for name, content in files.items():
                replace_atomically(temporary / name, content)
            with writing_worded(target, "choose another place with --out"):
                temporary.chmod(0o755)
                temporary.rename(target)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
    except BaseException:
        for folder in made:
            with suppress(OSError):
                folder.rmdir()
        raise
    return Run(target)


def _folders_to_make(folder: Path) -> list[Path]:
    """Return the folders that are not there yet, innermost first."""
    return [each for each in (folder, *folder.parents) if not each.exists()]


@contextmanager
def writing_worded(path: Path, advice: str = "check the disk and its rights") -> Iterator[None]:
    """Word what the disk refuses."""
    try:
        yield
    except (FileExistsError, NotADirectoryError):
        raise SurroundingsError(f"{path} cannot be written: a file is where a folder must be; {advice}") from None
    except OSError as error:
        reason = REASONS.get(error.errno or 0, f"{error.strerror}; {advice}")
        raise SurroundingsError(f"{path} cannot be written: {reason}") from None


def discard_unstarted(run: Run) -> bool:
    """Remove a run that has no checkpoint to continue from, and tell whether it was removed."""
    if (run.path / CHECKPOINT).is_file():
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


def all_runs(folder: str | Path = "runs") -> list[Run]:
    """Return the runs in a folder, oldest first."""
    found = [Run(each.parent) for each in Path(folder).glob("*/recipe.yaml") if not each.parent.name.startswith(".")]
    return sorted(found, key=lambda run: (run.path / "data.json").stat().st_mtime)


def append_event(run: Run, event: str, /, **values: object) -> None:
    """Append one line to the run's events, at once on disk.

    Raises:
        SurroundingsError: the disk is full, or the file may not be written.
    """
    line = json.dumps({"version": RUN_VERSION, "time": round(time.time(), 3), "event": event, **values})
    file = run.path / "events.jsonl"
    with writing_worded(file), file.open("a+b") as lines:
        if lines.tell() and _last_byte(lines) != b"\n":
            lines.write(b"\n")  # a line that was cut off stays a line of its own
        lines.write(line.encode() + b"\n")
        lines.flush()
        os.fsync(lines.fileno())


def _last_byte(file: BinaryIO) -> bytes:
    file.seek(-1, os.SEEK_END)
    return file.read(1)


def read_events(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the events of a run; a line that was cut off is passed over."""
    file = path / "events.jsonl"
    for line in file.read_bytes().split(b"\n") if file.is_file() else ():
        try:
            event = json.loads(line)
        except ValueError:
            continue
        if isinstance(event, dict) and "event" in event:
            yield event


def write_json(run: Run, name: str, values: Mapping[str, object]) -> None:
    """Write one of the run's JSON files with the format version first."""
    replace_atomically(run.path / name, json_bytes(values))


def json_bytes(values: Mapping[str, object]) -> bytes:
    """Return a JSON file's content, with the format version first."""
    return (json.dumps({"version": RUN_VERSION, **values}, indent=1, allow_nan=False) + "\n").encode()


def write_recipe(run: Run, recipe: recipes.Recipe, *, comments: Mapping[str, str]) -> None:
    """Replace the run's recipe."""
    replace_atomically(run.path / "recipe.yaml", recipes.to_yaml(recipe, comments=comments).encode())


def write_model(run: Run, model: Model) -> None:
    """Write the weights, and the checksums of everything that predictions depend on."""
    replace_atomically(run.path / "model.safetensors", save(model_tensors(model), {"version": str(RUN_VERSION)}))
    sums = {name: _checksum(run.path / name) for name in CHECKED_FILES}
    write_json(run, "checksums.json", {"sha256": sums})


def write_history(run: Run, history: pl.DataFrame) -> None:
    """Write the history of the training."""
    replace_atomically(run.path / "history.parquet", parquet_bytes(history))


def parquet_bytes(frame: pl.DataFrame) -> bytes:
    """Return a frame as the bytes of a Parquet file."""
    buffer = io.BytesIO()
    frame.write_parquet(buffer)
    return buffer.getvalue()


def write_checkpoint(run: Run, content: bytes) -> None:
    """Replace the run's checkpoint."""
    with writing_worded(run.path / "checkpoint"):
        (run.path / "checkpoint").mkdir(exist_ok=True)
    replace_atomically(run.path / CHECKPOINT, content)


def read_checkpoint(run: Run) -> bytes | None:
    """Return the bytes of the run's checkpoint, or None before its first."""
    file = run.path / CHECKPOINT
    return file.read_bytes() if file.is_file() else None


def remove_checkpoint(run: Run) -> None:
    """Remove the checkpoint of a run that is finished."""
    shutil.rmtree(run.path / "checkpoint", ignore_errors=True)


def read_json(path: Path, name: str) -> dict[str, Any]:
    """Return one of a run's JSON files.

    Raises:
        RunError: it is missing, damaged, or of a newer format.
    """
    try:
        values = json.loads((path / name).read_text(encoding="utf-8"))
        version = values["version"]
    except FileNotFoundError:
        raise RunError(f"{path} has no {name}: it was cut off; continue it with: fitwell resume {path}") from None
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise RunError(f"{path / name} is damaged ({error}); restore it from a copy, or train again") from None
    if not isinstance(version, int) or version > RUN_VERSION:
        raise RunError(
            f"{path / name} has format version {version}, but this Fitwell reads up to {RUN_VERSION}; upgrade fitwell"
        )
    return dict(values)


def _made_ahead(items: Iterator[Item]) -> Iterator[Item]:
    """Yield the same items, the next one being made by a second thread while the present one is used."""
    with ThreadPoolExecutor(max_workers=1) as pool:
        coming = pool.submit(next, items, None)
        while (item := coming.result()) is not None:
            coming = pool.submit(next, items, None)
            yield item


def _read_model(run: Run) -> Model:
    sums = read_json(run.path, "checksums.json").get("sha256", {})
    for name in CHECKED_FILES:
        if not (run.path / name).is_file() or _checksum(run.path / name) != sums.get(name):
            raise RunError(
                f"{run.path / name} is not the file that training wrote (its checksum differs); "
                "restore it from a copy, or train again"
            )
    try:
        return model_from_tensors(
            load((run.path / "model.safetensors").read_bytes()),
            recipe=run.recipe,
            encoders=encoders_from_json(read_json(run.path, "encoders.json")),
            coding=coding_from_json(run.data["targets"]),
        )
    except (SafetensorError, KeyError, ValueError, TypeError) as error:
        if isinstance(error, FitwellError):
            raise
        raise RunError(f"{run.path} is damaged ({error}); restore it from a copy, or train again") from None


def _checksum(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
