"""Where documents come from: files, tables, records and Python's own values become texts with names.

A document is a file of a folder, a row of a table, a record of JSONL, or a line of a text file. Each has a name of its
own, its id: the file's path in the folder, the cell of the column of ids, or the number of the row or line.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from fitwell.errors import DataError, RequestError, nearest
from fitwell.sources import CONTAINERS, FOREIGN, PARQUET_SUFFIXES, existing_path, files_below, first_bytes, named_by
from fitwell.words.texts import Piece, pieces_of

QUESTION, ANSWER = "question", "answer"  # the columns of a FAQ, in which the first is found and the second told
RECORDS = {".jsonl", ".ndjson"}
LINES = {".txt", ".text", ".md"}
ID, TEXT = "id", "text"  # the columns, unless others are named


class Document(NamedTuple):
    """A text that can be found, and what it is called."""

    id: str
    text: str


@dataclass(frozen=True, kw_only=True, eq=False)
class Gathered:
    """Documents, each id once, and what there is to say about where they came from."""

    documents: list[Document]
    answers: Mapping[str, str] = field(default_factory=dict)  # of a FAQ, by the ids of its questions
    notes: tuple[str, ...] = ()


Source: TypeAlias = "str | Path | Mapping[str, str] | Iterable[tuple[str, str]] | Any"


class Columns(NamedTuple):
    """The names that were given to columns of a table or fields of records; None and none: not named."""

    id: str | None
    text: tuple[str, ...]
    answer: str | None

    @property
    def asked(self) -> tuple[str, ...]:
        """Those that must be there."""
        return (*self.text, *(name for name in (self.id, self.answer) if name))


def read_documents(
    source: Source, *, id: str | None = None, text: Sequence[str] = (), answer: str | None = None
) -> Gathered:
    """Return the documents of a folder, a file, a frame, a mapping from id to text, or pairs of both.

    `id`, `text` and `answer` name columns of a table or fields of records; without them they are "id" and "text",
    without a column of that name the number of the row and the only column that there is. Several columns of text are
    joined, a line each. Where there are columns "question" and "answer" and no text is named, the source is a FAQ.

    >>> read_documents({"a": "A rose", "b": "A cat"}).documents
    [Document(id='a', text='A rose'), Document(id='b', text='A cat')]

    Raises:
        DataError: there is nothing to read, a file is not UTF-8, or two documents have the same id.
        RequestError: a column is not there.
    """
    gathered = _gathered(source, Columns(id, tuple(text), answer))
    if not gathered.documents:
        raise DataError(f"there must be documents to find, but {_shown(source)} has none; name another source")
    seen = dict[str, int]()
    for number, document in enumerate(gathered.documents, start=1):
        first = seen.setdefault(document.id, number)
        if first != number:
            raise DataError(
                f'every document must have an id of its own, but "{document.id}" is that of documents {first} and '
                f"{number} of {_shown(source)}; name another column by --id, or leave one of them out"
            )
    return gathered


def _gathered(source: Source, columns: Columns) -> Gathered:
    if isinstance(source, str | Path):
        return _at(source, existing_path(source), columns)
    if isinstance(source, Mapping):
        return Gathered(documents=[Document(str(name), _required(each, str(name))) for name, each in source.items()])
    from fitwell.data.in_memory import frame_of

    if frame_of(source) is not None:
        return _of_table(source, columns)
    if not isinstance(source, Iterable):
        raise DataError(
            f"documents must be a path, a frame, a mapping or pairs of id and text, but are {type(source).__name__}"
        )
    return Gathered(documents=list(map(_of_pair, source)))


def _at(given: str | Path, path: Path, columns: Columns) -> Gathered:
    if path.is_dir():
        files = files_below(path)
        if any(file.suffix.lower() in PARQUET_SUFFIXES for file in files):
            return _of_table(given, columns)
        return _of_folder(path, files)
    suffixes = {suffix.lower() for suffix in path.suffixes}
    if suffixes & RECORDS:
        found = list(_of_records(path, columns))
        records = [document for document, _ in found]
        answers = {document.id: answer for document, answer in found if answer}
        return Gathered(documents=records, answers=answers, notes=_empty(records))
    if suffixes & LINES and not columns.text:
        return Gathered(documents=list(_of_lines(path)))
    return _of_table(given, columns)


def _of_folder(folder: Path, files: list[Path]) -> Gathered:
    """Return the files that hold text as documents; the others are told."""
    documents, foreign = list[Document](), list[str]()
    for file in files:
        name = file.relative_to(folder).as_posix()
        if not file.stat().st_size:
            documents.append(Document(name, ""))
        elif named_by(first_bytes(file), FOREIGN | CONTAINERS):
            foreign.append(name)
        else:
            documents.append(Document(name, "".join(_texts(file, unit="file")).rstrip("\n")))
    if not documents:
        held = f"{_files(foreign, 'its ', 'is none', 'are none')}" if foreign else "it is empty"
        raise DataError(f"a folder of documents must hold files of text, but {folder} has none: {held}")
    notes = [_files(foreign, "", "holds no text and was left out", "hold no text and were left out")] if foreign else []
    return Gathered(documents=documents, notes=(*notes, *_empty(documents)))


def _of_lines(path: Path) -> Iterator[Document]:
    for number, line in enumerate(_texts(path, unit="line"), start=1):
        if line.strip():
            yield Document(str(number), line.rstrip("\r"))


def _texts(path: Path, *, unit: Any) -> Iterator[str]:
    for piece in pieces_of(path, unit=unit):
        assert isinstance(piece, Piece)
        yield from piece.texts()


def _of_records(path: Path, columns: Columns) -> Iterator[tuple[Document, str]]:
    """Yield the documents that records are, and their answers in a FAQ."""
    from fitwell.data.jsonl import json_objects

    for number, (line, record) in enumerate(json_objects(path), start=1):
        place = f"line {line} of {path}"
        if number == 1:
            columns = _as_faq(columns, record)
            columns = columns._replace(text=columns.text or (TEXT,))
        id = columns.id
        for needed in columns.asked:
            if needed not in record:
                offered = nearest(needed, record) or "; choose a field that every record has"
                raise RequestError(f'every record must have the field "{needed}", but {place} lacks it{offered}')
        name = record.get(id or ID, None if id else number)
        if name is None or isinstance(name, list | dict):
            raise DataError(f'every record must have an id, but in {place} "{id or ID}" is {name}; mend that line')
        answer = "" if columns.answer is None else _field(record[columns.answer], columns.answer, place)
        yield Document(str(name), "\n".join(_field(record[each], each, place) for each in columns.text)), answer


def _field(value: object, field: str, place: str) -> str:
    if value is not None and not isinstance(value, str):
        raise DataError(f'the field "{field}" must hold text, but in {place} it is {value!r:.40}; choose another')
    return value or ""


def _as_faq(columns: Columns, known: Container[str]) -> Columns:
    """Return the columns of a FAQ where there are such and no text was named."""
    if columns.text or TEXT in known or QUESTION not in known or (columns.answer or ANSWER) not in known:
        return columns
    return columns._replace(text=(QUESTION,), answer=columns.answer or ANSWER)


def _of_table(source: Any, columns: Columns) -> Gathered:
    import polars as pl

    from fitwell.data.read import read_table

    table = read_table(source)
    frame = table.frame
    columns = _as_faq(columns, frame.columns)
    name, texts = _columns(frame.columns, columns, table.source)
    if name is None:
        ids = [str(number) for number in range(1, frame.height + 1)]
    else:
        if frame[name].null_count():
            row = int(frame[name].is_null().arg_max() or 0) + 1
            raise DataError(f'every row must have an id, but "{name}" of {table.source} has none in row {row}')
        ids = frame[name].cast(pl.String).to_list()
    cells = [frame[column].cast(pl.String).fill_null("").to_list() for column in texts]
    documents = [Document(each, "\n".join(parts)) for each, *parts in zip(ids, *cells, strict=True)]
    answers = dict[str, str]()
    if columns.answer is not None:
        told = frame[columns.answer].cast(pl.String).fill_null("").to_list()
        answers = {each: answer for each, answer in zip(ids, told, strict=True) if answer}
    return Gathered(documents=documents, answers=answers, notes=_empty(documents))


def _columns(known: Sequence[str], columns: Columns, source: str) -> tuple[str | None, tuple[str, ...]]:
    """Return the column of ids, None for row numbers, and those of texts."""
    id, text = columns.id, columns.text
    for asked in columns.asked:
        if asked not in known:
            offered = nearest(asked, known) or f"; its columns are {', '.join(known)}"
            raise RequestError(f'{source} has no column "{asked}"{offered}')
    name = id or (ID if ID in known else None)
    others = [column for column in known if column not in (name, columns.answer)]
    if text or TEXT in others:
        return name, text or (TEXT,)
    if len(others) == 1:
        return name, (others[0],)
    raise RequestError(
        f"which column of {source} holds the texts is not clear; name it by --text, of {', '.join(others) or 'none'}"
    )


def _of_pair(given: object) -> Document:
    if isinstance(given, tuple | list) and len(given) == 2 and isinstance(given[1], str):
        return Document(str(given[0]), given[1])
    raise DataError(f'documents must be pairs of id and text, but one is {given!r:.60}; write ("1", "its text")')


def _required(text: object, name: str) -> str:
    if not isinstance(text, str):
        raise DataError(f'the text of every document must be a string, but that of "{name}" is {text!r:.40}')
    return text


def _empty(documents: list[Document]) -> tuple[str, ...]:
    empty = [document.id for document in documents if not document.text.strip()]
    if not empty:
        return ()
    if len(empty) == 1:
        return (f"1 document has no text and cannot be found ({empty[0]})",)
    return (f"{len(empty)} documents have no text and cannot be found (the first is {empty[0]})",)


def _files(names: list[str], whose: str, one: str, several: str) -> str:
    if len(names) == 1:
        return f"{whose}1 file {one} ({names[0]})"
    return f"{whose}{len(names)} files {several} (the first is {names[0]})"


def _shown(source: object) -> str:
    return str(source) if isinstance(source, str | Path) else f"the {type(source).__name__}"
