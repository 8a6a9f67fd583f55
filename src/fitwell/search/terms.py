"""Texts become counts of terms: words are cut, lowered, and with a stemmer those of one stem are one term.

Documents and queries go the same way, so that what they share is found. Which words there are is learned from the
documents; a word of a query that none of them has is no term.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from fitwell.words.interning import Interned, WordTable, decoded, in_order, interned, require_threads
from fitwell.words.texts import PIECE_BYTES, Piece, piece_of
from fitwell.words.tokens import Tokenization

TOKENS = Tokenization(pattern=r"\w+", lowercase=True, normalization="NFKC")


class Counted(NamedTuple):
    """How often each text has each word, and the words."""

    words: list[str]
    counts: sp.csr_matrix  # (texts, words), of int32; the columns of a row rise
    lengths: NDArray[np.int64]  # (texts,): how many words each text has


class Asked(NamedTuple):
    """Queries as known terms: those of query i from `ends[i]` to `ends[i + 1]`, each once, rising."""

    terms: NDArray[np.int32]
    counts: NDArray[np.int32]  # how often the query has each
    ends: NDArray[np.int64]


def count_words(texts: Iterable[str], *, threads: int | None = None) -> Counted:
    """Return how often each text has each word, words in order of first sight.

    >>> counted = count_words(["A rose is a rose", "Is it?"])
    >>> counted.words, counted.counts.toarray().tolist()
    (['a', 'rose', 'is', 'it'], [[2, 2, 1, 0], [0, 0, 1, 1]])
    """
    from fitwell.words.kernels.counting import counted

    table = WordTable()
    parts = []
    for piece in in_order(partial(interned, tokenization=TOKENS), _pieces(texts), threads=require_threads(threads)):
        numbers = table.numbers_of(piece)
        parts.append((*counted(piece.ids, piece.ends, numbers, table.size), np.diff(piece.ends, prepend=0)))
    features, often, ends, lengths = zip(*parts, strict=True)
    starts = np.cumsum([0, *map(len, features)])
    pointers = np.concatenate([[0], *(end + start for end, start in zip(ends, starts, strict=False))])
    matrix = sp.csr_matrix(
        (np.concatenate(often), np.concatenate(features), pointers), shape=(len(pointers) - 1, table.size)
    )
    return Counted(table.words(), matrix, np.concatenate(lengths))


def as_terms(counted: Counted, stem: Callable[[str], str]) -> Counted:
    """Return the same counts by stem, ordered by name.

    >>> as_terms(count_words(["cats and a cat"]), lambda word: word.rstrip("s")).counts.toarray().tolist()
    [[1, 1, 2]]
    """
    stems = [stem(word) for word in counted.words]
    terms = sorted(set(stems))
    numbers = {term: number for number, term in enumerate(terms)}
    of_words = np.fromiter((numbers[each] for each in stems), np.int32, len(stems))
    shape = (len(counted.lengths), len(terms))
    columns = of_words[counted.counts.indices]
    # Copied, because adding up duplicates moves what the counts of words stand in.
    matrix = sp.csr_matrix((counted.counts.data, columns, counted.counts.indptr), shape=shape, copy=True)
    matrix.sum_duplicates()
    return Counted(terms, matrix, counted.lengths)


def words_of(queries: Sequence[str]) -> Interned:
    """Return the words of queries as numbers."""
    return interned(piece_of(queries), TOKENS)


def ask(words: Interned, numbers: Mapping[str, int], stem: Callable[[str], str]) -> Asked:
    """Return queries as known terms.

    >>> ask(words_of(["A rose, a rose", "cats"]), {"cat": 0, "rose": 1}, lambda word: word.rstrip("s"))
    Asked(terms=array([1, 0], dtype=int32), counts=array([2, 1], dtype=int32), ends=array([0, 1, 2]))
    """
    from fitwell.words.kernels.counting import counted

    known = [numbers.get(stem(word), -1) for word in decoded(words.letters, words.offsets)]
    terms, counts, ends = counted(words.ids, words.ends, np.array(known, np.int32), len(numbers))
    return Asked(terms, counts, np.concatenate([[0], ends]))


def _pieces(texts: Iterable[str]) -> Iterable[Piece]:
    batch, size = list[str](), 0
    for text in texts:
        batch.append(text)
        size += len(text)
        if size >= PIECE_BYTES:
            yield piece_of(batch)
            batch, size = [], 0
    if batch:
        yield piece_of(batch)
