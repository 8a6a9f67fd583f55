"""A graph of near rows: a search walks along it instead of comparing with every row, and nearly always finds the same.

Reading the codes of many million rows takes longer than anybody waits. In a hierarchical navigable small world (Malkov
& Yashunin 2018, Efficient and robust approximate nearest neighbor search) every row knows some rows near it, and a few
know others far away; a search goes from row to nearer row and sees some thousand of them, however many there are. The
package usearch builds the graph and walks along it.

**What may be missing is a row, never its similarity.** The graph holds rows rounded to eight bits a coordinate; a walk
brings `WIDER` times as many rows as are wanted, and these are compared exactly, from the rows themselves in float64.

**A graph outlives changes.** Its places are numbered in the order in which they were filled. `rows` says which row
stands at a place now, so that one that is gone is never found again; `beside` are the rows that have no place yet,
which are compared one by one. Only when these are many do they get places, and only when many places stand for nothing
is the graph built anew.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from fitwell.errors import DataError
from fitwell.vectors.search.coding import Found
from fitwell.vectors.search.exact import FEW_ROWS, cosines, nearest_plainly, similarities
from fitwell.vectors.threads import cores

if TYPE_CHECKING:
    from numpy.typing import NDArray

NEIGHBORS = 16  # that a row knows; the paper's M
LOOKED_AT_BUILDING = 64  # rows among which these are chosen; the paper's efConstruction
LOOKED_AT = 128  # rows that a walk keeps in sight at the least; the paper's ef
WIDER = 3  # times the rows that are wanted are compared exactly
MOST_BY_GRAPH = 1024  # rows that are wanted; a walk for more costs as much as comparing with all
MOST_SEEN = 1 << 14  # rows of one walk, most of which are gone where so many are needed
MOST_GONE = 0.25  # of the places
MOST_BESIDE = FEW_ROWS  # comparing with so many takes some milliseconds
ALIKE = 0.999  # cosine above which a row is still where the graph has it
HIGHEST = 127  # of a coordinate in eight bits
WITHOUT = "the package usearch is not installed, which finds near ones faster; pip install 'fitwell[search]'"
AT_ONCE = 1 << 16  # rows that are rounded, or compared with their places
BEGUN_BY_ONE = 1 << 12  # rows; threads do not see what others are just placing, and lose rows for good where few are


class Graph(NamedTuple):
    """A graph over the rows of a matrix, those of zeros left out, which are near nothing."""

    content: NDArray[np.uint8]  # as usearch writes it
    rows: NDArray[np.int32]  # (places,): which row stands at each, -1 where it is gone
    beside: NDArray[np.int32]  # rows that have no place, rising


class Opened(NamedTuple):
    """A graph that can be walked along."""

    graph: Graph  # its content is mapped and not copied, so that it must live as long
    walks: Any  # usearch's Index


def is_installed() -> bool:
    """Tell whether there is what builds graphs and walks along them."""
    try:
        import usearch.index  # noqa: F401
    except ImportError:
        return False
    return True


def renumbered(graph: Graph, numbers: NDArray[np.int32]) -> Graph:
    """Return the graph after rows have moved: row i is now row `numbers[i]`, or gone where that is -1.

    >>> graph = Graph(np.zeros(0, np.uint8), np.int32([2, -1, 0]), np.int32([1]))
    >>> renumbered(graph, np.int32([4, 5, -1])).rows
    array([-1, -1,  4], dtype=int32)
    """
    rows = np.where(graph.rows >= 0, numbers[graph.rows], -1).astype(np.int32)
    return graph._replace(rows=rows)


def graph_of(matrix: NDArray[np.float32], *, before: Graph | None = None, threads: int | None = None) -> Graph:
    """Return a graph over the rows of a matrix, made of the one `before` where that still serves.

    With more threads than one, graphs of more than some thousand rows differ between two buildings, and so does which
    row a search now and then misses.
    """
    present = _present(matrix)
    if before is not None:
        still = _still(matrix, before)
        kept = Graph(before.content, still, np.setdiff1d(present, still[still >= 0]).astype(np.int32))
        if (still < 0).mean() <= MOST_GONE:
            return kept if len(kept.beside) <= MOST_BESIDE else _grown(kept, matrix, threads)
    return _grown(Graph(np.zeros(0, np.uint8), np.zeros(0, np.int32), present), matrix, threads)


def opened(graph: Graph, *, width: int) -> Opened:
    """Return a graph to be walked along, mapped and not read.

    Raises:
        DataError: it is damaged, or not of rows of this width.
    """
    walks = _empty(width, keys=False)
    try:
        walks.view(graph.content.data)
    except (ValueError, RuntimeError) as error:
        raise DataError(f"usearch refuses it: {error}") from None
    if len(walks) != len(graph.rows) or walks.ndim != width:
        raise DataError(
            f"it has {len(walks)} places of width {walks.ndim}, not {len(graph.rows)} places of width {width}"
        )
    return Opened(graph, walks)


def nearest_by_graph(
    matrix: NDArray[np.float32], directions: NDArray[np.float64], *, count: int, along: Opened
) -> Found:
    """Find nearly always the rows most similar to each direction of length 1, at most `count`, in their exact order.

    Where there are no more, the rows are -1 and the similarities 0; rows of zeros are not found.
    """
    found = Found(np.full((len(directions), count), -1, np.int64), np.zeros((len(directions), count)))
    beside = _best_beside(matrix, directions, along.graph.beside, count)
    places, gone = len(along.graph.rows), int((along.graph.rows < 0).sum())
    wide = -(-WIDER * count * places // max(places - gone, 1))
    left = np.arange(len(directions))
    while len(left):
        if min(wide, places) > MOST_SEEN:
            plainly = nearest_plainly(matrix, directions[left], count=count)
            found.rows[left] = np.where(plainly.similarities == 0, -1, plainly.rows)
            found.similarities[left] = plainly.similarities
            break
        rows = _walked(along, directions[left], min(wide, places))
        enough = ((rows >= 0).sum(axis=1) >= 2 * count) | (wide >= places)
        for place in np.flatnonzero(enough).tolist():
            number = int(left[place])
            candidates = np.concatenate([rows[place][rows[place] >= 0], beside[number]])
            _rank(matrix, directions[number], candidates, found, number)
        left = left[~enough]
        wide *= 4
    return found


def _rank(
    matrix: NDArray[np.float32],
    direction: NDArray[np.float64],
    candidates: NDArray[np.int64],
    found: Found,
    number: int,
) -> None:
    """Fill in the best of the candidates, compared exactly; of equally similar ones the earlier come first."""
    exact = cosines(matrix[candidates], direction)
    order = np.lexsort((candidates, -exact))[: found.rows.shape[1]]
    found.rows[number, : len(order)] = candidates[order]
    found.similarities[number, : len(order)] = exact[order]


def _best_beside(
    matrix: NDArray[np.float32], directions: NDArray[np.float64], beside: NDArray[np.int32], count: int
) -> list[NDArray[np.int64]]:
    """Return for each direction the rows without a place that may be among the best."""
    if len(beside) <= count:
        return [beside.astype(np.int64)] * len(directions)
    table = similarities(matrix[beside], directions)
    best = np.argpartition(-table, count, axis=0)[: count + 1]
    return list(beside[best.T].astype(np.int64))


def _walked(along: Opened, directions: NDArray[np.float64], count: int) -> NDArray[np.int64]:
    """Return the rows that walks towards directions have found, (directions, count), -1 where one is gone."""
    along.walks.expansion_search = max(LOOKED_AT, count)
    seen = along.walks.search(_rounded(directions), count, threads=min(cores(), len(directions)))
    keys = np.atleast_2d(np.asarray(seen.keys)).astype(np.int64)
    counts = np.atleast_1d(np.asarray(getattr(seen, "counts", keys.shape[1])))
    there = np.arange(keys.shape[1]) < counts[:, None]
    rows: NDArray[np.int64] = np.where(there, along.graph.rows[np.where(there, keys, 0)], -1).astype(np.int64)
    return rows


def _grown(graph: Graph, matrix: NDArray[np.float32], threads: int | None) -> Graph:
    """Return the graph with a place for every row that had none."""
    walks = _empty(matrix.shape[1], keys=True)
    if len(graph.rows):
        walks.load(graph.content.data)
    begun = max(BEGUN_BY_ONE - len(graph.rows), 0)
    _place(walks, matrix, graph.beside[:begun], threads=1)
    for start in range(begun, len(graph.beside), AT_ONCE):
        _place(walks, matrix, graph.beside[start : start + AT_ONCE], threads=threads or cores())
    content = np.frombuffer(walks.save(), np.uint8)
    return Graph(content, np.concatenate([graph.rows, graph.beside]), np.zeros(0, np.int32))


def _place(walks: Any, matrix: NDArray[np.float32], rows: NDArray[np.int32], *, threads: int) -> None:
    """Give rows the next places."""
    if len(rows):
        keys = np.arange(len(walks), len(walks) + len(rows), dtype=np.uint64)
        walks.add(keys, _rounded(matrix[rows]), threads=threads)


def _still(matrix: NDArray[np.float32], graph: Graph) -> NDArray[np.int32]:
    """Return the graph's rows, those left out that are no longer where the graph has them: vectors may change."""
    walks = _empty(matrix.shape[1], keys=True)
    walks.view(graph.content.data)
    still = graph.rows.copy()
    filled = np.flatnonzero(graph.rows >= 0)
    for start in range(0, len(filled), AT_ONCE):
        places = filled[start : start + AT_ONCE]
        there = np.stack(walks.get(places.astype(np.uint64))).astype(np.float32)
        now = _rounded(matrix[graph.rows[places]]).astype(np.float32)
        products = np.einsum("ij,ij->i", there, now)
        lengths = np.linalg.norm(there, axis=1) * np.linalg.norm(now, axis=1)
        still[places[products < ALIKE * lengths]] = -1
        still[places[lengths == 0]] = -1
    return still


def _empty(width: int, *, keys: bool) -> Any:
    from usearch.index import Index

    return Index(
        ndim=width,
        metric="cos",
        dtype="i8",
        connectivity=NEIGHBORS,
        expansion_add=LOOKED_AT_BUILDING,
        enable_key_lookups=keys,
    )


def _rounded(rows: NDArray[np.floating[Any]]) -> NDArray[np.int8]:
    """Return rows in eight bits a coordinate, each by its own largest; a cosine does not ask for lengths."""
    largest = np.abs(rows).max(axis=1, keepdims=True)
    return np.rint(rows * (HIGHEST / np.where(largest > 0, largest, 1))).astype(np.int8)


def _present(matrix: NDArray[np.float32]) -> NDArray[np.int32]:
    """Return the rows that are not zeros."""
    parts = [matrix[start : start + AT_ONCE].any(axis=1) for start in range(0, len(matrix), AT_ONCE)]
    return np.flatnonzero(np.concatenate(parts or [np.zeros(0, bool)])).astype(np.int32)
