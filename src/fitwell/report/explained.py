"""What the network goes by: how much each column matters, and how predictions change along it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from fitwell.metrics import METRICS
from fitwell.report.picture import HEIGHT, WIDTH, Contents, Picture, Spec, Table, data, quantity
from fitwell.report.theme import color
from fitwell.report.words import counted, interval_text, listed, metric_title, number, value_text

BARS = 20  # columns drawn; all are in the table


def importance_pictures(contents: Contents) -> Iterator[Picture]:
    """Yield what the figure that decides loses when a column is shuffled."""
    told = contents.explanation.get("importance")
    if not told or not told["columns"]:
        return
    columns = told["columns"]
    shown = columns[:BARS]
    title = metric_title(told["metric"])
    worse = ("loss", "falls") if METRICS[told["metric"]].higher_is_better else ("rise", "rises")
    if all(each["low"] == each["high"] for each in columns):
        return  # the network does not go by any column; the template says so
    rows = [{"name": each["column"], "x": each["value"], "low": each["low"], "high": each["high"]} for each in shown]
    first = listed([f"“{each['column']}”" for each in shown[:3]])
    sure = [each["column"] for each in columns if (each["low"] or 0) > 0]
    surely = (
        f"{counted(len(sure), 'column')} of {len(columns)} surely matter"
        if len(sure) != 1
        else "one column surely matters"
    )
    yield Picture(
        name="importance",
        title="Which columns matter",
        says=f"Most is lost without {first}; {surely}."
        + (f" The first {BARS} are drawn." if len(columns) > BARS else ""),
        reading=f"How far {title} {worse[1]} on held-out rows when the cells of one column are shuffled, with 95 % "
        "intervals. Columns that say the same can stand in for each other, so that neither seems to matter.",
        spec=_bars(rows, f"{worse[0]} of {title}"),
        table=Table(
            header=("column", f"{worse[0]} of {title}", "95 % interval"),
            rows=[[each["column"], value_text(each), interval_text(each)] for each in columns],
        ),
    )


def dependence_pictures(contents: Contents) -> Iterator[Picture]:
    """Yield how the mean prediction changes along each of the columns that matter most."""
    for place, told in enumerate(contents.explanation.get("dependence", [])):
        yield _dependence(told, number_of=place + 1)


def _dependence(told: Mapping[str, Any], *, number_of: int) -> Picture:
    points = told["points"]
    means = [point["value"] for point in points]
    digits = 2 if str(told["predicts"]).startswith("probability") else 3
    low, high = min(points, key=lambda each: each["value"]), max(points, key=lambda each: each["value"])
    is_number = told["kind"] == "number"
    return Picture(
        name=f"dependence-{number_of}",
        title=told["column"],
        says=f"The mean prediction lies between {number(min(means), digits=digits)} (at {_place(low)}) and "
        f"{number(max(means), digits=digits)} (at {_place(high)}).",
        reading="",
        spec=(_along_numbers if is_number else _along_categories)(points, str(told["predicts"])),
    )


def _place(point: Mapping[str, Any]) -> str:
    """Return where a point is, in words."""
    at = point["at"]
    return f"“{at}”" if isinstance(at, str) else number(at, digits=3)


def _along_numbers(points: list[dict[str, Any]], title: str) -> Spec:
    rows = [{"x": point["at"], "y": point["value"], "low": point["low"], "high": point["high"]} for point in points]
    x, y = quantity("x", None, zero=False, nice=False, tickCount=5), quantity("y", title, zero=False, tickCount=5)
    return {
        "width": WIDTH - 30,
        "height": HEIGHT - 40,
        "data": data(rows),
        "layer": [
            {
                "mark": {"type": "area", "color": color("band"), "opacity": 1},
                "encoding": {"x": x, "y": {**y, "field": "low"}, "y2": {"field": "high"}},
            },
            {"mark": {"type": "line", "color": color("main")}, "encoding": {"x": x, "y": y}},
        ],
    }


def _along_categories(points: list[dict[str, Any]], title: str) -> Spec:
    rows = [{"name": point["at"], "x": point["value"], "low": point["low"], "high": point["high"]} for point in points]
    y = {
        "field": "name",
        "type": "nominal",
        "title": None,
        "sort": [row["name"] for row in rows],
        "axis": {"labelLimit": 130},
    }
    x = quantity("x", title, zero=False, tickCount=4, grid=True)
    return {
        "width": WIDTH - 120,
        "height": {"step": max(18, min(34, (HEIGHT - 40) // max(1, len(rows))))},
        "data": data(rows),
        "layer": [
            {
                "mark": {"type": "rule", "strokeWidth": 6, "color": color("band")},
                "encoding": {"y": y, "x": {**x, "field": "low"}, "x2": {"field": "high"}},
            },
            {
                "mark": {"type": "point", "filled": True, "size": 60, "opacity": 1, "color": color("main")},
                "encoding": {"y": y, "x": x},
            },
        ],
    }


def _bars(rows: list[dict[str, Any]], title: str) -> Spec:
    y = {
        "field": "name",
        "type": "nominal",
        "title": None,
        "sort": [row["name"] for row in rows],
        "axis": {"labelLimit": 140},
    }
    x = quantity("x", title, tickCount=4, grid=True)
    return {
        "width": WIDTH - 110,
        "height": {"step": 20},
        "data": data(rows),
        "layer": [
            {"mark": {"type": "bar", "color": color("main"), "height": 11}, "encoding": {"y": y, "x": x}},
            {
                "mark": {"type": "rule", "color": color("ink"), "strokeWidth": 1.2},
                "encoding": {"y": y, "x": {**x, "field": "low"}, "x2": {"field": "high"}},
            },
        ],
    }
