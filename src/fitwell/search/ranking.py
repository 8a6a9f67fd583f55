"""Ways of ranking: each finds the passages that are nearest to queries, by what an index holds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from fitwell.search.contents import Contents
from fitwell.search.lists import Ranked, WeightedTerms
from fitwell.search.mean_vectors import mean_vectors
from fitwell.search.postings import found
from fitwell.search.stemming import STEMMERS
from fitwell.search.terms import ask
from fitwell.vectors.analogies import unit_rows
from fitwell.vectors.search.exact import nearest as nearest_rows
from fitwell.vectors.search.graphs import MOST_BY_GRAPH, nearest_by_graph
from fitwell.words.interning import Interned


class Queries(NamedTuple):
    """What is asked, as texts and as their words."""

    texts: Sequence[str]
    words: Interned
    passages: NDArray[np.int64] | None = None  # of the index, if the texts are theirs


def _by_bm25(contents: Contents, queries: Queries, count: int) -> Ranked:
    asked = contents.asked(queries.words)
    return found(
        contents.postings("bm25"), WeightedTerms(asked.terms, asked.counts.astype(np.float32), asked.ends), count=count
    )


def _by_tfidf(contents: Contents, queries: Queries, count: int) -> Ranked:
    asked = contents.asked(queries.words)
    weights = (1 + np.log(asked.counts)) * contents.generation["tfidf_idf"][asked.terms]
    lengths = np.sqrt(np.add.reduceat(np.append(weights**2, 0), asked.ends[:-1])) if len(weights) else np.ones(0)
    weights /= np.repeat(lengths, np.diff(asked.ends)) if len(weights) else 1
    return found(
        contents.postings("tfidf"), WeightedTerms(asked.terms, weights.astype(np.float32), asked.ends), count=count
    )


def _by_words(contents: Contents, queries: Queries, count: int) -> Ranked:
    asked = ask(queries.words, contents.word_numbers, STEMMERS["none"])
    shape = (len(asked.ends) - 1, len(contents.word_numbers))
    means = mean_vectors(contents.word_table, sp.csr_matrix((asked.counts, asked.terms, asked.ends), shape=shape))
    return _by_vectors(contents, "words", means, count)


def _by_sentences(contents: Contents, queries: Queries, count: int) -> Ranked:
    if queries.passages is not None:
        known = contents.vectors("sentences")[0][queries.passages].astype(np.float64)
        return _by_vectors(contents, "sentences", known, count)
    vectors = contents.encoder.encode(queries.texts).astype(np.float64)
    vectors[[not text.strip() for text in queries.texts]] = 0
    return _by_vectors(contents, "sentences", vectors, count)


def _by_vectors(contents: Contents, way: str, means: NDArray[np.float64], count: int) -> Ranked:
    matrix, codes = contents.vectors(way)
    count = min(count, len(matrix))
    ranked = Ranked(np.full((len(means), count), -1, np.int64), np.zeros((len(means), count)))
    known = np.flatnonzero(means.any(axis=1))  # what has no direction has no neighbors
    if len(known):
        directions, along = unit_rows(means[known]), contents.walked(way) if count <= MOST_BY_GRAPH else None
        near = (
            nearest_rows(matrix, directions, count=count, codes=codes)
            if along is None
            else nearest_by_graph(matrix, directions, count=count, along=along)
        )
        ranked.documents[known] = np.where(near.similarities == 0, -1, near.rows)
        ranked.scores[known] = near.similarities
    return ranked


SEARCHES: dict[str, Callable[[Contents, Queries, int], Ranked]] = {
    "bm25": _by_bm25,
    "tfidf": _by_tfidf,
    "words": _by_words,
    "sentences": _by_sentences,
}
