"""Where texts come from: files, folders and Python's iterables become pieces of some megabytes, each of whole texts.

A text is a line of a file (a sentence, often), or a whole file, or a field of a JSONL record, or an item of an
iterable. An item may also be a list of tokens, which is taken as it is.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
import numpy.typing as npt

from fitwell.errors import DataError, RequestError, nearest
from fitwell.sources import CONTAINERS, FOREIGN, decompressed, existing_path, first_bytes, named_by, worded

Unit = Literal["line", "file"]
Corpus: TypeAlias = "str | Path | Iterable[str] | Iterable[Sequence[str]]"

PIECE_BYTES = 2 * 2**20
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
HIDDEN = (".", "_")
RECORDS = {".jsonl", ".ndjson"}  # ends of names, before that of a compression
OFFERED = 5  # fields
NEWLINE = ord("\n")


@dataclass(frozen=True, eq=False)
class Piece:
    """Some whole texts as UTF-8, each followed by a line end, behind which text i is over: at `ends[i]`."""

    text: bytes
    ends: npt.NDArray[np.int64]

    def texts(self) -> list[str]:
        """Return the texts, one by one."""
        bounds = itertools.pairwise([0, *self.ends.tolist()])
        return [self.text[start : end - 1].decode("utf-8", "surrogatepass") for start, end in bounds]


Tokens: TypeAlias = "list[Sequence[str]]"  # some texts that came as lists of tokens


def piece_of(texts: Sequence[str]) -> Piece:
    r"""Return texts as a piece, each followed by a line end, so that no token reaches into the next.

    >>> piece_of(["a b", "c"]).text
    b'a b\nc\n'
    """
    joined = "\n".join([*texts, ""])
    if joined.isascii():
        lengths = np.fromiter(map(len, texts), np.int64, len(texts))
        return Piece(joined.encode(), np.cumsum(lengths + 1))
    encoded = [text.encode("utf-8", "surrogatepass") for text in texts]
    lengths = np.fromiter(map(len, encoded), np.int64, len(encoded))
    return Piece(b"\n".join([*encoded, b""]), np.cumsum(lengths + 1))


def pieces_of(corpus: Corpus, *, unit: Unit = "line", field: str | None = None) -> Iterator[Piece | Tokens]:
    """Yield the texts of a corpus in pieces.

    A path is a text file, plain or compressed with gzip or zstd, or a folder of them, read in order of their names;
    hidden ones are left out. With `field` the files are JSONL, and that field of each record is a text.

    Raises:
        DataError: there is nothing at the path, or no text in it; or it is not UTF-8, or a record lacks the field.
        RequestError: the unit is unknown, or `field` is given for something that is not a file, or is not given for
        one that its name says is JSONL.
    """
    if unit not in get_args(Unit):
        raise RequestError(f'unit must be "line" or "file", but is "{unit}"')
    if isinstance(corpus, str | Path):
        yield from _file_pieces(corpus, unit=unit, field=field)
        return
    if field is not None:
        raise RequestError(f'field "{field}" can be taken from files only; give the texts themselves instead')
    yield from _item_pieces(iter(corpus))


def _item_pieces(items: Iterator[str | Sequence[str]]) -> Iterator[Piece | Tokens]:
    first = next(items, None)
    texts = isinstance(first, str)
    batch, size = list[Any](), 0
    for item in itertools.chain(() if first is None else (first,), items):
        if isinstance(item, str) != texts or not (texts or _is_tokens(item)):
            shown = f"{type(item).__name__} {str(item)[:40]}"
            raise DataError(
                f"a corpus must hold texts only, or lists of tokens only, but one item is {shown}; turn it into such"
            )
        batch.append(item)
        size += len(item) if texts else sum(map(len, item))
        if size >= PIECE_BYTES:
            yield piece_of(batch) if texts else batch
            batch, size = [], 0
    if batch:
        yield piece_of(batch) if texts else batch


def _is_tokens(item: object) -> bool:
    return isinstance(item, Sequence) and not isinstance(item, bytes) and all(isinstance(each, str) for each in item)


def _file_pieces(source: str | Path, *, unit: Unit, field: str | None) -> Iterator[Piece]:
    path = existing_path(source)
    files = _files_in(path) if path.is_dir() else [path]
    held, sizes, found = list[bytes](), list[npt.NDArray[np.int64]](), False
    for piece in itertools.chain.from_iterable(_pieces_of_file(file, unit=unit, field=field) for file in files):
        found = True
        held.append(piece.text)
        sizes.append(piece.ends)
        if sum(map(len, held)) >= PIECE_BYTES:
            yield _joined(held, sizes)
            held, sizes = [], []
    if held:
        yield _joined(held, sizes)
    if not found:
        raise DataError(f"a corpus must hold text, but {source} is empty; name another file")


def _joined(texts: list[bytes], ends: list[npt.NDArray[np.int64]]) -> Piece:
    starts = itertools.accumulate(map(len, texts[:-1]), initial=0)
    return Piece(b"".join(texts), np.concatenate([each + start for each, start in zip(ends, starts, strict=True)]))


def _files_in(folder: Path) -> list[Path]:
    with worded(str(folder)):
        below = [entry.relative_to(folder) for entry in sorted(folder.rglob("*")) if entry.is_file()]
    seen = [folder / part for part in below if not any(name.startswith(HIDDEN) for name in part.parts)]
    if not seen:
        raise DataError(f"a folder of texts must hold files, but {folder} has none to be seen; name another folder")
    return seen


def _pieces_of_file(path: Path, *, unit: Unit, field: str | None) -> Iterator[Piece]:
    """Yield the texts of one file; of an empty one, nothing."""
    with worded(str(path)):
        empty = path.stat().st_size == 0
    if empty:
        return
    foreign = named_by(first_bytes(path), FOREIGN | CONTAINERS)
    if foreign is not None:
        raise DataError(f"a corpus must be text, plain or compressed with gzip or zstd, but {path} is {foreign}")
    line = 1
    whole = list[bytes]()
    for text in _whole_lines(path):
        _require_utf8(text, path, line)
        if field is None and line == 1:
            _require_no_records(text, path)
        ends = np.flatnonzero(np.frombuffer(text, np.uint8) == NEWLINE) + 1
        if field is not None:
            yield piece_of(list(_fields(text, field, path, line)))
        elif unit == "line":
            yield Piece(text, ends)
        else:
            whole.append(text)
        line += len(ends)
    if whole:
        text = b"".join(whole)
        yield Piece(text, np.array([len(text)]))


def _whole_lines(path: Path) -> Iterator[bytes]:
    held, mark = list[bytes](), BYTE_ORDER_MARK
    for chunk in decompressed(path):
        behind = chunk.rfind(b"\n") + 1
        if behind:
            yield b"".join([*held, memoryview(chunk)[:behind]]).removeprefix(mark)
            held, mark = [], b""
        held.append(chunk[behind:])
    rest = b"".join(held).removeprefix(mark)
    if rest:
        yield rest + b"\n"


def _require_utf8(text: bytes, path: Path, line: int) -> None:
    if text.isascii():
        return
    try:
        text.decode()
    except UnicodeDecodeError as error:
        wrong = line + text.count(b"\n", 0, error.start)
        raise DataError(
            f"a corpus must be UTF-8, but {path} is not in line {wrong}: {error.reason} "
            f"(0x{text[error.start]:02x}); convert it, or mend that line"
        ) from None


def _require_no_records(text: bytes, path: Path) -> None:
    """Refuse to learn the names of fields, too, from records that are taken for lines of text."""
    if RECORDS.isdisjoint(path.suffixes):
        return
    try:
        record = json.loads(text.partition(b"\n")[0])
    except (ValueError, RecursionError):
        return
    if isinstance(record, dict):
        texts = [name for name, value in record.items() if isinstance(value, str)]
        offered = ", ".join(texts[:OFFERED]) or "it has none that holds text"
        raise RequestError(f"{path} holds JSON records, so the field of their texts must be named (--field): {offered}")


def _fields(text: bytes, field: str, path: Path, line: int) -> Iterator[str]:
    for number, each in enumerate(text.splitlines(), start=line):
        if not each.strip():
            continue
        try:
            record = json.loads(each)
        except (ValueError, RecursionError):
            raise DataError(f"{path}: every line must be a JSON object, but line {number} is not; mend it") from None
        if not isinstance(record, dict) or field not in record:
            known = record if isinstance(record, dict) else ()
            offered = nearest(field, known) or "; choose a field that every record has"
            raise DataError(f'{path}: every record must have the field "{field}", but line {number} lacks it{offered}')
        value = record[field]
        if value is not None and not isinstance(value, str):
            raise DataError(
                f'{path}: the field "{field}" must hold text, but in line {number} it is {json.dumps(value)[:40]}; '
                "choose another field"
            )
        yield value or ""
