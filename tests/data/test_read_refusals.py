"""What cannot be read is refused in words that name what came and what to try."""

import gzip
import warnings
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
import zstandard

from fitwell.data.read import read_batches, read_table
from fitwell.data.write import write_table
from fitwell.errors import DataError, SurroundingsError

TEXT = b"a,b\n" + b"".join(b"%d,%d\n" % (i, i * i) for i in range(5000))


def parquet_bytes(folder: Path) -> bytes:
    write_table(pl.DataFrame({"a": range(5000)}), folder / "whole.parquet")
    return (folder / "whole.parquet").read_bytes()


def arrow_bytes(folder: Path) -> bytes:
    write_table(pl.DataFrame({"a": range(5000)}), folder / "whole.arrow")
    return (folder / "whole.arrow").read_bytes()


FILES: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "is empty; a table needs a header"),
    "blank": (b"\n\r\n \n", "nothing but blank lines"),
    "header only": (b"a,b\n", r"has a header \(2 columns\) but no rows"),
    "header only, without its end": (b"a,b", r"has a header \(2 columns\) but no rows"),
    "short row": (b"a,b,c\n1,2,3\n4,5\n", "line 3 has 2 where the header has 3"),
    "short last row": (b"a,b,c\n1,2,3\n4,5", "line 3 has 2 where the header has 3"),
    "long row": (b"a,b\n1,2\n3,4,5\n", "line 3 has 3 where the header has 2"),
    "short after long row": (b"a,b\n1,2\n1,2,3\n1\n", "line 3 has 3 where the header has 2"),
    "ragged after a quoted line end": (b'a,b\n"x\ny",2\n3,4\n5\n', "line 5 has 1 where the header has 2"),
    "ragged after a stray quote": (b'a,b\n1,5" x\n\n3,4,5\n', "line 4 has 3 where the header has 2"),
    "ragged far down": (TEXT + b"7\n", "line 5002 has 1 where the header has 2"),
    "duplicate names": (b"a,b,a\n1,2,3\n", 'columns 1 and 3 are both "a"'),
    "duplicate names but for spaces": (b"a, a\n1,2\n", 'columns 1 and 2 are both "a"'),
    "two columns without a name": (b",a,,b\n0,1,2,3\n", "column 1 of 4 has none"),
    "a later column without a name": (b"a,,b\n0,1,2\n", "column 2 of 3 has none"),
    "an unnamed column beside its name": (b",Unnamed: 0\n0,1\n", "column 1 of 2 has none"),
    "JSON field that begins with a zero byte": (
        b'{"\\u0000a": 1}\n',
        r"begin with a zero byte, but that of column 1 of 1, '.x00a', does",
    ),
    "binary": (bytes(range(256)) * 20, "holds binary data"),
    "zip": (b"PK\x03\x04\x14\x00" + bytes(99), "a zip archive or an Excel workbook"),
    "picture": (b"\x89PNG\r\n\x1a\n" + bytes(99), "a picture"),
    "open quote": (b'a,b\n1,2\n"3,4\n' + b"5,6\n" * 50_000, r"begins in line 3 cannot be read .* quote left open"),
    "quote open to the end": (b'a,b\n1,2\n3,"4\n5,6\n', "begins in line 3 has no end, because a quote is left open"),
    "quote open after a stray one": (b'a,b\n1" x,2\n3,"4\n5,6', "begins in line 3 has no end, because a quote"),
    "cut gzip": (gzip.compress(TEXT)[:-2000], "its gzip stream is truncated or damaged"),
    "cut gzip header": (b"\x1f\x8b\x08", "its gzip stream is truncated or damaged"),
    "damaged gzip": (gzip.compress(TEXT)[:500] + b"xx" * 50 + gzip.compress(TEXT)[600:], "its gzip stream is trunc"),
    "empty gzip": (gzip.compress(b""), "nothing but blank lines"),
    "cut zstd": (zstandard.compress(TEXT)[:-2000], "its zstd stream is truncated or damaged"),
    "zstd of Latin-1": (zstandard.compress("a,b\né,1\n".encode("latin-1")), "must hold UTF-8 text"),
    "gzipped Parquet": (gzip.compress(b"PAR1xxxx"), "compressed parquet"),
    "broken JSON line": (b'{"a": 1}\n{"a": }\n', r"line 2 is not \(Expecting value\): \{\"a\": \}"),
    "another JSON value": (b'{"a": 1}\n\n3\n', "line 3 is another JSON value: 3"),
    "two JSON objects in a line": (b'{"a": 1}\n{"a": 1} {"a": 2}\n', r"line 2 is not \(Extra data\)"),
    "nested JSON object": (b'{"a": 1}\n{"a": {"x": 1}}\n', 'field "a" holds an object in line 2'),
    "nested JSON list": (b'{"a": 1, "tags": ["x"]}\n', 'field "tags" holds a list of more than numbers in line 1'),
    "JSON without fields": (b"{}\n", "a table needs at least one row with one field"),
    "JSON field without a name": (b'{"": 1}\n', "column 1 of 1 has none"),
}


@pytest.mark.parametrize("name", FILES)
def test_bad_files_are_refused_in_words(tmp_path: Path, name: str) -> None:
    data, message = FILES[name]
    path = tmp_path / "table"
    path.write_bytes(data)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(DataError, match=message):
            read_table(path)
        with pytest.raises(DataError, match=message):
            list(read_batches(path, rows=100))


def test_text_that_leaves_its_encoding_is_refused_by_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fitwell.sources.CHUNK_BYTES", 64)
    path = tmp_path / "t.csv"
    path.write_bytes(b"a,b\n" + "é,2\n".encode() * 30 + b"\xe9,3\n")
    with pytest.raises(DataError, match=r"begins as UTF-8 text, but line 32 is not \(byte 0xE9\)"):
        read_table(path)
    path.write_bytes("a,b\n1,2".encode("utf-16") + b"\n")
    with pytest.raises(DataError, match="begins as UTF-16-LE text, but is not"):
        read_table(path)


def test_a_json_array_is_refused_with_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "t.json").write_text('[{"a": 1}]')
    with pytest.raises(DataError, match="is one JSON array; write it as JSONL"):
        read_table(tmp_path / "t.json")


def test_an_absent_file_is_refused_with_the_nearest_name(tmp_path: Path) -> None:
    (tmp_path / "churn.csv").write_text("a\n1\n")
    with pytest.raises(DataError, match=r'there is no file .*chrun\.csv; did you mean "churn\.csv"\?'):
        read_table(tmp_path / "chrun.csv")
    with pytest.raises(DataError, match=r"there is no file .*; check the path"):
        read_table(tmp_path / "zzzzzzz")
    with pytest.raises(DataError, match=r"there is no folder .*nowhere, so churn\.csv cannot be read"):
        read_table(str(tmp_path / "nowhere" / "churn.csv"))
    with pytest.raises(DataError, match="there is no file a\0b; check the path"):
        read_table("a\0b")


def test_a_folder_without_parquet_files_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="has none: it is empty"):
        read_table(tmp_path)
    (tmp_path / "t.csv").write_text("a\n1\n")
    with pytest.raises(DataError, match=r"its 1 files are others \(the first is t\.csv\); name one file"):
        read_table(tmp_path)
    (tmp_path / "t.parquet").write_text("a\n1\n")
    with pytest.raises(DataError, match=r"is named a Parquet file, but does not begin as one"):
        read_table(tmp_path)


def test_a_folder_of_differing_files_is_refused(tmp_path: Path) -> None:
    write_table(pl.DataFrame({"a": [1], "b": [2]}), tmp_path / "1.parquet")
    write_table(pl.DataFrame({"a": [1]}), tmp_path / "2.parquet")
    with pytest.raises(DataError, match=r'need the same columns, but 2\.parquet lacks "b"'):
        read_table(tmp_path)
    write_table(pl.DataFrame({"a": [True], "b": [date(2020, 1, 1)]}), tmp_path / "2.parquet")
    with pytest.raises(DataError, match='a column needs one type in all files, but "a" is Boolean, Int64'):
        read_table(tmp_path)


@pytest.mark.parametrize("make", [parquet_bytes, arrow_bytes])
@pytest.mark.parametrize("kept", [7, 11, 100, 0.5, 0.99])
def test_cut_off_columnar_files_are_refused(tmp_path: Path, make: Callable[[Path], bytes], kept: float) -> None:
    data = make(tmp_path)
    path = tmp_path / "cut"
    path.write_bytes(data[: int(kept if kept > 1 else kept * len(data))])
    with pytest.raises(DataError, match=r"truncated after \d+ bytes|truncated or damaged"):
        read_table(path)


@pytest.mark.parametrize("make", [parquet_bytes, arrow_bytes])
def test_columnar_files_with_a_damaged_footer_are_refused(tmp_path: Path, make: Callable[[Path], bytes]) -> None:
    data = bytearray(make(tmp_path))
    data[-60:-10] = b"\xff" * 50
    path = tmp_path / "damaged"
    path.write_bytes(bytes(data))
    with pytest.raises(DataError, match="truncated or damaged"):
        read_table(path)


def test_tables_without_rows_are_refused_in_every_format(tmp_path: Path) -> None:
    empty = pl.DataFrame({"a": [1]}).clear()
    for name in ("t.csv", "t.parquet", "t.arrow"):
        write_table(empty, tmp_path / name)
        with pytest.raises(DataError, match=r"has a header \(1 columns\) but no rows"):
            read_table(tmp_path / name)
    with pytest.raises(DataError, match=r"a polars frame has a header \(1 columns\) but no rows"):
        read_table(empty)


def test_a_file_without_rights_is_refused_as_the_surroundings_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a\n1\n")

    def forbidden(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", forbidden)  # rights do not bind root, who may run this
    with pytest.raises(SurroundingsError, match=r"t\.csv may not be read by this user; check its rights"):
        read_table(path)


OBJECTS: list[tuple[Any, str]] = [
    (3, "of type int; convert it"),
    ([[1, 2]], "of type list; convert it"),
    (None, "of type NoneType; convert it"),
    ({"a": [1, 2], "b": [1], "c": [1, 2]}, '"a" has 2 values and "b" has 1'),
    ({"a": 3}, '"a" is of type int; give one value per row'),
    ({"a": "text"}, '"a" is of type str; give one value per row'),
    ({"a": np.zeros((2, 2))}, r'"a" has the shape \(2, 2\)'),
    ({"a": [[1], [2]]}, 'the column "a" holds of type list'),
    ({"a": [object()]}, '"a" holds object; convert them first'),
    ({"a": np.array([1j])}, '"a" holds complex128'),
    ({1: [1], "1": [2]}, 'columns 1 and 2 are both "1"'),
    ({"": [1]}, "column 1 of 1 has none"),
    ({"a": [1], "\0b": [2]}, "column name must not begin with a zero byte, but that of column 2 of 2"),
    (pl.DataFrame({"\0": [1]}), "column name must not begin with a zero byte, but that of column 1 of 1"),
    ({}, r"has a header \(0 columns\) but no rows"),
    (np.zeros((2, 2, 2)), r"has the shape \(2, 2, 2\); reshape it"),
    (np.zeros((0, 2)), r"has a header \(2 columns\) but no rows"),
    (pl.DataFrame({"a": [["x"]]}), r'column "a" holds List\(String\)'),
    (pl.DataFrame({"a": [[[[1]]]]}), r'column "a" holds List\(List\(List\(Int64\)\)\)'),
    (pl.DataFrame({"a": [b"x"]}), 'column "a" holds Binary'),
    (pl.DataFrame({"a": [1]}).lazy().select("zz"), "the LazyFrame cannot be read"),
    (pd.DataFrame([[1, 2]], columns=["a", "a"]), 'columns 1 and 2 are both "a"'),
    (pd.DataFrame({"a": [{"x": 1}]}), 'the column "a" holds of type dict'),
]


@pytest.mark.parametrize(("source", "message"), OBJECTS)
def test_bad_objects_are_refused_in_words(source: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_table(source)
