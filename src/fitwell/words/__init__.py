"""Text becomes numbers and vectors: corpora, phrases, TF-IDF, BM25, Word2Vec, FastText, GloVe, ELMo, classifiers.

Each name is imported when it is first used, because scikit-learn, on which the vectorizers stand, takes its time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fitwell.lazy import exports

if TYPE_CHECKING:
    from fitwell.vectors import Vectors, load
    from fitwell.words.bilm.model import Elmo, load_elmo
    from fitwell.words.bilm.training import elmo
    from fitwell.words.bm25 import BM25Vectorizer
    from fitwell.words.classifier_training import classifier
    from fitwell.words.corpus_file import open_corpus, save_corpus
    from fitwell.words.driving import Look
    from fitwell.words.encoded import EncodedCorpus, encode
    from fitwell.words.glove_training import glove
    from fitwell.words.phrases import Phrases, find_phrases, join_phrases
    from fitwell.words.text_classifier import TextClassifier, load_classifier
    from fitwell.words.tf_idf import TermMatrix, TfidfVectorizer, tfidf
    from fitwell.words.tokens import Tokenization
    from fitwell.words.vocabulary import Vocabulary, keep_probabilities
    from fitwell.words.word2vec_training import fasttext, word2vec
    from fitwell.words.word_senses import Senses, senses

__all__ = [
    "BM25Vectorizer",
    "Elmo",
    "EncodedCorpus",
    "Look",
    "Phrases",
    "Senses",
    "TermMatrix",
    "TextClassifier",
    "TfidfVectorizer",
    "Tokenization",
    "Vectors",
    "Vocabulary",
    "classifier",
    "elmo",
    "encode",
    "fasttext",
    "find_phrases",
    "glove",
    "join_phrases",
    "keep_probabilities",
    "load",
    "load_classifier",
    "load_elmo",
    "open_corpus",
    "save_corpus",
    "senses",
    "tfidf",
    "word2vec",
]

# The module where a name lives.
_HOMES = {
    "BM25Vectorizer": "fitwell.words.bm25",
    "Elmo": "fitwell.words.bilm.model",
    "EncodedCorpus": "fitwell.words.encoded",
    "Look": "fitwell.words.driving",
    "Phrases": "fitwell.words.phrases",
    "Senses": "fitwell.words.word_senses",
    "TermMatrix": "fitwell.words.tf_idf",
    "TextClassifier": "fitwell.words.text_classifier",
    "TfidfVectorizer": "fitwell.words.tf_idf",
    "Tokenization": "fitwell.words.tokens",
    "Vectors": "fitwell.vectors",
    "Vocabulary": "fitwell.words.vocabulary",
    "classifier": "fitwell.words.classifier_training",
    "elmo": "fitwell.words.bilm.training",
    "encode": "fitwell.words.encoded",
    "fasttext": "fitwell.words.word2vec_training",
    "find_phrases": "fitwell.words.phrases",
    "glove": "fitwell.words.glove_training",
    "join_phrases": "fitwell.words.phrases",
    "keep_probabilities": "fitwell.words.vocabulary",
    "load": "fitwell.vectors",
    "load_classifier": "fitwell.words.text_classifier",
    "load_elmo": "fitwell.words.bilm.model",
    "open_corpus": "fitwell.words.corpus_file",
    "save_corpus": "fitwell.words.corpus_file",
    "senses": "fitwell.words.word_senses",
    "tfidf": "fitwell.words.tf_idf",
    "word2vec": "fitwell.words.word2vec_training",
}

if not TYPE_CHECKING:  # a type checker that saw it would take any misspelled name for an export
    __getattr__, __dir__ = exports(__name__, _HOMES, offered=__all__)
