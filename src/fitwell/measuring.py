"""The network and the simple models are measured on the same rows, once or over folds."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from time import perf_counter
from typing import Any

import numpy as np

from fitwell.baselines import Baseline, fit_baselines
from fitwell.decision import Decision, Judged, Scored, costs_of, decide, judged
from fitwell.ensemble import Ensemble, ensemble_of
from fitwell.evaluation import Answers, Evaluation, evaluate, primary_for, spread_over, values_of
from fitwell.events import Event, Listener, unheard
from fitwell.learning import Clock, Learned, Pace, Setup, learn, predictions_for_rows, set_up
from fitwell.plan import available_cores
from fitwell.prediction import Predictions
from fitwell.preparation import Labelled, Prepared, divided_in_folds, prepare
from fitwell.recipe import Recipe

BASELINE_ROWS = 200_000  # at most so many training rows, evenly taken, fit the baselines
TIMED_BASELINE_ROWS = 10_000  # fit them first where time is limited
RESERVED_SHARE = 0.02  # of a time limit, for what cannot be timed beforehand
SHOWING_SHARE = 0.2  # of a time limit, at most, for explaining and the report
ENSEMBLE_FIGURES = 2.0  # times what all figures take is what comparing the members takes, at most
MEASURING_MARGIN = 1.5  # the machine may be busier then


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


def decided_baselines(prepared: Prepared, recipe: Recipe, *, seconds: float = math.inf) -> dict[str, Decided]:
    """Return what each simple model, fitted on the training rows, says; its decision is fitted like the network's.

    Where fitting and predicting would take more than the seconds, the models learn from fewer training rows.
    """
    answers = _baseline_answers(prepared, recipe, seconds=seconds)
    return {name: decided(prepared, recipe, predicted) for name, predicted in answers.items()}


def _baseline_answers(prepared: Prepared, recipe: Recipe, *, seconds: float) -> dict[str, dict[str, np.ndarray]]:
    fit = partial(_fitted_baselines, prepared, recipe)
    answer = partial(_answers, prepared)
    most = min(BASELINE_ROWS, len(prepared.split.train))
    if math.isinf(seconds) or most <= 2 * TIMED_BASELINE_ROWS:
        return answer(fit(most, threads=available_cores()))
    fit(TIMED_BASELINE_ROWS // 10, threads=1)  # imports scikit-learn
    started = perf_counter()
    fitted = fit(TIMED_BASELINE_ROWS, threads=1)
    fitting = perf_counter() - started
    every = -(-sum(map(len, prepared.split.held_out.values())) // TIMED_BASELINE_ROWS)
    started = perf_counter()
    answer(fitted, every=every)
    answering = every * (perf_counter() - started)
    affordable = TIMED_BASELINE_ROWS * (seconds - answering - fitting) / fitting
    if affordable <= 2 * TIMED_BASELINE_ROWS:
        return answer(fitted)
    # One thread: threads that wait for one another on a busy machine take a time that nobody can tell beforehand.
    return answer(fit(min(most, int(affordable)), threads=1))


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


def _answers(prepared: Prepared, fitted: Mapping[str, Baseline], *, every: int = 1) -> dict[str, dict[str, np.ndarray]]:
    """Return what each model predicts for each part that was not trained on, or for every n-th of its rows."""
    features = {
        part: {name: block[rows[::every]] for name, block in prepared.features.items()}
        for part, rows in prepared.split.held_out.items()
    }
    return {
        name: {part: baseline.predict(blocks) for part, blocks in features.items()} for name, baseline in fitted.items()
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


def gained_together(
    prepared: Prepared,
    recipe: Recipe,
    network: Decided,
    predicted: Mapping[str, Predictions],
    evaluation: Evaluation,
) -> Ensemble | None:
    """Return what the members gain by predicting the measured rows together; None where there is one member."""
    return ensemble_of(
        network.measured,
        predicted[prepared.split.measured],
        network.decision,
        metric=evaluation.primary.metric,
        costs=costs_of(recipe.decision),
        weights=None if prepared.labelled.weights is None else network.measured.weights,
    )


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


@dataclass(frozen=True, kw_only=True)
class Reserved:
    """Seconds of a time limit kept for what comes after the last step; everything that is done then has its line."""

    look: float  # at the validation rows, the last one
    predictions: float
    figures: float
    ensemble: float  # what several members gain
    showing: float  # what the network goes by, and the page; where that is too little, they wait
    leaving: float  # writing, and what cannot be timed beforehand

    @property
    def measuring(self) -> float:
        """What each fold needs too."""
        return self.look + self.predictions + self.figures


def reserved(
    prepared: Prepared, setup: Setup, pace: Pace, simple: Mapping[str, Decided], *, showing: float, limit: float
) -> Reserved:
    """Return how much of a time limit to keep, timed on what is there before training; showing was timed already."""
    held_out = sum(map(len, prepared.split.held_out.values()))
    figures = MEASURING_MARGIN * _seconds_to_evaluate(prepared, setup.recipe, simple)
    return Reserved(
        look=MEASURING_MARGIN * pace.look,
        predictions=MEASURING_MARGIN * pace.look * held_out / len(setup.validation),
        figures=figures,
        ensemble=ENSEMBLE_FIGURES * figures if len(setup.state.marks) > 1 else 0.0,
        showing=min(showing, SHOWING_SHARE * limit),
        leaving=RESERVED_SHARE * limit,
    )


def _seconds_to_evaluate(prepared: Prepared, recipe: Recipe, simple: Mapping[str, Decided]) -> float:
    # With one simple model beside the other; with each further one it takes about as long again.
    *_, one, other = simple.values()
    started = perf_counter()
    decide(one.validation, recipe.decision)
    evaluated(prepared, recipe, one, {"other": other})
    return len(simple) * (perf_counter() - started)


@dataclass(frozen=True, kw_only=True)
class FoldTime:
    """The seconds that a fold will take, about, as what was done before it tells."""

    preparing: float
    training: float
    measuring: float

    @property
    def total(self) -> float:
        """All of it."""
        return self.preparing + self.training + self.measuring


def cross_validated(
    labelled: Labelled,
    recipe: Recipe,
    *,
    done: Mapping[int, Mapping[str, float | None]],
    clock: Clock,
    time: FoldTime,
    listener: Listener,
) -> dict[str, Any] | None:
    """Train once per fold and return each figure's mean and spread over the held-out parts; None when interrupted.

    `done` has the figures of folds that were trained before the run was cut off. Folds are left out where the clock
    does not leave them at least half of the time that training took: they would measure shorter trainings.
    """
    figures = dict(done)
    splits = divided_in_folds(labelled, recipe)
    for fold, split in enumerate(splits):
        if fold in figures:
            continue
        affordable = clock.enough_for(time.total - time.training / 2, most=len(splits) - fold)
        if affordable == 0:
            text = f"the time limit leaves no time for more than {len(figures)} of {len(splits)} folds"
            listener(Event("folds_left_out", text, {"done": len(figures)}))
            break
        prepared = prepare(labelled, recipe, split=split)
        setup = set_up(prepared, recipe)
        of_fold = clock.share(further=affordable - 1, preparing=time.preparing)
        learned = learn(setup, prepared, clock=of_fold, reserve=time.measuring, listener=unheard)
        if learned.ending == "interrupted":
            return None
        network = decided_network(prepared, recipe, held_out_predictions(prepared, setup, learned))
        evaluation = evaluated(prepared, recipe, network, {})
        figures[fold] = values_of(evaluation.figures)
        figure = evaluation.primary_figure
        text = f"fold {fold + 1} of {len(splits)}: {evaluation.primary.metric} {figure}"
        listener(Event("fold", text, {"fold": fold, "figures": figures[fold]}))
    return {"count": len(figures), "metrics": spread_over(list(figures.values()))} if figures else {}
