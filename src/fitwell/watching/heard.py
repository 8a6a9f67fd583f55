"""What a watch heard becomes rows of a history, and what else the checks read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from fitwell.doctor.observation import Spreads
from fitwell.watching.listening import Held

STRETCHES, STRETCH = 20, 10  # without validation losses, training losses are averaged over so many stretches of steps

Losses = Sequence[tuple[int, float]]  # steps taken before each, and the loss


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One step whose signals were measured; they are still on the device."""

    step: int
    rate: float
    signals: Mapping[str, Mapping[str, Tensor]]  # layer -> signal -> value


def numbers(losses: Sequence[tuple[int, Tensor | float]]) -> list[tuple[int, float]]:
    """Return losses as numbers, all of a device read at once."""
    tensors = [loss.float().reshape(()) for _, loss in losses if isinstance(loss, Tensor)]
    read = iter(torch.stack(tensors).tolist() if tensors else [])
    return [(step, next(read) if isinstance(loss, Tensor) else float(loss)) for step, loss in losses]


def step_rows(measured: Sequence[Measured], training: Losses) -> list[dict[str, Any]]:
    """Return one row for each measured step, with the loss recorded next; 0 where none was recorded at all."""
    rows = []
    for each in measured:
        signals = {
            f"{signal}.{layer}": float(value)
            for layer, found in each.signals.items()
            for signal, value in found.items()
        }
        last = training[-1][1] if training else 0.0
        loss = next((value for when, value in training if when >= each.step), last)
        shared = {"member": 0, "epoch": float(each.step), "step": each.step, "split": "batch"}
        rows.append(shared | {"loss": loss, "learning_rate": each.rate} | signals)
    return rows


def look_rows(training: Losses, validation: Losses) -> list[dict[str, Any]]:
    """Return one row for each validation loss, and one with the mean training loss since the one before.

    >>> [(row["split"], row["step"], row["loss"]) for row in look_rows([(0, 3.0), (1, 1.0)], [(2, 4.0)])]
    [('train', 2, 2.0), ('validation', 2, 4.0)]
    """
    rows: list[dict[str, Any]] = []
    begun = -1
    for moment in _moments(training, validation):
        shared = {"member": 0, "epoch": float(moment), "step": moment}
        of_training = [value for step, value in training if begun < step <= moment]
        of_look = [value for step, value in validation if step == moment]
        if of_training:
            rows.append(shared | {"split": "train", "loss": float(np.mean(of_training))})
        if of_look:
            rows.append(shared | {"split": "validation", "loss": float(np.mean(of_look))})
        begun = moment
    return rows


def _moments(training: Losses, validation: Losses) -> list[int]:
    if validation:
        return sorted({step for step, _ in validation})
    if len(training) < 2 * STRETCH:
        return []
    steps = np.array([step for step, _ in training])
    parts = np.array_split(steps, min(STRETCHES, len(training) // STRETCH))
    return sorted({int(part[-1]) for part in parts})


def spreads_heard(inputs: Float[Tensor, "2 columns"]) -> Spreads | None:
    """Return how the columns of the inputs spread, by their places; None where there are none."""
    spread, largest = inputs.tolist()
    names = tuple(f"input {place}" for place in range(len(spread)))
    return Spreads(names=names, spreads=tuple(spread), largest=tuple(largest)) if names else None


def unknown_to(optimizer: torch.optim.Optimizer, layers: Sequence[Held]) -> tuple[str, ...]:
    """Return the layers with weights that ask for gradients, but that the optimizer does not have."""
    moved = {id(weight) for group in optimizer.param_groups for weight in group["params"]}
    return tuple(
        layer.name
        for layer in layers
        if any(weight.requires_grad and id(weight) not in moved for weight in layer.weights)
    )
