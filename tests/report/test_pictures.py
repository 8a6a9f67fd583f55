"""Pictures are drawn here, readable in both themes, and say in text what they show."""

from __future__ import annotations

import struct
from dataclasses import fields
from typing import Any
from xml.etree import ElementTree

import pytest

from fitwell.report.pictures import THEMES, Colors, Spec, ThemeName, png, svg, themed

BARS: Spec = {
    "description": 'Two bars: "größer & mehr" is twice as long.',
    "width": 100,
    "height": 40,
    "data": {"values": [{"name": "<script>alert(1)</script>", "long": 1}, {"name": "größer & mehr", "long": 2}]},
    "mark": "bar",
    "encoding": {"y": {"field": "name", "type": "nominal"}, "x": {"field": "long", "type": "quantitative"}},
}


def luminance(color: str) -> float:
    """The relative luminance of WCAG 2.2."""
    shares = [int(color[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def test_contrast_is_that_of_the_standard() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)  # the well-known lightest gray that passes


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("role", [field.name for field in fields(Colors) if field.name not in ("background", "line")])
def test_everything_that_is_read_stands_out_from_the_background(theme: ThemeName, role: str) -> None:
    # Labels stand beside marks in the color of the mark, so every color is one of text.
    assert contrast(getattr(THEMES[theme], role), THEMES[theme].background) >= 4.5


def test_a_svg_is_well_formed_whatever_names_hold_and_has_its_description() -> None:
    drawn = svg(themed(BARS, THEMES["light"]))
    root = ElementTree.fromstring(drawn)
    assert (root.get("role"), root.get("aria-label")) == ("img", BARS["description"])
    texts = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {"<script>alert(1)</script>", "größer & mehr"} <= set(texts)
    assert "<script>" not in drawn


def test_a_png_has_the_size_that_was_asked_for() -> None:
    small, large = (png(themed(BARS, THEMES["dark"]), sharpness=sharpness) for sharpness in (1.0, 2.0))
    widths = [struct.unpack(">I", drawn[16:20])[0] for drawn in (small, large)]
    assert small[:8] == b"\x89PNG\r\n\x1a\n"
    assert widths[1] == pytest.approx(2 * widths[0], abs=1)


def test_the_same_specification_is_drawn_the_same() -> None:
    spec = themed(BARS, THEMES["light"])
    assert svg(spec) == svg(spec)
    assert png(spec) == png(spec)


def test_a_picture_fetches_nothing() -> None:
    remote: dict[str, Any] = {**BARS, "data": {"url": "https://example.invalid/rows.csv"}}
    with pytest.raises(ValueError, match=r"example\.invalid"):
        svg(themed(remote, THEMES["light"]))


def test_what_a_specification_configures_itself_wins_part_by_part() -> None:
    spec = themed({"config": {"axis": {"grid": False}, "padding": 0}}, THEMES["dark"])
    assert spec["config"]["padding"] == 0
    assert spec["config"]["axis"]["grid"] is False
    assert spec["config"]["axis"]["labelColor"] == THEMES["dark"].quiet
    assert spec["background"] == THEMES["dark"].background
