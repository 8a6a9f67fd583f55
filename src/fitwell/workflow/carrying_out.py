"""A training goes from its first step, or from where it was cut off, to a finished run, within the time there is."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from time import perf_counter

from fitwell import recipe as recipes
from fitwell.decision import UNDECIDED
from fitwell.events import Listener
from fitwell.learning import Clock, in_time, learn, pace_of, trained_model
from fitwell.measuring import Decided, FoldTime, decided_baselines, reserved
from fitwell.run import Run, write_checkpoint, write_recipe
from fitwell.showing import seconds_to_show
from fitwell.together import lead, tell_epochs
from fitwell.training.checkpoints import state_to_bytes
from fitwell.workflow.asking import comments_of
from fitwell.workflow.beginning import Begun
from fitwell.workflow.concluding import Left, conclude

BASELINE_SHARE = 0.15  # of the time that is left when the baselines come
INTERRUPTED_SECONDS = 5.0  # for them after Ctrl-C, when somebody waits
TIMED_SHARE = 0.01  # of a time limit, for timing steps


def carry_out(run: Run, begun: Begun, *, history: bytes, clock: Clock, listener: Listener) -> Run:
    """Train from the setup's state, measure, and write everything that a finished run has."""
    for event in begun.setup.events:
        listener(event)
        _record_recipe(run, begun)  # what it tells of holds when resumed too
    lead(begun.setup, table=begun.table, run=run.path, limited=math.isfinite(clock.limit))
    simple: Mapping[str, Decided] | None = None
    times = Times(own=clock, folds=clock, measuring=0.0, showing=0.0)
    if math.isfinite(clock.limit):
        simple = decided_baselines(begun.prepared, begun.setup.recipe, seconds=BASELINE_SHARE * clock.remaining())
        begun, times = _within(clock, begun, simple)
        tell_epochs(begun.setup)
        _record_recipe(run, begun)
    started = perf_counter()
    learned = learn(
        begun.setup,
        begun.prepared,
        history=history,
        save=lambda state, so_far: write_checkpoint(run, state_to_bytes(state, so_far)),
        clock=times.own,
        reserve=times.measuring,
        listener=listener,
    )
    fold = FoldTime(preparing=begun.seconds, training=perf_counter() - started, measuring=times.measuring)
    if learned.ending == "time":
        recipe = recipes.changed(begun.setup.recipe, {"training.maximum_steps": learned.state.step})
        begun = replace(begun, setup=replace(begun.setup, recipe=recipe))
        _record_recipe(run, begun)
    if simple is None:  # only now: importing scikit-learn takes longer than the first epochs of a small training
        seconds = INTERRUPTED_SECONDS if learned.ending == "interrupted" else math.inf
        simple = decided_baselines(begun.prepared, begun.setup.recipe, seconds=seconds)
    left = Left(clock=clock, folds=times.folds, fold=fold, showing=times.showing)
    return conclude(run, begun, learned, simple, left=left, listener=listener)


@dataclass(frozen=True, kw_only=True)
class Times:
    """How a time limit is divided."""

    own: Clock  # of the training itself, with what measuring it takes
    folds: Clock  # until when folds may be trained
    measuring: float  # seconds that one training's figures take
    showing: float  # seconds that explaining and the page take


def _within(clock: Clock, begun: Begun, simple: Mapping[str, Decided]) -> tuple[Begun, Times]:
    """Return the training that fits a time limit, with how the limit is divided, from steps timed here and now."""
    prepared, setup = begun.prepared, begun.setup
    pace = pace_of(setup, seconds=TIMED_SHARE * clock.limit)
    showing = seconds_to_show(prepared, trained_model(prepared, setup, setup.state, UNDECIDED), simple)
    kept = reserved(prepared, setup, pace, simple, showing=showing, limit=clock.limit)
    until = clock.before(kept.ensemble + kept.showing + kept.leaving)
    shortest = FoldTime(preparing=begun.seconds, training=pace.epoch(setup), measuring=kept.measuring)
    after_own = until.before(shortest.training + shortest.measuring)
    folds = after_own.enough_for(shortest.total, most=setup.recipe.data.folds)
    own = until.share(further=folds, preparing=begun.seconds)
    is_asked = "training.early_stopping.patience" not in begun.reasons
    fitting = in_time(setup, pace, seconds=own.limit - kept.measuring, patience_is_asked=is_asked)
    return replace(begun, setup=fitting), Times(own=own, folds=until, measuring=kept.measuring, showing=showing)


def _record_recipe(run: Run, begun: Begun) -> None:
    write_recipe(run, begun.setup.recipe, comments=comments_of(begun.reasons))
