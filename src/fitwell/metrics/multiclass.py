"""The figures of a target with several classes, from labels and one probability per class."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import ArrayLike

from fitwell.metrics.bootstrap import in_chunks
from fitwell.metrics.confusion import MULTICLASS, confusion_matrix, posterior, why_undefined
from fitwell.metrics.distances import calibration_error_interval
from fitwell.metrics.figure import Figure, Figures, undefined
from fitwell.metrics.inputs import checked_confidence, class_codes, matrix, row_weights
from fitwell.metrics.intervals import Interval, auc_score_form, effective_size, wilson
from fitwell.metrics.measured import (
    NOT_PROBABILITIES,
    PROBABILITY_FIGURES,
    SEED,
    bounded,
    log_losses,
    mean_loss,
    percentiles,
    proportion,
)
from fitwell.metrics.ranked import calibration_error, ranked, roc_auc_influence

PROPORTIONS = {"accuracy", "precision_micro", "recall_micro", "recall_weighted", "f1_micro"}  # all are the accuracy


def multiclass(
    labels: ArrayLike,
    probabilities: ArrayLike,
    *,
    classes: Sequence[object],
    weights: ArrayLike | None = None,
    confidence: float = 0.95,
) -> Figures:
    """Measure class probabilities: every figure with its confidence interval.

    `probabilities` has one column per class, in the order of `classes`; the class with the largest is predicted, the
    first of equals. Figures without a suffix are macro means over the classes that occur; a class that occurs and is
    never predicted leaves precision without a value. Scores that are no probabilities (outside [0, 1]) leave out what
    needs them.

    Raises `DataError` for labels that are none of the classes, missing values, and shapes that disagree.

    >>> scores = [[0.8, 0.1, 0.1], [0.2, 0.7, 0.1], [0.3, 0.3, 0.4], [0.5, 0.2, 0.3]]
    >>> multiclass(["a", "b", "c", "c"], scores, classes=["a", "b", "c"]).accuracy.value
    0.75
    """
    checked_confidence(confidence)
    truth = class_codes(labels, classes=classes)
    table = matrix(probabilities, what="probabilities", shape=(len(truth), len(classes)))
    given = row_weights(weights, rows=len(truth))
    kept = given > 0
    truth, table, given = truth[kept], table[kept], given[kept]
    entries: dict[str, Figure | tuple[Figure, ...]] = dict(of_confusion(truth, table, given, confidence=confidence))
    entries |= areas(truth, table, given, confidence=confidence)
    if len(classes) > 3:
        entries["top_3_accuracy"] = proportion(among_top(truth, table, 3), given, confidence=confidence)
    are_probabilities = table.min() >= 0 and table.max() <= 1
    if are_probabilities:
        entries |= of_class_probabilities(truth, table, given, confidence=confidence)
    left_out = {} if are_probabilities else dict.fromkeys(PROBABILITY_FIGURES, NOT_PROBABILITIES)
    if len(classes) <= 3:
        left_out["top_3_accuracy"] = f"with {len(classes)} classes every row would be right"
    return Figures(task="multiclass", rows=len(truth), confidence=confidence, entries=entries, left_out=left_out)


def of_confusion(
    truth: Int[np.ndarray, " rows"],
    table: Float[np.ndarray, "rows classes"],
    weights: Float[np.ndarray, " rows"],
    *,
    confidence: float,
) -> dict[str, Figure]:
    """Measure what follows from the predicted classes alone."""
    classes = table.shape[1]
    predicted = table.argmax(axis=1)
    cells = confusion_matrix(truth, predicted, weights, classes)
    squares = confusion_matrix(truth, predicted, weights**2, classes)
    size = effective_size(float(weights.sum()), float((weights**2).sum()))
    drawn = drawn_figures(cells, squares)
    figures = {}
    for name, measure in MULTICLASS.items():
        value = float(measure(cells))
        if np.isnan(value):
            figures[name] = undefined(why_undefined(name))
        elif name in PROPORTIONS:
            figures[name] = bounded(value, wilson(min(value, 1.0), size=size, confidence=confidence), "Wilson")
        elif name == "specificity_micro":
            ends = wilson(float(MULTICLASS["accuracy"](cells)), size=size, confidence=confidence)
            wrong = [(1 - end) / (classes - 1) for end in ends]
            figures[name] = bounded(value, Interval(1 - wrong[0], 1 - wrong[1]), "Wilson, through the accuracy")
        else:
            least = -1.0 if name in ("mcc", "cohen_kappa") else 0.0
            method = f"Dirichlet, {len(drawn[name])} draws"
            figures[name] = bounded(value, percentiles(drawn[name], confidence), method, least=least)
    return figures


def drawn_figures(
    cells: Float[np.ndarray, "classes classes"], squares: Float[np.ndarray, "classes classes"]
) -> dict[str, Float[np.ndarray, " draws"]]:
    """Return every figure of the confusion matrix on draws from its posterior, in parts of bounded memory."""
    occurs = np.flatnonzero(cells.sum(0) + cells.sum(1) > 0)
    if len(occurs) < 2:  # with one class alone nothing could go wrong; any other gives errors a place
        occurs = np.union1d(occurs, [0, 1])[:2] if occurs[0] < 2 else np.array([0, occurs[0]])
    cells, squares = cells[np.ix_(occurs, occurs)], squares[np.ix_(occurs, occurs)]
    generator = np.random.default_rng(SEED)
    draws = int(np.clip(4_000_000 // cells.size, 200, 2000))
    found: dict[str, list[Float[np.ndarray, " draws"]]] = {name: [] for name in MULTICLASS}
    for count in in_chunks(draws, cells=cells.size):
        part = posterior(cells, squares, draws=count, generator=generator)
        for name, measure in MULTICLASS.items():
            found[name].append(measure(part))
    return {name: np.concatenate(parts) for name, parts in found.items()}


def areas(
    truth: Int[np.ndarray, " rows"],
    table: Float[np.ndarray, "rows classes"],
    weights: Float[np.ndarray, " rows"],
    *,
    confidence: float,
) -> dict[str, Figure]:
    """Measure ROC-AUC of each class against the rest, averaged plainly and by the rows of each class."""
    total = float(weights.sum())
    shares = np.bincount(truth, weights=weights, minlength=table.shape[1]) / total
    occurring = np.flatnonzero(shares > 0)
    if len(occurring) < 2:
        return dict.fromkeys(("roc_auc", "roc_auc_weighted"), undefined("all rows have the same class"))
    values = np.empty(len(occurring))
    plain, by_share = np.zeros(len(truth)), np.zeros(len(truth))
    for place, code in enumerate(occurring):
        is_class = truth == code
        rows = ranked(is_class, table[:, code], weights)
        auc = roc_auc_influence(rows)
        moves = auc.by_row(rows, is_class)
        values[place] = auc.value
        plain += moves / len(occurring)
        # the class shares are estimated too, so a row also moves how much each area counts
        by_share += shares[code] * moves + (is_class - shares[code]) * auc.value
    size = effective_size(total, float((weights**2).sum()))
    positives = size * float(shares[occurring].mean())
    figures = {}
    for name, value, moves in (
        ("roc_auc", float(values.mean()), plain),
        ("roc_auc_weighted", float(values @ shares[occurring]), by_share),
    ):
        variance = float((weights**2) @ moves**2) / total**2
        ends = auc_score_form(
            value, variance=variance, positives=positives, negatives=size - positives, confidence=confidence
        )
        figures[name] = bounded(value, ends, "DeLong over classes, score form", approximate=positives < 10)
    return figures


def among_top(
    truth: Int[np.ndarray, " rows"], table: Float[np.ndarray, "rows classes"], count: int
) -> Float[np.ndarray, " rows"]:
    """Mark the rows whose class is among the most probable; of equal ones the first count, as in the prediction."""
    own = np.take_along_axis(table, truth[:, None], axis=1)
    earlier = np.arange(table.shape[1]) < truth[:, None]
    ahead = (table > own).sum(axis=1) + ((table == own) & earlier).sum(axis=1)
    return np.asarray(ahead < count, dtype=np.float64)


def row_losses(
    truth: Int[np.ndarray, " rows"], table: Float[np.ndarray, "rows classes"]
) -> dict[str, Float[np.ndarray, " rows"]]:
    """Return the log loss and the Brier score (summed over the classes) of every row."""
    own = np.take_along_axis(table, truth[:, None], axis=1)[:, 0]
    return {"log_loss": log_losses(own), "brier": (table**2).sum(axis=1) - 2 * own + 1}


def of_class_probabilities(
    truth: Int[np.ndarray, " rows"],
    table: Float[np.ndarray, "rows classes"],
    weights: Float[np.ndarray, " rows"],
    *,
    confidence: float,
) -> dict[str, Figure]:
    """Measure what needs scores to be probabilities."""
    most = {"log_loss": np.inf, "brier": 2.0}
    figures = {
        name: mean_loss(loss, weights, weights**2, confidence=confidence, most=most[name])
        for name, loss in row_losses(truth, table).items()
    }
    rows = ranked(table.argmax(axis=1) == truth, table.max(axis=1), weights)
    error = float(calibration_error(rows.positive, rows.negative, rows.scores))
    ends = calibration_error_interval(rows, confidence=confidence)
    figures["calibration_error"] = bounded(error, ends, "shrunken gaps of 15 bins, less the bias", approximate=True)
    return figures
