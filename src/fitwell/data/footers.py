"""The footer of a Parquet file says how many rows each of its row groups has, and how many bytes they are.

polars reads any stretch of rows, but does not tell where row groups begin; a stretch that is one row group is read and
unpacked once, and no other is touched. The footer is a structure in Thrift's compact protocol, of which only two
numbers per row group are wanted; everything else is skipped.

Source: github.com/apache/parquet-format, parquet.thrift (FileMetaData, RowGroup); Thrift's compact protocol.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from fitwell.errors import DataError
from fitwell.sources import worded

ROW_GROUPS, BYTES, ROWS = 4, 2, 3  # of FileMetaData, and of RowGroup
STOP, TRUE, FALSE, BYTE, SHORT, INT, LONG, DOUBLE, BINARY, LIST, SET, _MAP, STRUCT = range(13)
FIXED_BYTES = {TRUE: 0, FALSE: 0, BYTE: 1, DOUBLE: 8}
TAIL_BYTES = 8  # the footer's length in 4 bytes, and PAR1


@dataclass(frozen=True, kw_only=True)
class RowGroup:
    """How much there is in one row group."""

    rows: int
    bytes: int  # of its cells, encoded but not compressed


def row_groups(path: Path) -> list[RowGroup]:
    """Return how large each row group of a Parquet file is, in their order; of one without rows, nothing is said.

    Raises:
        DataError: the file is no Parquet file, or its footer is damaged.
    """
    with worded(str(path)), path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - TAIL_BYTES))
        tail = file.read()
        length = int.from_bytes(tail[:4], "little")
        if not tail.endswith(b"PAR1") or length + TAIL_BYTES > size:
            raise DataError(f"{path} must end as a Parquet file does, but does not; write it again")
        file.seek(size - TAIL_BYTES - length)
        footer = file.read(length)
    try:
        return [group for group in _Reader(footer, path).row_groups() if group.rows]
    except (IndexError, RecursionError) as error:
        raise _damaged(path, str(error)) from None


def _damaged(path: Path, what: str) -> DataError:
    return DataError(f"{path} must tell its row groups, but its footer is damaged ({what}); fetch or write it again")


class _Reader:
    """A place in bytes of Thrift's compact protocol, which moves on with everything that is read."""

    def __init__(self, content: bytes, path: Path) -> None:
        self._content, self._place, self._path = content, 0, path

    def row_groups(self) -> Iterator[RowGroup]:
        for field, kind in self._fields():
            if field != ROW_GROUPS:
                self._skip(kind)
                continue
            for element in self._elements():
                yield self._row_group(element)

    def _row_group(self, kind: int) -> RowGroup:
        if kind != STRUCT:
            raise _damaged(self._path, "row groups are no structures")
        found = {ROWS: 0, BYTES: 0}
        for field, inner in self._fields():
            if field in found and inner in (SHORT, INT, LONG):
                found[field] = self._whole()
            else:
                self._skip(inner)
        return RowGroup(rows=found[ROWS], bytes=found[BYTES])

    def _fields(self) -> Iterator[tuple[int, int]]:
        """Yield the number and kind of each field of a structure; whoever iterates reads or skips its value."""
        field = 0
        while (head := self._byte()) & 0x0F != STOP:
            field = field + (head >> 4) if head >> 4 else self._whole()
            yield field, head & 0x0F

    def _elements(self) -> Iterator[int]:
        """Yield the kind of each element of a list; whoever iterates reads or skips it."""
        head = self._byte()
        count = head >> 4 if head >> 4 < 15 else self._varint()
        for _ in range(count):
            yield head & 0x0F

    def _skip(self, kind: int) -> None:
        if kind in FIXED_BYTES:
            self._place += FIXED_BYTES[kind]
        elif kind in (SHORT, INT, LONG):
            self._varint()
        elif kind == BINARY:
            length = self._varint()  # which moves the place on itself
            self._place += length
        elif kind in (LIST, SET):
            for element in self._elements():
                # Alone, a truth value lies in the head of its field; in a list, each takes a byte.
                self._skip(BYTE if element in (TRUE, FALSE) else element)
        elif kind == STRUCT:
            for _, inner in self._fields():
                self._skip(inner)
        else:
            raise _damaged(self._path, f"there is no kind {kind}")

    def _whole(self) -> int:
        """Read a whole number, whose sign is in its last bit."""
        number = self._varint()
        return (number >> 1) ^ -(number & 1)

    def _varint(self) -> int:
        number, shift = 0, 0
        while True:
            byte = self._byte()
            number |= (byte & 0x7F) << shift
            if byte < 0x80:
                return number
            shift += 7

    def _byte(self) -> int:
        byte = self._content[self._place]
        self._place += 1
        return byte
