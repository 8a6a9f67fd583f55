"""Text with a word and its values on each line: word2vec's and fastText's with a header of two counts, GloVe's
without.

Rules, where files differ: fields are set apart by spaces or tabs, and only by these. The last `width` fields of a
line are the values and everything before is the word, so words may hold spaces. Lines end with LF or CRLF; empty
lines are allowed at the end only. Bytes that are no UTF-8 become U+FFFD. Of a word that comes twice the first vector
counts. A mark of byte order at the beginning is passed over.
"""

from __future__ import annotations

import math
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from fitwell.errors import DataError
from fitwell.vectors.contents import Contents
from fitwell.vectors.formats.rules import MARK, cut_off, require_plain, without_copies
from fitwell.vectors.threads import over_parts

if TYPE_CHECKING:
    from numpy.typing import NDArray

PIECE = 1 << 24  # bytes read at a time; a line may not be longer
DOUBTFUL = 1 << 12  # values put aside at a time
WRITTEN = 1 << 15  # rows written at a time
HALFWAY = (2 - 2.0**-24) * 2.0**127  # from here on, float32 rounds to infinity


@dataclass(frozen=True, kw_only=True)
class Piece:
    """Whole lines of a file."""

    begin: int  # in bytes
    size: int
    row: int  # of the first line
    rows: int


def read_text(path: Path, *, header: tuple[int, int] | None, limit: int | None) -> Contents:
    """Read the lines after the header, or all where there is none.

    Raises:
        DataError: a line has no word, too few values, or one that is no finite number; or the header counts
        otherwise.
    """
    with path.open("rb") as file:
        first = file.readline(PIECE)
        width = header[1] if header else len(re.split(rb"[ \t]+", first.strip())) - 1
        begin = len(first) if header else len(MARK) if first.startswith(MARK) else 0
        pieces = _pieces(file, begin, limit, path)
    rows = pieces[-1].row + pieces[-1].rows if pieces else 0
    _require_room(path, rows=rows, width=width, bytes_left=sum(piece.size for piece in pieces))
    _require_count(path, header, rows, limit)
    matrix = np.empty((rows, width), np.float32)
    lines_before = 1 if header else 0

    def part(first: int, last: int) -> list[str]:
        return [word for piece in pieces[first:last] for word in _parsed(path, piece, matrix, lines_before)]

    words = [word for found in over_parts(part, len(pieces)) for word in found] if pieces else []
    unique, matrix, copies = without_copies(words, matrix)
    made = {"format": "word2vec" if header else "glove"} | ({"copies_left_out": copies} if copies else {})
    return Contents(words=unique, matrix=matrix, made=made)


def write_word2vec(contents: Contents, path: Path) -> None:
    """Write a header and the lines; a value has as many digits as float32 needs to come back the same."""
    _write(contents, path, header=f"{len(contents.words)} {contents.matrix.shape[1]}\n")


def write_glove(contents: Contents, path: Path) -> None:
    """Write the lines alone."""
    _write(contents, path, header="")


def _write(contents: Contents, path: Path, *, header: str) -> None:
    import polars as pl

    require_plain(contents.words)
    with path.open("wb") as file:
        file.write(header.encode())
        for start in range(0, len(contents.words), WRITTEN):
            block = np.asarray(contents.matrix[start : start + WRITTEN])
            columns = {"word": contents.words[start : start + WRITTEN]}
            frame = pl.DataFrame(columns, schema={"word": pl.String}).hstack(pl.DataFrame(block, orient="row"))
            frame.write_csv(file, include_header=False, separator=" ", quote_style="never")


def _pieces(file: BinaryIO, begin: int, limit: int | None, path: Path) -> list[Piece]:
    """Cut a file at ends of lines, so that cores can read pieces of it."""
    pieces: list[Piece] = []
    row, size = 0, os.fstat(file.fileno()).st_size
    while begin < size and (limit is None or row < limit):
        file.seek(begin)
        data = file.read(PIECE)
        end = data.rfind(b"\n") + 1 if begin + len(data) < size else len(data)
        if not end:
            raise DataError(f"{path}: a line must be shorter than {PIECE:,} bytes; is this a file of word vectors?")
        if begin + end >= size:
            data = data[:end].rstrip(b"\r\n \t")
            if not data:
                break
            rows = data.count(b"\n") + 1
        else:
            rows = data.count(b"\n", 0, end)
        rows = rows if limit is None else min(rows, limit - row)
        pieces.append(Piece(begin=begin, size=min(end, len(data)), row=row, rows=rows))
        begin, row = begin + end, row + rows
    return pieces


def _require_room(path: Path, *, rows: int, width: int, bytes_left: int) -> None:
    if rows and width < 1:
        raise DataError(f"{path}: a line must hold a word and its values, but the first has no value")
    if bytes_left < rows * 2 * width:
        raise DataError(
            f"{path}: {rows:,} lines of {width:,} values need {rows * 2 * width:,} bytes at least, but there are "
            f"{bytes_left:,}; is the file damaged?"
        )


def _require_count(path: Path, header: tuple[int, int] | None, rows: int, limit: int | None) -> None:
    if header is None or rows == min(header[0], limit or header[0]):
        return
    if rows < header[0]:
        raise DataError(cut_off(path, promised=header[0], found=rows))
    if rows > header[0]:
        raise DataError(
            f"{path}: the header promises {header[0]:,} words, but {rows:,} lines follow; limit={header[0]} reads the "
            "promised ones"
        )


def _parsed(path: Path, piece: Piece, matrix: NDArray[np.float32], lines_before: int) -> list[str]:
    from fitwell.vectors.formats.text_kernels import DONE, TOO_FEW, gather, parse

    with path.open("rb") as file:  # each core has its own place in the file
        file.seek(piece.begin)
        text = np.frombuffer(file.read(piece.size), np.uint8)
    into = matrix[piece.row : piece.row + piece.rows]
    begins, ends = np.empty(piece.rows, np.int64), np.empty(piece.rows, np.int64)
    doubtful = np.empty((max(DOUBTFUL, 2 * into.shape[1]), 4), np.int64)
    state = np.zeros(3, np.int64)
    while True:
        outcome = parse(text, state, into, begins, ends, doubtful)
        line = piece.row + int(state[1]) + lines_before + 1
        for row, column, begin, end in doubtful[: state[2]].tolist():
            place = f"{path}, line {piece.row + row + lines_before + 1}"
            into[row, column] = _decided(text[begin:end].tobytes(), place, column)
        state[2] = 0
        if outcome == TOO_FEW:
            raise DataError(
                f"{path}, line {line}: a word and {into.shape[1]} values must stand there, but there are fewer"
            )
        if outcome < 0:
            raise DataError(f"{path}, line {line}: {into.shape[1]} values stand there without a word")
        if outcome == DONE:
            break
    joined = np.empty(int((ends - begins).sum()) + piece.rows, np.uint8)
    gather(text, begins, ends, joined)
    return joined.tobytes().decode(errors="replace").split("\n")[:-1]


def _decided(token: bytes, place: str, column: int) -> float:
    try:
        value = float(token) if b"_" not in token else math.nan
    except ValueError:
        value = math.nan
    if not abs(value) < HALFWAY:
        shown = token[:40].decode(errors="replace")
        raise DataError(
            f'{place}: value {column + 1} must be a finite number that float32 can hold, but is "{shown}"; correct '
            "the line or leave it out"
        )
    return value
