"""One theme for every picture and page: a few roles, each with a color on light and on dark paper.

A picture is drawn in the light colors. On a page each of them is replaced by the name of its role, so that one drawing
follows the reader's theme; no two roles may therefore share a color. Series stay apart for people who see few hues:
they differ in lightness too, and never by red against green alone.
"""

from __future__ import annotations

from typing import Any

LIGHT: dict[str, str] = {
    "paper": "#ffffff",
    "panel": "#f5f6f8",
    "ink": "#1c2127",
    "soft": "#565f6a",  # what explains: axis labels, captions
    "line": "#8b939d",
    "grid": "#e6e8ec",
    "quiet": "#69717c",  # what the network stands beside
    "main": "#0a5ca8",  # the network
    "second": "#b8480b",
    "third": "#087a63",
    "fourth": "#8b4a9c",
    "fifth": "#7d6608",
    "sixth": "#22748a",
    "band": "#c9ddf2",
    "good": "#0b7a55",
    "bad": "#b3261e",
    "wary": "#8a5a00",
    "ramp1": "#eef4fa",
    "ramp2": "#d0e1f2",
    "ramp3": "#a6c8e4",
    "ramp4": "#70a7d3",
    "ramp5": "#3173ad",
    "ramp6": "#175f9e",
    "ramp7": "#073b73",
}
DARK: dict[str, str] = {
    "paper": "#14171b",
    "panel": "#1d2126",
    "ink": "#eceef1",
    "soft": "#a9b1bb",
    "line": "#6f7883",
    "grid": "#2b3037",
    "quiet": "#8f98a3",
    "main": "#6db3f8",
    "second": "#f39a5f",
    "third": "#45c9a8",
    "fourth": "#cf9be0",
    "fifth": "#d8bd4a",
    "sixth": "#7ccbe0",
    "band": "#1f3f61",
    "good": "#4fcf9e",
    "bad": "#ff8f86",
    "wary": "#e9b54d",
    "ramp1": "#1c2836",
    "ramp2": "#1d3a57",
    "ramp3": "#20507b",
    "ramp4": "#2b6ba5",
    "ramp5": "#4b8fcb",
    "ramp6": "#85b9e8",
    "ramp7": "#cfe4fa",
}
SERIES = ("main", "second", "third", "fourth", "fifth", "sixth")  # lines that are told apart, in this order
RAMP = tuple(f"ramp{step}" for step in range(1, 8))  # from little to much
FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif'


def color(role: str) -> str:
    """Return the color in which a role is drawn.

    >>> color("main")
    '#0a5ca8'
    """
    return LIGHT[role]


def series_color(place: int) -> str:
    """Return the color of one of several lines; they repeat after the sixth."""
    return color(SERIES[place % len(SERIES)])


CONFIG: dict[str, Any] = {
    "background": color("paper"),
    "font": FONT,
    "aria": False,  # each picture is one image with one sentence; its single marks are not read out
    "padding": 4,
    "view": {"stroke": None},
    "axis": {
        "domainColor": color("line"),
        "tickColor": color("line"),
        "gridColor": color("grid"),
        "labelColor": color("soft"),
        "titleColor": color("soft"),
        "labelFontSize": 12,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
        "labelPadding": 4,
        "tickSize": 4,
        "labelLimit": 150,
    },
    "axisX": {"grid": False, "titlePadding": 6},
    "axisY": {
        "domain": False,
        "ticks": False,
        "titleAngle": 0,
        "titleAlign": "left",
        "titleAnchor": "end",
        "titleY": -9,
    },
    "legend": {
        "labelColor": color("soft"),
        "titleColor": color("soft"),
        "labelFontSize": 12,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
        "orient": "top",
        "direction": "horizontal",
        "symbolStrokeWidth": 2.5,
        "labelLimit": 130,
        "columnPadding": 12,
        "offset": 26,  # above the title of the axis
    },
    "line": {"strokeWidth": 2},
    "rule": {"color": color("line")},
    "text": {"fontSize": 12, "color": color("ink"), "font": FONT},
}
