"""Is one set of predictions better than another on the same rows? A difference, its interval, and a verdict in words.

Rows that are hard for one model are mostly hard for the other, so the difference is known far better than either
figure. Every resample gives both models the same new row weights; what varies between resamples is the difference
itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtrit

import fitwell.metrics.ranked as by_rank
from fitwell.errors import RequestError, nearest
from fitwell.metrics.bootstrap import gathered, in_chunks, neighborhoods, number_of_draws, place_of
from fitwell.metrics.confusion import BINARY, MULTICLASS
from fitwell.metrics.costs import Cut, checked_costs, cost_per_row
from fitwell.metrics.figure import Figure, undefined
from fitwell.metrics.inputs import checked_confidence, class_codes, column, is_positive, matrix, row_weights
from fitwell.metrics.intervals import FEWEST_OF_CLASS, Interval, effective_size
from fitwell.metrics.measured import NOT_PROBABILITIES, SEED, bounded, log_losses
from fitwell.metrics.multiclass import among_top, row_losses
from fitwell.metrics.multilabel import DECISIONS, as_hits, kinds
from fitwell.metrics.ranked import Influence, Ranked, ranked_with_groups
from fitwell.metrics.regression import as_table, weighted_quantile
from fitwell.metrics.table import METRICS, Task

Draws = NDArray[np.float64]  # (draws, rows): row weights, one resample per row of the array
Rows = NDArray[Any]  # one entry per row
Measure = Callable[[Draws], NDArray[np.float64]]  # one figure per resample
Verdict = Literal["better", "not distinguishable", "worse"]


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """What two sets of predictions differ by in one metric; above 0 the first is better, for losses too."""

    metric: str
    difference: Figure
    verdict: Verdict  # of the first against the second

    def as_json(self) -> dict[str, object]:
        """Give the form in which an evaluation keeps a comparison."""
        return {"metric": self.metric, "difference": self.difference.as_json(), "verdict": self.verdict}


def paired(
    metric: str,
    labels: ArrayLike,
    first: ArrayLike,
    second: ArrayLike,
    *,
    task: Task,
    classes: Sequence[object] | None = None,
    positive: object = None,
    threshold: float | tuple[float, float] = 0.5,
    costs: tuple[float, float] | None = None,
    weights: ArrayLike | None = None,
    confidence: float = 0.95,
) -> Comparison:
    """Compare two sets of predictions for the same rows by one metric.

    `labels`, `first` and `second` are as in `binary`, `multiclass` (with `classes`), `multilabel` and `regression`, and
    so are `costs`; each of the two may have its own threshold. The verdict is "better" when the interval lies above 0,
    "worse" when below, else "not distinguishable". The difference is approximate with fewer than 12 rows of the
    smallest class, for lift with fewer than 75, for KS with fewer than 300, and for calibration error always;
    differences of accuracy and of mean losses never are.

    Raises `RequestError` for a metric that the task does not have, or for cost without costs; `DataError` for inputs
    that the task refuses.

    >>> labels = [0, 1, 0, 1, 0, 1, 0, 1]
    >>> sharp, dull = [0.1, 0.9, 0.2, 0.8, 0.1, 0.9, 0.2, 0.8], [0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5]
    >>> paired("brier", labels, sharp, dull, task="binary").verdict
    'better'
    """
    thresholds = threshold if isinstance(threshold, tuple) else (threshold, threshold)
    return paired_with_average(
        metric,
        labels,
        first,
        [second],
        task=task,
        classes=classes,
        positive=positive,
        threshold=thresholds,
        costs=costs,
        weights=weights,
        confidence=confidence,
    )


def paired_with_average(
    metric: str,
    labels: ArrayLike,
    first: ArrayLike,
    others: Sequence[ArrayLike],
    *,
    task: Task,
    classes: Sequence[object] | None = None,
    positive: object = None,
    threshold: tuple[float, float] = (0.5, 0.5),
    costs: tuple[float, float] | None = None,
    weights: ArrayLike | None = None,
    confidence: float = 0.95,
) -> Comparison:
    """Compare predictions with others by one metric: its difference from the mean of what each of those reaches.

    As `paired` in all else; the second threshold is that of all others. With one other it is `paired`.

    >>> labels, sharp, dull = [0, 1, 0, 1], [0.1, 0.9, 0.1, 0.9], [0.5, 0.5, 0.5, 0.5]
    >>> round(paired_with_average("brier", labels, sharp, [sharp, dull], task="binary").difference.value, 2)  # .24 / 2
    0.12
    """
    checked_confidence(confidence)
    known = [name for name, entry in METRICS.items() if task in entry.tasks and name != "lift_by_decile"]
    if metric not in known:
        raise RequestError(f'"{metric}" is no metric that compares {task} predictions{nearest(metric, known)}')
    if metric == "cost" and costs is None:
        raise RequestError("comparing by cost needs `costs`, those of a false positive and of a false negative")
    truth = prepared(labels, task=task, classes=classes, positive=positive)
    given = row_weights(weights, rows=len(truth))
    kept = given > 0
    parts = [
        shaped(predictions, truth, what=what, task=task, classes=classes)[kept]
        for predictions, what in (
            (first, "the first predictions"),
            *((other, "the second predictions") for other in others),
        )
    ]
    truth, given = truth[kept], given[kept]
    if METRICS[metric].needs_probabilities and any(part.min() < 0 or part.max() > 1 for part in parts):
        return Comparison(metric=metric, difference=undefined(NOT_PROBABILITIES), verdict="not distinguishable")
    paid = None if costs is None else checked_costs(costs)
    cuts = [Cut(threshold=each, costs=paid) for each in (threshold[0], *([threshold[1]] * len(others)))]
    own, *rest = (MEASURES[task](metric, truth, part, cut, given) for part, cut in zip(parts, cuts, strict=True))
    read = [what_is_read(metric, task, part, cut) for part, cut in zip(parts, cuts, strict=True)]
    apart = np.any([(each != read[0]).reshape(len(truth), -1).any(axis=1) for each in read[1:]], axis=0)
    differing = effective_size(float(given[apart].sum()), float((given[apart] ** 2).sum()))
    found = compared(metric, [own, _average(rest)], given, differing=differing, confidence=confidence)
    few = rows_of_smallest_class(truth, given, task=task) < FEWEST_TO_COMPARE.get(metric, FEWEST_OF_CLASS)
    if few and found.difference.value is not None:
        return replace(found, difference=replace(found.difference, approximate=True))
    return found


def _average(measures: Sequence[Measure]) -> Measure:
    return measures[0] if len(measures) == 1 else lambda weights: np.mean([each(weights) for each in measures], axis=0)


# rows of the smallest class from which on a difference covers what it claims: more where both figures are too large,
# none where a figure is a mean over rows
FEWEST_TO_COMPARE = {
    "ks": 300,
    "lift": 75,
    "calibration_error": math.inf,
    **dict.fromkeys(("accuracy", "log_loss", "brier", "subset_accuracy", "hamming_loss", "top_3_accuracy"), 0),
}


def rows_of_smallest_class(truth: np.ndarray, weights: Rows, *, task: Task) -> float:
    """Return how many rows the smallest class has by weight, of any label; without classes there is no limit."""
    if task == "regression":
        return math.inf
    row = float(weights @ weights / weights.sum())
    if task == "multiclass":
        counts = np.bincount(truth, weights)
        return float(counts[counts > 0].min()) / row
    positives = weights @ truth
    return float(np.min([positives, weights.sum() - positives])) / row


def compared(
    metric: str,
    measures: list[Measure],
    weights: Float[np.ndarray, " rows"],
    *,
    differing: float,
    confidence: float,
) -> Comparison:
    """Resample the difference of two measures; its interval is centered on the difference less its bias.

    The quantile is Student's with as many degrees of freedom as rows are `differing`: a difference that rests on four
    rows against none looks certain to resampling and is not (the exact sign test gives 0.125).
    """
    sign = 1.0 if METRICS[metric].higher_is_better else -1.0
    value = difference(measures, sign, weights[None])[0]
    if not np.isfinite(value):
        reason = f"{metric} has no value for one of the two on these rows"
        return Comparison(metric=metric, difference=undefined(reason), verdict="not distinguishable")
    draws = number_of_draws(len(weights))
    generator = np.random.default_rng(SEED)
    drawn = np.concatenate(
        [
            difference(measures, sign, generator.standard_exponential((count, len(weights))) * weights)
            for count in in_chunks(draws, cells=len(weights))
        ]
    )
    bias, spread = float(np.nanmean(drawn) - value), float(np.nanstd(drawn))
    half = float(stdtrit(max(1.0, differing), 0.5 + confidence / 2)) * spread
    figure = bounded(
        float(value),
        Interval(value - bias - half, value - bias + half),
        f"paired weighted bootstrap, {draws} draws",
        least=-np.inf,
        most=np.inf,
    )
    return Comparison(metric=metric, difference=figure, verdict=verdict_of(figure))


def difference(measures: list[Measure], sign: float, weights: Draws) -> NDArray[np.float64]:
    """Return on every resample how much better the first is than the second."""
    return np.asarray(sign * (measures[0](weights) - measures[1](weights)))


def verdict_of(figure: Figure) -> Verdict:
    """Put an interval of a difference into words."""
    if figure.low is not None and figure.low > 0:
        return "better"
    return "worse" if figure.high is not None and figure.high < 0 else "not distinguishable"


def prepared(labels: ArrayLike, *, task: Task, classes: Sequence[object] | None, positive: object) -> np.ndarray:
    """Return the labels in the form in which the measures of the task read them."""
    if task == "binary":
        return is_positive(labels, positive=positive)[0]
    if task == "multiclass":
        if classes is None:
            raise RequestError(
                "comparing multiclass predictions needs `classes`, the labels in the order of the columns"
            )
        return class_codes(labels, classes=classes)
    return as_hits(labels) if task == "multilabel" else as_table(labels, what="targets")


def shaped(
    predictions: ArrayLike, truth: np.ndarray, *, what: str, task: Task, classes: Sequence[object] | None
) -> Float[np.ndarray, " *shape"]:
    """Return predictions checked for the task: one number per row, or a table."""
    if task == "binary":
        return column(predictions, what=what, rows=len(truth))
    width = len(classes) if classes is not None and task == "multiclass" else truth.size // len(truth)
    table = as_table(predictions, what=what) if task == "regression" else predictions
    return matrix(table, what=what, shape=(len(truth), width))


def what_is_read(metric: str, task: Task, predictions: np.ndarray, cut: Cut) -> np.ndarray:
    """Return the part of the predictions that the metric looks at: decisions only, or everything."""
    if not reads_decisions(metric, task):
        return predictions
    return np.asarray(predictions.argmax(axis=1)) if task == "multiclass" else predictions >= cut.threshold


def reads_decisions(metric: str, task: Task) -> bool:
    """Tell whether a metric looks only at what was decided for each row, not at how sure the decision was.

    >>> reads_decisions("f1", "binary"), reads_decisions("roc_auc", "binary")
    (True, False)
    """
    deciding: dict[Task, Container[str]] = {
        "binary": {*BINARY, "cost"},
        "multiclass": MULTICLASS,
        "multilabel": {*DECISIONS, "subset_accuracy", "hamming_loss"},
    }
    return metric in deciding.get(task, ())


def row_mean(losses: Float[np.ndarray, " rows"]) -> Measure:
    """Measure a mean over rows."""
    return lambda weights: weights @ losses / weights.sum(axis=1)


def of_cells(
    measure: Callable[[NDArray[np.float64]], NDArray[np.float64]], codes: np.ndarray, shape: tuple[int, ...]
) -> Measure:
    """Measure something of counts: each row adds its weight to the cell that its code names."""
    from scipy.sparse import csr_array

    rows = len(codes)
    place = csr_array((np.ones(rows), (np.arange(rows), codes)), shape=(rows, int(np.prod(shape))))
    return lambda weights: measure(np.asarray(weights @ place).reshape(len(weights), *shape))


def of_influence(influence_of: Callable[[Ranked], Influence], hits: Rows, scores: Rows, base: Rows) -> Measure:
    """Measure an estimate by how much each row moves it, to first order in the weights: nothing is sorted again."""
    rows, group = ranked_with_groups(hits, scores, base)
    influence = influence_of(rows)
    moves = influence.by_row(group, hits)
    return lambda weights: influence.value + weights @ moves / weights.sum(axis=1)


def of_ranking(metric: str, hits: Rows, scores: Rows, base: Rows) -> Measure:
    """Measure something of the order of scores: they are sorted once, and every resample follows."""
    if metric != "calibration_error" and (hits.all() or not hits.any()):  # nothing to rank against
        return lambda weights: np.full(len(weights), np.nan)
    if metric in INFLUENCES:
        return of_influence(INFLUENCES[metric], hits, scores, base)
    rows, group = ranked_with_groups(hits, scores, base)
    short, place = gathered(rows), place_of(len(rows.scores), neighborhoods(rows))[group]

    def statistic(ranking: Ranked, positive: Draws, negative: Draws) -> NDArray[np.float64]:
        if metric == "calibration_error":
            return by_rank.calibration_error(positive, negative, ranking.scores)
        return {"ks": by_rank.ks, "lift": by_rank.lift}[metric](positive, negative)

    groups = len(short.scores)
    counted = of_cells(lambda cells: statistic(short, cells[:, 1], cells[:, 0]), hits * groups + place, (2, groups))
    # what gathering a long ranking changes in the figure itself
    apart = statistic(rows, rows.positive, rows.negative) - statistic(short, short.positive, short.negative)
    return lambda weights: apart + counted(weights)


INFLUENCES: dict[str, Callable[[Ranked], Influence]] = {
    "roc_auc": by_rank.roc_auc_influence,
    "pr_auc": by_rank.average_precision_influence,
}


def of_binary(metric: str, hits: np.ndarray, scores: np.ndarray, cut: Cut, base: Rows) -> Measure:
    """Return the measure of a binary metric."""
    places = hits * 2 + (scores >= cut.threshold)
    if cut.costs is not None and metric == "cost":
        return of_cells(partial(cost_per_row, costs=cut.costs), places, (2, 2))
    if metric in BINARY:
        return of_cells(BINARY[metric], places, (2, 2))
    if metric == "log_loss":
        return row_mean(log_losses(np.where(hits, scores, 1 - scores)))
    if metric == "brier":
        return row_mean((scores - hits) ** 2)
    return of_ranking(metric, hits, scores, base)


def of_multiclass(metric: str, truth: np.ndarray, table: np.ndarray, cut: Cut, base: Rows) -> Measure:
    """Return the measure of a metric of several classes."""
    del cut  # the largest column decides
    classes = table.shape[1]
    if metric in MULTICLASS:
        return of_cells(MULTICLASS[metric], truth * classes + table.argmax(axis=1), (classes, classes))
    if metric == "top_3_accuracy":
        return row_mean(among_top(truth, table, 3))
    if metric == "calibration_error":
        return of_ranking(metric, table.argmax(axis=1) == truth, table.max(axis=1), base)
    if metric in ("log_loss", "brier"):
        return row_mean(row_losses(truth, table)[metric])
    one_hot = truth[:, None] == np.arange(classes)
    return of_columns("roc_auc", one_hot, table, base, weighted=metric.endswith("_weighted"))


def of_columns(metric: str, hits: np.ndarray, table: np.ndarray, base: Rows, *, weighted: bool) -> Measure:
    """Return the measure of a ranking metric averaged over columns, of which those that never occur are left out."""
    occurring = np.flatnonzero(hits.any(axis=0))
    measures = [of_ranking(metric, hits[:, place], table[:, place], base) for place in occurring]

    def measure(weights: Draws) -> NDArray[np.float64]:
        values = np.stack([part(weights) for part in measures], axis=1)
        counts = weights @ hits[:, occurring] if weighted else np.ones_like(values)
        return np.asarray((values * counts).sum(axis=1) / counts.sum(axis=1))

    return measure


def of_multilabel(metric: str, truth: np.ndarray, table: np.ndarray, cut: Cut, base: Rows) -> Measure:
    """Return the measure of a metric of several labels."""
    wrong = truth != (table >= cut.threshold)
    if metric in DECISIONS:
        cells = np.eye(4 * truth.shape[1])[kinds(truth, table >= cut.threshold)].sum(axis=1)
        return lambda weights: DECISIONS[metric]((weights @ cells).reshape(len(weights), -1, 4))
    losses = {
        "subset_accuracy": lambda: (~wrong.any(axis=1)).astype(np.float64),
        "hamming_loss": lambda: wrong.mean(axis=1),
        "log_loss": lambda: log_losses(np.where(truth, table, 1 - table)).mean(axis=1),
        "brier": lambda: ((table - truth) ** 2).mean(axis=1),
    }
    if metric in losses:
        return row_mean(losses[metric]())
    return of_columns(metric.removesuffix("_weighted"), truth, table, base, weighted=metric.endswith("_weighted"))


def of_regression(metric: str, truth: np.ndarray, guess: np.ndarray, cut: Cut, base: Rows) -> Measure:
    """Return the measure of a metric of numbers, averaged over targets."""
    del cut, base  # every table entry is called alike
    error = guess - truth
    if metric == "mae":
        return row_mean(np.abs(error).mean(axis=1))
    if metric == "mape":
        with np.errstate(divide="ignore", invalid="ignore"):  # a target of 0 leaves the figure without value
            return row_mean(np.abs(error / truth).mean(axis=1))

    def mean_square(weights: Draws) -> NDArray[np.float64]:
        return np.asarray(weights @ error**2 / weights.sum(axis=1, keepdims=True))

    def explained(weights: Draws) -> NDArray[np.float64]:
        total = weights.sum(axis=1, keepdims=True)
        # the weights move the mean too; around the overall mean the squares stay small enough to subtract
        away = truth - truth.mean(axis=0)
        spread = weights @ away**2 / total - (weights @ away / total) ** 2
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(1 - (mean_square(weights) / np.where(spread > 0, spread, np.nan)).mean(axis=1))

    def median(weights: Draws) -> NDArray[np.float64]:
        magnitude = np.abs(error).T
        return np.array([np.mean([weighted_quantile(part, row, 0.5) for part in magnitude]) for row in weights])

    measures: dict[str, Measure] = {
        "r2": explained,
        "rmse": lambda weights: np.sqrt(mean_square(weights)).mean(axis=1),
        "median_absolute_error": median,
    }
    return measures[metric]


MEASURES: dict[Task, Callable[[str, np.ndarray, np.ndarray, Cut, Rows], Measure]] = {
    "binary": of_binary,
    "multiclass": of_multiclass,
    "multilabel": of_multilabel,
    "regression": of_regression,
}
