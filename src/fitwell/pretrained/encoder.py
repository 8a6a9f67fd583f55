"""Sentence vectors: texts go in, one vector for each comes out, pooled and scaled as the model's own files say."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
import torch
from jaxtyping import Float32

from fitwell.errors import RequestError
from fitwell.pretrained.configuration import Configuration
from fitwell.pretrained.folder import encoder_of, open_folder
from fitwell.pretrained.packed import packed_lists
from fitwell.pretrained.tokenizer import cut, opened
from fitwell.pretrained.transformer import Transformer, pooled

if TYPE_CHECKING:
    from tokenizers import Tokenizer

Precision = Literal["float32", "bfloat16"]

PIECES_AT_ONCE = 8192  # a layer's outputs of so many stay near the cache, and its maps are large enough for all cores
TEXTS_AT_ONCE = 65_536  # bounds the memory of what is cut but not yet encoded


@dataclass(frozen=True, eq=False)
class Encoded:
    """Texts as vectors."""

    vectors: Float32[np.ndarray, "texts width"]
    shortened: int  # so many of the texts were cut


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
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=self.precision == "bfloat16"):
            for start in range(0, len(texts), TEXTS_AT_ONCE):
                found = cut(self.tokenizer, texts[start : start + TEXTS_AT_ONCE], longest=self.configuration.longest)
                shortened += found.shortened
                for places in _together(found.numbers):
                    vectors[start + places] = self._vectors([found.numbers[place] for place in places])
        return Encoded(vectors, shortened)

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
    CPUs that multiply tiles of them (AMX); the vectors' cosines then differ by some thousandths.

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
    batch = (ends - 1) // PIECES_AT_ONCE
    yield from np.split(order, np.flatnonzero(np.diff(batch)) + 1)
