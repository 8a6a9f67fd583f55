"""Probabilities are made honest: of rows given 0.3, three in ten should be positive.

Three maps, from stiff to free, each fitted on rows that the network was not trained on:

- temperature: the log-odds (of several classes, the logits) are divided by one number T. It tempers a network that is
  too sure of itself, and never changes which class is likeliest.
- logistic: and an offset is added, one for each class or label. Class weights in the loss move log-odds by a constant,
  which no temperature undoes.
- isotonic: any rising curve of one probability, by steps.

`if_better` takes a map only if it lowers the log loss of rows that it was not fitted on, beyond noise; and a freer map
only if it does so against the stiffer one.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float
from scipy.special import expit, log_softmax, logit, softmax

from fitwell.decision.scored import Scored
from fitwell.metrics.intervals import effective_size, skewed_mean
from fitwell.metrics.measured import TINY, log_losses
from fitwell.metrics.multiclass import row_losses
from fitwell.metrics.ranked import ranked
from fitwell.recipe import CalibrationName
from fitwell.tasks.task import TargetCoding, Task

FEWEST = 50  # rows from which on a benefit can be told from noise
PARTS = 5  # of the cross-validation
MOST_CELLS = 400_000  # rows × columns that are fitted on: more say the same and cost seconds
STEEPEST = 100.0  # bounds of 1/T: outputs that separate the rows perfectly would ask for infinity

Predictions = Float[np.ndarray, "rows columns"]  # of two classes there are two columns and one output
Outputs = Float[np.ndarray, "rows outputs"]
Weights = Float[np.ndarray, " rows"]


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """A map from probabilities to probabilities; it keeps the order of a single one."""

    method: CalibrationName
    why: str
    temperature: float = 1.0
    offsets: tuple[float, ...] = ()  # added to the tempered log-odds, one for each output
    scores: tuple[float, ...] = ()  # isotonic: the corners of the curve
    rates: tuple[float, ...] = ()
    own_share: float = 0.0  # isotonic: how much of the network's own probability is mixed in


def calibrated(calibration: Calibration, task: Task, coding: TargetCoding, probabilities: Predictions) -> Predictions:
    """Return calibrated probabilities, in the form in which the task has them."""
    if calibration.method == "none":
        return probabilities
    if calibration.method == "isotonic":
        own = probabilities[:, 1:]
        curve = np.interp(own, calibration.scores, calibration.rates)
        positive = (1 - calibration.own_share) * curve + calibration.own_share * own
        return np.concatenate([1 - positive, positive], axis=1)
    outputs = outputs_behind(task, probabilities) / calibration.temperature
    return task.predictions(outputs + np.array(calibration.offsets or 0.0), coding)


def outputs_behind(task: Task, probabilities: Predictions) -> Outputs:
    """Return outputs of which the task's `predictions` makes these probabilities: logits, (rows, outputs)."""
    if task.name == "multiclass":
        return np.asarray(np.log(np.clip(probabilities, TINY, 1.0)))
    positive = probabilities[:, 1:] if task.name == "binary" else probabilities
    return np.asarray(logit(np.clip(positive, TINY, 1 - TINY)))


def row_log_losses(task: Task, truth: np.ndarray, probabilities: Predictions) -> Weights:
    """Return the log loss of every row, of several labels their mean."""
    if task.name == "multilabel":
        return np.asarray(log_losses(np.where(truth == 1, probabilities, 1 - probabilities)).mean(axis=1))
    return row_losses(truth, probabilities)["log_loss"]


def thinned(rows: Scored) -> Scored:
    """Return rows to fit on: evenly taken where they are very many, weights adding up to their effective number."""
    kept = np.flatnonzero(rows.weights > 0)
    kept = kept[:: -(-len(kept) * rows.predictions.shape[1] // MOST_CELLS)]
    some = rows.part(kept)
    total = float(some.weights.sum())
    size = effective_size(total, float((some.weights**2).sum()))
    return replace(some, weights=some.weights * (size / total))


def fit_temperature(rows: Scored) -> Calibration:
    """Return the temperature that makes the rows likeliest (Guo, Pleiss, Sun and Weinberger 2017)."""
    return Calibration(method="temperature", why="", temperature=_likeliest(rows, with_offsets=False)[0])


def fit_logistic(rows: Scored) -> Calibration:
    """Return the temperature and offsets that make the rows likeliest (Platt 1999; Alexandari et al. 2020)."""
    temperature, offsets = _likeliest(rows, with_offsets=True)
    return Calibration(method="logistic", why="", temperature=temperature, offsets=offsets)


def _likeliest(rows: Scored, *, with_offsets: bool) -> tuple[float, tuple[float, ...]]:
    """Return T and the offsets that minimize Σ w log loss + ((1/T - 1)² + Σ offset²) / 2.

    The last term is a standard normal prior. Against a few dozen rows it says little, but where the rows are separated
    perfectly it keeps probabilities from going to 0 and 1.
    """
    from scipy.optimize import minimize  # here: it takes long to import, and predicting does not need it

    logits = outputs_behind(rows.task, rows.predictions)
    columns = logits.shape[1]
    truth = rows.truth.reshape(len(rows.truth), -1)
    hits = truth == np.arange(columns) if rows.task.name == "multiclass" else truth == 1
    start = np.array([1.0, *[0.0] * (columns if with_offsets else 0)])

    def objective(values: Weights) -> tuple[float, Weights]:
        outputs = values[0] * logits + (values[1:] if with_offsets else 0.0)
        if rows.task.name == "multiclass":
            losses, slopes = -log_softmax(outputs, axis=1)[hits], softmax(outputs, axis=1) - hits
        else:
            losses = np.logaddexp(0.0, np.where(hits, -outputs, outputs)).sum(axis=1)
            slopes = expit(outputs) - hits
        slopes = slopes * rows.weights[:, None]
        gradient = np.array([(slopes * logits).sum(), *(slopes.sum(axis=0) if with_offsets else ())])
        away = values - start
        return float(rows.weights @ losses + away @ away / 2), gradient + away

    bounds = [(1 / STEEPEST, STEEPEST), *[(None, None)] * (len(start) - 1)]
    options = {"ftol": 1e-13, "gtol": 1e-8, "maxiter": 500}
    found = minimize(objective, start, jac=True, method="L-BFGS-B", bounds=bounds, options=options).x
    return 1 / float(found[0]), tuple(found[1:].tolist())


def fit_isotonic(rows: Scored) -> Calibration:
    """Return the rising steps closest to what happened (Zadrozny and Elkan 2002), between their corners straight lines.

    1/√n of the network's own probability is mixed in, about what the steps are uncertain by: no row gets 0 or 1 because
    few were seen, and rows on one step keep their order, so figures of the ranking stay what they were.
    """
    from scipy.optimize import isotonic_regression

    ranking = ranked(rows.truth == 1, rows.predictions[:, 1], rows.weights)
    mass = (ranking.positive + ranking.negative)[::-1]
    rates = ranking.positive[::-1] / mass
    steps = np.clip(isotonic_regression(rates, weights=mass).x, 0.0, 1.0)
    changes = steps[1:] != steps[:-1]
    corners = np.concatenate([[True], changes]) | np.concatenate([changes, [True]])
    return Calibration(
        method="isotonic",
        why="",
        scores=tuple(ranking.scores[::-1][corners].tolist()),
        rates=tuple(steps[corners].tolist()),
        own_share=1 / math.sqrt(max(1.0, float(rows.weights.sum()))),
    )


FITS: dict[CalibrationName, Callable[[Scored], Calibration]] = {  # from stiff to free
    "temperature": fit_temperature,
    "logistic": fit_logistic,
    "isotonic": fit_isotonic,
}


def fit_calibration(scored: Scored, method: CalibrationName) -> Calibration:
    """Return the calibration that was asked for, or with `if_better` the one that cross-validation finds."""
    rows = thinned(scored)
    if method == "if_better":
        return _chosen(rows)
    if method == "none":
        return Calibration(method="none", why="as asked")
    return replace(FITS[method](rows), why="as asked")


def _chosen(rows: Scored) -> Calibration:
    size = float(rows.weights.sum())
    best, why = Calibration(method="none", why=""), "no map lowers the log loss of rows it was not fitted on"
    if size < FEWEST:
        return replace(best, why=f"{size:.0f} validation rows are too few to tell whether calibration helps")
    losses = row_log_losses(rows.task, rows.truth, rows.predictions)
    for method in FITS:
        if method == "isotonic" and rows.task.name != "binary":
            continue
        other = _held_out_losses(rows, method)
        gain = losses - other
        ends = skewed_mean(gain, rows.weights, rows.weights**2, confidence=0.95)
        if ends.low > 0:
            why = (
                f"it lowers the log loss of rows it was not fitted on by {rows.weights @ gain / size:.3g} "
                f"({ends.low:.3g} to {ends.high:.3g})" + (f" below {best.method}" if best.method != "none" else "")
            )
            best, losses = FITS[method](rows), other
    return replace(best, why=why)


def _held_out_losses(rows: Scored, method: CalibrationName) -> Weights:
    """Return the log loss of every row under a map fitted on the other parts."""
    part = np.random.default_rng(0).permutation(len(rows.truth)) % PARTS
    losses = np.empty(len(rows.truth))
    for number in range(PARTS):
        own, others = np.flatnonzero(part == number), np.flatnonzero(part != number)
        fitted, tested = FITS[method](rows.part(others)), rows.part(own)
        predicted = calibrated(fitted, rows.task, rows.coding, tested.predictions)
        losses[own] = row_log_losses(rows.task, tested.truth, predicted)
    return losses
