"""A training on questions before its first step: read, divided, cut into windows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from fitwell import recipe as recipes
from fitwell.answering.lesson import Asked, Cut, Division, asked_of, cut_of, divided, every_of, rows_of, windows_for
from fitwell.answering.network import SpanNetwork, span_loss
from fitwell.answering.planning import require_suitable, resolved, window_for
from fitwell.answering.reader import Making
from fitwell.answering.squad import Squad, read_squad, require_labelled
from fitwell.answering.windows import Cutting
from fitwell.devices import require_device
from fitwell.errors import RequestError, RunError
from fitwell.events import Event, Listener
from fitwell.learning import Setup
from fitwell.pretrained.folder import encoder_of, open_folder
from fitwell.recipe import Recipe
from fitwell.run import Run, json_bytes
from fitwell.showing import versions
from fitwell.training.loop import batching, first_state
from fitwell.training.members import member_rates, member_settings
from fitwell.training.population import build_population, make_program, members_of

FEW_QUESTIONS = 300  # to train on, fewer of which teach a reader little


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
