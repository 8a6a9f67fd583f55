"""Text becomes numbers and vectors: corpora, vocabularies, phrases, TF-IDF, BM25.

Each name is imported when it is first used, because scikit-learn, on which the vectorizers stand, takes its time.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fitwell.words.bm25 import BM25Vectorizer
    from fitwell.words.corpus_file import open_corpus, save_corpus
    from fitwell.words.encoded import EncodedCorpus, encode
    from fitwell.words.phrases import Phrases, find_phrases, join_phrases
    from fitwell.words.tf_idf import TermMatrix, TfidfVectorizer, tfidf
    from fitwell.words.tokens import Tokenization
    from fitwell.words.vocabulary import Vocabulary, keep_probabilities

__all__ = [
    "BM25Vectorizer",
    "EncodedCorpus",
    "Phrases",
    "TermMatrix",
    "TfidfVectorizer",
    "Tokenization",
    "Vocabulary",
    "encode",
    "find_phrases",
    "join_phrases",
    "keep_probabilities",
    "open_corpus",
    "save_corpus",
    "tfidf",
]

_HOMES = {
    "BM25Vectorizer": "bm25",
    "EncodedCorpus": "encoded",
    "Phrases": "phrases",
    "TermMatrix": "tf_idf",
    "TfidfVectorizer": "tf_idf",
    "Tokenization": "tokens",
    "Vocabulary": "vocabulary",
    "encode": "encoded",
    "find_phrases": "phrases",
    "join_phrases": "phrases",
    "keep_probabilities": "vocabulary",
    "open_corpus": "corpus_file",
    "save_corpus": "corpus_file",
    "tfidf": "tf_idf",
}

if not TYPE_CHECKING:  # a type checker that saw it would take any misspelled name for an export

    def __getattr__(name: str) -> Any:
        if name not in _HOMES:
            raise AttributeError(f"module 'fitwell.words' has no attribute '{name}'; it offers {', '.join(__all__)}")
        return getattr(import_module(f"fitwell.words.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return list(__all__)
