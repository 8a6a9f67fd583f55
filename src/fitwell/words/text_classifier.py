"""A text classifier as a value: labels for texts, and fastText's model files, both ways."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from fitwell.compiled import to_be_read
from fitwell.errors import DataError, RequestError
from fitwell.files import writing
from fitwell.vectors.formats.detect import look
from fitwell.vectors.formats.fasttext import LOSSES, MODELS, Model, read_model, write_model
from fitwell.words.encoded import EncodedCorpus, encode
from fitwell.words.huffman import Ways, huffman_ways
from fitwell.words.text_rows import PREFIX, TOKENS, Features, text_rows
from fitwell.words.texts import Corpus

ClassifierLoss = Literal["softmax", "one_vs_all", "negative_sampling", "hierarchical_softmax"]


@dataclass(frozen=True, eq=False)
class TextClassifier:
    """Tells texts by labels; made by `classifier` or loaded by `load_classifier`.

    A text's vector is the mean of the rows of its words and of what else of it has a row; the labels' vectors tell it.
    """

    model: Model  # as fastText has it

    def __repr__(self) -> str:
        """Tell the size."""
        return f"TextClassifier({len(self.labels)} labels, {len(self.model.words):,} words, {self.loss})"

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels, the most frequent in training first, without their prefix."""
        return tuple(label.removeprefix(PREFIX) for label in self.model.labels)

    @property
    def loss(self) -> str:
        """What the classifier was trained by, and what its probabilities are therefore."""
        return LOSSES[self.model.arguments["loss"]]

    def probabilities(self, texts: Iterable[str]) -> npt.NDArray[np.float32]:
        """Return the probability of each label, (texts, labels).

        They sum to 1 with softmax and hierarchical softmax; otherwise each stands alone, as a text may have several.
        """
        # A corpus must hold a word, but texts may all be empty; the last one is taken away again.
        return self.probabilities_of(self.encoded([*texts, "."]))[:-1]

    def predict(self, texts: Iterable[str]) -> list[str]:
        """Return the likeliest label of each text."""
        labels = self.labels
        return [labels[best] for best in self.probabilities(texts).argmax(axis=1).tolist()]

    def encoded(self, texts: Corpus) -> EncodedCorpus:
        """Return texts as numbers, from a path too, cut as they were in training."""
        return encode(texts, tokenization=TOKENS)

    def probabilities_of(self, corpus: EncodedCorpus) -> npt.NDArray[np.float32]:
        """Return the same for texts that are numbers already."""
        from fitwell.words.kernels.classifying import probabilities_of

        found = text_rows(corpus, words=self._words, labels={}, features=features_of(self.model))
        result = np.empty((len(corpus.ends), len(self.labels)), np.float32)
        model, ways = self.model, self._ways
        probabilities_of(
            found.rows,
            found.begins,
            to_be_read(model.inputs),
            to_be_read(model.outputs),
            loss_number(self.loss),
            (ways.nodes, ways.turns, ways.begins),
            result,
        )
        return result

    def labels_in(self, corpus: EncodedCorpus) -> list[frozenset[str]]:
        """Return those of each text's words that are labels of the model, without their prefix."""
        numbers = {label: number for number, label in enumerate(self.model.labels)}
        found = text_rows(corpus, words=self._words, labels=numbers, features=features_of(self.model))
        names, labels = self.labels, found.labels.tolist()
        bounds = pairwise(found.label_begins.tolist())
        return [frozenset(names[number] for number in labels[first:last]) for first, last in bounds]

    def save(self, path: str | Path) -> None:
        """Write a model file of fastText (.bin), whole or not at all.

        Raises:
            SurroundingsError: the disk is full or the folder may not be written.
        """
        with writing(path) as temporary:
            write_model(self.model, temporary)

    @cached_property
    def _words(self) -> Mapping[str, int]:
        return {word: number for number, word in enumerate(self.model.words)}

    @cached_property
    def _ways(self) -> Ways:
        return ways_of(self.loss, self.model.label_counts)


def load_classifier(path: str | Path) -> TextClassifier:
    """Return the classifier in a model file of fastText.

    Raises:
        DataError: the file is none, is damaged, or is quantized.
        RequestError: it holds word vectors, and no classifier.
        SurroundingsError: it cannot be opened.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(f"there is no file {path}; check the path")
    found = look(path)
    if found.format != "fasttext":
        raise DataError(f"{path} must be a model of fastText (.bin), but is {found.format}; name another file")
    model = read_model(path)
    if MODELS.get(model.arguments["model"]) != "supervised" or model.arguments["loss"] not in LOSSES:
        raise RequestError(f"{path} holds word vectors and no classifier; fitwell words neighbors reads it")
    return TextClassifier(model)


def features_of(model: Model) -> Features:
    """Return what has a row in a model."""
    arguments = model.arguments
    return Features(
        ngrams=max(arguments["wordNgrams"], 1) if arguments["bucket"] > 0 else 1,
        shortest=max(arguments["minn"], 1),
        longest=max(arguments["maxn"], 0) if arguments["bucket"] > 0 else 0,
        buckets=max(arguments["bucket"], 0),
    )


def ways_of(loss: str, counts: npt.NDArray[np.int64]) -> Ways:
    """Return the way to each label in the tree of hierarchical softmax; for other losses there is nothing in it."""
    if loss == "hierarchical_softmax":
        return huffman_ways(counts)
    return Ways(np.empty(0, np.int32), np.empty(0, np.float32), np.zeros(1, np.int64))


def loss_number(loss: str) -> int:
    """Return by what number the compiled loops know a loss."""
    from fitwell.words.kernels import classifying

    numbers = {
        "softmax": classifying.SOFTMAX,
        "one_vs_all": classifying.ONE_VS_ALL,
        "negative_sampling": classifying.NEGATIVE_SAMPLING,
        "hierarchical_softmax": classifying.HIERARCHICAL_SOFTMAX,
    }
    return numbers[loss]


def require_labels(labels: Sequence[object], texts: int) -> list[str]:
    """Return labels as text, one for each text.

    Raises:
        RequestError: there are more or fewer, or one is missing.
    """
    if len(labels) != texts:
        raise RequestError(f"every text needs a label, but there are {texts:,} texts and {len(labels):,} labels")
    for number, label in enumerate(labels):
        if label is None or label == "" or "\0" in str(label):
            raise RequestError(f"every text needs a label, but that of text {number + 1} is {label!r}; leave it out")
    return [str(label) for label in labels]
