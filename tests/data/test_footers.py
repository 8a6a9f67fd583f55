"""Footers tell how large each row group is, whoever wrote the file."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from pyarrow import parquet  # type: ignore[import-untyped]

from fitwell.data.footers import row_groups
from fitwell.errors import DataError


def frame(rows: int) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "number": [float(row) for row in range(rows)],
            "text": [f"row {row}" for row in range(rows)],
            "when": pl.Series(range(rows), dtype=pl.Int64).cast(pl.Datetime("us", "UTC")),
            "truth": [row % 2 == 0 for row in range(rows)],
        }
    )


@pytest.mark.parametrize(("rows", "size", "sizes"), [(10, 4, [4, 4, 2]), (7, 100, [7]), (300, 1, [1] * 300)])
def test_sizes_are_those_that_the_file_was_written_with(rows: int, size: int, sizes: list[int], tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    frame(rows).write_parquet(path, row_group_size=size, metadata={"written by": "a test"})
    groups = row_groups(path)
    assert [group.rows for group in groups] == sizes
    theirs = parquet.ParquetFile(path).metadata
    assert [group.bytes for group in groups] == [theirs.row_group(place).total_byte_size for place in range(len(sizes))]


def test_row_groups_without_rows_are_not_counted(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    frame(0).write_parquet(path)
    assert row_groups(path) == []


def test_a_spoilt_footer_is_refused_in_words(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    frame(50).write_parquet(path, row_group_size=10)
    content = path.read_bytes()
    length = int.from_bytes(content[-8:-4], "little")
    for spoilt in (
        content[: -8 - length] + b"\xff" * length + content[-8:],  # other bytes
        content[: -8 - length] + b"\x1c" * length + content[-8:],  # structures without end
        content[:4] + (length * 9**9).to_bytes(8, "little")[:4] + b"PAR1",  # a length beyond the file
        content[:-20],  # cut off
    ):
        path.write_bytes(spoilt)
        with pytest.raises(DataError, match="write it again"):
            row_groups(path)
