"""A corpus becomes sequences of pieces: those to learn from, and those of other texts to be measured on.

Texts are divided by a hash of what they say, so that the same text is never on both sides. A text of more pieces than
are read together becomes several sequences; none has pieces of two texts.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from fitwell.errors import DataError
from fitwell.pretrained.tokenizer import CHUNK
from fitwell.words.corpus_file import is_corpus_file
from fitwell.words.texts import Corpus, Piece, Unit, pieces_of

if TYPE_CHECKING:
    from tokenizers import Tokenizer

FEWEST_TEXTS = 20  # that can be divided; fewer give up their ends
MOST_HELD_OUT = 2000  # texts: enough for an interval of some hundredths, and soon measured


@dataclass(frozen=True)
class Divided:
    """Texts to learn from, and texts to be measured on."""

    learned: list[str]
    held_out: list[str]


@dataclass(frozen=True, kw_only=True)
class Sequences:
    """Texts as the numbers of their pieces, marks at their ends included, one after another."""

    numbers: npt.NDArray[np.int32]  # (pieces,)
    ends: npt.NDArray[np.int64]  # (sequences,): so many pieces there are up to the end of each
    texts: npt.NDArray[np.int64]  # (sequences,): the text that each is of, ascending

    def __len__(self) -> int:
        """Count sequences."""
        return len(self.ends)

    def of(self, places: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Return the pieces of some sequences, one after another, and how many each has."""
        starts = np.where(places > 0, self.ends[places - 1], 0)
        lengths = self.ends[places] - starts
        shifts = np.repeat(starts - (np.cumsum(lengths) - lengths), lengths)
        return self.numbers[np.arange(len(shifts)) + shifts].astype(np.int64), lengths

    def having(self, is_ordinary: npt.NDArray[np.bool_]) -> Sequences:
        """Return the sequences that have a piece which is no mark."""
        if not len(self):
            return self
        lengths = np.diff(self.ends, prepend=0)
        is_kept = np.add.reduceat(is_ordinary[self.numbers], self.ends - lengths) > 0
        return Sequences(
            numbers=self.numbers[np.repeat(is_kept, lengths)],
            ends=np.cumsum(lengths[is_kept]),
            texts=self.texts[is_kept],
        )

    def digest(self) -> str:
        """Tell these sequences from others."""
        found = hashlib.blake2b(np.ascontiguousarray(self.ends).data, digest_size=16)
        found.update(np.ascontiguousarray(self.numbers).data)
        return found.hexdigest()


def divided(corpus: Corpus, *, unit: Unit, field: str | None, share: float, seed: int) -> Divided:
    """Return the texts of a corpus, a share of them held out; of few texts, the end of each is.

    Raises:
        DataError: the corpus cannot be read, or has no words.
    """
    texts = [text for text in _texts_of(corpus, unit=unit, field=field) if text.strip()]
    if not texts:
        raise DataError(f"a corpus must have words, but {_named(corpus)} has none; name another")
    hashes = {text: _hash(text, seed) for text in texts}
    if len(hashes) < FEWEST_TEXTS:
        parts = [_parted(text, share) for text in texts]
        return Divided([first for first, _ in parts], [second for _, second in parts if second.strip()])
    count = min(max(1, round(share * len(hashes))), MOST_HELD_OUT)
    limit = sorted(hashes.values())[count - 1]
    return Divided(
        [text for text in texts if hashes[text] > limit],
        [text for text, digest in hashes.items() if digest <= limit],
    )


def sequences_of(tokenizer: Tokenizer, texts: Sequence[str], *, length: int) -> Sequences:
    """Cut texts into sequences of at most `length` pieces."""
    marks = tokenizer.encode("").ids
    first, last = marks[: len(marks) // 2], marks[len(marks) // 2 :]
    room = length - len(marks)
    numbers: list[npt.NDArray[np.int32]] = []
    lengths: list[int] = []
    owners: list[int] = []
    for start in range(0, len(texts), CHUNK):
        flat: list[int] = []
        some = texts[start : start + CHUNK]
        for owner, encoding in enumerate(tokenizer.encode_batch_fast(some, add_special_tokens=False), start):
            ids = encoding.ids
            for at in range(0, len(ids), room):
                part = ids[at : at + room]
                flat += first
                flat += part
                flat += last
                lengths.append(len(part) + len(marks))
                owners.append(owner)
        numbers.append(np.array(flat, np.int32))
    return Sequences(
        numbers=np.concatenate(numbers) if numbers else np.empty(0, np.int32),
        ends=np.cumsum(lengths, dtype=np.int64),
        texts=np.array(owners, np.int64),
    )


def _texts_of(corpus: Corpus, *, unit: Unit, field: str | None) -> Iterator[str]:
    if isinstance(corpus, str | Path) and Path(corpus).is_file() and is_corpus_file(Path(corpus)):
        raise DataError(
            f"{corpus} has the numbers of words and not their text, which an encoder cuts in its own way; name the "
            "text that it was made of"
        )
    for piece in pieces_of(corpus, unit=unit, field=field):
        yield from piece.texts() if isinstance(piece, Piece) else map(" ".join, piece)


def _named(corpus: Corpus) -> str:
    return str(corpus) if isinstance(corpus, str | Path) else "this one"


def _hash(text: str, seed: int) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8, salt=seed.to_bytes(16)).digest()


def _parted(text: str, share: float) -> tuple[str, str]:
    """Cut a text between two words, so that about the share of it comes after the cut."""
    at = text.find(" ", math.floor(len(text) * (1 - share)))
    return (text, "") if at < 0 else (text[:at], text[at:])
