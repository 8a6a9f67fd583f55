"""What training yields becomes a table: one row per member and look, and per member and step with signals.
A member that has stopped has no more rows.

Columns: member, epoch (fractions included), step, split (`train` and `validation` at a look, `batch` for a single
step), loss (without penalties; of `train` the mean over the epoch's steps), learning_rate, seconds, rows, figure (a
quick one on the validation rows) and metric (its name), and for `batch` one column per signal and layer, such as
`gradient_norm.layers.0`.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Any

import polars as pl
import torch

from fitwell.training.loop import EpochRecord, StepRecord
from fitwell.training.signals import ACTIVATION_SIGNALS, SIGNALS, has_activations, joined_signals

COLUMNS: dict[str, type[pl.DataType]] = {
    "member": pl.Int32,
    "epoch": pl.Float64,
    "step": pl.Int64,
    "split": pl.String,
    "loss": pl.Float64,
    "learning_rate": pl.Float64,
    "seconds": pl.Float64,
    "rows": pl.Int64,
    "figure": pl.Float64,
    "metric": pl.String,
}


def history_frame(
    records: Sequence[StepRecord | EpochRecord], figures: Sequence[Sequence[float]], *, metric: str
) -> pl.DataFrame:
    """Return the rows of some records; `figures` has the members' quick figures for each look among them, in order.

    `metric` is what these figures are called.
    """
    rows: list[dict[str, Any]] = []
    remaining = iter(figures)
    steps = [record for record in records if isinstance(record, StepRecord)]
    # All at once: one wait for the device, and few operations.
    losses = iter(torch.cat([record.losses for record in steps]).tolist() if steps else ())
    values = iter(joined_signals([record.signals for record in steps]).values.tolist() if steps else ())
    for record in records:
        if isinstance(record, StepRecord):
            count = len(record.members)
            rows.extend(_step_rows(record, losses=[*islice(losses, count)], signals=[*islice(values, count)]))
        else:
            rows.extend(_look_rows(record, next(remaining), metric=metric))
    signals = sorted({name for row in rows for name in row if name not in COLUMNS}, key=_signal_order)
    return pl.DataFrame(rows, schema=COLUMNS | dict.fromkeys(signals, pl.Float64))


def _step_rows(
    record: StepRecord, *, losses: Sequence[float], signals: Sequence[Sequence[Sequence[float]]]
) -> list[dict[str, Any]]:
    return [
        {
            "member": member,
            "epoch": record.epoch,
            "step": record.step,
            "split": "batch",
            "loss": losses[place],
            "learning_rate": record.learning_rates[place],
            "rows": record.rows,
        }
        | {
            f"{signal}.{layer}": value
            for layer, values in zip(record.signals.layers, signals[place], strict=True)
            for signal, value in zip(SIGNALS, values, strict=True)
            if has_activations(layer) or signal not in ACTIVATION_SIGNALS
        }
        for place, member in enumerate(record.members)
    ]


def _look_rows(record: EpochRecord, figures: Sequence[float], *, metric: str) -> list[dict[str, Any]]:
    rows = []
    for place, (member, rate) in enumerate(zip(record.members, record.learning_rates, strict=True)):
        shared = {"member": member, "epoch": record.epoch, "step": record.step, "learning_rate": rate}
        if record.rows:
            loss = record.training_losses[place]
            rows.append(shared | {"split": "train", "loss": loss, "seconds": record.seconds, "rows": record.rows})
        rows.append(
            shared
            | {
                "split": "validation",
                "loss": record.validation_losses[place],
                "rows": record.outputs.shape[1],
                "figure": figures[place],
                "metric": metric,
            }
        )
    return rows


def _signal_order(name: str) -> tuple[str, int]:
    signal, _, layer = name.partition(".")
    return layer, SIGNALS.index(signal)
