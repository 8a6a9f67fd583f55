"""A text classifier as a user asks for it: texts with labels and settings in, a classifier out.

Texts are cut, looked up and hashed once. An epoch reads them in an order of its own, since labels often come sorted,
in blocks that are functions of the vectors, of their number and of a seed, as in `word_vectors.py`. Joulin et al. 2017,
Bag of tricks for efficient text classification.
"""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import get_args

import numpy as np
import numpy.typing as npt

from fitwell.errors import DataError, RequestError
from fitwell.vectors.formats.fasttext import LOSSES, MODELS, SAMPLING, Model
from fitwell.vectors.subwords import WHOLE
from fitwell.words.driving import Look, Progress, driven, unwatched
from fitwell.words.encoded import EncodedCorpus, encode
from fitwell.words.huffman import Ways
from fitwell.words.interning import in_order, require_threads
from fitwell.words.matrices import aligned_zeros, padded_width, vector_widths
from fitwell.words.negatives import drawn_words
from fitwell.words.text_classifier import ClassifierLoss, TextClassifier, loss_number, require_labels, ways_of
from fitwell.words.text_rows import PREFIX, TOKENS, Features, TextRows, text_rows
from fitwell.words.texts import Corpus
from fitwell.words.word_checkpoint import Checkpoint, State, restore_state

BLOCK_ROWS = 2**18  # read between two looks, about
EXPONENT = 0.5  # of a label's count, where labels are drawn


@dataclass(frozen=True, kw_only=True)
class ClassifierSettings:
    """How a classifier is learned."""

    dimension: int
    loss: ClassifierLoss
    negative: int  # drawn labels for each text, where the loss has some
    ngrams: int
    shortest: int
    longest: int
    buckets: int
    epochs: int
    min_count: int
    rate: float  # at the beginning; it falls linearly to 0
    seed: int

    def __post_init__(self) -> None:
        """Refuse what cannot be done, at the door."""
        if self.loss not in get_args(ClassifierLoss):
            raise RequestError(f'loss must be one of {", ".join(get_args(ClassifierLoss))}, but is "{self.loss}"')
        for name in ("dimension", "negative", "ngrams", "epochs", "min_count"):
            if getattr(self, name) < 1:
                raise RequestError(f"{name} must be at least 1, but is {getattr(self, name)}")
        if not (self.longest == 0 or 1 <= self.shortest <= self.longest):
            raise RequestError(
                f"parts of words must have 1 to `longest` characters, but are {self.shortest} to {self.longest}; "
                "3 to 6 are usual, and longest=0 does without parts"
            )
        if not 1 <= self.buckets < 2**31:
            raise RequestError(f"buckets must be 1 to {2**31 - 1:,}, but are {self.buckets}; 2,000,000 are usual")
        if not self.rate > 0:
            raise RequestError(f"rate must be above 0, but is {self.rate}; 0.1 to 1 are usual")
        if self.seed < 0:
            raise RequestError(f"seed must be at least 0, but is {self.seed}")

    @property
    def features(self) -> Features:
        """What of a text has a row."""
        has_buckets = self.ngrams > 1 or self.longest > 0
        return Features(
            ngrams=self.ngrams,
            shortest=self.shortest,
            longest=self.longest,
            buckets=self.buckets if has_buckets else 0,
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class Lesson:
    """What there is to learn from."""

    words: tuple[str, ...]
    counts: npt.NDArray[np.int64]
    labels: tuple[str, ...]  # with their prefix
    label_counts: npt.NDArray[np.int64]
    texts: TextRows
    rows: npt.NDArray[
        np.int32
    ]  # those of the texts, numbered without gaps: words first, then the buckets that are used
    used: npt.NDArray[np.int64]  # the bucket of each row that comes after the words'


def classifier(
    texts: Corpus,
    labels: Sequence[object] | None = None,
    *,
    dimension: int = 100,
    loss: ClassifierLoss = "softmax",
    negative: int = 5,
    ngrams: int = 1,
    shortest: int = 3,
    longest: int = 0,
    buckets: int = 2_000_000,
    epochs: int = 5,
    min_count: int = 1,
    rate: float = 0.1,
    threads: int = 1,
    seed: int = 1,
    checkpoint: str | Path | None = None,
    progress: Progress = unwatched,
) -> TextClassifier:
    """Return a classifier of texts, learned from texts with labels, as fastText's supervised one.

    `texts` are a path or an iterable, as for `encode`, cut at white space. Without `labels`, a text's labels are those
    of its tokens that begin with `__label__`; it may have several. With `ngrams`, runs of up to so many words have
    vectors too, with `longest`, parts of words of `shortest` to `longest` characters. Of the losses, "softmax" suits
    texts with one label, "one_vs_all" those with several, "hierarchical_softmax" and "negative_sampling" thousands of
    labels.

    Everything about threads, seeds, Ctrl-C and `checkpoint` is as for `word2vec`.

    Raises:
        DataError: the texts cannot be read, or fewer than two labels are there; or the checkpoint cannot be read.
        RequestError: a setting is wrong, or the checkpoint belongs to another training.
    """
    settings = ClassifierSettings(
        dimension=dimension,
        loss=loss,
        negative=negative,
        ngrams=ngrams,
        shortest=shortest,
        longest=longest,
        buckets=buckets,
        epochs=epochs,
        min_count=min_count,
        rate=rate,
        seed=seed,
    )
    lesson = _lesson(encode(texts, tokenization=TOKENS), labels, settings)
    state = _first_state(lesson, settings)
    kept = None
    if checkpoint is not None:
        asked = {"method": "classifier", **asdict(settings)}
        kept = Checkpoint(path=Path(checkpoint), asked=asked, fingerprint=_fingerprint(lesson))
        restore_state(kept, state)
    driven(_learn(lesson, settings, state, threads=threads), state, checkpoint=kept, progress=progress)
    return TextClassifier(_model(lesson, settings, state))


def _lesson(corpus: EncodedCorpus, given: Sequence[object] | None, settings: ClassifierSettings) -> Lesson:
    counted = Counter(dict(zip(corpus.vocabulary.words, corpus.vocabulary.counts.tolist(), strict=True)))
    counted[WHOLE] += len(corpus.ends)
    frequent = {word: count for word, count in counted.items() if count >= settings.min_count}
    words = _ranked({word: count for word, count in frequent.items() if not word.startswith(PREFIX)})
    own = None
    if given is not None:
        own = [PREFIX + label.removeprefix(PREFIX) for label in require_labels(given, len(corpus.ends))]
        labels = _ranked(Counter(own))
    else:
        labels = _ranked({word: count for word, count in counted.items() if word.startswith(PREFIX)})
    if len(labels) < 2:
        raise DataError(
            f"there must be two labels or more, but there are {len(labels)}; label the texts in a column, or by words "
            f"that begin with {PREFIX}"
        )
    numbers = {label: number for number, label in enumerate(labels)}
    texts = text_rows(
        corpus,
        words={word: number for number, word in enumerate(words)},
        labels=numbers if own is None else {},
        features=settings.features,
    )
    if own is not None:
        of_texts = np.array([numbers[label] for label in own], np.int32)
        texts = replace(texts, labels=of_texts, label_begins=np.arange(len(own) + 1))
    rows, used = _without_gaps(texts.rows, len(words))
    return Lesson(
        words=tuple(words),
        counts=np.array(list(words.values()), np.int64),
        labels=tuple(labels),
        label_counts=np.array(list(labels.values()), np.int64),
        texts=texts,
        rows=rows,
        used=used,
    )


def _without_gaps(rows: npt.NDArray[np.int64], words: int) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]]:
    """Return rows as they are if only buckets that are used have some, and these buckets."""
    of_buckets = rows >= words
    used, places = np.unique(rows[of_buckets] - words, return_inverse=True)
    closed = rows.astype(np.int32)
    closed[of_buckets] = places + words
    return closed, used


def _ranked(counts: dict[str, int]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda entry: -entry[1]))


def _first_state(lesson: Lesson, settings: ClassifierSettings) -> State:
    """Return vectors as training begins: small random ones for what texts consist of, zeros for labels or nodes."""
    width, rows = padded_width(settings.dimension), len(lesson.words) + len(lesson.used)
    inputs, outputs = (aligned_zeros(count * width).reshape(count, width) for count in (rows, len(lesson.labels)))
    drawn = np.random.default_rng([settings.seed, 0]).random((rows, settings.dimension), dtype=np.float32)
    inputs[:, : settings.dimension] = (drawn - np.float32(0.5)) * np.float32(2 / settings.dimension)
    return State({"inputs": inputs, "outputs": outputs})


def _learn(lesson: Lesson, settings: ClassifierSettings, state: State, *, threads: int) -> Iterator[Look]:
    """Go on learning, and yield after each block how it stands; the loss is that of a text, in nats."""
    texts = len(lesson.texts.begins) - 1
    blocks = -(-len(lesson.rows) // BLOCK_ROWS)  # of an epoch
    bounds = np.linspace(0, texts, min(blocks, texts) + 1).astype(np.int64)
    blocks, words = len(bounds) - 1, len(lesson.rows) / texts  # words, and what else has a row, of a text
    read_block = partial(
        _read_block,
        lesson=lesson,
        settings=settings,
        state=state,
        bounds=bounds,
        order_of=lru_cache(2)(lambda epoch: np.random.default_rng([settings.seed, 1, epoch]).permutation(texts)),
        draws=drawn_words(lesson.label_counts, exponent=EXPONENT, generator=np.random.default_rng([settings.seed, 2])),
        ways=ways_of(settings.loss, lesson.label_counts),
    )
    started, first = time.perf_counter(), state.blocks
    numbers = range(first, settings.epochs * blocks)

    def texts_before(number: int) -> int:
        return number // blocks * texts + int(bounds[number % blocks])

    for number, (looked_at, loss) in zip(
        numbers, in_order(read_block, numbers, threads=require_threads(threads)), strict=True
    ):
        state.blocks = number + 1
        done = texts_before(number + 1)
        speed = (done - texts_before(first)) / (time.perf_counter() - started)
        yield Look(
            epoch=done / texts,
            epochs=settings.epochs,
            loss=loss / looked_at if looked_at else float("nan"),
            rate=settings.rate * (1 - done / texts / settings.epochs),
            per_second=speed * words,
            seconds_left=(settings.epochs * texts - done) / speed,
        )


def _read_block(
    number: int,
    *,
    lesson: Lesson,
    settings: ClassifierSettings,
    state: State,
    bounds: npt.NDArray[np.int64],
    order_of: Callable[[int], npt.NDArray[np.int64]],
    draws: npt.NDArray[np.int32],
    ways: Ways,
) -> tuple[int, float]:
    """Learn from one block; return how many texts were looked at, and their loss."""
    from fitwell.words.kernels.classifying import learn_texts

    epoch, block = divmod(number, len(bounds) - 1)
    texts, width = int(bounds[-1]), state.arrays["inputs"].shape[1]
    fall = settings.rate / (settings.epochs * texts)
    return learn_texts(
        order_of(epoch)[bounds[block] : bounds[block + 1]],
        lesson.rows,
        lesson.texts.begins,
        lesson.texts.labels,
        lesson.texts.label_begins,
        state.arrays["inputs"],
        state.arrays["outputs"],
        loss_number(settings.loss),
        draws,
        settings.negative,
        (ways.nodes, ways.turns, ways.begins),
        settings.rate - fall * (epoch * texts + int(bounds[block])),
        fall,
        np.random.SeedSequence([settings.seed, 3, number]).generate_state(1, np.uint64)[0],
        aligned_zeros(4 * width).reshape(4, width),
        vector_widths(width, 0),
    )


def _model(lesson: Lesson, settings: ClassifierSettings, state: State) -> Model:
    """Return the model as fastText has it: all buckets have a row, zeros where no text has used it."""
    words, dimension, features = len(lesson.words), settings.dimension, settings.features
    learned = state.arrays["inputs"][:, :dimension]
    inputs = np.zeros((words + features.buckets, dimension), np.float32)
    inputs[:words] = learned[:words]
    inputs[words + lesson.used] = learned[words:]
    arguments = {
        "dim": dimension,
        "ws": 5,
        "epoch": settings.epochs,
        "minCount": settings.min_count,
        "neg": settings.negative,
        "wordNgrams": settings.ngrams,
        "loss": _number(LOSSES, settings.loss),
        "model": _number(MODELS, "supervised"),
        "bucket": features.buckets,
        "minn": settings.shortest if settings.longest else 0,
        "maxn": settings.longest,
        "lrUpdateRate": 100,
    }
    return Model(
        arguments=arguments,
        sampling=SAMPLING,
        words=lesson.words,
        counts=lesson.counts,
        labels=lesson.labels,
        label_counts=lesson.label_counts,
        tokens=int(lesson.counts.sum() + lesson.label_counts.sum()),
        inputs=inputs,
        outputs=np.ascontiguousarray(state.arrays["outputs"][:, :dimension]),
    )


def _number(table: dict[int, str], name: str) -> int:
    return next(number for number, known in table.items() if known == name)


def _fingerprint(lesson: Lesson) -> str:
    digest = hashlib.blake2b("\0".join([*lesson.words, *lesson.labels]).encode(errors="surrogatepass"), digest_size=16)
    for array in (lesson.texts.rows, lesson.texts.begins, lesson.texts.labels, lesson.texts.label_begins):
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
