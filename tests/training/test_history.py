"""The history has its documented columns, and one row per member and look, and per member and observed step."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import polars as pl
import pytest

from fitwell.training import history
from fitwell.training.history import COLUMNS, history_frame
from fitwell.training.loop import EpochRecord, StepRecord
from fitwell.training.signals import SIGNALS

Start = Callable[..., Any]


def recorded(training: Any) -> tuple[list[StepRecord | EpochRecord], list[list[float]]]:
    records: list[StepRecord | EpochRecord] = []
    figures = []
    for moment in training.moments():
        if moment.step is not None:
            records.append(moment.step)
        if moment.look is not None:
            records.append(moment.look)
            figures.append([10.0 * moment.look.step + member for member in range(len(moment.look.validation_losses))])
    return records, figures


def test_the_columns_are_the_documented_ones(start: Start) -> None:
    training = start(members=2, execution="mapped", signals_every=3)
    frame = history_frame(*recorded(training), metric="roc_auc")
    assert history.__doc__ is not None
    assert all(name in history.__doc__ for name in COLUMNS)
    signals = [f"{signal}.{layer}" for layer in ("head", "inputs") for signal in SIGNALS[:3]]
    signals += [f"{signal}.layers.{place}" for place in (0, 1) for signal in SIGNALS]
    assert frame.columns == [*COLUMNS, *signals]
    assert frame.schema == pl.Schema(COLUMNS | dict.fromkeys(signals, pl.Float64))


def test_there_is_one_row_per_member_and_look_and_per_member_and_observed_step(start: Start) -> None:
    training = start(members=3, execution="mapped", signals_every=3, epochs=4)
    records, figures = recorded(training)
    frame = history_frame(records, figures, metric="roc_auc")
    counts = {split: len(part) for (split,), part in frame.group_by("split")}
    assert counts == {"train": 3 * 4, "validation": 3 * 5, "batch": 3 * 6}  # steps 0, 3, ..., 15 of 16
    assert frame.select("member", "step", "split").is_unique().all()
    steps = [record for record in records if isinstance(record, StepRecord)]
    batch = frame.filter(split="batch")
    for row in batch.iter_rows(named=True):
        record = next(step for step in steps if step.step == row["step"])
        place = record.signals.layers.index("layers.1")
        assert row["loss"] == float(record.losses[row["member"]])
        for signal, value in zip(SIGNALS, record.signals.values[row["member"], place].tolist(), strict=True):
            assert row[f"{signal}.layers.1"] == value
    assert batch["rows"].unique().to_list() == [16]
    assert batch["figure"].null_count() == len(batch)


def test_looks_hold_losses_figures_rates_rows_and_seconds(start: Start) -> None:
    training = start(members=2, execution="mapped", signals_every=0, schedule="exponential", learning_rate=0.01)
    records, figures = recorded(training)
    frame = history_frame(records, figures, metric="roc_auc")
    assert frame.columns == list(COLUMNS)
    looks = [record for record in records if isinstance(record, EpochRecord)]
    validation, train = frame.filter(split="validation"), frame.filter(split="train")
    assert validation["figure"].to_list() == [value for of_look in figures for value in of_look]
    assert validation["metric"].unique().to_list() == ["roc_auc"]
    assert train["metric"].null_count() == len(train)
    assert validation["loss"].to_list() == [loss for look in looks for loss in look.validation_losses]
    assert train["loss"].to_list() == [loss for look in looks[1:] for loss in look.training_losses]
    assert validation["epoch"].unique().sort().to_list() == [0.0, 1.0, 2.0, 3.0, 4.0]
    expected = [0.01 * math.exp(-0.05 * epoch) for epoch in (0, 1, 2, 3, 4) for _ in range(2)]
    assert validation["learning_rate"].to_list() == pytest.approx(expected, rel=1e-12)
    assert (train["rows"].unique().to_list(), validation["rows"].unique().to_list()) == ([64], [40])
    assert (train["seconds"] > 0).all()
    assert validation["seconds"].null_count() == len(validation)


def test_a_diverged_members_signals_stay_visible_as_not_a_number(start: Start) -> None:
    training = start(optimizer="sgd", signals_every=1, epochs=2, schedule="constant")
    training.rates = [1e30]
    frame = history_frame(*recorded(training), metric="roc_auc").filter(split="batch")
    assert frame["gradient_norm.layers.0"].is_nan().any()
    assert frame["gradient_norm.layers.0"].null_count() == 0


def test_no_records_are_an_empty_table_with_the_same_columns() -> None:
    frame = history_frame([], [], metric="")
    assert (frame.columns, len(frame)) == (list(COLUMNS), 0)
