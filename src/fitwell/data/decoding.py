"""Files that a column names are decoded, several at a time; those that cannot be are told of together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Shaped

from fitwell.errors import DataError

AHEAD = 256  # files that are decoded at a time; what waits for its turn is bounded
THREADS = 4


@dataclass(frozen=True, kw_only=True)
class Unreadable:
    """A file that is not what its name says, and why."""

    path: str
    why: str


def every(paths: Sequence[str], make: Callable[[str], Any], *, threads: int = THREADS) -> Iterator[Any]:
    """Yield what is made of each file, in order; decoders work outside of Python's lock, so threads help."""
    if threads == 1:
        yield from map(make, paths)
        return
    with ThreadPoolExecutor(max_workers=threads) as pool:
        for start in range(0, len(paths), AHEAD):
            yield from pool.map(make, paths[start : start + AHEAD])


def all_decoded(
    paths: pl.Series,
    make: Callable[[str], Shaped[np.ndarray, ...] | Unreadable],
    *,
    into: Shaped[np.ndarray, "rows ..."],
    first_row: int,
    what: str,
    setting: str,
) -> None:
    """Put what is made of each path into its row, at the beginning of it; rows without a path are left as they are.

    Raises:
        DataError: some cannot be decoded; `what` they should be, and the `setting` that leaves their rows out.
    """
    bad: list[tuple[int, Unreadable]] = []
    places = paths.is_not_null().arg_true().to_numpy()
    for row, made in zip(places, every(paths.drop_nulls().to_list(), make), strict=True):
        if isinstance(made, Unreadable):
            bad.append((first_row + int(row), made))
        else:
            into[row, : len(made)] = made
    if bad:
        row, first = bad[0]
        others = f" ({len(bad) - 1:,} more cannot be read either)" if len(bad) > 1 else ""
        raise DataError(
            f'column "{paths.name}" must name {what}, but {first.path} in row {row + 1} cannot be read: {first.why}'
            f"{others}; replace it, or set {setting} to skip"
        )


def undecoded(paths: pl.Series, make: Callable[[str], object]) -> Iterator[tuple[int, str]]:
    """Yield the places of the paths of which nothing can be made, and why."""
    places = paths.is_not_null().arg_true()
    for row, made in zip(places, every(paths.drop_nulls().to_list(), make), strict=True):
        if isinstance(made, Unreadable):
            yield row, f"{made.path}: {made.why}"
