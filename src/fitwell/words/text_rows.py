"""What of a text a classifier goes by: the rows of its words, their parts, and its runs of words, as fastText has them.

A text ends with the word `</s>`. Runs of two and more words have no table, and share the buckets of the parts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fitwell.compiled import to_be_read
from fitwell.vectors.subwords import WHOLE, bucket_numbers, hashes_of
from fitwell.words.encoded import EncodedCorpus
from fitwell.words.tokens import Tokenization

PREFIX = "__label__"  # of a token that is a label
TOKENS = Tokenization(pattern=r"[^ \t\n\v\f\r\0]+")  # what separates words for fastText, and nothing else does


@dataclass(frozen=True, kw_only=True)
class Features:
    """What has a row, beside words."""

    ngrams: int  # words of the longest run
    shortest: int  # characters of a part of a word
    longest: int  # 0: words have no parts
    buckets: int  # 0 where neither runs nor parts have rows


@dataclass(frozen=True, kw_only=True, eq=False)
class TextRows:
    """The rows of each text, and its labels, end to end."""

    rows: npt.NDArray[np.int64]  # those of words first, then the buckets
    begins: npt.NDArray[np.int64]  # (texts + 1,)
    labels: npt.NDArray[np.int32]
    label_begins: npt.NDArray[np.int64]  # (texts + 1,)


def text_rows(
    corpus: EncodedCorpus, *, words: Mapping[str, int], labels: Mapping[str, int], features: Features
) -> TextRows:
    """Return the rows of each text of a corpus, for words and labels that have these numbers.

    Words without a number count by their parts, if there are parts, and in runs.
    """
    from fitwell.words.kernels.classifying import UNKNOWN_LABEL, WORD, rows_of_texts

    vocabulary = [*corpus.vocabulary.words, WHOLE]
    kinds = [labels.get(word, UNKNOWN_LABEL) if word.startswith(PREFIX) else WORD for word in vocabulary]
    own, begins = _own_rows(vocabulary, words, features)
    found = rows_of_texts(
        to_be_read(corpus.ids),
        corpus.ends,
        np.array(kinds, np.int32),
        own,
        begins,
        hashes_of(vocabulary),
        features.ngrams,
        len(words),
        max(features.buckets, 1),
    )
    rows, text_begins, of_labels, label_begins = found
    return TextRows(rows=rows, begins=text_begins, labels=of_labels, label_begins=label_begins)


def _own_rows(
    vocabulary: Sequence[str], words: Mapping[str, int], features: Features
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]]:
    """Return the rows of each word by itself: its own, if it has a number, and those of its parts."""
    numbers = np.array([words.get(word, -1) for word in vocabulary], np.int64)
    parts, begins = np.empty(0, np.int64), np.zeros(len(vocabulary) + 1, np.int64)
    if features.longest:
        parts, begins = bucket_numbers(
            vocabulary, shortest=features.shortest, longest=features.longest, buckets=features.buckets
        )
    known = numbers >= 0
    rows = np.insert(parts + len(words), begins[:-1][known], numbers[known])
    return rows.astype(np.int32), begins + np.concatenate([[0], np.cumsum(known)])
