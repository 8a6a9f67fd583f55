"""Sentence vectors: texts go in, one vector for each comes out, pooled and scaled as the model's own files say."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple, get_args

import numpy as np
import torch
from jaxtyping import Float32

from fitwell.errors import RequestError
from fitwell.pretrained.configuration import Configuration
from fitwell.pretrained.folder import encoder_of, open_folder
from fitwell.pretrained.packed import packed_lists
from fitwell.pretrained.tokenizer import CutWords, cut, cut_words, opened
from fitwell.pretrained.transformer import Transformer, pooled

if TYPE_CHECKING:
    from tokenizers import Tokenizer

Precision = Literal["float32", "bfloat16"]

PIECES_AT_ONCE = 1024  # for each thread: what layers make of so many stays in the cache, and maps are at full speed
TEXTS_AT_ONCE = 65_536  # bounds the memory of what is cut but not yet encoded


@dataclass(frozen=True, eq=False)
class Encoded:
    """Texts as vectors."""

    vectors: Float32[np.ndarray, "texts width"]
    shortened: int  # so many of the texts were cut


class WordVectors(NamedTuple):
    """The words of a text in their order, and the vector that each has there."""

    words: list[str]
    vectors: Float32[np.ndarray, "words width"]


@dataclass(frozen=True, eq=False)
class Encoder:
    """A pretrained encoder, ready to turn texts into vectors."""

    configuration: Configuration
    tokenizer: Tokenizer
    network: Transformer
    precision: Precision = "float32"

    @property
    def width(self) -> int:
        """Numbers of a vector."""
        return self.configuration.pooled_width

    def encode(self, texts: Sequence[str]) -> Float32[np.ndarray, "texts width"]:
        """Return a vector for each text, which depends on no other text but for rounding."""
        return self.encoded(texts).vectors

    def encoded(self, texts: Sequence[str]) -> Encoded:
        """Return the vectors of texts, and how many were cut because they have more pieces than the model takes."""
        vectors, shortened = np.empty((len(texts), self.width), np.float32), 0
        with self._reading():
            for start in range(0, len(texts), TEXTS_AT_ONCE):
                found = cut(self.tokenizer, texts[start : start + TEXTS_AT_ONCE], longest=self.configuration.longest)
                shortened += found.shortened
                for places in _together(found.numbers):
                    vectors[start + places] = self._vectors([found.numbers[place] for place in places])
        return Encoded(vectors, shortened)

    def word_vectors(self, texts: Sequence[str], layer: int = -1) -> list[WordVectors]:
        """Return the words of each text with their vectors in context: the means of their pieces.

        Words are cut, and told from punctuation, as the model's tokenizer does, and written as the text has them. The
        layer counts from 0, what enters the first, to the model's number of layers, or from -1, the last, downwards.
        A text's words beyond what the model reads of it are left out.

        Raises:
            RequestError: there is no such layer.
        """
        layers = self.configuration.layers
        if not -layers - 1 <= layer <= layers:
            raise RequestError(f"layer must be from {-layers - 1} to {layers} for this model, but is {layer}")
        depth = layer % (layers + 1)
        found: list[WordVectors] = []
        for start in range(0, len(texts), TEXTS_AT_ONCE):
            some = texts[start : start + TEXTS_AT_ONCE]
            cuts = [cut_words(self.tokenizer, text, longest=self.configuration.longest) for text in some]
            vectors: list[Float32[np.ndarray, "words width"]] = [np.empty((0, 0), np.float32)] * len(cuts)
            with self._reading():
                for places in _together([each.numbers for each in cuts]):
                    together = self._words([cuts[place] for place in places], depth)
                    for place, rows in zip(places, together, strict=True):
                        vectors[place] = rows
            found += [WordVectors(each.words, rows) for each, rows in zip(cuts, vectors, strict=True)]
        return found

    def _words(self, texts: Sequence[CutWords], depth: int) -> list[Float32[np.ndarray, "words width"]]:
        """Return the vectors of the words of each text: sums over their pieces, divided by how many these are."""
        packed_texts = packed_lists([text.numbers for text in texts])
        hidden = self.network(packed_texts, depth=depth).float()
        firsts = np.cumsum([0, *(len(text.words) for text in texts)])
        owners = torch.tensor(
            [
                int(firsts[place]) + owner if owner >= 0 else -1
                for place in packed_texts.order.tolist()
                for owner in texts[place].owners
            ]
        )
        of_words = owners >= 0
        owners = owners[of_words]
        sums = hidden.new_zeros(int(firsts[-1]), hidden.shape[1]).index_add_(0, owners, hidden[of_words])
        means = sums / torch.bincount(owners, minlength=len(sums))[:, None]
        return np.split(means.numpy(), firsts[1:-1])

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """Compute without gradients, in the precision that was asked for."""
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=self.precision == "bfloat16"):
            yield

    def _vectors(self, numbers: Sequence[Sequence[int]]) -> Float32[np.ndarray, "texts width"]:
        texts = packed_lists(numbers)
        vectors = pooled(self.network(texts), texts, self.configuration.pooling)
        if self.configuration.unit_length:
            vectors = torch.nn.functional.normalize(vectors, dim=1)
        found: Float32[np.ndarray, "texts width"] = vectors.numpy()
        return found


def open_encoder(path: str | Path, *, precision: Precision = "float32") -> Encoder:
    """Return the encoder in a local Hugging Face folder.

    With the precision bfloat16 its linear maps have numbers of 8 significant bits, which takes about half the time on
    CPUs with units for them (AMX or AVX512_BF16); the vectors' cosines then differ by some thousandths.

    Raises:
        RequestError: there is no such folder, or no such precision. DataError: it has no encoder that can be read.
        SurroundingsError: the package tokenizers is not installed.
    """
    if precision not in get_args(Precision):
        raise RequestError(f"precision must be {' or '.join(get_args(Precision))}, but is {precision}")
    folder = open_folder(path)
    return Encoder(folder.configuration, opened(folder.tokenizer, source=str(path)), encoder_of(folder), precision)


def _together(numbers: Sequence[Sequence[int]]) -> Iterator[np.ndarray]:
    """Yield the places of texts that are encoded together: of like lengths, so many pieces at a time."""
    lengths = np.array([len(each) for each in numbers])
    order = np.argsort(-lengths, kind="stable")  # the longest first: memory that suffices for them suffices
    ends = np.cumsum(lengths[order])
    batch = (ends - 1) // (PIECES_AT_ONCE * torch.get_num_threads())
    yield from np.split(order, np.flatnonzero(np.diff(batch)) + 1)
