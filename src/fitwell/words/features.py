"""What of a text is counted: words, runs of words, or runs of characters, as scikit-learn's vectorizers take them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, get_args

import numpy as np
from sklearn.feature_extraction.text import CountVectorizer

from fitwell.errors import RequestError
from fitwell.words.interning import Interned, decoded, intern_lists, interned
from fitwell.words.texts import Piece, piece_of
from fitwell.words.tokens import RUNS, Tokenization, folding

Analyzer = Literal["word", "char", "char_wb"]
Accents = Literal["ascii", "unicode"]

ANY_CHARACTER = r"[\s\S]"


@dataclass(frozen=True, kw_only=True)
class Analysis:
    """What is counted; the names and their meaning are scikit-learn's."""

    analyzer: Analyzer
    ngram_range: tuple[int, int]
    token_pattern: str
    stop_words: frozenset[str] | None
    lowercase: bool
    strip_accents: Accents | None

    def __post_init__(self) -> None:
        """Refuse what cannot be done, at the door."""
        if self.analyzer not in get_args(Analyzer):
            raise RequestError(f'analyzer must be one of {", ".join(get_args(Analyzer))}, but is "{self.analyzer}"')
        if self.strip_accents is not None and self.strip_accents not in get_args(Accents):
            known = ", ".join(get_args(Accents))
            raise RequestError(f'strip_accents must be one of {known} or None, but is "{self.strip_accents}"')
        if not 1 <= self.ngram_range[0] <= self.ngram_range[1]:
            raise RequestError(
                f"ngram_range must be (shortest, longest) with 1 ≤ shortest ≤ longest, but is {self.ngram_range}"
            )
        Tokenization(pattern=self.token_pattern)

    @cached_property
    def plain(self) -> CountVectorizer:
        """The vectorizer that finds the same features the plain way."""
        return CountVectorizer(
            analyzer=self.analyzer,
            ngram_range=self.ngram_range,
            token_pattern=self.token_pattern,
            stop_words=None if self.stop_words is None else list(self.stop_words),
            lowercase=self.lowercase,
            strip_accents=self.strip_accents,
        )

    @property
    def is_fast(self) -> bool:
        """Whether compiled loops can do it."""
        return self.analyzer != "word" or self.token_pattern in RUNS


def features_of(piece: Piece, analysis: Analysis) -> Interned:
    """Return the features of each text of a piece."""
    if not analysis.is_fast:
        return intern_lists(map(analysis.plain.build_analyzer(), piece.texts()))
    lowercase = analysis.lowercase
    if analysis.strip_accents is not None and not piece.text.isascii():
        piece, lowercase = _preprocessed(piece, analysis), False
    return FAST[analysis.analyzer](piece, analysis, lowercase)


def _preprocessed(piece: Piece, analysis: Analysis) -> Piece:
    return piece_of(list(map(analysis.plain.build_preprocessor(), piece.texts())))


def _words(piece: Piece, analysis: Analysis, lowercase: bool) -> Interned:
    words = interned(piece, Tokenization(pattern=analysis.token_pattern, lowercase=lowercase))
    if analysis.ngram_range == (1, 1) and not analysis.stop_words:
        return words
    from fitwell.words.kernels.grams import word_grams

    dropped = np.zeros(len(words.rows), bool)
    if analysis.stop_words:
        dropped[:] = [word in analysis.stop_words for word in decoded(words.letters, words.offsets)]
    features = word_grams(words.ids, words.ends, words.letters, words.offsets, dropped, *analysis.ngram_range)
    return Interned.of(features)


def _characters(piece: Piece, analysis: Analysis, lowercase: bool) -> Interned:
    from fitwell.words.kernels.grams import character_grams

    ascii_only = piece.text.isascii()
    folded = folding(ANY_CHARACTER, lowercase=lowercase, ascii_only=ascii_only)
    white = folding(r"\s", lowercase=False, ascii_only=ascii_only) >= 0
    text = np.frombuffer(piece.text, np.uint8)
    usual, features = character_grams(text, piece.ends, folded, white, *analysis.ngram_range)
    # Where the lower case of a character depends on its neighbors, Python lowers.
    return Interned.of(features) if usual else _characters(_preprocessed(piece, analysis), analysis, False)


def _within_words(piece: Piece, analysis: Analysis, lowercase: bool) -> Interned:
    from fitwell.words.kernels.grams import bounded_grams

    words = interned(piece, Tokenization(lowercase=lowercase))
    return Interned.of(bounded_grams(words.ids, words.ends, words.letters, words.offsets, *analysis.ngram_range))


FAST: dict[str, Callable[[Piece, Analysis, bool], Interned]] = {
    "word": _words,
    "char": _characters,
    "char_wb": _within_words,
}
