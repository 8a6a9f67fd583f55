"""Predicted numbers beside the true ones: where they lie, what is left over, and whether the intervals hold."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from fitwell.report.answers import measured_rows
from fitwell.report.coverage import coverage_picture
from fitwell.report.picture import HEIGHT, SQUARE, WIDTH, Contents, Picture, Spec, data, quantity
from fitwell.report.shades import shade, shade_encoding, sizes
from fitwell.report.theme import color
from fitwell.report.words import number

DOTS = 800  # rows drawn one by one; more are counted in cells
CELLS = 40
BARS = 32
TARGETS = 4  # of several targets, so many are drawn


def value_pictures(contents: Contents) -> Iterator[Picture]:
    """Yield three pictures per target."""
    rows = measured_rows(contents)
    if rows is None or contents.task != "regression":
        return
    names = contents.data["targets"]["names"]
    for name in names[:TARGETS]:
        suffix = "" if len(names) == 1 else f"_{name}"
        if f"truth{suffix}" in rows.columns and f"prediction{suffix}" in rows.columns:
            truth, guess = rows[f"truth{suffix}"].to_numpy(), rows[f"prediction{suffix}"].to_numpy()
            place = "" if len(names) == 1 else f"{names.index(name) + 1}-"
            yield from _pictures(name, truth, guess, prefix=place)
            promised = (contents.decision.get("interval") or {}).get("coverage")
            yield from coverage_picture(name, rows, suffix=suffix, promised=promised, prefix=place)


def _pictures(name: str, truth: np.ndarray, guess: np.ndarray, *, prefix: str) -> Iterator[Picture]:
    left = truth - guess
    ends = [float(min(truth.min(), guess.min())), float(max(truth.max(), guess.max()))]
    square = {"domain": ends, "nice": True, "zero": False}
    yield Picture(
        name=f"{prefix}predicted-true",
        title=f"Predicted and true {name}",
        says=_correlation_said(truth, guess),
        reading="A perfect prediction lies on the dashed line.",
        spec=_cloud(
            guess,
            truth,
            x=("predicted", square),
            y=("true", square),
            base=[(ends[0], ends[0]), (ends[1], ends[1])],
            height=SQUARE,
        ),
    )
    low, high = np.quantile(left, [0.05, 0.95])
    yield Picture(
        name=f"{prefix}residuals",
        title="What is left over (residuals)",
        says="Nine tenths of the residuals lie between "
        f"{number(float(low), digits=3)} and {number(float(high), digits=3)}.",
        reading="True less predicted. A bend or a funnel is something the network has not learned.",
        spec=_cloud(
            guess,
            left,
            x=("predicted", {"zero": False}),
            y=("true − predicted", {}),
            base=[(float(guess.min()), 0.0), (float(guess.max()), 0.0)],
            height=HEIGHT,
        ),
    )
    yield _distribution(left, prefix=prefix)


def told_apart(low: float, high: float, *, parts: int) -> tuple[float, float]:
    """Return ends so far apart that parts between them have different edges: those given, or wider ones.

    >>> told_apart(0.0, 1.0, parts=4), told_apart(3.0, 3.0, parts=4), told_apart(6e16, 6e16, parts=4)
    ((0.0, 1.0), (2.5, 3.5), (5.999999999999994e+16, 6.000000000000006e+16))
    """
    least = 4 * parts * float(np.spacing(max(abs(low), abs(high))))
    if high > low and high - low >= least:
        return low, high
    half = max(least, 1.0 if high == low else 0.0) / 2
    return (low + high) / 2 - half, (low + high) / 2 + half


def _distribution(left: np.ndarray, *, prefix: str) -> Picture:
    low, high = np.quantile(left, [0.002, 0.998])
    counts, edges = np.histogram(left, bins=BARS, range=told_apart(float(low), float(high), parts=BARS))
    bars = [
        {"x": float(edges[place]), "x2": float(edges[place + 1]), "y": int(count)} for place, count in enumerate(counts)
    ]
    mean, spread = float(left.mean()), float(left.std())
    return Picture(
        name=f"{prefix}residual-distribution",
        title="Distribution of the residuals",
        says=f"Their mean is {number(mean, digits=3)}, their standard deviation {number(spread, digits=3)}.",
        reading="It should be centered on 0 (dashed); a long tail means rare large errors.",
        spec={
            "width": WIDTH,
            "height": HEIGHT,
            "layer": [
                {
                    "data": data(bars),
                    "mark": {"type": "bar", "color": color("main"), "binSpacing": 1},
                    "encoding": {
                        "x": quantity("x", "true − predicted", zero=False),
                        "x2": {"field": "x2"},
                        "y": quantity("y", "rows", tickCount=5),
                        "y2": {"datum": 0},
                    },
                },
                {
                    "data": data([{"x": 0}]),
                    "mark": {"type": "rule", "strokeDash": [4, 3]},
                    "encoding": {"x": {"field": "x", "type": "quantitative"}},
                },
            ],
        },
    )


def _correlation_said(truth: np.ndarray, guess: np.ndarray) -> str:
    if np.ptp(guess) == 0:
        return f"Every prediction is {number(float(guess[0]))}."
    if np.ptp(truth) == 0:
        return f"Every true value is {number(float(truth[0]))}."
    correlation = float(np.corrcoef(truth, guess)[0, 1])
    return f"The correlation of predicted and true values is {number(correlation, digits=3)}."


def _cloud(
    xs: np.ndarray,
    ys: np.ndarray,
    *,
    x: tuple[str, dict[str, object]],
    y: tuple[str, dict[str, object]],
    base: list[tuple[float, float]],
    height: int,
) -> Spec:
    """Draw rows as dots, or, where there are many, as shaded cells that count them."""
    across, up = quantity("x", x[0], tickCount=5, **x[1]), quantity("y", y[0], tickCount=5, **y[1])
    line = {
        "data": data([{"x": a, "y": b} for a, b in base]),
        "mark": {"type": "line", "strokeDash": [4, 3], "strokeWidth": 1.5, "color": color("second")},
        "encoding": {"x": across, "y": up},
    }
    if len(xs) <= DOTS:
        dots = {
            "data": data([{"x": float(a), "y": float(b)} for a, b in zip(xs, ys, strict=True)]),
            "mark": {"type": "point", "filled": True, "size": 22, "opacity": 0.55, "color": color("main")},
            "encoding": {"x": across, "y": up},
        }
        return {"width": SQUARE, "height": height, "layer": [dots, line]}
    ends = [told_apart(float(each.min()), float(each.max()), parts=CELLS) for each in (xs, ys)]
    counts, x_edges, y_edges = np.histogram2d(xs, ys, bins=CELLS, range=ends)
    edges = sizes(0.9, max(2.0, float(counts.max())))
    cells = [
        {
            "x": float(x_edges[i]),
            "x2": float(x_edges[i + 1]),
            "y": float(y_edges[j]),
            "y2": float(y_edges[j + 1]),
            "z": shade(float(counts[i, j]), edges),
        }
        for i, j in zip(*np.nonzero(counts), strict=True)
    ]
    paint = shade_encoding("z", edges, title="rows", offset=26)
    rects = {
        "data": data(cells),
        "mark": {"type": "rect"},
        "encoding": {"x": across, "x2": {"field": "x2"}, "y": up, "y2": {"field": "y2"}, "color": paint},
    }
    return {"width": SQUARE, "height": height, "layer": [rects, line]}
