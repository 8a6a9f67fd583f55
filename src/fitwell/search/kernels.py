"""The loops of searching by terms, compiled; `postings.py` says why they are right."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fitwell.compiled import compiled

if TYPE_CHECKING:
    from fitwell.search.lists import Postings, Ranked, WeightedTerms

ROUNDING = 2.0**-22  # of the difference of two float32 sums, for each number added, relative to the largest sum
STEPS = 16  # a look into a list by halving costs as much as walking past so many entries


@compiled
def search(postings: Postings, queries: WeightedTerms, ranked: Ranked, first: int, last: int) -> None:
    """Fill in what is best for the queries from `first` to before `last`."""
    sums = np.zeros(postings.size, np.float32)
    met = np.empty(postings.size + 1, np.int32)  # the last is written to and never read
    count = ranked.documents.shape[1]
    heap = np.empty(count, np.float32)
    for query in range(first, last):
        begin, end = queries.ends[query], queries.ends[query + 1]
        size, kept = _met(postings, queries, begin, end, sums, met, heap)
        _rank(postings, queries, begin, end, met[:kept], ranked.documents[query], ranked.scores[query])
        for place in range(size):
            sums[met[place]] = 0


@compiled
def _met(
    postings: Postings,
    queries: WeightedTerms,
    begin: int,
    end: int,
    sums: NDArray[np.float32],
    met: NDArray[np.int32],
    heap: NDArray[np.float32],
) -> tuple[int, int]:
    """Add up a query's lists; `met` then begins with the documents that may be among the best.

    Returned are how many documents have a sum, and how many of them, the first, may be among the best.
    """
    bounds = np.empty(end - begin, np.float64)
    for place in range(begin, end):
        bounds[place - begin] = queries.weights[place] * postings.highest[queries.terms[place]]
    order = np.argsort(-bounds)
    left = bounds.sum()
    slack = left * ROUNDING * (end - begin + 1)
    size = done = 0
    added = 0.0
    while done < len(order):
        if size >= len(heap) and added > left and _least(sums, met[:size], heap) > left + slack:
            break
        place = begin + order[done]
        size = _add_list(postings, queries.terms[place], queries.weights[place], sums, met, size)
        added += bounds[order[done]]
        left -= bounds[order[done]]
        done += 1
    kept = size
    while True:
        if kept > len(heap):
            least = _least(sums, met[:kept], heap)
            kept = _promising(sums, met, kept, np.float32(least - max(left, 0.0) - slack))
        if done == len(order):
            return size, kept
        place = begin + order[done]
        _look_up(postings, queries.terms[place], queries.weights[place], sums, met[:kept])
        left -= bounds[order[done]]
        done += 1


@compiled
def _add_list(
    postings: Postings,
    term: int,
    weight: np.float32,
    sums: NDArray[np.float32],
    met: NDArray[np.int32],
    size: int,
) -> int:
    """Add a list to the sums, note whom it met first, and return how many were met by now."""
    for entry in range(postings.starts[term], postings.starts[term + 1]):
        document = postings.documents[entry]
        before = sums[document]
        met[size] = document
        size += before == 0
        sums[document] = before + weight * postings.impacts[entry]
    return size


@compiled
def _least(sums: NDArray[np.float32], met: NDArray[np.int32], heap: NDArray[np.float32]) -> np.float32:
    """Return the smallest of the largest sums, as many as the heap has places."""
    for place in range(len(heap)):
        heap[place] = sums[met[place]]
    heap.sort()
    least = heap[0]
    for place in range(len(heap), len(met)):
        value = sums[met[place]]
        if value > least:
            _sink(heap, value)
            least = heap[0]
    return least  # type: ignore[no-any-return]


@compiled
def _sink(heap: NDArray[np.float32], value: np.float32) -> None:
    """Put a value in the place of the smallest, and let it sink to where both below it are larger."""
    place, child = 0, 1
    while child < len(heap):
        if child + 1 < len(heap) and heap[child + 1] < heap[child]:
            child += 1
        if heap[child] >= value:
            break
        heap[place] = heap[child]
        place, child = child, 2 * child + 1
    heap[place] = value


@compiled
def _promising(sums: NDArray[np.float32], met: NDArray[np.int32], size: int, least: np.float32) -> int:
    """Bring those whose sum is at least so large to the front, and return how many they are."""
    kept = 0
    for place in range(size):
        document = met[place]
        if sums[document] >= least:
            met[place] = met[kept]
            met[kept] = document
            kept += 1
    return kept


@compiled
def _look_up(
    postings: Postings, term: int, weight: np.float32, sums: NDArray[np.float32], wanted: NDArray[np.int32]
) -> None:
    """Add what a list has for the wanted documents; where they are many, it is walked through, and all that were met
    gain by it."""
    start, end = postings.starts[term], postings.starts[term + 1]
    if len(wanted) * STEPS >= end - start:
        for entry in range(start, end):
            before = sums[postings.documents[entry]]
            if before > 0:
                sums[postings.documents[entry]] = before + weight * postings.impacts[entry]
        return
    for document in wanted:
        sums[document] += weight * _impact(postings, start, end, document)


@compiled
def _impact(postings: Postings, start: int, end: int, document: int) -> np.float32:
    """Return what a list adds to a document, 0 if it is not there."""
    last = end
    while start < end:
        middle = (start + end) >> 1
        if postings.documents[middle] < document:
            start = middle + 1
        else:
            end = middle
    if start < last and postings.documents[start] == document:
        return postings.impacts[start]  # type: ignore[no-any-return]
    return np.float32(0)


@compiled
def _rank(
    postings: Postings,
    queries: WeightedTerms,
    begin: int,
    end: int,
    candidates: NDArray[np.int32],
    documents: NDArray[np.int64],
    scores: NDArray[np.float64],
) -> None:
    """Add up the candidates' scores exactly, in the order of the query's terms, and keep the best in order."""
    filled = 0
    for document in candidates:
        score = 0.0
        for place in range(begin, end):
            term = queries.terms[place]
            impact = _impact(postings, postings.starts[term], postings.starts[term + 1], document)
            score += np.float64(queries.weights[place]) * np.float64(impact)
        if filled == len(documents):
            worst = filled - 1
            if score < scores[worst] or (score == scores[worst] and document > documents[worst]):
                continue
        else:
            filled += 1
        place = filled - 1
        while place > 0 and (
            scores[place - 1] < score or (scores[place - 1] == score and documents[place - 1] > document)
        ):
            scores[place], documents[place] = scores[place - 1], documents[place - 1]
            place -= 1
        scores[place], documents[place] = score, document
