"""What is asked is opened: a run that reads, or an index with the reader that was named for it, which is remembered."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from fitwell.answering.asking import Answer, answered
from fitwell.conversing.chatting import Chat
from fitwell.conversing.routing import WANTED, learned
from fitwell.errors import DataError, RequestError
from fitwell.files import replace_atomically
from fitwell.search.documents import read_documents
from fitwell.search.value import Index, open_index

if TYPE_CHECKING:
    from fitwell.answering.reader import Reader
    from fitwell.run import Run

READER = "reader.json"  # in the folder of an index: which run reads its documents
VERSION = 1


def answer(
    where: str | Path,
    question: str,
    *,
    context: str | Path | None = None,
    reader: str | Path | None = None,
    alternatives: int = 0,
) -> Answer:
    """Return what is found for a question, with its place and a probability, or why it is not answered.

    `where` is a run of task answer, which reads the texts of `context` (a file or a folder), else those that it was
    trained on; or an index, whose documents the run `reader` reads, remembered for the next time.

    Raises:
        RequestError: it is neither; the question is blank; or an index has no reader. RunError: the run is damaged.
        DataError: the index or the context is.
    """
    if not is_run(where):
        if context is not None:
            raise RequestError(
                f"--context is for a run, but {where} is an index, whose documents are read; leave it out"
            )
        index = open_index(where)
        return answered(question, index, _needed(index, reader), alternatives=alternatives)
    if reader is not None:
        raise RequestError(f"--reader is for an index, but {where} is a run, which reads itself; leave it out")
    run = _run(where)
    if context is None:
        return run.answer(question, alternatives=alternatives)
    return answered(question, _texts(context), run.reader, alternatives=alternatives)


def chat(
    where: str | Path,
    *,
    reader: str | Path | None = None,
    by: str | None = None,
    threshold: float | None = None,
    wanted: float = WANTED,
) -> Chat:
    """Return what answers questions about the documents or the FAQ of an index turn by turn.

    A FAQ whose questions share answers chooses the threshold from which on it answers, so that the share `wanted` of
    its answers is right; `threshold` sets it. `by` is the way of ranking, without it all that there are. `reader` is
    the run that reads documents, remembered for the next time.

    Raises:
        DataError: there is no index. RequestError: the threshold or the way of ranking is none, or the reader was
            trained on a table.
    """
    for name, value in (("threshold", threshold), ("wanted", wanted)):
        if value is not None and not 0 <= value <= 1:
            raise RequestError(f"{name} must be a number from 0 to 1, but is {value:g}")
    if is_run(where):
        raise RequestError(
            f"chat answers from an index, but {where} is a run; ask it with: fitwell answer {where} QUESTION"
        )
    index = open_index(where)
    if index.answers and reader is not None:
        raise RequestError(f"--reader reads documents, but {where} is a FAQ, whose answers are given; leave it out")
    known = None if index.answers else reader_of(index, reader)
    if by is not None:
        index.require_ranking(by)
    routing = learned(index, by=by if index.answers else None, wanted=wanted)
    return Chat(index=index, routing=routing, reader=known, by=by, threshold=threshold)


def is_run(where: str | Path) -> bool:
    """Tell whether a folder is that of a run."""
    return (Path(where) / "recipe.yaml").is_file()


def reader_of(index: Index, reader: str | Path | None) -> Reader | None:
    """Return the reader of an index: the one that is named, which is remembered, else the remembered one.

    Raises:
        RunError, RequestError: the run is not there, is damaged, or was trained on a table. DataError: what is
        remembered is damaged.
    """
    if reader is not None:
        found = _run(reader).reader
        told = {"version": VERSION, "run": str(Path(reader).expanduser().absolute())}
        replace_atomically(index.path / READER, (json.dumps(told, indent=1) + "\n").encode())
        return found
    remembered = index.path / READER
    if not remembered.is_file():
        return None
    try:
        place = json.loads(remembered.read_text(encoding="utf-8"))["run"]
    except (ValueError, KeyError, TypeError):
        raise DataError(f"{remembered} is not what Fitwell writes; name the run that reads with --reader") from None
    return _run(place).reader


def _needed(index: Index, reader: str | Path | None) -> Reader:
    found = reader_of(index, reader)
    if found is None:
        raise RequestError(
            f"the documents of {index.path} need a reader, and none is remembered; name a run of task answer with "
            "--reader (train one with: fitwell train squad.json --task answer)"
        )
    return found


def _texts(context: str | Path) -> Mapping[str, str]:
    path = Path(context)
    if path.is_file():  # a file is one text, whatever its lines
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            raise DataError(f"{path} must be a text of UTF-8, but is not; save it as such") from None
        return {path.name: text}
    return {document.id: document.text for document in read_documents(path).documents}


def _run(where: str | Path) -> Run:
    from fitwell.run import load_run  # it imports PyTorch, which a FAQ does not need

    return load_run(where)
