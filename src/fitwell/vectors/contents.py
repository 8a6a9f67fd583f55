"""What a file of word vectors holds, as plain values; the formats read it and write it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from fitwell.vectors.subwords import Subwords


@dataclass(frozen=True, kw_only=True, eq=False)
class Contents:
    """Words with a vector each, and what else the file tells about them."""

    words: tuple[str, ...]
    matrix: NDArray[np.float32]  # (words, width); may be a map of the file
    made: Mapping[str, object] = field(default_factory=dict)  # how they were made; plain values that JSON can hold
    counts: NDArray[np.int64] | None = None  # how often each word was seen
    subwords: Subwords | None = None
