"""How far back the gradient of a recurrent network reaches, before its first step of training and after its last one.

A network that reads step by step learns from a step far back only as far as its last state still hangs on it. In a
plain recurrent network that falls by a factor with every step, so that what lies some ten steps back teaches nothing;
the cell of an LSTM carries it on. So one is shown beside the other: the same data and units, other first weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
import torch
from torch import Tensor, nn

from fitwell.networks.arrays import family_of
from fitwell.networks.build import build_network
from fitwell.networks.recurrent import RecurrentSeries, gradient_reach
from fitwell.networks.text import RecurrentWords
from fitwell.prediction import Model
from fitwell.preparation import Prepared
from fitwell.recipe import RECURRENT, Recipe, changed
from fitwell.training.population import members_of

ROWS, MEMBERS = 64, 4  # looked at, at most
SAMPLE_ROWS = 1024  # that first weights may start from
BESIDE = {"rnn": "lstm", "lstm": "rnn", "gru": "rnn"}  # what each family is shown beside


@dataclass(frozen=True, kw_only=True)
class Reach:
    """How much a network's last state hangs on the inputs so many steps back, from 0 on."""

    family: str
    trained: bool
    lengths: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class ColumnReach:
    """The reach of the network that reads a column, trained and untrained, and of another family's beside it."""

    column: str
    reaches: tuple[Reach, ...]


def reach_of(prepared: Prepared, model: Model) -> list[dict[str, object]]:
    """Return plain values of the `ColumnReach` of each column that a recurrent network reads; the rows are held out."""
    recipe, found = model.recipe, []
    rows = prepared.split.held_out[prepared.split.measured][:ROWS]
    for block, array in prepared.encoders.layout.arrays.items():
        family = family_of(array, recipe.network)
        if family not in RECURRENT:
            continue
        cells = torch.from_numpy(prepared.features[block][rows])
        other = changed(recipe, {f"network.{array.kind}.family": BESIDE[family]})
        networks = {
            (family, True): list(model.networks[:MEMBERS]),
            (family, False): _first_networks(prepared, recipe),
            (BESIDE[family], False): _first_networks(prepared, other),
        }
        reaches = tuple(
            Reach(family=name, trained=trained, lengths=lengths_of(of_family, block, cells, seed=recipe.seed))
            for (name, trained), of_family in networks.items()
        )
        found.append(asdict(ColumnReach(column=array.column, reaches=reaches)))
    return found


def lengths_of(networks: Sequence[nn.Module], block: str, rows: Tensor, *, seed: int) -> tuple[float, ...]:
    """Return the gradient's lengths by steps back, of networks' column with this block: their root mean square."""
    squares = []
    for network in networks:
        reader = network.get_submodule(f"arrays.{block}")
        assert isinstance(reader, RecurrentSeries | RecurrentWords)
        with torch.no_grad():
            inputs, present = reader.inputs_of(rows)
        generator = torch.Generator().manual_seed(seed)
        squares.append(gradient_reach(reader.layers, inputs, present, generator=generator).square())
    lengths = torch.stack(squares).mean(0).sqrt()
    return tuple(lengths[lengths.isfinite()].tolist())


def _first_networks(prepared: Prepared, recipe: Recipe) -> list[nn.Module]:
    """Return the run's first members with their first weights."""
    outputs = prepared.labelled.task.outputs(prepared.labelled.coding)
    rows = prepared.split.train[:SAMPLE_ROWS]
    sample = {name: torch.from_numpy(np.ascontiguousarray(each[rows])) for name, each in prepared.features.items()}

    def build(member: int, seed: int) -> nn.Module:
        return build_network(recipe, prepared.encoders.layout, outputs, sample=sample, seed=seed, member=member)

    return [member.build(member.initialization) for member in members_of(recipe, build)[:MEMBERS]]
