"""The network and the simple models are measured on the same rows, once or over folds."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from time import perf_counter
from typing import Any

import numpy as np

from fitwell.baselines import fit_baselines
from fitwell.evaluation import Evaluation, evaluate, primary_for, spread_over, values_of
from fitwell.events import Event, Listener, unheard
from fitwell.learning import Clock, Learned, Setup, learn, predictions_for_rows, set_up
from fitwell.plan import available_cores
from fitwell.prediction import Predictions
from fitwell.preparation import Labelled, Prepared, divided_in_folds, prepare
from fitwell.recipe import Recipe

BASELINE_ROWS = 200_000  # at most so many training rows, evenly taken, fit the baselines


def baseline_predictions(prepared: Prepared, recipe: Recipe, rows: np.ndarray) -> dict[str, np.ndarray]:
    """Return what each simple model, fitted on the training rows, predicts for these rows."""
    labelled, train_rows = prepared.labelled, prepared.split.train
    fitted = fit_baselines(
        prepared.features,
        labelled.truth,
        task=labelled.task.name,
        outputs=prepared.predicted_columns,
        rows=train_rows[:: -(-len(train_rows) // BASELINE_ROWS)],
        weights=labelled.weights,
        seed=recipe.seed,
        threads=available_cores(),
    )
    part = {name: block[rows] for name, block in prepared.features.items()}
    return {name: baseline.predict(part) for name, baseline in fitted.items()}


def held_out_predictions(prepared: Prepared, setup: Setup, learned: Learned) -> dict[str, Predictions]:
    """Return, for each part that was not trained on, what the best weights predict for its rows."""
    return {
        part: predictions_for_rows(prepared, setup, learned.state, rows)
        for part, rows in prepared.split.held_out.items()
    }


def network_evaluation(
    prepared: Prepared, recipe: Recipe, predictions: np.ndarray, simple: Mapping[str, np.ndarray], rows: np.ndarray
) -> Evaluation:
    """Return the figures of predictions for these rows, with the simple models' predictions beside them."""
    labelled = prepared.labelled
    evaluation = evaluate(
        labelled.task,
        labelled.coding,
        labelled.truth[rows],
        predictions,
        weights=None if labelled.weights is None else labelled.weights[rows],
        goal=recipe.goal,
        split=prepared.split.measured,
        baselines=simple,
    )
    # A resolved recipe names a goal also where nobody did. What the data alone would choose is told as its choice.
    by_data = primary_for(labelled.task, labelled.coding, labelled.truth[rows], goal="auto")
    return replace(evaluation, primary=by_data) if by_data.metric == evaluation.primary.metric else evaluation


def seconds_to_measure(prepared: Prepared, recipe: Recipe, simple: Mapping[str, np.ndarray], rows: np.ndarray) -> float:
    """Measure as long as the network will be measured, on predictions that are there already."""
    started = perf_counter()
    network_evaluation(prepared, recipe, next(iter(simple.values())), simple, rows)
    return perf_counter() - started


def cross_validated(
    labelled: Labelled,
    recipe: Recipe,
    *,
    done: Mapping[int, Mapping[str, float | None]],
    clock: Clock,
    reserve: float,
    listener: Listener,
) -> dict[str, Any] | None:
    """Train once per fold and return each figure's mean and spread over the held-out parts; None when interrupted.

    `done` has the figures of folds that were trained before the run was cut off.
    """
    figures = dict(done)
    splits = divided_in_folds(labelled, recipe)
    for fold, split in enumerate(splits):
        if fold in figures:
            continue
        prepared = prepare(labelled, recipe, split=split)
        setup = set_up(prepared, recipe)
        share = clock.limit if math.isinf(clock.limit) else (clock.remaining() - reserve) / (len(splits) - fold)
        of_fold = Clock(perf_counter(), share)
        learned = learn(setup, prepared, clock=of_fold, listener=unheard)
        if learned.ending == "interrupted":
            return None
        predictions = predictions_for_rows(prepared, setup, learned.state, split.test).mean
        evaluation = network_evaluation(prepared, setup.recipe, predictions, {}, split.test)
        figures[fold] = values_of(evaluation.figures)
        figure = evaluation.primary_figure
        text = f"fold {fold + 1} of {len(splits)}: {evaluation.primary.metric} {figure}"
        listener(Event("fold", text, {"fold": fold, "figures": figures[fold]}))
    return {"count": len(splits), "metrics": spread_over([figures[fold] for fold in range(len(splits))])}
