"""What TF-IDF and BM25 share: texts become rows of a sparse matrix, by scikit-learn's interface."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from fitwell.errors import DataError, RequestError
from fitwell.words.counting import count_known
from fitwell.words.features import Accents, Analysis, Analyzer
from fitwell.words.interning import require_threads
from fitwell.words.terms import Limits, TermCounts, fit_terms, known_terms
from fitwell.words.texts import Piece, Tokens, pieces_of

WORDS_OF_TWO = r"(?u)\b\w\w+\b"
DTYPES = (np.float64, np.float32)


class TermVectorizer(TransformerMixin, BaseEstimator, ABC):  # type: ignore[misc]
    """Counts terms; how counts become weights is up to those who complete it."""

    analyzer: Analyzer
    ngram_range: tuple[int, int]
    token_pattern: str
    stop_words: Any
    lowercase: bool
    strip_accents: Accents | None
    min_df: float
    max_df: float
    max_features: int | None
    dtype: Any
    threads: int | None

    vocabulary_: dict[str, int]

    @property
    @abstractmethod
    def _is_binary(self) -> bool:
        """Whether a term counts once a text."""

    @abstractmethod
    def _fit_weights(self, counts: TermCounts) -> sp.csr_matrix:
        """Learn what weighing needs, and return the counts weighed."""

    @abstractmethod
    def _weigh(self, matrix: sp.csr_matrix, lengths: npt.NDArray[np.int64]) -> sp.csr_matrix:
        """Return counts weighed by what was learned."""

    def fit(self, raw_documents: Iterable[str], y: Any = None) -> Self:
        """Learn terms and weights from texts."""
        self.fit_transform(raw_documents)
        return self

    def fit_transform(self, raw_documents: Iterable[str], y: Any = None) -> sp.csr_matrix:
        """Learn terms and weights from texts, and return the texts' rows, (texts, terms).

        Raises:
            RequestError: a setting is wrong. DataError: the texts have no terms, or are none.
        """
        return self.fit_pieces(text_pieces(raw_documents))

    def fit_pieces(self, pieces: Iterable[Piece]) -> sp.csr_matrix:
        """Do the same with texts that were read from files."""
        limits = Limits(min_df=self.min_df, max_df=self.max_df, max_features=self.max_features)
        if np.dtype(self.dtype) not in DTYPES:
            raise RequestError(f"dtype must be numpy.float64 or numpy.float32, but is {self.dtype}")
        threads = require_threads(self.threads)
        counts = fit_terms(pieces, self._analysis(), limits, binary=self._is_binary, dtype=self.dtype, threads=threads)
        return self.fit_counts(counts)

    def fit_counts(self, counts: TermCounts) -> sp.csr_matrix:
        """Do the same with texts that were counted, whichever way; settings that say how to count do not matter."""
        self.vocabulary_ = {term: number for number, term in enumerate(counts.terms)}
        return self._fit_weights(counts)

    def transform(self, raw_documents: Iterable[str]) -> sp.csr_matrix:
        """Return the rows of texts, (texts, terms); unknown terms are left out."""
        check_is_fitted(self, "vocabulary_")
        threads = require_threads(self.threads)
        counts = count_known(text_pieces(raw_documents), self._analysis(), self.vocabulary_, threads=threads)
        matrix = known_terms(counts, len(self.vocabulary_), binary=self._is_binary, dtype=self.dtype)
        return self._weigh(matrix, counts.lengths)

    def get_feature_names_out(self, input_features: Any = None) -> npt.NDArray[np.object_]:
        """Return the terms, in the order of the columns."""
        check_is_fitted(self, "vocabulary_")
        return np.array(list(self.vocabulary_), dtype=object)

    def _analysis(self) -> Analysis:
        return Analysis(
            analyzer=self.analyzer,
            ngram_range=self.ngram_range,
            token_pattern=self.token_pattern,
            stop_words=stop_words_of(self.stop_words) if self.analyzer == "word" else None,
            lowercase=self.lowercase,
            strip_accents=self.strip_accents,
        )

    def __sklearn_tags__(self) -> Tags:
        """Say to scikit-learn that texts come in."""
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        return tags


def stop_words_of(given: Any) -> frozenset[str] | None:
    """Return the words to leave out: none, scikit-learn's English ones, or those given.

    Raises:
        RequestError: a string other than "english" was given.
    """
    if given is None:
        return None
    if isinstance(given, str):
        if given != "english":
            raise RequestError(f'stop_words must be "english" or a list of words, but is "{given}"')
        return frozenset(ENGLISH_STOP_WORDS)
    return frozenset(given)


def text_pieces(raw_documents: Iterable[str]) -> Iterator[Piece]:
    """Yield texts in pieces.

    Raises:
        DataError: what came is one string, or holds something else than texts.
    """
    if isinstance(raw_documents, str):
        raise DataError("texts must come as a list or another iterable, but one string came; put it in a list")
    yield from map(require_text, pieces_of(raw_documents))


def require_text(piece: Piece | Tokens) -> Piece:
    """Return a piece that is text.

    Raises:
        DataError: it holds lists of tokens.
    """
    if not isinstance(piece, Piece):
        shown = str(piece[0])[:40]
        raise DataError(f'a text must be a string, but a list of tokens came, {shown}; join it with " ".join')
    return piece
