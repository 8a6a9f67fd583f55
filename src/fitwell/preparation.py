"""Rows made ready for training: typed, divided, encoded, with every `auto` of the recipe decided.

Preparing is a function of the table and the recipe. The resolved recipe that comes out prepares the same rows in the
same way again: that is how a run is resumed and reproduced.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl
import torch

from fitwell.data.encode import Encoders, encode_features, fit_encoders
from fitwell.data.long import long_settings, series_frame
from fitwell.data.read import Table
from fitwell.data.schema import Schema, infer_schema, infer_task
from fitwell.data.split import Split, folds, split_rows
from fitwell.data.targets import broken_rows, labelled_rows, parsed, row_weights_of, target_cells
from fitwell.errors import DataError, RequestError
from fitwell.evaluation import primary_for
from fitwell.plan import Facts, Plan, available_cores, resolve, resolve_data
from fitwell.recipe import KindName, Recipe, TaskName, changed, with_values
from fitwell.tasks.table import TASKS
from fitwell.tasks.task import TargetCoding, Task, label_cells
from fitwell.training.loop import Rows, TrainingRows


@dataclass(frozen=True, kw_only=True, eq=False)
class Labelled:
    """The rows that can be learned from: cells typed by a schema, targets as numbers."""

    frame: pl.DataFrame  # raw cells
    schema: Schema
    task: Task
    coding: TargetCoding
    truth: np.ndarray
    weights: np.ndarray | None
    source_rows: np.ndarray  # their numbers in the data as read, from 0; a test file's go on counting
    given_test: int  # so many last rows came from a test file
    without_target: int  # rows left out
    broken: tuple[str, ...] = ()  # pictures and sounds whose rows were skipped, each with what is wrong


@dataclass(frozen=True, kw_only=True, eq=False)
class Streamed:
    """Training rows of which only a sample is in memory; see `streamed.py`."""

    rows: int  # how many there are
    ordered: float  # the share of the target's variance that lies between the pieces in which it is read
    typed_rows: int  # by so many of the table the columns were typed
    training: Callable[[Recipe, str], TrainingRows]  # all of them, by a recipe, on a device


@dataclass(frozen=True, kw_only=True, eq=False)
class Prepared:
    """Everything training needs, decided."""

    labelled: Labelled
    split: Split
    encoders: Encoders
    features: Mapping[str, np.ndarray]  # of all rows
    recipe: Recipe  # resolved, but for a learning rate that a range test finds
    reasons: Mapping[str, str]
    streamed: Streamed | None = None  # where only some of the rows are in memory

    @property
    def rows(self) -> dict[str, int]:
        """How many rows each part has, in memory or not."""
        split, streamed = self.split, self.streamed
        training = len(split.train) if streamed is None else streamed.rows
        return {"train": training, "validation": len(split.validation), "test": len(split.test)}

    @property
    def predicted_columns(self) -> int:
        """How many columns predictions have: classes, labels or targets."""
        coding = self.labelled.coding
        return len(coding.classes[0]) if self.recipe.task in ("binary", "multiclass") else len(coding.names)

    def training(self, *, device: str) -> TrainingRows:
        """Return all training rows as training takes them."""
        return (
            self.part(self.split.train, device=device)
            if self.streamed is None
            else self.streamed.training(self.recipe, device)
        )

    def part(self, rows: np.ndarray, *, device: str) -> Rows:
        """Return some rows in memory as training takes them."""
        labelled = self.labelled
        features = {name: torch.from_numpy(block[rows]).to(device) for name, block in self.features.items()}
        targets = torch.from_numpy(labelled.task.targets(labelled.truth[rows], labelled.coding)).to(device)
        weights = None
        if labelled.weights is not None:
            weights = torch.from_numpy(labelled.weights[rows].astype(np.float32)).to(device)
        return Rows(features=features, targets=targets, weights=weights)


def labelled_rows_of(table: Table, recipe: Recipe, *, test: Table | None) -> tuple[Labelled, Recipe]:
    """Return the rows that can be learned from, and the recipe with its task and columns decided.

    Raises:
        DataError, RequestError: the target is not there or says nothing, or no features are left.
    """
    given_test = 0
    if not recipe.target:
        recipe = changed(recipe, {"target": table.target})
    if recipe.data.series_id is not None:
        recipe = changed(recipe, long_settings(table.frame, recipe.data, target=recipe.target))
    table = replace(table, frame=series_frame(table.frame, recipe.data))
    frame = table.frame
    if test is not None:
        test = replace(test, frame=series_frame(test.frame, recipe.data))
        frame = joined_with_test(table, test)
    schema = infer_schema(replace(table, frame=frame), recipe)
    task = TASKS[task_name_for(schema, recipe)]
    kept = known = labelled_rows(frame, schema)
    broken: dict[int, str] = {}
    skipped: list[KindName] = ["image"] if recipe.data.broken_images == "skip" else []
    skipped += ["audio"] if recipe.data.broken_sounds == "skip" else []
    if skipped:
        broken = broken_rows(frame[known], schema, skipped)
        kept = np.delete(known, sorted(broken))
    if test is not None:
        given_test = int((kept >= len(table.frame)).sum())
        require_test_rows(given_test, test)
    labelled = frame[kept]
    cells = target_cells(labelled, schema)
    _require_classes(task, cells)
    coding = task.fit(cells, recipe.data.target_scaling != "none")
    return (
        Labelled(
            frame=labelled,
            schema=schema,
            task=task,
            coding=coding,
            truth=task.truth(cells, coding),
            weights=row_weights_of(labelled, schema),
            source_rows=kept,
            given_test=given_test,
            without_target=len(frame) - len(known),
            broken=tuple(broken.values()),
        ),
        changed(recipe, {"task": task.name}),
    )


def prepare(labelled: Labelled, recipe: Recipe, *, split: Split) -> Prepared:
    """Return these rows encoded, with the recipe resolved; encoders see the training rows only."""
    decided = data_decided(labelled, recipe, split)
    task, frame, schema = labelled.task, labelled.frame, labelled.schema
    if task.form == "values":
        cells = target_cells(frame[split.train], schema)
        labelled = replace(labelled, coding=task.fit(cells, decided.recipe.data.target_scaling != "none"))
    encoders = fit_encoders(frame, schema, split.train, decided.recipe.data)
    return encoded(labelled, decided, split=split, encoders=encoders)


def data_decided(labelled: Labelled, recipe: Recipe, split: Split) -> Plan:
    """Return the recipe with what concerns the data decided."""
    _require_weight(labelled, split)
    _require_read_columns(labelled, recipe)
    primary = primary_for(labelled.task, labelled.coding, labelled.truth, goal=recipe.goal)
    decided = resolve_data(recipe, labelled.schema, primary, rows=len(split.train))
    reasons = dict(decided.reasons) | {"data.split": split.why}
    return Plan(recipe=changed(decided.recipe, {"data.split": split.method}), reasons=reasons)


def encoded(
    labelled: Labelled, decided: Plan, *, split: Split, encoders: Encoders, streamed: Streamed | None = None
) -> Prepared:
    """Return the rows encoded, with what concerns the network and its training decided."""
    prepared = Prepared(
        labelled=labelled,
        split=split,
        encoders=encoders,
        features=encode_features(labelled.frame, encoders),
        recipe=decided.recipe,
        reasons=decided.reasons,
        streamed=streamed,
    )
    return planned(prepared, decided.recipe)


def planned(prepared: Prepared, recipe: Recipe) -> Prepared:
    """Return the same encoded rows for another network or training: the recipe resolved, but for what is of the data.

    Task, goal and `data` are those of `prepared`, whatever the recipe says of them.
    """
    kept = {name: getattr(prepared.recipe, name) for name in ("task", "goal", "data")}
    labelled, encoders = prepared.labelled, prepared.encoders
    facts = Facts(
        task=labelled.task.name,
        training_rows=prepared.rows["train"],
        outputs=labelled.task.outputs(labelled.coding),
        layout=encoders.layout,
        cores=available_cores(),
    )
    plan = resolve(with_values(recipe, kept), facts)
    of_data = {path: why for path, why in prepared.reasons.items() if path.split(".")[0] in ("goal", "data")}
    return replace(prepared, recipe=plan.recipe, reasons=of_data | dict(plan.reasons))


def require_test_rows(given_test: int, test: Table) -> None:
    """Refuse a test file none of whose rows has a target."""
    if not given_test:
        raise DataError(
            f"the test file {test.source} must have rows with a target, but none of its {len(test.frame)} has one; "
            "fill them in, or leave --test out"
        )


def _require_classes(task: Task, cells: list[pl.Series]) -> None:
    # Cells that are written differently may be one class: "0" and "0.0".
    for column in cells:
        if task.form != "values" and label_cells(column).n_unique() < 2:
            raise DataError(
                f'the target "{column.name}" must have at least two classes, but its {len(column)} rows with a label '
                "are all of one; name another target, or add rows of another class"
            )


def _require_weight(labelled: Labelled, split: Split) -> None:
    for part, rows in (("train on", split.train), ("decide when to stop", split.validation), ("measure", split.test)):
        if labelled.weights is not None and len(rows) and not labelled.weights[rows].any():
            raise DataError(
                f"the rows to {part} need a weight above 0, but all {len(rows)} of them have weight 0; "
                "leave out rows of weight 0, or name another column with --weight"
            )


def _require_read_columns(labelled: Labelled, recipe: Recipe) -> None:
    kinds = {column.name: column.kind for column in labelled.schema.features}
    for kind, folder in (("text", recipe.data.text_encoder), ("image", recipe.data.image_encoder)):
        if folder is None or kind in kinds.values():
            continue
        shown = ", ".join(f'"{name}" ({kind})' for name, kind in list(kinds.items())[:5])
        raise RequestError(
            f"data.{kind}_encoder reads columns of {kind}, but none of the {len(kinds)} is one: {shown}; let "
            f"data.columns.NAME.kind be {kind}, or leave the encoder out"
        )


def divided(labelled: Labelled, recipe: Recipe) -> Split:
    """Return the division of the rows that the recipe asks for."""
    own = len(labelled.frame) - labelled.given_test
    split = split_rows(own, recipe.data, seed=recipe.seed, **_traits(labelled, own))
    if labelled.given_test:
        split = replace(split, test=np.arange(own, len(labelled.frame)))
    return split


def divided_in_folds(labelled: Labelled, recipe: Recipe) -> list[Split]:
    """Return one division per fold of cross-validation."""
    rows = len(labelled.frame)
    return folds(rows, recipe.data, seed=recipe.seed, **_traits(labelled, rows))


def task_name_for(schema: Schema, recipe: Recipe) -> TaskName:
    """Return the task that the targets call for, which may not be another than the recipe's."""
    found, why = infer_task(schema.targets)
    if recipe.task not in ("auto", found):
        raise RequestError(
            f"task is {recipe.task}, but {why}, which makes it {found}; leave task out, or name another target"
        )
    return found


def _traits(labelled: Labelled, rows: int) -> dict[str, Any]:
    schema, frame = labelled.schema, labelled.frame[:rows]
    traits: dict[str, Any] = {}
    if labelled.task.form != "values":
        traits["labels"] = labelled.truth[:rows]
    if labelled.task.name in ("binary", "multiclass"):
        traits["classes"] = labelled.coding.classes[0]
    if schema.group is not None:
        traits["groups"] = frame[schema.group.name].to_numpy()
    if schema.time is not None:
        traits["times"] = parsed(frame, schema.time).to_numpy()
    return traits


def joined_with_test(table: Table, test: Table) -> pl.DataFrame:
    """Return the rows of a table, and then those of a test file."""
    missing = [name for name in table.frame.columns if name not in test.frame.columns]
    if missing:
        raise DataError(
            f'the test file {test.source} must have the columns of {table.source}, but lacks "{missing[0]}"'
            f"{' and ' + str(len(missing) - 1) + ' more' if len(missing) > 1 else ''}; add them"
        )
    for name in table.frame.columns:
        own, other = table.frame.schema[name], test.frame.schema[name]
        if own.is_temporal() != other.is_temporal() and not {own, other} & {pl.String, pl.Null}:
            raise DataError(  # polars would silently take dates for numbers of days
                f'"{name}" must hold the same type in {test.source} as in {table.source}, but holds {other}, not '
                f"{own}; convert it"
            )
    try:
        return pl.concat([table.frame, test.frame.select(table.frame.columns)], how="vertical_relaxed")
    except pl.exceptions.PolarsError as error:
        raise DataError(
            f"the columns of {test.source} must hold the same types as those of {table.source}, but {error}"
        ) from None
