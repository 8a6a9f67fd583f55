"""How a delimited text file is written: its encoding, delimiter, quote and header, told from its first bytes.

A delimiter is right when the rows have as many cells as the header has names. So `a;b` over `1,5;2,5` is a table of
two columns with decimal commas, and `text` over `hello, world` is one column.
"""

from __future__ import annotations

import codecs
import csv
import io
import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fitwell.errors import DataError
from fitwell.sources import CONTAINERS, FOREIGN, compression_of, decompressed, named_by

if TYPE_CHECKING:
    import _csv

DELIMITERS = {",": "comma", "\t": "tab", ";": "semicolon", "|": "pipe"}
# UTF-32 comes first because its little-endian mark begins with that of UTF-16.
BYTE_ORDER_MARKS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF32_LE: "utf-32-le",
    codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}
# Windows-1252, and the Latin-1 control character where it leaves a byte undefined, as browsers read it.
WINDOWS_1252 = "".join(bytes([byte]).decode("cp1252", "ignore") or chr(byte) for byte in range(256))
UNNAMED = "Unnamed: 0"  # what pandas calls the column of its own index, which it writes without a name
READABLE = "CSV, TSV, JSONL, Parquet or Arrow"
SAMPLE_CHARACTERS = 2**18
SAMPLE_RECORDS = 200


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """How cells are separated."""

    delimiter: str
    quote: str  # empty: quote characters mean nothing
    spaced: bool = False  # spaces after a delimiter are no part of the cell


@dataclass(frozen=True, kw_only=True)
class TextFormat:
    """How a delimited text file is written."""

    compression: str  # none, gzip or zstd
    encoding: str  # Python's name
    marked: bool  # begins with a byte order mark
    line_end: str  # "\n" (also after "\r") or "\r"
    dialect: Dialect
    names: tuple[str, ...]
    body_start: int  # bytes before the first row, once the text is UTF-8 without mark
    body_line: int  # line number of the first row, counted from 1
    first_unnamed: bool = False  # the header has no name for its first column, which is called UNNAMED

    def described(self) -> dict[str, str]:
        """Return what was detected in words, for the record of a run."""
        words = {
            "delimiter": DELIMITERS[self.dialect.delimiter],
            "quote": self.dialect.quote or "none",
            "encoding": self.encoding + (" with byte order mark" if self.marked else ""),
            "compression": self.compression,
        }
        if self.first_unnamed:
            words["first column"] = f'without a name, as pandas writes its index; read as "{UNNAMED}"'
        if all(_is_number(name) for name in self.names):
            words["header"] = "every name is a number: the file may have no header, its first row taken for one"
        return words


def detect_text_format(path: Path) -> TextFormat:
    """Return how a delimited text file is written.

    Raises:
        DataError: it is no text, or its header is missing, or a name in it is empty or comes twice.
    """
    _refuse_foreign(path, next(decompressed(path), b""))
    encoding, marked = _encoding(path)
    head = next(utf8_chunks(path, encoding=encoding, marked=marked, line_end="\n"), b"")
    _refuse_binary(path, head)
    line_end = "\r" if b"\r" in head and b"\n" not in head else "\n"
    head = head.replace(b"\r", b"\n") if line_end == "\r" else head
    start, given = _declared_delimiter(head)
    start += len(head[start:]) - len(head[start:].lstrip(b"\r\n"))
    body = head[start:]
    if not body.strip():
        raise DataError(f"{path} holds nothing but blank lines; a table needs a header and at least one row")
    dialect = detect_dialect(body.decode(errors="replace"), delimiters=given or tuple(DELIMITERS))
    names, size = _header(body, dialect)
    first_unnamed = len(names) > 1 and not names[0] and all(names[1:]) and UNNAMED not in names
    if first_unnamed:
        names[0] = UNNAMED
    return TextFormat(
        compression=compression_of(path),
        encoding=encoding,
        marked=marked,
        line_end=line_end,
        dialect=dialect,
        names=checked_names(names, source=str(path)),
        body_start=start + size,
        body_line=head[: start + size].count(b"\n") + 1,
        first_unnamed=first_unnamed,
    )


def utf8_chunks(path: Path, *, encoding: str, marked: bool, line_end: str) -> Iterator[bytes]:
    """Yield a text file as UTF-8 without byte order mark; UTF-8 is passed on unchecked."""
    recode = _recoder(encoding)
    mark = next(mark for mark, name in BYTE_ORDER_MARKS.items() if name == encoding) if marked else b""
    for chunk in itertools.chain(decompressed(path), [b""]):
        try:
            text = recode(chunk.removeprefix(mark))
        except UnicodeError as error:
            raise DataError(
                f"{path} begins as {encoding.upper()} text, but is not ({error.args[-1]}); save it as UTF-8"
            ) from None
        mark = b""
        yield text.replace(b"\r", b"\n") if line_end == "\r" else text


def detect_dialect(text: str, *, delimiters: Iterable[str] = tuple(DELIMITERS)) -> Dialect:
    """Return the delimiter and quote under which the rows fit the header best.

    >>> detect_dialect("a;b\\n1,5;2,5\\n")
    Dialect(delimiter=';', quote='"', spaced=False)
    >>> detect_dialect("text\\nhello, world\\n").delimiter
    '\\t'
    """
    sample = text[:SAMPLE_CHARACTERS]
    cut = len(sample) < len(text)
    best, best_fit = Dialect(delimiter=",", quote='"'), (-1, 0.0, 0)
    for quote in _plausible_quotes(sample):
        for delimiter in delimiters:
            dialect = Dialect(delimiter=delimiter, quote=quote, spaced=f"{delimiter} {quote}" in sample and quote != "")
            fit = _fit(sample, dialect, cut=cut)
            if fit > best_fit:
                best, best_fit = dialect, fit
    return best


def records(lines: Iterable[str], dialect: Dialect) -> _csv.Reader:
    """Return Python's own reader of delimited text, the judge of how malformed quoting is read."""
    return csv.reader(
        lines,
        delimiter=dialect.delimiter,
        quotechar=dialect.quote or None,
        quoting=csv.QUOTE_MINIMAL if dialect.quote else csv.QUOTE_NONE,
        skipinitialspace=dialect.spaced,
    )


def checked_names(names: Iterable[str], *, source: str) -> tuple[str, ...]:
    """Return column names, each stated and stated once.

    Raises:
        DataError: a name is empty, begins with a zero byte, or comes twice; its places are named.
    """
    names = tuple(names)
    places: dict[str, int] = {}
    for place, name in enumerate(names, start=1):
        if not name.strip():
            raise DataError(
                f"{source}: every column needs a name, but column {place} of {len(names)} has none; "
                "name it in the header, or write the table without an index"
            )
        if name.startswith("\0"):
            raise DataError(  # polars cannot find such a column again
                f"{source}: a column name must not begin with a zero byte, but that of column {place} of {len(names)}, "
                f"{name!r}, does; rename it"
            )
        if name in places:
            raise DataError(
                f'{source}: column names must differ, but columns {places[name]} and {place} are both "{name}"; '
                "rename one of them"
            )
        places[name] = place
    return names


def _encoding(path: Path) -> tuple[str, bool]:
    # The first chunk that is not plain ASCII decides; ASCII throughout is UTF-8.
    for number, chunk in enumerate(decompressed(path)):
        if number == 0 and (marked := named_by(chunk[:4], BYTE_ORDER_MARKS)):
            return marked, True
        if not chunk.isascii():
            return ("utf-8" if _is_utf8(chunk) else "windows-1252"), False
    return "utf-8", False


def _is_utf8(chunk: bytes) -> bool:
    try:
        codecs.getincrementaldecoder("utf-8")().decode(chunk)  # incremental: the chunk may end within a character
    except UnicodeDecodeError:
        return False
    return True


def _recoder(encoding: str) -> Callable[[bytes], bytes]:
    # From chunks of the encoding to chunks of UTF-8; an empty chunk says that the text is at its end.
    if encoding == "utf-8":
        return lambda chunk: chunk
    if encoding == "windows-1252":
        return lambda chunk: (
            chunk if chunk.isascii() else codecs.charmap_decode(chunk, "strict", WINDOWS_1252)[0].encode()
        )
    decoder = codecs.getincrementaldecoder(encoding)()
    return lambda chunk: decoder.decode(chunk, final=not chunk).encode()


def _refuse_foreign(path: Path, start: bytes) -> None:
    foreign = named_by(start, FOREIGN | {magic: f"compressed {name}" for magic, name in CONTAINERS.items()})
    if foreign:
        raise DataError(f"{path} must be a table as {READABLE}, but is {foreign}; export it as CSV")


def _refuse_binary(path: Path, head: bytes) -> None:
    sample = head[: 2**16]
    controls = sum(sample.count(bytes([byte])) for byte in range(32) if byte not in b"\t\n\r\f")
    if b"\0" in sample or controls > len(sample) // 20:
        raise DataError(
            f"{path} must be a table as {READABLE}, but holds binary data "
            f"({controls} control characters in its first {len(sample)} bytes); export it as CSV"
        )


def _declared_delimiter(head: bytes) -> tuple[int, tuple[str, ...]]:
    # Excel writes and obeys a first line such as "sep=;".
    line, newline, _ = head.partition(b"\n")
    declared = line.strip(b"\r").decode(errors="replace").removeprefix("sep=")
    if line.startswith(b"sep=") and declared in DELIMITERS:
        return len(line) + len(newline), (declared,)
    return 0, ()


def _header(body: bytes, dialect: Dialect) -> tuple[list[str], int]:
    consumed = 0

    def lines() -> Iterator[str]:
        nonlocal consumed
        for line in io.BytesIO(body):
            consumed += len(line)
            yield line.decode(errors="replace")

    try:
        names = next(records(lines(), dialect))
    except csv.Error:
        names = [""]
    return [name.strip() for name in names], consumed


def _plausible_quotes(sample: str) -> tuple[str, ...]:
    single = any(f"{before}'" in sample for before in (*DELIMITERS, "\n")) or sample.startswith("'")
    return ('"', "") if '"' in sample else ('"', "'") if single else ('"',)


def _fit(sample: str, dialect: Dialect, *, cut: bool) -> tuple[int, float, int]:
    # Whether it is a real delimiter, the share of rows as wide as the header, and that width.
    widths = _widths(sample, dialect, cut=cut)
    if not widths:
        return (-1, 0.0, 0)
    header, *body = widths
    real = header > 1 and (not body or max(body) > 1)
    share = sum(width == header for width in body) / len(body) if body else 1.0
    if dialect.quote == "'" and (not real or share < 1):
        return (-1, 0.0, 0)  # apostrophes are common; they quote only where everything then fits
    return (int(real), share, header if real else 0)


def _widths(sample: str, dialect: Dialect, *, cut: bool) -> list[int]:
    widths: list[int] = []
    try:
        for record in records(io.StringIO(sample, newline=""), dialect):
            if record:
                widths.append(len(record))
            if len(widths) > SAMPLE_RECORDS:
                return widths
    except csv.Error:
        return widths
    return widths[:-1] if cut and len(widths) > 1 else widths


def _is_number(name: str) -> bool:
    try:
        float(name)
    except ValueError:
        return False
    return True
