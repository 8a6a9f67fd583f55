"""The figures of a binary target from labels and scores, each with its interval, over one sort."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from fitwell.metrics import ranked as by_rank
from fitwell.metrics.bootstrap import bias_corrected, gathered, number_of_draws, resampled
from fitwell.metrics.confusion import BINARY, posterior, recalls, why_undefined
from fitwell.metrics.costs import Costs, checked_costs, cost_per_row
from fitwell.metrics.distances import calibration_error_interval, ks_interval
from fitwell.metrics.figure import Figure, Figures, undefined
from fitwell.metrics.inputs import checked_confidence, column, is_positive, row_weights
from fitwell.metrics.intervals import (
    Interval,
    auc_score_form,
    effective_size,
    logit,
    mover,
    wilson,
)
from fitwell.metrics.measured import (
    NOT_PROBABILITIES,
    PROBABILITY_FIGURES,
    SEED,
    bounded,
    log_losses,
    mean_loss,
    percentiles,
)
from fitwell.metrics.ranked import Ranked, ranked

FEW_ERRORS = 5


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
    rows = ranked(hits[kept], numbers[kept], given[kept])
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
    up = rows.scores >= threshold

    def matrix(
        negative: Float[np.ndarray, " groups"], positive: Float[np.ndarray, " groups"]
    ) -> Float[np.ndarray, "2 2"]:
        return np.array([[part[~up].sum(), part[up].sum()] for part in (negative, positive)])

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
    everything = np.ones((2, 2), dtype=bool)
    trials = {  # a proportion is the weight of successes among the weight of trials
        "accuracy": (np.eye(2, dtype=bool), everything),
        "precision": (np.array([[0, 0], [0, 1]], dtype=bool), np.array([[0, 1], [0, 1]], dtype=bool)),
        "recall": (np.array([[0, 0], [0, 1]], dtype=bool), np.array([[0, 0], [1, 1]], dtype=bool)),
        "specificity": (np.array([[1, 0], [0, 0]], dtype=bool), np.array([[1, 1], [0, 0]], dtype=bool)),
        # F1 = 2J/(1+J) where J = TP/(TP+FP+FN), a proportion
        "f1": (np.array([[0, 0], [0, 1]], dtype=bool), np.array([[0, 1], [1, 1]], dtype=bool)),
    }
    drawn = posterior(cells, squares, draws=4000, generator=np.random.default_rng(SEED))
    figures = {}
    for name, measure in BINARY.items():
        value = float(measure(cells))
        if np.isnan(value):
            figures[name] = undefined(why_binary_undefined(name))
        elif name in trials:
            success, trial = trials[name]
            share = float(cells[success].sum() / cells[trial].sum())
            size = effective_size(float(cells[trial].sum()), float(squares[trial].sum()))
            ends = wilson(share, size=size, confidence=confidence)
            ends = Interval(2 * ends.low / (1 + ends.low), 2 * ends.high / (1 + ends.high)) if name == "f1" else ends
            figures[name] = bounded(value, ends, "Wilson" if name != "f1" else "Wilson, through TP/(TP+FP+FN)")
        elif name == "balanced_accuracy":
            shares = recalls(cells).tolist()
            sizes = [effective_size(float(c.sum()), float(s.sum())) for c, s in zip(cells, squares, strict=True)]
            bounds = [
                wilson(share, size=size, confidence=confidence) for share, size in zip(shares, sizes, strict=True)
            ]
            figures[name] = bounded(value, mover(shares, bounds, (0.5, 0.5)), "Wilson, combined by MOVER")
        else:
            figures[name] = bounded(value, percentiles(measure(drawn), confidence), "Dirichlet, 4000 draws", least=-1)
    if costs is not None:
        paid = float(cost_per_row(cells, costs))
        ends = percentiles(cost_per_row(drawn, costs), confidence)
        dearer = (0, 1) if costs.false_positive > costs.false_negative else (1, 0)
        # by simulation these cover 91 to 99 % where they claim 95 and the dearer error is seen so seldom
        few = effective_size(float(cells[dearer]), float(squares[dearer])) < FEW_ERRORS
        figures["cost"] = bounded(paid, ends, "Dirichlet, 4000 draws", most=max(costs), approximate=few)
    return figures


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
    up, down = float(rows.positive.sum()), float(rows.negative.sum())
    if up == 0:
        return dict.fromkeys(("roc_auc", "pr_auc", "ks", "lift"), undefined("no row is positive")) | {
            "lift_by_decile": (undefined("no row is positive"),) * by_rank.DECILES
        }
    entries: dict[str, Figure | tuple[Figure, ...]] = {}
    sizes = {
        "positives": effective_size(up, float(rows.positive_squares.sum())),
        "negatives": effective_size(down, float(rows.negative_squares.sum())),
    }
    scarce = min(sizes.values()) < 10
    if down == 0:
        entries |= dict.fromkeys(("roc_auc", "ks"), undefined("no row is negative"))
    else:
        auc = by_rank.roc_auc_influence(rows)
        ends = auc_score_form(auc.value, variance=auc.variance(rows), confidence=confidence, **sizes)
        entries["roc_auc"] = bounded(auc.value, ends, "DeLong, score form", approximate=scarce)
        distance = float(by_rank.ks(rows.positive, rows.negative))
        ends = ks_interval(rows, confidence=confidence)
        entries["ks"] = bounded(distance, ends, "Wilson at the widest gap, less the bias", approximate=True)
    precision = by_rank.average_precision_influence(rows)
    ends = precision_ends(precision.value, precision.variance(rows), sizes["positives"], confidence=confidence)
    entries["pr_auc"] = bounded(precision.value, ends, "logit, variance by influence", approximate=scarce)
    lifts = lift_figures(rows, confidence=confidence)
    order = ("roc_auc", "pr_auc", "ks")
    return {name: entries[name] for name in order} | {"lift": lifts[0], "lift_by_decile": lifts}


def precision_ends(value: float, variance: float, positives: float, *, confidence: float) -> Interval:
    """Bound average precision on the logit scale; a perfect one as a proportion."""
    if not 1e-12 < value < 1 - 1e-12 or variance <= 0:
        return wilson(min(max(value, 0.0), 1.0), size=positives, confidence=confidence)
    return logit(value, variance=variance, confidence=confidence)


def lift_figures(rows: Ranked, *, confidence: float) -> tuple[Figure, ...]:
    """Measure the lift of each tenth by a bias-corrected bootstrap over the shared sort."""
    short = gathered(rows)
    draws = number_of_draws(len(short.scores))
    drawn = resampled(short, {"lift": by_rank.lift_by_decile}, draws=draws, seed=SEED)["lift"]
    values = by_rank.lift_by_decile(rows.positive, rows.negative)
    plugins = by_rank.lift_by_decile(short.positive, short.negative)
    size = effective_size(float(rows.positive.sum()), float(rows.positive_squares.sum()))
    figures = []
    for value, plugin, column_drawn in zip(values.tolist(), plugins.tolist(), drawn.T, strict=True):
        if np.ptp(column_drawn) > 1e-9:
            ends = bias_corrected(column_drawn, plugin=plugin, estimate=value, confidence=confidence)
            figures.append(bounded(value, ends, f"weighted bootstrap, {draws} draws", most=10.0))
        else:  # none or all of the positives are here, so resampling shows nothing; their share is a proportion
            share = wilson(min(value / by_rank.DECILES, 1.0), size=size, confidence=confidence)
            ends = Interval(share.low * by_rank.DECILES, share.high * by_rank.DECILES)
            figures.append(bounded(value, ends, "Wilson, of the share of positives", most=10.0))
    return tuple(figures)


def of_probabilities(rows: Ranked, *, confidence: float) -> dict[str, Figure]:
    """Measure what needs scores to be probabilities."""
    weights = np.concatenate([rows.positive, rows.negative])
    squares = np.concatenate([rows.positive_squares, rows.negative_squares])
    losses = {
        "log_loss": np.concatenate([log_losses(rows.scores), log_losses(1 - rows.scores)]),
        "brier": np.concatenate([(1 - rows.scores) ** 2, rows.scores**2]),
    }
    most = {"log_loss": np.inf, "brier": 1.0}
    figures = {
        name: mean_loss(loss, weights, squares, confidence=confidence, most=most[name]) for name, loss in losses.items()
    }
    error = float(by_rank.calibration_error(rows.positive, rows.negative, rows.scores))
    ends = calibration_error_interval(rows, confidence=confidence)
    figures["calibration_error"] = bounded(error, ends, "shrunken gaps of 15 bins, less the bias", approximate=True)
    return figures
