"""Lists of numbers become arrays of one length, scaled, with their gaps and ends marked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from fitwell.data.columns import series
from fitwell.data.columns.cells import Column
from fitwell.data.columns.series import SeriesEncoder
from fitwell.data.encode import encode_features, encoders_from_json, encoders_to_json, fit_encoders
from fitwell.data.read import read_table
from fitwell.data.schema import describe, infer_schema
from fitwell.data.wide import gathered
from fitwell.errors import DataError
from fitwell.recipe import ColumnSettings, DataSettings, Recipe, changed

AUTO = ColumnSettings.model_validate({})
CELLS: list[Any] = [[1.0, 2.0, 3.0], [4.0, 6.0], None, [5.0, 0.0, 0.0]]
DEEP: list[Any] = [[[1.0, 10.0], [2.0, 20.0]], [[3.0, None]], None]


def fitted(cells: pl.Series) -> tuple[SeriesEncoder, Column]:
    column, claim = describe(cells, AUTO)
    assert (column.kind, claim.problem) == ("series", "")
    return series.fit(series.parse(cells, column), column, DataSettings()), column


@pytest.mark.parametrize(
    ("cells", "why"),
    [
        (pl.Series("x", CELLS), "lists of 2 to 3 steps; 1 of 4 are missing (empty)"),
        (pl.Series("x", DEEP), "lists of 1 to 2 steps of 2 channels; 1 of 3 are missing (empty)"),
        (pl.Series("x", [[1, 2], [3, 4]]), "lists of 2 steps"),
        (pl.Series("x", ["[1, 2.5, null]", " [3] "]), "lists of 1 to 3 steps"),
        (pl.Series("x", ["[[1, 2], [3, 4]]"]), "lists of 2 steps of 2 channels"),
    ],
)
def test_lists_of_numbers_are_series(cells: pl.Series, why: str) -> None:
    column, _ = describe(cells, AUTO)
    assert (column.kind, column.why) == ("series", why)


@pytest.mark.parametrize("cells", [["[1, 2", "[3]"], ["[a]", "[b]"], ['["a"]', "[1]"], ["1, 2", "3"], ["[true]"] * 2])
def test_text_that_is_no_list_of_numbers_is_no_series(cells: list[str]) -> None:
    assert describe(pl.Series("x", cells), AUTO)[0].kind != "series"


def test_values_are_scaled_gaps_marked_and_ends_too() -> None:
    cells = pl.Series("x", [[1.0, None, 3.0], [4.0], None])
    encoder, _ = fitted(cells)
    mean, spread = np.mean([1.0, 3.0, 4.0]), np.std([1.0, 3.0, 4.0])
    assert encoder.shape == (3, 3)
    low, high, last = ((value - mean) / spread for value in (1.0, 3.0, 4.0))
    expected = [
        [[low, 0.0, 1.0], [0.0, 1.0, 1.0], [high, 0.0, 1.0]],
        [[last, 0.0, 1.0], [0.0] * 3, [0.0] * 3],
        [[0.0] * 3] * 3,
    ]
    assert np.allclose(encoder.encode(cells), np.array(expected))


def test_each_channel_is_scaled_by_itself() -> None:
    cells = pl.Series("x", [[[1.0, 100.0], [3.0, 300.0]], [[5.0, 500.0]]])
    encoder, _ = fitted(cells)
    encoded = encoder.encode(cells)
    assert encoded.shape == (2, 2, 3)
    assert np.allclose(encoded[..., 0], encoded[..., 1])


def test_steps_without_a_value_are_gaps_of_all_channels() -> None:
    encoder, _ = fitted(pl.Series("x", DEEP))
    encoded = encoder.encode(pl.Series("x", [[None, [2.0, 20.0]]], dtype=pl.List(pl.List(pl.Float64))))
    assert encoded[0, :, 2:].tolist() == [[1, 1], [0, 1]]


def test_longer_series_are_cut_and_shorter_ones_filled_up() -> None:
    encoder, _ = fitted(pl.Series("x", [[1.0, 2.0], [3.0, 5.0]]))
    long, short = encoder.encode(pl.Series("x", [[1.0, 2.0, 9.0], [1.0]]))
    assert long[:, -1].tolist() == [1, 1]
    assert short[:, -1].tolist() == [1, 0]
    assert np.array_equal(long[0], short[0])


def test_a_row_does_not_depend_on_the_others() -> None:
    cells = pl.Series("x", CELLS)
    encoder, _ = fitted(cells)
    whole = encoder.encode(cells)
    assert all(np.array_equal(encoder.encode(cells[[row]])[0], whole[row]) for row in range(len(cells)))


def test_a_channel_that_never_varies_is_zero() -> None:
    encoder, _ = fitted(pl.Series("x", [[[1.0, 7.0], [2.0, 7.0]]]))
    assert encoder.spread[1] == 1.0


@pytest.mark.parametrize(
    ("cells", "told"),
    [
        (pl.Series("x", [[1.0], [2.0]]), '"x" must hold series of at least 2 steps, but its longest has 1'),
        (pl.Series("x", [[[1.0, 2.0], [3.0]]]), '"x" has 2 channels, but a step in row 1 has 1; give every step'),
    ],
)
def test_what_cannot_be_learned_from_is_refused(cells: pl.Series, told: str) -> None:
    with pytest.raises(DataError, match=told):
        fitted(cells)


def test_a_cell_that_is_no_list_is_named_at_prediction() -> None:
    encoder, _ = fitted(pl.Series("x", ["[1, 2]", "[3, 4]"]))
    with pytest.raises(DataError, match=r'column "x" holds series, but row 12 reads "oops"; write a list of numbers'):
        encoder.encode(pl.Series("x", ["[1]", "oops"]), first_row=10)


def test_a_column_of_lists_is_declared_nothing_but_series() -> None:
    with pytest.raises(
        DataError, match=r'"x" is declared number, but its cells are lists of numbers; let data\.columns'
    ):
        describe(pl.Series("x", CELLS), ColumnSettings(kind="number"))


def test_words_cannot_be_declared_series() -> None:
    _, claim = describe(pl.Series("x", ["a", "b"]), ColumnSettings(kind="series"))
    assert 'declared series (lists of numbers, such as "[1.5, 2]"), but row 1 reads "a"' in claim.problem


def test_more_series_than_the_memory_holds_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    encoder, _ = fitted(pl.Series("x", CELLS))
    monkeypatch.setattr(series, "MOST_BYTES", 95)
    with pytest.raises(DataError, match=r"the 4 series of column \"x\" must fit into"):
        encoder.encode(pl.Series("x", CELLS))


@pytest.mark.parametrize("form", ["parquet", "jsonl", "csv"])
@pytest.mark.parametrize("cells", [CELLS, DEEP[:2] * 2], ids=["numbers", "channels"])
def test_every_format_gives_the_same_arrays(tmp_path: Path, form: str, cells: list[Any]) -> None:
    frame = pl.DataFrame({"x": pl.Series(cells, strict=False), "y": ["a", "b", "a", "b"]})
    path = tmp_path / f"t.{form}"
    if form == "parquet":
        frame.write_parquet(path)
    elif form == "jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in frame.to_dicts()))
    else:
        text = [None if cell is None else json.dumps(cell) for cell in cells]
        frame.with_columns(x=pl.Series(text)).write_csv(path)
    blocks = []
    for source in (path, frame):
        table = read_table(source)
        schema = infer_schema(table, changed(Recipe(), {"target": ["y"]}))
        encoders = fit_encoders(table.frame, schema, np.arange(4), DataSettings())
        again = encoders_from_json(json.loads(json.dumps(encoders_to_json(encoders))))
        blocks.append(encode_features(table.frame, again)["series_0"])
    assert np.array_equal(blocks[0], blocks[1])


def test_a_frame_of_lists_has_a_fingerprint_of_its_values() -> None:
    frames = [pl.DataFrame({"x": cells}) for cells in (CELLS, CELLS, [*CELLS[:3], [5.0, 0.0]], [[1.0], *CELLS[1:]])]
    one, same, *others = (read_table(frame).fingerprint for frame in frames)
    assert one == same
    assert len({one, *others}) == 3


WIDE = pl.DataFrame({
    "y": ["a", "b", "c"], "t2": ["3", "", "5"], "t10": [4.5, None, None], "t1": [1, 2, None], "x": [0, 0, 0],
    **{f"t{step}": [9.0, 9.0, 9.0] for step in range(3, 10)},
})  # fmt: skip


def test_numbered_columns_become_a_series_in_the_order_of_their_numbers() -> None:
    frame = gathered(WIDE, {"pulse": ["t"]})
    assert frame.columns == ["y", "x", "pulse"]
    assert frame["pulse"].to_list() == [[1, 3, *[9] * 7, 4.5], [2, None, *[9] * 7], [None, 5, *[9] * 7]]


def test_several_beginnings_are_channels() -> None:
    frame = pl.DataFrame(
        {"a_0": [1.0], "a_1": [2.0], "b_0": [3.0], "b_1": [None]}, schema_overrides={"b_1": pl.Float64}
    )
    assert gathered(frame, {"s": ["a", "b"]})["s"].to_list() == [[[1.0, 3.0], [2.0, None]]]


def test_a_row_without_any_step_has_no_series() -> None:
    frame = pl.DataFrame({"t0": [1.0, None], "t1": [2.0, None]})
    assert gathered(frame, {"s": ["t"]})["s"].to_list() == [[1.0, 2.0], None]


@pytest.mark.parametrize(
    ("columns", "named", "told"),
    [
        (["t0", "t1"], {"s": ["u"]}, r'begin with "u" and end with a number, but there is none'),
        (["t0", "t2"], {"s": ["t"]}, r'series "s" are t0 to t2, but the column of step 1 is missing; add it'),
        (
            ["t0", "t1", "u0"],
            {"s": ["t", "u"]},
            r'must have as many steps, but "t" has 2, "u" has 1; are columns missing',
        ),
        (["t0", "t1", "s"], {"s": ["t"]}, r'data\.series\.s makes a column "s", but there is one; choose another name'),
    ],
)
def test_what_cannot_be_gathered_is_refused(columns: list[str], named: dict[str, list[str]], told: str) -> None:
    with pytest.raises(DataError, match=told):
        gathered(pl.DataFrame({column: [1.0] for column in columns}), named)


def test_a_step_that_is_no_number_is_named() -> None:
    with pytest.raises(
        DataError, match=r'"s" must be numbers, but row 2 of "t1" reads "high"; correct it, or empty it'
    ):
        gathered(pl.DataFrame({"t0": ["1", "2"], "t1": ["1", "high"]}), {"s": ["t"]})
