"""Trainings that are compared: recipes of one shape ride as members of one population, other shapes by themselves.

An arm is a recipe and a division of the rows. What comes of it is what it predicts for the validation rows, decided as
a run decides: those rows serve every arm alike, and the test rows are left for the cure to prove itself on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from fitwell.curing.record import Experiment
from fitwell.curing.shortfall import shortfall
from fitwell.data.split import Split
from fitwell.decision import UNDECIDED, Decision, Scored, decide
from fitwell.errors import OutOfTime
from fitwell.evaluation import Answers, compared
from fitwell.events import Event, Listener
from fitwell.learning import Clock, Setup, learn, predictions_for_rows, set_up
from fitwell.measuring import decided_baselines
from fitwell.metrics import METRICS, Comparison, Costs, Cut, Figure
from fitwell.preparation import Labelled, Prepared, divided, planned, prepare
from fitwell.recipe import Recipe, grouped, with_values

MAPPED_FROM = 3  # members: mapping one or two costs more than plain back-propagation of each
TRIVIAL = "majority"  # the simple model that always gives the same answer


@dataclass(frozen=True, kw_only=True, eq=False)
class Arm:
    """One training to compare."""

    name: str
    recipe: Recipe
    changes: Mapping[str, Any] = field(default_factory=dict)  # of the run's recipe
    seed: str = "own"
    rows: float = 1.0  # the share of the training rows that it learns from


@dataclass(frozen=True, kw_only=True, eq=False)
class Tried:
    """What came of an arm, or of a simple model, on the validation rows."""

    name: str
    recipe: Recipe | None  # resolved; None for a simple model
    scored: Scored
    decision: Decision

    @property
    def answers(self) -> Answers:
        """What it says, as people see it."""
        return Answers(
            predictions=self.decision.applied(self.scored).predictions, threshold=self.decision.cut().threshold
        )

    @property
    def own_answers(self) -> Answers:
        """What the network says, before any decision."""
        return Answers(predictions=self.scored.predictions)


@dataclass(frozen=True, kw_only=True, eq=False)
class Bench:
    """One division of the rows on which arms are compared."""

    labelled: Labelled
    split: Split
    prepared: Mapping[str, Prepared]  # rows that are encoded already, by the recipe's data settings
    metric: str
    proper: str | None  # a proper score of probabilities that is far less noisy on few rows; None where metric is one
    costs: Costs | None  # of wrong answers
    clock: Clock
    listener: Listener
    ledger: list[Experiment]  # every training so far, in order
    figures: dict[tuple[Tried, str], Figure] = field(default_factory=dict)  # that were measured already

    def try_out(self, arms: Sequence[Arm]) -> list[Tried]:
        """Train all arms and return what came of each, in their order.

        Raises:
            OutOfTime: the clock ran out. KeyboardInterrupt: somebody pressed Ctrl-C.
        """
        found: dict[int, Tried] = {}
        by_data: dict[tuple[str, float], list[int]] = {}
        for place, arm in enumerate(arms):
            by_data.setdefault((arm.recipe.data.model_dump_json(), arm.rows), []).append(place)
        for (data, share), places in by_data.items():
            whole = self.prepared.get(data) or prepare(self.labelled, arms[places[0]].recipe, split=self.split)
            prepared = whole if share == 1 else _thinned(whole, share)
            resolved = [planned(prepared, arms[place].recipe).recipe for place in places]
            for group in grouped(resolved):
                members = [places[member] for member in group.places]
                for place, tried in zip(members, self._trained(prepared, group.recipe), strict=True):
                    own = resolved[places.index(place)]
                    found[place] = replace(tried, name=arms[place].name, recipe=own)
        for place, arm in enumerate(arms):
            figure = self.figure(found[place]).value
            self.ledger.append(
                Experiment(name=arm.name, changes=arm.changes, seed=arm.seed, figure=figure, trainings=arm.rows)
            )
        return [found[place] for place in range(len(arms))]

    def simple_models(self, recipe: Recipe) -> dict[str, Tried]:
        """Return what the simple models say of the validation rows."""
        prepared = self.prepared.get(recipe.data.model_dump_json()) or prepare(self.labelled, recipe, split=self.split)
        return {
            name: Tried(name=name, recipe=None, scored=each.validation, decision=each.decision)
            for name, each in decided_baselines(prepared, prepared.recipe).items()
        }

    def as_tried(self, name: str, predictions: np.ndarray) -> Tried:
        """Return what somebody predicts for the validation rows, to compare it."""
        scored = _scored(self.labelled, predictions, self.split.validation)
        return Tried(name=name, recipe=None, scored=scored, decision=UNDECIDED)

    def compared(self, first: Tried, second: Tried) -> Comparison:
        """Return by how much the first is better than the second; above 0 it is, for losses too."""
        return self._compared(self.metric, first, first.answers, second.answers)

    def properly_compared(self, first: Tried, second: Tried) -> Comparison | None:
        """Return the same by the proper score of what the networks say, before any calibration."""
        if self.proper is None:
            return None
        return self._compared(self.proper, first, first.own_answers, second.own_answers)

    def _compared(self, metric: str, rows: Tried, first: Answers, second: Answers) -> Comparison:
        scored = rows.scored
        return compared(
            scored.task,
            scored.coding,
            scored.truth,
            first,
            second,
            metric=metric,
            weights=None if self.labelled.weights is None else scored.weights,
            costs=self.costs,
        )

    def figure(self, tried: Tried) -> Figure:
        """Return the figure that decides, on the validation rows."""
        return self._figure(self.metric, tried, tried.answers)

    def merit(self, tried: Tried) -> float:
        """Return how good the network itself is: by the proper score where there is one, else as `goodness`."""
        if self.proper is None:
            return self.goodness(tried)
        value = self._figure(self.proper, tried, tried.own_answers).value
        assert value is not None  # a mean over rows always has one
        return -value

    def proper_shortfall(self, own: Tried, best: Tried, trivial: Tried) -> float | None:
        """Return the share of what is possible that one misses by the proper score; None where there is none."""
        return None if self.proper is None else shortfall(self.merit(own), self.merit(best), self.merit(trivial))

    def _figure(self, metric: str, tried: Tried, answers: Answers) -> Figure:
        if (tried, metric) not in self.figures:
            scored = tried.scored
            cut = Cut(threshold=answers.threshold, costs=self.costs)
            weights = None if self.labelled.weights is None else scored.weights
            figure = scored.task.measure(scored.truth, answers.predictions, scored.coding, weights, cut)[metric]
            assert isinstance(figure, Figure)  # a metric that decides is a single figure
            self.figures[tried, metric] = figure
        return self.figures[tried, metric]

    def goodness(self, tried: Tried) -> float:
        """Return the figure with a sign that makes more of it better; nothing where it is undefined."""
        value = self.figure(tried).value
        return self.metric_of(0.0 if value is None else value)

    def metric_of(self, goodness: float) -> float:
        """Return the figure of a goodness, and the goodness of a figure."""
        return goodness if METRICS[self.metric].higher_is_better else -goodness

    def _trained(self, prepared: Prepared, recipe: Recipe) -> Iterator[Tried]:
        prepared = planned(prepared, recipe)
        setup = set_up(prepared, prepared.recipe)
        members = setup.recipe.member_count
        if setup.program.execution == "mapped" and members < MAPPED_FROM:
            setup = replace(setup, program=replace(setup.program, execution="eager"))
        learned = learn(setup, prepared, clock=self.clock, listener=_progress(self.listener, setup))
        if learned.ending == "interrupted":
            raise KeyboardInterrupt
        if learned.ending == "time":
            raise OutOfTime("the budget does not allow this experiment")
        predictions = predictions_for_rows(prepared, setup, learned.state, self.split.validation)
        for of_member in predictions.of_members:
            scored = _scored(prepared.labelled, of_member, self.split.validation)
            yield Tried(name="", recipe=None, scored=scored, decision=decide(scored, setup.recipe.decision))


def other_division(labelled: Labelled, split: Split, recipe: Recipe, *, seed: int) -> Split:
    """Return another division of the rows that were not kept for measuring, in the same proportion.

    Rows that are divided by time are divided as they were.
    """
    pool = np.sort(np.concatenate([split.train, split.validation]))
    part = replace(
        labelled,
        frame=labelled.frame[pool],
        truth=labelled.truth[pool],
        weights=None if labelled.weights is None else labelled.weights[pool],
        source_rows=labelled.source_rows[pool],
        given_test=0,
    )
    shares = {
        "seed": seed,
        "data.test": None,
        "data.split": "auto",
        "data.test_share": 0.0,
        "data.validation_share": len(split.validation) / len(pool),
    }
    found = divided(part, with_values(recipe, shares))
    return replace(found, train=pool[found.train], validation=pool[found.validation], test=split.test)


def _thinned(prepared: Prepared, share: float) -> Prepared:
    """Return the rows with so much of the training part, each class or stretch keeping its share."""
    rows = prepared.split.train
    truth = prepared.labelled.truth[rows]
    order = np.argsort(truth if truth.ndim == 1 else truth[:, 0], kind="stable")
    kept = np.sort(order[:: round(1 / share)])
    return replace(prepared, split=replace(prepared.split, train=rows[kept]))


def _scored(labelled: Labelled, predictions: np.ndarray, rows: np.ndarray) -> Scored:
    # A network that says nothing finite knows as little as an even guess, or the mean.
    even = 0.5 if labelled.task.form == "labels" else 1 / predictions.shape[1]
    known_nothing = np.array(labelled.coding.centers or even)
    return Scored(
        task=labelled.task,
        coding=labelled.coding,
        truth=labelled.truth[rows],
        predictions=np.where(np.isfinite(predictions), predictions, known_nothing),
        weights=np.ones(len(rows)) if labelled.weights is None else labelled.weights[rows],
    )


def _progress(listener: Listener, setup: Setup) -> Listener:
    def listen(event: Event) -> None:
        if event.kind == "look" and event.values["epoch"]:
            done, total, members = event.values["epoch"], event.values["epochs"], setup.recipe.member_count
            trainings = "1 training" if members == 1 else f"{members} trainings side by side"
            listener(Event("experiment", f"{trainings}: epoch {done:g} of {total}", {"done": done, "total": total}))

    return listen
