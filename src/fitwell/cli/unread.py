"""Standard output whose reader has seen enough, as `head` does: not an error, and no reason to stop."""

from __future__ import annotations

import os
import sys


def unread() -> None:
    """Let nothing more be written: what is still buffered must not fail again when Python flushes it at exit."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
