"""What a task is: how target cells become numbers, what the outputs mean, and how they are measured.

A task is one file and one line in `TASKS`. Three arrays go by the same names everywhere:
- `truth`: the target cells as numbers in their own units: class codes (rows,), answers 0 or 1 (rows, labels), values
  (rows, targets);
- `outputs`: what a network puts out, (rows, K): logits, or scaled values;
- `predictions`: what they mean: probabilities (rows, classes) or (rows, labels), values (rows, targets).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import polars as pl

from fitwell.data.targets import KnownTarget
from fitwell.errors import DataError, RecipeError, nearest
from fitwell.metrics import Cut, Figures
from fitwell.recipe import LossName, TaskName
from fitwell.tasks.losses import Form


@dataclass(frozen=True, kw_only=True)
class TargetCoding:
    """How target cells became numbers, and back; fitted on the training rows, saved with the run."""

    names: tuple[str, ...]  # of the target columns
    classes: tuple[tuple[str, ...], ...] = ()  # of each target, in the order of their codes; () for values
    positive: str | None = None  # of a binary target
    centers: tuple[float, ...] = ()  # of each value target
    scales: tuple[float, ...] = ()
    lows: tuple[float, ...] = ()  # where predictions of each value target end
    highs: tuple[float, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return plain values that `coding_from_json` reads back."""
        return asdict(self)


def coding_from_json(values: Mapping[str, Any]) -> TargetCoding:
    """Return the coding that was saved.

    >>> coding = TargetCoding(names=("y",), centers=(0.1,), scales=(3.0,))
    >>> coding_from_json(coding.as_json()) == coding
    True
    """
    return TargetCoding(
        names=tuple(values["names"]),
        classes=tuple(tuple(of_target) for of_target in values["classes"]),
        positive=values["positive"],
        centers=tuple(values["centers"]),
        scales=tuple(values["scales"]),
        lows=tuple(values["lows"]),
        highs=tuple(values["highs"]),
    )


@dataclass(frozen=True)
class Glance:
    """A quick figure of predictions, watched while training; without an interval."""

    name: str
    figure: Callable[[np.ndarray, np.ndarray], float]  # truth, predictions


@dataclass(frozen=True, kw_only=True)
class Task:
    """One kind of prediction, as a record of functions."""

    name: TaskName
    form: Form  # of the targets that losses see
    losses: tuple[LossName, ...]  # that fit; the first is usual
    fit: Callable[[Sequence[pl.Series], bool], TargetCoding]  # training cells, whether to scale values
    coding: Callable[[Sequence[KnownTarget], bool], TargetCoding]  # the same for cells that were counted and are gone
    truth: Callable[[Sequence[pl.Series], TargetCoding], np.ndarray]
    targets: Callable[[np.ndarray, TargetCoding], np.ndarray]  # truth as the loss takes it
    outputs: Callable[[TargetCoding], int]  # how many the network needs
    predictions: Callable[[np.ndarray, TargetCoding], np.ndarray]  # outputs (rows, K) -> predictions
    table: Callable[[np.ndarray, TargetCoding, Cut], pl.DataFrame]  # predictions as people read them
    measure: Callable[[np.ndarray, np.ndarray, TargetCoding, np.ndarray | None, Cut], Figures]
    # truth, predictions, weights, and where scores become answers
    glances: tuple[Glance, ...]  # what may be watched; the first is, where none of them decides

    def glance(self, metric: str) -> Glance:
        """Return the quick figure that is watched where a metric decides: that metric, if it is quick."""
        return next((each for each in self.glances if each.name == metric), self.glances[0])


def label_cells(cells: pl.Series) -> pl.Series:
    """Return the cells of a class target as text: whole numbers without a fraction, words without outer blanks.

    >>> label_cells(pl.Series([1.0, 2.0, None])).to_list(), label_cells(pl.Series([" Yes", "No"])).to_list()
    (['1', '2', None], ['Yes', 'No'])
    """
    if cells.dtype.is_float():
        cells = cells.fill_nan(None)
        whole = (cells == cells.round()) & (cells.abs() < 2**53)  # cell by cell: a label must not depend on others
        return (
            cells.cast(pl.Int64, strict=False).cast(pl.String).zip_with(whole.fill_null(False), cells.cast(pl.String))
        )
    return cells.cast(pl.String).str.strip_chars()


def sorted_classes(cells: pl.Series) -> tuple[str, ...]:
    """Return the distinct labels, numbers by their size and words by the alphabet.

    >>> sorted_classes(pl.Series(["10", "9", "9"]))
    ('9', '10')
    """
    known = sorted(cells.drop_nulls().unique().to_list())
    try:
        numbers = [float(label) for label in known]
    except ValueError:
        return tuple(known)
    if not all(map(math.isfinite, numbers)):  # "nan" and "inf" are words here, and have no place among numbers
        return tuple(known)
    return tuple(label for _, label in sorted(zip(numbers, known, strict=True)))


def label_counts(labels: Mapping[str, int]) -> dict[str, int]:
    """Return how often each class occurs, in their order; labels that are written differently may be one class.

    >>> label_counts({"10": 1, " 9": 2, "9": 3})
    {'9': 5, '10': 1}
    """
    written = label_cells(pl.Series(list(labels), dtype=pl.String))
    counts = dict.fromkeys(sorted_classes(written), 0)
    for label, count in zip(written, labels.values(), strict=True):
        counts[label] += count
    return counts


def codes_of(cells: pl.Series, classes: Sequence[str], *, name: str) -> np.ndarray:
    """Return each label's place among the classes.

    Raises:
        DataError: a cell is missing or is none of the classes.
    """
    labels = label_cells(cells)
    places = pl.DataFrame(
        {"label": list(classes), "code": range(len(classes))}, schema={"label": pl.String, "code": pl.Int64}
    )
    codes = labels.to_frame("label").join(places, on="label", how="left", maintain_order="left")["code"]
    if codes.null_count():
        strange = labels.filter(codes.is_null())[0]
        came = "a missing cell" if strange is None else f'"{strange}"'
        shown = ", ".join(f'"{known}"' for known in classes[:8])
        raise DataError(
            f'the target "{name}" must be one of the classes known from training ({shown}), but {codes.null_count()} '
            f"of {len(codes)} rows are not, the first with {came}; leave these rows out"
        )
    return codes.to_numpy()


def truth_table(truth: np.ndarray, coding: TargetCoding) -> pl.DataFrame:
    """Return the truth as people read it: labels as text, numbers as they are; `truth_<name>` of several targets.

    >>> coding = TargetCoding(names=("y",), classes=(("no", "yes"),))
    >>> truth_table(np.array([1, 0]), coding)["truth"].to_list()
    ['yes', 'no']
    """
    columns = truth.reshape(len(truth), -1).T
    names = ["truth"] if len(coding.names) == 1 else [f"truth_{name}" for name in coding.names]
    if not coding.classes:
        return pl.DataFrame(dict(zip(names, columns, strict=True)))
    return pl.DataFrame(
        [
            pl.Series(name, list(classes), dtype=pl.String).gather(pl.Series(column.astype(np.uint32)))
            for name, classes, column in zip(names, coding.classes, columns, strict=True)
        ]
    )


def class_weights(task: Task, asked: str | Mapping[str, float], truth: np.ndarray, coding: TargetCoding) -> np.ndarray:
    """Return the weights of the classes in the loss: (classes,), or (2, labels) for answers 0 and 1.

    `balanced` weighs a class by rows / (classes * its rows), as scikit-learn does, so that all classes count alike.

    Raises:
        RecipeError: the target has no classes, or a class that was named is not one of them.
    """
    if task.form == "values":
        raise RecipeError(f"training.class_weights is {asked}, but the target has no classes; leave it out")
    if asked == "balanced":
        if task.form == "classes":
            counts = np.bincount(truth, minlength=len(coding.classes[0]))
        else:
            answers = truth.reshape(len(truth), -1)
            counts = np.stack([(answers == 0).sum(0), (answers == 1).sum(0)])
        return len(truth) / (len(counts) * np.maximum(counts, 1))
    assert isinstance(asked, Mapping)
    known = sorted({label for classes in coding.classes for label in classes})
    for label in asked:
        if label not in known:
            raise RecipeError(f'training.class_weights names "{label}", which is no class{nearest(label, known)}')
    weights = np.array([[asked.get(label, 1.0) for label in classes] for classes in coding.classes])
    return weights[0] if task.form == "classes" else weights.T
