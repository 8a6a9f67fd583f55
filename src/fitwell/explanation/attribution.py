"""What one prediction rests on: how far each column moved it, and which parts of a picture or a series did.

Parts get Shapley values, by sampling orders (Strumbelj and Kononenko 2014): starting from another row, the parts of the
explained row are put in one after another, and what each changes is averaged over orders and other rows. So they add up
to the prediction less the mean prediction for the other rows. Every order comes with its reverse. The parts are the
columns; within a picture or a series they are its regions, and the other row is the same with the mean array instead.
Within a sound they are stretches of bands of pitch, and the other row is silent.

Whether the answer is right can be asked of the network too: without what was named first, its prediction must fall
further than without as many others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float32, Int16
from scipy.special import stdtrit

from fitwell.explanation.asking import WORK, Blocks

ORDERS, FEWEST_ORDERS = 64, 8  # each with its reverse, from another row
REGIONS = 8  # along each side of a picture
WINDOWS = 24  # along a series
MOMENTS, PITCHES = 12, 4  # along a sound, and from low to high
CONFIDENCE = 0.95
RANDOM_ORDERS = 8  # that deleting what was named is compared with
MOST_BYTES = 2**28  # of cases that are asked about at a time
HALF = 2  # of all parts, a part of so many is deleted

Ask = Callable[[Blocks], Float[np.ndarray, " rows"]]  # the prediction that is explained, for rows
Part = Mapping[str, tuple[slice, ...]]  # block -> where in a row of it


@dataclass(frozen=True, kw_only=True)
class Shares:
    """How far each part moved a prediction away from the mean over the other rows."""

    values: Float[np.ndarray, " parts"]  # they add up to prediction - average
    half_widths: Float[np.ndarray, " parts"]  # of the 95 % intervals that sampling orders leaves
    average: float


@dataclass(frozen=True, kw_only=True)
class Deletion:
    """How far a prediction fell without the half of the parts that was named first, and without others as many."""

    named: float
    random: float


def shapley(ask: Ask, row: Blocks, others: Blocks, parts: Sequence[Part], *, orders: int, seed: int) -> Shares:
    """Return how far each part of a row moved its prediction; `row` is one row, `others` may be any number.

    >>> weights = np.array([3.0, -1.0])
    >>> found = shapley(
    ...     lambda blocks: blocks["numbers"] @ weights, {"numbers": np.array([[1.0, 1.0]])},
    ...     {"numbers": np.zeros((1, 2))}, [{"numbers": (slice(0, 1),)}, {"numbers": (slice(1, 2),)}], orders=4, seed=0)
    >>> found.values, found.average
    (array([ 3., -1.]), 0.0)
    """
    generator = np.random.default_rng(seed)
    count = len(parts)
    ranks = np.stack([generator.permutation(count) for _ in range(orders)])
    ranks = np.stack([ranks, count - 1 - ranks], axis=1)  # (orders, 2, parts): each with its reverse
    present = ranks[:, :, None, :] < np.arange(count + 1)[:, None]  # (orders, 2, steps, parts)
    sources = np.resize(generator.permutation(_rows(others)), orders)
    asked = _asked(ask, row, others, np.repeat(sources, 2 * (count + 1)), parts, present.reshape(-1, count))
    gains = np.diff(asked.reshape(orders, 2, count + 1), axis=2)
    each = np.take_along_axis(gains, ranks, axis=2).mean(axis=1)  # (orders, parts)
    spread = each.std(axis=0, ddof=1) if orders > 1 else np.full(count, np.inf)
    half = float(stdtrit(max(orders - 1, 1), 0.5 + CONFIDENCE / 2)) * spread / np.sqrt(orders)
    average = float(asked.reshape(orders, 2, count + 1)[:, 0, 0].mean())
    return Shares(values=each.mean(axis=0), half_widths=half, average=average)


def orders_for(parts: int, *, cost: float, rows: int) -> int:
    """Return how many orders the bound on the work allows, when so many rows are explained.

    >>> orders_for(20, cost=40_000, rows=10), orders_for(200, cost=1_000_000, rows=100)
    (64, 8)
    """
    affordable = WORK / (2 * (parts + 1) * max(cost, 1.0) * max(rows, 1))
    return int(np.clip(affordable, FEWEST_ORDERS, ORDERS))


def regions_of(block: str, shape: tuple[int, ...], *, is_image: bool) -> tuple[list[Part], tuple[int, ...]]:
    """Return the regions of a picture (height, width, channels) or a series (steps, channels), and how many a side.

    The last channel of a series says where it has steps, and is left.

    >>> regions, sides = regions_of("image_0", (28, 28, 1), is_image=True)
    >>> len(regions), sides, regions[1]["image_0"][:2]
    (49, (7, 7), (slice(0, 4, None), slice(4, 8, None)))
    >>> regions_of("series_0", (50, 2), is_image=False)[1]
    (17,)
    """
    if not is_image:
        steps = _stretches(shape[0], WINDOWS)
        return [{block: (stretch, slice(0, shape[1] - 1))} for stretch in steps], (len(steps),)
    rows, columns = (_stretches(side, REGIONS) for side in shape[:2])
    return [{block: (row, column)} for row in rows for column in columns], (len(rows), len(columns))


def bands_of(
    wave: Int16[np.ndarray, "samples 1"], edges: Float[np.ndarray, " edges"], *, rate: int
) -> Float32[np.ndarray, "bands samples"]:
    """Return what a sound has between each two frequencies, in hertz; together they are the sound.

    >>> high = (1000 * np.sin(2 * np.pi * 300 * np.arange(1000) / 1000)).astype(np.int16)[:, None]
    >>> np.abs(bands_of(high, np.array([0.0, 200.0, 500.0]), rate=1000)).max(axis=1).round()
    array([  1., 951.], dtype=float32)
    """
    spectrum = np.fft.rfft(wave[:, 0].astype(np.float64))
    band = np.searchsorted(edges[1:-1], np.fft.rfftfreq(len(wave), 1 / rate), side="right")
    parts = np.where(band == np.arange(len(edges) - 1)[:, None], spectrum, 0)
    return np.fft.irfft(parts, len(wave)).astype(np.float32)


def regions_of_bands(block: str, length: int, bands: int) -> tuple[list[Part], tuple[int, int]]:
    """Return stretches of a sound's bands (bands, samples), the highest band first, and how many a side."""
    moments = _stretches(length, MOMENTS)
    regions: list[Part] = [
        {block: (slice(band, band + 1), moment)} for band in reversed(range(bands)) for moment in moments
    ]
    return regions, (bands, len(moments))


def deletion(
    ask: Ask, row: Blocks, others: Blocks, parts: Sequence[Part], values: np.ndarray, *, seed: int
) -> Deletion:
    """Return how far a prediction falls when half of the parts come from the other rows: the first by value, or any."""
    half = max(1, len(parts) // HALF)
    generator = np.random.default_rng(seed)
    orders = [np.argsort(-values, kind="stable"), *(generator.permutation(len(parts)) for _ in range(RANDOM_ORDERS))]
    present = np.ones((len(orders), len(parts)), dtype=bool)
    for case, order in enumerate(orders):
        present[case, order[:half]] = False
    sources = np.arange(_rows(others))
    asked = _asked(ask, row, others, np.tile(sources, len(orders)), parts, np.repeat(present, len(sources), axis=0))
    left = asked.reshape(len(orders), -1).mean(axis=1)
    whole = float(ask(row)[0])
    return Deletion(named=whole - float(left[0]), random=whole - float(left[1:].mean()))


def _asked(
    ask: Ask,
    row: Blocks,
    others: Blocks,
    sources: np.ndarray,
    parts: Sequence[Part],
    present: Bool[np.ndarray, "cases parts"],
) -> Float[np.ndarray, " cases"]:
    """Return the predictions for all cases, so many at a time as fit the memory."""
    at_once = max(1, MOST_BYTES // sum(block[0].nbytes for block in row.values()))
    starts = range(0, len(present), at_once)
    pieces = [slice(start, start + at_once) for start in starts]
    return np.concatenate([ask(_mixed(row, others, sources[piece], parts, present[piece])) for piece in pieces])


def _mixed(
    row: Blocks, others: Blocks, sources: np.ndarray, parts: Sequence[Part], present: Bool[np.ndarray, "cases parts"]
) -> dict[str, np.ndarray]:
    """Return the other rows that `sources` names, with those parts of the row put in that are present."""
    mixed = {name: block[sources] for name, block in others.items()}
    for number, part in enumerate(parts):
        cases = np.flatnonzero(present[:, number])
        for block, place in part.items():
            mixed[block][(cases, *place)] = row[block][0][place]
    return mixed


def _rows(blocks: Blocks) -> int:
    return len(next(iter(blocks.values())))


def _stretches(length: int, most: int) -> list[slice]:
    size = -(-length // most)
    return [slice(start, min(start + size, length)) for start in range(0, length, size)]
