"""What several members gain by predicting together, and whether their disagreement tells where they are wrong.

The mean of the members is compared with what a single one of them reaches on average, on the same rows. Whether
disagreement is of use is put as a question with a known answer for chance: of two rows, one answered wrong and one
answered right, how often do the members disagree more about the wrong one? One half is no use.

Members are compared as they are acted on: their probabilities go through the calibration and the threshold of the mean.
Where a metric judges probabilities themselves, all are taken before calibration, which was fitted for the mean alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy.special import stdtrit

from fitwell.decision import Decision, Scored
from fitwell.metrics import METRICS, Comparison, Costs, Cut, Figure, binary, paired
from fitwell.metrics.intervals import effective_size, wilson
from fitwell.metrics.paired import MEASURES, paired_with_average, prepared, shaped
from fitwell.metrics.regression import weighted_quantile
from fitwell.prediction import Predictions
from fitwell.tasks.task import TargetCoding, Task

GROUPS = 10  # of rows, by how far the members disagree about them
CONFIDENCE = 0.95


@dataclass(frozen=True, kw_only=True)
class Group:
    """Rows about which the members disagree alike."""

    rows: int
    disagreement: float  # mean over the rows
    error: float  # mean over the rows
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class Usefulness:
    """Whether disagreement tells where predictions are wrong."""

    error: str  # what an error is here
    wrong: str  # which rows count as answered wrong
    groups: tuple[Group, ...]  # from agreement on
    disagreement: Figure  # how often a row answered wrong has more of it than one answered right
    doubt: Figure | None  # the same of how near the prediction is to another answer; None for numbers
    against_doubt: Comparison | None

    def as_json(self) -> dict[str, Any]:
        """Return plain values."""
        against = self.against_doubt
        return {
            "error": self.error,
            "wrong": self.wrong,
            "groups": [asdict(group) for group in self.groups],
            "tells_errors": self.disagreement.as_json(),
            "doubt_tells_errors": None if self.doubt is None else self.doubt.as_json(),
            "difference": None if against is None else against.difference.as_json(),
            "verdict": None if against is None else against.verdict,
        }


@dataclass(frozen=True, kw_only=True)
class Ensemble:
    """What the members of a run do together and alone, on rows that were not trained on."""

    metric: str
    members: int
    calibrated: bool  # whether probabilities went through calibration
    alone: tuple[float, ...]  # the metric of each of the first members
    together: float
    gain: Comparison  # of the mean, against what one of these members reaches on average
    useful: Usefulness | None  # None where the members agree on all rows, or all rows are answered alike

    def as_json(self) -> dict[str, Any]:
        """Return what `evaluation.json` keeps."""
        return {
            "metric": self.metric,
            "members": self.members,
            "compared": len(self.alone),
            "calibrated": self.calibrated,
            "together": self.together,
            "alone": list(self.alone),
            "average": float(np.mean(self.alone)),
            "gain": self.gain.difference.as_json(),
            "verdict": self.gain.verdict,
            "disagreement": None if self.useful is None else self.useful.as_json(),
        }


def ensemble_of(
    rows: Scored,
    predictions: Predictions,
    decision: Decision,
    *,
    metric: str,
    costs: Costs | None,
    weights: Float[np.ndarray, " rows"] | None,
) -> Ensemble | None:
    """Return what several members gain in a metric; None where there is one member, or the metric has no value.

    `rows` and `predictions` are of the same rows, before the decision.
    """
    if predictions.disagreement is None:
        return None
    task, coding = rows.task, rows.coding
    calibrated = not METRICS[metric].needs_probabilities
    cut = decision.cut(costs)
    first, *others = (
        _as_compared(decision.predictions(task, coding, each) if calibrated else each, task)
        for each in (predictions.mean, *predictions.of_members)
    )
    classes = range(first.shape[1]) if task.name == "multiclass" else None
    figures = [_value(metric, rows, each, cut, classes, weights) for each in (first, *others)]
    if not np.isfinite(figures).all():
        return None
    gain = paired_with_average(
        metric,
        rows.truth,
        first,
        others,
        task=task.name,
        classes=classes,
        positive=1,
        threshold=(cut.threshold, cut.threshold),
        costs=costs,
        weights=weights,
    )
    answers = decision.predictions(task, coding, predictions.mean)
    return Ensemble(
        metric=metric,
        members=predictions.members,
        calibrated=calibrated and decision.calibration is not None and decision.calibration.method != "none",
        alone=tuple(figures[1:]),
        together=figures[0],
        gain=gain,
        useful=usefulness(task, coding, rows.truth, answers, predictions.disagreement, cut=cut, weights=weights),
    )


def usefulness(
    task: Task,
    coding: TargetCoding,
    truth: np.ndarray,
    predictions: np.ndarray,
    disagreement: Float[np.ndarray, " rows"],
    *,
    cut: Cut,
    weights: Float[np.ndarray, " rows"] | None,
) -> Usefulness | None:
    """Return whether disagreement tells errors; None where it is the same for all rows, or all are answered alike."""
    given = np.ones(len(truth)) if weights is None else weights
    kept = given > 0
    truth, predictions, disagreement, given = truth[kept], predictions[kept], disagreement[kept], given[kept]
    errors, error = _errors(task, coding, truth, predictions, cut)
    wrong, what = errors > 0, "rows with a wrong answer"
    if task.form == "values":
        wrong, what = errors > weighted_quantile(errors, given, 0.5), "rows with an error above the median"
    if wrong.all() or not wrong.any() or disagreement.min() == disagreement.max():
        return None
    doubt = _doubt(task, predictions, cut)
    figure, beside, against = binary(wrong, disagreement, positive=True, weights=given).roc_auc, None, None
    if doubt is not None:
        beside = binary(wrong, doubt, positive=True, weights=given).roc_auc
        against = paired("roc_auc", wrong, disagreement, doubt, task="binary", positive=True, weights=given)
    groups = _groups(errors, disagreement, given, shares=task.form != "values")
    return Usefulness(error=error, wrong=what, groups=groups, disagreement=figure, doubt=beside, against_doubt=against)


def _as_compared(predictions: np.ndarray, task: Task) -> np.ndarray:
    return predictions[:, 1] if task.name == "binary" else predictions


def _value(
    metric: str,
    rows: Scored,
    predictions: np.ndarray,
    cut: Cut,
    classes: Sequence[object] | None,
    weights: np.ndarray | None,
) -> float:
    name = rows.task.name
    truth = prepared(rows.truth, task=name, classes=classes, positive=1)
    given = np.ones(len(truth)) if weights is None else weights
    read = shaped(predictions, truth, what="predictions", task=name, classes=classes)
    return float(MEASURES[name](metric, truth, read, cut, given)(given[None])[0])


def _errors(
    task: Task, coding: TargetCoding, truth: np.ndarray, predictions: np.ndarray, cut: Cut
) -> tuple[Float[np.ndarray, " rows"], str]:
    """Return how wrong the answer to each row is, and what that number is."""
    if task.form == "values":
        errors = np.abs(predictions - truth)
        if errors.shape[1] == 1:
            return errors[:, 0], "mean absolute error"
        return (errors / np.array(coding.scales)).mean(1), "mean absolute error in standard deviations"
    if task.name == "binary":
        return ((predictions[:, 1] >= cut.threshold) != truth).astype(np.float64), "share of wrong answers"
    if task.name == "multiclass":
        return (predictions.argmax(1) != truth).astype(np.float64), "share of wrong answers"
    wrong = (predictions >= cut.threshold) != truth
    return wrong.any(1).astype(np.float64), "share of rows with a wrong label"


def _doubt(task: Task, predictions: np.ndarray, cut: Cut) -> Float[np.ndarray, " rows"] | None:
    """Return how near each prediction is to another answer, as anybody sees who has no members; None for values."""
    if task.form == "values":
        return None
    if task.name == "multiclass":
        return np.asarray(1 - predictions.max(1))
    probabilities = predictions[:, 1:] if task.name == "binary" else predictions
    return np.asarray(-np.abs(probabilities - cut.threshold).min(1))


def _groups(
    errors: Float[np.ndarray, " rows"],
    disagreement: Float[np.ndarray, " rows"],
    weights: Float[np.ndarray, " rows"],
    *,
    shares: bool,
) -> tuple[Group, ...]:
    """Return tenths of the rows from agreement on; rows about which members disagree alike stay together."""
    edges = np.unique(np.quantile(disagreement, np.linspace(0, 1, GROUPS + 1)[1:-1]))
    place = np.searchsorted(edges, disagreement, side="left")
    groups = []
    for number in np.unique(place):
        rows = place == number
        weight, error = weights[rows], errors[rows]
        mean = float(weight @ error / weight.sum())
        size = effective_size(float(weight.sum()), float(weight @ weight))
        if shares:
            low, high = wilson(mean, size=size, confidence=CONFIDENCE)
        else:
            spread = float(np.sqrt(weight @ (error - mean) ** 2 / weight.sum() / max(size - 1, 1.0)))
            half = float(stdtrit(max(size - 1, 1.0), 0.5 + CONFIDENCE / 2)) * spread
            low, high = max(0.0, mean - half), mean + half
        apart = float(weight @ disagreement[rows] / weight.sum())
        groups.append(Group(rows=int(rows.sum()), disagreement=apart, error=mean, low=low, high=high))
    return tuple(groups)
