"""Parts of words have vectors too, so that a word that was never seen gets one: the mean of its parts' (fastText).

The word is put between `<` and `>`, and its parts are all runs of `shortest` to `longest` characters. Parts have no
table; a part is hashed, and parts with the same hash share a vector. Bojanowski et al. 2017, Enriching word vectors
with subword information.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fitwell.errors import DataError
from fitwell.vectors.threads import over_parts

if TYPE_CHECKING:
    from numpy.typing import NDArray

WHOLE = "</s>"  # the end of a sentence is a word without parts


@dataclass(frozen=True, kw_only=True, eq=False)
class Subwords:
    """The vectors of parts, and of what each known word adds to its parts."""

    shortest: int  # characters of a part; the two marks count
    longest: int
    buckets: NDArray[np.float32]  # (buckets, width)
    own: NDArray[np.float32]  # (words, width): of the word itself, next to its parts

    def __post_init__(self) -> None:
        """Refuse parts that no word can have."""
        if not 1 <= self.shortest <= self.longest or not len(self.buckets):
            raise DataError(
                f"parts of words must have 1 to `longest` characters and a bucket, but are {self.shortest} to "
                f"{self.longest} characters in {len(self.buckets)} buckets"
            )


def fnv1a(data: bytes) -> int:
    """Hash as fastText does: FNV-1a with 32 bits, but each byte with its sign.

    fastText reads bytes as C's signed `char`, which fills the upper 24 bits for every byte above 127. That is not
    FNV-1a any more, but it is what the published vectors were trained with.

    >>> fnv1a(b"a") == (2166136261 ^ 97) * 16777619 % 2**32
    True
    >>> fnv1a("é".encode())  # bytes 0xC3 and 0xA9, taken as -61 and -87
    1023043777
    """
    value = 2166136261
    for byte in data:
        signed = byte | 0xFFFFFF00 if byte > 127 else byte
        value = (value ^ signed) * 16777619 & 0xFFFFFFFF
    return value


def parts_of(word: str, *, shortest: int, longest: int) -> list[str]:
    """Return the parts of a word in fastText's order; a mark alone is none.

    >>> parts_of("cat", shortest=3, longest=4)
    ['<ca', '<cat', 'cat', 'cat>', 'at>']
    """
    if word == WHOLE:
        return []
    marked = f"<{word}>"
    marks = (0, len(marked) - 1)
    return [
        marked[start : start + size]
        for start in range(len(marked))
        for size in range(shortest, longest + 1)
        if start + size <= len(marked) and (size > 1 or start not in marks)
    ]


def buckets_of(word: str, subwords: Subwords) -> list[int]:
    """Return the bucket of each part of a word."""
    parts = parts_of(word, shortest=subwords.shortest, longest=subwords.longest)
    return [fnv1a(part.encode()) % len(subwords.buckets) for part in parts]


def unseen_vector(word: str, subwords: Subwords) -> NDArray[np.float32] | None:
    """Return the vector of a word that was never seen, or None if it has no parts."""
    buckets = buckets_of(word, subwords)
    return _mean([subwords.buckets[bucket] for bucket in buckets]) if buckets else None


def seen_vectors(words: tuple[str, ...], subwords: Subwords) -> NDArray[np.float32]:
    """Return the vectors of the known words: the mean of each word's own and its parts'."""
    from fitwell.vectors.subword_kernels import mean_rows

    text, ends = _end_to_end(words)
    vectors = np.empty((len(words), subwords.own.shape[1]), np.float32)
    sizes = (subwords.shortest, subwords.longest)

    def part(first: int, last: int) -> None:
        mean_rows(text, ends, first, last, *sizes, subwords.own, subwords.buckets, vectors)

    over_parts(part, len(words))
    return vectors


def bucket_numbers(
    words: Sequence[str], *, shortest: int, longest: int, buckets: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the buckets of all words' parts end to end, and where those of each word begin.

    >>> numbers, begins = bucket_numbers(["as", "is"], shortest=3, longest=3, buckets=2000)
    >>> numbers.tolist() == [fnv1a(part) % 2000 for part in (b"<as", b"as>", b"<is", b"is>")], begins.tolist()
    (True, [0, 2, 4])
    """
    from fitwell.vectors.subword_kernels import all_buckets

    return all_buckets(*_end_to_end(words), shortest, longest, buckets)


def hashes_of(words: Sequence[str]) -> NDArray[np.int32]:
    """Return the hash of each word by itself, with the sign that fastText's runs of words go on with.

    >>> hashes_of(["é"]).tolist() == [fnv1a("é".encode())]
    True
    """
    from fitwell.vectors.subword_kernels import hash_each

    encoded = [word.encode(errors="surrogatepass") for word in words]
    ends = np.cumsum([0, *map(len, encoded)], dtype=np.int64)
    return hash_each(np.frombuffer(b"".join(encoded), np.uint8), ends)


def _end_to_end(words: Sequence[str]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    encoded = [word.encode(errors="surrogatepass") if word != WHOLE else b"" for word in words]
    return np.frombuffer(b"".join(encoded), np.uint8), np.cumsum([0, *map(len, encoded)], dtype=np.int64)


def _mean(rows: list[NDArray[np.float32]]) -> NDArray[np.float32]:
    # one after another in float32, as fastText adds them: the same bits
    total = np.zeros_like(rows[0])
    for row in rows:
        total = total + row
    return total * np.float32(1 / len(rows))
