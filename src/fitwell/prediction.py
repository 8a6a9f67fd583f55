"""A trained model as a value: rows of a table go in, predictions come out.

A model knows how cells become inputs, what the members' weights are and what their outputs mean. It needs no training
data and no optimizer; reloaded in a fresh process it predicts the same bits.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import polars as pl
import torch
from torch import Tensor, nn

from fitwell.data.encode import Encoders, encode_features
from fitwell.data.wide import gathered
from fitwell.decision import Decision
from fitwell.networks.build import build_network
from fitwell.recipe import Recipe
from fitwell.tasks.table import TASKS
from fitwell.tasks.task import TargetCoding, Task
from fitwell.tasks.together import together
from fitwell.training.outputs import lend, outputs_in_pieces
from fitwell.training.pieces import Piece, pieces_of, unflatten
from fitwell.training.program import Population
from fitwell.training.threads import torch_threads


@dataclass(frozen=True, kw_only=True)
class Model:
    """A trained population with all it needs to predict from cells."""

    recipe: Recipe  # resolved
    encoders: Encoders
    coding: TargetCoding
    network: nn.Module
    population: Population
    decision: Decision

    @property
    def task(self) -> Task:
        """The task it was trained for."""
        assert self.recipe.task != "auto"
        assert self.recipe.task != "answer"
        return TASKS[self.recipe.task]

    @property
    def pieces(self) -> tuple[Piece, ...]:
        """How a member's weights are laid out."""
        return pieces_of(self.network)

    @cached_property
    def networks(self) -> tuple[nn.Module, ...]:
        """Each member's own network; no prediction changes them, so several threads may use them at once."""
        networks = tuple(copy.deepcopy(self.network) for _ in self.population.weights)
        for member, network in enumerate(networks):
            lend(network, self.pieces, self.population, member)
        return networks

    @property
    def columns(self) -> tuple[str, ...] | None:
        """The columns that rows must have; None where steps of a series are among them, which may be any number."""
        return None if self.recipe.data.series else tuple(encoder.column.name for encoder in self.encoders.encoders)


KEPT = 16  # members whose own predictions are kept: a run may have thousands, and rows are many


@dataclass(frozen=True, kw_only=True)
class Predictions:
    """What a model says about rows."""

    mean: np.ndarray  # over members: probabilities, calibrated, or values
    disagreement: np.ndarray | None  # of the members about each row; None where there is only one
    of_members: tuple[np.ndarray, ...]  # of the first members, as their networks have them
    members: int = 1


def encoded(model: Model, frame: pl.DataFrame, *, first_row: int = 0) -> dict[str, Tensor]:
    """Return raw cells as the network takes them; messages count rows from `first_row` on.

    Of a long table, these are its series, one in each row (`data/long.py`).

    Raises:
        DataError: a column is missing, or a cell cannot be read as its column's kind.
    """
    if model.recipe.data.series_id is None:
        frame = gathered(frame, model.recipe.data.series)
    blocks = encode_features(frame, model.encoders, first_row=first_row)
    return {name: torch.from_numpy(block) for name, block in blocks.items()}


def predictions_for(model: Model, features: Mapping[str, Tensor]) -> Predictions:
    """Return the predictions for encoded rows, in their order."""
    device = model.population.weights.device
    blocks = {name: block.to(device) for name, block in features.items()}
    assert model.recipe.training.threads != "auto"
    with torch_threads(model.recipe.training.threads):
        outputs = (outputs_in_pieces(network, blocks).cpu().numpy() for network in model.networks)
        predictions = predictions_of(model.task, model.coding, outputs)
    return decided(predictions, model.task, model.coding, model.decision)


def predictions_of(task: Task, coding: TargetCoding, outputs: Iterable[np.ndarray]) -> Predictions:
    """Return what each member's outputs (rows, K) mean, alone and together, before any decision."""
    kept: list[np.ndarray] = []
    said = together(task.form, _keeping((task.predictions(of_member, coding) for of_member in outputs), kept))
    return Predictions(
        mean=said.mean,
        disagreement=said.disagreement if said.members > 1 else None,
        of_members=tuple(kept),
        members=said.members,
    )


def _keeping(predictions: Iterable[np.ndarray], kept: list[np.ndarray]) -> Iterator[np.ndarray]:
    for of_member in predictions:
        if len(kept) < KEPT:
            kept.append(of_member)
        yield of_member


def decided(predictions: Predictions, task: Task, coding: TargetCoding, decision: Decision) -> Predictions:
    """Return predictions whose mean went through a decision."""
    return replace(predictions, mean=decision.predictions(task, coding, predictions.mean))


def prediction_table(model: Model, features: Mapping[str, Tensor]) -> pl.DataFrame:
    """Return the predictions for encoded rows as people read them."""
    return table_of(predictions_for(model, features), model.task, model.coding, model.decision)


def table_of(predictions: Predictions, task: Task, coding: TargetCoding, decision: Decision) -> pl.DataFrame:
    """Return decided predictions as people read them; `disagreement` is added where there are several members."""
    table = decision.table(task, coding, predictions.mean)
    if predictions.disagreement is not None:
        table = table.with_columns(pl.Series("disagreement", predictions.disagreement))
    return table


def model_tensors(model: Model) -> dict[str, Tensor]:
    """Return what is saved: each weight by its name with the members stacked, and the buffers."""
    pieces = pieces_of(model.network)
    members = [unflatten(weights, pieces) for weights in model.population.weights]
    tensors = {name: torch.stack([of_member[name] for of_member in members]) for name in members[0]}
    tensors |= {f"buffers.{name}": buffer for name, buffer in model.population.buffers.items()}
    return {name: tensor.cpu().contiguous() for name, tensor in tensors.items()}


def model_from_tensors(
    tensors: Mapping[str, Tensor], *, recipe: Recipe, encoders: Encoders, coding: TargetCoding, decision: Decision
) -> Model:
    """Return the model that was saved, on the CPU.

    Raises:
        KeyError, ValueError: a tensor is missing or has another shape than the recipe says.
    """
    task = TASKS[recipe.task]  # type: ignore[index]
    network = build_network(recipe, encoders.layout, task.outputs(coding), sample=None, seed=0)
    pieces = pieces_of(network)
    members = recipe.member_count
    weights = []
    for piece in pieces:
        tensor = tensors[piece.name]
        if tuple(tensor.shape) != (members, *piece.shape):
            raise ValueError(f"{piece.name} has shape {tuple(tensor.shape)}, not {(members, *piece.shape)}")
        weights.append(tensor.reshape(members, -1))
    buffers = {name: tensors[f"buffers.{name}"] for name, _ in network.named_buffers()}
    population = Population(weights=torch.cat(weights, 1), buffers=buffers, slots={})
    return Model(
        recipe=recipe, encoders=encoders, coding=coding, network=network, population=population, decision=decision
    )
