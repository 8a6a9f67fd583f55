"""Files are written whole or not at all."""

import errno
import gzip
import os
import resource
import signal
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest
import zstandard

from fitwell.data.write import SUFFIXES, write_batches, write_table
from fitwell.errors import DataError, RequestError, SurroundingsError
from fitwell.files import replace_atomically

FRAME = pl.DataFrame({"n": range(50_000), "t": ["some text"] * 50_000})


def test_text_is_written_as_spreadsheets_read_it(tmp_path: Path) -> None:
    frame = pl.DataFrame({"a": ["x,y", None], "b": [0.1, 1.0]})
    write_table(frame, tmp_path / "t.csv")
    assert (tmp_path / "t.csv").read_bytes() == b'a,b\n"x,y",0.1\n,1.0\n'
    write_table(frame, tmp_path / "t.tsv")
    assert (tmp_path / "t.tsv").read_bytes() == b"a\tb\nx,y\t0.1\n\t1.0\n"
    write_table(frame, tmp_path / "T.CSV.GZ")
    assert gzip.decompress((tmp_path / "T.CSV.GZ").read_bytes()) == (tmp_path / "t.csv").read_bytes()
    write_table(frame, tmp_path / "t.zst")
    with (tmp_path / "t.zst").open("rb") as packed:
        assert zstandard.ZstdDecompressor().stream_reader(packed).read() == (tmp_path / "t.csv").read_bytes()
    assert sorted(os.listdir(tmp_path)) == ["T.CSV.GZ", "t.csv", "t.tsv", "t.zst"]


def test_an_old_file_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "t.json"
    replace_atomically(path, b"old")
    replace_atomically(path, b"new")
    assert path.read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["t.json"]


@pytest.mark.parametrize("name", ["t.xlsx", "t.parquet.gz", "t.zip"])
def test_unknown_suffixes_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(RequestError, match=rf'one of \.csv, .*but "{name}" ends otherwise'):
        write_table(FRAME, tmp_path / name)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_full_disk_leaves_nothing_behind(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"t{suffix}"
    path.write_bytes(b"old")
    limits, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, limits[1]))
    try:
        with pytest.raises(SurroundingsError, match="would be larger than is allowed here"):
            write_table(FRAME, path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == [path.name]


@pytest.mark.parametrize(
    ("number", "message"),
    [
        (errno.ENOSPC, "the disk is full; free some space"),
        (errno.EACCES, "this user may not write there"),
        (errno.EIO, "check the disk"),
    ],
)
def test_the_surroundings_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, message: str) -> None:
    def failing(_: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", failing)
    with pytest.raises(SurroundingsError, match=message):
        replace_atomically(tmp_path / "t", b"x")
    assert os.listdir(tmp_path) == []


def test_places_that_cannot_hold_a_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SurroundingsError, match=r"there is no folder .*nowhere; make it first"):
        write_table(FRAME, tmp_path / "nowhere" / "t.csv")
    with pytest.raises(SurroundingsError, match="it is a folder; name a file in it"):
        write_table(FRAME, tmp_path)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_an_error_of_the_source_passes_and_leaves_nothing_behind(tmp_path: Path, suffix: str) -> None:
    def frames() -> Iterator[pl.DataFrame]:
        yield FRAME
        raise DataError("line 7 is bad")

    with pytest.raises(DataError, match="line 7 is bad"):
        write_batches(frames(), tmp_path / f"t{suffix}")
    assert os.listdir(tmp_path) == []


def test_frames_must_be_alike_and_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"need the columns \['a'\], but a later batch has \['b'\]"):
        write_batches([pl.DataFrame({"a": [1]}), pl.DataFrame({"b": [1]})], tmp_path / "t.csv")
    with pytest.raises(DataError, match="there are no rows to write"):
        write_batches([], tmp_path / "t.parquet")
    assert os.listdir(tmp_path) == []
