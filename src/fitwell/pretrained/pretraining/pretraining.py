"""An encoder is pretrained: a corpus and settings in, a folder out that Fitwell and Hugging Face's libraries read."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from fitwell.errors import RequestError, SurroundingsError
from fitwell.interrupts import interruptible
from fitwell.metrics.figure import Figure
from fitwell.pretrained.pretraining.beginning import begun_with
from fitwell.pretrained.pretraining.checkpoint import restore, save
from fitwell.pretrained.pretraining.learning import Batches, State, flattened, learn
from fitwell.pretrained.pretraining.measuring import Told, accuracy, perplexity, told_by, told_by_counts
from fitwell.pretrained.pretraining.model import MaskedModel
from fitwell.pretrained.pretraining.origin import model_of
from fitwell.pretrained.pretraining.preparing import Prepared, prepared
from fitwell.pretrained.pretraining.saving import save_model
from fitwell.pretrained.pretraining.settings import Learning, Shape
from fitwell.words.texts import Corpus, Unit

CHECKPOINT = "checkpoint.safetensors"
CHECKPOINT_SECONDS = 60.0
LOOKS = 10  # how often held-out texts are asked
PLANNED = 20  # steps after which a time limit decides how many there will be
AGAIN = 1.25  # times so many steps later it decides again: a machine's speed changes
KEPT_FREE = 0.07  # of a time limit, for the files, and for steps that take longer
ASKING = 1 / 3  # of a step's time is what telling alone takes


@dataclass(frozen=True, kw_only=True)
class PretrainingLook:
    """How a pretraining stands after a step."""

    step: int
    steps: int
    loss: float  # nats for a masked piece
    held_out: float | None  # the same on held-out texts, where they were just asked
    rate: float
    per_second: float  # pieces
    seconds_left: float


Progress = Callable[[PretrainingLook], None]


@dataclass(frozen=True, kw_only=True)
class Pretrained:
    """What a pretraining brought."""

    folder: Path
    steps: int  # that were done
    epochs: float
    is_finished: bool
    is_interrupted: bool  # by Ctrl-C, rather than by the end of its time
    perplexity: Figure  # of masked pieces of held-out texts
    accuracy: Figure  # the share of them that were told
    unigram_perplexity: Figure  # where pieces are told by how frequent they are
    unigram_accuracy: Figure
    history: list[dict[str, float]]


def unwatched(_look: PretrainingLook) -> None:
    """Take no notice of how training stands."""


def pretrain(
    corpus: Corpus,
    folder: str | Path,
    *,
    shape: Shape | None = None,
    learning: Learning | None = None,
    start: str | Path | None = None,
    time_limit: float | None = None,
    unit: Unit = "line",
    field: str | None = None,
    progress: Progress = unwatched,
) -> Pretrained:
    """Learn an encoder from a corpus by telling masked pieces from those around them, and write it as a folder.

    The folder is as Hugging Face's libraries save a `BertForMaskedLM`, and serves wherever Fitwell takes an encoder. It
    is new, of a `shape` and with a vocabulary made for the corpus; or what `start` holds, the folder of another one of
    BERT's family, goes on learning. A share of the texts is held out and measured on. With `time_limit`, in seconds,
    the steps are as many as fit, and the learning rate ends with them. Ctrl-C leaves a usable folder; the same call
    goes on from what was saved there last, and ends with the same bits.

    Raises:
        DataError: the corpus cannot be read or is too small, or a folder is damaged.
        RequestError: a setting is wrong, or the folder holds something else.
        SurroundingsError: the package tokenizers is not installed, or the folder cannot be written.
    """
    started, folder = time.monotonic(), Path(folder)
    if time_limit is not None and not time_limit > 0:
        raise RequestError(f"time_limit must be above 0 seconds, but is {time_limit}")
    _require_room(folder)
    ready = prepared(
        corpus,
        shape=shape,
        learning=learning or Learning(),
        start=start,
        checkpoint=folder / CHECKPOINT,
        unit=unit,
        field=field,
    )
    model = _begun(ready)
    folder.mkdir(exist_ok=True)
    result = _result(folder, ready, _learned(ready, model, _Clock(started, time_limit), progress))
    save_model(folder, ready.origin, model, _told(ready, result))
    if result.is_finished:
        (folder / CHECKPOINT).unlink(missing_ok=True)
    return result


def _begun(ready: Prepared) -> MaskedModel:
    """Return the model before its first step, or before what is in a checkpoint is filled in."""
    settings = ready.settings
    model = model_of(ready.origin, ready.frequencies, seed=settings.seed)
    if settings.skipgram and ready.origin.folder is None and not ready.checkpoint.path.exists():
        width = ready.origin.configuration.width
        numbers, vectors = begun_with(ready.sequences, ready.pieces, width=width, seed=settings.seed)
        with torch.no_grad():
            model.encoder.entries.weight[torch.from_numpy(numbers)] = vectors
    return model


def _require_room(folder: Path) -> None:
    """Refuse a folder that holds something else than a pretraining that goes on."""
    if not folder.absolute().parent.is_dir():
        raise SurroundingsError(f"{folder} cannot be made: there is no folder {folder.parent}; make it first")
    if folder.exists() and not folder.is_dir():
        raise RequestError(f"a pretrained encoder is written as a folder, but {folder} is a file; name another")
    if not folder.is_dir() or (folder / CHECKPOINT).exists():
        return
    # Hidden ones are left by a training that was killed while it wrote its first checkpoint.
    if any(not entry.name.startswith(".") for entry in folder.iterdir()):
        raise RequestError(f"{folder} must be new or empty, but holds files already; name another folder")


@dataclass(frozen=True)
class _Clock:
    """When a training began, and how long it may take."""

    started: float
    limit: float | None

    @property
    def left(self) -> float:
        return float("inf") if self.limit is None else self.started + self.limit - time.monotonic()


@dataclass(frozen=True)
class _Learned:
    """A training that was left: its state, what held-out texts say, and whether somebody asked to leave."""

    state: State
    told: Told
    is_interrupted: bool


def _learned(ready: Prepared, model: MaskedModel, clock: _Clock, progress: Progress) -> _Learned:
    """Go through a training to its last step, to Ctrl-C or to the end of its time; return how it stands."""
    flat = flattened(model)
    batches = Batches.of(ready.sequences, ready.settings)
    state = State(
        flat.weights, torch.zeros_like(flat.weights), torch.zeros_like(flat.weights), batches.steps(ready.settings)
    )
    most = state.steps
    if ready.checkpoint.path.exists():
        restore(ready.checkpoint, state)
        if clock.limit is None:
            state.steps = most
    began, first, read, saved = time.monotonic(), state.step, 0, time.monotonic()
    plan = state.step + PLANNED
    told: Told | None = None
    with interruptible() as interruption:
        for step in learn(model, flat, state, ready.sequences, ready.pieces, ready.settings):
            read += step.pieces
            seconds = (time.monotonic() - began) / (state.step - first)
            if clock.limit is not None and state.step == plan:
                state.steps = min(most, _steps_within(clock.left - KEPT_FREE * clock.limit, ready, state, seconds))
                plan = math.ceil(AGAIN * plan)
            told = _asked(ready, model, state)
            progress(
                PretrainingLook(
                    step=state.step,
                    steps=state.steps,
                    loss=step.loss,
                    held_out=None if told is None else told.loss,
                    rate=step.rate,
                    per_second=read / (time.monotonic() - began),
                    seconds_left=seconds * (state.steps - state.step),
                )
            )
            leaves = (interruption.asked or clock.left <= 0) and state.step < state.steps
            if leaves or time.monotonic() - saved > CHECKPOINT_SECONDS:
                save(ready.checkpoint, state)
                saved = time.monotonic()
            if leaves:
                break
    return _Learned(state, told or told_by(model, ready.questions), interruption.asked and state.step < state.steps)


def _asked(ready: Prepared, model: MaskedModel, state: State) -> Told | None:
    """Ask the held-out texts where it is time to, and remember what they answer."""
    if state.step * LOOKS // state.steps == (state.step - 1) * LOOKS // state.steps:
        return None
    told = told_by(model, ready.questions)
    loss = sum(state.losses) / len(state.losses)
    state.history.append({"step": state.step, "loss": loss, "held_out_loss": told.loss})
    state.losses.clear()
    return told


def _steps_within(left: float, ready: Prepared, state: State, seconds: float) -> int:
    """Return how many steps there can be if the seconds that are left shall suffice for them."""
    pieces = sum(len(question.masked.numbers) for question in ready.questions)
    looks = LOOKS * (1 - state.step / state.steps)
    assert ready.settings.batch is not None
    asking = looks * ASKING * seconds * pieces / ready.settings.batch
    return state.step + max(1, int((left - asking) / seconds))


def _result(folder: Path, ready: Prepared, learned: _Learned) -> Pretrained:
    state = learned.state
    by_counts = told_by_counts(ready.frequencies, ready.questions)
    return Pretrained(
        folder=folder,
        steps=state.step,
        epochs=state.step / Batches.of(ready.sequences, ready.settings).of_epoch,
        is_finished=state.step == state.steps,
        is_interrupted=learned.is_interrupted,
        perplexity=perplexity(learned.told),
        accuracy=accuracy(learned.told),
        unigram_perplexity=perplexity(by_counts),
        unigram_accuracy=accuracy(by_counts),
        history=state.history,
    )


def _told(ready: Prepared, result: Pretrained) -> dict[str, Any]:
    """Return what stands about a pretraining in its folder."""
    figures = ("perplexity", "accuracy", "unigram_perplexity", "unigram_accuracy")
    return {
        "version": 1,
        "asked": dict(ready.checkpoint.asked),
        "pieces": len(ready.sequences.numbers),
        "sequences": len(ready.sequences),
        "held_out_pieces": sum(len(question.masked.numbers) for question in ready.questions),
        "masked_pieces": sum(question.count for question in ready.questions),
        "steps": result.steps,
        "epochs": result.epochs,
        "is_finished": result.is_finished,
        "figures": {name: getattr(result, name).as_json() for name in figures},
        "history": result.history,
    }
