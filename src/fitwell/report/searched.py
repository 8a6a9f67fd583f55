"""What a search found: which settings mattered, how trials fared along each of them, and whether it was worth it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from fitwell.report.picture import HEIGHT, WIDTH, Contents, Picture, Spec, Table, data, quantity
from fitwell.report.theme import color
from fitwell.report.words import capital, counted, fixed, listed, metric_title, number, places_of

SETTINGS = 8  # drawn one by one, those that matter most first
TRIALS = 20  # listed; trials.parquet has all
VERDICTS = {"better": "better than", "worse": "worse than", "not distinguishable": "not distinguishable from"}


def search_pictures(contents: Contents) -> Iterator[Picture]:
    """Yield what mattered in the search that found the settings, and how trials fared along each setting."""
    if not contents.tuning.get("results") or not contents.tuning.get("shares"):
        return
    shares = _ordered_shares(contents.tuning)
    yield _shares_picture(shares)
    for place, (path, share) in enumerate(shares[:SETTINGS]):
        picture = _setting_picture(path, share, contents.tuning, number_of=place + 1)
        if picture is not None:
            yield picture


def search_sentence(contents: Contents) -> str:
    """Return whether the settings that were found are better on rows that the search never saw; else nothing."""
    tuning = contents.tuning
    if not tuning.get("results"):
        return ""
    trials = f"Of {len(tuning['trials'])} trials"
    if tuning.get("best") == 0:
        return f"{trials} none had a lower validation loss than the recipe as it was, which this run was trained with."
    compared = tuning.get("comparison")
    if not compared:
        return f"{trials} the best gave this run its settings; they have not been compared with the recipe as it was."
    figure, verdict = metric_title(compared["metric"]), VERDICTS[compared["verdict"]]
    said = (
        f"{trials} the best gave this run its settings. On {compared['rows']:,} {compared['part']} rows that the "
        f"search never saw, its {figure} is {verdict} that of the recipe as it was{_figures(compared)}."
    )
    return said if compared["verdict"] == "better" else f"{said} Nothing speaks for the tuned settings."


def _figures(compared: Mapping[str, Any]) -> str:
    difference = compared["difference"]
    if difference["value"] is None or difference["low"] is None:
        return ""
    places = places_of(difference["low"], difference["high"])
    tuned, before, gain, low, high = (
        fixed(value, places)
        for value in (
            compared["tuned"]["value"],
            compared["default"]["value"],
            difference["value"],
            difference["low"],
            difference["high"],
        )
    )
    return f": {tuned} against {before}, a gain of {gain} ({low} to {high})"


def trials_table(contents: Contents) -> Table | None:
    """Return the trials that came furthest, the best first."""
    tuning = contents.tuning
    if not tuning.get("results"):
        return None
    furthest = {
        int(trial): (rung["epochs"], loss)
        for rung in tuning["results"]
        for trial, loss in rung["losses"].items()
        if loss is not None
    }
    order = sorted(furthest, key=lambda trial: (-furthest[trial][0], furthest[trial][1]))
    paths = [each["setting"] for each in tuning["space"]]
    rows = [
        [
            f"{trial}" if trial else "the recipe",
            *(_cell(tuning["trials"][trial].get(path)) for path in paths),
            number(furthest[trial][0]),
            number(furthest[trial][1]),
        ]
        for trial in order[:TRIALS]
    ]
    left = len(tuning["trials"]) - len(rows)
    return Table(
        header=("trial", *map(_short, paths), "epochs", "lowest validation loss"),
        rows=rows,
        caption=f"{counted(left, 'more trial')} in trials.parquet." if left else "",
    )


def _ordered_shares(tuning: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    shares: list[tuple[str, Mapping[str, Any]]] = list(tuning["shares"].items())
    return sorted(shares, key=lambda each: -(each[1]["value"] or 0.0))


def _shares_picture(shares: Sequence[tuple[str, Mapping[str, Any]]]) -> Picture:
    known = [(path, share) for path, share in shares if share["value"] is not None]
    rows = [
        {"name": _short(path), "x": share["value"], "low": share["low"], "high": share["high"]} for path, share in known
    ]
    sure = [_short(path) for path, share in known if share["matters"]]
    return Picture(
        name="search-shares",
        title="Which settings mattered",
        says=f"{capital(listed(sure))} surely mattered." if sure else "Of no setting can it be told from chance.",
        reading="The share of the differences between trials, by how far they came, that a setting explains alone. The "
        "lines are intervals that hold all at once with 95 %; what reaches 0 may be chance.",
        spec=_bars(rows),
        table=Table(
            header=("setting", "share", "interval"),
            rows=[
                [path, _percent(share["value"]), f"{_percent(share['low'])} to {_percent(share['high'])}"]
                for path, share in known
            ],
        ),
    )


def _setting_picture(
    path: str, share: Mapping[str, Any], tuning: Mapping[str, Any], *, number_of: int
) -> Picture | None:
    rung = tuning["results"][0]
    rows = [
        {
            "x": _drawn(tuning["trials"][int(trial)][path]),
            "y": loss,
            "what": _what(int(trial), rung["kept"], tuning["best"]),
        }
        for trial, loss in rung["losses"].items()
        if loss is not None and path in tuning["trials"][int(trial)]
    ]
    if not rows:
        return None
    best = min(rows, key=lambda row: row["y"])
    when = counted(rung["epochs"], "epoch")
    says = f"The lowest validation loss after {when} was {number(best['y'])}, at {_cell(best['x'])}"
    if share["value"] is not None:
        says += f"; the setting explains {_percent(share['value'])} of the differences"
    tried = next(each["tried"] for each in tuning["space"] if each["setting"] == path)
    return Picture(
        name=f"search-{number_of}",
        title=_short(path),
        says=f"{says}.",
        reading="Dots are trials: filled ones went on, the large one won, the diamond is the recipe as it was. "
        "Losses far above the others are drawn at the upper end.",
        spec=_dots(rows, tried),
    )


def _what(trial: int, kept: Sequence[int], best: int | None) -> str:
    if trial == best:
        return "won"
    if trial == 0:
        return "the recipe"
    return "went on" if trial in kept else "fell behind"


def _dots(rows: list[dict[str, Any]], tried: Mapping[str, Any]) -> Spec:
    if tried["among"]:
        x: Spec = {"field": "x", "type": "nominal", "title": None, "axis": {"labelAngle": 0, "labelLimit": 90}}
    else:
        xs = [tried["low"], tried["high"], *(row["x"] for row in rows)]
        scale = {"type": tried["scale"], "domain": [min(xs), max(xs)], "zero": False, "nice": False}
        ticks = {"values": _round_numbers(min(xs), max(xs)), "format": "~g"} if tried["scale"] == "log" else {}
        x = quantity("x", None, **scale, **ticks, **({} if ticks else {"tickCount": 5}))
    y = quantity("y", "validation loss", domain=_of_most([row["y"] for row in rows]), clamp=True, tickCount=5)
    kinds = list(LOOKS)
    encoding = {
        "x": x,
        "y": y,
        "color": _scale("color", kinds),
        "fill": _scale("fill", kinds),
        "shape": _scale("shape", kinds),
        "size": {"field": "size", "type": "quantitative", "scale": None, "legend": None},
    }
    return {
        "width": WIDTH - 40,
        "height": HEIGHT - 20,
        "data": data([row | {"size": LOOKS[row["what"]]["size"]} for row in rows]),
        "mark": {"type": "point", "strokeWidth": 1.5, "opacity": 1},
        "encoding": encoding,
    }


def _of_most(losses: Sequence[float]) -> list[float]:
    """Return ends between which most losses lie: trials that came to nothing would press the others into a line.

    >>> _of_most([0.5, 0.6, 0.7, 40.0])
    [0.49, 1.2]
    """
    lowest, middle = min(losses), sorted(losses)[len(losses) // 2]
    highest = min(max(losses), middle + 2.5 * (middle - lowest)) if middle > lowest else max(losses)
    margin = 0.05 * (middle - lowest) or 0.01 * abs(lowest)
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


def _bars(rows: list[dict[str, Any]]) -> Spec:
    names = [row["name"] for row in rows]
    y = {"field": "name", "type": "nominal", "title": None, "sort": names, "axis": {"labelLimit": 140}}
    x = quantity("x", "share of the differences", domain=[0, 1], tickCount=4, grid=True, format="%")
    return {
        "width": WIDTH - 110,
        "height": {"step": 22},
        "data": data(rows),
        "layer": [
            {"mark": {"type": "bar", "color": color("main"), "height": 11}, "encoding": {"y": y, "x": x}},
            {
                "mark": {"type": "rule", "color": color("ink"), "strokeWidth": 1.2},
                "encoding": {"y": y, "x": {**x, "field": "low"}, "x2": {"field": "high"}},
            },
        ],
    }


def _short(path: str) -> str:
    """Return a setting's name without its group.

    >>> _short("training.learning_rate")
    'learning rate'
    """
    return path.rpartition(".")[2].replace("_", " ")


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.0f} %"


def _drawn(value: Any) -> Any:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else _cell(value)


def _cell(value: Any) -> str:
    if isinstance(value, list):
        return " · ".join(map(str, value)) or "none"
    if isinstance(value, int | float) and not isinstance(value, bool):
        return number(value, digits=3)
    return "–" if value is None else str(value).lower()
