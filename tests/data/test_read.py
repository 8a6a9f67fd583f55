"""Every format gives the same table, and text cells come back as they were written."""

import codecs
import csv
import gzip
import hashlib
import io
import sys
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from fitwell.data.read import Table, read_batches, read_table
from fitwell.data.schema import describe
from fitwell.data.text import text_frames, weigh
from fitwell.data.text_format import Dialect, detect_text_format
from fitwell.data.write import write_batches, write_table
from fitwell.errors import DataError, RequestError
from fitwell.recipe import ColumnSettings
from fitwell.sources import CHUNK_BYTES, COMPRESSED_BYTES, decompressed

EXAMPLES = Path(__file__).parents[2] / "examples"
TYPED = pl.DataFrame({"n": [1, 2, None], "x": [0.5, None, 2.0], "t": ["a", None, "é,\n"], "b": [True, False, None]})
# A cell: no control characters (a file of them is binary), no lone surrogates, no carriage return by itself.
CELLS = st.text(st.characters(exclude_categories=["Cc", "Cs"]) | st.sampled_from("\",;\t|\n' "), max_size=6)
# Names without what could be a delimiter, so that the file is not ambiguous.
NAMES = st.lists(st.text("abcdefgh", min_size=1, max_size=5), min_size=2, max_size=4, unique=True)


def saved(folder: Path, data: bytes | str, name: str = "table.csv") -> Path:
    path = folder / name
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


def cells(source: Any) -> list[tuple[Any, ...]]:
    return read_table(source).frame.rows()


# -- delimited text ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "names", "first"),
    [
        ("a,b\n1,2\n", ["a", "b"], ("1", "2")),
        ("a\tb\n1\t2\n", ["a", "b"], ("1", "2")),
        ("a|b\n1|2\n", ["a", "b"], ("1", "2")),
        ("a;b\n1,5;2,5\n", ["a", "b"], ("1,5", "2,5")),
        ("price\n1,5\n2,5\n", ["price"], ("1,5",)),
        ("text\nhello, world\nbye\n", ["text"], ("hello, world",)),
        ("a\n1\n2", ["a"], ("1",)),
        ("a,b\r\n1,2\r\n\r\n", ["a", "b"], ("1", "2")),
        ("a,b\r1,2\r", ["a", "b"], ("1", "2")),
        ("\n\na,b\n1,2", ["a", "b"], ("1", "2")),
        (' a , "b" \n1,2\n', ["a", "b"], ("1", "2")),
        ('a,b\n"x\ny","say ""hi"", you"\n', ["a", "b"], ("x\ny", 'say "hi", you')),
        ("'a','b'\n'x, y','2'\n", ["a", "b"], ("x, y", "2")),
        ("a,b\n'tis,5 o'clock\n", ["a", "b"], ("'tis", "5 o'clock")),
        ('a,b\n5" pipe,6" pipe\n7,8\n', ["a", "b"], ('5" pipe', '6" pipe')),
        ('a, b\n"x, y", "z"\n', ["a", "b"], ("x, y", "z")),
        ('a,b\n"",\n1,2\n', ["a", "b"], (None, None)),
        ("sep=;\na;b\n1;2\n", ["a", "b"], ("1", "2")),
        ("a,b\n1,2\n\n   \n3,4\n", ["a", "b"], ("1", "2")),
        ("a,a b,A\n#1,2,3\n", ["a", "a b", "A"], ("#1", "2", "3")),
    ],
)
def test_text_is_read_as_its_author_meant(tmp_path: Path, text: str, names: list[str], first: tuple[str, ...]) -> None:
    frame = read_table(saved(tmp_path, text)).frame
    assert frame.columns == names
    assert frame.row(0) == first
    assert set(frame.dtypes) == {pl.String}


def test_blank_lines_are_no_rows(tmp_path: Path) -> None:
    assert cells(saved(tmp_path, "a,b\n1,2\n\n   \n3,4\n\n")) == [("1", "2"), ("3", "4")]


def test_blank_lines_of_a_single_column_are_empty_cells_but_not_at_the_end(tmp_path: Path) -> None:
    assert cells(saved(tmp_path, "a\n1\n\n2\n\n\n")) == [("1",), (None,), ("2",)]
    assert cells(saved(tmp_path, 'a\n5" x\n\n2\n""\n\n')) == [('5" x',), (None,), ("2",), (None,)]


@pytest.mark.parametrize(
    ("encoding", "mark", "told"),
    [
        ("utf-8", b"", "utf-8"),
        ("utf-8", codecs.BOM_UTF8, "utf-8 with byte order mark"),
        ("utf-16-le", codecs.BOM_UTF16_LE, "utf-16-le with byte order mark"),
        ("utf-16-be", codecs.BOM_UTF16_BE, "utf-16-be with byte order mark"),
        ("utf-32-le", codecs.BOM_UTF32_LE, "utf-32-le with byte order mark"),
        ("cp1252", b"", "windows-1252"),
    ],
)
def test_encodings_are_detected(tmp_path: Path, encoding: str, mark: bytes, told: str) -> None:
    table = read_table(saved(tmp_path, mark + "größe;preis\nça€,1;5\n".encode(encoding)))
    assert table.frame.columns == ["größe", "preis"]
    assert table.frame.rows() == [("ça€,1", "5")]
    assert table.detected["encoding"] == told
    assert table.detected["delimiter"] == "semicolon"


def test_bytes_that_windows_1252_leaves_undefined_are_read_as_latin_1(tmp_path: Path) -> None:
    assert cells(saved(tmp_path, b"a,b\n\x81,\xe9\x80\n")) == [("\x81", "é€")]


def test_an_encoding_that_shows_late_is_still_detected(tmp_path: Path) -> None:
    path = saved(tmp_path, b"a,b\n" + b"plain,text\n" * 500_000 + "é,ü\n".encode("latin-1"))
    *_, last = read_batches(path, rows=100_000)
    assert last.row(-1) == ("é", "ü")


@pytest.mark.parametrize("name", ["t.csv", "t.gz", "t.zst", "t"])
@pytest.mark.parametrize(
    ("compress", "told"), [(gzip.compress, "gzip"), (zstandard.compress, "zstd"), (lambda data: data, "none")]
)
def test_compression_is_told_by_the_bytes_not_the_suffix(
    tmp_path: Path, name: str, compress: Callable[[bytes], bytes], told: str
) -> None:
    table = read_table(saved(tmp_path, compress('a,b\n1,"é\nü"\n'.encode()), name))
    assert table.frame.rows() == [("1", "é\nü")]
    assert table.detected["compression"] == told


def test_gzip_streams_one_behind_another_and_zeros_behind_them_are_one_file(tmp_path: Path) -> None:
    # The zeros behind the first stream reach into what is read next of the file.
    first = gzip.compress(np.random.default_rng(0).bytes(COMPRESSED_BYTES - 100), 0)
    padded = first + bytes(COMPRESSED_BYTES - len(first) + 9)
    streams = [gzip.compress(b"x" * 3 * CHUNK_BYTES), gzip.compress(b""), gzip.compress(b"end")]
    path = saved(tmp_path, padded + b"".join(streams) + bytes(5))
    assert b"".join(decompressed(path)) == gzip.decompress(path.read_bytes())


def test_a_zstd_file_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    path = saved(tmp_path, zstandard.compress(codecs.BOM_UTF8 + b"a,b\r\n1,2\r\n"), "t.csv.zst")
    assert read_table(path).frame.to_dict(as_series=False) == {"a": ["1"], "b": ["2"]}


def test_a_header_of_numbers_is_mentioned(tmp_path: Path) -> None:
    assert "no header" in read_table(saved(tmp_path, "1,2\n3,4\n")).detected["header"]
    assert "header" not in read_table(saved(tmp_path, "1,b\n3,4\n")).detected


def _python(rows: list[list[str]], **options: Any) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, **options).writerows(rows)
    return text.getvalue().encode()


WRITERS: dict[str, Callable[[list[list[str]]], bytes]] = {
    "python": lambda rows: _python(rows, lineterminator="\n"),
    "python, Excel's way": lambda rows: _python(rows),
    "python, semicolons, all quoted": lambda rows: _python(rows, delimiter=";", quoting=csv.QUOTE_ALL),
    "python, tabs": lambda rows: _python(rows, delimiter="\t"),
    "polars": lambda rows: pl.DataFrame(rows[1:], rows[0], orient="row").write_csv().encode(),
    "pandas": lambda rows: pd.DataFrame(rows[1:], columns=rows[0]).to_csv(index=False).encode(),
}


@pytest.mark.parametrize("writer", WRITERS)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), names=NAMES)
def test_cells_come_back_whoever_wrote_them(tmp_path: Path, writer: str, data: st.DataObject, names: list[str]) -> None:
    rows = data.draw(st.lists(st.lists(CELLS, min_size=len(names), max_size=len(names)), min_size=1, max_size=6))
    path = saved(tmp_path, WRITERS[writer]([names, *rows]))
    read = read_table(path).frame
    assert read.columns == names
    assert read.rows() == [tuple(cell or None for cell in row) for row in rows]


@settings(max_examples=300, deadline=None)
@given(st.text('a",\n', max_size=12))
def test_what_is_weighed_as_well_formed_is_read_alike_by_polars_and_python(text: str) -> None:
    text += "\n"
    weighed = weigh(text.encode(), Dialect(delimiter=",", quote='"'))
    rows = [row or [""] for row in csv.reader(io.StringIO(text, newline=""))]
    if weighed.well_formed and weighed.end == len(text):
        assert weighed.rows == len(rows)
        assert weighed.delimiters == sum(len(row) - 1 for row in rows)
        width = len(rows[0])
        if {len(row) for row in rows} == {width}:
            read = pl.read_csv(text.encode(), has_header=False, schema={str(i): pl.String for i in range(width)})
            assert [[cell or "" for cell in row] for row in read.rows()] == rows


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200) | st.text("a1\",;\n\t|'{}[]:", max_size=60).map(str.encode))
def test_any_bytes_are_read_or_refused_in_words(tmp_path: Path, data: bytes) -> None:
    path = saved(tmp_path, data, "any")
    try:
        table = read_table(path)
    except DataError:
        return
    assert table.frame.height > 0
    assert_frame_equal(pl.concat(read_batches(path, rows=2)), table.frame)


@pytest.mark.parametrize("chunk", [16, 17, 18, 19, 30, 1000])
def test_rows_that_span_chunks_come_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunk: int) -> None:
    monkeypatch.setattr("fitwell.sources.CHUNK_BYTES", chunk)
    path = saved(tmp_path, 'a,b\n1,"é\n""x"""\n2,\n3,"' + "long " * 9 + '"\n')
    assert cells(path) == [("1", 'é\n"x"'), ("2", None), ("3", "long " * 9)]
    utf16 = saved(tmp_path, "\ufeffa,b\n1,é\n2,ü\n".encode("utf-16-le"), "utf16")
    assert cells(utf16) == [("1", "é"), ("2", "ü")]


@pytest.mark.parametrize("rows", [1, 2, 3, 4, 5])
def test_rows_come_back_whole_where_the_csv_reader_took_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: int
) -> None:
    monkeypatch.setattr("fitwell.data.text.JUDGED_ROWS", rows)
    assert cells(saved(tmp_path, 'a,b\n1,5" x\n2,\n\n3,"y\nz"\n')) == [("1", '5" x'), ("2", None), ("3", "y\nz")]


def test_columns_can_be_chosen_where_the_csv_reader_took_over(tmp_path: Path) -> None:
    path = saved(tmp_path, 'a,b,c\n1,5" x,3\n')
    assert next(text_frames(path, detect_text_format(path), columns=["c", "b"])).rows() == [("3", '5" x')]


# -- typed formats and objects -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["t.parquet", "t.arrow", "t.feather", "t.jsonl", "t.jsonl.gz", "t.ndjson.zst"])
def test_typed_formats_keep_their_types(tmp_path: Path, name: str) -> None:
    write_table(TYPED, tmp_path / name)
    table = read_table(tmp_path / name)
    assert_frame_equal(table.frame, TYPED)
    assert table.format == {"t.parquet": "parquet", "t.arrow": "arrow", "t.feather": "arrow"}.get(name, "jsonl")


@pytest.mark.parametrize("name", ["t.csv", "t.tsv", "t.csv.gz", "t.tsv.zst", "t", "t.jsonl", "t.parquet", "t.arrow"])
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), names=NAMES)
def test_text_round_trips_through_every_format(
    tmp_path: Path, name: str, data: st.DataObject, names: list[str]
) -> None:
    column = st.lists(CELLS.map(lambda cell: cell or None), min_size=3, max_size=3)
    frame = pl.DataFrame({key: data.draw(column) for key in names}, schema=dict.fromkeys(names, pl.String))
    write_table(frame, tmp_path / name)
    read = read_table(tmp_path / name).frame
    assert_frame_equal(read.cast(pl.String), frame)  # a column of nulls only has no type in JSON


@pytest.mark.parametrize("name", ["t.csv", "t.csv.zst", "t.jsonl", "t.parquet"])
def test_a_single_column_with_missing_cells_round_trips(tmp_path: Path, name: str) -> None:
    frame = pl.DataFrame({"a": [None, "x", None]})
    write_table(frame, tmp_path / name)
    assert_frame_equal(read_table(tmp_path / name).frame, frame)


def test_objects_give_the_same_table_as_files(tmp_path: Path) -> None:
    write_table(TYPED, tmp_path / "t.parquet")
    columns = TYPED.to_dict(as_series=False)
    objects: dict[str, Any] = {
        "polars": TYPED,
        "dict": columns,
        "pandas": pd.DataFrame(
            {
                "n": pd.array(columns["n"], dtype="Int64"),
                "x": columns["x"],
                "t": columns["t"],
                "b": pd.array(columns["b"], dtype="boolean"),
            }
        ),
    }
    prints = set()
    for kind, source in objects.items():
        table = read_table(source)
        assert_frame_equal(table.frame, TYPED)
        assert (table.format, table.path) == (kind, None)
        prints.add(table.fingerprint)
    assert_frame_equal(read_table(TYPED.lazy()).frame, TYPED)
    assert len(prints) == 1
    assert read_table(tmp_path / "t.parquet").frame.equals(TYPED)


def test_pandas_kinds_become_their_polars_kinds() -> None:
    frame = pd.DataFrame(
        {
            "category": pd.Categorical(["a", None, "b"]),
            "codes": pd.Categorical([3, 1, 3]),
            "when": pd.to_datetime(["2020-01-02", "NaT", "2021-03-04"]),
            "zone": pd.to_datetime(["2020-01-02 10:00"] * 3).tz_localize("Europe/Berlin"),
            "mixed": [1, "a", None],
            "floats": [1.0, np.nan, 3.0],
            "period": pd.period_range("2020-01", periods=3, freq="M"),
            "object": np.array([1, 2.5, np.nan], dtype=object),
            "day": [date(2020, 1, 1), None, date(2020, 1, 3)],
        }
    )
    read = read_table(frame).frame
    assert read["category"].dtype == pl.Categorical
    assert read["category"].to_list() == ["a", None, "b"]
    assert read["codes"].to_list() == [3, 1, 3]
    assert read["when"].to_list() == [datetime(2020, 1, 2), None, datetime(2021, 3, 4)]
    assert str(read["zone"][0]) == "2020-01-02 10:00:00+01:00"
    assert read["mixed"].to_list() == ["1", "a", None]
    assert read["floats"].to_list() == [1.0, None, 3.0]
    assert read["period"].to_list() == ["2020-01", "2020-02", "2020-03"]
    assert read["object"].to_list() == [1.0, 2.5, None]
    assert read["day"].dtype == pl.Date


def test_a_pandas_index_is_a_column_only_when_it_is_named() -> None:
    frame = pd.DataFrame({"a": [1, 2]}, index=pd.Index(["p", "q"]))
    assert read_table(frame).frame.columns == ["a"]
    frame.index.name = "key"
    assert read_table(frame).frame.to_dict(as_series=False) == {"key": ["p", "q"], "a": [1, 2]}


def test_arrays_become_numbered_columns() -> None:
    assert read_table(np.array([[1, 2], [3, 4]])).frame.to_dict(as_series=False) == {"x0": [1, 3], "x1": [2, 4]}
    assert read_table(np.array([1.0, np.nan])).frame.to_dict(as_series=False) == {"x0": [1.0, None]}
    assert read_table(np.array(["a", ""])).frame["x0"].to_list() == ["a", None]
    assert read_table(np.array([(1, "a")], dtype=[("n", int), ("t", "U3")])).frame.columns == ["n", "t"]


@pytest.mark.parametrize(
    ("values", "read"),
    [
        (np.ma.MaskedArray([1, 2], [False, True]), [1, None]),
        (np.array([1, 2], np.float16), [1.0, 2.0]),
        (np.array(["2020-01-01", "NaT"], "datetime64[s]"), [datetime(2020, 1, 1), None]),
        (np.array(["2020-01-01", "NaT"], "datetime64[D]"), [date(2020, 1, 1), None]),
        (np.array([b"a", b"\xe9"]), ["a", "é"]),
        ([1, None, 2.5], [1.0, None, 2.5]),
        ([True, "x"], ["True", "x"]),
        ((np.int64(1), np.int64(2)), [1, 2]),
        (pl.Series([1, 2]), [1, 2]),
        (pd.Series([1, None]), [1.0, None]),
    ],
)
def test_columns_of_a_dict_may_be_any_sequence(values: Any, read: list[Any]) -> None:
    assert read_table({"a": values}).frame["a"].to_list() == read


def test_pandas_is_not_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "pandas")
    assert cells({"a": [1]}) == [(1,)]


def test_a_folder_of_parquet_files_is_one_table(tmp_path: Path) -> None:
    write_table(pl.DataFrame({"a": [1, 2], "b": ["x", "y"]}), tmp_path / "part-0.parquet")
    write_table(pl.DataFrame({"b": ["z"], "a": [3.5]}), tmp_path / "part-1.parquet")
    (tmp_path / "_SUCCESS").write_bytes(b"")
    table = read_table(tmp_path)
    assert table.frame.to_dict(as_series=False) == {"a": [1.0, 2.0, 3.5], "b": ["x", "y", "z"]}
    assert [frame.height for frame in read_batches(tmp_path, rows=2)] == [2, 1]


def test_an_arrow_stream_is_read(tmp_path: Path) -> None:
    TYPED.write_ipc_stream(tmp_path / "t.arrows")
    assert_frame_equal(read_table(tmp_path / "t.arrows").frame, TYPED)


def test_json_fields_keep_one_type_through_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fitwell.sources.CHUNK_BYTES", 20)
    lines = [
        '{"a": 1, "b": null}',
        '{"a": 2.5, "c": "x"}',
        '{"c": 3}',
        '{"c": 1.0, "d": true}',
        '{"d": 1e400}',
        "",
        "{}",
    ]
    frame = read_table(saved(tmp_path, "\n".join(lines), "t.jsonl")).frame
    assert frame["a"].to_list() == [1.0, 2.5, None, None, None, None]
    assert frame["c"].to_list() == [None, "x", "3", "1", None, None]
    assert frame["d"].to_list() == [None, None, None, "true", "Infinity", None]
    assert frame["b"].null_count() == 6


def test_json_lines_are_recognized_without_their_suffix(tmp_path: Path) -> None:
    assert read_table(saved(tmp_path, '{"a": 1}\n{"a": 123456789012345678901234567890}\n', "t.txt")).format == "jsonl"


# -- the table and its batches -----------------------------------------------------------------------------------------


def test_a_table_says_where_it_came_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    saved(tmp_path, "a,b\n1,2\n", "t.csv")
    monkeypatch.chdir(tmp_path)
    table = read_table("t.csv")
    assert (table.source, table.path, table.format) == ("t.csv", str(tmp_path / "t.csv"), "csv")
    assert table.fingerprint == "sha256:" + hashlib.sha256(b"a,b\n1,2\n").hexdigest()
    assert read_table(table) is table


def test_fingerprints_differ_with_any_cell_name_or_type() -> None:
    variants: list[dict[str, Any]] = [
        {"a": [1, 2]},
        {"a": [1, 3]},
        {"b": [1, 2]},
        {"a": [1.0, 2.0]},
        {"a": ["1", "2"]},
        {"a": ["12", ""]},
        {"a": [1, None]},
        {"a": [1, 0]},
        {"a": [True, False]},
    ]
    assert len({read_table(variant).fingerprint for variant in variants}) == len(variants)


@pytest.mark.parametrize("name", ["t.csv", "t.csv.gz", "t.csv.zst", "t.jsonl", "t.parquet", "t.arrow"])
@pytest.mark.parametrize("rows", [1, 7, 344, 1000])
def test_batches_are_the_table_cut_into_equal_pieces(tmp_path: Path, name: str, rows: int) -> None:
    penguins = read_table(EXAMPLES / "penguins.csv").frame
    write_table(penguins, tmp_path / name)
    batches = list(read_batches(tmp_path / name, rows=rows))
    assert [batch.height for batch in batches[:-1]] == [rows] * (
        penguins.height // rows - (penguins.height % rows == 0)
    )
    assert_frame_equal(pl.concat(batches), penguins)
    chosen = [penguins.columns[3], penguins.columns[0]]
    assert_frame_equal(pl.concat(read_batches(tmp_path / name, rows=rows, columns=chosen)), penguins.select(chosen))


def test_batches_of_an_object_are_its_rows() -> None:
    assert [batch.height for batch in read_batches(read_table(TYPED), rows=2)] == [2, 1]


def test_a_missing_column_is_refused_with_the_nearest_name(tmp_path: Path) -> None:
    path = saved(tmp_path, "tenure,Churn\n1,No\n")
    with pytest.raises(DataError, match=r'has no column "churn"; did you mean "Churn"\?'):
        next(read_batches(path, rows=5, columns=["churn"]))
    with pytest.raises(DataError, match=r'has no column "zz"; its columns are tenure, Churn'):
        next(read_batches(path, rows=5, columns=["zz"]))


def test_a_batch_needs_a_row() -> None:
    with pytest.raises(RequestError, match="at least 1 row, but rows is 0"):
        next(read_batches(TYPED, rows=0))


def test_the_example_tables_are_read_as_pandas_reads_them() -> None:
    for path in sorted(EXAMPLES.glob("*.csv")):
        table = read_table(path)
        assert isinstance(table, Table)
        witness = pd.read_csv(path, dtype=str, keep_default_na=False, sep=None, engine="python")
        assert table.frame.columns == [name.strip() for name in witness.columns]
        assert table.frame.fill_null("").rows() == [tuple(row) for row in witness.itertuples(index=False)]


def test_many_frames_become_one_file(tmp_path: Path) -> None:
    pieces = [TYPED.select("n", "t")] * 3
    for name in ("t.csv.gz", "t.parquet", "t.feather", "t.jsonl.zst"):
        assert write_batches(iter(pieces), tmp_path / name) == 9
        assert_frame_equal(read_table(tmp_path / name).frame.cast(pl.String), pl.concat(pieces).cast(pl.String))


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_the_index_that_pandas_writes_gets_the_name_that_pandas_gives_it(tmp_path: Path, separator: str) -> None:
    frame = pd.DataFrame({"x": [0.5, 1.5, 2.5], "y": ["a", "b", "a"]})
    frame.to_csv(tmp_path / "t.csv", sep=separator)
    table = read_table(tmp_path / "t.csv")
    assert table.frame.columns == list(pd.read_csv(tmp_path / "t.csv", sep=separator).columns)
    assert table.frame.rows() == [("0", "0.5", "a"), ("1", "1.5", "b"), ("2", "2.5", "a")]
    assert 'read as "Unnamed: 0"' in table.detected["first column"]
    column, _ = describe(table.frame["Unnamed: 0"], ColumnSettings.model_validate({}))
    assert column.kind == "identifier"
    assert "first column" not in read_table(saved(tmp_path, frame.to_csv(index=False), "named.csv")).detected
