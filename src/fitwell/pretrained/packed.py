"""Texts without padding: their pieces end to end, texts of one length beside each other.

A batch as a matrix is as wide as its longest text, and what fills it up is computed for nothing. Laid end to end, the
pieces of all texts go through linear maps and normalizations as one matrix of just them. Only attention asks which
pieces belong together: texts are therefore in the order of their lengths, and those of one length are a run, whose
pieces are a (texts, length) block without a gap and without a mask. So an encoder pays for the pieces that there are,
whichever texts a batch brings together, and neither batches nor their order have to be arranged by length.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from jaxtyping import Int
from torch import Tensor


@dataclass(frozen=True)
class Run:
    """Texts of one length, whose pieces lie one after another."""

    texts: slice
    pieces: slice
    length: int


@dataclass(frozen=True, kw_only=True)
class Packed:
    """Texts in the order of their lengths, those without a piece left out."""

    numbers: Int[Tensor, " pieces"]
    places: Int[Tensor, " pieces"]  # of each within its text, from 0
    runs: tuple[Run, ...]
    order: Int[Tensor, " texts"]  # which text of the batch each is
    count: int  # of texts in the batch, empty ones too
    segments: Int[Tensor, " pieces"] | None = None  # of each; None: all are of the first


def packed(numbers: Int[Tensor, "texts length"]) -> Packed:
    """Return the texts of a matrix that holds numbers from 1 on, and 0 after each text's end.

    The numbers of `Packed` begin at 0.

    >>> texts = packed(torch.tensor([[5, 6, 7], [8, 0, 0], [0, 0, 0], [9, 0, 0]]))
    >>> texts.numbers.tolist(), texts.places.tolist(), texts.order.tolist()
    ([7, 8, 4, 5, 6], [0, 0, 0, 1, 2], [1, 3, 0])
    >>> [(run.texts.stop, run.length) for run in texts.runs]
    [(2, 1), (3, 3)]
    """
    present = numbers > 0
    lengths = present.sum(1)
    order = torch.argsort(lengths, stable=True)
    ordered = lengths[order]
    empty = int((ordered == 0).sum())
    order, ordered = order[empty:], ordered[empty:]
    kept = present[order]
    places = torch.arange(numbers.shape[1], device=numbers.device).expand_as(kept)[kept]
    return Packed(
        numbers=(numbers[order][kept] - 1).to(torch.int64),
        places=places,
        runs=_runs(ordered.tolist()),
        order=order,
        count=len(numbers),
    )


def rows_of(texts: Packed) -> Int[Tensor, " pieces"]:
    """Return which text of the batch each piece belongs to.

    >>> rows_of(packed(torch.tensor([[5, 6, 7], [8, 0, 0]]))).tolist()
    [1, 0, 0, 0]
    """
    lengths = torch.tensor([run.length for run in texts.runs for _ in range(run.texts.stop - run.texts.start)])
    return texts.order.repeat_interleave(lengths.to(texts.order.device))


def packed_lists(texts: Sequence[Sequence[int]]) -> Packed:
    """Return texts given as the numbers of their pieces, from 0 on.

    >>> packed_lists([[4, 5, 6], [7], [], [8]]).numbers.tolist()
    [7, 8, 4, 5, 6]
    """
    order = [place for place in sorted(range(len(texts)), key=lambda place: len(texts[place])) if texts[place]]
    lengths = [len(texts[place]) for place in order]
    return Packed(
        numbers=torch.tensor([number for place in order for number in texts[place]], dtype=torch.int64),
        places=torch.tensor([place for length in lengths for place in range(length)], dtype=torch.int64),
        runs=_runs(lengths),
        order=torch.tensor(order, dtype=torch.int64),
        count=len(texts),
    )


def packed_arrays(
    numbers: npt.NDArray[np.int64], lengths: npt.NDArray[np.int64]
) -> tuple[Packed, Int[Tensor, " pieces"]]:
    """Return texts whose pieces lie one after another, none without a piece, and where each piece comes to lie.

    >>> texts, moved = packed_arrays(np.array([4, 5, 6, 7]), np.array([3, 1]))
    >>> texts.numbers.tolist(), moved.tolist()
    ([7, 4, 5, 6], [1, 2, 3, 0])
    """
    order = np.argsort(lengths, kind="stable")
    ordered = lengths[order]
    places = np.arange(len(numbers)) - np.repeat(np.cumsum(ordered) - ordered, ordered)
    sources = places + np.repeat((np.cumsum(lengths) - lengths)[order], ordered)
    moved = np.empty(len(numbers), np.int64)
    moved[sources] = np.arange(len(numbers))
    texts = Packed(
        numbers=torch.from_numpy(numbers[sources]),
        places=torch.from_numpy(places),
        runs=_runs(ordered.tolist()),
        order=torch.from_numpy(order),
        count=len(lengths),
    )
    return texts, torch.from_numpy(moved)


def _runs(lengths: Sequence[int]) -> tuple[Run, ...]:
    """Return the runs of ascending lengths."""
    runs, text, piece = [], 0, 0
    while text < len(lengths):
        length, first = lengths[text], text
        while text < len(lengths) and lengths[text] == length:
            text += 1
        end = piece + (text - first) * length
        runs.append(Run(texts=slice(first, text), pieces=slice(piece, end), length=length))
        piece = end
    return tuple(runs)
