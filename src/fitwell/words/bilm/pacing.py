"""A time limit becomes a number of steps, so that the learning rate ends where the training does.

It is decided after a few steps and now and then again, because a machine's speed changes; the number is part of the
state that a checkpoint holds.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator

from fitwell.words.driving import Look
from fitwell.words.word_checkpoint import State

PLANNED = 20  # steps after which the limit first decides how many there will be
AGAIN = 1.25  # times so many steps later it decides again
KEPT_FREE = 0.1  # of the limit, for the file, and for steps that take longer
TELLING = 1 / 3  # of a step's time is what telling alone takes, for each word


def within(looks: Iterator[Look], state: State, *, ends: float, limit: float, telling: float) -> Iterator[Look]:
    """Go through a training that is over at the time `ends` of the monotonic clock, in `limit` seconds.

    `telling` is how many steps have as many words as the held-out texts, which are told after the last one.
    """
    began, first, most = time.monotonic(), state.blocks, float(state.arrays["steps"][0])
    plan = first + PLANNED
    for look in looks:
        yield look
        seconds = (time.monotonic() - began) / (state.blocks - first)
        kept_free = KEPT_FREE * limit + TELLING * telling * seconds
        left = ends - kept_free - time.monotonic()
        if left <= 0:
            state.arrays["steps"][0] = state.blocks
            return
        if state.blocks == plan:
            state.arrays["steps"][0] = min(most, state.blocks + max(1, int(left / seconds)))
            plan = math.ceil(AGAIN * plan)
