"""How often words stand near each other in a corpus, counted within a bound of memory.

Pairs are added up in a table. When it has as many as fit, they are sorted and written to a temporary file, and counting
goes on with an empty table. In the end the sorted files are merged, one range of pairs after the other. What is left is
one file in which pairs are dealt out to blocks at random, by a hash, so that learning block by block meets them in no
order: neither blocks nor counts depend on how much memory there was.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, NamedTuple

import numpy as np
import numpy.typing as npt

from fitwell.compiled import to_be_read
from fitwell.errors import RequestError
from fitwell.words.encoded import EncodedCorpus

BLOCK_NEARNESSES = 2**22  # pairs of tokens for each block; they make about a quarter as many pairs of words
FIRST_SLOTS = 2**16
WIDEST = 10_000  # window; a table has room for one token's pairs at least
FULL = 0.7  # share of a table's places from which on searching them takes long
ENTRY_BYTES = 16 * 4  # of a place in a table: a key and a weight, and what sorting needs beside them
RECORD = np.dtype([("row", "<i4"), ("column", "<i4"), ("count", "<f4")])

Keys = npt.NDArray[np.int64]
Weights = npt.NDArray[np.float64]


class Run(NamedTuple):
    """Pairs in order of their keys, each once."""

    keys: Keys
    weights: Weights


@dataclass(frozen=True, kw_only=True, eq=False)
class Pairs:
    """Pairs of words, each once, the more frequent first, with the sum of the inverse distances at which they meet."""

    records: npt.NDArray[np.void]  # (pairs,) of RECORD; may be a map of a file
    bounds: npt.NDArray[np.int64]  # (ranges, blocks + 1): where each block of each range begins

    @property
    def blocks(self) -> int:
        """How many blocks there are."""
        return int(self.bounds.shape[1]) - 1

    def block(self, number: int) -> npt.NDArray[np.void]:
        """Return the pairs of a block, in order of their words."""
        return np.concatenate(
            [self.records[first:last] for first, last in self.bounds[:, number : number + 2].tolist()]
        )


def count_pairs(corpus: EncodedCorpus, *, words: int, window: int, memory_mb: int) -> Pairs:
    """Count how often the first so many words of a vocabulary stand near each other.

    Two of them, d - 1 others of them between, add 1/d to their pair, up to d = `window`, within a text.

    Raises:
        RequestError: the window is none, or there is not a megabyte of memory.
    """
    if not 1 <= window <= WIDEST:
        raise RequestError(f"window must be 1 to {WIDEST}, but is {window}; 10 is usual")
    if memory_mb < 1:
        raise RequestError(f"memory_mb must be at least 1, but is {memory_mb}; 1000 is usual")
    most = max(FIRST_SLOTS, int(memory_mb * 1e6) // ENTRY_BYTES)
    runs = list(_runs(corpus, words, window, most))
    nearnesses = len(corpus.ids) * window
    return _merged(runs, words=words, blocks=max(1, nearnesses // BLOCK_NEARNESSES), at_a_time=most)


def _runs(corpus: EncodedCorpus, words: int, window: int, most: int) -> Iterator[Run]:
    """Yield the counts of the corpus in as few sorted runs as fit; all but the last lie in temporary files."""
    from fitwell.words.kernels.cooccurring import count_near

    ids = to_be_read(corpus.ids)
    keys, weights, used, place = np.full(FIRST_SLOTS, -1), np.zeros(FIRST_SLOTS), 0, 0
    while True:
        text = int(np.searchsorted(corpus.ends, place, side="right"))
        room = int(FULL * len(keys))
        place, used = count_near(ids, corpus.ends, text, place, words, window, keys, weights, used, room)
        if place == len(ids):
            yield _sorted(keys, weights)
            return
        if 2 * len(keys) <= most:
            keys, weights = _larger(keys, weights)
        else:
            yield _spilled(_sorted(keys, weights))
            keys[:], weights[:], used = -1, 0, 0


def _larger(keys: Keys, weights: Weights) -> tuple[Keys, Weights]:
    from fitwell.words.kernels.cooccurring import put_in

    more_keys, more_weights = np.full(2 * len(keys), -1), np.zeros(2 * len(keys))
    put_in(keys, weights, more_keys, more_weights)
    return more_keys, more_weights


def _sorted(keys: Keys, weights: Weights) -> Run:
    held = keys >= 0
    keys, weights = keys[held], weights[held]
    order = np.argsort(keys)
    return Run(keys[order], weights[order])


def _spilled(run: Run) -> Run:
    """Return the same run, mapped from a file that lasts as long as it."""
    with tempfile.TemporaryFile() as spool:
        for array in run:
            spool.write(array.data)
        spool.flush()
        size = len(run.keys)
        return Run(
            np.memmap(spool, np.int64, "r", shape=(size,)),
            np.memmap(spool, np.float64, "r", offset=8 * size, shape=(size,)),
        )


def _merged(runs: list[Run], *, words: int, blocks: int, at_a_time: int) -> Pairs:
    total = sum(len(run.keys) for run in runs)
    ranges = -(-total // at_a_time) or 1
    sample = np.sort(np.concatenate([run.keys[:: max(1, at_a_time // 1000)] for run in runs]))
    cuts = sample[np.arange(1, ranges) * len(sample) // ranges]
    places = [np.concatenate([[0], np.searchsorted(run.keys, cuts), [len(run.keys)]]) for run in runs]
    bounds, written = np.zeros((ranges, blocks + 1), np.int64), 0
    with tempfile.TemporaryFile() as spool:
        for number in range(ranges):
            parts = [
                Run(run.keys[first:last], run.weights[first:last])
                for run, place in zip(runs, places, strict=True)
                for first, last in [place[number : number + 2]]
            ]
            sizes = _write_range(_summed(parts), spool, words=words, blocks=blocks)
            bounds[number] = written + np.concatenate([[0], np.cumsum(sizes)])
            written = int(bounds[number, -1])
        spool.flush()
        records = np.memmap(spool, RECORD, "r", shape=(written,)) if written else np.empty(0, RECORD)
    return Pairs(records=records, bounds=bounds)


def _summed(parts: list[Run]) -> Run:
    keys = np.concatenate([part.keys for part in parts])
    weights = np.concatenate([part.weights for part in parts])
    order = np.argsort(keys, kind="stable")
    keys, weights = keys[order], weights[order]
    firsts = np.flatnonzero(np.diff(keys, prepend=-1))
    return Run(keys[firsts], np.add.reduceat(weights, firsts) if len(firsts) else weights)


def _write_range(run: Run, spool: IO[bytes], *, words: int, blocks: int) -> npt.NDArray[np.int64]:
    """Write pairs in order of their blocks, and return how many each block has."""
    from fitwell.words.kernels.interning import SPREAD

    block = ((run.keys.astype(np.uint64) * SPREAD) >> np.uint64(33)) % np.uint64(blocks)
    order = np.argsort(block, kind="stable")
    records = np.empty(len(order), RECORD)
    records["row"], records["column"] = np.divmod(run.keys[order], words)
    records["count"] = run.weights[order]
    spool.write(records.data)
    return np.bincount(block.astype(np.int64), minlength=blocks)
