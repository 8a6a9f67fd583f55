"""A run as a value: what was asked, what came of it, and predictions for new rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import polars as pl
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor

from fitwell import recipe as recipes
from fitwell.data.encode import encoders_from_json
from fitwell.data.read import read_batches, read_table
from fitwell.data.schema import Schema, schema_from_json
from fitwell.data.write import write_batches
from fitwell.errors import FitwellError, RecipeError, RequestError, RunError
from fitwell.evaluation import Evaluation, evaluate_predictions
from fitwell.prediction import Model, encoded, model_from_tensors, prediction_table, predictions_for
from fitwell.run.lock import is_training
from fitwell.run.reading import CHECKED_FILES, MEND, read_events, read_json, read_predictions, require_unchanged
from fitwell.tasks.task import TargetCoding, coding_from_json

Item = TypeVar("Item")

PREDICTED_AT_ONCE = 65536  # rows; bounds the memory of prediction


@dataclass(frozen=True)
class Run:
    """A training and what came of it."""

    path: Path

    @cached_property
    def recipe(self) -> recipes.Recipe:
        """What the run was asked to do, resolved."""
        try:
            return recipes.read(self.path / "recipe.yaml")
        except RecipeError as error:
            if "upgrade fitwell" in str(error):
                raise
            raise RunError(f"{error}; if a newer Fitwell wrote this run, upgrade fitwell, else {MEND}") from None

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
    def predictions(self) -> pl.DataFrame:
        """The rows that were not trained on: `row` (its number in the data, from 0), `part`, truth and predictions."""
        return read_predictions(self.path)

    @cached_property
    def events(self) -> list[dict[str, Any]]:
        """What happened, in order."""
        return list(read_events(self.path))

    @property
    def state(self) -> str:
        """`training` (a process is at it), `finished`, `interrupted` (usable, can be resumed) or `unfinished`."""
        if is_training(self.path):
            return "training"
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
        """Write the predictions for a file's rows, in bounded memory, and return how many there were.

        Raises:
            RequestError: the predictions would overwrite the data. DataError: as `predict`.
        """
        require_apart(data, path)
        return write_batches(self.predict_batches(data), path)

    def evaluate(self, data: object) -> Evaluation:
        """Return figures with intervals on labelled rows."""
        frame = read_table(data).frame
        predictions = predictions_for(self.model, encoded(self.model, frame)).mean
        return evaluate_predictions(self.model, frame, _read_schema(self), predictions)

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


def require_apart(data: object, path: str | Path) -> None:
    """Refuse to write over the file, or a file of the folder, that is read.

    Raises:
        RequestError: the output is the data.
    """
    if not isinstance(data, str | Path) or not Path(path).exists():
        return
    source, output = Path(data).resolve(), Path(path).resolve()
    if source == output or (source.is_dir() and source in output.parents and output.is_file()):
        raise RequestError(f"--output {path} is the data itself, which would be lost; name another file")


def _read_model(run: Run) -> Model:
    require_unchanged(run.path, CHECKED_FILES)
    try:
        return model_from_tensors(
            load((run.path / "model.safetensors").read_bytes()),
            recipe=run.recipe,
            encoders=encoders_from_json(read_json(run.path, "encoders.json")),
            coding=read_coding(run),
        )
    except FitwellError:
        raise
    except (SafetensorError, AssertionError, AttributeError, KeyError, ValueError, TypeError, RuntimeError) as error:
        raise RunError(f"{run.path} is damaged ({error}); {MEND}") from None


def read_coding(run: Run) -> TargetCoding:
    """Return how the run's targets became numbers.

    Raises:
        RunError: it is damaged.
    """
    try:
        return coding_from_json(run.data["targets"])
    except (AttributeError, KeyError, ValueError, TypeError) as error:
        raise RunError(f"{run.path / 'data.json'} is damaged (its targets: {error}); {MEND}") from None


def _read_schema(run: Run) -> Schema:
    try:
        return schema_from_json(run.data["schema"])
    except (AttributeError, KeyError, ValueError, TypeError) as error:
        raise RunError(f"{run.path / 'data.json'} is damaged (its schema: {error}); {MEND}") from None


def _made_ahead(items: Iterator[Item]) -> Iterator[Item]:
    """Yield the same items, the next one being made by a second thread while the present one is used."""
    with ThreadPoolExecutor(max_workers=1) as pool:
        coming = pool.submit(next, items, None)
        while (item := coming.result()) is not None:
            coming = pool.submit(next, items, None)
            yield item
