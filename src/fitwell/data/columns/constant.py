"""Constants: one value, or none at all. There is nothing to learn from them, so they are no features."""

from __future__ import annotations

import polars as pl

from fitwell.data.columns.cells import Cells, Claim, Column, Kind, missing_clause, present_text, quoted

STRENGTH = 62  # stronger than number; one value beside many missing cells is a category, stronger still


def recognize(cells: Cells) -> Claim | None:
    """Claim columns with at most one distinct value."""
    if cells.present == 0:
        return Claim(why="all cells are missing", strength=100)
    if len(cells.values) > 1:
        return None
    why = f"all cells that are not missing are {quoted(cells.values[0])}{missing_clause(cells)}"
    return Claim(why=why, strength=STRENGTH)


def declare(cells: Cells) -> Claim:
    """Take the recipe's word for it: the column is left out."""
    return Claim(why="declared a constant in the recipe, which is no feature", strength=100)


def parse(cells: pl.Series, column: Column, *, first_row: int = 0) -> pl.Series:
    """Return text, null where missing."""
    return present_text(cells, column)


KIND = Kind(recognize=recognize, declare=declare, parse=parse, fit=None, fitting=None, encoder=None)
