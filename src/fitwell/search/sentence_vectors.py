"""Texts as the vectors of a pretrained encoder, which has read more than the documents: the way "sentences"."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fitwell.errors import DataError

if TYPE_CHECKING:
    from fitwell.pretrained.encoder import Encoder

ALIKE = 0.999  # cosine above which two vectors of one text are the same but for rounding


class Encoded(NamedTuple):
    """Texts as vectors, and how many of them the encoder has not read to their end."""

    vectors: NDArray[np.float32]  # (texts, width); texts without words are zeros
    shortened: int


def opened_encoder(folder: str | Path) -> Encoder:
    """Return the encoder in a local Hugging Face folder.

    Raises:
        RequestError: there is no such folder. DataError: there is no encoder in it.
        SurroundingsError: the package tokenizers is not installed.
    """
    from fitwell.pretrained.encoder import open_encoder  # it imports PyTorch

    return open_encoder(folder)


def encoded(texts: Sequence[str], encoder: Encoder, kept: Mapping[str, NDArray[np.float32]]) -> Encoded:
    """Return the vectors of texts; those that are kept from before are not computed again."""
    new = list(dict.fromkeys(text for text in texts if text not in kept and text.strip()))
    made = encoder.encoded(new)
    known = {**kept, **dict(zip(new, made.vectors, strict=True))}
    nothing = np.zeros(encoder.width, np.float32)
    return Encoded(np.stack([known.get(text, nothing) for text in texts]), made.shortened)


def require_same(encoder: Encoder, text: str, vector: NDArray[np.float32], folder: str) -> None:
    """Refuse an encoder that gives a text another vector than the one it has in the index.

    Raises:
        DataError: it is another one.
    """
    now = encoder.encode([text])[0].astype(np.float64)
    lengths = float(np.linalg.norm(now) * np.linalg.norm(vector)) if now.shape == vector.shape else 0.0
    if lengths == 0 or float(now @ vector) / lengths < ALIKE:
        raise DataError(
            f"the encoder in {folder} is not the one that read the documents: it gives one of them another vector; "
            "put the old one back, or make the index again with: fitwell search index"
        )
