"""Categories: what counts as a code, and how values become flags or codes."""

from collections.abc import Sequence

import polars as pl
import pytest
from hypothesis import given
from hypothesis import settings as given_settings
from hypothesis import strategies as st

from fitwell.data.columns import category
from fitwell.data.columns.category import CategoryEncoder
from fitwell.data.columns.cells import Column
from fitwell.data.schema import describe
from fitwell.recipe import ColumnSettings, DataSettings, parse

AUTO = ColumnSettings.model_validate({})


def settings(**values: object) -> DataSettings:
    return parse({"data": values}).data


def column_of(cells: list[str], name: str = "x") -> Column:
    return describe(pl.Series(name, cells), AUTO)[0]


def fitted(cells: Sequence[str | None], **values: object) -> CategoryEncoder:
    column, _ = describe(pl.Series("x", cells), ColumnSettings.model_validate({"kind": "category"}))
    return category.fit(category.parse(pl.Series("x", cells), column), column, settings(**values))


@pytest.mark.parametrize(
    ("name", "cells", "evidence"),
    [
        ("zip_code", ["8001", "3011", "8001"] * 9 + ["4051"] * 3, '"code" in the name'),
        ("plz", ["01067", "80331", "01067", "10115"], "leading zeros"),
        ("userId", ["1", "2", "7"] * 5, '"id" in the name'),
        ("grade", ["1", "2"] * 9, "two whole numbers"),
    ],
)
def test_whole_numbers_that_are_codes_are_categories(name: str, cells: list[str], evidence: str) -> None:
    column = column_of(cells, name)
    assert column.kind == "category"
    assert evidence in column.why


def test_a_few_whole_numbers_are_taken_for_amounts_and_said_so() -> None:
    column = column_of(["1", "2", "3", "4"] * 9, "existing_credits")
    assert column.kind == "number"
    assert "4 different, taken for amounts" in column.why


def test_the_usual_words_for_missing_are_missing_and_reported() -> None:
    column = column_of(["red", "blue", "red", "?", "None", "unknown", "N/A", "None", "No colour"])
    assert column.kind == "category"
    assert column.missing == ("None", "?", "N/A", "unknown")
    assert column.missing_count == 5
    assert column.distinct == 3
    assert '5 of 9 are missing (empty or "None", "?", "N/A", "unknown")' in column.why


def test_namibia_is_no_missing_cell_among_country_codes() -> None:
    codes = [f"{first}{second}" for first in "ABC" for second in "DEFGHIJK"] + ["NA"]
    column = column_of(codes * 4, "country")
    assert (column.missing, column.distinct) == ((), 25)
    assert category.parse(pl.Series(["NA", "na", ""]), column).to_list() == ["NA", "na", None]


def test_one_value_beside_missing_cells_says_whether_it_is_there() -> None:
    encoder = fitted(["x", "", "x", "", ""])
    assert column_of(["x", "", "x", "", ""]).kind == "category"
    assert encoder.encode(pl.Series(["x", None, "new"]))["flags"].tolist() == [[1.0], [-1.0], [0.0]]


def test_two_values_are_one_flag_of_plus_and_minus_one() -> None:
    encoder = fitted(["a", "b", "a", "b", "a"])
    assert encoder.widths == {"flags": 1}
    assert encoder.encode(pl.Series(["a", "b", " a ", "c", None]))["flags"].tolist() == [
        [1.0],
        [-1.0],
        [1.0],
        [0.0],
        [0.0],
    ]


def test_values_up_to_the_limit_are_flags_by_falling_frequency() -> None:
    encoder = fitted(["c"] * 2 + ["b"] * 3 + ["a"] * 3 + ["rare"])
    assert encoder.values == ("a", "b", "c")  # equal counts by the alphabet
    assert encoder.encode(pl.Series(["b", "rare", "new"]))["flags"].tolist() == [[0, 1, 0], [0, 0, 0], [0, 0, 0]]


def test_frequent_missing_cells_are_a_value_of_their_own() -> None:
    encoder = fitted(["a", "b", "a", "b", "?", None])
    assert encoder.encode(pl.Series(["a", "?", "", "N/A", "new"]))["flags"].tolist() == [
        [1, 0, 0],
        [0, 0, 1],
        [0, 0, 1],
        [0, 0, 1],
        [0, 0, 0],
    ]


def test_many_values_are_codes_and_zero_is_rare_or_unseen() -> None:
    cells = [f"v{place}" for place in range(10) for _ in range(2)] + ["rare"]
    encoder = fitted([*cells])
    assert (encoder.widths, encoder.cardinality) == ({"codes": 1}, 11)
    codes = encoder.encode(pl.Series(["v0", "v9", "rare", "new", None]))["codes"]
    assert codes.tolist() == [[1], [10], [0], [0], [0]]
    assert fitted([*cells], one_hot_limit=10).widths == {"flags": 10}
    assert fitted([*cells], rare_count=1).cardinality == 12


def test_a_value_that_never_varied_in_training_adds_nothing() -> None:
    assert fitted(["a", "a", "a"]).widths == {}
    assert fitted([None, None]).widths == {}
    assert fitted(["a", "b", "c"]).widths == {}  # all seen once


@pytest.mark.parametrize(
    "cells",
    [
        pl.Series([7, 8, None]),
        pl.Series([7.0, 8.0, None]),
        pl.Series(["7", " 8", "?"]),
        pl.Series(["7.0", "8.0", "nan"]),
        pl.Series(["7", "8", None], dtype=pl.Categorical),
    ],
)
def test_codes_are_the_same_whatever_type_they_come_as(cells: pl.Series) -> None:
    column, _ = describe(pl.Series("type", ["7", "8", "9"] * 5), AUTO)
    encoder = category.fit(category.parse(pl.Series(["7", "8", "9"] * 5), column), column, settings())
    assert encoder.encode(cells)["flags"].tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 0]]


def test_long_codes_stay_apart() -> None:
    codes = pl.Series("id", [2**60, 2**60 + 1, 2**60 + 2] * 5)
    column, _ = describe(codes, AUTO)
    assert column.kind == "category"
    assert category.parse(codes, column).n_unique() == 3
    assert category.parse(codes.cast(pl.String), column).to_list() == category.parse(codes, column).to_list()


@given_settings(deadline=None, max_examples=50)
@given(st.lists(st.none() | st.text(max_size=4), min_size=1, max_size=30), st.lists(st.none() | st.text(max_size=4)))
def test_no_cell_ever_fails(training: list[str | None], new: list[str | None]) -> None:
    encoder = fitted(training)
    blocks = encoder.encode(pl.Series(new, dtype=pl.String))
    assert {block: len(entries) for block, entries in blocks.items()} == dict.fromkeys(encoder.widths, len(new))
    if encoder.cardinality and new:
        assert 0 <= blocks["codes"].min() <= blocks["codes"].max() < encoder.cardinality
