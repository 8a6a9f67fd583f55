"""Identifiers name rows and say nothing about them: customer numbers, row numbers. They are no features."""

from __future__ import annotations

import polars as pl

from fitwell.data.columns.category import name_words, whole_numbers
from fitwell.data.columns.cells import Cells, Claim, Column, Kind, missing_clause, present_text

TEXT_STRENGTH, NUMBER_STRENGTH = 55, 80  # above free text and category; above number
DISTINCT_SHARE = 0.95
FEW_ROWS = 20  # in fewer rows, text that never repeats is no sign of an identifier
WORDS_OF_TEXT = 3.0
NAMES = frozenset({"id", "ids", "uid", "uuid", "guid", "rowid", "userid", "customerid", "unnamed"})  # words of a name
WHOLE_NAMES = frozenset({"index", "idx", "key", "row", "number", "no", "nr"})  # a price index is no identifier


def recognize(cells: Cells) -> Claim | None:
    """Claim whole numbers that count the rows, or never repeat and are named so, and text that hardly repeats."""
    words = name_words(cells.name)
    named = sorted(NAMES & set(words)) or sorted(WHOLE_NAMES & {"".join(words)})
    numbers = whole_numbers(cells)
    if numbers is not None:
        return _of_numbers(cells, numbers, named)
    share = len(cells.values) / max(cells.present, 1)
    if not cells.is_text or share < DISTINCT_SHARE or (cells.present < FEW_ROWS and not named) or cells.present < 2:
        return None
    if mean_words(cells) >= WORDS_OF_TEXT:
        return None
    why = f"{len(cells.values)} different values in {cells.present} cells, as names of rows are{missing_clause(cells)}"
    numbered = bool(named) and bool(cells.values.str.contains(r"^\d+$").all())  # too long to be whole numbers
    return Claim(why=why, strength=NUMBER_STRENGTH if numbered else TEXT_STRENGTH)


def declare(cells: Cells) -> Claim:
    """Take the recipe's word for it: the column is left out."""
    return Claim(why="declared an identifier in the recipe, which is no feature", strength=NUMBER_STRENGTH)


def parse(cells: pl.Series, column: Column, *, first_row: int = 0) -> pl.Series:
    """Return text, null where missing."""
    return present_text(cells, column)


def mean_words(cells: Cells) -> float:
    """Return the mean number of words of the cells, 0 when there are none."""
    if not cells.present:
        return 0.0
    words = cells.values.str.count_matches(r"\S+")
    return float((words * cells.counts).sum()) / cells.present


def _of_numbers(cells: Cells, numbers: pl.Series, named: list[str]) -> Claim | None:
    if cells.missing_count or len(numbers) < cells.rows or cells.rows < 2:
        return None
    column = cells.column.cast(pl.Float64, strict=False).cast(pl.Int64, strict=False)
    counts_up = column[0] in (0, 1) and cells.rows > 2 and bool((column.diff().drop_nulls() == 1).all())
    if counts_up and cells.column.dtype != pl.Float64:  # nobody numbers rows 1.0, 2.0
        return Claim(why=f"counts the rows, from {column[0]} to {column[-1]}", strength=NUMBER_STRENGTH)
    if not named:
        return None
    why = f'whole numbers that never repeat, and "{named[0]}" in the name'
    return Claim(why=why, strength=NUMBER_STRENGTH)


KIND = Kind(recognize=recognize, declare=declare, parse=parse, fit=None, fitting=None, encoder=None)
