"""Words as a picture: each stands where its vector lies, seen along two directions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from fitwell.report.pictures import Colors, Spec, themed

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

WIDTH, HEIGHT = 720, 560


def word_map(words: Sequence[str], points: NDArray[np.float64], shares: NDArray[np.float64], colors: Colors) -> Spec:
    """Return the picture of words at points (words, 2); shares tell what part of the spread each direction shows.

    Names that would cover one another are left to the points: of two too close ones the earlier word is named.
    """
    named = set(_apart(points))
    rows = [
        {"word": word, "x": float(x), "y": float(y), "name": word if number in named else ""}
        for number, (word, (x, y)) in enumerate(zip(words, points, strict=True))
    ]
    x, y = (_axis(name, f"{share:.0%} of the spread") for name, share in zip("xy", shares, strict=True))
    tooltip = {"field": "word", "type": "nominal"}
    spec: Spec = {
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
        "description": f"{len(words)} words where their vectors lie",
        "width": WIDTH,
        "height": HEIGHT,
        "data": {"values": rows},
        "encoding": {"x": x, "y": y, "tooltip": tooltip},
        "layer": [
            {"mark": {"type": "point", "size": 24, "opacity": 0.9}},
            {
                "mark": {"type": "text", "align": "left", "baseline": "middle", "dx": 6},
                "encoding": {"text": {"field": "name", "type": "nominal"}},
            },
        ],
    }
    return themed(spec, colors)


def _axis(field: str, title: str) -> Spec:
    return {
        "field": field,
        "type": "quantitative",
        "title": title,
        "scale": {"zero": False, "nice": False, "padding": 24},
        "axis": {"labels": False, "grid": True, "tickCount": 6},
    }


def _apart(points: NDArray[np.float64]) -> list[int]:
    """Return the points whose names have room, in pixels of the picture."""
    spread = points.max(axis=0) - points.min(axis=0)
    placed = (points - points.min(axis=0)) / [each if each > 0 else 1 for each in spread] * [WIDTH, HEIGHT]
    named: list[int] = []
    for number, (x, y) in enumerate(placed.tolist()):
        if all(abs(x - placed[other][0]) > 60 or abs(y - placed[other][1]) > 11 for other in named):
            named.append(number)
    return named
