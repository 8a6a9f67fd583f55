"""Dates are read as they are written, and become places in the year, week and day."""

from datetime import UTC, date, datetime, time, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import settings as given_settings
from hypothesis import strategies as st

from fitwell.data.columns import date as dates
from fitwell.data.columns.cells import Column
from fitwell.data.schema import describe
from fitwell.errors import DataError
from fitwell.recipe import ColumnSettings, DataSettings, parse

AUTO = ColumnSettings.model_validate({})


def settings(**values: object) -> DataSettings:
    return parse({"data": values}).data


def column_of(cells: list[str], name: str = "x", asked: ColumnSettings = AUTO) -> Column:
    return describe(pl.Series(name, cells), asked)[0]


@pytest.mark.parametrize(
    ("name", "cells", "last"),
    [
        ("x", ["2024-02-28", "2024-02-29"], datetime(2024, 2, 29)),
        ("x", ["2024-02-28 10:11:12", "2024-02-29 23:59:59.5"], datetime(2024, 2, 29, 23, 59, 59, 500000)),
        ("x", ["2024-02-28T10:11", "2024-02-29T23:59"], datetime(2024, 2, 29, 23, 59)),
        ("x", ["2024-02-28T10:11:12Z", "2024-02-29T23:00:00+02:00"], datetime(2024, 2, 29, 21)),
        ("x", ["2024/02/28", "2024/2/9"], datetime(2024, 2, 9)),
        ("x", ["2/28/2024", "3/1/2024"], datetime(2024, 3, 1)),
        ("x", ["28/2/2024", "1/3/2024"], datetime(2024, 3, 1)),
        ("x", ["28.02.2024 7:30", "01.03.2024 8:00"], datetime(2024, 3, 1, 8)),
        ("x", ["2/28/24", "3/1/24"], datetime(2024, 3, 1)),
        ("x", ["2/28/2024 3:04:05 PM", "3/1/2024 1:00:00 AM"], datetime(2024, 3, 1, 1)),
        ("x", ["28 Feb 2024", "1 Mar 2024"], datetime(2024, 3, 1)),
        ("x", ["February 28, 2024", "March 1, 2024"], datetime(2024, 3, 1)),
        ("x", ["28-Feb-24", "01-Mar-24"], datetime(2024, 3, 1)),
        ("x", ["1949-01", "1949-02"], datetime(1949, 2, 1)),
        ("x", ["10:30", "23:15"], datetime(1970, 1, 1, 23, 15)),
        ("event_date", ["20240228", "20240229"], datetime(2024, 2, 29)),
        ("timestamp", ["964982703", "964981247"], datetime(2000, 7, 30, 18, 20, 47)),
        ("ts", ["964982703000", "964981247000"], datetime(2000, 7, 30, 18, 20, 47)),
    ],
)
def test_dates_are_read_as_they_are_written(name: str, cells: list[str], last: datetime) -> None:
    column = column_of(cells, name)
    assert column.kind == "date", column
    assert dates.parse(pl.Series(cells), column)[-1] == last


@pytest.mark.parametrize("cells", [["12.5", "3.25"], ["2011", "2012"], ["964982703", "964981247"], ["ab-12", "cd-13"]])
def test_numbers_and_codes_are_no_dates(cells: list[str]) -> None:
    assert column_of(cells * 3).kind != "date"


def test_an_undecided_order_of_day_and_month_is_said() -> None:
    column = column_of(["1/2/2024", "3/4/2024"])
    assert column.format["date_format"] == "%m/%d/%Y"
    assert "month first: no cell decides it; data.columns.x.date_format does" in column.why
    asked = ColumnSettings.model_validate({"date_format": "%d/%m/%Y"})
    assert dates.parse(pl.Series(["1/2/2024"]), column_of(["1/2/2024", "3/4/2024"], asked=asked))[0] == datetime(
        2024, 2, 1
    )
    assert "no cell decides" not in column_of(["1/2/2024", "3/14/2024"]).why


def test_typed_dates_are_read_as_they_are() -> None:
    column, _ = describe(pl.Series("x", [date(2024, 1, 2), None, date(2024, 1, 3)]), AUTO)
    assert (column.kind, column.missing_count) == ("date", 1)
    zoned = pl.Series([datetime(2024, 1, 2, 3, tzinfo=UTC)]).dt.convert_time_zone("Asia/Tokyo")
    assert dates.parse(zoned, column)[0] == datetime(2024, 1, 2, 3)
    assert dates.parse(pl.Series([time(1, 2)]), column)[0] == datetime(1970, 1, 1, 1, 2)
    assert dates.parse(pl.Series(["2024-01-02 03:00:00"]), column)[0] == datetime(2024, 1, 2, 3)


def test_text_for_typed_dates_is_iso_8601_whatever_stands_beside_it() -> None:
    column, _ = describe(pl.Series("when", [date(2024, 1, 2), date(2024, 1, 3)]), AUTO)
    refusal = (
        r'"when" holds typed dates, whose text must be ISO 8601 .*row 1 reads "01/02/2020"; write it so, or say in '
        r"data\.columns\.when\.date_format"
    )
    for beside in ([], ["25/02/2020"], ["2020-01-02"]):
        with pytest.raises(DataError, match=refusal):
            dates.parse(pl.Series(["01/02/2020", *beside]), column)
    moments = [datetime(2020, 1, 2), datetime(2020, 1, 2, 3, 4), datetime(2020, 1, 2, 3, 4, 5, 600000)]
    for zone, moved in (("", 0), ("Z", 0), ("+02:00", 2), ("-0530", -5.5)):
        written = ["2020-01-02", f"2020-01-02T03:04{zone}", f"2020-01-02 03:04:05.6{zone}"]
        read = dates.parse(pl.Series(written), column).to_list()
        assert read == [moments[0], *(moment - timedelta(hours=moved) for moment in moments[1:])]


def test_what_the_recipe_says_of_typed_dates_is_how_their_text_is_read() -> None:
    for kind in ("auto", "date"):
        asked = ColumnSettings.model_validate({"date_format": "%d/%m/%Y", "kind": kind})
        column, _ = describe(pl.Series("x", [date(2024, 1, 2), date(2024, 1, 3)]), asked)
        assert dates.parse(pl.Series(["01/02/2020"]), column).to_list() == [datetime(2020, 2, 1)]
    clock, _ = describe(pl.Series("x", [time(1, 2), time(3, 4)]), AUTO)
    assert dates.parse(pl.Series(["05:06:07"]), clock).to_list() == [datetime(1970, 1, 1, 5, 6, 7)]


def test_a_cell_that_is_no_date_is_named() -> None:
    column = column_of(["2024-02-28", "2024-02-29", "?"])
    with pytest.raises(DataError, match=r'holds dates written %Y-%m-%d, but row 2 reads "30.02.2024"'):
        dates.parse(pl.Series(["2024-02-28", "30.02.2024"]), column)
    with pytest.raises(DataError, match="these cells are of type Boolean"):
        dates.parse(pl.Series([True]), column)
    _, claim = describe(pl.Series("x", ["2024-02-28", "soon"]), ColumnSettings.model_validate({"kind": "date"}))
    assert 'row 2 reads "soon"' in claim.problem


def test_calendar_parts_lie_on_circles() -> None:
    cells = pl.Series(["2024-01-01 00:00", "2024-07-01 06:00", "2024-12-31 18:30"])
    column = column_of(cells.to_list())
    encoder = dates.fit(dates.parse(cells, column), column, settings())
    assert encoder.parts == ("month", "weekday", "hour", "day_of_year")
    flags = encoder.encode(cells)["flags"]
    turns = {"month": [0, 6 / 12, 11 / 12], "weekday": [0, 0, 1 / 7], "hour": [0, 6 / 24, 18.5 / 24]}
    turns["day_of_year"] = [0, 182 / 365.25, 365 / 365.25]  # 2024 is a leap year
    for place, part in enumerate(encoder.parts):
        angles = 2 * np.pi * np.array(turns[part])
        np.testing.assert_allclose(flags[:, 2 * place], np.sin(angles), atol=1e-6)
        np.testing.assert_allclose(flags[:, 2 * place + 1], np.cos(angles), atol=1e-6)


def test_only_parts_that_vary_are_features() -> None:
    cells = pl.Series(["2023-01-01", "2023-02-01", "2023-03-01", ""])
    column = column_of(cells.to_list())
    encoder = dates.fit(dates.parse(cells, column), column, settings())
    assert encoder.parts == ("month", "weekday")
    assert encoder.widths == {"numbers": 1, "flags": 5}
    assert encoder.encode(pl.Series([None], dtype=pl.String))["flags"].tolist() == [[0, 0, 0, 0, 1]]


def test_elapsed_days_are_scaled_unless_rows_are_split_by_time() -> None:
    cells = pl.Series(["2024-01-01", "2024-01-02", "2024-01-03", "2024-01-04", "2024-01-05"])
    column = column_of(cells.to_list())
    moments = dates.parse(cells, column)
    z = np.array([-2, -1, 0, 1, 2]) / 2  # the interquartile range is two days
    numbers = dates.fit(moments, column, settings()).encode(cells)["numbers"][:, 0]
    np.testing.assert_allclose(numbers, z / np.sqrt(1 + (z / 3) ** 2), rtol=1e-6)
    for by_time in ({"time": "x"}, {"time": "x", "split": "time"}, {"time": "x", "split": "given", "test": "t.csv"}):
        assert "numbers" not in dates.fit(moments, column, settings(**by_time)).widths
    assert dates.fit(moments, column, DataSettings(time="x", split="random")).widths["numbers"] == 1


@given_settings(deadline=None, max_examples=50)
@given(st.lists(st.none() | st.datetimes(datetime(1000, 1, 1), datetime(2999, 12, 31)), min_size=1, max_size=20))
def test_isoformat_reads_back_and_encodes_finitely(moments: list[datetime | None]) -> None:
    cells = pl.Series(
        "x", [None if moment is None else moment.isoformat(sep=" ") for moment in moments], dtype=pl.String
    )
    column, claim = describe(
        cells, ColumnSettings.model_validate({"kind": "date", "date_format": "%Y-%m-%d %H:%M:%S%.f"})
    )
    assert claim.problem == ""
    values = dates.parse(cells, column)
    assert values.to_list() == moments
    blocks = dates.fit(values, column, settings()).encode(cells)
    assert all(np.isfinite(block).all() for block in blocks.values())
