"""How well scores find the rows of a class: ROC, precision and recall, KS, gains, lift and calibration."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from fitwell.metrics import ranked as by_rank
from fitwell.metrics.intervals import wilson
from fitwell.report.answers import Question, thinned
from fitwell.report.picture import HEIGHT, SQUARE, WIDTH, Picture, Spec, Table, data, quantity
from fitwell.report.theme import color
from fitwell.report.words import fixed, interval_text, number, percent, value_text

BINS = 10  # of the reliability diagram, of equal mass
BARS = 40  # of the histogram of scores

Metrics = Mapping[str, Any]  # of an evaluation: figures by name
Chosen = Mapping[str, float | None]  # the figures at the threshold that predictions go by, and the threshold itself


def ranking_pictures(question: Question, metrics: Metrics, chosen: Chosen, *, prefix: str = "") -> Iterator[Picture]:
    """Yield everything there is to see about one question; `prefix` keeps the names of several apart."""
    if not question.can_rank:
        return
    yield roc(question, metrics, chosen, prefix=prefix)
    yield precision_recall(question, metrics, chosen, prefix=prefix)
    yield ks(question, metrics, chosen, prefix=prefix)
    yield gains(question, chosen, prefix=prefix)
    yield lift(question, metrics, prefix=prefix)
    if question.scores.min() >= 0 and question.scores.max() <= 1:
        yield calibration(question, metrics, prefix=prefix)


def shares(question: Question) -> tuple[np.ndarray, np.ndarray]:
    """Return the shares of the positives and of the negatives that score at least as high as each distinct score."""
    up, down = np.cumsum(question.rows.positive), np.cumsum(question.rows.negative)
    return up / question.positives, down / question.negatives


def roc_points(question: Question) -> tuple[np.ndarray, np.ndarray]:
    """Return the false and true positive rates from (0, 0) on, thinned to what a screen shows."""
    true, false = shares(question)
    true, false = np.concatenate([[0.0], true]), np.concatenate([[0.0], false])
    kept = thinned(false, true)
    return false[kept], true[kept]


def precision_recall_points(question: Question) -> tuple[np.ndarray, np.ndarray]:
    """Return recall and precision at each distinct score, thinned to what a screen shows."""
    up, down = np.cumsum(question.rows.positive), np.cumsum(question.rows.negative)
    recall, precision = up / question.positives, up / (up + down)
    kept = thinned(recall, precision)
    return recall[kept], precision[kept]


def roc(question: Question, metrics: Metrics, chosen: Chosen, *, prefix: str) -> Picture:
    """Show the true positive rate over the false positive rate."""
    false, true = roc_points(question)
    area = metrics.get("roc_auc") or {}
    return Picture(
        name=f"{prefix}roc",
        title="ROC curve",
        says=f"The area under the curve is {value_text(area)} (95 % interval {interval_text(area)}); 0.5 is chance.",
        reading=f"How many “{question.label}” are found (up) at the price of how many false alarms (right).",
        spec=_square(
            _points(false, true),
            x=quantity("x", "false positive rate", domain=[0, 1], tickCount=5),
            y=quantity("y", "true positive rate (recall)", domain=[0, 1], tickCount=5),
            base=[{"x": 0, "y": 0}, {"x": 1, "y": 1}],
            at=(chosen["false_positive_rate"], chosen["recall"]),
        ),
        follows=("false_positive_rate", "recall"),
    )


def precision_recall(question: Question, metrics: Metrics, chosen: Chosen, *, prefix: str) -> Picture:
    """Show precision over recall."""
    recall, precision = precision_recall_points(question)
    average, rate = metrics.get("pr_auc") or {}, question.positives / (question.positives + question.negatives)
    return Picture(
        name=f"{prefix}precision-recall",
        title="Precision and recall",
        says=f"The average precision is {value_text(average)} (95 % interval {interval_text(average)}); "
        f"chance is {percent(rate)}, the share of “{question.label}”.",
        reading="Of the rows taken, how many are right (up), when so many of all are to be found (right).",
        spec=_square(
            _points(recall, precision),
            x=quantity("x", "recall", domain=[0, 1], tickCount=5),
            y=quantity("y", "precision", domain=[0, 1], tickCount=5),
            base=[{"x": 0, "y": rate}, {"x": 1, "y": rate}],
            at=(chosen["recall"], chosen["precision"]),
            step="step-before",
        ),
        follows=("recall", "precision"),
    )


def ks(question: Question, metrics: Metrics, chosen: Chosen, *, prefix: str) -> Picture:
    """Show the cumulative scores of both classes, with the widest gap marked."""
    true, false = shares(question)
    scores = question.rows.scores
    widest = int(np.argmax(np.abs(true - false)))
    kept = thinned(scores if scores.max() <= 1 else true, true, false, keep=(widest,))
    names = [f"is {question.label}", f"is not {question.label}"]
    curves = [
        {"x": float(scores[place]), "y": float(1 - part[place]), "s": name}
        for name, part in zip(names, (true, false), strict=True)
        for place in kept
    ]
    gap = [{"x": float(scores[widest]), "y": float(1 - true[widest]), "y2": float(1 - false[widest])}]
    distance = metrics.get("ks") or {}
    x = quantity("x", "score", domain=[0, 1], tickCount=5)
    y = quantity("y", "share of rows with a lower score", domain=[0, 1], tickCount=5)
    paint = {
        "field": "s",
        "type": "nominal",
        "title": None,
        "scale": {"domain": names, "range": [color("main"), color("quiet")]},
    }
    return Picture(
        name=f"{prefix}ks",
        title="Scores of both classes (KS)",
        says=f"The curves are furthest apart at a score of {number(gap[0]['x'], digits=3)}: by {value_text(distance)} "
        f"(95 % interval {interval_text(distance)}).",
        reading="The further apart the two curves, the better scores separate the classes; dashed: the widest gap.",
        spec={
            "width": WIDTH,
            "height": HEIGHT,
            "layer": [
                {
                    "data": data(curves),
                    "mark": {"type": "line", "interpolate": "step-before"},
                    "encoding": {"x": x, "y": y, "color": paint},
                },
                {
                    "data": data(gap),
                    "mark": {"type": "rule", "strokeDash": [4, 3], "color": color("second"), "strokeWidth": 2},
                    "encoding": {"x": x, "y": y, "y2": {"field": "y2"}},
                },
                _chosen_rule(x, chosen["threshold"]),
            ],
        },
        follows=("threshold", ""),
    )


def gains(question: Question, chosen: Chosen, *, prefix: str) -> Picture:
    """Show the share of positives found among the highest-scored rows."""
    taken, found = gains_points(question)
    tenth = float(np.interp(0.1, taken, found))
    return Picture(
        name=f"{prefix}gains",
        title="Cumulative gains",
        says=f"The tenth of the rows with the highest scores holds {percent(tenth)} of all “{question.label}”.",
        reading="How many of all are found (up) when so many rows, best first, are looked at (right).",
        spec=_square(
            _points(taken, found),
            x=quantity("x", "share of rows taken, highest scores first", domain=[0, 1], tickCount=5, format="%"),
            y=quantity("y", f"share of “{question.label}” found", domain=[0, 1], tickCount=5, format="%"),
            base=[{"x": 0, "y": 0}, {"x": 1, "y": 1}],
            at=(chosen["predicted_positive"], chosen["recall"]),
        ),
        follows=("predicted_positive", "recall"),
    )


def gains_points(question: Question) -> tuple[np.ndarray, np.ndarray]:
    """Return the share of rows taken and the share of positives found, from (0, 0) on; ties are shared."""
    up, both = np.cumsum(question.rows.positive), np.cumsum(question.rows.positive + question.rows.negative)
    taken, found = np.concatenate([[0.0], both / both[-1]]), np.concatenate([[0.0], up / up[-1]])
    kept = thinned(taken, found)
    return taken[kept], found[kept]


def lift(question: Question, metrics: Metrics, *, prefix: str) -> Picture:
    """Show the lift of each tenth of the rows, with the line of chance."""
    values = by_rank.lift_by_decile(question.rows.positive, question.rows.negative).tolist()
    measured = metrics.get("lift_by_decile") or [{}] * len(values)
    rows: list[dict[str, Any]] = [
        {"x": place + 1, "y": value, "low": figure.get("low"), "high": figure.get("high")}
        for place, (value, figure) in enumerate(zip(values, measured, strict=True))
    ]
    tenths = {
        "field": "x",
        "type": "ordinal",
        "title": "tenth of the rows, highest scores first",
        "axis": {"labelAngle": 0},
    }
    layers: list[Spec] = [
        {
            "mark": {"type": "bar", "color": color("main"), "width": {"band": 0.72}},
            "encoding": {"x": tenths, "y": quantity("y", "lift", tickCount=5)},
        },
        {
            "data": data([{"y": 1}]),
            "mark": {"type": "rule", "strokeDash": [4, 3], "strokeWidth": 1.5},
            "encoding": {"y": quantity("y", "lift")},
        },
    ]
    if rows[0]["low"] is not None:
        ends = {"y": quantity("low", "lift"), "y2": {"field": "high"}}
        layers.append(
            {"mark": {"type": "rule", "color": color("ink"), "strokeWidth": 1.5}, "encoding": {"x": tenths, **ends}}
        )
    table = [
        [str(row["x"]), fixed(row["y"], 2), interval_text(figure)] for row, figure in zip(rows, measured, strict=True)
    ]
    return Picture(
        name=f"{prefix}lift",
        title="Lift by tenth",
        says=f"The highest-scored tenth holds {fixed(values[0], 1)} times as many “{question.label}” as a "
        f"random tenth, the lowest {fixed(values[-1], 2)} times.",
        reading="1 (dashed) is chance. Bars should fall from left to right.",
        spec={"width": WIDTH, "height": HEIGHT, "data": data(rows), "layer": layers},
        table=Table(header=("tenth", "lift", "95 % interval"), rows=table),
    )


def calibration_bins(question: Question) -> list[dict[str, float]]:
    """Return bins of equal mass: mean score, observed rate with its interval, and the rows in it."""
    order = np.argsort(question.scores, kind="stable")
    weights = question.weights[order]
    mass = (np.cumsum(weights) - weights / 2) / weights.sum()
    codes = np.minimum((mass * BINS).astype(int), BINS - 1)
    bins = []
    for code in np.unique(codes):
        rows = order[codes == code]
        share = question.weights[rows] / question.weights[rows].sum()
        rate = float(share @ question.hits[rows])
        ends = wilson(min(rate, 1.0), size=float(1 / (share**2).sum()), confidence=0.95)
        bins.append(
            {"x": float(share @ question.scores[rows]), "y": rate, "low": ends.low, "high": ends.high, "n": len(rows)}
        )
    return bins


def calibration(question: Question, metrics: Metrics, *, prefix: str) -> Picture:
    """Show observed rates over predicted ones, with a histogram of the scores below."""
    bins = calibration_bins(question)
    counts, _ = np.histogram(question.scores, bins=BARS, range=(0, 1), weights=question.weights)
    bars = [
        {"x": place / BARS, "x2": (place + 1) / BARS, "y": float(count)} for place, count in enumerate(counts) if count
    ]
    x = quantity("x", None, domain=[0, 1], tickCount=5)
    y = quantity("y", f"share that is “{question.label}”", domain=[0, 1], tickCount=5)
    top: Spec = {
        "width": SQUARE,
        "height": SQUARE - 64,
        "layer": [
            _base_line([{"x": 0, "y": 0}, {"x": 1, "y": 1}], x, y),
            {
                "data": data(bins),
                "mark": {"type": "rule", "color": color("main"), "strokeWidth": 1.5},
                "encoding": {"x": x, "y": {**y, "field": "low"}, "y2": {"field": "high"}},
            },
            {
                "data": data(bins),
                "mark": {
                    "type": "line",
                    "point": {"filled": True, "size": 42, "color": color("main")},
                    "color": color("main"),
                },
                "encoding": {"x": x, "y": y},
            },
        ],
    }
    below: Spec = {
        "width": SQUARE,
        "height": 44,
        "data": data(bars),
        "mark": {"type": "bar", "color": color("quiet"), "binSpacing": 1},
        "encoding": {
            "x": quantity("x", "predicted probability", domain=[0, 1], tickCount=5),
            "x2": {"field": "x2"},
            "y": quantity("y", "rows", tickCount=2),
            "y2": {"datum": 0},
        },
    }
    error = metrics.get("calibration_error") or {}
    table = [
        [
            fixed(each["x"], 3),
            fixed(each["y"], 3),
            f"{fixed(each['low'], 3)} to {fixed(each['high'], 3)}",
            f"{each['n']:,}",
        ]
        for each in bins
    ]
    return Picture(
        name=f"{prefix}calibration",
        title="Calibration",
        says=f"Predicted and observed rates are {value_text(error)} apart on average (95 % interval "
        f"{interval_text(error)}).",
        reading="When it says 70 %, it should be so in 70 of 100 rows: points belong on the dashed line. Below: how "
        "often each probability is given.",
        spec={"vconcat": [top, below], "spacing": 12},
        table=Table(header=("predicted", "observed", "95 % interval", "rows"), rows=table),
    )


def _points(x: np.ndarray, y: np.ndarray) -> list[dict[str, float]]:
    return [{"x": float(a), "y": float(b)} for a, b in zip(x, y, strict=True)]


def _base_line(ends: list[dict[str, float]], x: Spec, y: Spec) -> Spec:
    return {
        "data": data(ends),
        "mark": {"type": "line", "strokeDash": [4, 3], "strokeWidth": 1.5, "color": color("line")},
        "encoding": {"x": x, "y": y},
    }


def _square(
    points: list[dict[str, float]],
    *,
    x: Spec,
    y: Spec,
    base: list[dict[str, float]],
    at: tuple[float | None, float | None],
    step: str = "linear",
) -> Spec:
    """Draw a curve over its base line, with a mark for the chosen threshold that a script may move."""
    chosen = {
        "data": data([{"x": at[0] or 0, "y": at[1] or 0}]),
        "mark": {"type": "point", "filled": True, "size": 110, "opacity": 1, "color": color("second")},
    }
    return {
        "width": SQUARE,
        "height": SQUARE,
        "layer": [
            _base_line(base, x, y),
            {
                "data": data(points),
                "mark": {"type": "line", "interpolate": step, "color": color("main")},
                "encoding": {"x": x, "y": y},
            },
            {"name": "chosen", **chosen, "encoding": {"x": x, "y": y}},
        ],
    }


def _chosen_rule(x: Spec, threshold: float | None) -> Spec:
    return {
        "name": "chosen",
        "data": data([{"x": threshold}]),
        "mark": {"type": "rule", "color": color("second"), "strokeWidth": 2},
        "encoding": {"x": x},
    }
