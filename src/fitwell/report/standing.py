"""Where the network stands beside the simple models."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from fitwell.report.picture import WIDTH, Contents, Picture, Table, data, quantity
from fitwell.report.theme import color
from fitwell.report.words import capital, fixed, metric_title, model_title, places_of

NETWORK = "network"
VERDICTS = {
    "better": "the network is better",
    "worse": "the network is worse",
    "not distinguishable": "no clear difference",
}


def standing_pictures(contents: Contents) -> Iterator[Picture]:
    """Yield the figure that decides, for the network and each simple model, with its interval."""
    evaluation = contents.evaluation
    if evaluation is None or not evaluation.get("baselines"):
        return
    figures = standing(contents)
    metric = evaluation["primary"]["metric"]
    known = {name: figure for name, figure in figures.items() if figure.get("value") is not None}
    if NETWORK not in known:
        return
    places = common_places(figures)
    verdicts = {
        model_title(name, task=contents.task): f" · {verdict_text(beside)}"
        for name, beside in evaluation["baselines"].items()
    }
    rows = [
        {
            "name": name,
            "x": figure["value"],
            "low": figure["value"] if figure["low"] is None else figure["low"],
            "high": figure["value"] if figure["high"] is None else figure["high"],
            "own": name == NETWORK,
            "text": fixed(figure["value"], places) + verdicts.get(name, ""),
        }
        for name, figure in known.items()
    ]
    yield Picture(
        name="standing",
        title=f"{capital(metric_title(metric))} beside simple models",
        table=standing_table(contents),
        says="; ".join(f"{name} {fixed(figure['value'], places)}" for name, figure in known.items()) + ".",
        reading="Dots are the figures on the same rows, lines their 95 % intervals. Overlapping lines can still "
        "differ: the verdicts compare row by row.",
        spec=_intervals(rows, metric_title(metric)),
    )


def standing(contents: Contents) -> dict[str, Mapping[str, Any]]:
    """Return the figure that decides for the network and for each simple model, by their names in words."""
    evaluation = contents.evaluation
    assert evaluation is not None
    metric = evaluation["primary"]["metric"]
    figures = {NETWORK: evaluation["metrics"].get(metric) or {}}
    for name, beside in evaluation.get("baselines", {}).items():
        figures[model_title(name, task=contents.task)] = beside["metrics"].get(metric) or {}
    return figures


def standing_table(contents: Contents) -> Table | None:
    """Return the same as a table, with the verdicts."""
    evaluation = contents.evaluation
    if evaluation is None or not evaluation.get("baselines"):
        return None
    metric = evaluation["primary"]["metric"]
    places = common_places(standing(contents))
    rows = [[NETWORK, *_figure_cells(evaluation["metrics"].get(metric) or {}, places), "", ""]]
    for name, beside in evaluation["baselines"].items():
        gain = (beside.get("difference") or {}).get("value")
        rows.append(
            [
                model_title(name, task=contents.task),
                *_figure_cells(beside["metrics"].get(metric) or {}, places),
                "–" if gain is None else ("+" if gain > 0 else "") + fixed(gain, places),
                verdict_text(beside),
            ]
        )
    return Table(header=("model", metric_title(metric), "95 % interval", "network's gain", "verdict"), rows=rows)


def verdict_text(beside: Mapping[str, Any]) -> str:
    """Return the verdict on the network against a simple model, in words."""
    if (beside.get("difference") or {}).get("value") is None:
        return "not comparable"
    return VERDICTS.get(beside["verdict"], str(beside["verdict"]))


def common_places(figures: Mapping[str, Mapping[str, Any]]) -> int:
    """Return the decimals in which figures are compared: those that the network's interval supports."""
    own = figures[NETWORK]
    low, high = own.get("low"), own.get("high")
    return 3 if low is None or high is None else places_of(low, high)


def _figure_cells(figure: Mapping[str, Any], places: int) -> list[str]:
    value, low, high = (figure.get(name) for name in ("value", "low", "high"))
    if value is None:
        return ["–", ""]
    return [
        fixed(value, places),
        "" if low is None or high is None else f"{fixed(low, places)} to {fixed(high, places)}",
    ]


def _intervals(rows: list[dict[str, Any]], title: str) -> dict[str, Any]:
    names = [row["name"] for row in rows]
    y = {"field": "name", "type": "nominal", "title": None, "sort": names, "axis": {"labelLimit": 170}}
    paint = {"condition": {"test": "datum.own", "value": color("main")}, "value": color("quiet")}
    x = quantity("x", title, zero=False, tickCount=5, grid=True)
    middle = (min(row["low"] for row in rows) + max(row["high"] for row in rows)) / 2
    return {
        "width": WIDTH - 60,
        "height": {"step": 38},
        "data": data(rows),
        "layer": [
            {
                "mark": {"type": "rule", "strokeWidth": 3, "strokeCap": "round"},
                "encoding": {"x": {**x, "field": "low"}, "x2": {"field": "high"}, "y": y, "color": paint},
            },
            {
                "mark": {"type": "point", "filled": True, "size": 90, "opacity": 1},
                "encoding": {"x": x, "y": y, "color": paint},
            },
            *(
                {
                    "data": data([row for row in rows if (row["x"] > middle) == is_right]),
                    "mark": {"type": "text", "dy": -12, "dx": shift, "align": side},
                    "encoding": {"x": x, "y": y, "text": {"field": "text"}, "color": paint},
                }
                for side, is_right, shift in (("left", False, -4), ("right", True, 18))
            ),
        ],
    }
