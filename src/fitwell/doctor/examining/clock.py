"""The time that an examination may take, and the wish to end it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from time import monotonic

from fitwell.errors import OutOfTime, RequestError
from fitwell.interrupts import Interruption

UNITS = {"s": 1, "m": 60, "h": 3600}


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
    return Clock(deadline=monotonic() + seconds_of(budget), interruption=interruption)


def seconds_of(budget: float | str | None) -> float:
    """Return a budget in seconds.

    Raises:
        RequestError: it is no duration, or not positive.

    >>> seconds_of("2m"), seconds_of(1.5), seconds_of(None)
    (120.0, 1.5, inf)
    """
    if budget is None:
        return math.inf
    text = str(budget).strip()
    number, unit = (text[:-1], UNITS[text[-1]]) if text[-1:] in UNITS else (text, 1)
    try:
        seconds = float(number) * unit
    except ValueError:
        seconds = math.nan
    if not seconds > 0:
        raise RequestError(f"budget must be seconds or a duration such as 90s, 2m or 1h, but is {budget!r}")
    return seconds
