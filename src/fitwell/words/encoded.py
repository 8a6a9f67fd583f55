"""A corpus read once becomes numbers: of each token its word, the most frequent word being 0."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt

from fitwell.errors import DataError
from fitwell.words.interning import Interned, WordTable, in_order, interned, read_ahead, require_threads
from fitwell.words.texts import Corpus, Piece, Tokens, Unit, pieces_of
from fitwell.words.tokens import Tokenization
from fitwell.words.vocabulary import Vocabulary

AT_A_TIME = 2**20  # numbers rewritten at a time
WHITE_SPACE_TOKENS = Tokenization()

Progress = Callable[[int], None]  # told how many tokens were read since it was last told


def unwatched(_tokens: int) -> None:
    """Take no notice of progress."""


@dataclass(frozen=True, kw_only=True, eq=False)
class EncodedCorpus:
    """A corpus as numbers: token i is word `ids[i]` of the vocabulary, and text j ends at token `ends[j]`."""

    vocabulary: Vocabulary
    ids: npt.NDArray[np.int32]  # (tokens,), mapped from a file
    ends: npt.NDArray[np.int64]  # (texts,)
    tokenization: Tokenization  # how it was cut

    def texts(self) -> Iterator[list[str]]:
        """Yield the tokens of each text."""
        start = 0
        for end in self.ends.tolist():
            yield [self.vocabulary.words[number] for number in self.ids[start:end].tolist()]
            start = end


def encode(
    corpus: Corpus,
    *,
    tokenization: Tokenization = WHITE_SPACE_TOKENS,
    unit: Unit = "line",
    field: str | None = None,
    threads: int | None = None,
    progress: Progress = unwatched,
) -> EncodedCorpus:
    """Return a corpus as numbers; it is read once, in bounded memory, and the numbers lie in a temporary file.

    Corpus, `unit` and `field` are as for `pieces_of`. The result does not depend on the number of threads; without
    one, all cores work.

    >>> encode(["a rose is", "a rose"]).vocabulary.words
    ['a', 'rose', 'is']

    Raises:
        DataError: the corpus cannot be read, or holds no token.
    """
    from fitwell.words.kernels.numbering import renumber

    threads = require_threads(threads)
    table, ends, tokens, counts = WordTable(), list[npt.NDArray[np.int64]](), 0, np.zeros(0, np.int64)
    work = partial(_counted, tokenization=tokenization)
    given = pieces_of(corpus, unit=unit, field=field)
    if threads > 1 and isinstance(corpus, str | Path):  # what somebody iterates over may belong to one thread
        given = read_ahead(given)
    pieces = in_order(work, given, threads=threads)
    with tempfile.TemporaryFile() as spool:
        for piece, of_piece in pieces:
            numbers = table.numbers_of(piece)
            counts = np.append(counts, np.zeros(table.size - len(counts), np.int64))
            counts[numbers] += of_piece
            renumber(piece.ids, numbers)
            spool.write(piece.ids.data)
            ends.append(piece.ends + tokens)
            tokens += len(piece.ids)
            progress(len(piece.ids))
        if not tokens:
            raise DataError(
                "a corpus must hold words, but nothing in it matches the token pattern "
                f'"{tokenization.pattern}"; is it empty, or the pattern too narrow?'
            )
        return ranked(
            spool,
            words=table.words(),
            counts=counts,
            ends=np.concatenate(ends),
            tokenization=tokenization,
        )


def _counted(piece: Piece | Tokens, tokenization: Tokenization) -> tuple[Interned, npt.NDArray[np.int64]]:
    """Return the tokens of a piece as numbers, and how often each of its words occurs."""
    from fitwell.words.kernels.numbering import occurrences

    tokens = interned(piece, tokenization)
    return tokens, occurrences(tokens.ids, len(tokens.rows))


def ranked(
    spool: IO[bytes],
    *,
    words: Sequence[str],
    counts: npt.NDArray[np.int64],
    ends: npt.NDArray[np.int64],
    tokenization: Tokenization,
) -> EncodedCorpus:
    """Return the corpus whose numbers were written to a file, renumbered there so that frequent words come first.

    The file lasts as long as the numbers mapped from it, even if it is closed and has no name. Words that do not occur
    are left out; words of equal count keep their order.
    """
    order = np.argsort(-counts, kind="stable")[: np.count_nonzero(counts)]
    return EncodedCorpus(
        vocabulary=Vocabulary(np.array(words, object)[order].tolist(), counts[order]),
        ids=_renumbered(spool, int(ends[-1]), order, len(words)),
        ends=ends,
        tokenization=tokenization,
    )


def _renumbered(spool: IO[bytes], tokens: int, order: npt.NDArray[np.int64], words: int) -> npt.NDArray[np.int32]:
    from fitwell.words.kernels.numbering import renumber

    ranks = np.zeros(words, np.int32)
    ranks[order] = np.arange(len(order), dtype=np.int32)
    for start in range(0, tokens, AT_A_TIME):
        # Read and written, not mapped: a mapped page is brought in by itself when it is first written to.
        spool.seek(4 * start)
        ids = np.frombuffer(bytearray(spool.read(4 * AT_A_TIME)), np.int32)
        renumber(ids, ranks)
        spool.seek(4 * start)
        spool.write(ids.data)
    spool.flush()
    return np.memmap(spool, np.int32, "r+", shape=(tokens,))
