"""Anybody's predictions in a file, measured as those of a run are: which columns say what, and which task they make."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from fitwell.data.read import read_table
from fitwell.errors import DataError, RequestError, nearest
from fitwell.metrics import Figures, binary, multiclass, regression
from fitwell.metrics.inputs import same_label
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


def measured_scores(
    source: object,
    *,
    label: str,
    score: str | None,
    positive: str | None,
    threshold: float,
    task: str | None = None,
    weight: str | None = None,
) -> tuple[dict[str, Any], Figures]:
    """Return the figures of anybody's predictions, as plain values in the form of `evaluation.json` and as figures.

    With a score the task is binary, unless the labels are numbers, and more than 20 different ones: then it is
    regression. Without a score the file has to have what `fitwell predict` writes, a column of probabilities for each
    class, or a column "prediction" of numbers. `task` decides otherwise.

    Raises:
        RequestError: there is no such task, or nothing says what is predicted.
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
    measure = {"binary": as_binary, "multiclass": as_classes, "regression": as_numbers}[reading.task]
    figures = measure(frame, reading, label=label, positive=positive, threshold=threshold, weights=weights)
    report = {
        "task": figures.task,
        "split": "given",
        "rows": figures.rows,
        "notes": [] if reading.why is None else [reading.why],
        "positive": None if figures.positive is None else str(figures.positive),
        "threshold": figures.threshold,
        "metrics": figures.as_json(),
        "left_out": dict(figures.left_out),
    }
    return report, figures


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


def as_binary(
    frame: pl.DataFrame,
    reading: Reading,
    *,
    label: str,
    positive: str | None,
    threshold: float,
    weights: np.ndarray | None,
) -> Figures:
    """Measure a score, or the probability of the positive one of two classes."""
    labels = labels_in(frame, label)
    as_numbers = labels.cast(pl.Float64, strict=False)
    values = labels if as_numbers.null_count() else as_numbers
    chosen = None if positive is None else _label_named(positive, labels, values, column=label)
    if len(reading.columns) == 1:
        scores = numbers_in(frame, reading.columns[0], what="score")
        return binary(values.to_numpy(), scores, positive=chosen, threshold=threshold, weights=weights)
    classes = [name.removeprefix(PREFIX) for name in reading.columns]
    if len(classes) != 2:
        raise RequestError(f"a binary task has two classes, but there are columns for {len(classes)}; say --score")
    # which of the two is the positive one is asked of the labels, as without probabilities
    found = binary(values.to_numpy(), np.zeros(len(values)), positive=chosen, weights=weights).positive
    place = [same_label(name, label_cells(pl.Series([found]))[0]) for name in classes]
    if True not in place:
        raise DataError(f'there must be a column "{PREFIX}{found}" for the positive label, but there are {classes}')
    scores = numbers_in(frame, reading.columns[place.index(True)], what="probability")
    return binary(values.to_numpy(), scores, positive=found, threshold=threshold, weights=weights)


def as_classes(
    frame: pl.DataFrame,
    reading: Reading,
    *,
    label: str,
    positive: str | None,
    threshold: float,
    weights: np.ndarray | None,
) -> Figures:
    """Measure the probabilities of several classes."""
    del threshold  # the largest probability decides
    if positive is not None:
        raise RequestError(f'no class of several is the positive one, but --positive is "{positive}"; leave it out')
    table = np.stack([numbers_in(frame, name, what="probability") for name in reading.columns], axis=1)
    classes = [name.removeprefix(PREFIX) for name in reading.columns]
    return multiclass(labels_in(frame, label).to_numpy(), table, classes=classes, weights=weights)


def as_numbers(
    frame: pl.DataFrame,
    reading: Reading,
    *,
    label: str,
    positive: str | None,
    threshold: float,
    weights: np.ndarray | None,
) -> Figures:
    """Measure predicted numbers."""
    del threshold  # nothing is decided
    if positive is not None:
        raise RequestError(f'numbers have no positive label, but --positive is "{positive}"; leave it out')
    targets = numbers_in(frame, label, what="label")
    return regression(targets, numbers_in(frame, reading.columns[0], what="score"), weights=weights)


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
