"""How good a ranking is, by what people judged relevant: one value for each query."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

# Of one query: the gains of the documents found, best first, and of all that are relevant, falling.
Gains: TypeAlias = "NDArray[np.float64]"
Measure = Callable[[Gains, Gains], float]


def ndcg(found: Gains, relevant: Gains, *, depth: int) -> float:
    """Return how much of what the best order would gain is gained, a place counting less the lower it is.

    Σ gain / log₂(1 + rank), over the same for the best order. Järvelin and Kekäläinen 2002, Cumulated gain-based
    evaluation of IR techniques, with the gains as they are judged.

    >>> round(ndcg(np.array([0.0, 1.0]), np.array([1.0]), depth=10), 4)
    0.6309
    """
    return _discounted(found[:depth]) / _discounted(relevant[:depth])


def reciprocal_rank(found: Gains, _relevant: Gains) -> float:
    """Return 1 / the rank of the first relevant document, 0 where none was found.

    >>> reciprocal_rank(np.array([0.0, 1.0, 1.0]), np.array([1.0, 1.0]))
    0.5
    """
    hits = np.flatnonzero(found > 0)
    return 1 / (int(hits[0]) + 1) if len(hits) else 0.0


def recall(found: Gains, relevant: Gains, *, depth: int) -> float:
    """Return the share of the relevant documents that are among the first.

    >>> recall(np.array([0.0, 1.0, 1.0]), np.array([1.0, 1.0]), depth=2)
    0.5
    """
    return np.count_nonzero(found[:depth] > 0) / len(relevant)


def _discounted(gains: Gains) -> float:
    return float((gains / np.log2(np.arange(len(gains)) + 2)).sum())


MEASURES: Mapping[str, Measure] = {
    "ndcg_at_10": partial(ndcg, depth=10),
    "mrr": reciprocal_rank,
    "recall_at_10": partial(recall, depth=10),
    "recall_at_100": partial(recall, depth=100),
}
DEEPEST = 1000  # documents of a ranking that are looked at


def measured(documents: NDArray[np.int64], gains: Sequence[Mapping[int, float]]) -> dict[str, NDArray[np.float64]]:
    """Return each measure for each query: of the documents found (queries, depth), by the gain of each relevant one."""
    values = {name: np.empty(len(gains)) for name in MEASURES}
    for query, judged in enumerate(gains):
        found = np.array([judged.get(document, 0.0) for document in documents[query].tolist()])
        relevant = np.sort(np.array(list(judged.values())))[::-1]
        for name, measure in MEASURES.items():
            values[name][query] = measure(found, relevant)
    return values
