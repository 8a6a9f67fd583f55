"""For each term, the documents that have it and what it adds to their score: a query is a sum over its terms' lists.

**Why not add everything up.** The score of a document is Σ weight · impact over the terms that it shares with the
query. A frequent term has a long list, and an impact that is small everywhere; adding up all lists would spend nearly
all time on terms that hardly matter.

**The proof.** Lists are taken in falling order of the most that each can add. Let R be the sum of what all lists that
are still to come can add at most, and θ the k-th best score so far. Once R < θ, a document that was not met yet cannot
become one of the best k; from there on no list is walked through to find documents, and a document whose own sum plus
R is below θ is given up. The few that remain are looked up in the lists that are left, the next bound is taken, and so
on (Turtle and Flood 1995, Query evaluation: strategies and optimizations; here a term at a time).

**Exactly these, in exactly this order.** Sums on the way are float32, so that rounding may misplace what is nearly
equal: whatever comes within a bound of rounding of θ is kept, and its score is added up again in float64, in the order
of the query's terms. Of equal scores the earlier document comes first. `found_plainly` adds up everything and is the
witness.
"""

from __future__ import annotations

from functools import partial

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from fitwell.search.lists import Postings, Ranked, WeightedTerms
from fitwell.vectors.threads import over_parts


def postings_of(impacts: sp.csr_matrix) -> Postings:
    """Return the lists of a matrix (documents, terms)."""
    lists = impacts.astype(np.float32).tocsc()
    lists.sort_indices()
    starts = lists.indptr.astype(np.int64)
    return Postings(
        starts=starts,
        documents=lists.indices.astype(np.int32, copy=False),
        impacts=lists.data,
        highest=highest_of(starts, lists.data),
        size=impacts.shape[0],
    )


def highest_of(starts: NDArray[np.int64], impacts: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the largest impact of each list; every list has an entry."""
    return np.maximum.reduceat(impacts, starts[:-1]) if len(impacts) else np.zeros(0, np.float32)


def found(postings: Postings, queries: WeightedTerms, *, count: int) -> Ranked:
    """Return the documents with the highest scores for each query, at most `count`; those that share no term are none.

    >>> postings = postings_of(sp.csr_matrix(np.float32([[1, 0], [2, 1], [0, 4]])))
    >>> found(postings, WeightedTerms(np.int32([0, 1]), np.float32([1, 0.5]), np.int64([0, 2])), count=2).documents
    array([[1, 2]])
    """
    count = min(count, postings.size)
    total = len(queries.ends) - 1
    ranked = Ranked(np.full((total, count), -1, np.int64), np.zeros((total, count)))
    if count and len(queries.terms):
        over_parts(partial(_search, postings, queries, ranked), total)
    return ranked


def found_plainly(postings: Postings, queries: WeightedTerms, *, count: int) -> Ranked:
    """Find them by adding up every list in float64."""
    count = min(count, postings.size)
    total = len(queries.ends) - 1
    ranked = Ranked(np.full((total, count), -1, np.int64), np.zeros((total, count)))
    for query in range(total):
        scores = np.zeros(postings.size)
        for place in range(queries.ends[query], queries.ends[query + 1]):
            own = slice(postings.starts[queries.terms[place]], postings.starts[queries.terms[place] + 1])
            scores[postings.documents[own]] += float(queries.weights[place]) * postings.impacts[own].astype(np.float64)
        order = np.lexsort((np.arange(postings.size), -scores))[:count]
        order = order[scores[order] > 0]
        ranked.documents[query, : len(order)] = order
        ranked.scores[query, : len(order)] = scores[order]
    return ranked


def _search(postings: Postings, queries: WeightedTerms, ranked: Ranked, first: int, last: int) -> None:
    from fitwell.search.kernels import search

    search(postings, queries, ranked, first, last)
