"""Delimited text becomes frames of text cells, a chunk of whole rows at a time.

Polars parses fast but is lenient: it fills short rows, and stray quotes confuse it. So each chunk is first cut and
weighed with vectorized byte arithmetic. In well-formed text the quotes come in pairs, an opening one after a
delimiter or line end, a closing one before; then what lies outside quotes is exact, and delimiters = rows * (columns
- 1) proves that no row is short (polars itself refuses longer ones). From the first chunk that is not proven, Python's
`csv` reader takes over for the rest of the file and either reads it or names the line that is wrong.
"""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from fitwell.data.text_format import Dialect, TextFormat, records, utf8_chunks
from fitwell.errors import DataError

JUDGED_ROWS = 2**15  # rows of one frame where the csv reader took over
LONGEST_CHUNK = 2**26  # bytes without the end of a row before the csv reader looks for it
LAST_LINE = "\x1eend of the text\x1e"  # appended; a quote left open swallows it
NEWLINE, RETURN = ord("\n"), ord("\r")


@dataclass(frozen=True)
class Weighed:
    """What the bytes of a chunk say about its rows."""

    well_formed: bool  # quotes open and close cells, and nothing else
    end: int  # bytes up to the end of the last whole row
    rows: int  # line ends outside quotes, up to there
    delimiters: int  # delimiters outside quotes, up to there


def text_frames(path: Path, form: TextFormat, *, columns: Sequence[str]) -> Iterator[pl.DataFrame]:
    """Yield the rows of a delimited text file as text cells, null where empty, in frames of some thousand rows.

    Raises:
        DataError: a row is longer or shorter than the header, a cell is not closed or not UTF-8; the line is named.
    """
    chunks = _body_chunks(path, form)
    rest, line = b"", form.body_line
    for chunk in chunks:
        rest += chunk
        written = len(rest.rstrip(b"\r\n"))
        if not written:
            continue
        # Blank lines at the end of a chunk are held back: at the end of the file they are nothing.
        row_end = rest.find(b"\n", written) + 1 or len(rest)
        weighed = weigh(rest[:row_end], form.dialect)
        whole = rest[: weighed.end]
        frame = _parsed(whole, weighed, form, columns)
        if frame is None or len(rest) - weighed.end > LONGEST_CHUNK:
            yield from _judged(path, itertools.chain([rest], chunks), form, line, columns)
            return
        yield frame
        line += _count(whole, NEWLINE)
        rest = rest[weighed.end :]
    rest = rest.rstrip(b"\r\n")
    if rest:
        frame = _parsed(rest + b"\n", weigh(rest + b"\n", form.dialect), form, columns)
        yield from [frame] if frame is not None else _judged(path, iter([rest]), form, line, columns)


def weigh(chunk: bytes, dialect: Dialect) -> Weighed:
    r"""Return what can be proven of a chunk that begins with a row, without parsing it.

    >>> weigh(b'1,"a\n,b"\n2,c\n3', Dialect(delimiter=",", quote='"'))
    Weighed(well_formed=True, end=13, rows=2, delimiters=2)
    """
    delimiter, quote = dialect.delimiter.encode(), dialect.quote.encode()
    if not quote or quote not in chunk:
        end = chunk.rfind(b"\n") + 1
        return Weighed(True, end, _count(chunk[:end], NEWLINE), _count(chunk[:end], ord(delimiter)))
    codes = np.frombuffer(chunk, np.uint8)
    is_quote, is_delimiter, is_newline = codes == ord(quote), codes == ord(delimiter), codes == NEWLINE
    inside = np.bitwise_xor.accumulate(is_quote.view(np.uint8)).view(
        bool
    )  # from an opening quote to before its closing
    edge = is_delimiter | is_newline | is_quote  # a doubled quote within a cell closes and opens it: next to a quote
    after = edge.copy()
    after[:-1] |= (codes[:-1] == RETURN) & is_newline[1:]
    # For booleans, a > b is "a and not b".
    misplaced = ((is_quote & inside)[1:] > edge[:-1]).any() or ((is_quote > inside)[:-1] > after[1:]).any()
    row_ends = is_newline > inside
    rows = int(np.count_nonzero(row_ends))
    end = len(chunk) - int(np.argmax(row_ends[::-1])) if rows else 0
    return Weighed(not misplaced, end, rows, int(np.count_nonzero(is_delimiter[:end] > inside[:end])))


def _count(chunk: bytes, code: int) -> int:
    return int(np.count_nonzero(np.frombuffer(chunk, np.uint8) == code))


def _body_chunks(path: Path, form: TextFormat) -> Iterator[bytes]:
    skip = form.body_start
    for chunk in utf8_chunks(path, encoding=form.encoding, marked=form.marked, line_end=form.line_end):
        if len(chunk) > skip:
            yield chunk[skip:]
        skip = max(0, skip - len(chunk))


def _parsed(chunk: bytes, weighed: Weighed, form: TextFormat, columns: Sequence[str]) -> pl.DataFrame | None:
    """Return the frame of a chunk of whole rows, or None where it is not proven to be what the file says."""
    aligned = weighed.delimiters == weighed.rows * (len(form.names) - 1)
    if not (weighed.well_formed and aligned and (chunk.isascii() or _is_utf8(chunk))):
        return None
    try:
        frame = pl.read_csv(
            chunk,
            has_header=False,
            schema=dict.fromkeys(form.names, pl.String),
            separator=form.dialect.delimiter,
            quote_char=form.dialect.quote or None,
            columns=sorted({form.names.index(name) for name in columns}),
        )
    except pl.exceptions.PolarsError:
        return None
    if frame.height != weighed.rows:
        return None
    frame = frame if frame.columns == list(columns) else frame.select(columns)
    quote = form.dialect.quote.encode()
    # The search for one byte is twenty times as fast as that for two, and most text has no quotes.
    return _without_empty_text(frame) if quote and quote in chunk and quote * 2 in chunk else frame


def _is_utf8(chunk: bytes) -> bool:
    try:
        chunk.decode()
    except UnicodeDecodeError:
        return False
    return True


def _without_empty_text(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.with_columns(pl.when(pl.all() != "").then(pl.all()))


def _judged(
    path: Path, chunks: Iterator[bytes], form: TextFormat, first_line: int, columns: Sequence[str]
) -> Iterator[pl.DataFrame]:
    """Yield the rows that Python's csv reader finds, or name the line that is wrong."""
    lines = itertools.chain.from_iterable(_decoded(path, chunks, first_line))
    reader = records(itertools.chain(lines, ["\n", LAST_LINE]), form.dialect)
    blanks = 0
    while True:
        line, batch = first_line + reader.line_num, list[list[str]]()
        try:
            batch.extend(itertools.islice(reader, JUDGED_ROWS))
        except csv.Error as error:
            wrong = line + _lines(batch)  # what was read before the error is in the batch
            raise DataError(
                f"{path}: the row that begins in line {wrong} cannot be read ({error}); is a quote left open there?"
            ) from None
        ended = bool(batch[-1]) and batch[-1][-1].endswith(LAST_LINE)
        if ended and batch.pop() != [LAST_LINE]:
            raise DataError(
                f"{path}: the row that begins in line {line + _lines(batch)} has no end, "
                "because a quote is left open there; close it, or remove it"
            )
        rows = batch
        if {len(row) for row in batch} != {len(form.names)}:
            rows, blanks = _checked(path, batch, len(form.names), line, blanks)
        elif blanks:
            rows, blanks = [[""]] * blanks + rows, 0
        cells = dict(zip(form.names, zip(*rows, strict=True), strict=True)) if rows else dict.fromkeys(form.names, ())
        frame = pl.DataFrame([pl.Series(name, cells[name], pl.String) for name in columns])
        yield _without_empty_text(frame)
        if ended:
            return


def _checked(
    path: Path, batch: list[list[str]], width: int, first_line: int, blanks: int
) -> tuple[list[list[str]], int]:
    # Blank lines are no rows, except among the cells of a single column, where they are empty cells: so they are held
    # back until another cell follows.
    rows: list[list[str]] = []
    for place, row in enumerate(batch):
        if not row or (width > 1 and len(row) == 1 and not row[0].strip()):
            blanks += width == 1
        elif len(row) == width:
            rows += [[""]] * blanks
            rows.append(row)
            blanks = 0
        else:
            raise DataError(
                f"{path}: every row needs as many cells as the header has names, but line "
                f"{first_line + _lines(batch[:place])} has {len(row)} where the header has {width}; "
                "is a delimiter or a quote missing or too many there?"
            )
    return rows, blanks


def _lines(rows: Iterable[list[str]]) -> int:
    return sum(1 + sum(cell.count("\n") for cell in row) for row in rows)


def _decoded(path: Path, chunks: Iterator[bytes], first_line: int) -> Iterator[io.StringIO]:
    # Pieces of whole lines, each iterating over its lines with their ends.
    rest, line = b"", first_line
    for chunk in itertools.chain(chunks, [b""]):
        whole, newline, rest = (rest + chunk).rpartition(b"\n") if chunk else (rest, b"", b"")
        try:
            yield io.StringIO((whole + newline).decode(), newline="")
        except UnicodeDecodeError as error:
            wrong = line + whole.count(b"\n", 0, error.start)
            raise DataError(
                f"{path} begins as UTF-8 text, but line {wrong} is not (byte 0x{whole[error.start]:02X}); "
                "save it as UTF-8 throughout"
            ) from None
        line += whole.count(b"\n") + len(newline)
