"""The page of a word's senses: its sentences as points, by vectors in context and by static ones, and as text."""

from __future__ import annotations

from collections.abc import Mapping

from fitwell.report.page import rendered
from fitwell.report.picture import HEIGHT, WIDTH, Picture, Spec, Table, data
from fitwell.report.theme import series_color
from fitwell.report.words import counted, fixed, listed, percent
from fitwell.words import Senses
from fitwell.words.word_senses import View

EXAMPLES = 6
LONGEST = 60  # characters of a sentence beside a point, to each side


def senses_page(found: Senses, judged: Mapping[str, tuple[float, float]]) -> bytes:
    """Return a page of HTML that needs nothing else; `judged` has what `Senses.judged` returned, or nothing."""
    return rendered(
        "senses.html",
        word=found.word,
        headline=f"“{found.word}” has {counted(found.count, 'sense')} in {counted(len(found.occurrences), 'sentence')}",
        why=_why(found),
        pictures=[
            _picture(found, found.contextual, "contextual", "By vectors in context", judged),
            _picture(found, found.static, "static", "By static vectors of the words around", judged),
        ],
        agreement=_agreement(found),
        senses=[_sense(found, sense) for sense in range(found.count)],
    )


def _why(found: Senses) -> str:
    if not found.agreement:
        return "The number of senses was given, or there are too few sentences to look for more than one."
    most = max(found.agreement.values())
    if found.count == 1:
        return (
            "Halves of the sentences, each sorted by itself, do not agree on two senses or more: their agreement is "
            f"{fixed(most, 2)} at best, where 1 is the same and 0 is chance."
        )
    return (
        f"Halves of the sentences, each sorted by itself, agree on {found.count} senses: "
        f"{fixed(found.agreement[found.count], 2)}, where 1 is the same and 0 is chance."
    )


def _picture(found: Senses, view: View, name: str, title: str, judged: Mapping[str, tuple[float, float]]) -> Picture:
    rows = [
        {"x": float(x), "y": float(y), "s": _name(int(label)), "t": _short(found, place)}
        for place, ((x, y), label) in enumerate(zip(view.points, found.contextual.labels, strict=True))
    ]
    shares = listed([percent(float(share)) for share in view.shares])
    says = f"The two directions show {shares} of the spread."
    if name in judged:
        index, accuracy = judged[name]
        says += f" Clusters of these vectors against the true senses: adjusted Rand index {fixed(index, 2)}, accuracy "
        says += f"{fixed(accuracy, 2)}."
    reading = "Each point is a sentence; its color and shape are the sense that its vector in context has."
    if name == "static":
        reading += f" Here it lies where the mean of the vectors around it does ({found.static_from}): mixed colors "
        reading += "are senses that these do not tell apart."
    return Picture(name=name, title=title, says=says, reading=reading, spec=_scatter(rows, found.count))


def _scatter(rows: list[dict[str, object]], senses: int) -> Spec:
    names = [_name(sense) for sense in range(senses)]
    axis = {"scale": {"zero": False, "nice": False, "padding": 16}, "axis": {"labels": False, "grid": True}}
    shapes = ["circle", "square", "triangle-up", "diamond", "cross", "triangle-down"]
    scale = {"domain": names, "range": [series_color(sense) for sense in range(senses)]}
    return {
        "width": WIDTH,
        "height": HEIGHT,
        "data": data(rows),
        "mark": {"type": "point", "filled": True, "size": 48, "opacity": 0.9},
        "encoding": {
            "x": {"field": "x", "type": "quantitative", "title": "first direction", **axis},
            "y": {"field": "y", "type": "quantitative", "title": "second direction", **axis},
            "color": {"field": "s", "type": "nominal", "title": None, "scale": scale, "legend": {"columns": 3}},
            "shape": {
                "field": "s",
                "type": "nominal",
                "title": None,
                "scale": {"domain": names, "range": [shapes[sense % len(shapes)] for sense in range(senses)]},
            },
            "tooltip": {"field": "t", "type": "nominal"},
        },
    }


def _agreement(found: Senses) -> Table | None:
    if not found.agreement:
        return None
    return Table(
        header=("senses", "agreement of halves"),
        rows=[[str(tried), fixed(agreed, 2)] for tried, agreed in found.agreement.items()],
    )


def _sense(found: Senses, sense: int) -> dict[str, object]:
    own = int((found.contextual.labels == sense).sum())
    sentences = [
        (each.text[: each.start], each.text[each.start : each.end], each.text[each.end :])
        for each in found.examples(sense, EXAMPLES)
    ]
    return {"title": f"{_name(sense).capitalize()}, {counted(own, 'sentence')}", "sentences": sentences}


def _name(sense: int) -> str:
    return f"sense {sense + 1}"


def _short(found: Senses, place: int) -> str:
    each = found.occurrences[place]
    return each.text[max(0, each.start - LONGEST) : each.end + LONGEST]
