"""The job of Word2Vec as a user asks for it: a corpus and settings in, vectors out, stopped and resumed at will."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np

from fitwell.data.sources import existing_path
from fitwell.interrupts import interruptible
from fitwell.vectors import Vectors
from fitwell.words.corpus_file import is_corpus_file, open_corpus
from fitwell.words.encoded import WHITE_SPACE_TOKENS, EncodedCorpus, encode
from fitwell.words.texts import Corpus, Unit
from fitwell.words.tokens import Tokenization
from fitwell.words.word_checkpoint import fingerprint_of, restored, save_state
from fitwell.words.word_vectors import RATES, Architecture, Look, Word2VecSettings, first_state, learn

CHECKPOINT_SECONDS = 60.0


def unwatched(_look: Look) -> None:
    """Take no notice of how training stands."""


def word2vec(
    corpus: Corpus | EncodedCorpus,
    *,
    architecture: Architecture = "skipgram",
    dimension: int = 100,
    window: int = 5,
    negative: int = 5,
    epochs: int = 5,
    min_count: int = 5,
    max_size: int | None = None,
    subsample: float = 1e-3,
    rate: float | None = None,
    threads: int = 1,
    seed: int = 1,
    tokenization: Tokenization = WHITE_SPACE_TOKENS,
    unit: Unit = "line",
    field: str | None = None,
    checkpoint: str | Path | None = None,
    progress: Callable[[Look], None] = unwatched,
) -> Vectors:
    """Return a vector for each word that occurs often enough, learned from the words around it.

    "skipgram" tells each word from every single word around it, "cbow" from their mean: faster, and better for frequent
    words only. `rate` is the learning rate at the beginning, 0.025, or 0.05 for "cbow", unless another is given.

    The corpus is a path or an iterable, as for `encode`, or one that is encoded, also as a file; then it has its
    tokenization. With one thread the same call gives the same bits. Ctrl-C ends training after the block at hand, and
    what was learned is returned; `made` then says how many epochs that were. With `checkpoint`, the state is saved
    there every minute and at Ctrl-C, the same call goes on from it to the bits of a training that was never stopped
    (with one thread), and it is removed at the end.

    Raises:
        DataError: the corpus cannot be read, or the checkpoint cannot.
        RequestError: a setting is wrong, no word is frequent enough, or the checkpoint belongs to another training.
    """
    settings = Word2VecSettings(
        architecture=architecture,
        dimension=dimension,
        window=window,
        negative=negative,
        epochs=epochs,
        min_count=min_count,
        max_size=max_size,
        subsample=subsample,
        rate=RATES.get(architecture, RATES["skipgram"]) if rate is None else rate,
        seed=seed,
    )
    encoded = encoded_corpus(corpus, tokenization=tokenization, unit=unit, field=field)
    vocabulary = encoded.vocabulary.pruned(min_count=min_count, max_size=max_size)
    place = None if checkpoint is None else Path(checkpoint)
    fingerprint = fingerprint_of(encoded) if place else ""
    resumes = place is not None and place.exists()
    state = (
        restored(place, vocabulary, settings, fingerprint) if place and resumes else first_state(vocabulary, settings)
    )
    epochs_done = 0.0
    saved = time.monotonic()
    with interruptible() as interruption:
        for look in learn(encoded, vocabulary, settings, state, threads=threads):
            epochs_done = look.epoch
            progress(look)
            due = interruption.asked or time.monotonic() - saved > CHECKPOINT_SECONDS
            if place and due:
                save_state(place, state, settings, fingerprint)
                saved = time.monotonic()
            if interruption.asked:
                break
    if place and epochs_done >= epochs:
        place.unlink(missing_ok=True)
    made = {"method": "word2vec", **asdict(settings), "epochs_done": round(epochs_done, 3), "tokens": len(encoded.ids)}
    matrix = np.ascontiguousarray(state.inputs[:, :dimension])
    return Vectors(tuple(vocabulary.words), matrix, made, vocabulary.counts)


def encoded_corpus(
    corpus: Corpus | EncodedCorpus, *, tokenization: Tokenization, unit: Unit, field: str | None
) -> EncodedCorpus:
    """Return a corpus as numbers, whatever it came as."""
    if isinstance(corpus, EncodedCorpus):
        return corpus
    if isinstance(corpus, str | Path):
        path = existing_path(corpus)
        if path.is_file() and is_corpus_file(path):
            return open_corpus(path)
    return encode(corpus, tokenization=tokenization, unit=unit, field=field)
