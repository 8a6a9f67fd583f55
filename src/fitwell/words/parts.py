"""Which rows of the learned matrix make up each word: its own, and those of its parts (fastText)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fitwell.errors import RequestError
from fitwell.vectors import Subwords
from fitwell.vectors.subwords import bucket_numbers


@dataclass(frozen=True, kw_only=True)
class PartSettings:
    """Which parts words have."""

    shortest: int  # characters; the marks at both ends of a word count
    longest: int
    buckets: int

    def __post_init__(self) -> None:
        """Refuse what cannot be done, at the door."""
        if not 1 <= self.shortest <= self.longest:
            raise RequestError(
                f"parts of words must have 1 to `longest` characters, but are {self.shortest} to {self.longest}; "
                "3 to 6 are usual"
            )
        if not 1 <= self.buckets < 2**31:
            raise RequestError(f"buckets must be 1 to {2**31 - 1:,}, but are {self.buckets}; 2,000,000 are usual")


@dataclass(frozen=True, kw_only=True, eq=False)
class Parts:
    """The rows of each word; of all buckets only those that some word has a part in get a row."""

    rows: npt.NDArray[np.int32]  # of all words end to end, each word's own first
    begins: npt.NDArray[np.int64]  # (words + 1,)
    used: npt.NDArray[np.int64]  # the bucket of each row that comes after the words' own

    @property
    def size(self) -> int:
        """How many rows there are."""
        return len(self.begins) - 1 + len(self.used)


def parts_of_words(words: Sequence[str], settings: PartSettings) -> Parts:
    """Return the rows of each word.

    >>> parts = parts_of_words(["as", "is"], PartSettings(shortest=3, longest=3, buckets=2000))
    >>> parts.rows.tolist(), parts.begins.tolist(), parts.used.tolist()
    ([0, 2, 3, 1, 4, 5], [0, 3, 6], [1031, 1177, 1199, 1425])
    """
    numbers, begins = bucket_numbers(
        words, shortest=settings.shortest, longest=settings.longest, buckets=settings.buckets
    )
    used, places = np.unique(numbers, return_inverse=True)
    rows = np.insert(places + len(words), begins[:-1], np.arange(len(words)))
    return Parts(rows=rows.astype(np.int32), begins=begins + np.arange(len(words) + 1), used=used)


def subwords_of(inputs: npt.NDArray[np.float32], parts: Parts, settings: PartSettings) -> Subwords:
    """Return the vectors of the words alone and of all buckets; those without a row are zeros."""
    words = len(parts.begins) - 1
    buckets = np.zeros((settings.buckets, inputs.shape[1]), np.float32)
    buckets[parts.used] = inputs[words:]
    return Subwords(shortest=settings.shortest, longest=settings.longest, buckets=buckets, own=inputs[:words].copy())
