"""The picture of a comparison says what the comparison says, in both themes and whatever the runs are called."""

from __future__ import annotations

import re
from typing import Any
from xml.etree import ElementTree

import pytest

from fitwell.report.comparison import comparison_picture, described
from fitwell.report.pictures import THEMES, ThemeName, svg

INTERVALS = {
    "better": (0.02, 0.01, 0.03),
    "not distinguishable": (0.001, -0.004, 0.006),
    "worse": (-0.02, -0.03, -0.01),
}


def figure(value: float | None, low: float | None, high: float | None) -> dict[str, Any]:
    return {"value": value, "low": low, "high": high, "method": "told"}


def values(*verdicts: str, names: list[str] | None = None) -> dict[str, Any]:
    """What `fitwell compare --json` says of a first run and of others with these verdicts."""
    names = names or [f"run-{place}" for place in range(len(verdicts) + 1)]
    runs = [{"name": names[0], "figure": figure(0.8, 0.75, 0.85), "difference": None, "verdict": None}]
    for name, verdict in zip(names[1:], verdicts, strict=True):
        difference = figure(*INTERVALS[verdict])
        shifted = figure(*(0.8 + end for end in INTERVALS[verdict]))
        runs.append({"name": name, "figure": shifted, "difference": difference, "verdict": verdict})
    return {
        "metric": "roc_auc",
        "higher_is_better": True,
        "rows": 1234,
        "part": "test",
        "source": "t.csv",
        "confidence": 0.95,
        "decimals": 3,
        "runs": runs,
    }


def drawn(told: dict[str, Any], theme: ThemeName = "light") -> ElementTree.Element:
    return ElementTree.fromstring(svg(comparison_picture(told, THEMES[theme])))


def texts(picture: ElementTree.Element) -> list[str]:
    return ["".join(element.itertext()) for element in picture.iter() if element.tag.endswith(("}text", "}tspan"))]


def places(picture: ElementTree.Element, role: str) -> list[tuple[float, float]]:
    """Where the marks with a label of this kind stand, within their part of the picture."""
    found = []
    for element in picture.iter():
        if element.get("aria-roledescription") == role:
            place = re.match(r"translate\(([-\d.]+),([-\d.]+)\)", element.get("transform", ""))
            assert place is not None
            found.append((float(place[1]), float(place[2])))
    return found


@pytest.mark.parametrize("theme", THEMES)
def test_every_verdict_stands_in_words_and_in_its_color(theme: ThemeName) -> None:
    colors = THEMES[theme]
    picture = drawn(values("better", "not distinguishable", "worse"), theme)
    said = {"".join(each.itertext()): each.get("fill") for each in picture.iter() if each.tag.endswith("}text")}
    assert said["better"] == colors.better
    assert said["not distinguishable"] == colors.even
    assert said["worse"] == colors.worse
    assert said["reference"] == colors.quiet
    assert said["−0.020 (−0.030 to −0.010)"] == colors.quiet
    assert said["+0.001 (−0.004 to +0.006)"] == colors.quiet
    assert {"run-0", "run-3", "0.800", "0.820"} <= set(said)


def test_the_order_of_the_dots_is_that_of_the_differences_and_zero_lies_between() -> None:
    picture = drawn(values("better", "not distinguishable", "worse"))
    circles = places(picture, "point")
    figures, differences = circles[:4], circles[4:]
    assert len(differences) == 3
    better, even, worse = differences
    assert worse[0] < even[0] < better[0]
    assert [y for _, y in differences] == [y for _, y in figures[1:]]
    # the scale is even, so 0 lies where the three dots say: value v at x = x0 + v * scale
    scale = (better[0] - worse[0]) / 0.04
    zero = better[0] - 0.02 * scale
    assert any(x == pytest.approx(zero, abs=0.5) for x, _ in places(picture, "rule mark"))


def test_names_are_text_whatever_they_hold() -> None:
    names = ["<script>alert(1)</script>", "a & b", '"quoted"']
    picture = drawn(values("better", "worse", names=names))
    assert set(names) <= set(texts(picture))
    assert picture.get("aria-label") == described(values("better", "worse", names=names))


def test_of_a_long_name_the_end_is_shown() -> None:
    names = [f"{'experiments/' * 9}dropout-{place}" for place in range(2)]
    said = texts(drawn(values("better", names=names)))
    assert {f"…{name[-31:]}" for name in names} <= set(said)


def test_what_has_no_value_or_no_interval_is_drawn_in_words() -> None:
    told = values("not distinguishable", "worse")
    told["runs"][1] |= {"figure": figure(None, None, None), "difference": figure(None, None, None)}
    told["runs"][2]["difference"] = figure(-0.02, None, None)
    said = texts(drawn(told))
    assert said.count("no value") == 1
    assert "run-1" in said
    assert "−0.020" in said


def test_the_description_says_the_verdicts() -> None:
    assert described(values("better", "not distinguishable")) == (
        "roc_auc on 1,234 rows: run-1 is better than run-0 (+0.020 (+0.010 to +0.030)); "
        "run-2 is not distinguishable from run-0 (+0.001 (−0.004 to +0.006))."
    )


def test_a_loss_is_told_as_a_gain() -> None:
    said = texts(drawn(values("better") | {"metric": "log_loss", "higher_is_better": False}))
    assert "← worse · gain over run-0 · better →" in [" ".join(text.split()) for text in said]
