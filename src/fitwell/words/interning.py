"""Pieces of text become numbers, several pieces at a time: token numbers, and the words that they stand for."""

from __future__ import annotations

import itertools
import os
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from fitwell.errors import RequestError
from fitwell.words.texts import Piece, Tokens, piece_of
from fitwell.words.tokens import RUNS, Tokenization, folding

Given = TypeVar("Given")
Made = TypeVar("Made")


@dataclass(frozen=True, kw_only=True, eq=False)
class Interned:
    """Tokens of some texts as numbers of words, and the words, numbered in order of first sight."""

    ids: npt.NDArray[np.int32]  # (tokens,)
    ends: npt.NDArray[np.int64]  # (texts,): how many tokens there are up to the end of each text
    rows: npt.NDArray[np.uint64]  # (words, 4): see kernels/interning.py
    letters: npt.NDArray[np.uint8]  # all words end to end, in UTF-8
    offsets: npt.NDArray[np.int64]  # (words + 1,)

    @classmethod
    def of(cls, arrays: Sequence[Any]) -> Interned:
        """Name what a compiled loop returned, in the order of the fields."""
        ids, ends, rows, letters, offsets = arrays
        return cls(ids=ids, ends=ends, rows=rows, letters=letters, offsets=offsets)


def require_threads(threads: int | None) -> int:
    """Return how many threads to use: all cores that this process may use, unless a number is given.

    Raises:
        RequestError: the number is below 1.
    """
    if threads is None:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if threads < 1:
        raise RequestError(f"threads must be at least 1, but is {threads}; leave it out to use every core")
    return threads


def in_order(work: Callable[[Given], Made], given: Iterable[Given], *, threads: int) -> Iterator[Made]:
    """Yield the work on each thing given, in order, doing as many as there are threads at a time.

    >>> list(in_order(str.upper, "abc", threads=2))
    ['A', 'B', 'C']
    """
    if threads == 1:
        yield from map(work, given)
        return
    with ThreadPoolExecutor(threads) as pool:
        running = deque[Future[Made]]()
        for each in given:
            running.append(pool.submit(work, each))
            if len(running) > threads:  # one waits, so that no thread does
                yield running.popleft().result()
        while running:
            yield running.popleft().result()


def read_ahead(given: Iterator[Given]) -> Iterator[Given]:
    """Yield what is given, the next being made by another thread meanwhile.

    >>> list(read_ahead(iter("abc")))
    ['a', 'b', 'c']
    """
    with ThreadPoolExecutor(1) as reader:
        following = reader.submit(list, itertools.islice(given, 1))
        while made := following.result():
            following = reader.submit(list, itertools.islice(given, 1))
            yield from made


def interned(piece: Piece | Tokens, tokenization: Tokenization) -> Interned:
    """Return the tokens of a piece as numbers."""
    if not isinstance(piece, Piece):
        return intern_lists(piece)
    if tokenization.pattern in RUNS:
        scanned = _scanned(piece, tokenization)
        if scanned is not None:
            return scanned
    return intern_lists(map(tokenization.tokens, piece.texts()))


def intern_lists(texts: Iterable[Sequence[str]]) -> Interned:
    """Return texts that are lists of tokens as numbers."""
    numbers = defaultdict[str, int]()
    numbers.default_factory = numbers.__len__
    ids, ends = list[int](), list[int]()
    for tokens in texts:
        ids.extend(map(numbers.__getitem__, tokens))
        ends.append(len(ids))
    return _with_rows(np.array(ids, np.int32), np.array(ends, np.int64), list(numbers))


def decoded(letters: npt.NDArray[np.uint8], offsets: npt.NDArray[np.int64]) -> list[str]:
    """Return words as Python's strings: where no word has the character 0, it stands between them, and one call splits.

    >>> decoded(np.frombuffer(b"arose", np.uint8), np.array([0, 1, 5]))
    ['a', 'rose']
    """
    if not letters.all():
        bounds = itertools.pairwise(offsets.tolist())
        return [letters[start:end].tobytes().decode("utf-8", "surrogatepass") for start, end in bounds]
    apart: npt.NDArray[np.uint8] = np.insert(letters, offsets[1:], 0)
    return apart.tobytes().decode("utf-8", "surrogatepass").split("\0")[:-1]


class WordTable:
    """Words with their numbers, in order of first sight, growing as pieces come."""

    def __init__(self) -> None:
        """Begin without words."""
        from fitwell.words.kernels.interning import FEW

        self.size = 0
        self.index = np.zeros(FEW, np.uint64)
        self.rows = np.empty((FEW, 4), np.uint64)
        self.letters = np.empty(FEW, np.uint8)
        self.offsets = np.zeros(FEW + 1, np.int64)

    def numbers_of(self, piece: Interned) -> npt.NDArray[np.int32]:
        """Enter the words of a piece and return their numbers here."""
        from fitwell.words.kernels.interning import merged

        self._make_room(len(piece.rows), len(piece.letters))
        self.index, self.size, numbers = merged(
            self.index, self.rows, self.letters, self.offsets, self.size, piece.rows, piece.letters, piece.offsets
        )
        return numbers

    def words(self) -> list[str]:
        """Return the words in order of their numbers."""
        return decoded(self.letters[: self.offsets[self.size]], self.offsets[: self.size + 1])

    def _make_room(self, words: int, letters: int) -> None:
        if self.size + words > len(self.rows):
            room = 2 * (self.size + words)
            self.rows = _grown(self.rows, (room, 4))
            self.offsets = _grown(self.offsets, (room + 1,))
        used = int(self.offsets[self.size])
        if used + letters > len(self.letters):
            self.letters = _grown(self.letters, (2 * (used + letters),))


Scalar = TypeVar("Scalar", bound=np.generic)


def _grown(array: npt.NDArray[Scalar], shape: tuple[int, ...]) -> npt.NDArray[Scalar]:
    grown = np.empty(shape, array.dtype)
    grown[: len(array)] = array
    return grown


def _scanned(piece: Piece, tokenization: Tokenization) -> Interned | None:
    """Return what the compiled loop makes of a piece, or None if it holds characters that need their neighbors."""
    from fitwell.words.kernels.interning import scanned

    ascii_only = piece.text.isascii()
    if tokenization.normalization != "none" and not ascii_only:
        piece = piece_of([tokenization.prepared(text) for text in piece.texts()])
    characters, least = RUNS[tokenization.pattern]
    folded = folding(characters, lowercase=tokenization.lowercase, ascii_only=piece.text.isascii())
    text = np.frombuffer(piece.text, np.uint8)
    usual, *arrays = scanned(text, piece.ends, folded, least)
    return Interned.of(arrays) if usual else None


def _with_rows(ids: npt.NDArray[np.int32], ends: npt.NDArray[np.int64], words: list[str]) -> Interned:
    from fitwell.words.kernels.interning import summaries

    encoded = [word.encode("utf-8", "surrogatepass") for word in words]
    letters = np.frombuffer(bytearray().join(encoded), np.uint8)  # may be written to, as what compiled loops return
    offsets = np.cumsum([0, *map(len, encoded)], dtype=np.int64)
    return Interned(ids=ids, ends=ends, rows=summaries(letters, offsets), letters=letters, offsets=offsets)
