"""Training rows that are read from disk anew in each epoch: the order of an epoch is a function of (seed, epoch).

The stretches of the table are put in random order and gathered in windows of about so many rows as the shuffle buffer
holds; within a window the rows are put in random order, and batches are cut from one window after another. So every row
comes once in an epoch, and where any batch lies is known without reading: a training that is resumed begins with the
window of its next batch. The next window is read, encoded and shuffled by a second thread while this one is trained on.

Members share the windows; within them each has an order of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from fitwell.data.ahead import made_ahead
from fitwell.training.loop import Rows, Seeds, mapped
from fitwell.training.program import Batch


@dataclass(frozen=True, kw_only=True)
class EncodedRows:
    """Encoded rows as arrays."""

    features: Mapping[str, np.ndarray]
    targets: np.ndarray
    weights: np.ndarray | None


@dataclass(frozen=True, kw_only=True)
class StreamedRows:
    """Training rows as the loop takes them, which are not in memory."""

    stretches: tuple[int, ...]  # how many training rows each has
    read: Callable[[int], EncodedRows]  # those of one stretch
    buffer: int  # rows that are put in random order together
    seed: int
    device: str

    def __len__(self) -> int:
        return sum(self.stretches)

    def batches(self, seeds: Sequence[Seeds], *, epoch: int, batch_rows: int, start: int = 0) -> Iterator[Batch]:
        """Yield the batches of one epoch from the `start`-th on."""
        steps = len(self) // batch_rows
        taken = start  # batches so far
        rest: Batch | None = None  # rows of earlier windows, fewer than a batch
        with closing(made_ahead(self._from(start * batch_rows, seeds, epoch=epoch))) as windows:
            for window in windows:
                place = 0
                if rest is not None:
                    place = min(batch_rows - _height(rest), window.height)
                    rest = _beside(rest, window.taken(0, place))
                    if _height(rest) == batch_rows:
                        yield rest
                        rest, taken = None, taken + 1
                while taken < steps and window.height - place >= batch_rows:
                    yield window.taken(place, place + batch_rows)
                    place, taken = place + batch_rows, taken + 1
                if taken == steps:
                    return
                if place < window.height:
                    # A copy: views would keep the whole window in memory until the next one is there.
                    rest = mapped(window.taken(place, window.height), torch.clone)

    def windows(self, epoch: int) -> list[list[int]]:
        """Return the stretches of each window of an epoch; a stretch that is larger than the buffer is one of its own.

        >>> rows = StreamedRows(stretches=(2, 2, 0, 3), read=print, buffer=4, seed=0, device="cpu")
        >>> sorted(map(sorted, rows.windows(0))) in ([[0, 1], [3]], [[0], [1], [3]])
        True
        """
        order = _generator(self.seed, epoch).permutation(len(self.stretches)).tolist()
        windows: list[list[int]] = []
        room = 0
        for stretch in order:
            rows = self.stretches[stretch]
            if rows and rows > room:
                windows.append([])
                room = self.buffer
            if rows:
                windows[-1].append(stretch)
                room -= rows
        return windows

    def _from(self, first: int, seeds: Sequence[Seeds], *, epoch: int) -> Iterator[_Window]:
        """Yield the windows of an epoch without its first rows."""
        passed = 0
        for number, stretches in enumerate(self.windows(epoch)):
            height = sum(self.stretches[stretch] for stretch in stretches)
            if passed + height > first:
                orders = [_generator(seed.order, epoch, number).permutation(height) for seed in seeds]
                skipped = max(0, first - passed)
                yield self._window(stretches, np.stack([order[skipped:] for order in orders]))
            passed += height

    def _window(self, stretches: Sequence[int], orders: Int[np.ndarray, "members rows"]) -> _Window:
        parts = [self.read(stretch) for stretch in stretches]
        names = parts[0].features
        weights = [part.weights for part in parts if part.weights is not None]
        blocks = {name: np.concatenate([part.features[name] for part in parts]) for name in names}
        targets = np.concatenate([part.targets for part in parts])
        joined = EncodedRows(features=blocks, targets=targets, weights=np.concatenate(weights) if weights else None)
        if len(orders) > 1:
            return _Window(rows=self._on_device(joined), order=torch.from_numpy(orders).to(self.device))
        # One member: one permuted copy, then views of it, is cheaper than gathering each batch.
        (order,) = orders
        shuffled = EncodedRows(
            features={name: block[order] for name, block in joined.features.items()},
            targets=joined.targets[order],
            weights=None if joined.weights is None else joined.weights[order],
        )
        return _Window(rows=self._on_device(shuffled), order=None)

    def _on_device(self, rows: EncodedRows) -> Rows:
        return Rows(
            features={name: torch.from_numpy(block).to(self.device) for name, block in rows.features.items()},
            targets=torch.from_numpy(rows.targets).to(self.device),
            weights=None if rows.weights is None else torch.from_numpy(rows.weights).to(self.device),
        )


@dataclass(frozen=True, kw_only=True)
class _Window:
    """Rows that are in memory together."""

    rows: Rows
    order: Tensor | None  # of each member; None: the rows are in the order of the only one

    @property
    def height(self) -> int:
        return len(self.rows) if self.order is None else self.order.shape[1]

    def taken(self, start: int, stop: int) -> Batch:
        """Return the rows from one place in each member's order to another."""
        if self.order is None:
            return mapped(self.rows, lambda block: block[None, start:stop])
        chosen = self.order[:, start:stop]
        return mapped(self.rows, lambda block: block[chosen])


def _beside(one: Batch, other: Batch) -> Batch:
    return Batch(
        features={name: torch.cat([block, other.features[name]], 1) for name, block in one.features.items()},
        targets=torch.cat([one.targets, other.targets], 1),
        weights=None if one.weights is None or other.weights is None else torch.cat([one.weights, other.weights], 1),
    )


def _height(batch: Batch) -> int:
    return batch.targets.shape[1]


def _generator(*seeds: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seeds)))
