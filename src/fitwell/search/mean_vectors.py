"""A text as the mean of its words' vectors, frequent words counting less: smooth inverse frequency.

Arora, Liang and Ma 2017, A simple but tough-to-beat baseline for sentence embeddings: a word of share p among all words
of the documents weighs a / (a + p), and what all texts have in common, the direction of their first singular vector, is
taken out of every mean. Queries go the same way.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from fitwell.errors import RequestError
from fitwell.search.terms import Counted
from fitwell.vectors import Vectors

SMOOTH = 1e-3  # a; the paper's
BESIDE = 200_000  # words of the vectors, the first ones, that queries may use though no document has them


@dataclass(frozen=True, kw_only=True, eq=False)
class WordTable:
    """Words with a vector and a weight each, and the direction that all texts have in common."""

    words: list[str]
    vectors: NDArray[np.float32]  # (words, width)
    weights: NDArray[np.float64]  # (words,)
    common: NDArray[np.float64]  # (width,), of length 1, or of zeros


def known_words(vectors: Vectors, words: list[str]) -> Vectors:
    """Return the vectors of these words, where there are any, and of the first words of the vectors; all are lowered.

    Raises:
        RequestError: none of the words has a vector.
    """
    rows = dict[str, int]()
    for row, word in enumerate(vectors.words):
        rows.setdefault(word.lower(), row)
    table = {word: vectors.matrix[row] for word, row in rows.items() if row < BESIDE}
    known = 0
    for word in words:
        if word in rows:
            table[word] = vectors.matrix[rows[word]]
        elif vectors.subwords:
            table[word] = vectors.vector(word)
        known += word in table
    if not known:
        shown = ", ".join(words[:3])
        raise RequestError(f"none of the documents' {len(words):,} words ({shown}, …) has a vector; name another file")
    return Vectors(tuple(table), np.stack(list(table.values())))


def weighted(known: Vectors, counted: Counted) -> tuple[WordTable, NDArray[np.float32]]:
    """Return what queries need, and the vector of each text.

    >>> from fitwell.search.terms import count_words
    >>> known = Vectors(("east", "north"), np.float32([[1, 0], [0, 1]]))
    >>> table, texts = weighted(known, count_words(["east", "north north", "east north"]))
    >>> table.weights.round(4).tolist()
    [0.002, 0.002]
    """
    often = np.bincount(counted.counts.indices, counted.counts.data, len(counted.words))
    of_words = {word: number for number, word in enumerate(counted.words)}
    numbers = np.array([of_words.get(word, -1) for word in known.words])
    shares = np.where(numbers >= 0, often[numbers], 0) / max(often.sum(), 1)
    weights = SMOOTH / (SMOOTH + shares)
    here = np.flatnonzero(numbers >= 0)
    matrix = counted.counts[:, numbers[here]].astype(np.float64)
    means = np.asarray(matrix @ (weights[here, None] * known.checked[here]))
    common = _common(means)
    table = WordTable(words=list(known.words), vectors=known.matrix, weights=weights, common=common)
    return table, _without(means, common).astype(np.float32)


def mean_vectors(table: WordTable, counts: sp.csr_matrix) -> NDArray[np.float64]:
    """Return the vectors of queries from how often each has each word of the table; unknown words add nothing."""
    used = np.unique(counts.indices)
    weighted = table.weights[used, None] * table.vectors[used].astype(np.float64)
    return _without(np.asarray(counts[:, used] @ weighted), table.common)


def _common(means: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the first right singular vector of texts' directions; one text alone has nothing in common."""
    lengths = np.linalg.norm(means, axis=1)
    if np.count_nonzero(lengths) < 2:
        return np.zeros(means.shape[1])
    directions = means[lengths > 0] / lengths[lengths > 0, None]
    _, vectors = np.linalg.eigh(directions.T @ directions)
    top: NDArray[np.float64] = vectors[:, -1]
    return top * (1 if top[np.abs(top).argmax()] >= 0 else -1)


def _without(means: NDArray[np.float64], common: NDArray[np.float64]) -> NDArray[np.float64]:
    left: NDArray[np.float64] = means - np.outer(means @ common, common)
    # What lies along the common direction alone leaves rounding, which is no direction.
    left[np.linalg.norm(left, axis=1) < 1e-9 * np.linalg.norm(means, axis=1)] = 0
    return left
