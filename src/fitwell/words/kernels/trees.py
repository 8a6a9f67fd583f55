"""The tree of Huffman: things that come often are few turns from the root."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fitwell.compiled import compiled


@compiled
def parents(counts: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """Return each node's parent, the root's being -1, and whether it is the second child.

    Counts fall. Leaves come first, then inner nodes as they are made, so that both are in order of their counts and the
    two rarest nodes are always next in line.
    """
    leaves = len(counts)
    weights = np.empty(2 * leaves - 1, np.int64)
    for leaf in range(leaves):
        weights[leaf] = counts[leaf]
    parent, is_second = np.full(2 * leaves - 1, -1), np.zeros(2 * leaves - 1, np.bool_)
    leaf, inner = leaves - 1, leaves
    for made in range(leaves, 2 * leaves - 1):
        weights[made] = 0
        for child in range(2):
            if leaf >= 0 and (inner >= made or weights[leaf] < weights[inner]):
                chosen = leaf
                leaf -= 1
            else:
                chosen = inner
                inner += 1
            weights[made] += weights[chosen]
            parent[chosen] = made
            is_second[chosen] = child == 1
    return parent, is_second


@compiled
def ways_to(
    parent: npt.NDArray[np.int64], is_second: npt.NDArray[np.bool_], leaves: int
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    """Return the inner nodes from each leaf up to the root, the turn taken at each, and where each leaf's begin.

    Inner nodes are counted from 0; a turn is 1 to the second child and 0 to the first.
    """
    begins = np.zeros(leaves + 1, np.int64)
    for leaf in range(leaves):
        node, length = leaf, 0
        while parent[node] >= 0:
            node = parent[node]
            length += 1
        begins[leaf + 1] = begins[leaf] + length
    nodes, turns = np.empty(begins[leaves], np.int32), np.empty(begins[leaves], np.float32)
    for leaf in range(leaves):
        node = leaf
        for place in range(begins[leaf], begins[leaf + 1]):
            nodes[place] = parent[node] - leaves
            turns[place] = np.float32(is_second[node])
            node = parent[node]
    return nodes, turns, begins
