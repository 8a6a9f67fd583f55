"""Several rankings become one: by reciprocal ranks, or by weights that were learned from judgements.

Either way a document's candidates are those that some ranking has among its first, and its passage is that of the
ranking in which it stands highest.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from fitwell.search.listing import Listing

SOFTENING = 60  # the paper's; how little the first places count more than those behind them
PENALTY = 1e-3  # on squared weights, beside a loss of one query
FOLDS = 5
FEWEST = 20  # queries that can be learned from

Weights: TypeAlias = "NDArray[np.float64]"  # (2 rankings,): of relative scores, then of softened reciprocal ranks


class Candidates(NamedTuple):
    """The documents that rankings have found for one query, and how each ranking sees each of them."""

    documents: NDArray[np.int64]  # rising
    passages: NDArray[np.int64]
    scores: NDArray[np.float64]  # (documents, rankings): as a share of that ranking's best, 0 where it has it not
    ranks: NDArray[np.float64]  # (documents, rankings): 61 / (60 + rank), 0 where it has it not

    @property
    def features(self) -> NDArray[np.float64]:
        """Everything that weights are for, (documents, 2 rankings)."""
        return np.concatenate([self.scores, self.ranks], axis=1)


def candidates_of(listings: Sequence[Listing]) -> Iterator[Candidates]:
    """Yield the candidates of each query."""
    for query in range(len(listings[0].documents)):
        found = [each.documents[query][each.documents[query] >= 0] for each in listings]
        documents = np.unique(np.concatenate(found))
        shape = (len(documents), len(listings))
        scores, ranks, passages = np.zeros(shape), np.zeros(shape), np.full(shape, -1)
        for way, (listing, own) in enumerate(zip(listings, found, strict=True)):
            rows = np.searchsorted(documents, own)
            values = listing.scores[query, : len(own)]
            scores[rows, way] = values / max(np.abs(values).max(), 1e-300) if len(own) else 0
            ranks[rows, way] = (SOFTENING + 1) / (SOFTENING + np.arange(1, len(own) + 1))
            passages[rows, way] = listing.passages[query, : len(own)]
        highest = ranks.argmax(axis=1)
        yield Candidates(documents, passages[np.arange(len(documents)), highest], scores, ranks)


def by_reciprocal_ranks(listings: Sequence[Listing], count: int) -> Listing:
    """Return the documents with the largest Σ 1 / (60 + rank) over rankings, whatever their scores mean.

    Cormack, Clarke and Büttcher 2009, Reciprocal rank fusion outperforms Condorcet and individual rank learning
    methods.

    >>> one = Listing(np.array([[3, 1]]), np.array([[3, 1]]), np.array([[9.0, 8.0]]))
    >>> other = Listing(np.array([[1, 2]]), np.array([[1, 2]]), np.array([[0.2, 0.1]]))
    >>> by_reciprocal_ranks([one, other], 3).documents
    array([[1, 3, 2]])
    """
    found = list(candidates_of(listings))
    return _ordered(found, [each.ranks.sum(axis=1) / (SOFTENING + 1) for each in found], count)


def by_weights(listings: Sequence[Listing], weights: Weights, count: int) -> Listing:
    """Return the documents with the largest weighted sum of relative scores and softened reciprocal ranks."""
    found = list(candidates_of(listings))
    return _ordered(found, [each.features @ weights for each in found], count)


def learned(found: Sequence[Candidates], gains: Sequence[Mapping[int, float]]) -> Weights:
    """Return the weights under which judged documents stand highest: ListNet's loss, with a small penalty.

    Of each query, softmax over its candidates' sums is to be what their gains are as shares. Cao, Qin, Liu, Tsai and Li
    2007, Learning to rank: from pairwise approach to listwise approach (with shares of gains, not of their
    exponentials, so that what is not relevant asks for nothing).
    """
    from scipy.optimize import minimize

    wanted = [
        np.array([judged.get(each, 0.0) for each in one.documents.tolist()])
        for one, judged in zip(found, gains, strict=True)
    ]
    pairs = [(one.features, want / want.sum()) for one, want in zip(found, wanted, strict=True) if want.any()]
    width = 2 * found[0].scores.shape[1]

    def loss(weights: Weights) -> tuple[float, Weights]:
        total, slope = PENALTY * len(pairs) * float(weights @ weights), 2 * PENALTY * len(pairs) * weights
        for features, share in pairs:
            sums = features @ weights
            logs = sums - sums.max()
            logs -= np.log(np.exp(logs).sum())
            total -= float(share @ logs)
            slope = slope + features.T @ (np.exp(logs) - share)
        return total, slope

    best: Weights = minimize(loss, np.zeros(width), jac=True, method="L-BFGS-B").x
    return best


def cross_fitted(
    listings: Sequence[Listing], gains: Sequence[Mapping[int, float]], count: int, *, seed: int = 0
) -> Listing:
    """Return each query's ranking by weights that were learned without it, from the other folds of the queries."""
    found = list(candidates_of(listings))
    folds = np.random.default_rng(seed).permutation(len(found)) % FOLDS
    sums: list[NDArray[np.float64]] = [np.zeros(0)] * len(found)
    for fold in range(FOLDS):
        others = np.flatnonzero(folds != fold).tolist()
        weights = learned([found[query] for query in others], [gains[query] for query in others])
        for query in np.flatnonzero(folds == fold).tolist():
            sums[query] = found[query].features @ weights
    return _ordered(found, sums, count)


def _ordered(found: Sequence[Candidates], sums: Sequence[NDArray[np.float64]], count: int) -> Listing:
    shape = (len(found), count)
    listing = Listing(np.full(shape, -1), np.full(shape, -1), np.zeros(shape))
    for query, (candidates, values) in enumerate(zip(found, sums, strict=True)):
        order = np.lexsort((candidates.documents, -values))[:count]
        listing.documents[query, : len(order)] = candidates.documents[order]
        listing.passages[query, : len(order)] = candidates.passages[order]
        listing.scores[query, : len(order)] = values[order]
    return listing
