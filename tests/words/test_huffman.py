"""The tree of hierarchical softmax is the best of all trees, and a tree indeed."""

from __future__ import annotations

import heapq
from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from fitwell.words.huffman import huffman_ways

falling_counts = st.lists(st.integers(1, 50), min_size=2, max_size=40).map(lambda counts: sorted(counts, reverse=True))


def least_turns(counts: list[int]) -> int:
    """Return the turns to all occurrences in the best tree: the two rarest are joined again and again."""
    heap, turns = list(counts), 0
    heapq.heapify(heap)
    while len(heap) > 1:
        joined = heapq.heappop(heap) + heapq.heappop(heap)
        turns += joined
        heapq.heappush(heap, joined)
    return turns


@settings(deadline=None)  # the first example compiles
@given(falling_counts)
def test_no_tree_needs_fewer_turns(counts: list[int]) -> None:
    lengths = np.diff(huffman_ways(np.array(counts)).begins)
    assert int(lengths @ counts) == least_turns(counts)
    assert (0.5**lengths).sum() == 1  # Kraft: every turn leads somewhere


@settings(deadline=None)  # the first example compiles
@given(falling_counts)
def test_turns_lead_from_the_root_to_the_word(counts: list[int]) -> None:
    ways, root = huffman_ways(np.array(counts)), len(counts) - 2
    after = dict[tuple[int, int], int]()  # node and turn -> the next node, or the word as a negative number
    for word, (first, last) in enumerate(pairwise(ways.begins.tolist())):
        nodes = [*ways.nodes[first:last].tolist()[::-1], -1 - word]
        turns = ways.turns[first:last].astype(int).tolist()[::-1]
        assert nodes[0] == root
        for node, turn, following in zip(nodes[:-1], turns, nodes[1:], strict=True):
            assert after.setdefault((node, turn), following) == following
    assert len(after) == 2 * (len(counts) - 1)
