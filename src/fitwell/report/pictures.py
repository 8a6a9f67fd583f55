"""Pictures are Vega-Lite specifications in plain values; they are drawn here, without a browser and without a network.

A specification is made for one theme: whoever makes it takes the theme's `Colors`, and `themed` gives it the type and
the lines that all pictures share.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from xml.sax.saxutils import quoteattr

from fitwell.errors import RequestError
from fitwell.files import replace_atomically
from fitwell.report.drawing_process import THE_PROCESS
from fitwell.report.theme import DARK, FONT, LIGHT

Spec = dict[str, Any]
ThemeName = Literal["light", "dark"]

SHARPNESS = 2.0  # pixels of a PNG for each unit of its specification


@dataclass(frozen=True, kw_only=True)
class Colors:
    """The colors of one theme: text stands out from the background by 4.5 to 1, marks by 3 to 1 (WCAG 2.2)."""

    background: str
    text: str
    quiet: str  # text that explains
    line: str  # of the grid: felt rather than seen
    accent: str  # what the picture is about
    second: str  # what it is compared with
    better: str  # these three also differ for who cannot tell red from green
    worse: str
    even: str


def _colors(theme: Mapping[str, str]) -> Colors:
    return Colors(
        background=theme["paper"],
        text=theme["ink"],
        quiet=theme["soft"],
        line=theme["grid"],
        accent=theme["main"],
        second=theme["second"],
        better=theme["good"],
        worse=theme["bad"],
        even=theme["quiet"],
    )


THEMES: dict[ThemeName, Colors] = {"light": _colors(LIGHT), "dark": _colors(DARK)}


def themed(spec: Mapping[str, Any], colors: Colors) -> Spec:
    """Return the specification with the type, lines and colors of a theme; its own `config` wins, part by part."""
    config = _config(colors)
    for part, values in spec.get("config", {}).items():
        config[part] = {**config.get(part, {}), **values} if isinstance(values, dict) else values
    return {**spec, "background": colors.background, "config": config}


def svg(spec: Spec) -> str:
    """Return the picture as SVG; text stays text, and the specification's `description` its alternative."""
    drawn = THE_PROCESS.drawn("svg", spec).decode()
    told = f'<svg role="img" aria-label={quoteattr(spec["description"])} ' if "description" in spec else "<svg "
    return told + drawn.removeprefix("<svg ")  # vl-convert leaves the description out


def png(spec: Spec, *, sharpness: float = SHARPNESS) -> bytes:
    """Return the picture as PNG."""
    return THE_PROCESS.drawn("png", spec, sharpness=sharpness)


def write_picture(spec: Spec, path: str | Path) -> None:
    """Draw the picture into a file whose name ends in .svg or .png.

    Raises:
        RequestError: the name ends otherwise. SurroundingsError: the file cannot be written.
    """
    drawn = DRAWN.get(Path(path).suffix.lower())
    if drawn is None:
        known = ", ".join(DRAWN)
        raise RequestError(f'a picture is written as one of {known}, but "{path}" ends otherwise; choose one of these')
    replace_atomically(path, drawn(spec))


DRAWN: dict[str, Callable[[Spec], bytes]] = {".svg": lambda spec: svg(spec).encode(), ".png": png}


def _config(colors: Colors) -> Spec:
    quiet = {"labelColor": colors.quiet, "titleColor": colors.quiet}
    title = {"color": colors.text, "subtitleColor": colors.quiet}
    return {
        "font": FONT,
        "padding": 16,
        "view": {"stroke": None},
        "axis": {
            **quiet,
            "labelFontSize": 12,
            "titleFontSize": 12,
            "titleFontWeight": "normal",
            "titlePadding": 8,
            "gridColor": colors.line,
            "domain": False,
            "ticks": False,
            "labelPadding": 8,
        },
        "legend": {**quiet, "labelFontSize": 12, "titleFontSize": 12, "titleFontWeight": "normal"},
        "title": {
            **title,
            "anchor": "start",
            "fontSize": 16,
            "fontWeight": 600,
            "subtitleFontSize": 12,
            "subtitlePadding": 6,
            "offset": 12,
        },
        "text": {"color": colors.text, "fontSize": 12},
        "line": {"color": colors.accent, "strokeWidth": 2},
        "rule": {"color": colors.quiet},
        "point": {"color": colors.accent, "filled": True},
        "bar": {"color": colors.accent},
    }
