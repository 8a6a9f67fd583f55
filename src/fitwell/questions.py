"""Questions with their answers become a run: read, divided, cut into windows, trained on, judged, measured.

    read -> divide -> plan -> cut -> train -> judge -> measure

The loop is that of every network (`training/loop.py`), a window being a row of it; so checkpoints, resuming, time
limits and Ctrl-C are what they are elsewhere. `workflow.train` comes here where the task is answer.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import polars as pl
import torch

from fitwell import recipe as recipes
from fitwell.answering.answers import (
    Found,
    evaluated,
    examples_of,
    found_of,
    prediction_frame,
)
from fitwell.answering.lesson import Asked, Cut, Division, asked_of, cut_of, divided, every_of, rows_of, windows_for
from fitwell.answering.network import SpanNetwork, span_loss
from fitwell.answering.planning import require_suitable, resolved, window_for
from fitwell.answering.reader import Judgment, Making, Reader
from fitwell.answering.scoring import calibration_error, scores_of
from fitwell.answering.spans import fitted_lead, fitted_temperature
from fitwell.answering.squad import Squad, read_squad, require_labelled
from fitwell.answering.windows import Cutting
from fitwell.doctor.finding import Finding, findings_json, remedy
from fitwell.errors import RequestError, RunError
from fitwell.evaluation import Evaluation
from fitwell.events import Event, Listener
from fitwell.learning import Clock, Learned, Setup, Watched, learn_watched, require_device, threads
from fitwell.narration import measured_events
from fitwell.pretrained.folder import encoder_of, open_folder
from fitwell.recipe import Recipe
from fitwell.run import (
    Run,
    json_bytes,
    remove_checkpoint,
    write_checkpoint,
    write_decision,
    write_history,
    write_json,
    write_predictions,
    write_recipe,
    write_weights,
)
from fitwell.showing import versions
from fitwell.training.checkpoints import state_to_bytes
from fitwell.training.loop import EpochRecord, State, batching, first_state, looked_at, train
from fitwell.training.members import member_rates, member_settings
from fitwell.training.pieces import unflatten
from fitwell.training.population import build_population, make_program, members_of
from fitwell.training.step import copied

TIMED_STEPS = 2
MEASURING_MARGIN = 1.5  # the machine may be busier then
PAGE_SECONDS = 4.0
FEW_QUESTIONS = 300  # to train on, fewer of which teach a reader little
SHOWN = 8  # examples of right and of wrong answers each


@dataclass(frozen=True, kw_only=True, eq=False)
class Begun:
    """A training before its first step."""

    squad: Squad
    test: Squad  # where the questions that are measured are from
    division: Division
    making: Making
    cut: Cut
    validation: Asked
    setup: Setup
    reasons: Mapping[str, str]
    notes: tuple[str, ...]


def begin(data: object, asked: Recipe, *, listener: Listener) -> Begun:
    """Return the training that was asked for before its first step, and tell what there is to say about the data.

    Raises:
        DataError: the data is not questions with answers. RequestError: no encoder is named, or what was asked is for
        tables alone.
    """
    require_suitable(asked)
    squad = _questions(data)
    require_labelled(squad)
    test = squad if asked.data.test is None else read_squad(asked.data.test)
    require_labelled(test)
    assert asked.data.text_encoder is not None
    folder = open_folder(asked.data.text_encoder)
    division = _division(squad, test, asked)
    cutting = Cutting(longest=window_for(asked, folder), overlap=asked.answers.overlap)
    making = Making(
        configuration=folder.configuration,
        tokenizer=folder.tokenizer,
        cutting=cutting,
        longest=asked.answers.longest,
    )
    cut = cut_of(squad, making)
    negatives = asked.answers.negatives
    taught = asked_of(squad, division.train.tolist(), negatives=negatives, seed=asked.seed)
    judged = asked_of(squad, division.validation.tolist(), negatives=negatives, seed=asked.seed + 1)
    windows, looked = windows_for(cut, taught, making), windows_for(cut, judged, making)
    plan = resolved(asked, folder, training_windows=len(windows), length=windows.pieces.shape[1])
    recipe = plan.recipe
    require_device(recipe.device)
    training = rows_of(cut, taught, windows)
    validation = rows_of(cut, judged, looked, every=every_of(looked))

    def build(_member: int, _seed: int) -> SpanNetwork:
        # Nothing is drawn: the encoder is trained, and the heads begin at zero.
        assert recipe.network.dropout != "auto"
        network = SpanNetwork(
            encoder_of(folder),
            segment=making.marks.segment,
            dropout=recipe.network.dropout,
            is_halved=recipe.training.encoder_precision == "bfloat16",
        )
        network.reader.requires_grad_(True)
        return network

    members = members_of(recipe, build)
    network, population = build_population(members, settings=recipe.training, device=recipe.device)
    program = make_program(
        network,
        lambda _own: span_loss,
        members,
        recipe=recipe,
        own=member_settings(recipe),
        steps_per_epoch=batching(len(training), recipe.training)[1],
    )
    setup = Setup(
        recipe=recipe,
        program=program,
        state=first_state(population),
        training=training,
        validation=validation,
        seeds=[member.seeds for member in members],
        rates=member_rates(recipe),
        reasons=dict(plan.reasons),
    )
    notes = tuple(_notes(squad, division, taught, training.targets.numpy()))
    for event in _data_events(squad, test, division, taught, notes):
        listener(event)
    return Begun(
        squad=squad,
        test=test,
        division=division,
        making=making,
        cut=cut,
        validation=judged,
        setup=setup,
        reasons=plan.reasons,
        notes=notes,
    )


def _questions(data: object) -> Squad:
    if isinstance(data, str | Path | Mapping):
        return read_squad(data)
    raise RequestError(
        f"task answer learns from a file of questions in SQuAD's form, or the same as a mapping, but the data is "
        f"{type(data).__name__}"
    )


def _division(squad: Squad, test: Squad, asked: Recipe) -> Division:
    apart = test is not squad
    share = 0.0 if apart else asked.data.test_share
    division = divided(squad, validation=asked.data.validation_share, test=share, seed=asked.seed)
    if not apart:
        return division
    known = {passage.text for passage in squad.passages}
    seen = sum(passage.text in known for passage in test.passages)
    if seen:
        raise RequestError(
            f"texts that are measured must not be trained on, but {seen:,} of the {len(test.passages):,} texts of "
            f"{test.source} are in {squad.source} too; leave them out of one"
        )
    every = np.arange(len(test.questions))
    return replace(division, test=every, why=f"{division.why}; the test file is measured")


def _notes(squad: Squad, division: Division, taught: Asked, targets: np.ndarray) -> list[str]:
    notes = []
    if len(division.train) < FEW_QUESTIONS:
        notes.append(f"{len(division.train):,} questions to train on teach a reader little; some thousands are usual")
    if squad.unanswerable == 0 and not (1 - taught.answerable).any():
        notes.append("every question has an answer, so that the reader does not learn when there is none")
    lost = len(set(range(len(taught.answers)))) - int((targets[:, 1] > 0).sum()) - int((taught.answerable == 0).sum())
    if lost > 0.02 * len(taught.answers):
        notes.append(f"{lost:,} answers do not fit a window whole; raise answers.overlap")
    return notes


def _data_events(squad: Squad, test: Squad, division: Division, taught: Asked, notes: Sequence[str]) -> list[Event]:
    total, texts = len(squad.questions), len(squad.passages)
    unanswerable = f", {squad.unanswerable:,} without an answer" if squad.unanswerable else ""
    events = [
        Event(
            "data",
            f"{squad.source}: {total:,} questions about {texts:,} texts{unanswerable} (answer)",
            {"source": squad.source, "rows": total, "texts": texts, "task": "answer"},
        ),
        Event(
            "split",
            f"{len(division.train):,} questions to train on, {len(division.validation):,} to decide when to stop, "
            f"{len(division.test):,} to measure ({division.why})",
        ),
    ]
    wrong = int((taught.answerable == 0).sum()) if not squad.unanswerable else 0
    if wrong:
        events.append(Event("info", f"{wrong:,} of them are asked of a wrong text too, so that it learns to say no"))
    return events + [Event("note", note) for note in notes]


def first_files(begun: Begun) -> dict[str, bytes]:
    """Return the files that a run has from its beginning, by their names."""
    squad, division = begun.squad, begun.division
    parts = {name: len(getattr(division, name)) for name in ("train", "validation", "test")}
    apart = begun.test is not squad
    data: dict[str, Any] = {
        "source": squad.source,
        "path": squad.path,
        "format": "squad",
        "detected": {},
        "fingerprint": squad.fingerprint,
        "test": {"path": begun.test.path, "fingerprint": begun.test.fingerprint} if apart else None,
        "rows": len(squad.questions),
        "rows_without_target": 0,
        "texts": len(squad.passages),
        "unanswerable": squad.unanswerable,
        "schema": {"targets": [], "features": [], "left_out": []},
        "targets": {"names": ["answer"], "classes": [], "positive": None},
        "split": {"method": "grouped", "why": division.why, **parts, "fingerprint": division.fingerprint},
        "streamed": None,
        "decided": sorted(begun.reasons),
        "notes": list(begun.notes),
        "versions": versions(),
    }
    return {
        "recipe.yaml": recipes.to_yaml(begun.setup.recipe, comments=comments(begun.reasons)).encode(),
        "data.json": json_bytes(data),
        "encoders.json": json_bytes({"encoders": [], "reader": begun.making.as_json()}),
    }


def comments(reasons: Mapping[str, str]) -> dict[str, str]:
    """Return what stands beside each setting: why it was chosen, else what it does."""
    return {path: sentence for path, sentence, _ in recipes.described()} | dict(reasons)


def plan_event(begun: Begun) -> Event:
    """Return what is about to be trained."""
    own, training = begun.making.configuration, begun.setup.recipe.training
    weights = begun.setup.state.population.weights.shape[1]
    return Event(
        "plan",
        f"network: {own.family} encoder of {own.layers} layers, {own.width} wide, and heads for the beginning and the "
        f"end, {weights:,} weights; {training.optimizer} at {begun.setup.rates[0]:g}, {training.schedule}, up to "
        f"{training.epochs} epochs",
        {"weights": weights},
    )


def begun_anew(run: Run, *, data: object, test: str | Path | None) -> Begun:
    """Return the training of a run before its first step, on its data.

    Raises:
        RunError: the data is not the one that the run was begun with.
    """
    source = run.data["path"] if data is None else data
    if source is None:
        raise RunError(f"{run.path} was trained on questions in memory; give them again with --data")
    asked = run.recipe if test is None else recipes.changed(run.recipe, {"data.test": str(Path(test).absolute())})
    begun = begin(source, asked, listener=lambda _event: None)
    for what, known, now in (
        ("data", run.data["fingerprint"], begun.squad.fingerprint),
        ("test file", (run.data["test"] or {}).get("fingerprint"), begun.test.fingerprint),
        ("division", run.data["split"]["fingerprint"], begun.division.fingerprint),
    ):
        if known is not None and known != now:
            raise RunError(
                f"the {what} has changed since {run.path} was started (its fingerprint is {now[:19]}..., not "
                f"{known[:19]}...); give the old file with --data or --test"
            )
    return begun


def carry_out(run: Run, begun: Begun, *, history: bytes, clock: Clock, listener: Listener) -> Run:
    """Train from the setup's state, judge, measure, and write everything that a finished run has."""
    kept = 0.0
    if math.isfinite(clock.limit):
        pace = _pace_of(begun)
        kept = pace.measuring
        begun = replace(begun, setup=_in_time(begun, pace, seconds=clock.remaining() - kept))
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


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How fast this machine is now, in seconds."""

    step: float
    look: float
    measuring: float  # all that follows the last step


def _pace_of(begun: Begun) -> Pace:
    """Time a few steps and a small look on a copy of the population."""
    setup = begun.setup
    state = first_state(copied(setup.state.population))
    rows = setup.validation
    some = replace(
        rows, features={name: block[:16] for name, block in rows.features.items()}, targets=rows.targets[:16]
    )
    with threads(setup.recipe):
        moments = train(setup.program, state, setup.training, some, seeds=setup.seeds, rates=setup.rates)
        next(moments)
        started = perf_counter()
        looked_at(setup.program, state, setup.training, some, rates=setup.rates, seconds=0.0)
        window = (perf_counter() - started) / len(some)
        started = perf_counter()
        for _, moment in zip(range(TIMED_STEPS), moments, strict=False):
            state = moment.state
        step = (perf_counter() - started) / TIMED_STEPS
    measured = len(begun.validation.questions) + len(begun.division.test)
    measuring = MEASURING_MARGIN * measured * window + PAGE_SECONDS
    return Pace(step=step, look=window * len(rows), measuring=measuring)


def _in_time(begun: Begun, pace: Pace, *, seconds: float) -> Setup:
    """Return the setup with as many epochs as fit, so that the schedule ends when training does."""
    setup = begun.setup
    epochs = setup.recipe.training.epochs
    assert epochs != "auto"
    steps = batching(len(setup.training), setup.recipe.training)[1]
    fitting = max(1, int((seconds - pace.look) / (steps * pace.step + pace.look)))
    if fitting >= epochs:
        return setup
    recipe = recipes.changed(setup.recipe, {"training.epochs": fitting})
    reasons = setup.reasons | {"training.epochs": f"as many as fit into the time limit, of {epochs}"}
    return replace(setup, recipe=recipe, program=replace(setup.program, settings=recipe.training), reasons=reasons)


def _conclude(run: Run, begun: Begun, learned: Learned, *, clock: Clock, listener: Listener) -> Run:
    setup = begun.setup
    weights = _best_weights(setup, learned.state)
    untold = Reader(making=begun.making, network=_network_with(setup, weights), judgment=Judgment())
    with threads(setup.recipe):
        judgment, decision, judged = _judgment(begun, untold)
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
    findings = _findings(begun, evaluation)
    write_json(run, "findings.json", findings_json(findings, complete=False))
    for event in [*measured_events(evaluation, {}), *_findings_told(findings)]:
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


def _judgment(begun: Begun, reader: Reader) -> tuple[Judgment, dict[str, Any], list[Found]]:
    """Return how scores become probabilities and answers, what is kept of that, and what the questions were answered.

    All of it by the validation questions, those asked of a wrong text included.
    """
    asked, squad = begun.validation, begun.squad
    windows = windows_for(begun.cut, asked, begun.making)
    readings = reader.readings(windows, begun.cut.texts, questions=len(asked.questions))
    answers = [
        squad.passages[reading.spans[0].text].text[reading.spans[0].start : reading.spans[0].end]
        if reading.spans
        else ""
        for reading in readings
    ]
    truths = [
        [] if answer is None else [each.text for each in squad.questions[number].answers]
        for number, answer in zip(asked.questions.tolist(), asked.answers, strict=True)
    ]
    scores = scores_of(answers, truths)
    answerable = asked.answerable
    right = scores.exact * answerable
    temperature = fitted_temperature(readings, right)
    has_both = len(set(answerable.tolist())) == 2
    leads = np.array([reading.lead for reading in readings])
    lead = fitted_lead(leads, scores.shared * answerable, answerable) if has_both else None
    judgment = Judgment(temperature=temperature, lead=lead)
    promised = {
        name: np.array(
            [each.probability(each.spans[0].score, temperature=at) if each.spans else 0.0 for each in readings]
        )
        for name, at in (("before", 1.0), ("after", temperature))
    }
    errors = {name: calibration_error(each, right) for name, each in promised.items()}
    decision = {
        "threshold": None
        if lead is None
        else {
            "value": lead,
            "why": "an answer must score so much more than no answer, where the mean F1 of the validation questions "
            "is highest; below it the reader says that it does not know",
        },
        "calibration": {
            "method": "temperature",
            "temperature": temperature,
            "why": f"scores are divided by {temperature:.3g}, at which the probability of an answer says best how "
            "often it is exactly right on the validation questions",
            **{name: {"calibration_error": {"value": error}} for name, error in errors.items()},
        },
        "interval": None,
    }
    own = len(begun.division.validation)
    found = [
        Found(
            number=number,
            question=squad.questions[number],
            reading=reading,
            text=squad.passages[squad.questions[number].passage].text,
            answers_always=squad.unanswerable == 0,
            judgment=judgment,
        )
        for number, reading in zip(asked.questions.tolist()[:own], readings[:own], strict=True)
    ]
    return judgment, decision, found


def _findings(begun: Begun, evaluation: Evaluation) -> list[Finding]:
    findings = [
        Finding(
            symptom="too_few_rows",
            status="suspected",
            severity="warning",
            since="data",
            evidence={"questions": len(begun.division.train)},
            explanation=note,
        )
        for note in begun.notes
        if "teach a reader little" in note
    ]
    beside = evaluation.baselines["tfidf_sentence"].comparison
    if beside.verdict != "better":
        trained = begun.setup.recipe.training.epochs
        findings.append(
            Finding(
                symptom="not_learning",
                status="suspected",
                severity="critical",
                since="start",
                evidence={"f1_less_tfidf_sentence": beside.difference.value},
                explanation="the reader's answers are not clearly better than the whole sentence that shares most "
                "words with the question",
                remedies=(
                    remedy("train longer", setting="training.epochs", old=trained, new=2 * int(trained)),
                    remedy("begin with an encoder that was trained on more text"),
                ),
            )
        )
    return findings


def _findings_told(findings: Sequence[Finding]) -> list[Event]:
    return [
        Event(
            finding.severity,
            f"{finding.explanation}; {finding.remedies[0].change['text']}",
            {"symptom": finding.symptom},
        )
        for finding in findings
        if finding.remedies
    ]
