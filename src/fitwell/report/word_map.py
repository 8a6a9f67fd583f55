"""Words as a picture: each stands where its vector lies, seen along two directions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from fitwell.report.pictures import Colors, Spec, themed

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

WIDTH, HEIGHT = 720, 560
ORDER = ("first", "second")
LETTER, LINE, GAP = 7, 14, 10  # pixels that a name takes, and its distance from the point


def word_map(words: Sequence[str], points: NDArray[np.float64], shares: NDArray[np.float64], colors: Colors) -> Spec:
    """Return the picture of words at points (words, 2); shares tell what part of the spread each direction shows.

    Names that would cover one another are left to the points: of two too close ones the earlier word is named.
    """
    named = set(_apart(words, points))
    rows = [
        {"word": word, "x": float(x), "y": float(y), "name": word if number in named else ""}
        for number, (word, (x, y)) in enumerate(zip(words, points, strict=True))
    ]
    titles = [
        f"{which} direction: {100 * share:.0f} % of the spread" for which, share in zip(ORDER, shares, strict=True)
    ]
    tooltip = {"field": "word", "type": "nominal"}
    spec: Spec = {
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
        "description": f"{len(words)} words where their vectors lie",
        "width": WIDTH,
        "height": HEIGHT,
        "data": {"values": rows},
        "encoding": {"x": _axis("x", titles[0]), "y": _axis("y", titles[1]), "tooltip": tooltip},
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


def _apart(words: Sequence[str], points: NDArray[np.float64]) -> list[int]:
    """Return the numbers of the words whose names cover no earlier name."""
    spread = points.max(axis=0) - points.min(axis=0)
    placed = (points - points.min(axis=0)) / [each if each > 0 else 1 for each in spread] * [WIDTH, HEIGHT]
    named: list[int] = []
    for number, (x, y) in enumerate(placed.tolist()):
        if not any(
            abs(y - placed[other][1]) < LINE
            and x < placed[other][0] + GAP + LETTER * len(words[other])
            and placed[other][0] < x + GAP + LETTER * len(words[number])
            for other in named
        ):
            named.append(number)
    return named
