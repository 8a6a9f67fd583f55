"""Word vectors that were learned elsewhere, from a file, as the first vectors of a text network's words."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import torch
from jaxtyping import Float, Int
from torch import Tensor

from fitwell import vectors
from fitwell.errors import DataError, RequestError


def width_of(path: str) -> int:
    """Return how many numbers the vectors of a file have.

    Raises:
        DataError, SurroundingsError: it is no file of word vectors, or cannot be opened.
    """
    return vectors.load(path, limit=1).width


def started_from(
    path: str, table: Float[Tensor, "entries width"], words: Sequence[str], *, tuned: bool
) -> Float[Tensor, "entries width"]:
    """Return a table with the vectors of the words that the file knows.

    The others keep what they have, spread as those of the file are, and are zero where nothing would tune them.

    Raises:
        DataError: the file knows none of the words. RequestError: its vectors have another width than the table.
    """
    if width_of(path) != table.shape[1]:
        raise RequestError(
            f"network.text.width must be that of the vectors in {path}, {width_of(path)}, but is {table.shape[1]}; "
            "leave it out"
        )
    rows, found = _known(path, tuple(words))
    started = table * (found.std() / table.std()) if tuned else torch.zeros_like(table)
    started[rows] = found
    return started


@lru_cache(maxsize=4)  # every member of a population asks for the same
def _known(path: str, words: tuple[str, ...]) -> tuple[Int[Tensor, " known"], Float[Tensor, "known width"]]:
    loaded = vectors.load(path)
    rows = [row for row, word in enumerate(words) if word in loaded.rows]
    if not rows:
        raise DataError(
            f"{path} must have vectors of the words of the texts, but knows none of the {len(words):,}; they are in "
            "lower case, is it another language?"
        )
    matrix = loaded.matrix[[loaded.rows[words[row]] for row in rows]]
    return torch.tensor(rows), torch.from_numpy(matrix.astype("float32"))
