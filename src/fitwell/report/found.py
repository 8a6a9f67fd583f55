"""What was found wrong, as a page words and draws it: the gravest first, moments in curves, effects of remedies."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from fitwell.doctor.finding import in_words
from fitwell.report.picture import WIDTH, Contents, Picture, Table, data, quantity
from fitwell.report.theme import color
from fitwell.report.words import capital, interval_text, metric_title, number, value_text

MOMENTS = 3  # marked in a picture, at most
EFFECTS = 12  # remedies drawn, at most
ORDER = {"critical": 0, "warning": 1, "info": 2}


def findings_shown(findings: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return findings as a page words them, the gravest first, what was refuted last."""
    return [
        {
            "severity": str(each.get("severity", "info")),
            "status": str(each.get("status", "")),
            "title": symptom_title(each),
            "text": _sentence(str(each.get("explanation", ""))),
            "remedies": [
                _sentence(_without_try(str(remedy["change"]["text"]))) + _effect(remedy)
                for remedy in each.get("remedies", [])
            ],
            "evidence": [
                (name.replace("_", " "), _cell(value)) for name, value in (each.get("evidence") or {}).items()
            ],
        }
        for each in ranked(findings)
    ]


def ranked(findings: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return findings the gravest first, refuted ones last; equal ones in the order in which they were found."""
    return sorted(
        findings, key=lambda each: (each.get("status") == "refuted", ORDER.get(str(each.get("severity")), len(ORDER)))
    )


def symptom_title(finding: Mapping[str, Any]) -> str:
    """Return a symptom in words.

    >>> symptom_title({"symptom": "dead_units"})
    'Dead units'
    """
    return in_words(str(finding.get("symptom", ""))).capitalize()


def noted_moments(findings: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return where the gravest findings began, for the marks of a picture over time; later ones have no mark.

    >>> noted_moments([{"symptom": "overfitting", "since": "epoch 7"}, {"symptom": "one_class", "since": "data"}])
    [{'x': 7.0, 't': 'overfitting'}]
    """
    found = []
    for each in ranked(findings):
        told = re.fullmatch(r"(?:epoch|step) (\d+)", str(each.get("since", "")))
        if told and each.get("status") != "refuted":
            found.append({"x": float(told[1]), "t": symptom_title(each).lower()})
    return found[:MOMENTS]


def effect_pictures(contents: Contents) -> Iterator[Picture]:
    """Yield what each remedy that was tried brought, with its interval."""
    tried = [
        (symptom_title(each).lower(), remedy)
        for each in ranked(contents.findings)
        for remedy in each.get("remedies", [])
        if remedy.get("effect") is not None
    ][:EFFECTS]
    if not tried:
        return
    metric = ((contents.evaluation or {}).get("primary") or {}).get("metric")
    unit = metric_title(str(metric)) if metric else "the figure that decides"
    rows: list[dict[str, Any]] = [
        {
            "n": f"{capital(str(remedy['change']['text']))} ({symptom})",
            "v": float(remedy["effect"]),
            "l": float(remedy["effect"] if remedy.get("low") is None else remedy["low"]),
            "h": float(remedy["effect"] if remedy.get("high") is None else remedy["high"]),
        }
        for symptom, remedy in tried
    ]
    best = max(rows, key=lambda row: row["v"])
    names = [row["n"] for row in rows]
    y = {"field": "n", "type": "nominal", "sort": names, "axis": None}
    x = quantity("v", f"gain in {unit}", tickCount=4)
    yield Picture(
        name="effects",
        title="What remedies brought",
        says=f"{best['n']} brought most: a gain of {number(best['v'], digits=2)} in {unit}.",
        reading="Each was tried out in trainings that differ in it alone. The line is the 95 % interval: where it "
        "touches 0, the gain may be chance.",
        spec={
            "width": WIDTH,
            "height": {"step": 42},
            "layer": [
                {"data": data([{"v": 0}]), "mark": {"type": "rule"}, "encoding": {"x": x}},
                {
                    "data": data(rows),
                    "mark": {"type": "bar", "height": 10, "yOffset": 8, "color": color("band")},
                    "encoding": {"x": x, "y": y},
                },
                {
                    "data": data(rows),
                    "mark": {"type": "rule", "yOffset": 8, "y2Offset": 8, "strokeWidth": 2, "color": color("main")},
                    "encoding": {"x": {**x, "field": "l"}, "x2": {"field": "h"}, "y": y},
                },
                {
                    "data": data(rows),
                    "mark": {"type": "text", "align": "left", "x": 0, "dy": -8, "limit": WIDTH},
                    "encoding": {"y": y, "text": {"field": "n"}},
                },
            ],
        },
        table=Table(
            header=("remedy", "gain", "from", "to"),
            rows=[[row["n"], *(number(row[name], digits=3) for name in "vlh")] for row in rows],
        ),
    )


def _effect(remedy: Mapping[str, Any]) -> str:
    value = remedy.get("effect")
    if value is None:
        return ""
    figure = {"value": value, "low": remedy.get("low"), "high": remedy.get("high")}
    return f" Tried out, it gained {value_text(figure)} ({interval_text(figure)})."


def _without_try(text: str) -> str:
    """Return what is to be tried without the word, which the page says.

    >>> _without_try("try a tenth of the rate"), _without_try("stop early")
    ('a tenth of the rate', 'stop early')
    """
    return text.removeprefix("try ")


def _sentence(text: str) -> str:
    text = text.strip()
    return capital(text) + ("" if text.endswith((".", "!", "?")) else ".") if text else ""


def _cell(value: object) -> str:
    return number(value) if isinstance(value, int | float) and not isinstance(value, bool) else str(value)
