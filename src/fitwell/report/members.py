"""What the members of a population gained together, and whether their disagreement tells errors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from fitwell.report.picture import HEIGHT, WIDTH, Contents, Picture, Table, data, quantity
from fitwell.report.theme import color
from fitwell.report.words import capital, fixed, interval_text, metric_title, number, percent, places_of

VERDICTS = {
    "better": "more than chance explains",
    "worse": "more than chance explains",
    "not distinguishable": "within what chance explains",
}
BESIDE_DOUBT = {
    "better": "It tells them better than the predicted probability alone",
    "worse": "The predicted probability alone tells them better",
    "not distinguishable": "The predicted probability alone tells them about as well",
}


def members_pictures(contents: Contents) -> Iterator[Picture]:
    """Yield what each member does alone, beside what they do together, and the errors where they disagree."""
    told = (contents.evaluation or {}).get("ensemble")
    if not told:
        return
    yield _gain(told)
    if told["disagreement"]:
        yield _disagreement(told["disagreement"])


def _gain(told: Mapping[str, Any]) -> Picture:
    alone, together, gain = told["alone"], told["together"], told["gain"]
    title = metric_title(told["metric"])
    places = 3 if gain["low"] is None else places_of(gain["low"], gain["high"])
    count = f"{told['members']} members" if len(alone) == told["members"] else f"first {len(alone)} members"
    better = "better" if gain["value"] >= 0 else "worse"
    interval = "" if gain["low"] is None else f" (95 % interval of the gain {interval_text(gain)})"
    return Picture(
        name="members",
        title="What the members do together",
        says=f"Alone the {count} reach {fixed(min(alone), places)} to {fixed(max(alone), places)}; the mean of all "
        f"predictions reaches {fixed(together, places)}, {fixed(abs(gain['value']), places)} {better} than one of them "
        f"on average{interval}, {VERDICTS[told['verdict']]}.",
        reading="Rings are single members, the dot is the mean of their predictions, which is what the network gives."
        + (" Both go through the calibration of the mean." if told["calibrated"] else ""),
        spec=_strip(alone, together, title),
        table=Table(
            header=("predictions", title),
            rows=[
                ("mean of all", fixed(together, places)),
                *((f"member {place}", fixed(value, places)) for place, value in enumerate(alone)),
            ],
        ),
    )


def _disagreement(told: Mapping[str, Any]) -> Picture:
    groups, tells = told["groups"], told["tells_errors"]
    shares = told["verdict"] is not None  # of wrong answers, where there is another answer to doubt

    def text(value: float) -> str:
        return percent(value) if shares else number(value, digits=3)

    first, last = groups[0], groups[-1]
    use = "is no sign of errors here" if (tells["low"] or 0.0) <= 0.5 else "tells errors"
    known = tells["low"] is not None
    between = f" (95 % interval {percent(tells['low'])} to {percent(tells['high'])})" if known else ""
    beside = ""
    if told["verdict"] is not None:
        beside = f" {BESIDE_DOUBT[told['verdict']]} ({percent(told['doubt_tells_errors']['value'])})."
    return Picture(
        name="disagreement",
        title="Errors where the members disagree",
        says=f"Disagreement {use}: the {told['error']} is {text(first['error'])} where they agree most and "
        f"{text(last['error'])} where they disagree most; {told['wrong']} have more of it than others in "
        f"{percent(tells['value'])} of pairs{between}, where 50 % is chance.{beside}",
        reading="Rows in groups of up to a tenth, from agreement (left) to disagreement (right), with 95 % intervals.",
        spec=_points(groups, capital(told["error"]), shares=shares),
        table=Table(
            header=("disagreement", "rows", told["error"], "95 % interval"),
            rows=[
                (
                    number(group["disagreement"], digits=3),
                    f"{group['rows']:,}",
                    text(group["error"]),
                    f"{text(group['low'])} to {text(group['high'])}",
                )
                for group in groups
            ],
        ),
    )


def _strip(alone: Sequence[float], together: float, title: str) -> dict[str, Any]:
    rows = [{"x": value, "name": "alone"} for value in alone]
    y = {"field": "name", "type": "nominal", "title": None, "sort": ["together", "alone"]}
    x = quantity("x", title, zero=False, tickCount=5, grid=True)
    rings = {"type": "point", "filled": False, "size": 80, "strokeWidth": 1.5, "color": color("quiet"), "opacity": 1}
    dot = {"type": "point", "filled": True, "size": 110, "opacity": 1, "color": color("main")}
    return {
        "width": WIDTH - 70,
        "height": {"step": 40},
        "layer": [
            {"data": data([{"x": together, "name": "together"}]), "mark": dot, "encoding": {"x": x, "y": y}},
            {"data": data(rows), "mark": rings, "encoding": {"x": x, "y": y}},
        ],
    }


def _points(groups: Sequence[Mapping[str, Any]], title: str, *, shares: bool) -> dict[str, Any]:
    rows = [
        {"x": group["disagreement"], "y": group["error"], "low": group["low"], "high": group["high"]}
        for group in groups
    ]
    x = quantity("x", "disagreement of the members", nice=False, tickCount=5)
    y = quantity("y", title, tickCount=5, grid=True, **({"format": "%"} if shares else {}))
    line = {"type": "line", "color": color("main"), "strokeWidth": 1.5}
    dot = {"type": "point", "filled": True, "size": 70, "opacity": 1, "color": color("main")}
    return {
        "width": WIDTH,
        "height": HEIGHT,
        "data": data(rows),
        "layer": [
            {
                "mark": {"type": "rule", "strokeWidth": 5, "color": color("band")},
                "encoding": {"x": x, "y": {**y, "field": "low"}, "y2": {"field": "high"}},
            },
            {"mark": line, "encoding": {"x": x, "y": y}},
            {"mark": dot, "encoding": {"x": x, "y": y}},
        ],
    }
