"""Hierarchical softmax: a word is told by its turns in a tree, some twenty of them, not by a figure for every word."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt


class Ways(NamedTuple):
    """The inner nodes between each word and the root, end to end."""

    nodes: npt.NDArray[np.int32]
    turns: npt.NDArray[np.float32]  # at each node: 1 to its second child, 0 to its first
    begins: npt.NDArray[np.int64]  # (words + 1,): where the nodes of each word begin


def huffman_ways(counts: npt.NDArray[np.int64]) -> Ways:
    """Return the way to each word in the tree in which the way to a word is short if its count is large.

    Counts must fall. The tree is that of the programs word2vec and fastText, equal counts included, so that a model may
    be exchanged with them. Huffman 1952, A method for the construction of minimum-redundancy codes.

    >>> huffman_ways(np.array([5, 2, 1])).begins.tolist()
    [0, 1, 3, 5]
    """
    from fitwell.words.kernels.trees import parents, ways_to

    parent, is_second = parents(counts.astype(np.int64))
    return Ways(*ways_to(parent, is_second, len(counts)))
