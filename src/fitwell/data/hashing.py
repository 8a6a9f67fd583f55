"""Where a row belongs is a hash of its number or of its group: known at once, row by row, without seeing the others.

The numbers are mixed by the finalizer of SplitMix64 (Steele, Lea and Flood 2014), which is the same on every platform;
text goes through BLAKE2b first, because polars' own hash may change from version to version.
"""

from __future__ import annotations

import hashlib

import numpy as np
import polars as pl
from jaxtyping import Float64, UInt64

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
MIXERS = ((np.uint64(30), np.uint64(0xBF58476D1CE4E5B9)), (np.uint64(27), np.uint64(0x94D049BB133111EB)))


def uniform_of_rows(first: int, count: int, *, seed: int, stream: int) -> Float64[np.ndarray, " rows"]:
    """Return a number in [0, 1) for each of `count` rows from row `first` on.

    >>> bool(uniform_of_rows(0, 3, seed=1, stream=0)[2] == uniform_of_rows(2, 1, seed=1, stream=0)[0])
    True
    """
    return _uniform(np.arange(first, first + count, dtype=np.uint64), seed=seed, stream=stream)


def uniform_of_values(values: pl.Series, *, seed: int, stream: int) -> Float64[np.ndarray, " rows"]:
    """Return a number in [0, 1) for each value, equal for equal text; missing ones are not allowed."""
    text = values.cast(pl.String)
    distinct = text.unique()
    digests = [hashlib.blake2b(value.encode(), digest_size=8).digest() for value in distinct]
    hashes = pl.Series(np.frombuffer(b"".join(digests), dtype="<u8").astype(np.uint64))
    return _uniform(text.replace_strict(distinct, hashes, return_dtype=pl.UInt64).to_numpy(), seed=seed, stream=stream)


def _uniform(numbers: UInt64[np.ndarray, " rows"], *, seed: int, stream: int) -> Float64[np.ndarray, " rows"]:
    key = np.random.SeedSequence([seed, stream]).generate_state(1, np.uint64)
    mixed = (numbers + np.uint64(1)) * GOLDEN + key  # modulo 2^64, as arrays of unsigned numbers are
    for shift, factor in MIXERS:
        mixed = (mixed ^ (mixed >> shift)) * factor
    mixed ^= mixed >> np.uint64(31)
    return (mixed >> np.uint64(11)) * 2.0**-53
