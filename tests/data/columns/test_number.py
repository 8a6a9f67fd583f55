"""Numbers are read as people write them, and scaled as their witnesses scale them."""

from dataclasses import replace
from itertools import pairwise
from statistics import NormalDist

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import settings as given_settings
from hypothesis import strategies as st
from sklearn.preprocessing import QuantileTransformer, RobustScaler, StandardScaler

from fitwell.data.columns import number
from fitwell.data.columns.cells import Column
from fitwell.data.schema import describe
from fitwell.errors import DataError
from fitwell.recipe import ColumnSettings, DataSettings, NumberScaling, parse

AUTO = ColumnSettings.model_validate({})


def settings(**values: object) -> DataSettings:
    return parse({"data": values}).data


def column_of(cells: list[str], asked: ColumnSettings = AUTO) -> Column:
    column, _ = describe(pl.Series("x", cells), asked)
    return column


def read(cells: list[str], asked: ColumnSettings = AUTO) -> list[float | None]:
    column = column_of(cells, asked)
    assert column.kind == "number", column
    values: list[float | None] = number.parse(pl.Series("x", cells), column).to_list()
    return values


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        (["1", "-2.5", "+3e2", ".5", "5."], [1.0, -2.5, 300.0, 0.5, 5.0]),
        (["1,234,567", "12", "1,000.5"], [1234567.0, 12.0, 1000.5]),
        (["1.234.567,5", "12,25", "3"], [1234567.5, 12.25, 3.0]),
        (["1 234", "1 234 567,5", "3,5"], [1234.0, 1234567.5, 3.5]),
        (["1'234.5", "12'000", "3"], [1234.5, 12000.0, 3.0]),
        (["12.5 %", "7%", "-1 %"], [0.125, 0.07, -0.01]),
        (["$1,200", "-$3.50", "$-4", "USD 12"], [1200.0, -3.5, -4.0, 12.0]),
        (["12,50 €", "3 EUR", "1.000,00 €"], [12.5, 3.0, 1000.0]),
        (["(123)", "45", "($1,000.50)", "12-"], [-123.0, 45.0, -1000.5, -12.0]),
        (["1 234", "2 500", "−7"], [1234.0, 2500.0, -7.0]),
    ],
)
def test_cells_are_read_as_people_write_numbers(cells: list[str], values: list[float]) -> None:
    assert read(cells) == pytest.approx(values)


def test_an_ambiguous_comma_is_taken_for_thousands_and_said_so() -> None:
    column = column_of(["1,234", "5,678", "9,012"])
    assert number.parse(pl.Series(["1,234"]), column).to_list() == [1234.0]
    assert '"," taken for a thousands mark, unless data.columns.x.decimal says so' in column.why


def test_one_cell_decides_the_comma_for_the_whole_column() -> None:
    assert read(["1,234", "5,67", "9,012"]) == [1.234, 5.67, 9.012]
    assert read(["1,234", "0,678", "9,012"]) == [1.234, 0.678, 9.012]


def test_the_recipe_decides_the_comma() -> None:
    asked = ColumnSettings.model_validate({"decimal": ","})
    assert read(["1,234", "5,678", "1.000"], asked) == [1.234, 5.678, 1000.0]


def test_missing_markers_are_counted_and_named() -> None:
    column = column_of(["1.5", "?", "2", "Unknown", "", "  ", "nan", "-", "3", "?"])
    assert column.kind == "number"
    assert column.missing == ("?", "-", "Unknown", "nan")
    assert column.missing_count == 7
    assert "3 of 10 cells read as numbers; 7 of 10 are missing" in column.why


def test_one_word_among_numbers_is_a_missing_marker() -> None:
    cells = [*map(str, range(50)), "varies", "varies"]
    column = column_of(cells[::-1])
    assert (column.kind, column.missing, column.missing_count) == ("number", ("varies",), 2)
    assert number.parse(pl.Series(["7", "varies"]), column).to_list() == [7.0, None]


def test_several_words_among_numbers_are_refused_by_name() -> None:
    _, claim = describe(pl.Series("x", [*(f"{value}.5" for value in range(98)), "ab", "cd"]), AUTO)
    assert 'reads as numbers except for 2 of 100 cells, such as "ab", "cd" (the first is in row 99)' in claim.problem


def test_text_with_some_numbers_is_no_number() -> None:
    assert column_of(["12", "a", "b", "12", "a", "b"] * 9).kind == "category"


def test_declared_numbers_name_the_first_bad_cell_and_its_row() -> None:
    _, claim = describe(pl.Series("x", ["1", "two", "3", "one"]), ColumnSettings.model_validate({"kind": "number"}))
    assert 'column "x" is declared a number, but row 2 reads "two"' in claim.problem


def test_infinities_are_refused() -> None:
    _, claim = describe(pl.Series("x", ["1.5", "inf", "2.5"]), AUTO)
    assert 'must hold finite numbers, but row 2 reads "inf"' in claim.problem
    with pytest.raises(DataError, match=r'"x" must hold finite numbers, but row 14 reads "1e999"'):
        number.parse(pl.Series(["1", "1e999"]), column_of(["1.5", "2"]), first_row=12)


def test_a_cell_that_is_no_number_is_named_at_prediction() -> None:
    with pytest.raises(DataError, match=r'column "x" holds numbers, but row 3 reads "oops"; correct that cell'):
        number.parse(pl.Series(["1", "?", "oops", "4"]), column_of(["1.5", "2", "3"]))
    with pytest.raises(DataError, match="these cells are of type Date"):
        number.parse(pl.Series([None], dtype=pl.Date), column_of(["1.5", "2", "3"]))


def test_typed_cells_read_as_their_text_does() -> None:
    column = column_of(["1.5", "2", "", "4"])
    for cells in ([1.5, 2.0, None, 4.0], [1.5, 2.0, float("nan"), 4.0]):
        assert number.parse(pl.Series(cells, dtype=pl.Float32), column).to_list() == [1.5, 2.0, None, 4.0]
    assert number.parse(pl.Series([1, None, 3], dtype=pl.Int8), column).to_list() == [1.0, None, 3.0]
    assert number.parse(pl.Series([True, None]), column).to_list() == [1.0, None]


@pytest.mark.parametrize("cells", [pl.Series("x", ["5", "-999", "7"]), pl.Series("x", [5, -999, 7])])
def test_listed_missing_numbers_are_missing_as_text_and_typed(cells: pl.Series) -> None:
    column, _ = describe(cells, ColumnSettings.model_validate({"missing": ["-999"], "kind": "number"}))
    assert column.missing_count == 1
    assert number.parse(cells, column).to_list() == [5.0, None, 7.0]


def test_a_suspicious_sentinel_is_mentioned_and_kept() -> None:
    column = column_of([*map(str, range(40)), "-999", "-999", "-999"])
    assert "-999 stands far from the rest in 3 cells and may mean missing" in column.why
    assert column.missing_count == 0


def fitted(values: np.ndarray, scaling: NumberScaling) -> np.ndarray:
    column = column_of(["1.5", "2"])
    encoder = number.fit(pl.Series(values), column, settings(numbers=scaling))
    block: np.ndarray = encoder.encode(pl.Series(values))["numbers"]
    return block[:, 0]


def skewed(rows: int = 3000, decimals: int = 1) -> np.ndarray:
    rounded: np.ndarray = np.round(np.random.default_rng(3).lognormal(2.0, 1.0, rows), decimals)
    return rounded  # to one decimal: with repeated values


def test_robust_scaling_is_realmlps() -> None:
    z = RobustScaler().fit_transform(skewed()[:, None])[:, 0]
    np.testing.assert_allclose(fitted(skewed(), "robust"), z / np.sqrt(1 + (z / 3) ** 2), rtol=2e-7, atol=1e-7)


def test_robust_scaling_falls_back_to_half_the_range() -> None:
    values = np.array([5.0] * 9 + [9.0])
    expected = np.where(values == 5, 0.0, 2 / np.sqrt(1 + (2 / 3) ** 2))  # (9 − 5) / (4 / 2) = 2
    np.testing.assert_allclose(fitted(values, "robust"), expected, rtol=1e-7)


def test_standard_scaling_is_scikit_learns() -> None:
    expected = StandardScaler().fit_transform(skewed()[:, None])[:, 0]
    np.testing.assert_allclose(fitted(skewed(), "standard"), expected, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize(("rows", "decimals"), [(37, 12), (3000, 1)])
def test_quantile_scaling_is_scikit_learns(rows: int, decimals: int) -> None:
    values = skewed(rows, decimals)
    new = np.concatenate([values, np.linspace(-10, 400, 500)])
    witness = QuantileTransformer(n_quantiles=min(1000, rows), output_distribution="normal", subsample=10**9)
    expected = witness.fit(values[:, None]).transform(new[:, None])[:, 0]
    encoder = number.fit(pl.Series(values), column_of(["1.5", "2"]), settings(numbers="quantile"))
    np.testing.assert_allclose(encoder.encode(pl.Series(new))["numbers"][:, 0], expected, rtol=1e-6, atol=1e-6)


def test_repeated_values_lie_in_the_middle_of_their_step() -> None:
    encoder = number.fit(pl.Series([0.0, 1.0, 1.0, 2.0, 3.0]), column_of(["1.5", "2"]), settings(numbers="quantile"))
    expected = NormalDist().inv_cdf((0.25 + 0.5) / 2)
    assert encoder.encode(pl.Series([1.0]))["numbers"].item() == pytest.approx(expected, abs=1e-7)


def test_numbers_without_scaling_stay() -> None:
    np.testing.assert_array_equal(fitted(skewed(), "none"), skewed().astype(np.float32))


def test_missing_is_zero_with_a_flag_only_where_training_had_missing_cells() -> None:
    column = column_of(["1.5", "2", ""])
    with_missing = number.fit(pl.Series([1.0, None, 3.0]), column, settings())
    assert with_missing.encode(pl.Series(["", "1"]))["flags"].tolist() == [[1.0], [0.0]]
    assert with_missing.encode(pl.Series(["", "1"]))["numbers"][0].tolist() == [0.0]
    without = number.fit(pl.Series([1.0, 2.0, 3.0]), column, settings())
    assert without.widths == {"numbers": 1}
    assert without.encode(pl.Series([None, 2.0]))["numbers"].tolist() == [[0.0], [0.0]]
    assert number.fit(pl.Series([1.0, None]), column, settings(missing_indicators=False)).widths == {}


@pytest.mark.parametrize("scaling", number.SCALINGS)
@given_settings(deadline=None, max_examples=50)
@given(
    training=st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=2, max_size=20),
    new=st.lists(st.none() | st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=20),
)
def test_every_scaling_is_finite_and_keeps_order(
    scaling: NumberScaling, training: list[float], new: list[float | None]
) -> None:
    encoder = number.fit(pl.Series(training), column_of(["1.5", "2"]), settings(numbers=scaling))
    blocks = encoder.encode(pl.Series(new, dtype=pl.Float64))
    assert all(np.isfinite(block).all() for block in blocks.values())
    if "numbers" in blocks:
        pairs = zip(new, blocks["numbers"][:, 0].tolist(), strict=True)
        ordered = [scaled for _, scaled in sorted((value, scaled) for value, scaled in pairs if value is not None)]
        assert all(later >= earlier - 1e-5 for earlier, later in pairwise(ordered))


@given_settings(deadline=None, max_examples=50)
@given(st.floats(allow_nan=False, allow_infinity=False), st.sampled_from(["{}", " {} ", "${}", "{} %", "({})"]))
def test_a_float_as_python_writes_it_reads_back_exactly(value: float, frame: str) -> None:
    column = replace(column_of(["1.5", "2"]), format={})
    read_back = number.parse(pl.Series([frame.format(repr(value))]), column).to_list()
    if frame == "{} %":
        assert read_back == [pytest.approx(value / 100, rel=1e-15, abs=5e-324)]
    else:
        assert read_back == [-value if frame == "({})" else value]


def mostly_zero() -> np.ndarray:
    random = np.random.default_rng(5)
    return np.where(random.uniform(size=400) < 0.8, 0.0, np.round(random.lognormal(2, 2, 400), 2) - 3)


def test_robust_scaling_is_the_rank_among_distinct_values_where_most_are_equal() -> None:
    values = mostly_zero()
    distinct = sorted(set(values.tolist()))
    assert len(distinct) > 20
    step = 4 / (len(distinct) - 1)
    expected = [(distinct.index(value) - distinct.index(0.0)) * step for value in values.tolist()]
    np.testing.assert_allclose(fitted(values, "robust"), expected, atol=1e-6)


def test_such_ranks_are_interpolated_end_with_the_training_values_and_are_zero_where_missing() -> None:
    values = mostly_zero()
    distinct = np.unique(values)
    encoder = number.fit(pl.Series(values), column_of(["1.5", "2"]), settings(numbers="robust"))
    new = np.sort(np.random.default_rng(6).uniform(distinct[0] - 100, distinct[-1] + 100, 500))
    ranks = np.linspace(0, 4, len(distinct))
    expected = np.interp(new, distinct, ranks) - ranks[distinct.searchsorted(0.0)]
    found = encoder.encode(pl.Series(new))["numbers"][:, 0]
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert (np.diff(found) >= 0).all()
    assert encoder.encode(pl.Series([None, 0.0], dtype=pl.Float64))["numbers"].tolist() == [[0.0], [0.0]]
