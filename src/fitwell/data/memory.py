"""How much memory this process may still take."""

from __future__ import annotations

import os
from pathlib import Path

MEMORY = Path("/proc/meminfo")
GROUP = Path("/sys/fs/cgroup")


def available_bytes() -> int | None:
    """Return how much memory is free for use, within the limits of a container; None where it cannot be told."""
    known = [found for found in (_of_machine(), _of_container()) if found is not None]
    return min(known) if known else None


def _of_machine() -> int | None:
    if MEMORY.is_file():
        for line in MEMORY.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    try:  # macOS has no word for what could be freed: of the machine's memory, half may well be taken
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
    except (AttributeError, ValueError, OSError):
        return None


def _of_container() -> int | None:
    """Return what the limit of a control group (version 2) leaves."""
    try:
        limit = (GROUP / "memory.max").read_text().strip()
        used = int((GROUP / "memory.current").read_text())
        return None if limit == "max" else max(0, int(limit) - used + _reclaimable())
    except (OSError, ValueError):
        return None


def _reclaimable() -> int:
    """Return what pages of files take, which count as used and are given up when memory is needed."""
    counts = dict(line.split() for line in (GROUP / "memory.stat").read_text().splitlines())
    return int(counts.get("inactive_file", 0))
