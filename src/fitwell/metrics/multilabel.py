"""The figures of several binary targets at once: each row has any number of labels."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Bool, Float
from numpy.typing import ArrayLike, NDArray

from fitwell.errors import DataError
from fitwell.metrics import confusion as by_class
from fitwell.metrics.binary import binary, precision_ends
from fitwell.metrics.bootstrap import in_chunks, number_of_draws
from fitwell.metrics.figure import Figure, Figures, undefined
from fitwell.metrics.inputs import checked_confidence, matrix, numbers, row_weights
from fitwell.metrics.intervals import auc_score_form, effective_size
from fitwell.metrics.measured import NOT_PROBABILITIES, SEED, bounded, log_losses, mean_loss, percentiles, proportion
from fitwell.metrics.ranked import average_precision_influence, ranked, roc_auc_influence

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


def one_hot_counts(truth: Hits, predicted: Hits) -> Float[np.ndarray, "rows cells"]:
    """Mark for every row and label which of TN, FP, FN, TP it is, labels slowest."""
    kind = truth.astype(np.int64) * 2 + predicted
    return np.asarray((kind[:, :, None] == np.arange(4)).reshape(len(truth), -1).astype(np.float64))


def of_decisions(truth: Hits, predicted: Hits, weights: Weights, *, confidence: float) -> dict[str, Figure]:
    """Measure what follows from the predicted labels, by a weighted bootstrap of whole rows (labels go together).

    Each count of each label also gets a draw of half a row (Jeffreys' prior), so that perfection is not certain.
    """
    wrong = truth != predicted
    figures = {
        "subset_accuracy": proportion((~wrong.any(axis=1)).astype(float), weights, confidence=confidence),
        "hamming_loss": mean_loss(wrong.mean(axis=1), weights, weights**2, confidence=confidence),
    }
    cells = one_hot_counts(truth, predicted)
    labels = truth.shape[1]
    draws = number_of_draws(len(weights) * 4)
    generator = np.random.default_rng(SEED)
    scale = float((weights**2).sum() / weights.sum())
    drawn = []
    for count in in_chunks(draws, cells=len(weights)):
        counts = (generator.standard_exponential((count, len(weights))) * weights) @ cells
        drawn.append((counts + generator.standard_gamma(0.5, counts.shape) * scale).reshape(count, labels, 4))
    stack, counts = np.concatenate(drawn), (weights @ cells).reshape(labels, 4)
    for name, measure in DECISIONS.items():
        value = float(measure(counts))
        if np.isnan(value):
            figures[name] = undefined(WHY[name.removesuffix("_micro").removesuffix("_weighted")])
        else:
            ends = percentiles(measure(stack), confidence)
            figures[name] = bounded(value, ends, f"weighted bootstrap with prior, {draws} draws")
    return figures


def areas(truth: Hits, scores: Table, weights: Weights, *, confidence: float) -> dict[str, Figure]:
    """Measure ROC-AUC and average precision, averaged over labels plainly and by the rows that have each."""
    total = float(weights.sum())
    size = effective_size(total, float((weights**2).sum()))
    shares = weights @ truth / total
    names = ("roc_auc", "roc_auc_weighted", "pr_auc", "pr_auc_weighted")
    if shares.min() <= 0 or not (weights @ ~truth).min() > 0:
        return dict.fromkeys(names, undefined("some label has only positive or only negative rows"))
    figures: dict[str, Figure] = {}
    for name, influence_of in (("roc_auc", roc_auc_influence), ("pr_auc", average_precision_influence)):
        values, moves = np.empty(len(shares)), np.empty(truth.shape)
        for place in range(len(shares)):
            rows = ranked(truth[:, place], scores[:, place], weights)
            influence = influence_of(rows)
            values[place] = influence.value
            moves[:, place] = influence.by_row(rows, truth[:, place])
        by_share = float(values @ shares / shares.sum())
        weighted_moves = (moves @ shares + (truth - shares) @ (values - by_share)) / shares.sum()
        for suffix, value, moved in (
            ("", float(values.mean()), moves.mean(1)),
            ("_weighted", by_share, weighted_moves),
        ):
            variance = float((weights**2) @ moved**2) / total**2
            positives = size * float(shares.mean())
            if name == "pr_auc":
                ends = precision_ends(value, variance, positives, confidence=confidence)
            else:
                ends = auc_score_form(
                    value, variance=variance, positives=positives, negatives=size - positives, confidence=confidence
                )
            figures[name + suffix] = bounded(value, ends, "influence over labels", approximate=positives < 10)
    return {name: figures[name] for name in names}
