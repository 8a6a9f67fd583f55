"""A run's history becomes observations, one for each member: nothing is computed anew."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import polars as pl

from fitwell.doctor.observation import LayerKind, LayerSeen, Looks, Observation, Steps
from fitwell.training.history import COLUMNS
from fitwell.training.signals import SIGNALS, has_activations


def observations(history: pl.DataFrame, layers: Sequence[LayerSeen] | None = None) -> list[Observation]:
    """Return what the history tells of each member, in their order; what else is known is for the caller to add.

    `layers` are those of the network, where their names do not say what they are.
    """
    layers = layers_of(history.columns) if layers is None else tuple(layers)
    return [
        Observation(layers=layers, steps=_steps(rows, layers), looks=_looks(rows))
        for _, rows in sorted(history.partition_by("member", as_dict=True, maintain_order=True).items())
    ]


def layers_of(columns: list[str]) -> tuple[LayerSeen, ...]:
    """Return the layers whose signals a history has, in the order in which rows pass through.

    >>> [layer.name for layer in layers_of(["gradient_norm.head", "gradient_norm.layers.10", "gradient_norm.layers.9"])]
    ['layers.9', 'layers.10', 'head']
    """
    named = {column.partition(".")[2] for column in columns if column not in COLUMNS}
    return tuple(LayerSeen(name=name, kind=_kind(name)) for name in sorted(named, key=_depth))


def _kind(layer: str) -> LayerKind:
    if layer == "head":
        return "output"
    return "hidden" if has_activations(layer) else "input"


def _depth(layer: str) -> tuple[int, list[tuple[int, str]]]:
    """Sort inputs first, then networks of arrays, the layers, the head; numbers by their size."""
    first = {"inputs": 0, "arrays": 1, "layers": 2, "head": 3}.get(layer.split(".")[0], 1)
    return first, [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"[._]", layer)]


def _steps(rows: pl.DataFrame, layers: tuple[LayerSeen, ...]) -> Steps:
    steps = rows.filter(pl.col("split") == "batch").sort("step")
    signals = {}
    for signal in (*SIGNALS, "dead"):
        names = [f"{signal}.{layer.name}" for layer in layers]
        if not any(name in steps.columns for name in names):
            continue
        columns = [
            steps[name].cast(pl.Float64).fill_null(np.nan).to_numpy()
            if name in steps.columns
            else np.full(len(steps), np.nan)
            for name in names
        ]
        signals[signal] = np.stack(columns, axis=1)
    return Steps(
        moments=steps["epoch"].to_numpy(),
        losses=steps["loss"].to_numpy(),
        rates=steps["learning_rate"].to_numpy(),
        signals=signals,
    )


def _looks(rows: pl.DataFrame) -> Looks:
    looks = rows.filter(pl.col("split") != "batch")
    by_epoch = {split: looks.filter(pl.col("split") == split) for split in ("train", "validation")}
    epochs = np.unique(looks["epoch"].to_numpy())

    def losses(split: str) -> np.ndarray:
        found = np.full(len(epochs), np.nan)
        found[np.searchsorted(epochs, by_epoch[split]["epoch"].to_numpy())] = by_epoch[split]["loss"].to_numpy()
        return found

    return Looks(moments=epochs, training=losses("train"), validation=losses("validation"))
