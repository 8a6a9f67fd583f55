"""A decision as a value: how mean predictions become what people see, saved to the last digit and read back."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import polars as pl

from fitwell.decision.calibration import FITS, Calibration, calibrated
from fitwell.decision.conformal import ENDS, Interval
from fitwell.decision.scored import Scored
from fitwell.metrics import Costs, Cut, Threshold
from fitwell.recipe import DecisionSettings
from fitwell.tasks.task import TargetCoding, Task


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What was fitted on the validation rows; a part that the task does not have is None."""

    threshold: Threshold | None = None  # of a binary target
    calibration: Calibration | None = None  # of probabilities
    interval: Interval | None = None  # of numbers

    def predictions(self, task: Task, coding: TargetCoding, mean: np.ndarray) -> np.ndarray:
        """Return the members' mean predictions with their probabilities calibrated."""
        return mean if self.calibration is None else calibrated(self.calibration, task, coding, mean)

    def applied(self, rows: Scored) -> Scored:
        """Return the rows with calibrated probabilities."""
        return replace(rows, predictions=self.predictions(rows.task, rows.coding, rows.predictions))

    def cut(self, costs: Costs | None = None) -> Cut:
        """Return where probabilities become answers; `costs` are those of wrong ones."""
        return Cut(threshold=0.5 if self.threshold is None else self.threshold.value, costs=costs)

    @property
    def half_widths(self) -> tuple[float, ...]:
        """How far intervals reach to both sides, for each target; () where there are none."""
        return () if self.interval is None else self.interval.half_widths

    def table(self, task: Task, coding: TargetCoding, predictions: np.ndarray) -> pl.DataFrame:
        """Return (calibrated) predictions as people read them, numbers with the ends of their intervals."""
        table = task.table(predictions, coding, self.cut())
        if not self.half_widths:
            return table
        columns = zip(table.columns, predictions.T, self.half_widths, strict=True)
        return table.with_columns(
            pl.Series(f"{name}_{end}", values + sign * half)
            for name, values, half in columns
            for end, sign in zip(ENDS, (-1, 1), strict=True)
        )

    def as_json(self) -> dict[str, Any]:
        """Return plain values that `decision_from_json` reads back."""
        return asdict(self)


UNDECIDED = Decision()  # one half, no calibration, no intervals


def costs_of(settings: DecisionSettings) -> Costs | None:
    """Return what wrong answers cost, where it was said."""
    if settings.false_positive_cost is None or settings.false_negative_cost is None:
        return None
    return Costs(settings.false_positive_cost, settings.false_negative_cost)


def decision_from_json(values: Mapping[str, Any], *, columns: int) -> Decision:
    """Return the decision that was saved; `columns` counts the outputs of the network.

    Raises:
        KeyError, TypeError, ValueError: a value is missing, is no number, or is none that a fit can have.
    """
    threshold, calibration, interval = (values[name] for name in ("threshold", "calibration", "interval"))
    return Decision(
        threshold=None if threshold is None else _threshold(threshold),
        calibration=None if calibration is None else _calibration(calibration, columns),
        interval=None if interval is None else _interval(interval, columns),
    )


def _threshold(values: Mapping[str, Any]) -> Threshold:
    return Threshold(
        value=_number(values["value"], "threshold"),
        rule=str(values["rule"]),
        why=str(values["why"]),
        met=bool(values["met"]),
    )


def _calibration(values: Mapping[str, Any], columns: int) -> Calibration:
    if values["method"] not in ("none", *FITS) or (values["method"] == "isotonic" and columns != 1):
        raise ValueError(f"{columns} outputs have no calibration called {values['method']!r}")
    found = Calibration(
        method=values["method"],
        why=str(values["why"]),
        temperature=_number(values["temperature"], "temperature", above=0.0),
        offsets=_numbers(values["offsets"], "offsets"),
        scores=_numbers(values["scores"], "scores"),
        rates=_numbers(values["rates"], "rates"),
        own_share=_number(values["own_share"], "own_share"),
    )
    if len(found.offsets) not in (0, columns):
        raise ValueError(f"there are {len(found.offsets)} offsets for {columns} outputs")
    if len(found.scores) != len(found.rates) or (found.method == "isotonic") != bool(found.scores):
        raise ValueError(f"there are {len(found.scores)} scores and {len(found.rates)} rates")
    for name, steps in (("scores", found.scores), ("rates", found.rates)):
        if list(steps) != sorted(steps) or not all(0 <= each <= 1 for each in steps):
            raise ValueError(f"the {name} of a calibration must rise from 0 to 1")
    if not 0 <= found.own_share <= 1:
        raise ValueError(f"own_share must lie between 0 and 1, but is {found.own_share}")
    return found


def _interval(values: Mapping[str, Any], columns: int) -> Interval:
    halves = _numbers(values["half_widths"], "half_widths")
    if len(halves) not in (0, columns) or any(half < 0 for half in halves):
        raise ValueError(f"half_widths must be {columns} numbers (or none) of at least 0, but are {halves}")
    return Interval(coverage=_number(values["coverage"], "coverage"), half_widths=halves, why=str(values["why"]))


def _numbers(values: Sequence[Any], what: str) -> tuple[float, ...]:
    return tuple(_number(value, what) for value in values)


def _number(value: Any, what: str, *, above: float = -math.inf) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not (math.isfinite(value) and value > above):
        raise ValueError(f"{what} must be a finite number{f' above {above:g}' if above == 0 else ''}, but is {value!r}")
    return float(value)
