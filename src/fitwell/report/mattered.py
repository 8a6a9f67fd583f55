"""Which settings mattered in a search, and how trials stood along each of them whenever they were compared.

A comparison shows trials after the same training, and no other can stand for it: the first has all trials, which have
hardly begun; the last has few, chosen by those before. So each is drawn by itself, one below the other, and says how
many trials it shows and how far these were trained.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from fitwell.report.picture import WIDTH, Contents, Picture, Spec, Table, data, quantity
from fitwell.report.theme import color
from fitwell.report.words import counted, listed, number, setting_name, setting_text
from fitwell.space import TENDENCIES

SETTINGS = 8  # drawn one by one, those that matter most first
PANEL = 70  # pixels, the height of one comparison


def search_pictures(contents: Contents) -> Iterator[Picture]:
    """Yield what mattered in the search that found the settings, and how trials stood along each setting."""
    mattered = contents.tuning.get("mattered")
    if not mattered:
        return
    paths = _paths(mattered)
    yield _shares_picture(contents, paths)
    for place, path in enumerate(paths[:SETTINGS]):
        picture = _setting_picture(path, contents, number_of=place + 1)
        if picture is not None:
            yield picture


def _paths(mattered: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the settings, first those that mattered, then those that explained most when all trials were there."""
    first = mattered[0]["shares"]
    sure = {path for each in mattered for path, share in each["shares"].items() if share["matters"]}
    return sorted(first, key=lambda path: (path not in sure, -(first[path]["value"] or 0.0)))


def _compared(contents: Contents, trials: int, epochs: float) -> str:
    """Return how many trials were compared, and how far these were trained."""
    whole = contents.tuning["trials"][0].get("training.epochs", contents.settings["training"]["epochs"])
    return f"{counted(trials, 'trial')} after {number(epochs)} of {counted(whole, 'epoch')}"


def _shares_picture(contents: Contents, paths: Sequence[str]) -> Picture:
    mattered = contents.tuning["mattered"]
    whens = [_compared(contents, each["trials"], each["epochs"]) for each in mattered]
    parts = [
        _shares(each["shares"], paths, title=when, last=each is mattered[-1])
        for each, when in zip(mattered, whens, strict=True)
    ]
    return Picture(
        name="search-mattered",
        title="Which settings mattered",
        says=" ".join(_told(each["shares"], when) for each, when in zip(mattered, whens, strict=True)),
        reading="The share of the differences between trials that a setting explains alone, each time they were "
        "compared. The lines are intervals that all hold at once with 95 %; what reaches 0 may be chance. Only the "
        "first time all trials are there, and what is ahead so early need not stay ahead; those that are left later "
        "were chosen by their losses, and may be alike in what mattered before.",
        spec={"vconcat": parts, "spacing": 12},
        table=Table(
            header=("setting", "epochs", "trials", "share", "interval", "ahead"),
            rows=[
                [
                    path,
                    number(each["epochs"]),
                    f"{each['trials']:,}",
                    _percent(share["value"]),
                    f"{_percent(share['low'])} to {_percent(share['high'])}",
                    _ahead(share) or "–",
                ]
                for path in paths
                for each in mattered
                for share in [each["shares"][path]]
                if share["value"] is not None
            ],
        ),
    )


def _told(shares: Mapping[str, Mapping[str, Any]], when: str) -> str:
    """Return what mattered at one comparison as a sentence."""
    told = [
        f"{setting_name(path)} ({_percent(share['value'])} of the differences; {_ahead(share)})"
        for path, share in shares.items()
        if share["matters"]
    ]
    return f"Among {when}, {listed(told)} mattered." if told else f"Among {when}, no setting surely mattered."


def _ahead(share: Mapping[str, Any]) -> str:
    """Return which values of a setting are ahead, nothing where that cannot be told."""
    if not share["matters"]:
        return ""
    return TENDENCIES.get(str(share["ahead"])) or f"{setting_text(share['ahead'])} is best"


def _shares(shares: Mapping[str, Mapping[str, Any]], paths: Sequence[str], *, title: str, last: bool) -> Spec:
    rows = [
        {"name": setting_name(path), "x": share["value"], "low": share["low"], "high": share["high"]}
        | {"sure": share["matters"], "ahead": _ahead(share)}
        for path in paths
        if (share := shares[path])["value"] is not None
    ]
    names = list(map(setting_name, paths))
    axis = {"labelLimit": 110, "labelPadding": 8}
    y = {"field": "name", "type": "nominal", "title": None, "scale": {"domain": names}, "axis": axis}
    below = "share of the differences" if last else None
    x = quantity("x", below, domain=[0, 1], values=[0, 0.5, 1], grid=True, format="%", labels=last)
    fills = {"domain": [True, False], "range": [color("main"), color("paper")]}
    return {
        "title": _titled(title),
        "width": WIDTH - 200,
        "height": {"step": 20},
        "data": data(rows),
        "layer": [
            {
                "mark": {"type": "rule", "color": color("main"), "strokeWidth": 1.5},
                "encoding": {"y": y, "x": {**x, "field": "low"}, "x2": {"field": "high"}},
            },
            {
                "mark": {"type": "point", "stroke": color("main"), "size": 60, "opacity": 1},
                "encoding": {
                    "y": y,
                    "x": x,
                    "fill": {"field": "sure", "type": "nominal", "scale": fills, "legend": None},
                },
            },
            {
                "mark": {"type": "text", "align": "left", "dx": 8},
                "encoding": {"y": y, "x": {"value": "width"}, "text": {"field": "ahead", "type": "nominal"}},
            },
        ],
    }


def _setting_picture(path: str, contents: Contents, *, number_of: int) -> Picture | None:
    """Return how trials stood along a setting each time they were compared."""
    tuning = contents.tuning
    panels = [(rung, rows) for rung in tuning["results"] if (rows := _rows(path, rung, tuning))]
    if not panels:
        return None
    tried = next(each["tried"] for each in tuning["space"] if each["setting"] == path)
    x = _axis(tried, [row["x"] for _, rows in panels for row in rows])
    whens = [_compared(contents, len(rows), rung["epochs"]) for rung, rows in panels]
    ends = (panels[0], panels[-1])
    parts = [
        _dots(rows, x, title=when, first=(rung, rows) == ends[0], last=(rung, rows) == ends[1])
        for (rung, rows), when in zip(panels, whens, strict=True)
    ]
    best = min(panels[-1][1], key=lambda row: row["y"])
    return Picture(
        name=f"search-{number_of}",
        title=setting_name(path),
        says=f"Of {whens[-1]} the one with {setting_text(best['x'])} had the lowest validation loss, "
        f"{number(best['y'])}.",
        reading="Dots are trials as they stood each time they were compared: filled ones went on, the large one won, "
        "the diamond is the recipe as it was. How those that fell behind would have ended is not known. Losses far "
        "above the others are drawn at the upper end.",
        spec={"vconcat": parts, "spacing": 12},
    )


def _rows(path: str, rung: Mapping[str, Any], tuning: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the trials of a comparison that have the setting and came to something."""
    return [
        {
            "x": _drawn(tuning["trials"][int(trial)][path]),
            "y": loss,
            "what": _what(int(trial), rung["kept"], tuning["best"]),
        }
        for trial, loss in rung["losses"].items()
        if loss is not None and path in tuning["trials"][int(trial)]
    ]


def _what(trial: int, kept: Sequence[int], best: int | None) -> str:
    if trial == best:
        return "won"
    if trial == 0:
        return "the recipe"
    return "went on" if trial in kept else "fell behind"


def _axis(tried: Mapping[str, Any], values: Sequence[Any]) -> Spec:
    """Return the axis of a setting, the same at every comparison."""
    if tried["among"]:
        kinds = list(dict.fromkeys([*map(_drawn, tried["among"]), *values]))
        axis = {"labelAngle": 0, "labelLimit": 90}
        return {"field": "x", "type": "nominal", "title": None, "scale": {"domain": kinds}, "axis": axis}
    ends = [tried["low"], tried["high"], *values]
    scale = {"type": tried["scale"], "domain": [min(ends), max(ends)], "zero": False, "nice": False}
    log: Spec = {"values": _round_numbers(min(ends), max(ends)), "format": "~g"} if tried["scale"] == "log" else {}
    return quantity("x", None, **scale, **(log or {"tickCount": 5}))


def _dots(rows: list[dict[str, Any]], x: Spec, *, title: str, first: bool, last: bool) -> Spec:
    kinds, losses = list(LOOKS), [row["y"] for row in rows]
    y_title = "validation loss" if first else None
    encoding = {
        "x": x if last else {**x, "axis": {**x["axis"], "labels": False}},
        "y": quantity("y", y_title, domain=_of_most(losses), clamp=True, tickCount=3),
        "color": _scale("color", kinds),
        "fill": _scale("fill", kinds),
        "shape": _scale("shape", kinds),
        "size": {"field": "size", "type": "quantitative", "scale": None, "legend": None},
    }
    return {
        "title": _titled(title),
        "width": WIDTH - 40,
        "height": PANEL,
        "data": data([row | {"size": LOOKS[row["what"]]["size"]} for row in rows]),
        "mark": {"type": "point", "strokeWidth": 1.5, "opacity": 1},
        "encoding": encoding,
    }


def _titled(text: str) -> Spec:
    """Return the title of a part of a picture."""
    look = {"frame": "group", "anchor": "start", "fontSize": 12, "fontWeight": "normal", "color": color("ink")}
    return {"text": text, "offset": 6, **look}


def _of_most(losses: Sequence[float]) -> list[float]:
    """Return ends between which most losses lie: trials that came to nothing would press the others into a line.

    >>> _of_most([0.5, 0.6, 0.7, 40.0])
    [0.43, 1.2]
    """
    lowest, middle = min(losses), sorted(losses)[len(losses) // 2]
    highest = min(max(losses), middle + 2.5 * (middle - lowest)) if middle > lowest else max(losses)
    margin = 0.1 * (highest - lowest) or 0.01 * abs(lowest)  # room for the largest dot
    return [round(lowest - margin, 6), round(highest + (margin if highest == max(losses) else 0.0), 6)]


def _round_numbers(low: float, high: float) -> list[float]:
    """Return numbers of one digit between two ends, three to six of them where there are so many.

    >>> _round_numbers(0.0004, 0.01), _round_numbers(0.01, 1.0)
    ([0.0005, 0.001, 0.002, 0.005, 0.01], [0.01, 0.1, 1.0])
    """
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for digits in ((1,), (1, 2, 5), (1, 2, 3, 5, 7)):
        found = [
            float(f"{digit}e{power}") for power in powers for digit in digits if low <= digit * 10.0**power <= high
        ]
        if len(found) > 2:
            break
    return found


LOOKS: dict[str, dict[str, Any]] = {
    "fell behind": {"color": color("quiet"), "fill": "transparent", "shape": "circle", "size": 45},
    "went on": {"color": color("main"), "fill": color("main"), "shape": "circle", "size": 45},
    "the recipe": {"color": color("second"), "fill": color("second"), "shape": "diamond", "size": 90},
    "won": {"color": color("main"), "fill": color("main"), "shape": "circle", "size": 150},
}


def _scale(channel: str, kinds: Sequence[str]) -> Spec:
    scale = {"domain": list(kinds), "range": [LOOKS[kind][channel] for kind in kinds]}
    return {"field": "what", "type": "nominal", "scale": scale, "legend": None}


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.0f} %"


def _drawn(value: Any) -> Any:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else setting_text(value)
