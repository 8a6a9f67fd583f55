"""Amounts become shades: a few, each with a name that says where it begins, so that a legend can be read exactly."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from typing import Any

from fitwell.report.theme import RAMP, color

MOST = 6


def shade(value: float, edges: Sequence[float]) -> str:
    """Return the name of the shade a value falls into: where it begins.

    >>> shade(0.05, [0.1, 0.3]), shade(0.2, [0.1, 0.3])
    ('less', '0.1+')
    """
    place = bisect_right(edges, value)
    return f"{edges[place - 1]:.2g}+" if place else "less"


def shade_encoding(name: str, edges: Sequence[float], *, title: str | None = None, offset: int) -> dict[str, Any]:
    """Return the encoding of a field that holds names of shades, from little to much."""
    names = [shade(edge, edges) for edge in (-math.inf, *edges)]
    return {
        "field": name,
        "type": "ordinal",
        "title": title,
        "scale": {"domain": names, "range": [color(role) for role in RAMP][1 : len(names) + 1]},
        "legend": {"symbolType": "square", "symbolStrokeWidth": 0, "columnPadding": 8, "offset": offset},
    }


def sizes(low: float, high: float) -> list[float]:
    """Return round numbers between two sizes, at most five: powers of ten, or finer steps where the sizes are near.

    >>> sizes(0.00002, 0.5), sizes(0.4, 3.5)
    ([0.0001, 0.001, 0.01, 0.1], [0.5, 1.0, 2.0])
    """
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    found: list[float] = []
    for steps in ((1, 1.5, 2, 3, 5, 7), (1, 2, 5), (1, 3), (1,)):
        found = [each for power in powers for step in steps if low < (each := float(f"{step}e{power}")) < high]
        if len(found) < MOST:
            return found or [low]
    return found[:: -(-len(found) // (MOST - 1))]
