"""The figures of a target with several classes, from labels and one probability per class."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import ArrayLike

from fitwell.metrics.confusion import (
    MULTICLASS_MEASURES,
    confusion_matrix,
    delta_interval,
    fewest_of_margins,
    margins,
    smoothed,
    value_and_variance,
    why_undefined,
)
from fitwell.metrics.distances import calibration_error_figure
from fitwell.metrics.figure import Figure, Figures, undefined
from fitwell.metrics.inputs import checked_confidence, class_codes, matrix, row_weights
from fitwell.metrics.intervals import FEWEST_OF_CLASS, Interval, auc_score_form, effective_size, share_of
from fitwell.metrics.measured import (
    NOT_PROBABILITIES,
    PROBABILITY_FIGURES,
    bounded,
    log_losses,
    mean_loss,
    proportion,
)
from fitwell.metrics.ranked import ranked, ranked_with_groups, roc_auc_influence

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

    Figures say that they are approximate by the rules of `binary`; means over classes, MCC and kappa with fewer than 6
    wrong rows or fewer than 12 rows of a class or predicted to be one.

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
    square = parts_of(squares)
    right = share_of(*parts_of(cells), success_squares=square[0], failure_squares=square[1])
    occurring = of_occurring(cells, squares)
    prior = smoothed(*occurring)
    few = right.is_discrete or fewest_of_margins(*occurring) < FEWEST_OF_CLASS
    figures = {}
    for name, measure in MULTICLASS_MEASURES.items():
        value = float(measure(margins(cells)))
        if np.isnan(value):
            figures[name] = undefined(why_undefined(name))
        elif name in PROPORTIONS:
            ends = right.wilson(confidence=confidence)
            figures[name] = bounded(value, ends, "Wilson", approximate=right.is_discrete)
        elif name == "specificity_micro":
            wrong = [(1 - end) / (classes - 1) for end in right.wilson(confidence=confidence)]
            ends = Interval(1 - wrong[0], 1 - wrong[1])
            figures[name] = bounded(value, ends, "Wilson, through the accuracy", approximate=right.is_discrete)
        else:
            correlation = name in ("mcc", "cohen_kappa")
            ends = delta_interval(*value_and_variance(measure, prior), correlation=correlation, confidence=confidence)
            method = "delta on Fisher's scale" if correlation else "delta on the logit"
            figures[name] = bounded(value, ends, method, least=-1.0 if correlation else 0.0, approximate=few)
    return figures


def parts_of(cells: Float[np.ndarray, "classes classes"]) -> tuple[float, float]:
    """Return the weight of right and of wrong predictions."""
    right = np.eye(len(cells), dtype=bool)
    return float(cells[right].sum()), float(cells[~right].sum())


def of_occurring(
    cells: Float[np.ndarray, "classes classes"], squares: Float[np.ndarray, "classes classes"]
) -> tuple[Float[np.ndarray, "some some"], Float[np.ndarray, "some some"]]:
    """Return the matrices without the classes that are nowhere, two classes at least."""
    occurs = np.flatnonzero(cells.sum(0) + cells.sum(1) > 0)
    if len(occurs) < 2:  # with one class alone nothing could go wrong; any other gives errors a place
        occurs = np.union1d(occurs, [0, 1])[:2] if occurs[0] < 2 else np.array([0, occurs[0]])
    return cells[np.ix_(occurs, occurs)], squares[np.ix_(occurs, occurs)]


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
        rows, group = ranked_with_groups(is_class, table[:, code], weights)
        auc = roc_auc_influence(rows)
        moves = auc.by_row(group, is_class)
        values[place] = auc.value
        plain += moves / len(occurring)
        # the class shares are estimated too, so a row also moves how much each area counts
        by_share += shares[code] * moves + (is_class - shares[code]) * auc.value
    size = effective_size(total, float((weights**2).sum()))
    positives = size * float(shares[occurring].mean())
    scarce = size * float(shares[occurring].min()) < FEWEST_OF_CLASS
    figures = {}
    for name, value, moves in (
        ("roc_auc", float(values.mean()), plain),
        ("roc_auc_weighted", float(values @ shares[occurring]), by_share),
    ):
        variance = float((weights**2) @ moves**2) / total**2
        ends = auc_score_form(
            value, variance=variance, positives=positives, negatives=size - positives, confidence=confidence, trust=3.0
        )
        figures[name] = bounded(value, ends, "DeLong over classes, score form", approximate=scarce)
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
    figures["calibration_error"] = calibration_error_figure(rows, confidence=confidence)
    return figures
