"""One of several classes: one output per class, their logits."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
from scipy.special import softmax

from fitwell import metrics
from fitwell.data.targets import KnownTarget
from fitwell.metrics import confusion
from fitwell.tasks.task import Glance, TargetCoding, Task, codes_of, label_cells, label_counts, sorted_classes


def fit(cells: Sequence[pl.Series], _scale: bool) -> TargetCoding:
    """Return the coding: classes in the order of their numbers, or of the alphabet."""
    (column,) = cells
    return TargetCoding(names=(column.name,), classes=(sorted_classes(label_cells(column)),))


def coding(targets: Sequence[KnownTarget], _scale: bool) -> TargetCoding:
    """Return the coding of cells that were counted."""
    (target,) = targets
    return TargetCoding(names=(target.name,), classes=(tuple(label_counts(target.labels)),))


def truth(cells: Sequence[pl.Series], coding: TargetCoding) -> np.ndarray:
    """Return class codes, (rows,)."""
    return codes_of(cells[0], coding.classes[0], name=coding.names[0])


def predictions(outputs: np.ndarray, _coding: TargetCoding) -> np.ndarray:
    """Return the probabilities of the classes, (rows, classes)."""
    return np.asarray(softmax(outputs.astype(np.float64), axis=1))


def table(probabilities: np.ndarray, coding: TargetCoding, _cut: metrics.Cut) -> pl.DataFrame:
    """Return the likeliest class and all probabilities."""
    classes = coding.classes[0]
    chosen = pl.Series("prediction", list(classes)).gather(pl.Series(probabilities.argmax(1).astype(np.uint32)))
    return pl.DataFrame(
        [chosen, *(pl.Series(f"probability_{label}", probabilities[:, place]) for place, label in enumerate(classes))]
    )


def measure(
    codes: np.ndarray,
    probabilities: np.ndarray,
    coding: TargetCoding,
    weights: np.ndarray | None,
    _cut: metrics.Cut,
) -> metrics.Figures:
    """Return the multi-class figures."""
    labels = np.array(coding.classes[0])[codes]
    return metrics.multiclass(labels, probabilities, classes=coding.classes[0], weights=weights)


def mcc(codes: np.ndarray, probabilities: np.ndarray) -> float:
    """Return the Matthews correlation of the true classes and the likeliest ones; 0 where either is always the same.

    >>> mcc(np.array([0, 1, 2]), np.eye(3))
    1.0
    """
    count = probabilities.shape[1]
    cells = confusion.confusion_matrix(codes, probabilities.argmax(1), np.ones(len(codes)), count)
    return float(np.nan_to_num(confusion.mcc(confusion.margins(cells))))


MULTICLASS = Task(
    name="multiclass",
    form="classes",
    losses=("cross_entropy", "focal"),
    fit=fit,
    coding=coding,
    truth=truth,
    targets=lambda codes, _coding: codes.astype(np.int64),
    outputs=lambda coding: len(coding.classes[0]),
    predictions=predictions,
    table=table,
    measure=measure,
    glances=(
        Glance("accuracy", lambda codes, probabilities: float((probabilities.argmax(1) == codes).mean())),
        Glance("mcc", mcc),
    ),
)
