"""Word2Vec: every word gets a vector from which the words around it can be told.

The corpus is read in blocks of whole texts. A block is a function of the vectors, of its place in the corpus and of a
seed of its own, so that training with one thread gives the same bits again, also when it was cut off between two blocks
and goes on later. Several threads read several blocks at a time and change the same vectors without waiting for one
another (Recht et al. 2011, Hogwild); what is lost when two change a row at once is less than chance changes.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from fitwell.errors import RequestError
from fitwell.words.encoded import EncodedCorpus
from fitwell.words.interning import in_order, require_threads
from fitwell.words.matrices import FLOATS, aligned_zeros, padded_width
from fitwell.words.negatives import drawn_words
from fitwell.words.vocabulary import Vocabulary, keep_probabilities

Architecture = Literal["skipgram", "cbow"]

BLOCK_TOKENS = 2**18  # read between two looks: some tenths of a second
EXPONENT = 0.75  # of a word's count, where words are drawn
RATES: dict[str, float] = {"skipgram": 0.025, "cbow": 0.05}  # a bag is one step where skip-gram takes several
LAST_RATE = 1e-4  # what the learning rate falls to
MOST_NEGATIVE = 7  # a vector of eight numbers holds them and the middle word


@dataclass(frozen=True, kw_only=True)
class Word2VecSettings:
    """How vectors are learned."""

    architecture: Architecture
    dimension: int
    window: int  # words to each side, at most; how many is drawn for every word
    negative: int  # drawn words for each window
    epochs: int
    min_count: int
    max_size: int | None
    subsample: float
    rate: float  # at the beginning; it falls linearly to LAST_RATE
    seed: int

    def __post_init__(self) -> None:
        """Refuse what cannot be done, at the door."""
        if self.architecture not in get_args(Architecture):
            known = ", ".join(get_args(Architecture))
            raise RequestError(f'architecture must be one of {known}, but is "{self.architecture}"')
        for name in ("dimension", "window", "negative", "epochs"):
            if getattr(self, name) < 1:
                raise RequestError(f"{name} must be at least 1, but is {getattr(self, name)}")
        if self.negative > MOST_NEGATIVE:
            raise RequestError(f"negative must be at most {MOST_NEGATIVE}, but is {self.negative}; 5 is usual")
        if not self.rate > LAST_RATE:
            raise RequestError(f"rate must be above {LAST_RATE}, to which it falls, but is {self.rate}; try 0.025")
        if self.seed < 0:
            raise RequestError(f"seed must be at least 0, but is {self.seed}")


@dataclass
class State:
    """What is learned so far: both vectors of each word, and how many blocks were read."""

    inputs: npt.NDArray[np.float32]  # (words, padded width): the vectors of context words, which are the result
    outputs: npt.NDArray[np.float32]  # (words, padded width): those of the words that are told
    blocks: int


@dataclass(frozen=True, kw_only=True)
class Look:
    """How training stands after a block."""

    epoch: float  # epochs done
    epochs: int
    loss: float  # mean over pairs of words, in nats, in one of some windows; not a number if the block has no window
    rate: float
    words_per_second: float  # words of the corpus, since training began or went on
    seconds_left: float


def first_state(vocabulary: Vocabulary, settings: Word2VecSettings) -> State:
    """Return vectors as training begins: small random ones for the context, zeros for what is told."""
    words, width = len(vocabulary), padded_width(settings.dimension)
    generator = np.random.default_rng([settings.seed, 0])
    inputs, outputs = (aligned_zeros(words * width).reshape(words, width) for _ in range(2))
    drawn = generator.random((words, settings.dimension), dtype=np.float32)
    inputs[:, : settings.dimension] = (drawn - np.float32(0.5)) / np.float32(settings.dimension)
    return State(inputs=inputs, outputs=outputs, blocks=0)


def learn(
    corpus: EncodedCorpus, vocabulary: Vocabulary, settings: Word2VecSettings, state: State, *, threads: int
) -> Iterator[Look]:
    """Go on learning, and yield after each block how it stands; the state is changed in place."""
    blocks = _blocks(corpus)
    total = settings.epochs * len(corpus.ids)
    kept = keep_probabilities(vocabulary.counts, subsample=settings.subsample)
    read_block = partial(
        _read_block,
        corpus=corpus,
        blocks=blocks,
        keep=(kept * np.iinfo(np.uint32).max).astype(np.uint32),
        draws=drawn_words(vocabulary.counts, exponent=EXPONENT, generator=np.random.default_rng([settings.seed, 1])),
        state=state,
        settings=settings,
    )
    started, first = time.perf_counter(), state.blocks
    numbers = range(first, settings.epochs * (len(blocks) - 1))
    for number, (pairs, loss) in zip(
        numbers, in_order(read_block, numbers, threads=require_threads(threads)), strict=True
    ):
        state.blocks = number + 1
        done = _tokens_before(number + 1, corpus, blocks)
        speed = (done - _tokens_before(first, corpus, blocks)) / (time.perf_counter() - started)
        yield Look(
            epoch=done / len(corpus.ids),
            epochs=settings.epochs,
            loss=loss / pairs if pairs else float("nan"),
            rate=_rate(done / total, settings),
            words_per_second=speed,
            seconds_left=(total - done) / speed,
        )


def _blocks(corpus: EncodedCorpus) -> npt.NDArray[np.int64]:
    """Return the first text of each block, and the number of texts."""
    wanted = np.arange(BLOCK_TOKENS, len(corpus.ids), BLOCK_TOKENS)
    inner = np.searchsorted(corpus.ends, wanted)
    bounds = np.unique(np.concatenate([[0], inner, [len(corpus.ends)]]))
    return bounds.astype(np.int64)


def _tokens_before(number: int, corpus: EncodedCorpus, blocks: npt.NDArray[np.int64]) -> int:
    """Return how many tokens come before a block, counted through all epochs."""
    epoch, block = divmod(number, len(blocks) - 1)
    text = int(blocks[block])
    return epoch * len(corpus.ids) + (int(corpus.ends[text - 1]) if text else 0)


def _rate(progress: float, settings: Word2VecSettings) -> float:
    return settings.rate - (settings.rate - LAST_RATE) * progress


def _read_block(
    number: int,
    *,
    corpus: EncodedCorpus,
    blocks: npt.NDArray[np.int64],
    keep: npt.NDArray[np.uint32],
    draws: npt.NDArray[np.int32],
    state: State,
    settings: Word2VecSettings,
) -> tuple[int, float]:
    """Learn from one block; return how many pairs were looked at, and their loss."""
    from fitwell.words.kernels.reading import read, scratch_size

    block = number % (len(blocks) - 1)
    ends = np.ascontiguousarray(corpus.ends[blocks[block] : blocks[block + 1]])
    before, total = _tokens_before(number, corpus, blocks), settings.epochs * len(corpus.ids)
    width = state.inputs.shape[1]
    return read(
        np.asarray(corpus.ids),
        ends,
        _tokens_before(block, corpus, blocks),
        keep,
        draws,
        state.inputs,
        state.outputs,
        aligned_zeros(scratch_size(width, settings.window)),
        settings.window,
        settings.negative,
        settings.architecture == "cbow",
        _rate(before / total, settings),
        (settings.rate - LAST_RATE) / total,
        np.random.SeedSequence([settings.seed, 2, number]).generate_state(1, np.uint64)[0],
        _wide(width, settings.negative),
    )


def _wide(width: int, negative: int) -> Any:
    from fitwell.words.kernels.windows import has_wide_vectors

    return ((0,) * (width // FLOATS), (0,) * negative) if has_wide_vectors() else None
