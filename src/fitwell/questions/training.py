"""A begun training is carried out: taught, judged, measured, and written."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from time import perf_counter

import polars as pl
import torch

from fitwell import recipe as recipes
from fitwell.answering.answers import evaluated, examples_of, found_of, prediction_frame
from fitwell.answering.network import SpanNetwork
from fitwell.answering.reader import Judgment, Reader
from fitwell.doctor.finding import findings_json
from fitwell.events import Event, Listener
from fitwell.learning import Clock, Learned, Setup, Watched, learn_watched, threads
from fitwell.narration import measured_events
from fitwell.questions.beginning import Begun, comments
from fitwell.questions.judging import findings_of, judgment_of, told
from fitwell.questions.pacing import in_time, pace_of
from fitwell.run import (
    Run,
    remove_checkpoint,
    write_checkpoint,
    write_decision,
    write_history,
    write_json,
    write_predictions,
    write_recipe,
    write_weights,
)
from fitwell.training.checkpoints import state_to_bytes
from fitwell.training.loop import EpochRecord, State
from fitwell.training.pieces import unflatten

SHOWN = 8  # examples of right and of wrong answers each


def carry_out(run: Run, begun: Begun, *, history: bytes, clock: Clock, listener: Listener) -> Run:
    """Train from the setup's state, judge, measure, and write everything that a finished run has."""
    kept = 0.0
    if math.isfinite(clock.limit):
        pace = pace_of(begun)
        kept = pace.measuring
        begun = replace(begun, setup=in_time(begun, pace, seconds=clock.remaining() - kept))
        write_recipe(run, begun.setup.recipe, comments=comments(begun.setup.reasons))
    learned = learn_watched(
        begun.setup,
        Watched(name="exact_places", figures=partial(_exact_places, begun.setup)),
        history=history,
        save=lambda state, so_far: write_checkpoint(run, state_to_bytes(state, so_far)),
        clock=clock,
        reserve=kept,
        listener=listener,
    )
    if learned.ending == "time":
        stopped = recipes.changed(begun.setup.recipe, {"training.maximum_steps": learned.state.step})
        begun = replace(begun, setup=replace(begun.setup, recipe=stopped))
        write_recipe(run, stopped, comments=comments(begun.setup.reasons))
    return _conclude(run, begun, learned, clock=clock, listener=listener)


def _exact_places(setup: Setup, look: EpochRecord) -> list[float]:
    """Return the share of windows whose first and last place are both the likeliest."""
    assert isinstance(setup.validation.targets, torch.Tensor)
    figures = []
    for outputs in look.outputs:
        places = torch.stack([part.argmax(1) for part in outputs.chunk(2, dim=1)], dim=1)
        figures.append(float((places == setup.validation.targets).all(1).float().mean()))
    return figures


def _conclude(run: Run, begun: Begun, learned: Learned, *, clock: Clock, listener: Listener) -> Run:
    setup = begun.setup
    weights = _best_weights(setup, learned.state)
    untold = Reader(making=begun.making, network=_network_with(setup, weights), judgment=Judgment())
    with threads(setup.recipe):
        judgment, decision, judged = judgment_of(begun, untold)
        reader = replace(untold, judgment=judgment)
        measured_of = begun.test if len(begun.division.test) else begun.squad
        numbers = begun.division.test if len(begun.division.test) else begun.division.validation
        found = found_of(reader, measured_of, numbers.tolist())
    frames = [prediction_frame(judged, part="validation")]
    if len(begun.division.test):
        offset = len(begun.squad.questions) if begun.test is not begun.squad else 0
        frames.append(prediction_frame(found, part="test", first=offset))
    write_decision(run, decision)
    write_predictions(run, pl.concat(frames))
    write_weights(run, {name: tensor[None] for name, tensor in weights.items()})
    write_history(run, learned.history)
    split = "test" if len(begun.division.test) else "validation"
    evaluation = evaluated(found, split=split, squad=measured_of, numbers=numbers.tolist())
    write_json(run, "evaluation.json", evaluation.as_json())
    findings = findings_of(begun, evaluation)
    write_json(run, "findings.json", findings_json(findings, complete=False))
    for event in [*measured_events(evaluation, {}), *told(findings)]:
        listener(event)
    if learned.ending == "interrupted":
        text = (
            f"interrupted at step {learned.state.step}; {run.path} is usable, and continues with: fitwell resume "
            f"{run.path}"
        )
        listener(Event("interrupted", text, {"step": learned.state.step}))
        return Run(run.path)
    write_json(run, "explanation.json", {"examples": examples_of(found, count=SHOWN)})
    path = Run(run.path).report(run.path / "report.html")
    listener(Event("report", f"report: {path}", {"path": str(path)}))
    seconds = round(perf_counter() - clock.started, 2)
    listener(Event("finished", f"run: {run.path}", {"run": str(run.path), "seconds": seconds}))
    remove_checkpoint(run)  # last: a run without it must be known to be finished
    return Run(run.path)


def _best_weights(setup: Setup, state: State) -> dict[str, torch.Tensor]:
    return {name: each.cpu().clone() for name, each in unflatten(state.best.weights[0], setup.program.pieces).items()}


def _network_with(setup: Setup, weights: Mapping[str, torch.Tensor]) -> SpanNetwork:
    network = setup.program.network
    assert isinstance(network, SpanNetwork)
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            parameter.data = weights[name]
    return network.to("cpu")
