"""How long something may take: a number of seconds, or a duration such as 90s, 10m or 2h."""

from __future__ import annotations

import math
from time import perf_counter

from fitwell.errors import RequestError

UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}
LEAST = 1e-3  # seconds that a limit comes to when it was over before the work began


def seconds_of(asked: float | str | None, *, name: str) -> float:
    """Return the seconds that were asked for; None asks for no end.

    Raises:
        RequestError: it is no duration, or not above 0; `name` is what it is called.

    >>> seconds_of("10m", name="budget"), seconds_of("1.5h", name="budget"), seconds_of(90, name="budget")
    (600.0, 5400.0, 90.0)
    >>> seconds_of(None, name="budget")
    inf
    """
    if asked is None:
        return math.inf
    text = str(asked).strip()
    number, unit = (text[:-1], UNITS[text[-1]]) if text[-1:] in UNITS else (text, 1.0)
    try:
        seconds = float(number) * unit
    except ValueError:
        seconds = math.nan
    if not seconds > 0:
        raise RequestError(f'{name} must be seconds, or a duration such as 90s, 10m or 2h, above 0, but is "{asked}"')
    return seconds


def left_of(limit: float, *, since: float) -> float:
    """Return what is left of a limit that began at that moment of `perf_counter`, never nothing.

    >>> left_of(1.0, since=perf_counter() - 3600)
    0.001
    """
    return max(LEAST, limit - (perf_counter() - since))
