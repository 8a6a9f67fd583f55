"""Encoded rows: fitted on the training rows only, row by row, finite, and the same after a round trip."""

import json
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import settings as given_settings
from hypothesis import strategies as st

from fitwell.data import encode
from fitwell.data.encode import (
    Encoders,
    FeatureLayout,
    encode_features,
    encoders_from_json,
    encoders_to_json,
    fit_encoders,
)
from fitwell.data.read import Table
from fitwell.data.schema import infer_schema
from fitwell.errors import DataError
from fitwell.recipe import parse

EXAMPLES = {"telco_churn": "Churn", "german_credit": "class", "penguins": "species"}


@cache
def example(name: str) -> pl.DataFrame:
    return pl.read_csv(Path(__file__).parents[2] / "examples" / f"{name}.csv", infer_schema=False)


def fitted(frame: pl.DataFrame, target: str, *, rows: np.ndarray | None = None, **data: Any) -> Encoders:
    table = Table(frame=frame, source="test", path=None, format="csv", fingerprint="")
    recipe = parse({"target": [target], "data": data})
    return fit_encoders(
        frame, infer_schema(table, recipe), np.arange(len(frame)) if rows is None else rows, recipe.data
    )


@cache
def example_encoders(name: str) -> Encoders:
    frame = example(name)
    return fitted(frame, EXAMPLES[name], rows=np.arange(0, len(frame), 2))


def same(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> bool:
    return one.keys() == other.keys() and all(np.array_equal(one[block], other[block]) for block in one)


def test_telco_churn_has_the_expected_blocks() -> None:
    layout = example_encoders("telco_churn").layout
    assert (layout.numbers, layout.cardinalities) == (3, ())
    assert layout.names["numbers"] == ("tenure", "MonthlyCharges", "TotalCharges")
    # Five booleans and gender: 1 flag each; 9 columns of 3 values, one of 4; TotalCharges is missing in some rows.
    assert layout.flags == 6 + 9 * 3 + 4 + 1
    assert layout.names["flags"].count("Contract") == 3


def test_german_credit_has_one_column_of_codes() -> None:
    layout = example_encoders("german_credit").layout
    assert layout.names["codes"] == ("purpose",)
    assert len(layout.cardinalities) == 1
    assert isinstance(layout, FeatureLayout)


@pytest.mark.parametrize("name", EXAMPLES)
def test_blocks_have_the_widths_and_types_of_the_layout(name: str) -> None:
    encoders = example_encoders(name)
    blocks, layout = encode_features(example(name), encoders), encoders.layout
    assert {block: entries.shape[1] for block, entries in blocks.items()} == {
        block: len(names) for block, names in layout.names.items()
    }
    assert all(entries.flags.c_contiguous and len(entries) == len(example(name)) for entries in blocks.values())
    assert all(np.isfinite(entries).all() for entries in blocks.values())
    assert all(entries.dtype == encode.BLOCKS[block] for block, entries in blocks.items())


@pytest.mark.parametrize("name", EXAMPLES)
def test_encoders_survive_json_exactly(name: str) -> None:
    encoders = example_encoders(name)
    again = encoders_from_json(json.loads(json.dumps(encoders_to_json(encoders))))
    assert again == encoders
    assert same(encode_features(example(name), again), encode_features(example(name), encoders))


@pytest.mark.parametrize("name", EXAMPLES)
@given_settings(deadline=None, max_examples=10)
@given(st.randoms(use_true_random=False))
def test_a_row_does_not_depend_on_its_place_or_neighbors(name: str, random: Any) -> None:
    frame, encoders = example(name), example_encoders(name)
    rows = random.sample(range(len(frame)), 30)
    blocks = encode_features(frame, encoders)
    assert same(encode_features(frame[rows], encoders), {block: entries[rows] for block, entries in blocks.items()})


def test_chunks_leave_no_seam(monkeypatch: pytest.MonkeyPatch) -> None:
    frame, encoders = example("penguins"), example_encoders("penguins")
    whole = encode_features(frame, encoders)
    monkeypatch.setattr(encode, "CHUNK", 7)
    assert same(encode_features(frame, encoders), whole)


def test_encoders_know_the_training_rows_only() -> None:
    frame = example("penguins")
    rows = np.arange(0, 200)
    changed = pl.concat(
        [frame[:200], frame[200:].with_columns(body_mass_g=pl.lit("999999"), island=pl.lit("Atlantis"))]
    )
    assert fitted(frame, "species", rows=rows).layout == fitted(changed, "species", rows=rows).layout
    assert same(
        encode_features(frame[:200], fitted(frame, "species", rows=rows)),
        encode_features(frame[:200], fitted(changed, "species", rows=rows)),
    )


def test_typed_frames_encode_as_their_text_does() -> None:
    frame, encoders = example("penguins"), example_encoders("penguins")
    typed = frame.with_columns(
        pl.col("bill_length_mm", "bill_depth_mm").cast(pl.Float64),
        pl.col("flipper_length_mm", "body_mass_g").cast(pl.Int64),
        pl.col("island", "sex").cast(pl.Categorical),
    )
    assert same(encode_features(typed, encoders), encode_features(frame, encoders))
    assert same(encode_features(frame, fitted(typed, "species")), encode_features(typed, fitted(frame, "species")))


def test_extra_and_reordered_columns_are_fine_and_a_missing_one_is_named() -> None:
    frame, encoders = example("penguins"), example_encoders("penguins")
    shuffled = frame.select(pl.lit("x").alias("extra"), *reversed(frame.columns)).drop("species")
    assert same(encode_features(shuffled, encoders), encode_features(frame, encoders))
    with pytest.raises(DataError, match=r'the column "bill_depth_mm" is needed.*did you mean "bill_depth"'):
        encode_features(frame.rename({"bill_depth_mm": "bill_depth"}), encoders)


def test_a_bad_cell_is_named_by_its_row_in_whole_files() -> None:
    frame, encoders = example("penguins"), example_encoders("penguins")
    bad = frame.with_columns(
        pl.when(pl.int_range(pl.len()) == 9).then(pl.lit("heavy")).otherwise("body_mass_g").alias("body_mass_g")
    )
    with pytest.raises(DataError, match='column "body_mass_g" holds numbers, but row 10 reads "heavy"'):
        encode_features(bad, encoders)
    with pytest.raises(DataError, match='"body_mass_g" holds numbers, but row 1010 reads "heavy"'):
        encode_features(bad, encoders, first_row=1000)


def test_no_rows_are_no_problem() -> None:
    blocks = encode_features(example("penguins")[:0], example_encoders("penguins"))
    assert {block: entries.shape for block, entries in blocks.items()} == {"numbers": (0, 4), "flags": (0, 6)}


def test_features_that_never_vary_in_training_are_refused() -> None:
    frame = pl.DataFrame({"x": ["1.5"] * 30 + ["2.5"] * 10, "y": ["a", "b"] * 20})
    with pytest.raises(DataError, match=r'at least one feature must vary, but "x" .* in the 30 training rows'):
        fitted(frame, "y", rows=np.arange(30))


def fitted_or_refused(frame: pl.DataFrame, rows: np.ndarray) -> Encoders | str:
    try:
        return fitted(frame, "y", rows=rows)
    except DataError as refusal:
        return str(refusal)


cell = (
    st.none() | st.text(max_size=5) | st.sampled_from(["1", "-2.5", "3", "yes", "no", "2024-01-02", "2024-05-06", "?"])
)
tables = st.lists(st.tuples(cell, cell, cell), min_size=6, max_size=30)


@given_settings(deadline=None, max_examples=60)
@given(tables, st.integers(1, 30))
def test_generated_tables_encode_finitely_or_are_refused_in_words(
    table: list[tuple[str | None, ...]], training: int
) -> None:
    frame = pl.DataFrame(table, schema={"a": pl.String, "b": pl.String, "c": pl.String}, orient="row")
    frame = frame.with_columns(y=pl.Series(["p", "q"] * 15).head(len(frame)))
    encoders = fitted_or_refused(frame, np.arange(min(training, len(frame))))
    if isinstance(encoders, str):
        assert "; " in encoders  # says what to try
        return
    blocks = encode_features(frame, encoders)
    assert all(np.isfinite(entries).all() for entries in blocks.values())
    layout = encoders.layout
    for place, cardinality in enumerate(layout.cardinalities):
        assert 0 <= blocks["codes"][:, place].min() <= blocks["codes"][:, place].max() < cardinality
    for row in np.unique(np.linspace(0, len(frame) - 1, 8).astype(int)).tolist():
        alone = encode_features(frame[[row]], encoders)
        assert same({block: entries[[row]] for block, entries in blocks.items()}, alone)
    assert encoders_from_json(json.loads(json.dumps(encoders_to_json(encoders)))) == encoders


# Cells whose reading could lean on their neighbors: days and months to swap, decimal commas, answers, whole numbers.
dates = ["01/02/2020", "25/02/2020", "2020-01-02", "2020-01-02T03:04:05Z", "20200102"]
amounts = ["1,5", "1,234", "1.234", "1.234,5", "12 %", "(3)", "1577934245"]
answers = ["1", "0", "1.0", "yes", "No", "TRUE", "t", "a", " a ", "01"]
neighbors = [st.sampled_from([*cells, "", "?", "nan"]) for cells in (dates, amounts, answers)]
typed_cells = {
    "day": st.dates(date(1990, 1, 1), date(2030, 12, 31)),
    "moment": st.datetimes(datetime(1990, 1, 1), datetime(2030, 12, 31)),
    "clock": st.times(),
    "number": st.floats(-1e6, 1e6),
    "whole": st.integers(-1000, 1000),
    "flag": st.booleans(),
    "color": st.sampled_from(["a", "b", "None"]),
    "zone": st.sampled_from([1, 2]),
}
written_cells: dict[str, Callable[[int], str]] = {
    "day": lambda place: f"{place % 28 + 1:02d}/{place % 12 + 1:02d}/2020",
    "moment": lambda place: f"2020-{place % 12 + 1:02d}-02 0{place % 9}:00",
    "clock": lambda place: f"0{place % 9}:3{place % 7}",
    "number": lambda place: f"{place}.234,5{place % 9}",
    "whole": lambda place: f"{place},234",
    "flag": lambda place: ["yes", "no"][place % 2],
    "color": lambda place: "abc"[place % 3],
    "zone": lambda place: "12"[place % 2],
}


@cache
def column_encoders(name: str, typed: bool) -> Encoders:
    """Return the encoder of one column, fitted on typed or on written cells."""
    if not typed:
        cells: list[Any] = [written_cells[name](place) for place in range(1, 40)]
    else:
        generator = np.random.default_rng(3)
        day = {"day": date(2020, 1, 1), "moment": datetime(2020, 1, 1)}.get(name)
        made: dict[str, Callable[[int], Any]] = {
            "clock": lambda place: time(place % 24, place % 60),
            "number": lambda place: float(generator.normal()),
            "whole": lambda place: int(generator.integers(-50, 50)),
            "flag": lambda place: place % 2 == 0,
            "color": lambda place: "abc"[place % 3],
            "zone": lambda place: place % 2 + 1,
        }
        cells = [day + timedelta(days=place) if day else made[name](place) for place in range(39)]
    return fitted(pl.DataFrame({"x": cells, "y": (["p", "q"] * 20)[:39]}), "y")


def encoded_or_refused(cells: pl.Series, encoders: Encoders) -> dict[str, np.ndarray] | None:
    try:
        return encode_features(pl.DataFrame({"x": cells}), encoders)
    except DataError:
        return None


@cache  # the same few cells come again and again
def encoded_alone(name: str, trained_typed: bool, dtype: pl.DataType, cell: Any) -> dict[str, np.ndarray] | None:
    return encoded_or_refused(pl.Series("x", [cell], dtype=dtype), column_encoders(name, trained_typed))


@pytest.mark.parametrize("trained_typed", [True, False], ids=["typed", "text"])
@pytest.mark.parametrize("name", typed_cells)
@given_settings(deadline=None, max_examples=40)
@given(st.data())
def test_how_a_cell_is_read_depends_on_no_other(name: str, trained_typed: bool, data: Any) -> None:
    encoders = column_encoders(name, trained_typed)
    cell = data.draw(st.sampled_from([*neighbors, typed_cells[name]]))
    batch = pl.Series("x", data.draw(st.lists(st.none() | cell, min_size=1, max_size=6)))
    together = encoded_or_refused(batch, encoders)
    alone = [encoded_alone(name, trained_typed, batch.dtype, cell) for cell in batch.to_list()]
    assert (together is None) == any(blocks is None for blocks in alone)
    if together is not None:
        parts = [blocks for blocks in alone if blocks is not None]
        assert same(together, {block: np.concatenate([of_row[block] for of_row in parts]) for block in together})
