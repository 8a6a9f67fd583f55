"""The picture of a comparison: each run's own figure, how far it is from the first, and the verdict in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fitwell.report.pictures import Colors, Spec, themed

ROW = 48  # height of a run
FIGURES, DIFFERENCES, WORDS = 220, 300, 150  # widths of the three parts
LONGEST = 32  # letters of a name that are shown
MARGIN = 0.08  # of the range of differences, left free on both sides
ROLES = {"better": "better", "worse": "worse", "not distinguishable": "even"}  # of colors, by verdict
JOINED = {"better": "better than", "worse": "worse than", "not distinguishable": "not distinguishable from"}


def comparison_picture(values: Mapping[str, Any], colors: Colors) -> Spec:
    """Return the specification for what `fitwell compare --json` prints."""
    runs, metric = values["runs"], values["metric"]
    way = "higher" if values["higher_is_better"] else "lower"
    at_once = "; those of the differences hold all at once" if len(runs) > 2 else ""
    y = _names([run["name"] for run in runs], colors)
    return themed(
        {
            "description": described(values),
            "title": {
                "text": f"{metric} of {len(runs)} runs on the same {values['rows']:,} {values['part']} rows",
                "subtitle": [
                    f"{values['source']}; {way} {metric} is better",
                    f"lines are {100 * values['confidence']:g} % intervals{at_once}",
                ],
            },
            "data": {"values": [_row(run, values["decimals"]) for run in runs]},
            "spacing": 24,
            "hconcat": [part(values, y, colors) for part in (_figures, _differences, _words)],
        },
        colors,
    )


def described(values: Mapping[str, Any]) -> str:
    """Return in words what the picture shows."""
    first, *others = values["runs"]
    told = "; ".join(
        f"{run['name']} is {JOINED[run['verdict']]} {first['name']} ({_difference_text(run, values['decimals'])})"
        for run in others
    )
    return f"{values['metric']} on {values['rows']:,} rows: {told}."


def _row(run: Mapping[str, Any], decimals: int) -> dict[str, Any]:
    figure, difference = run["figure"], run["difference"] or {}
    return {
        "name": run["name"],
        "value": figure["value"],
        "low": figure["low"],
        "high": figure["high"],
        "value_text": "" if figure["value"] is None else f"{figure['value']:,.{decimals}f}",
        "difference": difference.get("value"),
        "difference_low": difference.get("low"),
        "difference_high": difference.get("high"),
        "difference_text": _difference_text(run, decimals),
        "verdict": run["verdict"],
        "words": run["verdict"] or "reference",
    }


def _difference_text(run: Mapping[str, Any], decimals: int) -> str:
    difference = run["difference"]
    if difference is None:
        return ""
    if difference["value"] is None:
        return "no value"
    if difference["low"] is None:
        return signed(difference["value"], decimals)
    value, low, high = (signed(difference[name], decimals) for name in ("value", "low", "high"))
    return f"{value} ({low} to {high})"


def signed(value: float, decimals: int) -> str:
    """Return a difference with its sign, and with a minus as long as a plus.

    >>> signed(-0.01234, 3), signed(0.0, 1), signed(-0.0001, 2)
    ('−0.012', '0.0', '0.00')
    """
    text = f"{abs(value):,.{decimals}f}"
    if not any(digit in "123456789" for digit in text):
        return text
    return ("+" if value > 0 else "−") + text


def _figures(values: Mapping[str, Any], y: Spec, colors: Colors) -> Spec:
    metric, first = values["metric"], values["runs"][0]["figure"]["value"]
    axis = {"tickCount": 4, "labelFlush": False}
    x = {"field": "value", "type": "quantitative", "title": metric, "scale": {"zero": False}, "axis": axis}
    encoding = {"y": y, "x": x}
    text, told = {"type": "text", "dy": -14, "fontWeight": 600}, {**encoding, "text": {"field": "value_text"}}
    return {
        "width": FIGURES,
        "height": ROW * len(values["runs"]),
        "layer": [
            _line_at(first, {"color": colors.quiet, "strokeDash": [2, 3], "strokeWidth": 1}),
            _interval(encoding, "low", "high", {"color": colors.accent}),
            {"mark": {"type": "point", "size": 70, "opacity": 1}, "encoding": encoding},
            {"mark": {**text, "stroke": colors.background, "strokeWidth": 4}, "encoding": told},  # over the lines
            {"mark": text, "encoding": told},
        ],
    }


def _differences(values: Mapping[str, Any], y: Spec, colors: Colors) -> Spec:
    what = "difference from" if values["higher_is_better"] else "gain over"
    title = f"← worse  ·  {what} {values['runs'][0]['name']}  ·  better →"
    signed = "datum.value === 0 ? '0' : format(datum.value, '+~g')"
    axis = {"tickCount": 5, "labelExpr": signed, "labelFlush": False}
    x = {
        "field": "difference",
        "type": "quantitative",
        "title": title,
        "axis": axis,
        "scale": _around_zero(values["runs"]),
    }
    encoding = {"y": {**y, "axis": None}, "x": x, "color": _verdict_colors(colors)}
    return {
        "width": DIFFERENCES,
        "height": ROW * len(values["runs"]),
        "layer": [
            _line_at(0, {"color": colors.text, "strokeWidth": 1}),
            _interval(encoding, "difference_low", "difference_high", {}),
            {"mark": {"type": "point", "size": 90, "opacity": 1}, "encoding": encoding},
        ],
    }


def _around_zero(runs: Sequence[Mapping[str, Any]]) -> Spec:
    """Return a scale that has 0 and every interval well inside."""
    differences = [run["difference"] for run in runs if run["difference"] is not None]
    ends = [each[name] for each in differences for name in ("value", "low", "high") if each[name] is not None]
    low, high = min(0, *ends, 0), max(0, *ends, 0)
    margin = MARGIN * ((high - low) or 1)
    return {"domain": [low - margin, high + margin], "nice": False}


def _words(values: Mapping[str, Any], y: Spec, colors: Colors) -> Spec:
    text = {"type": "text", "align": "left", "x": 0}
    reference = {"test": "datum.verdict === null", "value": colors.quiet}
    encoding = {"y": {**y, "axis": None}}
    return {
        "width": WORDS,
        "height": ROW * len(values["runs"]),
        "layer": [
            {
                "mark": {**text, "dy": {"expr": "datum.verdict === null ? 0 : -8"}, "fontWeight": 600},
                "encoding": {
                    **encoding,
                    "text": {"field": "words"},
                    "color": {"condition": reference, **_verdict_colors(colors)},
                },
            },
            {
                "mark": {**text, "dy": 9, "color": colors.quiet, "fontSize": 11},
                "encoding": {**encoding, "text": {"field": "difference_text"}},
            },
        ],
    }


def _line_at(value: float | None, mark: Spec) -> Spec:
    """Return a vertical line; none where there is no value."""
    return {
        "data": {"values": [] if value is None else [{"at": value}]},
        "mark": {"type": "rule", **mark},
        "encoding": {"x": {"field": "at", "type": "quantitative"}},
    }


def _interval(encoding: Spec, low: str, high: str, mark: Spec) -> Spec:
    return {
        "mark": {"type": "rule", "strokeWidth": 3, "strokeCap": "round", "opacity": 0.55, **mark},
        "encoding": {**encoding, "x": {**encoding["x"], "field": low}, "x2": {"field": high}},
    }


def _names(names: list[str], colors: Colors) -> Spec:
    # What tells runs apart is mostly at the end of their names.
    ending = f"length(datum.label) > {LONGEST} ? '…' + slice(datum.label, {1 - LONGEST}) : datum.label"
    look = {"labelColor": colors.text, "labelFontSize": 13, "labelLimit": 0, "labelExpr": ending}
    axis = {"title": None, "grid": False, **look}
    return {"field": "name", "type": "nominal", "scale": {"domain": names}, "axis": axis}


def _verdict_colors(colors: Colors) -> Spec:
    scale = {"domain": list(ROLES), "range": [getattr(colors, role) for role in ROLES.values()]}
    return {"field": "verdict", "type": "nominal", "scale": scale, "legend": None}
