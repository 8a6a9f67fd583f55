"""Free text: several words, mostly different. A kind of its own; until it has an encoder it is left out, visibly."""

from __future__ import annotations

import polars as pl

from fitwell.data.columns.cells import Cells, Claim, Column, Kind, missing_clause, present_text
from fitwell.data.columns.identifier import FEW_ROWS, WORDS_OF_TEXT, mean_words

STRENGTH = 50
DISTINCT_SHARE = 0.5
LEFT_OUT = "free text is not learned from yet"


def recognize(cells: Cells) -> Claim | None:
    """Claim text of several words that mostly does not repeat."""
    if not cells.is_text or cells.present < FEW_ROWS or len(cells.values) < DISTINCT_SHARE * cells.present:
        return None
    words = mean_words(cells)
    if words < WORDS_OF_TEXT:
        return None
    why = (
        f"{words:.1f} words a cell, {len(cells.values)} of {cells.present} different; {LEFT_OUT}{missing_clause(cells)}"
    )
    return Claim(why=why, strength=STRENGTH)


def declare(cells: Cells) -> Claim:
    """Take the recipe's word for it: the column is left out."""
    return Claim(why=f"declared text in the recipe; {LEFT_OUT}", strength=STRENGTH)


def parse(cells: pl.Series, column: Column, *, first_row: int = 0) -> pl.Series:
    """Return text, null where missing."""
    return present_text(cells, column)


KIND = Kind(recognize=recognize, declare=declare, parse=parse, fit=None, fitting=None, encoder=None)
