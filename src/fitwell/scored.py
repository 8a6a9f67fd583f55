"""Anybody's predictions in a file, measured as those of a run are: which columns say what, and which task they make."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl

from fitwell.data.read import read_table
from fitwell.errors import DataError, RequestError, nearest
from fitwell.metrics import Figures, Threshold, binary, choose_threshold, multiclass, regression
from fitwell.metrics.inputs import same_label
from fitwell.metrics.thresholds import RuleName
from fitwell.tasks.task import label_cells

TASKS = ("binary", "multiclass", "regression")
PREFIX = "probability_"  # of the columns that `fitwell predict` writes, one per class
MANY = 20  # different numbers as labels, from which on they are taken for amounts


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How a file of predictions is read: the task, the columns that predict, and why."""

    task: str
    columns: tuple[str, ...]  # one score or prediction, or the probability of each class
    why: str | None = None  # nothing where the request said it all


FLATTERING = "the threshold was chosen on the rows that it is measured on, which flatters what depends on it"


@dataclass(frozen=True, kw_only=True)
class Cutting:
    """How scores become answers: from a number on, or by a rule that chooses it on the same rows."""

    threshold: float | RuleName = 0.5
    at_least: float | None = None  # the precision or recall to reach
    costs: tuple[float, float] | None = None  # of a false positive and of a false negative


@dataclass(frozen=True, kw_only=True, eq=False)
class Asked:
    """What else decides how rows are measured."""

    label: str  # the column of labels or true numbers
    positive: str | None
    cutting: Cutting
    weights: np.ndarray | None


@dataclass(frozen=True, kw_only=True)
class MeasuredScores:
    """The figures of anybody's predictions."""

    figures: Figures
    threshold: Threshold | None  # of a binary target
    notes: tuple[str, ...] = ()  # what one should know about the figures, in sentences

    def as_json(self) -> dict[str, Any]:
        """Return plain values in the form of `evaluation.json`."""
        figures, threshold = self.figures, self.threshold
        return {
            "task": figures.task,
            "split": "given",
            "rows": figures.rows,
            "notes": list(self.notes),
            "positive": None if figures.positive is None else str(figures.positive),
            "threshold": None if threshold is None else threshold.value,
            "threshold_rule": None if threshold is None else threshold.rule,
            "threshold_why": None if threshold is None else threshold.why,
            "metrics": figures.as_json(),
            "left_out": dict(figures.left_out),
        }


PLAIN = Cutting()


def measured_scores(
    source: object,
    *,
    label: str,
    score: str | None = None,
    positive: str | None = None,
    cutting: Cutting = PLAIN,
    task: str | None = None,
    weight: str | None = None,
) -> MeasuredScores:
    """Return the figures of anybody's predictions.

    With a score the task is binary, unless the labels are numbers, and more than 20 different ones: then it is
    regression. Without a score the file has to have what `fitwell predict` writes, a column of probabilities for each
    class, or a column "prediction" of numbers. `task` decides otherwise.

    Raises:
        RequestError: there is no such task, nothing says what is predicted, or the rule for the threshold lacks what it
        needs.
        DataError: a column is not there, cells are missing, no label is the positive one, or numbers are none.
    """
    frame = read_table(source).frame
    for name in (label, *(name for name in (score, weight) if name is not None)):
        if name not in frame.columns:
            raise DataError(f'there is no column "{name}"{nearest(name, frame.columns)}')
    if task is not None and task not in TASKS:
        raise RequestError(f'--task is one of {", ".join(TASKS)}, but "{task}" came{nearest(task, TASKS)}')
    reading = read_as(frame, label=label, score=score, positive=positive, task=task)
    weights = None if weight is None else numbers_in(frame, weight, what="weight")
    asked = Asked(label=label, positive=positive, cutting=cutting, weights=weights)
    if reading.task == "binary":
        found = as_binary(frame, reading, asked)
    else:
        _require_plain(reading, asked)
        measure = as_classes if reading.task == "multiclass" else as_numbers
        found = MeasuredScores(figures=measure(frame, reading, asked), threshold=None)
    return found if reading.why is None else replace(found, notes=(reading.why, *found.notes))


def read_as(frame: pl.DataFrame, *, label: str, score: str | None, positive: str | None, task: str | None) -> Reading:
    """Decide what the columns of a file say."""
    probabilities = tuple(name for name in frame.columns if name.startswith(PREFIX))
    if score is not None:
        if task == "multiclass":
            raise RequestError(f'several classes are read from columns "{PREFIX}<class>"; leave --score out')
        kinds = frame[label].cast(pl.Float64, strict=False)
        amounts = positive is None and not kinds.null_count() and kinds.n_unique() > MANY
        if task is None and amounts:
            return Reading(
                task="regression",
                columns=(score,),
                why=f'measured as regression, because "{label}" has {kinds.n_unique():,} different numbers',
            )
        return Reading(task=task or "binary", columns=(score,))
    if task != "regression" and len(probabilities) > 1:
        chosen = task or ("binary" if len(probabilities) == 2 else "multiclass")
        return Reading(
            task=chosen,
            columns=probabilities,
            why=f'measured as {chosen}, from the {len(probabilities)} columns "{PREFIX}<class>"',
        )
    if task in (None, "regression") and "prediction" in frame.columns:
        return Reading(task="regression", columns=("prediction",), why='measured the column "prediction"')
    raise RequestError(
        f'something must say what is predicted, but there is neither --score nor a column "{PREFIX}<class>" per class '
        'nor a column "prediction"; name the column with --score'
    )


def as_binary(frame: pl.DataFrame, reading: Reading, asked: Asked) -> MeasuredScores:
    """Measure a score, or the probability of the positive one of two classes."""
    labels = labels_in(frame, asked.label)
    as_numbers = labels.cast(pl.Float64, strict=False)
    values = labels if as_numbers.null_count() else as_numbers
    chosen = None if asked.positive is None else _label_named(asked.positive, labels, values, column=asked.label)
    if len(reading.columns) == 1:
        return _cut(values.to_numpy(), numbers_in(frame, reading.columns[0], what="score"), chosen, asked)
    classes = [name.removeprefix(PREFIX) for name in reading.columns]
    if len(classes) != 2:
        raise RequestError(f"a binary task has two classes, but there are columns for {len(classes)}; say --score")
    # which of the two is the positive one is asked of the labels, as without probabilities
    found = binary(values.to_numpy(), np.zeros(len(values)), positive=chosen, weights=asked.weights).positive
    place = [same_label(name, label_cells(pl.Series([found]))[0]) for name in classes]
    if True not in place:
        raise DataError(f'there must be a column "{PREFIX}{found}" for the positive label, but there are {classes}')
    scores = numbers_in(frame, reading.columns[place.index(True)], what="probability")
    return _cut(values.to_numpy(), scores, found, asked)


def _cut(labels: np.ndarray, scores: np.ndarray, positive: object, asked: Asked) -> MeasuredScores:
    cutting, weights = asked.cutting, asked.weights
    if isinstance(cutting.threshold, str):
        threshold = choose_threshold(
            labels,
            scores,
            rule=cutting.threshold,
            positive=positive,
            weights=weights,
            at_least=cutting.at_least,
            costs=cutting.costs,
        )
    else:
        threshold = Threshold(value=cutting.threshold, rule="number", why="as asked")
    figures = binary(labels, scores, positive=positive, threshold=threshold.value, costs=cutting.costs, weights=weights)
    return MeasuredScores(
        figures=figures, threshold=threshold, notes=() if threshold.rule == "number" else (FLATTERING,)
    )


def _require_plain(reading: Reading, asked: Asked) -> None:
    if asked.positive is not None:
        raise RequestError(
            f"only one of two classes is the positive one, but the task is {reading.task} and --positive is "
            f'"{asked.positive}"; leave it out'
        )
    if asked.cutting != PLAIN:
        raise RequestError(
            f"thresholds and costs are for one of two classes, but the task is {reading.task}; leave them out"
        )


def as_classes(frame: pl.DataFrame, reading: Reading, asked: Asked) -> Figures:
    """Measure the probabilities of several classes; the largest decides."""
    table = np.stack([numbers_in(frame, name, what="probability") for name in reading.columns], axis=1)
    classes = [name.removeprefix(PREFIX) for name in reading.columns]
    return multiclass(labels_in(frame, asked.label).to_numpy(), table, classes=classes, weights=asked.weights)


def as_numbers(frame: pl.DataFrame, reading: Reading, asked: Asked) -> Figures:
    """Measure predicted numbers."""
    targets = numbers_in(frame, asked.label, what="label")
    return regression(targets, numbers_in(frame, reading.columns[0], what="score"), weights=asked.weights)


def labels_in(frame: pl.DataFrame, name: str) -> pl.Series:
    """Return a column of labels as text, refusing missing ones."""
    return _complete(label_cells(frame[name]), name, what="label")


def numbers_in(frame: pl.DataFrame, name: str, *, what: str) -> np.ndarray:
    """Return a column of numbers, refusing missing ones and text."""
    return _complete(frame[name].cast(pl.Float64, strict=False), name, what=what).to_numpy()


def _complete(column: pl.Series, name: str, *, what: str) -> pl.Series:
    if column.null_count():
        row = int(column.is_null().arg_max() or 0) + 1
        raise DataError(f'every row needs a {what}, but row {row} of "{name}" has none; leave such rows out')
    return column


def _label_named(positive: str, labels: pl.Series, values: pl.Series, *, column: str) -> object:
    """Return the label that `positive` names, as text or as the number that it is."""
    known = pl.DataFrame({"text": labels, "value": values}).unique().sort("text")
    for text, value in known.rows():
        if same_label(text, positive) or same_label(value, positive):
            return value
    texts = known["text"].to_list()
    shown = ", ".join(f'"{text}"' for text in texts[:8]) + (", ..." if len(texts) > 8 else "")
    raise DataError(
        f'the positive label must be one of those in "{column}" ({shown}), but is "{positive}"'
        + (nearest(positive, texts) or "; name one of them")
    )
