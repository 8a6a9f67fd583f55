"""A run's files are written whole or not at all; what was said while it ran is appended line by line."""

from __future__ import annotations

import io
import json
import os
import time
from collections.abc import Mapping
from typing import BinaryIO

import polars as pl
from safetensors.torch import save
from torch import Tensor

from fitwell import recipe as recipes
from fitwell.files import replace_atomically
from fitwell.prediction import Model, model_tensors
from fitwell.run.disk import writing_worded
from fitwell.run.reading import DECISION, PREDICTIONS, RUN_VERSION, TUNING, checksum, read_json
from fitwell.run.value import Run


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


def write_json(run: Run, name: str, values: Mapping[str, object]) -> None:
    """Write one of the run's JSON files with the format version first."""
    replace_atomically(run.path / name, json_bytes(values))


def json_bytes(values: Mapping[str, object]) -> bytes:
    """Return a JSON file's content, with the format version first."""
    return (json.dumps({"version": RUN_VERSION, **values}, indent=1, allow_nan=False) + "\n").encode()


def write_recipe(run: Run, recipe: recipes.Recipe, *, comments: Mapping[str, str]) -> None:
    """Replace the run's recipe."""
    _replace_checked(run, "recipe.yaml", recipes.to_yaml(recipe, comments=comments).encode())


def write_first_files(run: Run, files: Mapping[str, bytes]) -> None:
    """Replace the files that a run has from its beginning, when it is to train otherwise than it was begun."""
    for name, content in files.items():
        _replace_checked(run, name, content)


def write_tuning(run: Run, values: Mapping[str, object]) -> None:
    """Write what a search tries and what it found."""
    _replace_checked(run, TUNING, json_bytes(values))


def write_model(run: Run, model: Model) -> None:
    """Write the weights."""
    write_weights(run, model_tensors(model))


def write_weights(run: Run, tensors: Mapping[str, Tensor]) -> None:
    """Write weights by their names, the members stacked."""
    _replace_checked(run, "model.safetensors", save(dict(tensors), {"version": str(RUN_VERSION)}))


def write_decision(run: Run, values: Mapping[str, object]) -> None:
    """Write what the model's predictions go through before they are acted on."""
    _replace_checked(run, DECISION, json_bytes(values))


def write_predictions(run: Run, predictions: pl.DataFrame) -> None:
    """Write the truth and the predictions of the rows that were not trained on."""
    _replace_checked(run, PREDICTIONS, parquet_bytes(predictions))


def _replace_checked(run: Run, name: str, content: bytes) -> None:
    """Replace a file that has a checksum; cut off in between, the run still knows it for its own."""
    sums = read_json(run.path, "checksums.json")["sha256"]
    coming = {name: checksum(content)}
    write_json(run, "checksums.json", {"sha256": sums, "next": coming})
    replace_atomically(run.path / name, content)
    write_json(run, "checksums.json", {"sha256": sums | coming})


def write_history(run: Run, history: pl.DataFrame) -> None:
    """Write the history of the training."""
    replace_atomically(run.path / "history.parquet", parquet_bytes(history))


def parquet_bytes(frame: pl.DataFrame) -> bytes:
    """Return a frame as the bytes of a Parquet file."""
    buffer = io.BytesIO()
    frame.write_parquet(buffer)
    return buffer.getvalue()
