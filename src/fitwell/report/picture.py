"""What a report is made of, as values: the contents of a run's files go in, pictures and tables come out.

A picture is a Vega-Lite specification as plain values, with a sentence that says what it shows. Names and cells from
the data stand in a specification only as data and as titles, never as names of fields: the fields are ours, and short.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import polars as pl

Spec = dict[str, Any]
PictureKind = Literal["png", "svg"]
WIDTH = 340  # of a plot, in CSS pixels: with its axis it fills a phone, and a column of a page
HEIGHT = 220
SQUARE = 290


@dataclass(frozen=True, kw_only=True)
class Contents:
    """What the files of a run hold; None where a file is not there."""

    name: str  # of the run's folder
    path: str
    state: str  # `finished`, `training`, `interrupted` or `unfinished`
    recipe: str  # the text of recipe.yaml
    settings: Mapping[str, Any]  # the same as values
    data: Mapping[str, Any]
    evaluation: Mapping[str, Any] | None = None
    findings: Sequence[Mapping[str, Any]] = ()
    history: pl.DataFrame | None = None
    predictions: pl.DataFrame | None = None
    decision: Mapping[str, Any] = field(default_factory=dict)
    explanation: Mapping[str, Any] = field(default_factory=dict)
    tuning: Mapping[str, Any] = field(default_factory=dict)  # the search that found the settings, if there was one
    diagnosis: Mapping[str, Any] = field(default_factory=dict)  # what an examination went by, if there was one
    versions: Mapping[str, str] = field(default_factory=dict)  # of what made the report

    @property
    def task(self) -> str:
        """What is predicted: `binary`, `multiclass`, `multilabel` or `regression`."""
        return str(self.settings["task"])


@dataclass(frozen=True, kw_only=True)
class Table:
    """Rows of cells under a header; the first cell of a row names it."""

    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    caption: str = ""

    @property
    def numeric(self) -> frozenset[int]:
        """The places of the columns that hold numbers, which are set flush right."""
        columns = enumerate(zip(*self.rows, strict=True))
        return frozenset(place for place, cells in columns if any(cells) and all(map(_is_number, cells)))


def _is_number(cell: str) -> bool:
    """Tell whether a cell reads as a number, or as nothing.

    >>> _is_number("1,057"), _is_number("−0.3"), _is_number("–"), _is_number("0.1 to 0.2"), _is_number("A12")
    (True, True, True, True, False)
    """
    return set(cell) <= set("0123456789.,+−-–e% to")


@dataclass(frozen=True, kw_only=True)
class Picture:
    """One picture: what it is called, what it shows, how it is read, and how it is drawn."""

    name: str  # of its file: letters, digits and hyphens
    title: str
    says: str  # its text alternative: a sentence with the figures it shows
    reading: str  # one sentence on how to read it
    spec: Spec
    table: Table | None = None
    follows: tuple[str, str] | None = None  # the figures of a threshold that its mark "chosen" moves along, as x and y


def quantity(name: str, title: str | None, **more: Any) -> dict[str, Any]:
    """Return the encoding of a number on an axis; `domain` and other words of a scale go to the scale."""
    scale = {word: more.pop(word) for word in ("domain", "type", "zero", "nice", "clamp", "base") if word in more}
    axis = {word: more.pop(word) for word in ("format", "tickCount", "values", "grid", "labels") if word in more}
    encoding: dict[str, Any] = {"field": name, "type": "quantitative", "title": title, **more}
    encoding |= {"scale": scale} if scale else {}
    return encoding | ({"axis": axis} if axis else {})


def data(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return rows as a specification holds them, numbers to more digits than a screen has pixels."""
    return {"values": [{name: _rounded(value) for name, value in row.items()} for row in rows]}


def _rounded(value: object) -> object:
    """Return a number to eight digits: what the order of additions changes is not drawn."""
    return float(f"{value:.8g}") if isinstance(value, float) else value
