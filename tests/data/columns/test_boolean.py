"""Booleans: two answers, in any of the usual words."""

import polars as pl
import pytest

from fitwell.data.columns import boolean
from fitwell.data.columns.cells import Column
from fitwell.data.schema import describe
from fitwell.errors import DataError
from fitwell.recipe import ColumnSettings, parse

AUTO = ColumnSettings.model_validate({})
SETTINGS = parse({}).data


def column_of(cells: list[str]) -> Column:
    return describe(pl.Series("x", cells), AUTO)[0]


@pytest.mark.parametrize("pair", boolean.PAIRS)
def test_every_pair_of_answers_is_recognized_in_any_case(pair: tuple[str, str]) -> None:
    yes, no = pair
    column = column_of([yes, no.upper(), yes.capitalize(), "", no])
    assert column.kind == "boolean"
    assert boolean.parse(pl.Series([yes, no, None, f" {no}"]), column).to_list() == [True, False, None, False]


@pytest.mark.parametrize("cells", [["yes", "n", "yes"], ["yes", "no", "maybe"], ["male", "female"], ["0", "2", "0"]])
def test_other_words_are_no_booleans(cells: list[str]) -> None:
    assert column_of(cells).kind == "category"


def test_answers_are_one_flag_and_strange_words_are_neither() -> None:
    column = column_of(["Yes", "No"])
    encoder = boolean.fit(pl.Series([True, False, True]), column, SETTINGS)
    cells = pl.Series(["Yes", "No", "no", "TRUE", "?", None, "maybe"])
    assert encoder.encode(cells)["flags"][:, 0].tolist() == [1, -1, -1, 1, 0, 0, 0]
    assert encoder.encode(pl.Series([True, False, None]))["flags"][:, 0].tolist() == [1, -1, 0]
    assert encoder.encode(pl.Series([1.0, 0.0]))["flags"][:, 0].tolist() == [1, -1]


def test_missing_answers_are_a_second_flag_where_training_had_some() -> None:
    encoder = boolean.fit(pl.Series([True, False, None]), column_of(["Yes", "No", ""]), SETTINGS)
    assert encoder.encode(pl.Series(["Yes", "", "maybe"]))["flags"].tolist() == [[1, 0], [0, 1], [0, 0]]
    assert boolean.fit(pl.Series([True, True]), column_of(["Yes", "No"]), SETTINGS).widths == {}


def test_a_declared_boolean_names_the_first_cell_that_is_no_answer() -> None:
    _, claim = describe(pl.Series("x", ["yes", "no", "perhaps"]), ColumnSettings.model_validate({"kind": "boolean"}))
    assert 'row 3 reads "perhaps"' in claim.problem
    with pytest.raises(DataError, match=r'column "x" holds yes or no, but row 2 reads "perhaps"'):
        boolean.parse(pl.Series(["yes", "perhaps"]), column_of(["yes", "no"]))
