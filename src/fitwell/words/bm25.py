"""BM25: how well a text answers a query term, with long texts and repeated words damped."""

from __future__ import annotations

from typing import Any, Literal, final, get_args

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from fitwell.errors import RequestError
from fitwell.words.features import Accents, Analyzer
from fitwell.words.terms import TermCounts
from fitwell.words.vectorizer import WORDS_OF_TWO, TermVectorizer

Idf = Literal["robertson", "lucene"]


@final
class BM25Vectorizer(TermVectorizer):
    """Turns texts into rows of BM25 weights; the score of a text for a query is the sum of the weights of its terms.

    The settings that `TfidfVectorizer` has too mean the same. A text's length is how many features it has, terms or
    not. `idf` is "robertson", ln((N - n + 0.5) / (n + 0.5)), negative for terms in more than half of the texts, or
    "lucene", ln(1 + (N - n + 0.5) / (n + 0.5)), which is not.

    >>> weights = BM25Vectorizer(idf="lucene").fit_transform(["a big cat", "a cat", "a dog"])
    >>> weights.toarray().round(2)
    array([[0.8 , 0.38, 0.  ],
           [0.  , 0.53, 0.  ],
           [0.  , 0.  , 1.11]])
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
        dtype: Any = np.float64,
        idf: Idf = "robertson",
        k1: float = 1.5,
        b: float = 0.75,
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
        self.dtype = dtype
        self.idf = idf
        self.k1 = k1
        self.b = b
        self.threads = threads

    @property
    def _is_binary(self) -> bool:
        return False

    def _fit_weights(self, counts: TermCounts) -> sp.csr_matrix:
        if self.idf not in get_args(Idf):
            raise RequestError(f'idf must be "robertson" or "lucene", but is "{self.idf}"')
        if not (self.k1 >= 0 and 0 <= self.b <= 1):
            raise RequestError(f"k1 must be at least 0 and b between 0 and 1, but they are {self.k1} and {self.b}")
        texts = len(counts.lengths)
        with_term = np.bincount(counts.matrix.indices, minlength=len(counts.terms))
        odds = (texts - with_term + 0.5) / (with_term + 0.5)
        self.idf_ = np.log(odds) if self.idf == "robertson" else np.log1p(odds)
        self.mean_length_ = float(counts.lengths.mean())
        return self._weigh(counts.matrix, counts.lengths)

    def _weigh(self, matrix: sp.csr_matrix, lengths: npt.NDArray[np.int64]) -> sp.csr_matrix:
        damped = self.k1 * (1 - self.b + self.b * lengths / self.mean_length_)  # (texts,)
        often = matrix.data.astype(np.float64)
        saturated = often * (self.k1 + 1) / (often + np.repeat(damped, np.diff(matrix.indptr)))
        matrix.data = (self.idf_[matrix.indices] * saturated).astype(self.dtype)
        return matrix
