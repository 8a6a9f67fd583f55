"""Words with a vector each, as one value that nothing changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, overload

import numpy as np

import fitwell.vectors.formats as formats
from fitwell.errors import DataError, RequestError
from fitwell.vectors.analogies import Method, answers, require_method, unit_rows
from fitwell.vectors.contents import Contents
from fitwell.vectors.search.codes import coded
from fitwell.vectors.search.coding import Codes, Found
from fitwell.vectors.search.exact import nearest, worth_coding
from fitwell.vectors.spelling import nearest_spelling
from fitwell.vectors.subwords import Subwords, unseen_vector

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

ROWS_AT_ONCE = 1 << 16


class Neighbor(NamedTuple):
    """A word and how similar it is."""

    word: str
    similarity: float


@dataclass(frozen=True, eq=False)
class Vectors:
    """Words with a vector each: looked up, compared, searched and saved.

    >>> import numpy as np
    >>> v = Vectors(("east", "north", "up"), np.float32([[1, 0, 0], [0, 1, 0], [0, 0, 1]]))
    >>> v
    Vectors(3 words, width 3)
    >>> v.similarity("east", "north")
    0.0

    Raises:
        DataError: words and rows are not equally many, or a word comes twice.
    """

    words: tuple[str, ...]
    matrix: NDArray[np.float32]  # (words, width); may be a map of a file
    made: Mapping[str, object] = field(default_factory=dict)  # how they were made; plain values that JSON can hold
    counts: NDArray[np.int64] | None = None  # how often each word was seen
    subwords: Subwords | None = None  # gives words that were never seen a vector

    def __post_init__(self) -> None:
        """Check the parts against one another."""
        matrix = np.ascontiguousarray(self.matrix, np.float32)
        if matrix.ndim != 2 or len(matrix) != len(self.words) or not matrix.size:
            raise DataError(f"{len(self.words)} words need a matrix of as many rows, but it is {self.matrix.shape}")
        matrix = matrix.view()
        matrix.flags.writeable = False
        object.__setattr__(self, "matrix", matrix)
        object.__setattr__(self, "words", tuple(self.words))

    def __repr__(self) -> str:
        """Tell the size; a million words would not help."""
        parts = ", parts of words" if self.subwords else ""
        return f"Vectors({len(self.words):,} words, width {self.width}{parts})"

    @property
    def width(self) -> int:
        """How many values a vector has."""
        return int(self.matrix.shape[1])

    @cached_property
    def rows(self) -> Mapping[str, int]:
        """The row of every word."""
        rows = dict(zip(self.words, range(len(self.words)), strict=True))
        if len(rows) < len(self.words):
            twice = next(word for row, word in enumerate(self.words) if rows[word] != row)
            raise DataError(f'every word must come once, but "{twice}" comes twice; leave the later ones out')
        return rows

    def vector(self, word: str) -> NDArray[np.float32]:
        """Return the vector of a word, made from its parts if it was never seen and there are parts.

        Raises:
            RequestError: the word is unknown; the nearest spelling is offered.
            DataError: its values are not finite numbers.
        """
        row = self.rows.get(word)
        if row is not None:
            own: NDArray[np.float32] = self.matrix[row]
            self._require_finite(row, own[None])
            return own
        made = unseen_vector(word, self.subwords) if self.subwords else None
        if made is None:
            near = nearest_spelling(word, self.words)
            raise RequestError(f'"{word}" is none of the {len(self.words):,} words{near}')
        return made

    @overload
    def neighbors(self, of: str, count: int = 10) -> list[Neighbor]: ...
    @overload
    def neighbors(self, of: list[str] | tuple[str, ...], count: int = 10) -> list[list[Neighbor]]: ...
    @overload
    def neighbors(self, of: ArrayLike, count: int = 10) -> list[Neighbor] | list[list[Neighbor]]: ...
    def neighbors(self, of: ArrayLike, count: int = 10) -> list[Neighbor] | list[list[Neighbor]]:
        """Return the words nearest by cosine similarity, exactly these, the nearest first.

        `of` is a word or a vector, or several: then each gets its list. A word is not its own neighbor. From some ten
        thousand words on, the first call prepares the search (a second or two for a million words).

        Raises:
            RequestError: a word is unknown, the count is below 1, or a vector has another width.
        """
        _require_count(count)
        if isinstance(of, str):
            return self._neighbors_of_words([of], count)[0]
        if isinstance(of, list | tuple) and of and isinstance(of[0], str):
            return self._neighbors_of_words([str(word) for word in of], count)
        directions = np.asarray(of, np.float64)
        found = self._searched(np.atleast_2d(directions), count)
        listed = [self._listed(found, number, frozenset(), count) for number in range(len(found.rows))]
        return listed[0] if directions.ndim == 1 else listed

    def similarity(self, one: str, other: str) -> float:
        """Return the cosine of the angle between two words' vectors; with a vector of zeros it is 0.

        Raises:
            RequestError: a word is unknown.
        """
        first, second = unit_rows(np.stack([self.vector(one), self.vector(other)]))
        return float(np.clip(first @ second, -1, 1))

    def odd_one_out(self, words: Sequence[str]) -> str:
        """Return the word that is least similar to the mean of the words' directions.

        Raises:
            RequestError: a word is unknown, or there are fewer than 3.
        """
        if len(words) < 3 or isinstance(words, str):
            raise RequestError(f"the odd one out is found among 3 or more words, but these are {len(words)}")
        directions = unit_rows(np.stack([self.vector(word) for word in words]))
        return words[int(np.argmin(directions @ directions.mean(axis=0)))]

    def analogy(self, a: str, b: str, c: str, count: int = 10, *, method: Method = "add") -> list[Neighbor]:
        """Return what is to `c` as `b` is to `a`, the best answer first; the three words themselves are no answers.

        The figure is the cosine with b − a + c for "add", and the quotient of similarities for "multiply".

        Raises:
            RequestError: a word is unknown, the method is, or the count is below 1.
        """
        require_method(method)
        _require_count(count)
        given = unit_rows(np.stack([self.vector(word) for word in (a, b, c)]))
        asked = frozenset(self.rows[word] for word in (a, b, c) if word in self.rows)
        if method == "add":
            found = self._searched(given[1:2] - given[0] + given[2], count + len(asked))
        else:
            found = answers(self.checked, given, count=count + len(asked), method=method)
        return self._listed(found, 0, asked, count)

    def save(self, path: str | Path, *, format: str | None = None) -> None:
        """Write them to a file, whole or not at all; without a format the name's ending decides.

        Formats are safetensors (our own), word2vec, word2vec_binary, glove and fasttext.

        Raises:
            RequestError: the format is unknown, or cannot hold these words.
            SurroundingsError: the disk is full or the folder may not be written.
        """
        contents = Contents(
            words=self.words, matrix=self.matrix, made=self.made, counts=self.counts, subwords=self.subwords
        )
        formats.write(contents, path, format=format)

    @cached_property
    def checked(self) -> NDArray[np.float32]:
        """The matrix, after every value was seen to be finite; a mapped file is not read before this is asked for.

        Raises:
            DataError: a value is not finite; the message names the word.
        """
        for start in range(0, len(self.words), ROWS_AT_ONCE):
            self._require_finite(start, self.matrix[start : start + ROWS_AT_ONCE])
        return self.matrix

    @cached_property
    def _codes(self) -> Codes | None:
        return coded(self.checked) if worth_coding(self.checked) else None

    def _require_finite(self, first: int, rows: NDArray[np.float32]) -> None:
        odd = np.flatnonzero(~np.isfinite(rows).all(axis=1))
        if len(odd):
            word = self.words[first + int(odd[0])]
            raise DataError(f'the vector of "{word}" must hold finite numbers, but has others; leave the word out')

    def _neighbors_of_words(self, words: list[str], count: int) -> list[list[Neighbor]]:
        found = self._searched(np.stack([self.vector(word) for word in words]), count + 1)
        own = [frozenset({self.rows[word]} if word in self.rows else ()) for word in words]
        return [self._listed(found, number, left_out, count) for number, left_out in enumerate(own)]

    def _searched(self, directions: NDArray[np.float32] | NDArray[np.float64], count: int) -> Found:
        if directions.ndim != 2 or directions.shape[1] != self.width:
            raise RequestError(f"a vector must have {self.width} values, but these are {directions.shape}")
        if not (np.isfinite(directions).all() and directions.any(axis=1).all()):
            raise RequestError("a vector of zeros, or one that is not finite, has no direction and so no neighbors")
        return nearest(self.checked, unit_rows(directions), count=count, codes=self._codes)

    def _listed(self, found: Found, number: int, left_out: frozenset[int], count: int) -> list[Neighbor]:
        pairs = zip(found.rows[number].tolist(), found.similarities[number].tolist(), strict=True)
        return [Neighbor(self.words[row], value) for row, value in pairs if row not in left_out][:count]


def load(path: str | Path, *, limit: int | None = None) -> Vectors:
    """Read a file of word vectors, whatever its format; `limit` reads the first words only.

    Raises:
        DataError: the content is damaged, or no format that is known.
        RequestError: `limit` is below 1.
        SurroundingsError: the file cannot be opened.
    """
    read = formats.read(path, limit=limit)
    return Vectors(read.words, read.matrix, made=read.made, counts=read.counts, subwords=read.subwords)


def _require_count(count: int) -> None:
    if count < 1:
        raise RequestError(f"the count must be 1 or more, but is {count}")
