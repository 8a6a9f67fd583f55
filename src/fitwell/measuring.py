"""The network and the simple models are measured on the same rows, once or over folds."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any

import numpy as np

from fitwell.baselines import fit_baselines
from fitwell.decision import Decision, Judged, Scored, costs_of, decide, judged
from fitwell.evaluation import Answers, Evaluation, evaluate, primary_for, spread_over, values_of
from fitwell.events import Event, Listener, unheard
from fitwell.learning import Clock, Learned, Setup, learn, predictions_for_rows, set_up
from fitwell.plan import available_cores
from fitwell.prediction import Predictions
from fitwell.preparation import Labelled, Prepared, divided_in_folds, prepare
from fitwell.recipe import Recipe

BASELINE_ROWS = 200_000  # at most so many training rows, evenly taken, fit the baselines


@dataclass(frozen=True, kw_only=True, eq=False)
class Decided:
    """What a model says of the rows it was not trained on, before the decision that was fitted on some of them."""

    validation: Scored
    measured: Scored  # the test rows, or where there are none the validation rows
    decision: Decision

    @property
    def answers(self) -> Answers:
        """What is said of the measured rows, as people see it."""
        return Answers(
            predictions=self.decision.applied(self.measured).predictions,
            threshold=self.decision.cut().threshold,
            half_widths=self.decision.half_widths,
        )


def decided(prepared: Prepared, recipe: Recipe, predicted: Mapping[str, np.ndarray]) -> Decided:
    """Return what a model predicts for each part that was not trained on, with its decision."""
    labelled, split = prepared.labelled, prepared.split

    def scored(part: str) -> Scored:
        rows = split.held_out[part]
        return Scored(
            task=labelled.task,
            coding=labelled.coding,
            truth=labelled.truth[rows],
            predictions=predicted[part],
            weights=np.ones(len(rows)) if labelled.weights is None else labelled.weights[rows],
        )

    validation = scored("validation")
    return Decided(validation=validation, measured=scored(split.measured), decision=decide(validation, recipe.decision))


def decided_baselines(prepared: Prepared, recipe: Recipe) -> dict[str, Decided]:
    """Return what each simple model, fitted on the training rows, says; its decision is fitted like the network's."""
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
    features = {
        part: {name: block[rows] for name, block in prepared.features.items()}
        for part, rows in prepared.split.held_out.items()
    }
    return {
        name: decided(prepared, recipe, {part: baseline.predict(blocks) for part, blocks in features.items()})
        for name, baseline in fitted.items()
    }


def held_out_predictions(prepared: Prepared, setup: Setup, learned: Learned) -> dict[str, Predictions]:
    """Return, for each part that was not trained on, what the best weights predict, before any decision."""
    return {
        part: predictions_for_rows(prepared, setup, learned.state, rows)
        for part, rows in prepared.split.held_out.items()
    }


def decided_network(prepared: Prepared, recipe: Recipe, predicted: Mapping[str, Predictions]) -> Decided:
    """Return what the network says with the mean of its members, with the decision that goes with it."""
    return decided(prepared, recipe, {part: predictions.mean for part, predictions in predicted.items()})


def evaluated(prepared: Prepared, recipe: Recipe, network: Decided, simple: Mapping[str, Decided]) -> Evaluation:
    """Return the figures of the network on the measured rows, with the simple models beside it."""
    labelled, truth = prepared.labelled, network.measured.truth
    costs = costs_of(recipe.decision)
    evaluation = evaluate(
        labelled.task,
        labelled.coding,
        truth,
        network.answers,
        weights=None if labelled.weights is None else network.measured.weights,
        goal=recipe.goal,
        costs=costs,
        split=prepared.split.measured,
        baselines={name: each.answers for name, each in simple.items()},
    )
    # A resolved recipe names a goal also where nobody did. What the data alone would choose is told as its choice.
    by_data = primary_for(labelled.task, labelled.coding, truth, goal="auto", costs=costs)
    return replace(evaluation, primary=by_data) if by_data.metric == evaluation.primary.metric else evaluation


def judged_decision(prepared: Prepared, recipe: Recipe, network: Decided, evaluation: Evaluation) -> Judged:
    """Return the network's decision with what it brought."""
    return judged(
        network.decision,
        network.validation,
        network.measured,
        cut=network.decision.cut(costs_of(recipe.decision)),
        after=evaluation.figures,
        covered=evaluation.covered,
        split=prepared.split.measured,
    )


def seconds_to_measure(prepared: Prepared, recipe: Recipe, simple: Mapping[str, Decided]) -> float:
    """Measure as long as the network will be measured, on predictions that are there already."""
    started = perf_counter()
    one = next(iter(simple.values()))
    decide(one.validation, recipe.decision)
    evaluated(prepared, recipe, one, simple)
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
        network = decided_network(prepared, recipe, held_out_predictions(prepared, setup, learned))
        evaluation = evaluated(prepared, recipe, network, {})
        figures[fold] = values_of(evaluation.figures)
        figure = evaluation.primary_figure
        text = f"fold {fold + 1} of {len(splits)}: {evaluation.primary.metric} {figure}"
        listener(Event("fold", text, {"fold": fold, "figures": figures[fold]}))
    return {"count": len(splits), "metrics": spread_over([figures[fold] for fold in range(len(splits))])}
