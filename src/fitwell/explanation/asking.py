"""A trained network that can be asked about rows with changed inputs, and how much asking may cost."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
import torch

from fitwell.data.schema import Schema
from fitwell.decision import costs_of
from fitwell.explanation.sheets import contact_sheets
from fitwell.metrics import Cut
from fitwell.prediction import Model, Predictions, decided, predictions_for
from fitwell.preparation import Prepared
from fitwell.tasks.task import TargetCoding, Task

WORK = 2e10  # multiplications that one sort of question may cost, about: some two seconds of one core
EMBEDDED = 4000.0  # multiplications that drawing curves of one number takes as long as

Blocks = Mapping[str, np.ndarray]  # encoded rows


@dataclass(frozen=True, kw_only=True, eq=False)
class Asked:
    """Held-out rows with their truth, and the network that predicts them."""

    task: Task
    coding: TargetCoding
    schema: Schema
    frame: pl.DataFrame  # raw cells
    blocks: Blocks  # the same rows encoded
    entries: Mapping[str, Mapping[str, np.ndarray]]  # column -> block -> where its entries are
    truth: np.ndarray
    predictions: np.ndarray
    weights: np.ndarray | None
    cut: Cut  # from where on a probability is an answer, and what wrong ones cost
    source_rows: np.ndarray  # their numbers in the data as read, from 0
    disagreement: np.ndarray | None  # of the members about each row, where there are several
    predict: Callable[[Blocks], np.ndarray]
    cost: float  # multiplications that predicting one row takes, about
    sheets: Sequence[Mapping[str, Any]] = ()  # what training makes of pictures, to be looked at

    def __len__(self) -> int:
        """Count the rows."""
        return len(self.predictions)

    def sample(self, most: int) -> np.ndarray:
        """Return the places of at most so many rows, evenly from all over."""
        return np.arange(len(self))[:: max(1, -(-len(self) // most))]


def repeated(blocks: Blocks, times: int) -> dict[str, np.ndarray]:
    """Return a copy of the rows, one after another so many times."""
    return {name: np.tile(block, (times, *(1,) * (block.ndim - 1))) for name, block in blocks.items()}


def entries_of(names: Mapping[str, tuple[str, ...]]) -> dict[str, dict[str, np.ndarray]]:
    """Return where each column's entries are in each block, from the columns of a layout's entries.

    >>> entries_of({"numbers": ("a", "b"), "flags": ("b", "b")})["b"]["flags"].tolist()
    [0, 1]
    """
    found: dict[str, dict[str, np.ndarray]] = {}
    for block, columns in names.items():
        for column in dict.fromkeys(columns):
            found.setdefault(column, {})[block] = np.flatnonzero(np.array(columns, dtype=object) == column)
    return found


def asked_of(prepared: Prepared, model: Model, predictions: Predictions) -> Asked:
    """Return the measured rows with a model that predicts them; `predictions` are what its members say of them."""
    labelled, rows = prepared.labelled, prepared.split.held_out[prepared.split.measured]
    layout = prepared.encoders.layout

    def predict(blocks: Blocks) -> np.ndarray:
        return predictions_for(model, {name: torch.from_numpy(block) for name, block in blocks.items()}).mean

    return Asked(
        task=labelled.task,
        coding=labelled.coding,
        schema=labelled.schema,
        frame=labelled.frame[rows],
        blocks={name: block[rows] for name, block in prepared.features.items()},
        entries=entries_of(layout.names)
        | {array.column: {block: np.arange(array.shape[0])} for block, array in layout.arrays.items()},
        truth=labelled.truth[rows],
        predictions=decided(predictions, labelled.task, labelled.coding, model.decision).mean,
        weights=None if labelled.weights is None else labelled.weights[rows],
        cut=model.decision.cut(costs_of(model.recipe.decision)),
        source_rows=labelled.source_rows[rows],
        disagreement=predictions.disagreement,
        predict=predict,
        cost=cost_of(model),
        sheets=contact_sheets(model, prepared.features, prepared.split.train),
    )


def cost_of(model: Model) -> float:
    """Return about how many multiplications one row takes: each weight once, more for arrays and for each number."""
    network, numbers = model.recipe.network, model.encoders.layout.numbers
    embedded = 0.0 if network.number_embedding == "none" else EMBEDDED * numbers
    arrays = model.network.multiplications
    assert isinstance(arrays, float)
    return float(model.population.weights.numel()) + model.recipe.member_count * (embedded + arrays)
