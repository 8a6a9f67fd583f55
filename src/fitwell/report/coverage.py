"""How often the prediction intervals of numbers hold, over the range of predictions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import polars as pl

from fitwell.metrics.intervals import wilson
from fitwell.report.picture import HEIGHT, WIDTH, Picture, Spec, data, quantity
from fitwell.report.theme import color
from fitwell.report.words import percent

TENTHS = 10
FEWEST = 10  # rows of a part


def coverage_picture(
    name: str, rows: pl.DataFrame, *, suffix: str, promised: float | None, prefix: str
) -> Iterator[Picture]:
    """Yield the share of true values inside their interval; nothing where predictions have none."""
    ends = [f"prediction{suffix}_low", f"prediction{suffix}_high"]
    if not set(ends) <= set(rows.columns):
        return
    truth, guess, low, high = (rows[column].to_numpy() for column in (f"truth{suffix}", f"prediction{suffix}", *ends))
    inside = (truth >= low) & (truth <= high)
    told = "" if promised is None else f"; they were made to hold {percent(promised)}"
    yield Picture(
        name=f"{prefix}coverage",
        title="How often the intervals hold",
        says=f"{percent(float(inside.mean()))} of the true values of {name} lie within their interval{told}.",
        reading="Every tenth of the predictions, from low to high, should be near the promised share (dashed).",
        spec=_spec(coverage_bins(guess, inside), promised),
    )


def coverage_bins(guess: np.ndarray, inside: np.ndarray) -> list[dict[str, float]]:
    """Return the share of rows inside their interval, with its own interval, in parts of equal size by prediction."""
    order = np.argsort(guess, kind="stable")
    bins = []
    for part in np.array_split(order, max(1, min(TENTHS, len(order) // FEWEST))):
        share = float(inside[part].mean())
        bounds = wilson(share, size=float(len(part)), confidence=0.95)
        bins.append({"x": float(guess[part].mean()), "y": share, "low": bounds.low, "high": bounds.high})
    return bins


def _spec(bins: list[dict[str, float]], promised: float | None) -> Spec:
    x = quantity("x", "predicted", zero=False)
    y = quantity("y", "share inside", domain=[0, 1], format="%", tickCount=5)
    points: dict[str, Any] = {"filled": True, "size": 42, "color": color("main")}
    layers: list[Spec] = [
        {
            "mark": {"type": "rule", "color": color("main"), "strokeWidth": 1.5},
            "encoding": {"x": x, "y": {**y, "field": "low"}, "y2": {"field": "high"}},
        },
        {"mark": {"type": "line", "point": points, "color": color("main")}, "encoding": {"x": x, "y": y}},
    ]
    if promised is not None:
        dashed = {"type": "rule", "strokeDash": [4, 3], "strokeWidth": 1.5, "color": color("line")}
        layers.insert(0, {"data": data([{"y": promised}]), "mark": dashed, "encoding": {"y": y}})
    return {"width": WIDTH, "height": HEIGHT, "data": data(bins), "layer": layers}
