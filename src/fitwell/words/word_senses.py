"""The senses of a word: its vectors in context, clustered, beside what static vectors can tell.

A static vector of a word is the same in every sentence, so that by itself it tells no senses apart. The most that
static vectors can do is to look at the words around: their mean stands in for it here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from fitwell.errors import RequestError
from fitwell.vectors import Vectors
from fitwell.vectors.analogies import unit_rows
from fitwell.vectors.geometry import principal
from fitwell.words.occurrences import Occurrence, occurrences_of, texts_of
from fitwell.words.sense_clusters import Clustering, agreement_with, clustered
from fitwell.words.texts import Corpus, Unit
from fitwell.words.tokens import Tokenization

NEIGHBORS = 5  # words to each side, as for Word2Vec
STATIC_WIDTH = 50
STATIC_LEAST = 2  # how often a word must come to get a static vector
FEWEST = 2
MOST = 2000
PLAIN_WORDS = Tokenization(pattern=r"\w+", lowercase=True)


class WordsInContext(Protocol):
    """Words and their vectors in a text, as a pretrained encoder or an ELMo model gives them."""

    @property
    def words(self) -> list[str]: ...
    @property
    def vectors(self) -> NDArray[np.float32]: ...


class ContextualEncoder(Protocol):
    """Gives every word of a text a vector that depends on the text."""

    def word_vectors(self, texts: Sequence[str], layer: int = -1) -> Sequence[WordsInContext]:
        """Return the words of each text, and their vectors (words, width)."""
        ...


@dataclass(frozen=True, kw_only=True, eq=False)
class View:
    """Occurrences as one kind of vectors sees them."""

    labels: NDArray[np.int64]  # (occurrences,): the cluster of each, from 0, the largest first
    typical: NDArray[np.float64]  # (occurrences,): distance from the center of its cluster
    points: NDArray[np.float64]  # (occurrences, 2)
    shares: NDArray[np.float64]  # (2,): of the spread, that each direction of the points has


@dataclass(frozen=True, kw_only=True, eq=False)
class Senses:
    """A word's occurrences, and the senses they fall into."""

    word: str
    occurrences: tuple[Occurrence, ...]
    contextual: View
    static: View  # the same occurrences by the static vectors of the words around, in as many clusters
    static_from: str  # which vectors those are
    agreement: dict[int, float]  # of two halves of the sentences, for each number of senses that was tried

    @property
    def count(self) -> int:
        """How many senses were found."""
        return int(self.contextual.labels.max()) + 1

    def examples(self, sense: int, count: int = 5) -> list[Occurrence]:
        """Return occurrences of a sense, the most typical first."""
        own = np.flatnonzero(self.contextual.labels == sense)
        return [
            self.occurrences[place] for place in own[np.argsort(self.contextual.typical[own], kind="stable")[:count]]
        ]

    def judged(self, truth: Sequence[str]) -> dict[str, tuple[float, float]]:
        """Return for `contextual` and `static` the adjusted Rand index and the accuracy, given each text's true sense.

        Raises:
            RequestError: there are fewer true senses than texts.
        """
        last = max(each.source for each in self.occurrences)
        if len(truth) <= last:
            raise RequestError(f"each text needs its true sense, but there are {len(truth):,} of {last + 1:,} texts")
        own = [truth[each.source] for each in self.occurrences]
        views = {"contextual": self.contextual, "static": self.static}
        return {name: agreement_with(view.labels, own) for name, view in views.items()}


def senses(
    word: str,
    corpus: Corpus,
    *,
    encoder: ContextualEncoder,
    layer: int = -1,
    vectors: Vectors | None = None,
    count: int | None = None,
    most: int = MOST,
    seed: int = 0,
    unit: Unit = "line",
    field: str | None = None,
) -> Senses:
    """Return the senses of a word in a corpus: how many there are, unless `count` says it, and which a sentence has.

    `encoder` is what `fw.pretrained.open_encoder` or `fw.words.load_elmo` opened. Without `vectors`, static ones are
    learned from the corpus (skip-gram). Corpus, `unit` and `field` are as for `encode`; an iterable is kept in memory.

    Raises:
        RequestError: the word does not occur, or only once; there is no such layer. DataError: the corpus cannot be
        read.
    """
    if count is not None and count < 1:
        raise RequestError(f"count must be at least 1, but is {count}; leave it out to let the sentences decide")
    kept: Corpus = corpus if isinstance(corpus, str | Path) else list(corpus)
    occurrences = occurrences_of(word, texts_of(kept, unit=unit, field=field), most=most)
    if len(occurrences) < FEWEST:
        raise RequestError(
            f'senses are told apart by comparing sentences, but "{word}" occurs only once; take a larger corpus'
        )
    occurrences, found = _in_context(word, occurrences, encoder, layer)
    contextual = clustered(found, seed=seed, clusters=count)
    static_from = "vectors that were given" if vectors is not None else "skip-gram vectors of this corpus"
    own = _static_vectors(kept, unit, field) if vectors is None else vectors
    around = np.stack([_around(each, own) for each in occurrences])
    static = clustered(around, seed=seed, clusters=int(contextual.labels.max()) + 1)
    return Senses(
        word=word,
        occurrences=tuple(occurrences),
        contextual=_view(found, contextual),
        static=_view(around, static),
        static_from=static_from,
        agreement=contextual.agreement,
    )


def _in_context(
    word: str, occurrences: Sequence[Occurrence], encoder: ContextualEncoder, layer: int
) -> tuple[list[Occurrence], NDArray[np.float32]]:
    """Return the occurrences that the encoder takes for the word too, and their vectors (occurrences, width)."""
    folded, kept, rows = word.casefold(), list[Occurrence](), list[NDArray[np.float32]]()
    texts = list(dict.fromkeys(each.text for each in occurrences))
    read = dict(zip(texts, encoder.word_vectors(texts, layer=layer), strict=True))
    for each in occurrences:
        found = read[each.text]
        places = [place for place, known in enumerate(found.words) if known.casefold() == folded]
        if each.earlier < len(places):
            kept.append(each)
            rows.append(found.vectors[places[each.earlier]])
    if len(kept) < FEWEST:
        raise RequestError(
            f'the encoder must take "{word}" for a word, but does so in {len(kept)} of {len(occurrences)} sentences; '
            "ask for a word without punctuation, or take another encoder"
        )
    return kept, np.stack(rows)


def _static_vectors(corpus: Corpus, unit: Unit, field: str | None) -> Vectors:
    from fitwell.words.word2vec_training import word2vec

    return word2vec(
        corpus,
        dimension=STATIC_WIDTH,
        window=NEIGHBORS,
        min_count=STATIC_LEAST,
        tokenization=PLAIN_WORDS,
        unit=unit,
        field=field,
    )


def _around(occurrence: Occurrence, vectors: Vectors) -> NDArray[np.float32]:
    """Return the mean of the directions of the words around; zeros where none is known."""
    left = re.findall(r"\w+", occurrence.text[: occurrence.start])[-NEIGHBORS:]
    right = re.findall(r"\w+", occurrence.text[occurrence.end :])[:NEIGHBORS]
    rows = [_row(word, vectors) for word in left + right]
    known = [row for row in rows if row is not None]
    if not known:
        return np.zeros(vectors.width, np.float32)
    mean: NDArray[np.float32] = unit_rows(vectors.matrix[known]).mean(0).astype(np.float32)
    return mean


def _row(word: str, vectors: Vectors) -> int | None:
    row = vectors.rows.get(word)
    return vectors.rows.get(word.lower()) if row is None else row


def _view(vectors: NDArray[np.float32], found: Clustering) -> View:
    seen = principal(unit_rows(vectors), 2)
    return View(labels=found.labels, typical=found.typical, points=seen.points, shares=seen.shares)
