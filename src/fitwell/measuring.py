"""The network and the simple models are measured on the same rows, once or over folds."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from time import perf_counter
from typing import Any

import numpy as np

from fitwell.baselines import Baseline, Features, fit_baselines
from fitwell.evaluation import Evaluation, evaluate, primary_for, spread_over, values_of
from fitwell.events import Event, Listener, unheard
from fitwell.learning import Clock, Learned, Pace, Setup, learn, predictions_for_rows, set_up
from fitwell.plan import available_cores
from fitwell.preparation import Labelled, Prepared, divided_in_folds, prepare
from fitwell.recipe import Recipe

BASELINE_ROWS = 200_000  # at most so many training rows, evenly taken, fit the baselines
TIMED_BASELINE_ROWS = 10_000  # fit them first where time is limited
RESERVED_SHARE = 0.02  # of a time limit, for what cannot be timed beforehand
MEASURING_MARGIN = 1.5  # the machine may be busier then


def baseline_predictions(
    prepared: Prepared, recipe: Recipe, rows: np.ndarray, *, seconds: float = math.inf
) -> dict[str, np.ndarray]:
    """Return what each simple model, fitted on the training rows, predicts for these rows.

    Where that would take more than the seconds, the models learn from fewer training rows.
    """
    fit = partial(_fitted_baselines, prepared, recipe)
    part = {name: block[rows] for name, block in prepared.features.items()}
    most = min(BASELINE_ROWS, len(prepared.split.train))
    if math.isinf(seconds) or most <= 2 * TIMED_BASELINE_ROWS:
        return _answers(fit(most, threads=available_cores()), part)
    fit(TIMED_BASELINE_ROWS // 10, threads=1)  # imports scikit-learn
    started = perf_counter()
    fitted = fit(TIMED_BASELINE_ROWS, threads=1)
    fitting = perf_counter() - started
    every = -(-len(rows) // TIMED_BASELINE_ROWS)
    started = perf_counter()
    _answers(fitted, {name: block[::every] for name, block in part.items()})
    answering = every * (perf_counter() - started)
    affordable = TIMED_BASELINE_ROWS * (seconds - answering - fitting) / fitting
    if affordable <= 2 * TIMED_BASELINE_ROWS:
        return _answers(fitted, part)
    # One thread: threads that wait for one another on a busy machine take a time that nobody can tell beforehand.
    return _answers(fit(min(most, int(affordable)), threads=1), part)


def _fitted_baselines(prepared: Prepared, recipe: Recipe, most: int, *, threads: int) -> dict[str, Baseline]:
    labelled, train_rows = prepared.labelled, prepared.split.train
    return fit_baselines(
        prepared.features,
        labelled.truth,
        task=labelled.task.name,
        outputs=prepared.predicted_columns,
        rows=train_rows[:: -(-len(train_rows) // most)],
        weights=labelled.weights,
        seed=recipe.seed,
        threads=threads,
    )


def _answers(fitted: Mapping[str, Baseline], part: Features) -> dict[str, np.ndarray]:
    return {name: baseline.predict(part) for name, baseline in fitted.items()}


def network_evaluation(
    prepared: Prepared, setup: Setup, learned: Learned, simple: Mapping[str, np.ndarray], rows: np.ndarray
) -> Evaluation:
    """Return the figures of the best weights on these rows, with the simple models' predictions beside them."""
    predictions = predictions_for_rows(prepared, setup, learned.state, rows)
    return _evaluated(prepared, setup.recipe, predictions, simple, rows)


def _evaluated(
    prepared: Prepared, recipe: Recipe, predictions: np.ndarray, simple: Mapping[str, np.ndarray], rows: np.ndarray
) -> Evaluation:
    labelled = prepared.labelled
    evaluation = evaluate(
        labelled.task,
        labelled.coding,
        labelled.truth[rows],
        predictions,
        weights=None if labelled.weights is None else labelled.weights[rows],
        goal=recipe.goal,
        split="test" if len(prepared.split.test) else "validation",
        baselines=simple,
    )
    # A resolved recipe names a goal also where nobody did. What the data alone would choose is told as its choice.
    by_data = primary_for(labelled.task, labelled.coding, labelled.truth[rows], goal="auto")
    return replace(evaluation, primary=by_data) if by_data.metric == evaluation.primary.metric else evaluation


def seconds_reserved(
    prepared: Prepared, setup: Setup, pace: Pace, simple: Mapping[str, np.ndarray], rows: np.ndarray, *, limit: float
) -> dict[str, float]:
    """Return how much of a time limit is kept for what comes after the last step, by what it is kept for.

    Everything that is done after training has its line here, timed on what is there before.
    """
    timed = {
        "the last look": pace.look,
        "the predictions": pace.look * len(rows) / len(setup.validation),
        "the figures": _seconds_to_evaluate(prepared, setup.recipe, simple, rows),
    }
    kept = {name: MEASURING_MARGIN * seconds for name, seconds in timed.items()}
    return kept | {"writing and leaving": RESERVED_SHARE * limit}


def _seconds_to_evaluate(
    prepared: Prepared, recipe: Recipe, simple: Mapping[str, np.ndarray], rows: np.ndarray
) -> float:
    # With one simple model beside the other; with each further one it takes about as long again.
    *_, one, other = simple.values()
    started = perf_counter()
    _evaluated(prepared, recipe, one, {"other": other}, rows)
    return len(simple) * (perf_counter() - started)


def cross_validated(
    labelled: Labelled,
    recipe: Recipe,
    *,
    done: Mapping[int, Mapping[str, float | None]],
    clock: Clock,
    preparing: float,
    reserve_per_row: float,
    listener: Listener,
) -> dict[str, Any] | None:
    """Train once per fold and return each figure's mean and spread over the held-out parts; None when interrupted.

    `done` has the figures of folds that were trained before the run was cut off. Preparing a fold will take about
    `preparing` seconds; of the time that it gets then, `reserve_per_row` seconds for each of its held-out rows are kept
    for measuring it. Folds that the time does not
    suffice for are left out.
    """
    figures = dict(done)
    splits = divided_in_folds(labelled, recipe)
    for fold, split in enumerate(splits):
        if fold in figures:
            continue
        if clock.remaining() < preparing + reserve_per_row * len(split.test):
            text = f"the time limit leaves no time for more than {len(figures)} of {len(splits)} folds"
            listener(Event("folds_left_out", text, {"done": len(figures)}))
            break
        started = perf_counter()
        prepared = prepare(labelled, recipe, split=split)
        setup = set_up(prepared, recipe)
        preparing = perf_counter() - started
        of_fold = clock.share(further=len(splits) - fold - 1, preparing=preparing)
        learned = learn(setup, prepared, clock=of_fold, reserve=reserve_per_row * len(split.test), listener=unheard)
        if learned.ending == "interrupted":
            return None
        evaluation = network_evaluation(prepared, setup, learned, {}, split.test)
        figures[fold] = values_of(evaluation.figures)
        figure = evaluation.primary_figure
        text = f"fold {fold + 1} of {len(splits)}: {evaluation.primary.metric} {figure}"
        listener(Event("fold", text, {"fold": fold, "figures": figures[fold]}))
    return {"count": len(figures), "metrics": spread_over(list(figures.values()))} if figures else {}
