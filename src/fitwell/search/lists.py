"""The values that the loops of searching by terms take and fill: named tuples, because numba knows these."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Postings(NamedTuple):
    """Lists of documents, one a term: those of term i from `starts[i]` to `starts[i + 1]`, rising."""

    starts: NDArray[np.int64]  # (terms + 1,)
    documents: NDArray[np.int32]
    impacts: NDArray[np.float32]  # of each entry; above 0
    highest: NDArray[np.float32]  # (terms,): the largest impact of a list
    size: int  # documents there are


class WeightedTerms(NamedTuple):
    """Weighted terms: those of query i from `ends[i]` to `ends[i + 1]`, each once; weights are above 0."""

    terms: NDArray[np.int32]
    weights: NDArray[np.float32]
    ends: NDArray[np.int64]


class Ranked(NamedTuple):
    """The best documents of each query, best first; where there are no more, -1 with a score of 0."""

    documents: NDArray[np.int64]  # (queries, count)
    scores: NDArray[np.float64]  # (queries, count)
