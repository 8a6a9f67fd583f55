"""Word2Vec: every word gets a vector from which the words around it can be told.

The corpus is read in blocks of whole texts. A block is a function of the vectors, of its place in the corpus and of a
seed of its own, so that training gives the same bits again, also when it was cut off between two blocks and goes on
later. Several threads read several blocks at a time, each in pieces, and agree after each piece (`replicas`).
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from fitwell.compiled import to_be_read
from fitwell.words.driving import Look
from fitwell.words.encoded import EncodedCorpus
from fitwell.words.huffman import Ways, huffman_ways
from fitwell.words.interning import require_threads
from fitwell.words.lesson import Lesson, divided, text_after
from fitwell.words.matrices import aligned_zeros, padded_width, vector_widths
from fitwell.words.negatives import drawn_words
from fitwell.words.parts import Parts
from fitwell.words.replicas import FIRST_PIECE, PULL, Replicas, words_of_piece
from fitwell.words.vocabulary import Vocabulary, keep_probabilities
from fitwell.words.word2vec_settings import COMPILED_ON, LAST_RATE, Word2VecSettings
from fitwell.words.word_checkpoint import State

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
    """Go on learning, and yield after each block or some how it stands; the state is changed in place.

    With `parts`, a word's vector is the mean of its rows of `inputs`. The loss is that of pairs of words, in nats, in
    one of some windows.
    """
    threads = require_threads(threads)
    is_compiled = settings.device == COMPILED_ON
    kept = keep_probabilities(vocabulary.counts, subsample=settings.subsample)
    with ThreadPoolExecutor(1) as another:
        told_by = another.submit(_told_by, vocabulary, settings)
        replicas = None
        if is_compiled and threads > 1:
            touches = _touches(vocabulary, kept, settings, parts)
            replicas = Replicas(state, touches, pull=PULL[settings.architecture], threads=threads)
        draws, ways = told_by.result()
    lesson = Lesson(
        corpus=corpus,
        blocks=_blocks(corpus, BLOCK_TOKENS if is_compiled else DEVICE_BLOCK_TOKENS),
        keep=(kept * np.iinfo(np.uint32).max).astype(np.uint32),
        draws=draws,
        ways=ways,
        parts=parts,
        settings=settings,
    )
    if not is_compiled:
        looks = _read_there(lesson, state, kept)
    elif replicas is None:
        looks = _read_alone(lesson, state)
    else:
        looks = _read_together(lesson, state, replicas)
    total, first = lesson.total, lesson.tokens_before(state.blocks)
    started = time.perf_counter()
    for blocks, pairs, loss in looks:
        state.blocks = blocks
        done = lesson.tokens_before(blocks)
        speed = (done - first) / (time.perf_counter() - started)
        yield Look(
            epoch=done / len(corpus.ids),
            epochs=settings.epochs,
            loss=loss / pairs if pairs else float("nan"),
            rate=lesson.rate(done),
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


@dataclass(frozen=True, kw_only=True, eq=False)
class Seen:
    """Vectors as a thread sees them, and what tells words there."""

    inputs: npt.NDArray[np.float32]
    outputs: npt.NDArray[np.float32]
    draws: npt.NDArray[np.int32]  # rows of `outputs`
    own: int  # words from this number on have rows further behind
    further: int
    scratch: npt.NDArray[np.float32]


@dataclass(frozen=True)
class Done:
    """What came of reading."""

    texts: int
    pairs: int  # looked at
    loss: float  # of these


def _read(
    lesson: Lesson,
    seen: Seen,
    texts: tuple[int, int],
    stopped: npt.NDArray[np.bool_],
    before: int,
    seed: tuple[int, ...],
) -> Done:
    """Learn from texts, `before` which so many tokens were read, until a thread with the same flag is done."""
    from fitwell.words.kernels.reading import read

    settings, ways, parts = lesson.settings, lesson.ways, lesson.parts
    state: np.uint64 = np.random.SeedSequence([settings.seed, 2, *seed]).generate_state(1, np.uint64)[0]
    return Done(
        *read(
            to_be_read(lesson.corpus.ids),
            np.array(lesson.corpus.ends[slice(*texts)]),  # a copy: numba compiles anew for what may not be written to
            lesson.first_token(texts[0]),
            lesson.keep,
            seen.draws,
            None if ways is None else (ways.nodes, ways.turns, ways.begins),
            seen.inputs,
            seen.outputs,
            seen.own,
            seen.further,
            None if parts is None else (parts.rows, parts.begins),
            seen.scratch,
            settings.window,
            lesson.drawn,
            settings.architecture == "cbow",
            lesson.rate(before),
            (settings.rate - LAST_RATE) / lesson.total,
            state,
            stopped,
            vector_widths(seen.inputs.shape[1], lesson.drawn),
        )
    )


def _scratch(lesson: Lesson, state: State) -> npt.NDArray[np.float32]:
    from fitwell.words.kernels.reading import scratch_size

    return aligned_zeros(scratch_size(state.arrays["inputs"].shape[1], lesson.settings.window))


def _read_alone(lesson: Lesson, state: State) -> Iterator[tuple[int, int, float]]:
    """Learn from one block after the other; yield how many are done, pairs looked at in the last, and their loss."""
    seen = Seen(
        inputs=state.arrays["inputs"],
        outputs=state.arrays["outputs"],
        draws=lesson.draws,
        own=len(lesson.keep),
        further=0,
        scratch=_scratch(lesson, state),
    )
    for block in range(state.blocks, lesson.all_blocks):
        done = _read(lesson, seen, lesson.texts(block, block + 1), _flag(), lesson.tokens_before(block), (block,))
        yield block + 1, done.pairs, done.loss


def _read_together(lesson: Lesson, state: State, replicas: Replicas) -> Iterator[tuple[int, int, float]]:
    """Do the same with several threads, which read as many blocks of an epoch at a time, each a stretch of them."""
    scratch = [_scratch(lesson, state) for _ in range(replicas.threads)]
    seen = [_seen_by(thread, lesson, replicas, its) for thread, its in enumerate(scratch)]
    with ThreadPoolExecutor(replicas.threads) as pool:
        block = state.blocks
        while block < lesson.all_blocks:
            end_of_epoch = (block // lesson.blocks_of_epoch + 1) * lesson.blocks_of_epoch
            until = min(block + replicas.threads, end_of_epoch)
            pieces = list(_read_in_pieces(lesson, pool, replicas, seen, block, until))
            block = until
            yield block, sum(piece.pairs for piece in pieces), sum(piece.loss for piece in pieces)


def _read_in_pieces(
    lesson: Lesson, pool: Executor, replicas: Replicas, seen: Sequence[Seen], block: int, until: int
) -> Iterator[Done]:
    """Learn from some blocks, and have the threads agree after every piece."""
    before, left, number = lesson.tokens_before(block), [lesson.texts(block, until)], 0
    while left:
        stretches = divided(lesson, left, replicas.threads)
        rate, longest = lesson.rate(before), max(lesson.tokens(*texts) for texts in stretches)
        times = max(1, round(longest / words_of_piece(before, rate)))
        pieces = [(first, text_after(lesson, first, last, -(-longest // times))) for first, last in stretches]
        # Who has read a piece stops the others, so that nobody waits; the shortest ones are read to their ends.
        flags = [_flag()] * len(pieces) if longest > FIRST_PIECE else [_flag() for _ in pieces]
        seeds = [(block, number, thread) for thread in range(len(pieces))]
        done = list(pool.map(partial(_read, lesson), seen, pieces, flags, [before] * len(pieces), seeds))
        yield from done
        reached = [first + its.texts for (first, _), its in zip(stretches, done, strict=True)]
        words = sum(lesson.tokens(first, place) for (first, _), place in zip(stretches, reached, strict=True))
        replicas.agree(pool, words / replicas.threads, rate=rate)
        left = [(place, last) for place, (_, last) in zip(reached, stretches, strict=True) if place < last]
        before, number = before + words, number + 1


def _seen_by(thread: int, lesson: Lesson, replicas: Replicas, scratch: npt.NDArray[np.float32]) -> Seen:
    """Return the vectors as one of several threads sees them."""
    further, draws = replicas.further(thread), lesson.draws
    return Seen(
        inputs=replicas.seen_by(thread, "inputs"),
        outputs=replicas.seen_by(thread, "outputs"),
        draws=draws + np.int32(further) * (draws >= replicas.own),
        own=replicas.own,
        further=further,
        scratch=scratch,
    )


def _flag() -> npt.NDArray[np.bool_]:
    return np.zeros(1, np.bool_)


def _touches(
    vocabulary: Vocabulary, kept: npt.NDArray[np.float64], settings: Word2VecSettings, parts: Parts | None
) -> dict[str, npt.NDArray[np.float64]]:
    """Return how often the row of each word is touched for each word that is read, for arrays whose rows are words'.

    A word that is kept stands in the windows of `window` + 1 others, on average; and it is told apart from drawn words.
    """
    share = vocabulary.counts * kept / vocabulary.counts.sum()
    touches = dict[str, npt.NDArray[np.float64]]()
    if parts is None:
        touches["inputs"] = (settings.window + 1) * share
    if settings.loss == "negative_sampling":
        drawn = vocabulary.counts.astype(np.float64) ** EXPONENT
        touches["outputs"] = share + settings.negative * share.sum() * drawn / drawn.sum()
    return touches


def _read_there(lesson: Lesson, state: State, keep: npt.NDArray[np.float64]) -> Iterator[tuple[int, int, float]]:
    """Learn from one block after the other on a device."""
    from fitwell.words.device_windows import DeviceWindows, Stretch

    windows = DeviceWindows(state, settings=lesson.settings, keep=keep, draws=lesson.draws)
    for block in range(state.blocks, lesson.all_blocks):
        first, last = lesson.texts(block, block + 1)
        begin = lesson.first_token(first)
        ends = np.array(lesson.corpus.ends[first:last])
        rates = lesson.rate(lesson.tokens_before(block)), lesson.rate(lesson.tokens_before(block + 1))
        seed: np.uint64 = np.random.SeedSequence([lesson.settings.seed, 2, block]).generate_state(1, np.uint64)[0]
        ids = np.array(lesson.corpus.ids[begin : ends[-1]])
        yield block + 1, *windows.read(Stretch(ids=ids, ends=ends - begin, rates=rates, seed=int(seed)))
