"""How many senses a word has: as many as are found again in other sentences.

Clustering finds clusters in anything, and its own figures (a silhouette, say) compare two clusters with three but not
with one. So the question is put to the sentences: they are divided in halves at random, each half is clustered by
itself, and both clusterings are applied to all sentences. Where there are that many senses, the two agree; where a
clustering has only cut through one cloud, each half cuts it elsewhere. Agreement is the adjusted Rand index, 0 for
chance and 1 for the same, averaged over divisions. (Tibshirani and Walther 2005, Cluster validation by prediction
strength; Ben-Hur, Elisseeff and Guyon 2002.) Three cases: "bank" in 24 sentences about money and rivers has an
agreement of 0.79 for two senses; "dentist" in 16 sentences has 0.29 at best, so it has one; "spring", with two senses
whose sentences share little, has 1.0 for two and less for more, so it has two.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fitwell.vectors.analogies import unit_rows
from fitwell.vectors.geometry import principal

DIRECTIONS = 5  # of largest spread that are looked at: further ones tell of sentences, not of senses
MOST_SENSES = 6
PER_SENSE = 4  # occurrences that a sense must have on average to be looked for
AGREED = 0.5  # from which on senses count as found again
NEARLY = 0.1  # fewer senses are preferred to more that are found again only so much better
DIVISIONS = 20
STARTS = 4
CLUSTERED_ON = 1000  # occurrences that agreement is measured on; more would not change it


@dataclass(frozen=True, kw_only=True, eq=False)
class Clustering:
    """Vectors in as many clusters as are found again, the largest first, of equal ones that of the first row."""

    labels: NDArray[np.int64]  # (rows,), from 0
    agreement: dict[int, float]  # of two halves, for each number of clusters that was tried
    typical: NDArray[np.float64]  # (rows,): distance from the center of its cluster


def clustered(vectors: NDArray[np.float32], *, seed: int, clusters: int | None = None) -> Clustering:
    """Return the clusters of vectors, whose lengths do not count; so many, or as many as are found again.

    >>> two = np.float32([[1, 0], [0, 1]]).repeat(8, 0) + np.random.default_rng(0).normal(0, 0.1, (16, 2))
    >>> clustered(two.astype(np.float32), seed=0).labels.tolist()
    [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1]
    """
    rows = _seen(vectors)
    agreement: dict[int, float] = {}
    if clusters is None:
        distinct = rows[
            np.unique(vectors, axis=0, return_index=True)[1]
        ]  # a sentence that comes twice would be found again in both halves
        for tried in range(2, min(MOST_SENSES, len(distinct) // PER_SENSE) + 1):
            agreement[tried] = _agreement(distinct, tried, seed=seed)
        least = max(AGREED, max(agreement.values(), default=0.0) - NEARLY)
        clusters = next((tried for tried, agreed in agreement.items() if agreed >= least), 1)
    found = _means(rows, min(clusters, len(rows)), seed=seed, starts=5 * STARTS)
    _, firsts, sizes = np.unique(found.labels_, return_index=True, return_counts=True)
    ranks = np.argsort(np.lexsort((firsts, -sizes)))
    labels = ranks[found.labels_].astype(np.int64)
    distances = np.sqrt(((rows - found.cluster_centers_[found.labels_]) ** 2).sum(1))
    return Clustering(labels=labels, agreement=agreement, typical=distances)


def agreement_with(labels: NDArray[np.int64], truth: Sequence[str]) -> tuple[float, float]:
    """Return the adjusted Rand index of clusters and true senses, and the accuracy of the best assignment.

    >>> agreement_with(np.array([0, 0, 1, 1]), ["river", "river", "money", "river"])
    (0.0, 0.75)
    """
    from scipy.optimize import linear_sum_assignment
    from sklearn.metrics import adjusted_rand_score

    names, true = np.unique(np.asarray(truth), return_inverse=True)
    counts = np.zeros((int(labels.max()) + 1, len(names)), np.int64)
    np.add.at(counts, (labels, true), 1)
    assigned = linear_sum_assignment(counts, maximize=True)
    return float(adjusted_rand_score(true, labels)), float(counts[assigned].sum() / len(true))


def _seen(vectors: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return directions along those in which they spread most."""
    return principal(unit_rows(vectors), min(DIRECTIONS, vectors.shape[1])).points


def _agreement(rows: NDArray[np.float64], clusters: int, *, seed: int) -> float:
    from sklearn.metrics import adjusted_rand_score

    generator = np.random.default_rng([seed, clusters])
    found = []
    for _ in range(DIVISIONS):
        order = generator.permutation(len(rows))[:CLUSTERED_ON]
        halves = [_means(rows[half], clusters, seed=seed, starts=STARTS) for half in np.array_split(order, 2)]
        one, other = (half.predict(rows[order]) for half in halves)
        found.append(adjusted_rand_score(one, other))
    return float(np.mean(found))


def _means(rows: NDArray[np.float64], clusters: int, *, seed: int, starts: int) -> Any:
    from sklearn.cluster import KMeans

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # equal sentences may leave fewer places than clusters
        return KMeans(clusters, n_init=starts, random_state=seed).fit(rows)
