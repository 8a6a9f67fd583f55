"""What single predictions rest on, as a page: bars for columns; pictures, sounds, series and texts in colored parts."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import numpy as np

from fitwell.data.pictures import png_bytes
from fitwell.explanation import Explanations
from fitwell.explanation.single import Explained, Regions, Words
from fitwell.report.page import rendered
from fitwell.report.picture import WIDTH, Picture, Spec, Table, data, quantity
from fitwell.report.theme import color
from fitwell.report.words import capital, listed, number

BARS = 12  # columns drawn of each row; all are in the table
SIDE = 280  # of a picture, in CSS pixels
TALL = 140  # of a series
WITHOUT = {"image": "the average picture", "audio": "silence", "series": "the average series"}
STRENGTHS = 6  # of the color of words
FAINT = 0.02  # of the largest part: less is not colored, and what sampling left unsure is not


def predictions_page(found: Explanations, *, run: str, data: str) -> bytes:
    """Return a page that shows what each prediction rests on; it needs nothing else."""
    return rendered(
        "predictions.html",
        run=run,
        data=data,
        found=found,
        has_columns=any(len(row.shares) > 1 for row in found.rows),
        has_regions=any(row.regions or row.texts for row in found.rows),
        rows=[_row(row, found.about) for row in found.rows],
        number=number,
    )


def _row(row: Explained, about: str) -> dict[str, Any]:
    return {
        "title": f"Row {row.row + 1:,}: {row.prediction}",
        "says": f"{capital(about)}: {number(row.value)}; for the rows compared with, {number(row.average)} on average.",
        "pictures": list(_bars(row)),
        "regions": [_drawn(regions) for regions in row.regions],
        "texts": [_colored(words) for words in row.texts],
    }


def _bars(row: Explained) -> Iterator[Picture]:
    if len(row.shares) < 2:
        return
    shown = row.shares[:BARS]
    rows = [
        {"name": f"{share.column} = {share.cell}" if share.cell else share.column, "x": share.value, "low": share.low,
         "high": share.high, "sign": "up" if share.value >= 0 else "down"}
        for share in shown
    ]  # fmt: skip
    first = listed([f"“{share.column}”" for share in shown[:3]])
    yield Picture(
        name=f"row-{row.row + 1}",
        title="Its columns",
        says=f"Most comes from {first}. All of them add up to {number(row.value - row.average)}.",
        reading="",
        spec=_spec(rows),
        table=Table(
            header=("column", "cell", "moves it by", "95 % interval"),
            rows=[
                [share.column, share.cell, number(share.value), f"{number(share.low)} to {number(share.high)}"]
                for share in row.shares
            ],
        ),
    )


def _spec(rows: list[dict[str, Any]]) -> Spec:
    y = {"field": "name", "type": "nominal", "title": None, "sort": [row["name"] for row in rows],
         "axis": {"labelLimit": 190}}  # fmt: skip
    x = quantity("x", "moves the prediction by", tickCount=4, grid=True)
    ways = {"field": "sign", "type": "nominal", "legend": None,
            "scale": {"domain": ["up", "down"], "range": [color("main"), color("second")]}}  # fmt: skip
    return {
        "width": WIDTH - 60,
        "height": {"step": 20},
        "data": data(rows),
        "layer": [
            {"mark": {"type": "bar", "height": 11}, "encoding": {"y": y, "x": x, "color": ways}},
            {
                "mark": {"type": "rule", "color": color("ink"), "strokeWidth": 1.2},
                "encoding": {"y": y, "x": {**x, "field": "low"}, "x2": {"field": "high"}},
            },
        ],
    }


def _drawn(regions: Regions) -> dict[str, Any]:
    """Return a picture or a series with a colored field for each part, in the units of its drawing."""
    largest = float(np.abs(regions.values).max()) or 1.0
    sure = np.abs(regions.values) > np.maximum(regions.half_widths, FAINT * largest)
    parts = np.atleast_2d(np.where(sure, regions.values, 0.0))
    height, width = (regions.array.shape[0], regions.array.shape[1]) if regions.kind != "series" else (TALL, SIDE)
    scale = SIDE / max(height, width)
    tall, wide = height * scale, width * scale
    down, across = _edges(parts.shape[0], tall), _edges(parts.shape[1], wide)
    fields = [
        {"x": across[column], "y": down[line], "width": across[column + 1] - across[column],
         "height": down[line + 1] - down[line], "way": "for" if value > 0 else "against",
         "strength": round(0.7 * abs(value) / largest, 3)}
        for line, values in enumerate(parts.tolist()) for column, value in enumerate(values)
        if value
    ]  # fmt: skip
    return {
        "title": regions.column,
        "kind": regions.kind,
        "width": round(wide),
        "height": round(tall),
        "fields": fields,
        "picture": _png(regions.array) if regions.kind != "series" else "",
        "without": WITHOUT[regions.kind],
        "lines": _lines(regions.array, wide, tall) if regions.kind == "series" else [],
        "most": number(largest),
    }


def _colored(words: Words) -> dict[str, Any]:
    """Return a text in pieces, of which words that surely matter have a color as strong as they are."""
    largest = max(abs(word.value) for word in words.words) or 1.0
    pieces: list[dict[str, str]] = []
    end = 0
    for word in words.words:
        pieces.append({"text": words.text[end : word.start], "way": "", "moves": ""})
        size = abs(word.value)
        sure = size > max((word.high - word.low) / 2, FAINT * largest)
        strength = max(1, round(STRENGTHS * size / largest))
        way = f"{'for' if word.value > 0 else 'against'} strength-{strength}" if sure else ""
        pieces.append({"text": words.told(word), "way": way, "moves": f"{word.value:+.3g}"})
        end = word.stop
    pieces.append({"text": words.text[end:], "way": "", "moves": ""})
    return {"title": words.column, "pieces": pieces, "most": number(largest)}


def _edges(parts: int, length: float) -> list[float]:
    return [round(length * part / parts, 1) for part in range(parts + 1)]


def _png(array: np.ndarray) -> str:
    return "data:image/png;base64," + base64.b64encode(png_bytes(array)).decode()


def _lines(array: np.ndarray, wide: float, tall: float) -> list[str]:
    """Return each channel of a series as the points of a line, as high as its own range."""
    steps = np.flatnonzero(array[:, -1])
    lines = []
    for channel in array[:, :-1].T:
        values = channel[steps].astype(np.float64)
        low, high = (float(values.min()), float(values.max())) if len(values) else (0.0, 1.0)
        heights = tall * (0.95 - 0.9 * (values - low) / ((high - low) or 1.0))
        places = wide * (steps + 0.5) / len(array)
        lines.append(" ".join(f"{x:.1f},{y:.1f}" for x, y in zip(places, heights, strict=True)))
    return lines
