"""Everything that a pretraining needs before its first step, a function of the corpus and of what is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from fitwell.errors import DataError, RequestError
from fitwell.pretrained.pretraining.checkpoint import Checkpoint, saved_tokenizer
from fitwell.pretrained.pretraining.corpus import Divided, Sequences, divided, sequences_of
from fitwell.pretrained.pretraining.masking import Pieces
from fitwell.pretrained.pretraining.measuring import Question, questions_of
from fitwell.pretrained.pretraining.origin import Origin, from_folder, new_origin, pieces_of
from fitwell.pretrained.pretraining.settings import BATCH, CONTINUED_RATE, RATE, Learning, Shape, usual_batch
from fitwell.pretrained.pretraining.vocabulary import vocabulary_for
from fitwell.pretrained.tokenizer import opened
from fitwell.words.texts import Corpus, Unit


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """What is learned, from what, and what it is measured on."""

    origin: Origin
    settings: Learning  # with a rate and a batch
    pieces: Pieces
    sequences: Sequences
    frequencies: npt.NDArray[np.float64]  # (vocabulary,): shares of the pieces learned from, each counted once more
    questions: list[Question]  # held out
    checkpoint: Checkpoint


def prepared(
    corpus: Corpus,
    *,
    shape: Shape | None,
    learning: Learning,
    start: str | Path | None,
    checkpoint: Path,
    unit: Unit,
    field: str | None,
) -> Prepared:
    """Divide and cut a corpus, and open or make what is to learn from it.

    Raises:
        DataError: the corpus or a folder cannot be read, or the corpus is too small.
        RequestError: a setting is wrong, or the checkpoint is of another training.
    """
    settings = learning if learning.rate else replace(learning, rate=RATE if start is None else CONTINUED_RATE)
    asked: Mapping[str, object] = {
        **({"start": str(start)} if start is not None else asdict(shape or Shape())),
        **asdict(settings),
    }
    tokenizer = saved_tokenizer(checkpoint, asked) if checkpoint.exists() else None
    texts = divided(corpus, unit=unit, field=field, share=settings.held_out, seed=settings.seed)
    origin = _origin(texts, shape, settings, start, tokenizer)
    pieces = pieces_of(origin)
    sequences, held_out = (_sequences(each, origin, pieces, settings) for each in (texts.learned, texts.held_out))
    if settings.batch is None:
        usual = BATCH if settings.steps else usual_batch(len(sequences.numbers), settings.epochs)
        settings = replace(settings, batch=usual)
    _require_enough(sequences, held_out, settings)
    return Prepared(
        origin=origin,
        settings=settings,
        pieces=pieces,
        sequences=sequences,
        frequencies=_frequencies(sequences, pieces),
        questions=questions_of(held_out, pieces, share=settings.masked, seed=settings.seed),
        checkpoint=Checkpoint(path=checkpoint, asked=asked, corpus=sequences.digest(), tokenizer=origin.tokenizer),
    )


def _origin(
    texts: Divided, shape: Shape | None, settings: Learning, start: str | Path | None, tokenizer: str | None
) -> Origin:
    if start is not None:
        if shape is not None:
            raise RequestError(f"the shape is that of {start}, which pretraining starts from; leave the shape out")
        return from_folder(start, length=settings.length)
    shape = shape or Shape()
    if tokenizer is None:
        tokenizer = vocabulary_for(texts.learned, size=shape.vocabulary, lowercase=shape.lowercase)
    return new_origin(shape, tokenizer, length=settings.length, dropout=settings.dropout)


def _sequences(texts: list[str], origin: Origin, pieces: Pieces, settings: Learning) -> Sequences:
    tokenizer = opened(origin.tokenizer, source="the model")
    return sequences_of(tokenizer, texts, length=settings.length).having(pieces.is_ordinary)


def _require_enough(sequences: Sequences, held_out: Sequences, settings: Learning) -> None:
    assert settings.batch is not None
    if len(sequences.numbers) < settings.batch:
        raise DataError(
            f"a corpus must have at least as many pieces as a batch, {settings.batch:,}, but this one has "
            f"{len(sequences.numbers):,} to learn from; bring more text, or ask for a smaller batch"
        )
    if not len(held_out):
        raise DataError(
            f"some texts must be held out to be measured on, but a share of {settings.held_out} of them has no piece; "
            "bring more text, or hold out more"
        )


def _frequencies(sequences: Sequences, pieces: Pieces) -> npt.NDArray[np.float64]:
    ordinary = sequences.numbers[pieces.is_ordinary[sequences.numbers]]
    counts = np.bincount(ordinary, minlength=len(pieces.is_ordinary)).astype(np.float64) + 1
    return counts / float(counts.sum())
