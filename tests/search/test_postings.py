"""Searching by lists finds exactly what adding everything up finds, in the same order and to the last bit."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from fitwell.search.lists import Postings, WeightedTerms
from fitwell.search.postings import found, found_plainly, postings_of


def asked(terms: list[int], weights: list[float], ends: list[int]) -> WeightedTerms:
    return WeightedTerms(np.array(terms, np.int32), np.array(weights, np.float32), np.array(ends, np.int64))


def drawn(seed: int, *, documents: int, terms: int, levels: int) -> tuple[Postings, WeightedTerms]:
    """Return lists as uneven as words' are, with few different impacts so that many scores are equal, and queries."""
    generator = np.random.default_rng(seed)
    share = 0.9 / (1 + np.arange(terms))
    matrix = np.where(generator.random((documents, terms)) < share, generator.integers(1, levels + 1, terms), 0)
    matrix[generator.integers(documents, size=terms), np.arange(terms)] = levels  # every term is somewhere
    impacts = matrix * np.log1p(1 / share)
    terms_of = [np.unique(generator.integers(terms, size=generator.integers(0, 9))) for _ in range(30)]
    return postings_of(sp.csr_matrix(impacts.astype(np.float32))), WeightedTerms(
        np.concatenate(terms_of).astype(np.int32),
        (generator.integers(1, 4, sum(map(len, terms_of))) / 3).astype(np.float32),
        np.cumsum([0, *map(len, terms_of)]),
    )


@pytest.mark.parametrize(("documents", "count"), [(1, 1), (7, 3), (7, 50), (3000, 1), (3000, 10), (3000, 400)])
@pytest.mark.parametrize("levels", [1, 1000])
def test_the_best_are_those_of_adding_everything_up(documents: int, count: int, levels: int) -> None:
    for seed in range(3):
        postings, queries = drawn(seed, documents=documents, terms=60, levels=levels)
        quick, plain = found(postings, queries, count=count), found_plainly(postings, queries, count=count)
        np.testing.assert_array_equal(quick.documents, plain.documents)
        np.testing.assert_array_equal(quick.scores, plain.scores)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.integers(1, 12))
def test_the_best_of_few_are_those_of_adding_everything_up(seed: int, documents: int, count: int) -> None:
    postings, queries = drawn(seed, documents=documents, terms=12, levels=2)
    quick, plain = found(postings, queries, count=count), found_plainly(postings, queries, count=count)
    np.testing.assert_array_equal(quick.documents, plain.documents)
    np.testing.assert_array_equal(quick.scores, plain.scores)


def test_scores_that_float32_cannot_tell_apart_are_told_apart() -> None:
    """0.1 + 0.2 + 0.3 is not 0.3 + 0.2 + 0.1 when rounded on the way; the order of the query's terms decides."""
    tiny = np.float32(2**-20)
    impacts = np.array([[1, 2**-21, 2**-21], [1, tiny, 0], [1 + tiny, 0, 0]], np.float32)
    postings = postings_of(sp.csr_matrix(impacts))
    queries = asked([0, 1, 2], [1, 1, 1], [0, 3])
    assert found(postings, queries, count=3).documents.tolist() == [[0, 1, 2]], "all are equal, so the earlier is first"
    queries = asked([0, 1, 2], [1, 1, 1 + 2**-10], [0, 3])
    postings = postings_of(sp.csr_matrix(impacts[::-1]))
    assert found(postings, queries, count=1).documents.tolist() == [[2]]


def test_queries_without_known_terms_find_nothing() -> None:
    postings, _ = drawn(0, documents=5, terms=4, levels=3)
    nothing = asked([], [], [0, 0, 0])
    assert (found(postings, nothing, count=3).documents == -1).all()
