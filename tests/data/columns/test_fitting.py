"""Every kind of feature makes the same encoder of values that come in parts as of all of them together."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import settings as given_settings
from hypothesis import strategies as st

from fitwell.data.columns import KINDS
from fitwell.data.columns.category import CategoryEncoder
from fitwell.data.columns.cells import Column, Encoder
from fitwell.data.columns.number import NumberEncoder
from fitwell.recipe import DataSettings

FEATURES = [name for name, kind in KINDS.items() if kind.fit is not None and not kind.is_array]
SETTINGS = [
    DataSettings(),
    DataSettings(numbers="standard", rare_count=1),
    DataSettings(numbers="quantile", one_hot_limit=2),
    DataSettings(numbers="none", missing_indicators=False),
    DataSettings(time="x"),
]
MOMENTS = st.datetimes(datetime(1990, 1, 1), datetime(2030, 1, 1))
VALUES: dict[str, tuple[st.SearchStrategy[Any], Any]] = {
    "number": (st.floats(-1e6, 1e6) | st.sampled_from([0.0, 1.0]), pl.Float64),
    "category": (st.sampled_from("abcdefghijkl"), pl.String),
    "boolean": (st.booleans(), pl.Boolean),
    "date": (MOMENTS | st.sampled_from([datetime(2020, 1, 1), datetime(2020, 2, 1)]), pl.Datetime("us")),
}


def column_of(kind: Any) -> Column:
    return Column(name="x", kind=kind, why="", missing=(), missing_count=0, distinct=2)


def encoder_in_parts(kind: str, parts: list[pl.Series], settings: DataSettings) -> Encoder:
    make = KINDS[kind].fitting  # type: ignore[index]
    assert make is not None
    fitting = make(column_of(kind), settings)
    for part in parts:
        fitting.add(part)
    encoder = fitting.encoder()
    assert isinstance(encoder, Encoder)
    return encoder


def encoder_of_all(kind: str, values: pl.Series, settings: DataSettings) -> Encoder:
    fit = KINDS[kind].fit  # type: ignore[index]
    assert fit is not None
    encoder = fit(values, column_of(kind), settings)
    assert isinstance(encoder, Encoder)
    return encoder


def test_exactly_the_kinds_that_share_blocks_and_texts_are_fitted_in_parts() -> None:
    fitted = [name for name, kind in KINDS.items() if kind.fitting is not None]
    assert FEATURES == [name for name in fitted if not KINDS[name].is_array] == list(VALUES)
    assert set(fitted) - set(FEATURES) == {"text"}  # see test_text.py


@pytest.mark.parametrize("kind", FEATURES)
@given(data=st.data())
@given_settings(max_examples=30, deadline=None)
def test_parts_give_the_encoder_of_the_whole(kind: str, data: st.DataObject) -> None:
    values, dtype = VALUES[kind]
    parts = [
        pl.Series("x", part, dtype=dtype)
        for part in data.draw(st.lists(st.lists(values | st.none(), max_size=12), min_size=1, max_size=5))
    ]
    for settings in SETTINGS:
        whole = encoder_of_all(kind, pl.concat(parts), settings)
        found = encoder_in_parts(kind, parts, settings)
        assert found == whole


def test_many_numbers_are_scaled_by_a_sketch_to_within_its_error() -> None:
    random = np.random.default_rng(0)
    values = pl.Series("x", random.lognormal(size=400_000)).set(pl.Series(random.random(400_000) < 0.1), None)
    parts = [values[start : start + 50_000] for start in range(0, 400_000, 50_000)]
    for scaling, tolerance in (("robust", 0.01), ("standard", 1e-12), ("quantile", 0.02)):
        settings = DataSettings.model_validate({"numbers": scaling})
        found, whole = encoder_in_parts("number", parts, settings), encoder_of_all("number", values, settings)
        assert isinstance(found, NumberEncoder)
        assert isinstance(whole, NumberEncoder)
        assert (found.center, found.scale) == pytest.approx((whole.center, whole.scale), rel=tolerance)
        cells = pl.Series("x", [0.1, 1.0, 3.0, None])
        assert found.encode(cells)["numbers"] == pytest.approx(whole.encode(cells)["numbers"], abs=max(tolerance, 1e-6))
        assert found.indicator


def test_many_numbers_that_are_mostly_equal_are_ranked_among_the_different_ones() -> None:
    random = np.random.default_rng(1)
    values = pl.Series("x", np.where(random.random(300_000) < 0.8, 0.0, random.exponential(size=300_000)))
    parts = [values[start : start + 60_000] for start in range(0, 300_000, 60_000)]
    found = encoder_in_parts("number", parts, DataSettings())
    whole = encoder_of_all("number", values, DataSettings())
    cells = pl.Series("x", [0.0, 0.2, 1.0, 3.0])
    assert found.encode(cells)["numbers"] == pytest.approx(whole.encode(cells)["numbers"], abs=0.05)


def test_a_category_of_very_many_values_keeps_the_frequent_ones() -> None:
    fitting = KINDS["category"].fitting
    assert fitting is not None
    making = fitting(column_of("category"), DataSettings(rare_count=1))
    random = np.random.default_rng(2)
    for _ in range(3):
        codes = np.concatenate([np.zeros(50_000), np.ones(30_000), random.integers(2, 10**9, 100_000)]).astype(int)
        making.add(pl.Series("x", codes.astype(str)))
    encoder = making.encoder()
    assert isinstance(encoder, CategoryEncoder)
    assert encoder.values[:2] == ("0", "1")
    assert encoder.size <= 131_072
