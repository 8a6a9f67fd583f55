"""Work on many rows is shared among the cores this process may use."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def over_parts(work: Callable[[int, int], T], total: int) -> list[T]:
    """Call `work(first, last)` for consecutive parts of `range(total)` at the same time, one per core.

    >>> sum(over_parts(lambda first, last: last - first, 10))
    10
    """
    parts = max(1, min(cores(), total))
    ends = [total * part // parts for part in range(parts + 1)]
    if parts == 1:
        return [work(0, total)]
    with ThreadPoolExecutor(parts) as pool:
        return list(pool.map(work, ends[:-1], ends[1:]))
