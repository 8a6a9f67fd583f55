"""Whatever the table, training and predicting either work or refuse in words; nothing else escapes, not even a warning.

The tables are small and odd on purpose: mixed kinds, missing cells, constants, copies, extreme numbers, any characters.
"""

from __future__ import annotations

import shutil
import tempfile
import warnings
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from fitwell.errors import FitwellError
from fitwell.run import Run, load_run
from fitwell.workflow import train

SETTINGS = {
    "training.epochs": 2,
    "training.checkpoint_seconds": 0,
    "network.hidden": [4],
}
# Examples are the same in every run, so that a failure is everybody's; `--hypothesis-profile` leaves that alone.
FIXED = settings(
    max_examples=15,
    phases=[Phase.explicit, Phase.generate],  # shrinking trains hundreds of networks
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)

numbers = st.integers(-9, 9).map(str) | st.floats(allow_nan=False, allow_infinity=False).map(repr)
CELLS = {
    "small numbers": st.integers(0, 3).map(str),
    "numbers": numbers,
    "marked numbers": numbers | st.sampled_from(["?", "NA", "n/a", "-"]),
    "words": st.sampled_from(["red", "green", "blue", "Ünïcode", "😀", "[bold]", "<b>"]),
    "answers": st.sampled_from(["yes", "no"]),
    "dates": st.dates().map(str),
    "times": st.datetimes().map(str),
    "constant": st.just("7"),
    "text": st.text(max_size=12),
    "anything": numbers | st.text(max_size=4) | st.dates().map(str),
}
# Polars takes a name for empty that begins with a zero byte; no text format can hold one.
names = st.text(st.characters(exclude_characters="\0", codec="utf-8"), min_size=1, max_size=8).filter(
    lambda name: name.strip() != ""
)


@st.composite
def tables(draw: st.DrawFn) -> pl.DataFrame:
    """A table of 1 to 40 rows and 1 to 5 columns of text cells, some missing, some rows repeated."""
    rows = draw(st.integers(1, 40))
    columns = draw(st.lists(names, min_size=1, max_size=5, unique_by=lambda name: name.strip()))
    frame = {}
    for name in columns:
        cells = CELLS[draw(st.sampled_from(sorted(CELLS)))]
        missing = draw(st.sampled_from([0, 0, 0, 1, 5]))
        choice = st.one_of(cells, *[st.none()] * missing)
        frame[name] = draw(st.lists(choice, min_size=rows, max_size=rows))
    table = pl.DataFrame(frame, schema=dict.fromkeys(columns, pl.String))
    return pl.concat([table] * draw(st.sampled_from([1, 1, 1, 3])))


def trained_or_refused(table: pl.DataFrame, folder: Path) -> Run | None:
    """Train on the last column; None where it was refused in words."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            return train(table, target=table.columns[-1], settings=SETTINGS, out=folder / "run")
        except FitwellError as refusal:
            said = str(refusal)
    assert len(said) > 20
    assert not any(folder.iterdir())
    return None


def numbers_of(predictions: pl.DataFrame) -> np.ndarray:
    return predictions.select(pl.selectors.numeric()).to_numpy().astype(np.float64)


@given(table=tables(), seed=st.integers(0, 2**32 - 1))
@FIXED
def test_any_table_trains_and_predicts_or_is_refused_in_words(table: pl.DataFrame, seed: int) -> None:
    folder = Path(tempfile.mkdtemp())
    try:
        run = trained_or_refused(table, folder)
        if run is not None:
            predicts_well(load_run(run.path), table, np.random.default_rng(seed))
    finally:
        shutil.rmtree(folder)


def predicts_well(run: Run, table: pl.DataFrame, generator: np.random.Generator) -> None:
    """Check what holds of every prediction."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        predictions = run.predict(table)
        values = numbers_of(predictions)
        assert predictions.height == table.height
        assert not predictions.null_count().sum_horizontal().item()
        assert np.isfinite(values).all()
        probabilities = [name for name in predictions.columns if name.startswith("probability_")]
        if run.recipe.task in ("binary", "multiclass"):
            np.testing.assert_allclose(predictions.select(probabilities).sum_horizontal(), 1, atol=1e-6)
        order = generator.permutation(table.height)
        shuffled = table[order].select(generator.permutation(table.columns).tolist())
        close(numbers_of(run.predict(shuffled.with_columns(pl.lit("x").alias("one column more")))), values[order])
        some = order[: max(1, table.height // 3)]
        close(numbers_of(run.predict(table[some])), values[some])


def close(one: np.ndarray, other: np.ndarray) -> None:
    # Sums run in another order in batches of another size; predicted values are as large as the targets.
    np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6 * max(1.0, float(np.abs(other).max(initial=0.0))))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Run:
    rows = 60
    table = pl.DataFrame(
        {
            "number": [str(i % 13) for i in range(rows)],
            "word": [("red", "green", "blue")[i % 3] for i in range(rows)],
            "day": [f"2024-01-{i % 28 + 1:02}" for i in range(rows)],
            "answer": ["yes" if i % 2 else "no" for i in range(rows)],
            "target": ["up" if i * 7 % 11 > 5 else "down" for i in range(rows)],
        }
    )
    run = train(table, target="target", settings=SETTINGS, members=2, out=tmp_path_factory.mktemp("runs") / "run")
    return load_run(run.path)


@given(data=st.data())
@FIXED
def test_any_rows_are_predicted_or_refused_in_words(trained: Run, data: st.DataObject) -> None:
    """Cells never seen, missing, of another kind, or in columns of another type."""
    rows = data.draw(st.integers(1, 12))
    frame = {}
    for name in trained.model.columns or ():
        cells = CELLS[data.draw(st.sampled_from(sorted(CELLS)))]
        frame[name] = data.draw(st.lists(st.none() | cells, min_size=rows, max_size=rows))
    table = pl.DataFrame(frame, schema=dict.fromkeys(frame, pl.String))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            predictions, said = trained.predict(table), ""
        except FitwellError as refusal:
            predictions, said = None, str(refusal)
    if predictions is None:
        assert "row " in said
    else:
        predicts_well(trained, table, np.random.default_rng(rows))
        assert predictions.columns == ["prediction", "probability_down", "probability_up", "disagreement"]
