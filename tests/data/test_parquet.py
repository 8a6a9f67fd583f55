"""A Parquet table in stretches has the rows of the table in memory, and it is decided in words whether it streams."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from fitwell.data import parquet, streaming
from fitwell.data.memory import available_bytes
from fitwell.data.parquet import parquet_table, read_stretch, rows_to_type, with_all_values
from fitwell.data.read import read_table
from fitwell.data.streaming import streamed_table
from fitwell.errors import DataError, RequestError, SurroundingsError


def frame(rows: int, seed: int = 0) -> pl.DataFrame:
    random = np.random.default_rng(seed)
    return pl.DataFrame(
        {
            "x": random.normal(size=rows),
            "area": random.choice(["a", "b", ""], rows),
            "count": random.integers(0, 9, rows),
        }
    ).with_columns(pl.when(pl.col("count") == 3).then(float("nan")).otherwise(pl.col("x")).alias("x"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "table"
    (path / "deeper").mkdir(parents=True)
    frame(35).write_parquet(path / "a.parquet", row_group_size=10)
    frame(20, 1).with_columns(pl.col("count").cast(pl.Int32)).write_parquet(path / "deeper" / "b.pq")
    frame(0).write_parquet(path / "c.parquet")
    return path


def whole(path: Path) -> pl.DataFrame:
    table = parquet_table(path)
    return pl.concat(read_stretch(table, stretch, list(table.types)) for stretch in table.stretches)


def test_stretches_hold_the_rows_of_the_table_in_memory(folder: Path) -> None:
    table, memory = parquet_table(folder), read_table(folder)
    assert [stretch.rows for stretch in table.stretches] == [10, 10, 10, 5, 20]
    assert [stretch.first_row for stretch in table.stretches] == [0, 10, 20, 30, 35]
    assert_frame_equal(whole(folder), memory.frame)
    assert (table.rows, table.source, table.path, table.format) == (55, memory.source, memory.path, memory.format)
    assert table.fingerprint == memory.fingerprint
    assert read_stretch(table, table.stretches[4], ["count"]).columns == ["count"]


def test_a_large_row_group_is_cut(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = whole(folder)
    monkeypatch.setattr(parquet, "STRETCH_BYTES", 7 * parquet.bytes_per_row(parquet_table(folder).types))
    assert [stretch.rows for stretch in parquet_table(folder).stretches] == [5, 5] * 3 + [5] + [7, 7, 6]
    assert_frame_equal(whole(folder), before)


def test_a_file_that_was_changed_while_it_is_read_is_refused(folder: Path) -> None:
    table = parquet_table(folder)
    frame(12).write_parquet(folder / "a.parquet")
    with pytest.raises(DataError, match=r"must have 10 rows from row 10 on, but has 2; was it changed"):
        read_stretch(table, table.stretches[1], ["x"])


def test_a_table_without_rows_is_refused(tmp_path: Path) -> None:
    frame(0).write_parquet(tmp_path / "x.parquet")
    with pytest.raises(DataError, match="has 3 columns but no rows"):
        parquet_table(tmp_path / "x.parquet")


def test_columns_are_typed_by_all_rows_of_a_small_table_and_by_rows_from_all_over_a_large_one(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = parquet_table(folder)
    assert_frame_equal(rows_to_type(table), read_table(folder).frame)
    monkeypatch.setattr(parquet, "TYPED_ROWS", 10)
    rows = rows_to_type(table)
    assert len(rows) == 10
    places = [read_table(folder).frame["x"].to_list().index(x) if x is not None else None for x in rows["x"]]
    known = [place for place in places if place is not None]
    assert known == sorted(known)
    assert {bool(place < 35) for place in known} == {True, False}


def test_rare_values_of_a_target_are_among_the_rows_that_type_it(tmp_path: Path) -> None:
    rows = frame(200).with_columns(pl.Series("y", ["no"] * 150 + ["perhaps"] + ["no"] * 48 + ["yes"]))
    rows.write_parquet(tmp_path / "x.parquet", row_group_size=50)
    table = parquet_table(tmp_path / "x.parquet")
    typed = with_all_values(table, rows[:20], ["y"])
    assert typed["y"].to_list() == ["no"] * 18 + ["perhaps", "yes"]
    assert_frame_equal(typed.drop("y"), rows[:20].drop("y"))
    # So many values that they would leave nothing of the rows are no classes.
    assert_frame_equal(with_all_values(table, rows[:20], ["x"]), rows[:20])


@pytest.mark.parametrize(
    ("asked", "available", "streams"),
    [("auto", 10**12, False), ("auto", 100, True), ("auto", None, False), ("always", 1, True), ("never", 1, False)],
)
def test_a_table_streams_when_it_would_not_fit_or_was_asked_to(
    asked: Any, available: int | None, streams: bool, folder: Path
) -> None:
    for path in (folder, folder / "a.parquet"):
        assert (streamed_table(str(path), asked, available=available) is not None) == streams
    table = streamed_table(folder, "auto", available=100)
    assert table is not None
    assert re.fullmatch(r"training in memory would take about 0\.0 GB, but 0\.0 GB are free", table.why)


@pytest.mark.parametrize("name", ["rows of text.csv", "rows.jsonl", "rows.arrow"])
def test_another_format_streams_from_a_copy_that_goes_with_the_table(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / name
    getattr(frame(2500), {".csv": "write_csv", ".jsonl": "write_ndjson", ".arrow": "write_ipc"}[path.suffix])(path)
    assert streamed_table(path, "auto", available=10**12) is None
    monkeypatch.setattr(streaming, "PART_BYTES", 0)
    found, whole = streamed_table(path, "auto", available=10), read_table(path)
    assert found is not None
    assert found.why == "training in memory would take about 0.0 GB, but 0.0 GB are free"
    assert (found.source, found.path, found.format) == (path.name, str(path), whole.format)
    assert (found.detected, found.fingerprint) == (whole.detected, whole.fingerprint)
    assert [stretch.rows for stretch in found.stretches] == [1000, 1000, 500]
    read = [read_stretch(found, stretch, list(found.types)) for stretch in found.stretches]
    assert_frame_equal(pl.concat(read), whole.frame)
    copy = found.files[0].parent
    del found
    assert not copy.exists()


def test_long_texts_stream_sooner_because_they_are_long_when_encoded(tmp_path: Path) -> None:
    pl.DataFrame({"text": ["a word and others " * 5] * 50, "y": ["a", "b"] * 25}).write_csv(tmp_path / "t.csv")
    pl.DataFrame({f"x{place}": range(50) for place in range(40)}).write_csv(tmp_path / "n.csv")
    sizes = {name: (tmp_path / name).stat().st_size for name in ("t.csv", "n.csv")}
    assert all(4500 < size < 6000 for size in sizes.values())
    assert streamed_table(tmp_path / "n.csv", "auto", available=4 * 6000) is None
    # About 50 rows, each with 2,048 bytes of terms, twice; and four times the file.
    assert streamed_table(tmp_path / "t.csv", "auto", available=40 * 4096) is not None
    assert streamed_table(tmp_path / "t.csv", "auto", available=4 * 6000 + 55 * 4096) is None


def test_a_copy_without_room_is_refused_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frame(5).write_csv(tmp_path / "t.csv")

    def full(*_: object, **__: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(pl.DataFrame, "write_parquet", full)
    with pytest.raises(SurroundingsError, match=r"a copy that streams must fit into .* \(No space left on device\)"):
        streamed_table(tmp_path / "t.csv", "always", available=None)


def test_a_table_in_memory_does_not_stream() -> None:
    assert streamed_table(frame(5), "auto", available=1) is None
    with pytest.raises(RequestError, match="in memory already; give the path of a file"):
        streamed_table(frame(5), "always", available=None)


def test_memory_that_is_free_is_known_on_linux() -> None:
    found = available_bytes()
    assert found is not None
    assert 10**7 < found < 10**14
