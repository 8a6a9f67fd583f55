"""Documents are read from wherever they are, and what cannot be read is refused in words."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pandas as pd
import polars as pl
import pytest

from fitwell.errors import DataError, FitwellError, RequestError
from fitwell.search import read_documents
from fitwell.search.documents import Gathered

PAIRS = [("a", "A rose"), ("b", "")]


def named(gathered: Gathered) -> list[tuple[str, str]]:
    """The documents as ids and texts."""
    return [(document.id, document.text) for document in gathered.documents]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_folder_gives_a_document_for_each_file_of_text(folder: Path) -> None:
    (folder / "docs" / "deep").mkdir(parents=True)
    (folder / "docs" / "b.txt").write_bytes(b"\xef\xbb\xbfline one\nline two\n")
    (folder / "docs" / "deep" / "a.md.gz").write_bytes(gzip.compress("Öl".encode()))
    (folder / "docs" / "c.txt").write_bytes(b"")
    (folder / "docs" / "picture").write_bytes(b"\x89PNG....")
    (folder / "docs" / ".hidden").write_bytes(b"x")
    gathered = read_documents("docs")
    assert named(gathered) == [("b.txt", "line one\nline two"), ("c.txt", ""), ("deep/a.md.gz", "Öl")]
    assert gathered.notes == (
        "1 file holds no text and was left out (picture)",
        "1 document has no text and cannot be found (c.txt)",
    )


def test_tables_records_and_values_give_the_same_documents(folder: Path) -> None:
    frame = pl.DataFrame(PAIRS, schema=["id", "text"], orient="row")
    frame.write_csv("docs.csv")
    frame.write_parquet("docs.parquet")
    Path("docs.jsonl").write_text('{"id": "a", "text": "A rose", "parts": [{}]}\n\n{"id": "b", "text": null}\n')
    pandas = pd.DataFrame(PAIRS, columns=["id", "text"])
    for source in ("docs.csv", "docs.parquet", "docs.jsonl", frame, pandas, dict(PAIRS), PAIRS, iter(PAIRS)):
        assert named(read_documents(source)) == PAIRS


def test_columns_may_be_named_and_texts_joined(folder: Path) -> None:
    Path("docs.csv").write_text("nr,title,body\n7,T,B\n8,U,\n")
    assert named(read_documents("docs.csv", id="nr", text=["title", "body"])) == [("7", "T\nB"), ("8", "U\n")]
    assert named(read_documents("docs.csv", text=["body"])) == [("1", "B"), ("2", "")]
    Path("docs.jsonl").write_text('{"nr": 7, "title": "T", "body": "B"}\n')
    assert named(read_documents("docs.jsonl", id="nr", text=["title", "body"])) == [("7", "T\nB")]
    assert named(read_documents("docs.jsonl", text=["title"])) == [("1", "T")]


def test_lines_of_a_text_file_are_documents(folder: Path) -> None:
    Path("lines.txt").write_text("one\n\nthree\r\n")
    assert named(read_documents("lines.txt")) == [("1", "one"), ("3", "three")]


@pytest.mark.parametrize(
    ("content", "asked", "refusal"),
    [
        ({"docs/x.txt": b"\xff\xfe"}, {}, "a corpus must be UTF-8, but .*x.txt is not in line 1"),
        ({"docs/x": b"%PDF-1.4"}, {}, r"must hold files of text, but .*docs has none: its 1 file is none \(x\)"),
        ({"docs/.x": b""}, {}, "must hold files of text, but .*docs has none: it is empty"),
        ({"docs.csv": b"id,a,b\n1,2,3\n"}, {}, "which column of docs.csv holds the texts is not clear; .* of a, b"),
        ({"docs.csv": b"id,text\n1,x\n"}, {"text": ["txt"]}, 'has no column "txt"; did you mean "text"'),
        ({"docs.csv": b"id,text\n1,x\n"}, {"id": "name"}, 'has no column "name"; its columns are id, text'),
        ({"docs.csv": b"id,text\n1,x\n,y\n"}, {}, 'must have an id, but "id" of docs.csv has none in row 2'),
        ({"docs.csv": b"id,text\n1,x\n1,y\n"}, {}, '"1" is that of documents 1 and 2 of docs.csv'),
        ({"docs.jsonl": b'{"id": 1}\n'}, {}, 'must have the field "text", but line 1 of .* lacks it'),
        ({"docs.jsonl": b'{"id": null, "text": "x"}\n'}, {}, 'an id, but in line 1 of .*"id" is None'),
        ({"docs.jsonl": b'{"text": 3}\n'}, {}, 'the field "text" must hold text, but in line 1 .* it is 3'),
        ({"docs.jsonl": b"{\n"}, {}, "every line must be one JSON object, but line 1 is not"),
        ({"docs.txt": b"\n\n"}, {}, "there must be documents to find, but docs.txt has none"),
        ({"docs.parquet": b"PAR1"}, {}, "cannot be read to its end"),
        ({"dogs.csv": b""}, {}, 'there is no file docs; did you mean "dogs.csv"'),
    ],
)
def test_what_cannot_be_read_is_refused(
    folder: Path, content: dict[str, bytes], asked: dict[str, object], refusal: str
) -> None:
    for name, data in content.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(data)
    (source,) = {name.partition("/")[0] for name in content}
    with pytest.raises(FitwellError, match=refusal):
        read_documents("docs" if source.startswith("dogs") else source, **asked)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("source", "refusal"),
    [
        ([("a", 3)], "must be pairs of id and text, but one is"),
        (["text"], "must be pairs of id and text, but one is 'text'"),
        ({"a": None}, 'must be a string, but that of "a" is None'),
        (3, "must be a path, a frame, a mapping or pairs of id and text, but are int"),
        ([], "there must be documents to find, but the list has none"),
    ],
)
def test_values_that_are_no_documents_are_refused(source: object, refusal: str) -> None:
    with pytest.raises(DataError, match=refusal):
        read_documents(source)


def test_text_cannot_be_chosen_where_there_is_none() -> None:
    with pytest.raises(RequestError, match="name it by --text, of none"):
        read_documents(pl.DataFrame({"id": ["1"]}))


def test_columns_of_questions_and_answers_are_a_faq(folder: Path) -> None:
    rows = [("How much?", "Ten."), ("Where?", "")]
    (folder / "faq.csv").write_text("question,answer,topic\nHow much?,Ten.,fees\nWhere?,,places\n")
    (folder / "faq.jsonl").write_text("".join(json.dumps({"question": q, "answer": a}) + "\n" for q, a in rows))
    for source in ("faq.csv", "faq.jsonl"):
        found = read_documents(source)
        assert [(each.text, found.answers.get(each.id, "")) for each in found.documents] == rows
    other = read_documents("faq.csv", text=["topic"], answer="question")
    assert (other.documents[0].text, other.answers["1"]) == ("fees", "How much?")
    with pytest.raises(RequestError, match=r'faq\.csv has no column "anwser"; did you mean "answer"'):
        read_documents("faq.csv", text=["question"], answer="anwser")
