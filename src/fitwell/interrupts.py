"""Ctrl-C as a wish rather than an explosion: training stops at the next step, and the run stays usable."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType


@dataclass
class Interruption:
    """Whether someone asked to stop; it is itself the handler of the signal."""

    asked: bool = False

    def __call__(self, _signal: int, _frame: FrameType | None) -> None:
        """Note the first Ctrl-C; the second raises as usual."""
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True


@contextmanager
def interruptible() -> Iterator[Interruption]:
    """Note the first Ctrl-C instead of raising; the second raises KeyboardInterrupt as usual.

    Within another such block the wish is shared. Outside the main thread signals belong to somebody else, and nothing
    is noted.
    """
    before = signal.getsignal(signal.SIGINT)
    if isinstance(before, Interruption):
        yield before
        return
    interruption = Interruption()
    if threading.current_thread() is not threading.main_thread():
        yield interruption
        return
    signal.signal(signal.SIGINT, interruption)
    try:
        yield interruption
    finally:
        signal.signal(signal.SIGINT, before)
