"""The figures of a binary target from labels and scores, each with its interval, over one sort."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

import fitwell.metrics.ranked as by_rank
from fitwell.metrics.confusion import (
    BINARY_MEASURES,
    delta_interval,
    fewest_of_margins,
    margins,
    smoothed,
    value_and_variance,
    why_undefined,
)
from fitwell.metrics.costs import Costs, checked_costs, cost_interval, cost_per_row
from fitwell.metrics.distances import calibration_error_figure, ks_figure
from fitwell.metrics.figure import Figure, Figures, undefined
from fitwell.metrics.inputs import checked_confidence, column, is_positive, row_weights
from fitwell.metrics.intervals import (
    FEWEST,
    FEWEST_OF_CLASS,
    Interval,
    Share,
    auc_score_form,
    effective_size,
    logit,
    mover,
    share_of,
    wilson,
)
from fitwell.metrics.lifts import lift_figures
from fitwell.metrics.measured import (
    NOT_PROBABILITIES,
    PROBABILITY_FIGURES,
    bounded,
    log_losses,
    mean_loss,
)
from fitwell.metrics.ranked import Ranked, ranked

Values = Float[np.ndarray, " values"]

RARE = 0.05  # a rate of positives; intervals of average precision below twice such a rate covered 98 % and more


def binary(
    labels: ArrayLike,
    scores: ArrayLike,
    *,
    positive: object = None,
    threshold: float = 0.5,
    costs: tuple[float, float] | None = None,
    weights: ArrayLike | None = None,
    confidence: float = 0.95,
) -> Figures:
    """Measure scores of a binary target: every figure with its confidence interval.

    Labels are of any kind; `positive` names the positive one, and without it the rule is that of `positive_value`:
    True, 1, "yes" and the like, the larger number, the less frequent text. A row is predicted positive when its score
    is at least `threshold`. `costs` are those of a false positive and of a false negative; with them the mean cost of a
    row is measured too. Scores outside [0, 1] rank rows but are no probabilities: the figures that need those are
    left out and `left_out` says so. Weights count as importance: doubling all of them changes nothing. Rows of weight
    0 are ignored.

    95 % intervals were found to cover 93 to 97 % in simulations (`benchmarks/coverage.py`), and where they do not the
    figure says that it is approximate: shares and F1 with fewer than 6 successes or failures; MCC and kappa with fewer
    than 6 wrong rows, or 6 rows of a class or predicted to be one; ROC-AUC, PR-AUC and KS with fewer than 12 rows of
    the smaller class; ROC-AUC where its distance from 1 times those rows is below 1; PR-AUC below twice a rate of
    positives under 5 %; KS below 0.2; lift with fewer than 6 positives inside or outside the tenth, or many ties on its
    border; log loss and Brier score where a few rows decide (skewness over 0.45·√rows); calibration error with fewer
    than 75 rows of the smaller class, or where outcomes vary a fifth more than the probabilities say.

    Raises `DataError` for missing or infinite values, sizes that disagree, and labels among which none is positive by
    rule.

    >>> figures = binary(["no", "yes", "no", "yes"], [0.1, 0.9, 0.6, 0.7])
    >>> figures.roc_auc.value, figures.precision.value
    (1.0, 0.6666666666666666)
    """
    checked_confidence(confidence)
    hits, chosen = is_positive(labels, positive=positive)
    numbers, given = column(scores, what="scores", rows=len(hits)), row_weights(weights, rows=len(hits))
    kept = given > 0
    rows = ranked(hits, numbers, given) if kept.all() else ranked(hits[kept], numbers[kept], given[kept])
    paid = None if costs is None else checked_costs(costs)
    entries: dict[str, Figure | tuple[Figure, ...]] = dict(
        at_threshold(rows, threshold, costs=paid, confidence=confidence)
    )
    entries |= of_ranking(rows, confidence=confidence)
    left_out = {} if paid else {"cost": "no costs were given"}
    if rows.scores[0] <= 1 and rows.scores[-1] >= 0:
        entries |= of_probabilities(rows, confidence=confidence)
    else:
        left_out |= dict.fromkeys(PROBABILITY_FIGURES, NOT_PROBABILITIES)
    return Figures(
        task="binary",
        rows=int(kept.sum()),
        confidence=confidence,
        positive=chosen,
        threshold=threshold,
        entries=entries,
        left_out=left_out,
    )


def at_threshold(rows: Ranked, threshold: float, *, costs: Costs | None = None, confidence: float) -> dict[str, Figure]:
    """Measure what follows from the confusion matrix at one threshold."""
    above = int(np.count_nonzero(rows.scores >= threshold))

    def matrix(
        negative: Float[np.ndarray, " groups"], positive: Float[np.ndarray, " groups"]
    ) -> Float[np.ndarray, "2 2"]:
        return np.array([[part[above:].sum(), part[:above].sum()] for part in (negative, positive)])

    cells = matrix(rows.negative, rows.positive)
    squares = matrix(rows.negative_squares, rows.positive_squares)
    return binary_confusion(cells, squares, costs=costs, confidence=confidence)


def binary_confusion(
    cells: Float[np.ndarray, "2 2"],
    squares: Float[np.ndarray, "2 2"],
    *,
    costs: Costs | None = None,
    confidence: float,
) -> dict[str, Figure]:
    """Measure a confusion matrix [[TN, FP], [FN, TP]] of weights, given the sums of squared weights in each cell."""
    shares = {name: share_in(cells, squares, *places) for name, places in TRIALS.items()}
    table = smoothed(cells, squares)
    figures = {}
    for name, measure in BINARY_MEASURES.items():
        value = float(measure(margins(cells)))
        if math.isnan(value):
            figures[name] = undefined(why_binary_undefined(name))
        elif name == "balanced_accuracy":
            both = [shares["specificity"], shares["recall"]]
            bounds = [share.wilson(confidence=confidence) for share in both]
            ends = mover([share.value for share in both], bounds, (0.5, 0.5))
            few = any(share.is_discrete for share in both)
            figures[name] = bounded(value, ends, "Wilson, combined by MOVER", approximate=few)
        elif name in shares:
            share = shares[name]
            ends, method = share.wilson(confidence=confidence), "Wilson"
            if name == "f1":  # 2J/(1+J) where J = TP/(TP+FP+FN)
                ends, method = Interval(*(2 * end / (1 + end) for end in ends)), "Wilson, through TP/(TP+FP+FN)"
            figures[name] = bounded(value, ends, method, approximate=share.is_discrete)
        else:
            ends = delta_interval(*value_and_variance(measure, table), correlation=True, confidence=confidence)
            few = shares["accuracy"].is_discrete or fewest_of_margins(cells, squares) < FEWEST
            figures[name] = bounded(value, ends, "delta on Fisher's scale", least=-1, approximate=few)
    if costs is not None:
        ends = cost_interval(cells, squares, costs, confidence=confidence)
        paid = float(cost_per_row(cells, costs))
        figures["cost"] = bounded(paid, ends, "Wilson, combined by MOVER", most=max(costs))
    return figures


Place = tuple[int, int]


def share_in(
    cells: Float[np.ndarray, "2 2"], squares: Float[np.ndarray, "2 2"], success: list[Place], failure: list[Place]
) -> Share:
    """Return the share of successes; nan where there is nothing to share."""
    right, wrong = (sum(float(cells[place]) for place in places) for places in (success, failure))
    if right + wrong == 0:
        return Share(math.nan, 0.0)
    return share_of(
        right,
        wrong,
        success_squares=sum(float(squares[place]) for place in success),
        failure_squares=sum(float(squares[place]) for place in failure),
    )


TN, FP, FN, TP = (0, 0), (0, 1), (1, 0), (1, 1)

# a proportion is the weight of successes beside that of failures; F1 is 2J/(1+J) where J = TP/(TP+FP+FN) is one
TRIALS: dict[str, tuple[list[Place], list[Place]]] = {
    "accuracy": ([TN, TP], [FP, FN]),
    "precision": ([TP], [FP]),
    "recall": ([TP], [FN]),
    "specificity": ([TN], [FP]),
    "f1": ([TP], [FP, FN]),
}


def why_binary_undefined(name: str) -> str:
    """Say why a figure at a threshold has no value, in the words of a binary target."""
    return {
        "precision": "no row was predicted positive",
        "recall": "no row is positive",
        "specificity": "no row is negative",
        "f1": "no row is positive and none was predicted positive",
    }.get(name, why_undefined(name))


def of_ranking(rows: Ranked, *, confidence: float) -> dict[str, Figure | tuple[Figure, ...]]:
    """Measure what follows from the order of the scores alone."""
    up, down = float(rows.hits[-1]), float(rows.false[-1])
    if up == 0:
        return dict.fromkeys(("roc_auc", "pr_auc", "ks", "lift"), undefined("no row is positive")) | {
            "lift_by_decile": (undefined("no row is positive"),) * by_rank.DECILES
        }
    entries: dict[str, Figure | tuple[Figure, ...]] = {}
    sizes = {
        "positives": effective_size(up, float(rows.positive_squares.sum())),
        "negatives": effective_size(down, float(rows.negative_squares.sum())),
    }
    scarce = min(sizes.values()) < FEWEST_OF_CLASS
    if down == 0:
        entries |= dict.fromkeys(("roc_auc", "ks"), undefined("no row is negative"))
    else:
        auc = by_rank.roc_auc_influence(rows)
        ends = auc_score_form(auc.value, variance=auc.variance(rows), confidence=confidence, **sizes)
        rough = scarce or (1 - auc.value) * min(sizes.values()) < 1
        entries["roc_auc"] = bounded(auc.value, ends, "DeLong, score form", approximate=rough)
        entries["ks"] = ks_figure(rows, confidence=confidence)
    precision = by_rank.average_precision_influence(rows)
    luck = by_rank.average_precision_luck(rows)
    ends = precision_ends(
        precision.value - luck,
        by_rank.left_out(precision, rows).variance(rows) + luck**2,
        sizes["positives"],
        confidence=confidence,
    )
    rate = up / (up + down)
    rough = scarce or (rate < RARE and precision.value < 2 * rate)
    entries["pr_auc"] = bounded(precision.value, ends, "logit, variance by leaving out", approximate=rough)
    lifts = lift_figures(rows, by_rank.lift_by_decile(rows.positive, rows.negative), confidence=confidence)
    order = ("roc_auc", "pr_auc", "ks")
    return {name: entries[name] for name in order} | {"lift": lifts[0], "lift_by_decile": lifts}


def precision_ends(value: float, variance: float, positives: float, *, confidence: float) -> Interval:
    """Bound average precision on the logit scale; a perfect one as a proportion."""
    if not 1e-12 < value < 1 - 1e-12 or variance <= 0:
        return wilson(min(max(value, 0.0), 1.0), size=positives, confidence=confidence)
    return logit(value, variance=variance, confidence=confidence)


def of_probabilities(rows: Ranked, *, confidence: float) -> dict[str, Figure]:
    """Measure what needs scores to be probabilities."""
    said, weights, squares = of_outcomes(rows)
    figures = {
        name: mean_loss(loss, weights, squares, confidence=confidence, most=most)
        for name, loss, most in (("log_loss", log_losses(said), np.inf), ("brier", (1 - said) ** 2, 1.0))
    }
    figures["calibration_error"] = calibration_error_figure(rows, confidence=confidence)
    return figures


def of_outcomes(rows: Ranked) -> tuple[Values, Values, Values]:
    """Return the probabilities of what happened, with weights and squared weights: one a group without ties."""
    if not np.any(np.minimum(rows.positive, rows.negative)):
        said = np.where(rows.positive > 0, rows.scores, 1 - rows.scores)
        if rows.positive_squares is rows.positive:
            weights = rows.positive + rows.negative
            return said, weights, weights
        return said, rows.positive + rows.negative, rows.positive_squares + rows.negative_squares
    return (
        np.concatenate([rows.scores, 1 - rows.scores]),
        np.concatenate([rows.positive, rows.negative]),
        np.concatenate([rows.positive_squares, rows.negative_squares]),
    )
