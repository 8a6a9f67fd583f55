"""One of two classes: a single output, the log-odds of the positive class."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import polars as pl
from scipy.special import expit

from fitwell import metrics
from fitwell.data.targets import KnownTarget
from fitwell.metrics import ranked
from fitwell.metrics.inputs import positive_value
from fitwell.tasks.task import Glance, TargetCoding, Task, codes_of, label_cells, label_counts, sorted_classes


def fit(cells: Sequence[pl.Series], _scale: bool) -> TargetCoding:
    """Return the coding: the positive class comes second and has code 1 (`metrics.inputs.positive_value`)."""
    (column,) = cells
    labels = label_cells(column)
    return coding_of(column.name, {label: int((labels == label).sum()) for label in sorted_classes(labels)})


def coding(targets: Sequence[KnownTarget], _scale: bool) -> TargetCoding:
    """Return the coding of cells that were counted."""
    (target,) = targets
    return coding_of(target.name, label_counts(target.labels))


def coding_of(name: str, counts: Mapping[str, int]) -> TargetCoding:
    """Return the coding of a target whose two classes occur so often."""
    classes = tuple(counts)
    values = np.array(_as_numbers(classes))
    positive = classes[values.tolist().index(positive_value(values, np.array(list(counts.values()), dtype=np.float64)))]
    negative = next(label for label in classes if label != positive)
    return TargetCoding(names=(name,), classes=((negative, positive),), positive=positive)


def truth(cells: Sequence[pl.Series], coding: TargetCoding) -> np.ndarray:
    """Return 0 and 1, (rows,)."""
    return codes_of(cells[0], coding.classes[0], name=coding.names[0])


def predictions(outputs: np.ndarray, _coding: TargetCoding) -> np.ndarray:
    """Return the probabilities of both classes, (rows, 2)."""
    positive = expit(outputs[:, :1].astype(np.float64))
    return np.concatenate([1 - positive, positive], axis=1)


def table(probabilities: np.ndarray, coding: TargetCoding, cut: metrics.Cut) -> pl.DataFrame:
    """Return the class, positive from the threshold up, and both probabilities."""
    classes = coding.classes[0]
    is_positive = probabilities[:, 1] >= cut.threshold
    chosen = pl.Series("prediction", list(classes)).gather(pl.Series(is_positive.astype(np.uint32)))
    return pl.DataFrame(
        [chosen, *(pl.Series(f"probability_{label}", probabilities[:, place]) for place, label in enumerate(classes))]
    )


def measure(
    codes: np.ndarray,
    probabilities: np.ndarray,
    _coding: TargetCoding,
    weights: np.ndarray | None,
    cut: metrics.Cut,
) -> metrics.Figures:
    """Return the binary figures at the threshold."""
    return metrics.binary(
        codes, probabilities[:, 1], positive=1, threshold=cut.threshold, costs=cut.costs, weights=weights
    )


def roc_auc(codes: np.ndarray, probabilities: np.ndarray) -> float:
    """Return the share of pairs in which the positive row scores higher, ties counting half (Mann-Whitney).

    Rows of one class only, and scores that are no numbers, have none: nan.

    >>> roc_auc(np.array([0, 1, 0]), np.array([[0.9, 0.1], [0.4, 0.6], [0.4, 0.6]]))
    0.75
    """
    return _by_rank(ranked.roc_auc, codes, probabilities[:, 1])


def pr_auc(codes: np.ndarray, probabilities: np.ndarray) -> float:
    """Return the average precision down the ranking; nan as of `roc_auc`.

    >>> pr_auc(np.array([0, 1, 0]), np.array([[0.9, 0.1], [0.4, 0.6], [0.4, 0.6]]))
    0.5
    """
    return _by_rank(ranked.average_precision, codes, probabilities[:, 1])


def _by_rank(figure: Callable[[np.ndarray, np.ndarray], np.ndarray], codes: np.ndarray, scores: np.ndarray) -> float:
    if np.ptp(codes) == 0 or np.isnan(scores).any():
        return math.nan
    rows = ranked.ranked(codes == 1, scores, np.ones(len(codes)))
    return float(figure(rows.positive, rows.negative))


def _as_numbers(classes: Sequence[str]) -> list[float] | list[str]:
    try:
        return [float(label) for label in classes]
    except ValueError:
        return list(classes)


BINARY = Task(
    name="binary",
    form="labels",
    losses=("cross_entropy", "focal"),
    fit=fit,
    coding=coding,
    truth=truth,
    targets=lambda codes, _coding: codes[:, None].astype(np.float32),
    outputs=lambda _coding: 1,
    predictions=predictions,
    table=table,
    measure=measure,
    glances=(Glance("roc_auc", roc_auc), Glance("pr_auc", pr_auc)),
)
