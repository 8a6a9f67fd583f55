"""GloVe as a user asks for it: a corpus and settings in, vectors out, stopped and resumed at will.

Words that meet often shall have vectors with a large product. Counts come first (`cooccurrence.py`); then their
logarithms are fitted, pair by pair (`kernels/factorizing.py`), block by block, and a block is a function of the vectors
and of its number.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np

from fitwell.errors import DataError, RequestError
from fitwell.vectors import Vectors
from fitwell.words.cooccurrence import Pairs, count_pairs
from fitwell.words.driving import Look, Progress, driven, unwatched
from fitwell.words.encoded import WHITE_SPACE_TOKENS, EncodedCorpus
from fitwell.words.interning import in_order, require_threads
from fitwell.words.matrices import aligned_zeros, padded_width, vector_widths
from fitwell.words.texts import Corpus, Unit
from fitwell.words.tokens import Tokenization
from fitwell.words.vocabulary import Vocabulary
from fitwell.words.word2vec_training import encoded_corpus, resumed
from fitwell.words.word_checkpoint import State


@dataclass(frozen=True, kw_only=True)
class GloveSettings:
    """How vectors are learned."""

    dimension: int
    window: int  # words to each side, at most
    x_max: float  # pairs that meet so often, or more often, count fully
    epochs: int
    min_count: int
    max_size: int | None
    rate: float
    seed: int

    def __post_init__(self) -> None:
        """Refuse what cannot be done, at the door."""
        for name in ("dimension", "epochs"):
            if getattr(self, name) < 1:
                raise RequestError(f"{name} must be at least 1, but is {getattr(self, name)}")
        for name, usual in (("x_max", 100), ("rate", 0.05)):
            if not getattr(self, name) > 0:
                raise RequestError(f"{name} must be above 0, but is {getattr(self, name)}; {usual} is usual")
        if self.seed < 0:
            raise RequestError(f"seed must be at least 0, but is {self.seed}")


def glove(
    corpus: Corpus | EncodedCorpus,
    *,
    dimension: int = 100,
    window: int = 10,
    x_max: float = 100,
    epochs: int = 25,
    min_count: int = 5,
    max_size: int | None = None,
    rate: float = 0.05,
    memory_mb: int = 1000,
    threads: int = 1,
    seed: int = 1,
    tokenization: Tokenization = WHITE_SPACE_TOKENS,
    unit: Unit = "line",
    field: str | None = None,
    checkpoint: str | Path | None = None,
    progress: Progress = unwatched,
) -> Vectors:
    """Return vectors whose products tell how often words stand near each other, as GloVe's program learns them.

    Each word's vector is the sum of the two it has learned. Pairs that meet fewer than `x_max` times count less; 10
    suits small corpora better. Counting takes about `memory_mb` of memory, and more than fits goes to temporary files;
    counts are made anew where a training goes on from a checkpoint. Everything else is as for `word2vec`.

    Raises:
        DataError: the corpus cannot be read, no two words meet in it, or the checkpoint cannot be read.
        RequestError: a setting is wrong, no word is frequent enough, or the checkpoint belongs to another training.
    """
    settings = GloveSettings(
        dimension=dimension,
        window=window,
        x_max=x_max,
        epochs=epochs,
        min_count=min_count,
        max_size=max_size,
        rate=rate,
        seed=seed,
    )
    encoded = encoded_corpus(corpus, tokenization=tokenization, unit=unit, field=field)
    vocabulary = encoded.vocabulary.pruned(min_count=min_count, max_size=max_size)
    state = _first_state(vocabulary, settings)
    asked = {"method": "glove", **asdict(settings)}
    kept = resumed(checkpoint, asked, encoded, state)
    pairs = count_pairs(encoded, words=len(vocabulary), window=window, memory_mb=memory_mb)
    if not len(pairs.records):
        raise DataError(
            "no two words that are frequent enough meet in a text; try a smaller min_count, or longer texts"
        )
    done = driven(_learn(pairs, settings, state, threads=threads), state, checkpoint=kept, progress=progress)
    made = {**asked, "epochs_done": round(done, 3), "tokens": len(encoded.ids)}
    matrix = (state.arrays["words"] + state.arrays["contexts"])[:, :dimension]
    return Vectors(tuple(vocabulary.words), np.ascontiguousarray(matrix), made, vocabulary.counts)


def _first_state(vocabulary: Vocabulary, settings: GloveSettings) -> State:
    """Return small random vectors and biases, both of each word, and 1 for the sums of their squared steps."""
    size, width = len(vocabulary), padded_width(settings.dimension)
    generator = np.random.default_rng([settings.seed, 0])
    names = ("words", "contexts", "word_squares", "context_squares")
    arrays = {name: aligned_zeros(size * width).reshape(size, width) for name in names}
    for name in ("words", "contexts"):
        drawn = generator.random((size, settings.dimension), dtype=np.float32)
        arrays[name][:, : settings.dimension] = (drawn - np.float32(0.5)) / np.float32(settings.dimension)
    for name in ("word_squares", "context_squares"):
        arrays[name][:] = 1  # also where rows are padded: steps are divided by their roots
    biases = np.ones((size, 4), np.float32)
    drawn = generator.random((size, 2), dtype=np.float32)
    biases[:, :2] = (drawn - np.float32(0.5)) / np.float32(settings.dimension)
    return State({**arrays, "biases": biases})


def _learn(pairs: Pairs, settings: GloveSettings, state: State, *, threads: int) -> Iterator[Look]:
    """Go on learning, and yield after each block how it stands; the loss is that of a pair."""
    learn_block = partial(_learn_block, pairs=pairs, settings=settings, state=state)
    started, first = time.perf_counter(), state.blocks
    total, learned = settings.epochs * pairs.blocks, 0
    numbers = range(first, total)
    for number, (size, loss) in zip(
        numbers, in_order(learn_block, numbers, threads=require_threads(threads)), strict=True
    ):
        state.blocks = number + 1
        learned += size
        seconds = time.perf_counter() - started
        yield Look(
            epoch=state.blocks / pairs.blocks,
            epochs=settings.epochs,
            loss=loss / size if size else float("nan"),
            rate=settings.rate,
            per_second=learned / seconds,
            unit="pairs",
            seconds_left=(total - state.blocks) * seconds / (state.blocks - first),
        )


def _learn_block(number: int, *, pairs: Pairs, settings: GloveSettings, state: State) -> tuple[int, float]:
    """Learn from one block in an order of its own; return how many pairs it has, and the sum of their losses."""
    from fitwell.words.kernels.factorizing import factorize

    records = pairs.block(number % pairs.blocks)
    # Put in order once, so that the loop that learns reads them one after the other and waits for none.
    records = records[np.random.default_rng([settings.seed, 1, number]).permutation(len(records))]
    arrays = state.arrays
    return factorize(
        np.ascontiguousarray(records["row"]),
        np.ascontiguousarray(records["column"]),
        np.ascontiguousarray(records["count"]),
        arrays["words"],
        arrays["contexts"],
        arrays["word_squares"],
        arrays["context_squares"],
        arrays["biases"],
        float(settings.x_max),
        float(settings.rate),
        vector_widths(arrays["words"].shape[1], 0),
    )
