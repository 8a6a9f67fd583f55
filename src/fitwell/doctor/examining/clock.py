"""The time that an examination may take, and the wish to end it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from time import monotonic

from fitwell.durations import seconds_of
from fitwell.errors import OutOfTime
from fitwell.interrupts import Interruption


@dataclass(frozen=True, kw_only=True)
class Clock:
    """When an examination has to end."""

    deadline: float  # on the monotonic clock, in seconds
    interruption: Interruption

    @property
    def endless(self) -> bool:
        """Whether no time was set."""
        return math.isinf(self.deadline)

    def check(self) -> None:
        """Return while there is time.

        Raises:
            OutOfTime: the time is over, or someone pressed Ctrl-C.
        """
        if self.interruption.asked or monotonic() > self.deadline:
            raise OutOfTime("the examination was ended before it was complete")


def clock_of(budget: float | str | None, interruption: Interruption) -> Clock:
    """Return the clock of a budget in seconds, or a duration such as "90s", "2m" or "1h"; None for no end."""
    return Clock(deadline=monotonic() + seconds_of(budget, name="budget"), interruption=interruption)
