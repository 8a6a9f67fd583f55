"""Identifiers, constants and free text are told apart from features."""

from typing import get_args

import polars as pl
import pytest

from fitwell.data.columns import KINDS
from fitwell.data.columns.cells import Column
from fitwell.data.schema import describe
from fitwell.recipe import ColumnSettings, KindName

AUTO = ColumnSettings.model_validate({})
SENTENCES = [f"the cell number {place} has some words" for place in range(30)]
CUSTOMERS = [f"{place * 7919 % 10007:04d}-XK" for place in range(40)]


def column_of(cells: list[object], name: str = "x") -> Column:
    return describe(pl.Series(name, cells), AUTO)[0]


def test_the_table_has_every_kind_that_a_recipe_may_name() -> None:
    assert tuple(KINDS) == get_args(KindName)


@pytest.mark.parametrize(
    ("name", "cells", "kind", "evidence"),
    [
        ("instant", list(range(1, 50)), "identifier", "counts the rows, from 1 to 49"),
        ("Unnamed: 0", [str(place) for place in range(50)], "identifier", "counts the rows, from 0 to 49"),
        ("PassengerId", [str(place * 37 % 101) for place in range(60)], "identifier", '"id" in the name'),
        ("customer", CUSTOMERS, "identifier", "40 different values in 40 cells"),
        ("same", ["a"] * 20, "constant", 'are "a"'),
        ("nothing", ["", "?", None], "constant", "all cells are missing"),
        ("comment", SENTENCES, "text", "7.0 words a cell, 30 of 30 different"),
        ("amount", [place * 37 % 101 for place in range(60)], "number", "60 of 60 cells read as whole numbers"),
        ("price", [place + 0.5 for place in range(60)], "number", "60 of 60 cells read as numbers"),
        ("x", [float(place) for place in range(50)], "number", "50 of 50 cells read as whole numbers"),
        ("price_index", [place * 37 % 101 for place in range(60)], "number", "whole numbers"),
        ("tweet_id", [str(2**60 + place * 7) for place in range(30)], "identifier", "30 different values in 30 cells"),
        ("id", [2**60 + place * 7 for place in range(30)], "identifier", '"id" in the name'),
        ("city", CUSTOMERS[:20] * 3, "category", "20 distinct values in 60 cells"),
    ],
)
def test_what_a_column_is_and_why(name: str, cells: list[object], kind: str, evidence: str) -> None:
    column = column_of(cells, name)
    assert column.kind == kind
    assert evidence in column.why


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_can_be_declared_and_parses_missing_cells_to_null(kind: str) -> None:
    cells = pl.Series("x", ["1", "0", "", None, "1"])
    if kind == "date":
        cells = pl.Series("x", ["2024-01-01", "2024-01-02", "", None, "2024-01-02"])
    if kind == "series":
        cells = pl.Series("x", ["[1, 2]", "[0]", "", None, "[1.5, 2]"])
    column, claim = describe(cells, ColumnSettings.model_validate({"kind": kind}))
    assert (column.kind, claim.problem) == (kind, "")
    assert "declared" in column.why
    values = KINDS[column.kind].parse(cells, column)
    assert values.is_null().to_list() == [False, False, True, True, False]
    assert values.name == "x"
