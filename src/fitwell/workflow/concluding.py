"""What was learned is measured, and becomes everything that a finished or an interrupted run has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain
from time import perf_counter
from typing import Any

from fitwell.doctor.finding import findings_json
from fitwell.events import Event, Listener
from fitwell.explanation import asked_of, reach_of
from fitwell.findings import findings_of, observed
from fitwell.held_out import held_out_table
from fitwell.learning import Clock, Learned, trained_model, watched_of
from fitwell.measuring import (
    Decided,
    FoldTime,
    cross_validated,
    decided_network,
    evaluated,
    gained_together,
    held_out_predictions,
    judged_decision,
)
from fitwell.narration import decision_events, findings_events, measured_events, member_events, mixing_events
from fitwell.prediction import model_tensors
from fitwell.run import (
    Run,
    remove_checkpoint,
    write_decision,
    write_history,
    write_json,
    write_model,
    write_predictions,
)
from fitwell.showing import show
from fitwell.workflow.beginning import Begun


@dataclass(frozen=True, kw_only=True)
class Left:
    """The time that is left when training is over."""

    clock: Clock  # for everything
    folds: Clock  # until when folds may be trained
    fold: FoldTime
    showing: float  # seconds that explaining and the page will take


def conclude(
    run: Run, begun: Begun, learned: Learned, simple: Mapping[str, Decided], *, left: Left, listener: Listener
) -> Run:
    """Measure what was learned, and write everything that a finished or an interrupted run has."""
    prepared, recipe = begun.prepared, begun.setup.recipe
    predicted = held_out_predictions(prepared, begun.setup, learned)
    network = decided_network(prepared, recipe, predicted)
    # Before the model: one without them is of an older Fitwell.
    write_decision(run, network.decision.as_json())
    write_predictions(run, held_out_table(prepared, predicted, network.decision))
    model = trained_model(prepared, begun.setup, learned.state, network.decision)
    write_model(run, model)
    write_history(run, learned.history)
    evaluation = evaluated(prepared, recipe, network, simple)
    decided = judged_decision(prepared, recipe, network, evaluation)
    write_decision(run, decided.as_json())
    ensemble = gained_together(prepared, recipe, network, predicted, evaluation)
    report = evaluation.as_json() | ({} if ensemble is None else {"ensemble": ensemble.as_json()})
    stopped = f"at step {learned.state.step}" if learned.ending == "interrupted" else ""
    if recipe.data.folds and not stopped:
        over_folds = _over_folds(run, begun, left, listener)
        stopped = (
            "" if over_folds is not None else f"in fold {1 + len(_folds_done(Run(run.path)))} of {recipe.data.folds}"
        )
        report |= {"folds": over_folds} if over_folds else {}
    write_json(run, "evaluation.json", report)
    ending = learned.ending
    seen = observed(prepared, recipe, learned.history, ending=ending, evaluation=evaluation, answers=network.answers)
    findings = findings_of(begun.notes, seen)
    write_json(run, "findings.json", findings_json(findings, complete=False))
    for event in chain(
        member_events(recipe, learned.history, metric=watched_of(prepared, recipe).name),
        mixing_events(model_tensors(model), model.encoders),
        measured_events(evaluation, report),
        decision_events(decided, evaluation),
        findings_events([finding for finding in findings if finding.since != "data"]),
    ):
        listener(event)
    if stopped:
        text = f"interrupted {stopped}; {run.path} is usable, and continues with: fitwell resume {run.path}"
        listener(Event("interrupted", text, {"step": learned.state.step}))
        return Run(run.path)
    asked = asked_of(prepared, model, predicted[prepared.split.measured])
    in_time = left.clock.remaining() > left.showing
    reach = reach_of(prepared, model) if in_time else []
    show(run, evaluation, asked, reach=reach, in_time=in_time, listener=listener)
    values = {"run": str(run.path), "seconds": round(perf_counter() - left.clock.started, 2)}
    listener(Event("finished", f"run: {run.path}", values))
    remove_checkpoint(run)  # last: a run without it must be known to be finished
    return Run(run.path)


def _over_folds(run: Run, begun: Begun, left: Left, listener: Listener) -> dict[str, Any] | None:
    """Return the figures over all folds; None where they were interrupted."""
    return cross_validated(
        begun.prepared.labelled,
        begun.setup.recipe,
        done=_folds_done(run),
        clock=left.folds,
        time=left.fold,
        listener=listener,
    )


def _folds_done(run: Run) -> dict[int, Any]:
    return {event["fold"]: event["figures"] for event in run.events if event["event"] == "fold"}
