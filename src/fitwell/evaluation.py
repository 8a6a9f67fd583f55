"""How good a model is on labelled rows, how sure that is, and whether it beats something simple."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np
import polars as pl

from fitwell.data.schema import Schema
from fitwell.data.targets import labelled_rows, row_weights_of, target_cells
from fitwell.decision import costs_of, coverages
from fitwell.errors import DataError
from fitwell.metrics import Comparison, Costs, Cut, Figure, Figures, Primary, choose_primary, paired
from fitwell.prediction import Model
from fitwell.recipe import Goal
from fitwell.tasks.task import TargetCoding, Task, label_cells


class Named(Protocol):
    """A task, as far as it is told."""

    @property
    def name(self) -> str:
        """As a recipe calls it."""
        ...


@dataclass(frozen=True, kw_only=True, eq=False)
class Answers:
    """What a model says of rows: predictions, from which probability on the answer is positive, and intervals."""

    predictions: np.ndarray
    threshold: float = 0.5
    half_widths: tuple[float, ...] = ()  # of the intervals around predicted numbers, for each target


@dataclass(frozen=True, kw_only=True)
class Beside:
    """A simple model's figures on the same rows, and the verdict on the network against it."""

    figures: Figures
    comparison: Comparison

    def as_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "threshold": self.figures.threshold,
            "metrics": self.figures.as_json(),
            "verdict": self.comparison.verdict,
            "difference": self.comparison.difference.as_json(),
        }


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """Figures with intervals on one set of rows."""

    task: Named
    split: str  # `test`, `validation` or `given`
    rows: int
    figures: Figures
    primary: Primary
    positive: str | None
    covered: tuple[Figure, ...] = ()  # the share of rows that prediction intervals hold, for each target
    baselines: Mapping[str, Beside] = field(default_factory=dict)
    left_out_rows: int = 0  # without a target, or of a class that training did not know
    notes: tuple[str, ...] = ()  # what was measured otherwise than asked, in sentences

    @property
    def primary_figure(self) -> Figure:
        """The figure that decides."""
        return getattr(self.figures, self.primary.metric)  # type: ignore[no-any-return]

    def as_json(self) -> dict[str, Any]:
        """Return the plain values of `evaluation.json`."""
        return {
            "task": self.task.name,
            "split": self.split,
            "rows": self.rows,
            "left_out_rows": self.left_out_rows,
            "notes": list(self.notes),
            "positive": self.positive,
            "threshold": self.figures.threshold,
            "primary": {"metric": self.primary.metric, "why": self.primary.why},
            "metrics": self.figures.as_json(),
            "left_out": dict(self.figures.left_out),
            "parts": {name: part.as_json() for name, part in self.figures.parts.items()},
            "covered": [figure.as_json() for figure in self.covered],
            "baselines": {name: beside.as_json() for name, beside in self.baselines.items()},
        }


def evaluate(
    task: Task,
    coding: TargetCoding,
    truth: np.ndarray,
    network: Answers,
    *,
    weights: np.ndarray | None,
    goal: Goal,
    costs: Costs | None,
    split: str,
    baselines: Mapping[str, Answers] | None = None,
) -> Evaluation:
    """Return the figures of predictions on rows whose truth is known, with baselines compared on the same rows."""
    primary = primary_for(task, coding, truth, goal=goal, costs=costs)

    def figures(answers: Answers) -> Figures:
        cut = Cut(threshold=answers.threshold, costs=costs)
        return task.measure(truth, answers.predictions, coding, weights, cut)

    beside = {
        name: Beside(
            figures=figures(simple),
            comparison=compared(
                task, coding, truth, network, simple, metric=primary.metric, weights=weights, costs=costs
            ),
        )
        for name, simple in (baselines or {}).items()
    }
    return Evaluation(
        task=task,
        split=split,
        rows=len(truth),
        figures=figures(network),
        primary=primary,
        positive=coding.positive,
        covered=coverages(truth, network.predictions, weights, network.half_widths) if network.half_widths else (),
        baselines=beside,
    )


def evaluate_predictions(model: Model, frame: pl.DataFrame, schema: Schema, predictions: np.ndarray) -> Evaluation:
    """Return the figures of predictions for raw rows that have a target, one that the model can predict.

    Rows without one are left out and counted; where the column of weights is not there, all rows count alike.

    Raises:
        DataError: a target column is missing, or no row is left to measure.
    """
    notes = []
    if schema.weight is not None and schema.weight.name not in frame.columns:
        notes.append(f'the column of weights, "{schema.weight.name}", is missing: every row counts alike')
        schema = replace(schema, weight=None)
    labelled = labelled_rows(frame, schema)
    if len(labelled) < len(frame):
        lacking = "no target" if schema.weight is None else "no target or no weight"
        notes.append(f"left out {len(frame) - len(labelled):,} of {len(frame):,} rows, which have {lacking}")
    strangers = [
        (column, ~label_cells(column).is_in(list(classes)))
        for column, classes in zip(target_cells(frame[labelled], schema), model.coding.classes, strict=False)
    ]
    notes += [_unknown_note(column, strange) for column, strange in strangers if strange.any()]
    known = ~np.any([np.zeros(len(labelled), dtype=bool), *(strange.to_numpy() for _, strange in strangers)], axis=0)
    rows = labelled[known]
    if not len(rows):
        raise DataError(_nothing_to_measure(model.coding, frame, notes))
    measured = evaluate(
        model.task,
        model.coding,
        model.task.truth(target_cells(frame[rows], schema), model.coding),
        Answers(
            predictions=predictions[rows],
            threshold=model.decision.cut().threshold,
            half_widths=model.decision.half_widths,
        ),
        weights=row_weights_of(frame[rows], schema),
        goal=model.recipe.goal,
        costs=costs_of(model.recipe.decision),
        split="given",
    )
    return replace(measured, left_out_rows=len(frame) - len(rows), notes=tuple(notes))


def _unknown_note(column: pl.Series, strange: pl.Series) -> str:
    first = label_cells(column.filter(strange))[0]
    return (
        f'left out {int(strange.sum()):,} rows whose "{column.name}" is no class known from training, such as "{first}"'
    )


def _nothing_to_measure(coding: TargetCoding, frame: pl.DataFrame, notes: Sequence[str]) -> str:
    names = ", ".join(f'"{name}"' for name in coding.names)
    must = "be there"
    if coding.classes:
        shown = ", ".join(f'"{label}"' for label in coding.classes[0][:8])
        must = f"be one of the classes known from training ({shown}{', ...' if len(coding.classes[0]) > 8 else ''})"
    told = "; ".join(notes) or "there are no rows"
    return (
        f"to measure rows, their target {names} must {must}, but none of the {len(frame)} is: {told}; label some rows"
    )


def primary_for(
    task: Task, coding: TargetCoding, truth: np.ndarray, *, goal: Goal, costs: Costs | None = None
) -> Primary:
    """Return the metric that decides for these rows, and why."""
    if task.name == "regression":
        return choose_primary("regression", goal, targets=len(coding.names))
    if task.name == "multilabel":
        return choose_primary("multilabel", goal, rarest=float(truth.mean(0).min()), targets=len(coding.names))
    classes = len(coding.classes[0])
    shares = np.bincount(truth, minlength=classes) / len(truth)
    return choose_primary(task.name, goal, rarest=float(shares.min()), classes=classes, costs=costs)


def values_of(figures: Figures) -> dict[str, float | None]:
    """Return the bare values of single figures, by name."""
    return {name: figure.value for name, figure in figures.items() if isinstance(figure, Figure)}


def spread_over(folds: Sequence[Mapping[str, float | None]]) -> dict[str, dict[str, Any]]:
    """Return each figure's mean and standard deviation over folds; undefined folds are left out and counted.

    >>> spread_over([{"r2": 0.5}, {"r2": 0.7}])["r2"]
    {'mean': 0.6, 'spread': 0.14142135623730948, 'values': [0.5, 0.7]}
    """
    spreads = {}
    for name in folds[0]:
        values = [fold[name] for fold in folds]
        known = [value for value in values if value is not None]
        spreads[name] = {
            "mean": float(np.mean(known)) if known else None,
            "spread": float(np.std(known, ddof=1)) if len(known) > 1 else None,
            "values": values,
        }
    return spreads


def compared(
    task: Task,
    coding: TargetCoding,
    truth: np.ndarray,
    network: Answers,
    simple: Answers,
    *,
    metric: str,
    weights: np.ndarray | None,
    costs: Costs | None,
) -> Comparison:
    """Return by how much the first answers are better than the second on the same rows; above 0 they are."""
    first, second = network.predictions, simple.predictions
    if task.name == "binary":
        return paired(
            metric,
            truth,
            first[:, 1],
            second[:, 1],
            task="binary",
            positive=1,
            threshold=(network.threshold, simple.threshold),
            costs=costs,
            weights=weights,
        )
    if task.name == "multiclass":
        labels = np.array(coding.classes[0])[truth]
        return paired(metric, labels, first, second, task="multiclass", classes=coding.classes[0], weights=weights)
    return paired(metric, truth, first, second, task=task.name, weights=weights)
