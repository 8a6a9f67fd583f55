"""Which documents were found: each by its best passage."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fitwell.search.lists import Ranked


class Listing(NamedTuple):
    """The best documents of each query, best first, -1 where there are no more."""

    documents: NDArray[np.int64]  # (queries, count)
    passages: NDArray[np.int64]  # (queries, count): the best one of each
    scores: NDArray[np.float64]  # (queries, count)


def best_documents(search: Callable[[int], Ranked], owners: NDArray[np.int32], count: int) -> Listing:
    """Return the best documents from a search for passages, which is asked for more until there are enough.

    `owners` says to which document each passage belongs.

    >>> ranked = Ranked(np.array([[2, 1, 0]]), np.array([[3.0, 2.0, 1.0]]))
    >>> best_documents(lambda more: ranked, np.int32([0, 1, 1]), 2).documents
    array([[1, 0]])
    """
    more = count if len(owners) and owners[-1] == len(owners) - 1 else 2 * count
    while True:
        ranked = search(min(more, len(owners)))
        listing = _grouped(ranked, owners, count)
        # A query that has found fewer passages than it was asked for has no more.
        lacking = (listing.documents[:, -1:] < 0) & (ranked.documents[:, -1:] >= 0)
        if more >= len(owners) or not lacking.any():
            return listing
        more *= 2


def _grouped(ranked: Ranked, owners: NDArray[np.int32], count: int) -> Listing:
    passages, scores = ranked.documents, ranked.scores
    documents = np.where(passages >= 0, owners[passages], -1)
    order = np.argsort(documents, axis=1, kind="stable")
    in_order = np.take_along_axis(documents, order, 1)
    first = np.ones(documents.shape, bool)
    first[:, 1:] = in_order[:, 1:] != in_order[:, :-1]
    best = np.zeros(documents.shape, bool)
    np.put_along_axis(best, order, first & (in_order >= 0), 1)
    places = np.argsort(~best, axis=1, kind="stable")[:, :count]  # the best passages first, in their order
    chosen = np.take_along_axis(best, places, 1)
    return Listing(
        documents=np.where(chosen, np.take_along_axis(documents, places, 1), -1),
        passages=np.where(chosen, np.take_along_axis(passages, places, 1), -1),
        scores=np.where(chosen, np.take_along_axis(scores, places, 1), 0),
    )
