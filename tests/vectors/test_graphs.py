"""A graph finds what comparing with every row finds, but for a few, and never what is gone."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from fitwell.errors import DataError
from fitwell.vectors.analogies import unit_rows
from fitwell.vectors.search import graphs
from fitwell.vectors.search.coding import Found
from fitwell.vectors.search.exact import nearest_plainly
from fitwell.vectors.search.graphs import Graph, graph_of, nearest_by_graph, opened, renumbered

WIDTH, TOPICS = 24, 30


@pytest.fixture(scope="module")
def topics() -> NDArray[np.float64]:
    return np.random.default_rng(0).standard_normal((TOPICS, WIDTH))


@pytest.fixture(scope="module")
def matrix(topics: NDArray[np.float64]) -> NDArray[np.float32]:
    """Give 3,000 rows, a hundred around each topic, one topic after another; the last row is of zeros."""
    rows = np.repeat(topics, 100, axis=0) + np.random.default_rng(1).standard_normal((100 * TOPICS, WIDTH))
    rows[-1] = 0
    return rows.astype(np.float32)


@pytest.fixture(scope="module")
def graph(matrix: NDArray[np.float32]) -> Graph:
    return graph_of(matrix, threads=1)


@pytest.fixture(scope="module")
def asked(topics: NDArray[np.float64]) -> NDArray[np.float64]:
    return unit_rows(np.repeat(topics, 3, axis=0) + np.random.default_rng(2).standard_normal((3 * TOPICS, WIDTH)))


def found_by(matrix: NDArray[np.float32], graph: Graph, asked: NDArray[np.float64], count: int = 10) -> Found:
    return nearest_by_graph(matrix, asked, count=count, along=opened(graph, width=matrix.shape[1]))


def recall(found: Found, exact: Found) -> float:
    pairs = zip(found.rows.tolist(), exact.rows.tolist(), strict=True)
    return float(np.mean([len(set(one) & set(other)) / len(other) for one, other in pairs]))


def test_nearly_all_of_the_nearest_are_found_with_their_exact_similarities(
    matrix: NDArray[np.float32], graph: Graph, asked: NDArray[np.float64]
) -> None:
    found, exact = found_by(matrix, graph, asked), nearest_plainly(matrix, asked, count=10)
    assert recall(found, exact) > 0.98
    whole = (found.rows == exact.rows).all(axis=1)
    np.testing.assert_array_equal(found.similarities[whole], exact.similarities[whole])
    alone = found_by(matrix, graph, asked[:1])
    np.testing.assert_array_equal(alone.rows[0], found.rows[0])


def test_rows_that_are_gone_are_never_found_though_all_near_ones_are(
    matrix: NDArray[np.float32], graph: Graph, asked: NDArray[np.float64]
) -> None:
    numbers = np.arange(len(matrix) - 500, dtype=np.int32)
    left = renumbered(graph, np.concatenate([np.full(500, -1, np.int32), numbers]))  # five topics are gone
    kept = graph_of(matrix[500:], before=left)
    assert kept.content is graph.content
    found, exact = found_by(matrix[500:], kept, asked), nearest_plainly(matrix[500:], asked, count=10)
    assert recall(found, exact) > 0.98
    assert (
        recall(Found(found.rows[:15], found.similarities[:15]), Found(exact.rows[:15], exact.similarities[:15])) > 0.9
    )


def test_new_rows_are_found_before_they_have_a_place_and_after(
    matrix: NDArray[np.float32], graph: Graph, asked: NDArray[np.float64], monkeypatch: pytest.MonkeyPatch
) -> None:
    longer = np.concatenate([matrix, asked[::-1].astype(np.float32)])
    beside = graph_of(longer, before=graph)
    assert beside.content is graph.content
    assert beside.beside.tolist() == list(range(len(matrix), len(longer)))
    monkeypatch.setattr(graphs, "MOST_BESIDE", 10)
    grown = graph_of(longer, before=graph, threads=1)
    assert (len(grown.beside), len(grown.rows)) == (0, len(longer) - 1)
    for each in (beside, grown):
        found = found_by(longer, each, asked, 1)
        assert found.rows[:, 0].tolist() == list(range(len(longer) - 1, len(matrix) - 1, -1))


def test_rows_whose_vector_has_changed_are_found_where_they_are_now(
    matrix: NDArray[np.float32], graph: Graph, asked: NDArray[np.float64]
) -> None:
    moved = matrix.copy()
    moved[[5, 2000]] = asked[[70, 71]]
    kept = graph_of(moved, before=graph)
    assert kept.beside.tolist() == [5, 2000]
    assert found_by(moved, kept, asked[[70, 71]], 1).rows.tolist() == [[5], [2000]]


def test_a_graph_most_of_whose_places_stand_for_nothing_is_built_anew(
    matrix: NDArray[np.float32], graph: Graph
) -> None:
    half = len(matrix) // 2
    left = renumbered(graph, np.where(np.arange(len(matrix)) < half, np.arange(len(matrix)), -1).astype(np.int32))
    anew, fresh = graph_of(matrix[:half], before=left, threads=1), graph_of(matrix[:half], threads=1)
    for one, other in zip(anew, fresh, strict=True):
        np.testing.assert_array_equal(one, other)


def test_threads_begin_a_graph_one_by_one_so_that_none_of_its_first_rows_is_lost(
    matrix: NDArray[np.float32],
) -> None:
    few = matrix[: graphs.BEGUN_BY_ONE]
    for one, other in zip(graph_of(few, threads=1), graph_of(few, threads=8), strict=True):
        np.testing.assert_array_equal(one, other)


def test_rows_of_zeros_are_not_found_and_few_rows_leave_gaps() -> None:
    few = np.array([[1, 0], [0, 0], [1, 1]], np.float32)
    found = found_by(few, graph_of(few), np.array([[1.0, 0.0]]), 3)
    assert found.rows.tolist() == [[0, 2, -1]]
    assert found.similarities[0].tolist() == pytest.approx([1, 0.5**0.5, 0])


def test_a_graph_that_is_damaged_or_of_other_rows_is_refused(graph: Graph) -> None:
    with pytest.raises(DataError, match="isn't an index"):
        opened(graph._replace(content=np.zeros(1000, np.uint8)), width=WIDTH)
    with pytest.raises(DataError, match="corrupted"):
        opened(graph._replace(content=graph.content[:-500]), width=WIDTH)
    with pytest.raises(DataError, match=r"it has 2999 places of width 24, not 2999 places of width 25"):
        opened(graph, width=25)
    with pytest.raises(DataError, match=r"it has 2999 places of width 24, not 5 places of width 24"):
        opened(graph._replace(rows=graph.rows[:5]), width=WIDTH)
