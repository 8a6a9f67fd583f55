"""Word2Vec: every word gets a vector from which the words around it can be told.

The corpus is read in blocks of whole texts. A block is a function of the vectors, of its place in the corpus and of a
seed of its own, so that training with one thread gives the same bits again, also when it was cut off between two blocks
and goes on later. Several threads read several blocks at a time and change the same vectors without waiting for one
another (Recht et al. 2011, Hogwild); what is lost when two change a row at once is less than chance changes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from fitwell.compiled import to_be_read
from fitwell.words.driving import Look
from fitwell.words.encoded import EncodedCorpus
from fitwell.words.huffman import Ways, huffman_ways
from fitwell.words.interning import in_order, require_threads
from fitwell.words.matrices import aligned_zeros, padded_width, vector_widths
from fitwell.words.negatives import drawn_words
from fitwell.words.parts import Parts
from fitwell.words.vocabulary import Vocabulary, keep_probabilities
from fitwell.words.word2vec_settings import COMPILED_ON, LAST_RATE, Word2VecSettings
from fitwell.words.word_checkpoint import State

if TYPE_CHECKING:
    from fitwell.words.device_windows import DeviceWindows

BLOCK_TOKENS = 2**18  # read between two looks: some tenths of a second
DEVICE_BLOCK_TOKENS = 2**22  # the same on a device, from which the vectors are brought back for each look
EXPONENT = 0.75  # of a word's count, where words are drawn


def first_state(vocabulary: Vocabulary, settings: Word2VecSettings, parts: Parts | None) -> State:
    """Return vectors as training begins: small random ones for the context, zeros for what is told.

    The arrays are `inputs`, the vectors of context words, or of their own and their parts' rows, and `outputs`, those
    of the words that are told, or of the tree's nodes; their rows are padded to whole cache lines.
    """
    words, width = len(vocabulary), padded_width(settings.dimension)
    rows = parts.size if parts else words
    generator = np.random.default_rng([settings.seed, 0])
    inputs, outputs = (aligned_zeros(count * width).reshape(count, width) for count in (rows, words))
    drawn = generator.random((rows, settings.dimension), dtype=np.float32)
    # A mean of several rows is shorter than each; fastText begins with twice as long ones, word2vec with these.
    longest = np.float32((2 if parts else 1) / settings.dimension)
    inputs[:, : settings.dimension] = (drawn - np.float32(0.5)) * longest
    return State({"inputs": inputs, "outputs": outputs})


def learn(
    corpus: EncodedCorpus,
    vocabulary: Vocabulary,
    settings: Word2VecSettings,
    state: State,
    *,
    parts: Parts | None,
    threads: int,
) -> Iterator[Look]:
    """Go on learning, and yield after each block how it stands; the state is changed in place.

    With `parts`, a word's vector is the mean of its rows of `inputs`. The loss is that of pairs of words, in nats, in
    one of some windows.
    """
    is_compiled = settings.device == COMPILED_ON
    blocks = _blocks(corpus, BLOCK_TOKENS if is_compiled else DEVICE_BLOCK_TOKENS)
    total = settings.epochs * len(corpus.ids)
    kept = keep_probabilities(vocabulary.counts, subsample=settings.subsample)
    draws, ways = _told_by(vocabulary, settings)
    read_block: Callable[[int], tuple[int, float]]
    if is_compiled:
        read_block = partial(
            _read_block,
            corpus=corpus,
            blocks=blocks,
            keep=(kept * np.iinfo(np.uint32).max).astype(np.uint32),
            draws=draws,
            ways=ways,
            parts=parts,
            state=state,
            settings=settings,
        )
    else:
        from fitwell.words.device_windows import DeviceWindows

        windows = DeviceWindows(state, settings=settings, keep=kept, draws=draws)
        read_block = partial(_read_block_there, windows=windows, corpus=corpus, blocks=blocks, settings=settings)
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
            per_second=speed,
            seconds_left=(total - done) / speed,
        )


def _told_by(vocabulary: Vocabulary, settings: Word2VecSettings) -> tuple[npt.NDArray[np.int32], Ways | None]:
    """Return drawn words, or the way to each word in a tree."""
    if settings.loss == "hierarchical_softmax":
        return np.zeros(1, np.int32), huffman_ways(vocabulary.counts)
    generator = np.random.default_rng([settings.seed, 1])
    return drawn_words(vocabulary.counts, exponent=EXPONENT, generator=generator), None


def _blocks(corpus: EncodedCorpus, tokens: int) -> npt.NDArray[np.int64]:
    """Return the first text of each block of about so many tokens, and the number of texts."""
    wanted = np.arange(tokens, len(corpus.ids), tokens)
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
    ways: Ways | None,
    parts: Parts | None,
    state: State,
    settings: Word2VecSettings,
) -> tuple[int, float]:
    """Learn from one block; return how many pairs were looked at, and their loss."""
    from fitwell.words.kernels.reading import read, scratch_size
    from fitwell.words.kernels.windows import TARGETS

    block = number % (len(blocks) - 1)
    # A copy, because numba compiles anew for what may not be written to, as in a file.
    ends = np.array(corpus.ends[blocks[block] : blocks[block + 1]])
    before, total = _tokens_before(number, corpus, blocks), settings.epochs * len(corpus.ids)
    inputs, outputs = state.arrays["inputs"], state.arrays["outputs"]
    width = inputs.shape[1]
    drawn = settings.negative if ways is None else TARGETS - 1
    return read(
        to_be_read(corpus.ids),
        ends,
        _tokens_before(block, corpus, blocks),
        keep,
        draws,
        None if ways is None else (ways.nodes, ways.turns, ways.begins),
        inputs,
        outputs,
        None if parts is None else (parts.rows, parts.begins),
        aligned_zeros(scratch_size(width, settings.window)),
        settings.window,
        drawn,
        settings.architecture == "cbow",
        _rate(before / total, settings),
        (settings.rate - LAST_RATE) / total,
        _seed(number, settings),
        vector_widths(width, drawn),
    )


def _seed(number: int, settings: Word2VecSettings) -> np.uint64:
    """Return the seed of a block."""
    seed: np.uint64 = np.random.SeedSequence([settings.seed, 2, number]).generate_state(1, np.uint64)[0]
    return seed


def _read_block_there(
    number: int,
    *,
    windows: DeviceWindows,
    corpus: EncodedCorpus,
    blocks: npt.NDArray[np.int64],
    settings: Word2VecSettings,
) -> tuple[int, float]:
    """Learn from one block on a device; return how many pairs were looked at, and their loss."""
    from fitwell.words.device_windows import Stretch

    block = number % (len(blocks) - 1)
    ends = np.array(corpus.ends[blocks[block] : blocks[block + 1]])
    first, total = _tokens_before(block, corpus, blocks), settings.epochs * len(corpus.ids)
    rates = [_rate(_tokens_before(each, corpus, blocks) / total, settings) for each in (number, number + 1)]
    ids = np.array(corpus.ids[first : ends[-1]])
    return windows.read(
        Stretch(ids=ids, ends=ends - first, rates=(rates[0], rates[1]), seed=int(_seed(number, settings)))
    )
