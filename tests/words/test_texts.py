"""Texts are found in files, folders and iterables, and what is no text is refused."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from fitwell.errors import DataError, RequestError
from fitwell.words import texts
from fitwell.words.texts import Corpus, Piece, Unit, pieces_of

LINES = "one two\n\nthrée\r\nfour"
READ = ["one two", "", "thrée\r", "four"]


def read(corpus: Corpus, unit: Unit = "line", field: str | None = None) -> list[str]:
    pieces = list(pieces_of(corpus, unit=unit, field=field))
    return [text for piece in pieces if isinstance(piece, Piece) for text in piece.texts()]


@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstandard.ZstdCompressor().compress])
def test_a_file_is_read_by_lines_however_it_is_packed(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    path = tmp_path / "text"
    path.write_bytes(pack(LINES.encode()))
    packed_by_lines = pack is not bytes and pack is not gzip.compress  # polars unpacks zstd by lines, without their \r
    assert read(path) == [text.rstrip("\r") if packed_by_lines else text for text in READ]


def test_a_folder_is_read_in_order_of_names_without_its_hidden_files(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    for name, text in {"b/z.txt": "3", "a.txt": "1\n2", ".hidden": "no", "empty.txt": ""}.items():
        (tmp_path / name).write_text(text)
    assert read(tmp_path) == ["1", "2", "3"]


def test_a_whole_file_may_be_one_text(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("1\n2\n")
    (tmp_path / "b").write_text("3")
    assert read(tmp_path, unit="file") == ["1\n2", "3"]


def test_a_field_of_each_record_is_a_text(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text("\n".join(json.dumps(each) for each in [{"t": "a\nb", "n": 1}, {"t": None}, {"t": "ü"}]) + "\n\n")
    assert read(path, field="t") == ["a\nb", "", "ü"]


def test_records_are_not_taken_for_lines_of_text(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl.gz"
    path.write_bytes(gzip.compress(b'{"n": 1, "t": "a", "u": "b"}\n'))
    with pytest.raises(RequestError, match=r"holds JSON records, so the field .* must be named \(--field\): t, u$"):
        read(path)
    path.write_bytes(gzip.compress(b"{no record}\n"))
    assert read(path) == ["{no record}"]


def test_a_byte_order_mark_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "marked").write_bytes(b"\xef\xbb\xbfa\n\xef\xbb\xbfb")
    assert read(tmp_path / "marked") == ["a", "\ufeffb"]


def test_texts_are_the_same_however_small_the_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "text"
    path.write_text("".join(f"line {number} é\n" for number in range(50)))
    whole = read(path)
    monkeypatch.setattr(texts, "PIECE_BYTES", 100)
    monkeypatch.setattr("fitwell.sources.CHUNK_BYTES", 37)
    assert len(list(pieces_of(path))) == 5
    assert read(path) == whole == read(iter(whole))


def test_token_lists_stay_lists() -> None:
    assert list(pieces_of([["a", "b"], []])) == [[["a", "b"], []]]


def test_nothing_comes_of_an_empty_iterable() -> None:
    assert list(pieces_of([])) == []


@pytest.mark.parametrize(
    ("content", "field", "refusal"),
    [
        (b"good\nbad \xff\n", None, r"must be UTF-8, but .*x is not in line 2: invalid start byte \(0xff\)"),
        (b"PK\x03\x04....", None, "x is a zip archive"),
        (b"PAR1....", None, "x is parquet"),
        (b"", None, "is empty"),
        (b'{"a": "x"}\n{"b": 1}\n', "a", r'must have the field "a", but line 2 lacks it'),
        (b'{"text": "x"}\n', "txet", r'did you mean "text"'),
        (b'{"a": 5}\n', "a", "must hold text, but in line 1 it is 5"),
        (b"[1]\n", "a", "line 1 lacks it"),
        (b"{\n", "a", "line 1 is not"),
    ],
)
def test_what_is_no_text_is_refused(tmp_path: Path, content: bytes, field: str | None, refusal: str) -> None:
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(DataError, match=refusal):
        read(tmp_path / "x", field=field)


def test_a_damaged_archive_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(gzip.compress(b"words " * 1000)[:-20])
    with pytest.raises(DataError, match="gzip stream is truncated or damaged"):
        read(tmp_path / "x")


def test_a_folder_without_files_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="has none to be seen"):
        read(tmp_path)


def test_a_missing_file_is_refused_with_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "corpus.txt").write_text("a")
    with pytest.raises(DataError, match=r'did you mean "corpus.txt"'):
        read(tmp_path / "corpsu.txt")


def test_a_mixture_of_texts_and_token_lists_is_refused() -> None:
    with pytest.raises(DataError, match=r"texts only, or lists of tokens only, but .* is list"):
        list(pieces_of(["a", ["b"]]))
    with pytest.raises(DataError, match="one item is int 3; turn"):
        list(pieces_of([["a"], 3]))  # type: ignore[list-item]


def test_unknown_units_and_fields_of_iterables_are_refused() -> None:
    with pytest.raises(RequestError, match=r'unit must be "line" or "file", but is "page"'):
        list(pieces_of(["a"], unit="page"))  # type: ignore[arg-type]
    with pytest.raises(RequestError, match=r'field "t" can be taken from files only'):
        list(pieces_of(["a"], field="t"))
