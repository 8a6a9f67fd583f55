"""A row for each step becomes a row for each series: in the order of time, with gaps where steps are not there."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fitwell as fw
from fitwell import cli
from fitwell.data.long import long_settings, one_row_each, series_frame
from fitwell.errors import DataError
from fitwell.recipe import DataSettings, Recipe, changed

ASKED = DataSettings(series_id="id", series_time="t")


def decided(frame: pl.DataFrame, asked: DataSettings = ASKED, *, target: str = "y") -> DataSettings:
    return changed(Recipe(data=asked), long_settings(frame, asked, target=[target])).data


def made(frame: pl.DataFrame, asked: DataSettings = ASKED) -> pl.DataFrame:
    return one_row_each(frame, decided(frame, asked))


def table(**columns: list[Any]) -> pl.DataFrame:
    steps: dict[str, list[Any]] = {
        "id": ["a", "a", "a", "b", "b"],
        "t": [1, 2, 3, 1, 2],
        "x": [1.0, 2.0, 3.0, 4.0, 5.0],
    }
    return pl.DataFrame(steps | {"y": list("pppqq")} | columns)


@given(st.permutations(range(5)))
def test_the_order_of_the_rows_does_not_matter_but_to_the_order_of_the_series(places: list[int]) -> None:
    found = made(table()[list(places)]).sort("id")
    assert found.rows() == [("a", "p", [1.0, 2.0, 3.0]), ("b", "q", [4.0, 5.0])]


def test_columns_that_change_are_channels_and_the_rest_stand_beside() -> None:
    frame = table(z=[9, 8, 7, 6, 5], age=[40, 40, None, 50, 50])
    settings = decided(frame)
    assert settings.series == {"series": ("x", "z")}
    assert settings.columns["id"].kind == "identifier"
    found = one_row_each(frame, settings)
    assert found["series"].to_list() == [[[1.0, 9.0], [2.0, 8.0], [3.0, 7.0]], [[4.0, 6.0], [5.0, 5.0]]]
    assert found["age"].to_list() == [40, 50]


def test_channels_can_be_named_as_several_series() -> None:
    asked = DataSettings(series_id="id", series_time="t", series={"one": ("x",), "two": ("z",)})
    found = made(table(z=[9, 8, 7, 6, 5]), asked)
    assert found["two"].to_list() == [[9.0, 8.0, 7.0], [6.0, 5.0]]
    with pytest.raises(DataError, match=r'"w" changes within a series, but data.series does not name it; add it'):
        made(table(z=[9, 8, 7, 6, 5], w=[1, 2, 3, 4, 5]), asked)


@pytest.mark.parametrize(
    ("times", "spacing", "first"),
    [
        ([1, 2, 4, 1, 2], 1.0, [1.0, 2.0, None, 3.0]),
        ([0.0, 0.5, 2.01, 7.0, 7.5], 0.5, [1.0, 2.0, None, None, 3.0]),  # up to a twentieth of the spacing off
        ([1.0, 2.0, 3.7, 1.0, 2.0], 0.0, [1.0, 2.0, 3.0]),
        ([1, 2, 1000, 1, 2], 0.0, [1.0, 2.0, 3.0]),  # mostly gaps: times are irregular
        (["2024-03-01", "2024-03-02", "2024-03-04", "2024-01-01", "2024-01-02"], 86_400.0, [1.0, 2.0, None, 3.0]),
    ],
)
def test_gaps_show_where_times_are_multiples_of_a_spacing(times: list[Any], spacing: float, first: list[Any]) -> None:
    frame = table(t=times)
    settings = decided(frame)
    assert settings.series_spacing == spacing
    assert one_row_each(frame, settings)["series"].to_list() == [first, [4.0, 5.0]]


def test_a_series_alone_has_the_gaps_that_the_spacing_of_training_makes() -> None:
    settings = decided(table())
    alone = pl.DataFrame({"id": ["new", "new"], "t": [10, 13], "x": [1.0, 2.0]})
    assert series_frame(alone, settings)["series"].to_list() == [[1.0, None, None, 2.0]]


def test_cells_of_text_and_missing_ones_are_read() -> None:
    frame = table(id=[1, 1, 1, 2, 2], x=["1", " 2.5 ", "NA", "", "5"])
    assert made(frame)["series"].to_list() == [[1.0, 2.5, None], [None, 5.0]]


def test_without_times_steps_come_as_the_rows_do() -> None:
    asked = DataSettings(series_id="id")
    frame = table().drop("t")[[1, 3, 0, 4, 2]]
    assert made(frame, asked).rows() == [("a", "p", [2.0, 1.0, 3.0]), ("b", "q", [4.0, 5.0])]


@pytest.mark.parametrize(
    ("columns", "refusal"),
    [
        (
            {"y": list("pqppp")},
            '"y" must be the same in all rows of a series, but in series "a" it is "p" and then "q"',
        ),
        ({"x": list("uvwxy")}, '"x" changes within a series, and so must hold numbers, but in series "a" it is "u"'),
        ({"t": [1, 1, 2, 1, 2]}, '"a" has two at "1" in rows 1 and 2; remove one of them'),
        ({"t": [1, None, 2, 1, 2]}, 'every row must have a time, but "t" is empty in row 2'),
        ({"t": ["1", "x", "2", "1", "2"]}, 'must be numbers, dates or moments, but row 2 of "t" reads "x"'),
        ({"id": ["a", None, "a", "b", "b"]}, 'every row must have the id of its series, but "id" is empty in row 2'),
        ({"id": list("abcde")}, '"id" must name a series in several rows, its steps, but its 5 values all differ'),
        ({"x": [1, 1, 1, 2, 2]}, 'some column must change within the series of "id", but none does'),
    ],
)
def test_what_is_no_long_table_is_refused_in_words(columns: dict[str, list[Any]], refusal: str) -> None:
    with pytest.raises(DataError, match=refusal):
        made(table(**columns))


def test_columns_that_are_not_there_are_refused_with_the_nearest() -> None:
    with pytest.raises(DataError, match=r'data.series_time is "t2", but there is no such column; did you mean "t"'):
        made(table(), DataSettings(series_id="id", series_time="t2"))
    settings = decided(table())
    with pytest.raises(DataError, match=r'a channel of data.series.series is "x", but there is no such column'):
        series_frame(table().drop("x"), settings)


def readings(series: int = 60) -> pl.DataFrame:
    """Return machines that heat up or cool down, a reading each hour, some missing, in any order."""
    random, rows = np.random.default_rng(0), []
    for number in range(series):
        for hour in range(int(random.integers(8, 13))):
            if hour == 3 and number % 5 == 0:
                continue
            heat = (1 if number % 2 else -1) * hour + 0.3 * random.standard_normal()
            when = datetime(2024, 1, 1) + timedelta(days=number, hours=hour)
            rows.append((f"m{number}", str(when), heat, ["cools", "heats"][number % 2]))
    frame = pl.DataFrame(rows, schema=["machine", "when", "heat", "way"], orient="row")
    return frame[random.permutation(len(frame)).tolist()]


def test_a_long_table_goes_the_whole_way(tmp_path: Path) -> None:
    readings().write_csv(tmp_path / "long.csv")
    asked = (
        f"train {tmp_path / 'long.csv'} --target way --series-id machine --series-time when --out {tmp_path / 'run'}"
    )
    assert cli.run([*asked.split(), "--set", "training.epochs=15", "--set", "network.series.widths=[8]"]) == 0
    run = fw.load(tmp_path / "run")
    assert run.data["rows"] == 60
    assert run.recipe.data.series_spacing == 3600.0
    assert run.evaluation["metrics"]["accuracy"]["value"] == 1.0
    fresh = readings(12).drop("way")
    predicted = run.predict(fresh)
    assert predicted.columns[:2] == ["machine", "prediction"]
    truth = {f"m{number}": ["cools", "heats"][number % 2] for number in range(12)}
    assert dict(predicted.select("machine", "prediction").rows()) == truth
    assert run.evaluate(str(tmp_path / "long.csv")).as_json()["rows"] == 60
    assert run.explain(fresh, rows=1).rows[0].regions[0].column == "series"
