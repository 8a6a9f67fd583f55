"""TF-IDF: how typical a term is of a text, among the texts at hand; the same figures as scikit-learn's, to the bit.

Counting is ours. Choosing the terms follows scikit-learn step by step, and the weighing is done by its own
`TfidfTransformer`, because the last bits of a row's norm depend on the order in which its entries are added up: there
it is the order in which features were first seen in the corpus.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self, final

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.utils.validation import check_is_fitted

from fitwell.errors import RequestError
from fitwell.words.features import Accents, Analyzer
from fitwell.words.terms import TermCounts
from fitwell.words.texts import Corpus, Unit, pieces_of
from fitwell.words.vectorizer import WORDS_OF_TWO, TermVectorizer, require_text


@dataclass(frozen=True, kw_only=True, eq=False)
class TermMatrix:
    """A corpus as a matrix: how much each term weighs in each text."""

    matrix: sp.csr_matrix  # (texts, terms)
    terms: list[str]  # of the columns


@final
class TfidfVectorizer(TermVectorizer):
    """Turns texts into rows of TF-IDF weights, as scikit-learn's class of that name does, to the bit and faster.

    Settings mean what they mean there. `threads` changes the time only; without it, every core works.

    >>> TfidfVectorizer(norm=None, use_idf=False).fit_transform(["a big, big cat", "a cat"]).toarray()
    array([[2., 1.],
           [0., 1.]])
    """

    def __init__(
        self,
        *,
        analyzer: Analyzer = "word",
        ngram_range: tuple[int, int] = (1, 1),
        token_pattern: str = WORDS_OF_TWO,
        stop_words: Any = None,
        lowercase: bool = True,
        strip_accents: Accents | None = None,
        min_df: float = 1,
        max_df: float = 1.0,
        max_features: int | None = None,
        binary: bool = False,
        dtype: Any = np.float64,
        norm: Literal["l1", "l2"] | None = "l2",
        use_idf: bool = True,
        smooth_idf: bool = True,
        sublinear_tf: bool = False,
        threads: int | None = None,
    ) -> None:
        """Note the settings; they are checked when texts come."""
        self.analyzer = analyzer
        self.ngram_range = ngram_range
        self.token_pattern = token_pattern
        self.stop_words = stop_words
        self.lowercase = lowercase
        self.strip_accents = strip_accents
        self.min_df = min_df
        self.max_df = max_df
        self.max_features = max_features
        self.binary = binary
        self.dtype = dtype
        self.norm = norm
        self.use_idf = use_idf
        self.smooth_idf = smooth_idf
        self.sublinear_tf = sublinear_tf
        self.threads = threads

    @property
    def idf_(self) -> npt.NDArray[Any]:
        """The inverse document frequency of each term."""
        check_is_fitted(self, "weighing_")
        return self.weighing_.idf_  # type: ignore[no-any-return]

    @property
    def _is_binary(self) -> bool:
        return self.binary

    def knowing(self, terms: Sequence[str], idf: npt.NDArray[np.float64]) -> Self:
        """Return this vectorizer with terms, and the inverse document frequency of each, that were learned before.

        >>> TfidfVectorizer(norm=None).knowing(["big", "cat"], np.array([2.0, 1.5])).transform(["a big cat"]).toarray()
        array([[2. , 1.5]])
        """
        self.vocabulary_ = {term: number for number, term in enumerate(terms)}
        self.weighing_ = self._weighing()
        self.weighing_.idf_ = idf
        return self

    def _weighing(self) -> TfidfTransformer:
        return TfidfTransformer(
            norm=self.norm, use_idf=self.use_idf, smooth_idf=self.smooth_idf, sublinear_tf=self.sublinear_tf
        )

    def _fit_weights(self, counts: TermCounts) -> sp.csr_matrix:
        if self.norm not in ("l1", "l2", None):
            raise RequestError(f'norm must be "l1", "l2" or None, but is "{self.norm}"')
        self.weighing_ = self._weighing()
        self.weighing_.fit(counts.matrix)
        return self.weighing_.transform(counts.matrix, copy=False)

    def _weigh(self, matrix: sp.csr_matrix, lengths: npt.NDArray[np.int64]) -> sp.csr_matrix:
        return self.weighing_.transform(matrix, copy=False)


def tfidf(
    corpus: Corpus, *, vectorizer: TermVectorizer | None = None, unit: Unit = "line", field: str | None = None
) -> TermMatrix:
    """Return the TF-IDF weights of a corpus, a path or texts; corpus, `unit` and `field` are as for `encode`.

    The vectorizer is fitted; another than `TfidfVectorizer()` brings other settings, or another weighing.

    >>> tfidf(["a big cat", "a cat"]).terms
    ['big', 'cat']

    Raises:
        DataError: the corpus cannot be read, or has no terms. RequestError: a setting is wrong.
    """
    vectorizer = vectorizer or TfidfVectorizer()
    matrix = vectorizer.fit_pieces(map(require_text, pieces_of(corpus, unit=unit, field=field)))
    return TermMatrix(matrix=matrix, terms=list(vectorizer.vocabulary_))
