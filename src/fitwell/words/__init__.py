"""Text becomes numbers and vectors: corpora, vocabularies, phrases."""

from __future__ import annotations

from fitwell.words.corpus_file import open_corpus, save_corpus
from fitwell.words.encoded import EncodedCorpus, encode
from fitwell.words.phrases import Phrases, find_phrases, join_phrases
from fitwell.words.tokens import Tokenization
from fitwell.words.vocabulary import Vocabulary, keep_probabilities

__all__ = [
    "EncodedCorpus",
    "Phrases",
    "Tokenization",
    "Vocabulary",
    "encode",
    "find_phrases",
    "join_phrases",
    "keep_probabilities",
    "open_corpus",
    "save_corpus",
]
