"""Several yes-or-no answers at once: one output per target column, its log-odds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import polars as pl
from scipy.special import expit

from fitwell import metrics
from fitwell.data.targets import KnownTarget
from fitwell.tasks import binary
from fitwell.tasks.task import Glance, TargetCoding, Task, codes_of


def fit(cells: Sequence[pl.Series], scale: bool) -> TargetCoding:
    """Return the coding: each target has its own two classes, the positive one second."""
    return _joined([binary.fit([column], scale) for column in cells])


def coding(targets: Sequence[KnownTarget], scale: bool) -> TargetCoding:
    """Return the coding of cells that were counted."""
    return _joined([binary.coding([target], scale) for target in targets])


def _joined(codings: Sequence[TargetCoding]) -> TargetCoding:
    return TargetCoding(
        names=tuple(coding.names[0] for coding in codings), classes=tuple(coding.classes[0] for coding in codings)
    )


def truth(cells: Sequence[pl.Series], coding: TargetCoding) -> np.ndarray:
    """Return 0 and 1, (rows, labels)."""
    columns = zip(cells, coding.classes, coding.names, strict=True)
    return np.stack([codes_of(column, classes, name=name) for column, classes, name in columns], axis=1)


def predictions(outputs: np.ndarray, _coding: TargetCoding) -> np.ndarray:
    """Return the probability of each label, (rows, labels)."""
    return np.asarray(expit(outputs.astype(np.float64)))


def table(probabilities: np.ndarray, coding: TargetCoding, cut: metrics.Cut) -> pl.DataFrame:
    """Return, for each target, the answer, positive from the threshold up, and the probability of the positive one."""
    columns = []
    for place, (name, classes) in enumerate(zip(coding.names, coding.classes, strict=True)):
        chosen = (probabilities[:, place] >= cut.threshold).astype(np.uint32)
        columns.append(pl.Series(f"prediction_{name}", list(classes)).gather(pl.Series(chosen)))
        columns.append(pl.Series(f"probability_{name}", probabilities[:, place]))
    return pl.DataFrame(columns)


def measure(
    answers: np.ndarray,
    probabilities: np.ndarray,
    coding: TargetCoding,
    weights: np.ndarray | None,
    cut: metrics.Cut,
) -> metrics.Figures:
    """Return the multi-label figures."""
    return metrics.multilabel(answers, probabilities, names=coding.names, threshold=cut.threshold, weights=weights)


def _mean(figure: Callable[[np.ndarray, np.ndarray], float], answers: np.ndarray, probabilities: np.ndarray) -> float:
    """Return the mean of a binary figure over the labels that have both answers."""
    both = [np.stack([1 - column, column], axis=1) for column in probabilities.T]
    of_labels = [figure(answers[:, place], scores) for place, scores in enumerate(both)]
    known = [value for value in of_labels if not np.isnan(value)]
    return float(np.mean(known)) if known else float("nan")


MULTILABEL = Task(
    name="multilabel",
    form="labels",
    losses=("cross_entropy", "focal"),
    fit=fit,
    coding=coding,
    truth=truth,
    targets=lambda answers, _coding: answers.astype(np.float32),
    outputs=lambda coding: len(coding.names),
    predictions=predictions,
    table=table,
    measure=measure,
    glances=(Glance("roc_auc", partial(_mean, binary.roc_auc)), Glance("pr_auc", partial(_mean, binary.pr_auc))),
)
