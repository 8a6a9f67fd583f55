"""Batches of rows that are about equally long, cut to their longest: less is computed on what only fills rows up.

The rows of an epoch are in random order. Within windows of a few batches they are sorted by length, cut into batches,
and the batches put in random order again. So each batch is as random as its window, and hardly anything is filled up:

    order      5 31 8 | 30 6 12 | 29 7 11 | 9 33 13      lengths, three rows a batch: 31 + 30 + 29 + 33 steps each row
    sorted     5 6 7 | 8 9 11 | 12 13 29 | 30 31 33      7 + 11 + 29 + 33

The random order of a window's batches is the same for all members, whose batches are then equally long at the same
time; it depends on nothing else than the epoch and the window, so that a member is the same alone and among others.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int


@dataclass(frozen=True, kw_only=True, eq=False)
class Lengths:
    """How many steps the rows have of their own, and how many batches are sorted by that together."""

    steps: Mapping[str, Int[np.ndarray, " rows"]]  # by block, of those where nothing counts beyond a row's own steps
    window: int  # batches

    def sorted(self, order: Int[np.ndarray, " rows"], *, epoch: int, batch_rows: int) -> Int[np.ndarray, " rows"]:
        """Return an epoch's order of whole batches, the rows of a batch being about equally long.

        >>> lengths = Lengths(steps={"text": np.array([5, 31, 8, 30, 6, 12])}, window=3)
        >>> order = lengths.sorted(np.arange(6), epoch=0, batch_rows=2)
        >>> sorted(map(sorted, order.reshape(3, 2).tolist()))
        [[0, 4], [1, 3], [2, 5]]
        """
        if self.window == 1:
            return order
        lengths, found = np.sum(list(self.steps.values()), axis=0), np.empty_like(order)
        for start in range(0, len(order), self.window * batch_rows):
            window = slice(start, start + self.window * batch_rows)
            rows = order[window]
            batches = rows[np.argsort(lengths[rows], kind="stable")].reshape(-1, batch_rows)
            random = np.random.Generator(np.random.PCG64(np.random.SeedSequence([epoch, start])))
            found[window] = random.permutation(batches).reshape(-1)
        return found

    def longest(self, name: str, orders: Int[np.ndarray, "members rows"], *, batch_rows: int) -> list[int] | None:
        """Return how many steps the longest row of each batch has, of any member; None for a block that is not cut.

        >>> Lengths(steps={"text": np.array([5, 31, 8, 0])}, window=1).longest("text", np.arange(4)[None], batch_rows=2)
        [31, 8]
        """
        if name not in self.steps:
            return None
        of_batches = self.steps[name][orders].reshape(len(orders), -1, batch_rows).max(axis=(0, 2))
        return [max(1, int(steps)) for steps in of_batches]
