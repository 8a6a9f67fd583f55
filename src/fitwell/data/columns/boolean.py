"""Booleans: yes or no, in any of the usual words. One flag of ±1, 0 where missing or unheard of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from jaxtyping import Float32, Int32

from fitwell.data.columns.cells import (
    Cells,
    Claim,
    Column,
    Kind,
    as_text,
    declared_problem,
    look_up,
    missing_clause,
    present_text,
    quoted,
    require_read,
    unreadable,
)
from fitwell.recipe import DataSettings

STRENGTH = 90
PAIRS = (("yes", "no"), ("true", "false"), ("y", "n"), ("t", "f"), ("on", "off"), ("1", "0"), ("1.0", "0.0"))
ANSWERS = {word: answer for pair in PAIRS for word, answer in zip(pair, (True, False), strict=True)}
TRUE, FALSE, MISSING, UNSEEN = range(4)
FLAGS = np.array([[1, 0], [-1, 0], [0, 1], [0, 0]], dtype=np.float32)  # of these four: the answer, whether missing


@dataclass(frozen=True)
class BooleanEncoder:
    """A boolean column becomes a flag of ±1, and a flag where cells were missing in training."""

    column: Column
    varies: bool  # training has both answers
    indicator: bool

    @property
    def widths(self) -> Mapping[str, int]:
        """How many entries it adds to each block."""
        width = self.varies + self.indicator
        return {"flags": width} if width else {}

    @property
    def cardinality(self) -> int:
        """Booleans have no codes."""
        return 0

    def encode(self, cells: pl.Series, *, first_row: int = 0) -> Mapping[str, Float32[np.ndarray, "rows width"]]:
        """Return the flags of each cell; a word never seen counts as neither yes nor no."""
        if not self.widths:
            return {}
        written = self.column.format
        words = tuple(dict.fromkeys((written.get("true", "yes"), written.get("false", "no"))))
        kept = [place for place, there in enumerate((self.varies, self.indicator)) if there]
        return {"flags": np.take(FLAGS[:, kept], look_up(cells, words, self._close), axis=0)}

    def _close(self, cells: pl.Series) -> Int32[np.ndarray, " rows"]:
        text = present_text(cells, self.column)
        places = text.str.to_lowercase().replace_strict(
            {word: TRUE if answer else FALSE for word, answer in ANSWERS.items()}, default=UNSEEN, return_dtype=pl.Int32
        )
        return places.set(text.is_null(), MISSING).to_numpy()


def recognize(cells: Cells) -> Claim | None:
    """Claim columns of exactly one pair of answers, such as yes and no."""
    if len(cells.values) > 8 or not cells.present:  # more spellings of two words than that are something else
        return None
    words = {str(value).lower() for value in as_text(cells.values)}
    if not any(words == set(pair) for pair in PAIRS):
        return None
    return _claim(cells, "")


def declare(cells: Cells) -> Claim:
    """Take the recipe's word for it; a cell that is no answer is a problem."""
    answers = as_text(cells.values).str.to_lowercase().replace_strict(ANSWERS, default=None, return_dtype=pl.Boolean)
    rest = unreadable(cells, answers)
    problem = declared_problem(cells, rest, kind=f"boolean ({', '.join(ANSWERS)})") if len(rest) else ""
    return replace(_claim(cells, "declared in the recipe; "), problem=problem)


def parse(cells: pl.Series, column: Column, *, first_row: int = 0) -> pl.Series:
    """Return booleans, null where missing.

    Raises:
        DataError: a cell is neither an answer nor a missing marker.
    """
    text = present_text(cells, column)
    values = text.str.to_lowercase().replace_strict(ANSWERS, default=None, return_dtype=pl.Boolean).alias(cells.name)
    require_read(text, values, column, holds="yes or no", first_row=first_row)
    return values


def fit(values: pl.Series, column: Column, settings: DataSettings) -> BooleanEncoder:
    """Return the encoder that the training values (booleans, null where missing) call for."""
    fitting = BooleansFitting(column, settings)
    fitting.add(values)
    return fitting.encoder()


class BooleansFitting:
    """An encoder in the making: training values come in parts, each is seen once."""

    def __init__(self, column: Column, settings: DataSettings) -> None:
        self._column, self._settings = column, settings
        self._yes, self._no, self._missing = False, False, 0

    def add(self, values: pl.Series) -> None:
        """See some more values (booleans, null where missing)."""
        self._yes |= bool(values.any())
        self._no |= bool((~values).any())
        self._missing += values.null_count()

    def encoder(self) -> BooleanEncoder:
        """Return the encoder that the values seen so far call for."""
        indicator = self._settings.missing_indicators and self._missing > 0 and (self._yes or self._no)
        return BooleanEncoder(self._column, self._yes and self._no, indicator)


def _claim(cells: Cells, prefix: str) -> Claim:
    written: dict[str, str] = {}
    for value in as_text(cells.values):
        answer = ANSWERS.get(value.lower())
        if answer is not None:
            written.setdefault("true" if answer else "false", value)
    spelled = " and ".join(quoted(value) for value in written.values())
    why = f"{prefix}the cells are {spelled}{missing_clause(cells)}"
    return Claim(why=why, strength=STRENGTH, format=written)


KIND = Kind(recognize=recognize, declare=declare, parse=parse, fit=fit, fitting=BooleansFitting, encoder=BooleanEncoder)
