"""Texts become counts: how often each feature occurs in each text, as sparse rows, on several threads."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from fitwell.words.features import Analysis, features_of
from fitwell.words.interning import Interned, WordTable, decoded, in_order
from fitwell.words.texts import Piece


@dataclass(frozen=True, kw_only=True, eq=False)
class Counts:
    """Sparse rows, one a text: the features it has, rising, and how often it has each."""

    features: npt.NDArray[np.int32]  # (entries,)
    counts: npt.NDArray[np.int32]  # (entries,)
    ends: npt.NDArray[np.int64]  # (texts + 1,): row i goes from ends[i] to ends[i + 1]
    lengths: npt.NDArray[np.int64]  # (texts,): how many features each text has, unknown ones too


@dataclass(frozen=True, eq=False)
class _Numbered:
    piece: Interned
    numbers: npt.NDArray[np.int32]  # what the piece's words are called here, -1 for unknown ones
    size: int  # one more than the largest number


def count_new(pieces: Iterable[Piece], analysis: Analysis, *, threads: int) -> tuple[Counts, WordTable]:
    """Return the counts of all features, numbered in order of first sight, and the features."""
    table = WordTable()
    numbered = (_Numbered(piece, table.numbers_of(piece), table.size) for piece in _analyzed(pieces, analysis, threads))
    return _stacked(in_order(_counted, numbered, threads=threads)), table


def count_known(pieces: Iterable[Piece], analysis: Analysis, known: Mapping[str, int], *, threads: int) -> Counts:
    """Return the counts of known features."""

    def numbered() -> Iterator[_Numbered]:
        for piece in _analyzed(pieces, analysis, threads):
            words = decoded(piece.letters, piece.offsets)
            numbers = np.fromiter((known.get(word, -1) for word in words), np.int32, len(words))
            yield _Numbered(piece, numbers, len(known))

    return _stacked(in_order(_counted, numbered(), threads=threads))


def ranks_by_name(table: WordTable, words: list[str]) -> npt.NDArray[np.int32]:
    """Return the place of each word among all, ordered as Python orders strings.

    UTF-8 orders bytes as it orders characters, so that the numbers in a word's row order most words; those that begin
    with the same sixteen bytes are ordered one by one.
    """
    first, second, length, _ = table.rows[: table.size].T
    keys = [_left_aligned(first, length), _left_aligned(second, np.maximum(length, 8) - 8)]
    order = np.lexsort((length, keys[1], keys[0]))
    alike = np.ones(len(order) - 1, bool) & (length[order][1:] > 16)
    for key in keys:
        alike &= key[order][1:] == key[order][:-1]
    for start, end in _runs(alike):
        order[start:end] = sorted(order[start:end].tolist(), key=words.__getitem__)
    ranks = np.empty(len(order), np.int32)
    ranks[order] = np.arange(len(order), dtype=np.int32)
    return ranks


def _left_aligned(number: npt.NDArray[np.uint64], bytes_held: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    missing = np.uint64(8) - np.minimum(bytes_held, np.uint64(8))
    # Shifting by all 64 bits is undefined; there is nothing to shift then.
    return number << (np.uint64(8) * np.minimum(missing, np.uint64(7)))


def _runs(alike: npt.NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    """Yield where runs of places that are like the next begin and end, the last like one included."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], alike, [False]]).astype(np.int8))).tolist()
    for start, end in zip(edges[::2], edges[1::2], strict=True):
        yield start, end + 1


def _analyzed(pieces: Iterable[Piece], analysis: Analysis, threads: int) -> Iterator[Interned]:
    return in_order(partial(features_of, analysis=analysis), pieces, threads=threads)


def _counted(numbered: _Numbered) -> Counts:
    from fitwell.words.kernels.counting import counted

    piece = numbered.piece
    features, counts, ends = counted(piece.ids, piece.ends, numbered.numbers, numbered.size)
    return Counts(features=features, counts=counts, ends=ends, lengths=np.diff(piece.ends, prepend=0))


def _stacked(parts: Iterable[Counts]) -> Counts:
    parts = list(parts)
    starts = itertools.accumulate((len(part.features) for part in parts), initial=0)
    ends = [part.ends + start for part, start in zip(parts, starts, strict=False)]
    return Counts(
        features=np.concatenate([np.zeros(0, np.int32), *(part.features for part in parts)]),
        counts=np.concatenate([np.zeros(0, np.int32), *(part.counts for part in parts)]),
        ends=np.concatenate([np.zeros(1, np.int64), *ends]),
        lengths=np.concatenate([np.zeros(0, np.int64), *(part.lengths for part in parts)]),
    )
