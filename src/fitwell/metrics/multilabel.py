"""The figures of several binary targets at once: each row has any number of labels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy.typing import ArrayLike, NDArray

import fitwell.metrics.confusion as by_class
from fitwell.errors import DataError
from fitwell.metrics.binary import binary, precision_ends
from fitwell.metrics.confusion import delta_interval, slopes
from fitwell.metrics.figure import Figure, Figures, undefined
from fitwell.metrics.inputs import checked_confidence, matrix, numbers, row_weights
from fitwell.metrics.intervals import FEWEST_OF_CLASS, auc_score_form, effective_size, widened
from fitwell.metrics.measured import NOT_PROBABILITIES, bounded, log_losses, mean_loss, proportion
from fitwell.metrics.ranked import (
    average_precision_influence,
    average_precision_luck,
    left_out,
    ranked_with_groups,
    roc_auc_influence,
)

Hits = Bool[np.ndarray, "rows labels"]
Table = Float[np.ndarray, "rows labels"]
Weights = Float[np.ndarray, " rows"]
Stack = NDArray[np.float64]  # (..., labels, 4): TN, FP, FN, TP of every label


def multilabel(
    labels: ArrayLike,
    probabilities: ArrayLike,
    *,
    names: Sequence[str] | None = None,
    threshold: float = 0.5,
    weights: ArrayLike | None = None,
    confidence: float = 0.95,
) -> Figures:
    """Measure several binary targets: every figure with its confidence interval.

    Both arrays have one row per row and one column per label; `labels` hold 0 and 1 (or False and True). Figures
    without a suffix are macro means over the labels; `parts` holds the binary figures of each label under its name.
    Figures are approximate by the rules of `binary`; means over labels where one has fewer than 12 rows of a class.

    Raises `DataError` for labels other than 0 and 1, missing values, and shapes that disagree.

    >>> figures = multilabel([[1, 0], [0, 1], [1, 1]], [[0.9, 0.2], [0.4, 0.7], [0.6, 0.3]])
    >>> round(figures.subset_accuracy.value, 3), round(figures.hamming_loss.value, 3)
    (0.667, 0.167)
    """
    checked_confidence(confidence)
    truth = as_hits(labels)
    scores = matrix(probabilities, what="probabilities", shape=(truth.shape[0], truth.shape[1]))
    columns = [str(place) for place in range(truth.shape[1])] if names is None else [str(name) for name in names]
    if len(columns) != truth.shape[1] or len(set(columns)) != len(columns):
        raise DataError(f"{truth.shape[1]} labels need as many different names, but they are {columns}")
    given = row_weights(weights, rows=len(truth))
    kept = given > 0
    truth, scores, given = truth[kept], scores[kept], given[kept]
    entries: dict[str, Figure | tuple[Figure, ...]] = dict(
        of_decisions(truth, scores >= threshold, given, confidence=confidence)
    )
    entries |= areas(truth, scores, given, confidence=confidence)
    are_probabilities = scores.min() >= 0 and scores.max() <= 1
    if are_probabilities:
        losses = {
            "log_loss": log_losses(np.where(truth, scores, 1 - scores)).mean(axis=1),
            "brier": ((scores - truth) ** 2).mean(axis=1),
        }
        entries |= {name: mean_loss(loss, given, given**2, confidence=confidence) for name, loss in losses.items()}
    parts = {
        name: binary(
            truth[:, place], scores[:, place], positive=True, threshold=threshold, weights=given, confidence=confidence
        )
        for place, name in enumerate(columns)
    }
    return Figures(
        task="multilabel",
        rows=len(truth),
        confidence=confidence,
        threshold=threshold,
        entries=entries,
        left_out={} if are_probabilities else dict.fromkeys(("log_loss", "brier"), NOT_PROBABILITIES),
        parts=parts,
    )


def as_hits(labels: ArrayLike) -> Hits:
    """Return which labels each row has."""
    array = numbers(labels, what="labels")
    if array.ndim != 2 or array.size == 0 or not np.isin(array, (0, 1)).all():
        strangers = np.setdiff1d(array, (0, 1))[:3].tolist()
        raise DataError(
            f"labels must be a table of 0 and 1 with a column per label, but its shape is {array.shape} and "
            f"other values are {strangers}"
        )
    return array.astype(bool)


def per_label(measure: Callable[[NDArray[np.float64]], NDArray[np.float64]]) -> Callable[[Stack], Stack]:
    """Turn a binary figure into one per label: each label's four counts are a 2 × 2 matrix."""
    return lambda counts: measure(counts.reshape(*counts.shape[:-1], 2, 2))


def averaged(name: str) -> dict[str, Callable[[Stack], Stack]]:
    """Return the macro, micro and weighted mean of a binary figure over labels."""
    each = per_label(by_class.BINARY[name])

    def weighted(counts: Stack) -> Stack:
        support = counts[..., 2] + counts[..., 3]
        values = np.where(support > 0, each(counts), 0.0)
        return by_class.ratio((values * support).sum(-1), support.sum(-1))

    return {
        name: lambda counts: np.asarray(each(counts).mean(-1)),
        f"{name}_micro": lambda counts: each(counts.sum(-2)),
        f"{name}_weighted": weighted,
    }


DECISIONS: dict[str, Callable[[Stack], Stack]] = {
    **averaged("precision"),
    **averaged("recall"),
    **averaged("f1"),
    **averaged("specificity"),
}

WHY = {
    "precision": "a label was never predicted",
    "recall": "a label has no positive row",
    "f1": "a label neither occurs nor was predicted",
    "specificity": "every row has the label",
}


def kinds(truth: Hits, predicted: Hits) -> Int[np.ndarray, "rows labels"]:
    """Say of every row and label which of TN (0), FP, FN, TP (3) it is, and of which label (+ 4 · label)."""
    return np.asarray(truth * np.int64(2) + predicted + 4 * np.arange(truth.shape[1]))


def of_decisions(truth: Hits, predicted: Hits, weights: Weights, *, confidence: float) -> dict[str, Figure]:
    """Measure what follows from the predicted labels; a row moves a figure through all of its labels together.

    Each count of each label gets half a row more (Jeffreys' prior), so that perfection is not certain.
    """
    wrong = truth != predicted
    figures = {
        "subset_accuracy": proportion((~wrong.any(axis=1)).astype(float), weights, confidence=confidence),
        "hamming_loss": mean_loss(wrong.mean(axis=1), weights, weights**2, confidence=confidence),
    }
    kind, labels = kinds(truth, predicted), truth.shape[1]
    cells = np.bincount(kind.ravel(), np.repeat(weights, labels), minlength=4 * labels).astype(np.float64)
    row = float((weights**2).sum() / weights.sum())
    few = float(cells.reshape(labels, 2, 2).sum(-1).min()) < FEWEST_OF_CLASS * row
    for name, measure in DECISIONS.items():
        value = float(measure(cells.reshape(labels, 4)))
        if np.isnan(value):
            figures[name] = undefined(WHY[name.removesuffix("_micro").removesuffix("_weighted")])
            continue
        of_flat = partial(lambda flat, of: of(flat.reshape(*flat.shape[:-1], labels, 4)), of=measure)
        moves = slopes(of_flat, cells + row / 2)[kind].sum(axis=1)
        variance = float(weights**2 @ moves**2)
        ends = delta_interval(float(of_flat(cells + row / 2)), variance, correlation=False, confidence=confidence)
        figures[name] = bounded(value, ends, "delta on the logit", approximate=few)
    return figures


def areas(truth: Hits, scores: Table, weights: Weights, *, confidence: float) -> dict[str, Figure]:
    """Measure ROC-AUC and average precision, averaged over labels plainly and by the rows that have each."""
    total = float(weights.sum())
    size = effective_size(total, float((weights**2).sum()))
    shares = weights @ truth / total
    names = ("roc_auc", "roc_auc_weighted", "pr_auc", "pr_auc_weighted")
    if shares.min() <= 0 or not (weights @ ~truth).min() > 0:
        return dict.fromkeys(names, undefined("some label has only positive or only negative rows"))
    scarce = size * float(np.minimum(shares, 1 - shares).min()) < FEWEST_OF_CLASS
    figures: dict[str, Figure] = {}
    for name, influence_of in (("roc_auc", roc_auc_influence), ("pr_auc", average_precision_influence)):
        values, luck, moves = np.empty(len(shares)), np.zeros(len(shares)), np.empty(truth.shape)
        for place in range(len(shares)):
            rows, group = ranked_with_groups(truth[:, place], scores[:, place], weights)
            influence = influence_of(rows)
            values[place] = influence.value
            if name == "pr_auc":
                luck[place], influence = average_precision_luck(rows), left_out(influence, rows)
            moves[:, place] = influence.by_row(group, truth[:, place])
        by_share = float(values @ shares / shares.sum())
        weighted_moves = (moves @ shares + (truth - shares) @ (values - by_share)) / shares.sum()
        for suffix, value, lucky, moved in (
            ("", float(values.mean()), float(luck.mean()), moves.mean(1)),
            ("_weighted", by_share, float(luck @ shares / shares.sum()), weighted_moves),
        ):
            variance = float((weights**2) @ moved**2) / total**2
            positives = size * float(shares.mean())
            if name == "pr_auc":
                wide = widened(confidence, size=size * float(shares.min()))
                ends = precision_ends(value - lucky, variance + lucky**2, positives, confidence=wide)
            else:
                sizes = {"positives": positives, "negatives": size - positives}
                ends = auc_score_form(value, variance=variance, confidence=confidence, trust=3.0, **sizes)
            figures[name + suffix] = bounded(value, ends, "influence over labels", approximate=scarce)
    return {name: figures[name] for name in names}
