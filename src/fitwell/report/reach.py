"""How far back the gradient of recurrent networks reaches, as lines over the steps back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from fitwell.report.picture import HEIGHT, WIDTH, Contents, Picture, Spec, Table, data, quantity
from fitwell.report.theme import color
from fitwell.report.words import capital, counted, number

NAMES = {"rnn": "plain RNN", "lstm": "LSTM", "gru": "GRU"}
LEFT = 0.01  # of the gradient at its largest: where less is left, hardly anything is learned
LEAST = 1e-6  # of it, that is drawn
POINTS = 200  # of a line, at most
ROWS = 16  # of the table, at most


def reach_pictures(contents: Contents) -> Iterator[Picture]:
    """Yield one picture for each column that a recurrent network reads."""
    for place, told in enumerate(contents.explanation.get("reach", [])):
        yield _picture(told, number_of=place + 1)


def steps_reached(lengths: Sequence[float]) -> int:
    """Return the most steps back at which a hundredth of the largest gradient is left.

    >>> steps_reached([1.0, 0.1, 0.01, 0.001])
    2
    """
    return int(np.flatnonzero(np.array(lengths) >= LEFT * max(lengths))[-1])


def _picture(told: Mapping[str, Any], *, number_of: int) -> Picture:
    lines = {_name(each): each["lengths"] for each in told["reaches"] if max(each["lengths"], default=0.0) > 0}
    reached = [f"{name}: {counted(steps_reached(lengths), 'step')}" for name, lengths in lines.items()]
    longest = max((len(lengths) for lengths in lines.values()), default=1)
    shown = np.unique(np.linspace(0, longest - 1, min(longest, ROWS)).astype(int)).tolist()
    return Picture(
        name=f"reach-{number_of}",
        title=f"How far back the gradient reaches: {told['column']}",
        says=f"{capital('; '.join(reached))}, of {longest - 1}, until less than a hundredth is left.",
        reading="How much the last state hangs on what came so many steps before, as a share of the largest: what "
        "back-propagation through time multiplies a gradient with. Where nothing is left, nothing is learned.",
        spec=_spec(lines),
        table=Table(
            header=("steps back", *lines),
            rows=[
                [f"{back}", *(number(lengths[back] / max(lengths), digits=2) for lengths in lines.values())]
                for back in shown
            ],
        ),
    )


def _name(reach: Mapping[str, Any]) -> str:
    return f"{NAMES[reach['family']]}, {'trained' if reach['trained'] else 'at its start'}"


def _spec(lines: Mapping[str, Sequence[float]]) -> Spec:
    rows = []
    for name, lengths in lines.items():
        shares = np.array(lengths) / max(lengths)
        places = np.unique(np.linspace(0, len(shares) - 1, min(len(shares), POINTS)).astype(int))
        rows += [{"x": int(x), "y": float(shares[x]), "s": name} for x in places if shares[x] >= LEAST]
    x = quantity("x", "steps back", zero=False, nice=False, tickCount=6)
    y = quantity("y", "share of the largest gradient", type="log", tickCount=5, format="~g")
    paint = {
        "field": "s",
        "type": "nominal",
        "title": None,
        "scale": {"domain": list(lines), "range": [color("main"), color("quiet"), color("second")]},
        "legend": {"orient": "top", "columns": 1},
    }
    return {
        "width": WIDTH,
        "height": HEIGHT,
        "data": data(rows),
        "mark": {"type": "line"},
        "encoding": {"x": x, "y": y, "color": paint},
    }
