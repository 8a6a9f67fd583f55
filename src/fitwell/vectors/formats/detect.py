"""Which format a file has is seen from what is in it; its name is not asked."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from fitwell.errors import DataError
from fitwell.vectors.formats.rules import MARK

Format = Literal["safetensors", "word2vec", "word2vec_binary", "glove", "fasttext"]

FASTTEXT = (793712314).to_bytes(4, "little")
LOOK = 1 << 20  # bytes looked at; a line of text may not be longer here
COMPRESSED = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd", b"PK\x03\x04": "zip", b"BZh": "bzip2"}


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What a look at the beginning of a file tells."""

    format: Format
    header: tuple[int, int] = (0, 0)  # words and width, where the first line has them


def look(path: Path) -> Seen:
    """Return the format of a file of word vectors.

    Raises:
        DataError: it is empty, compressed, pickled, or nothing that is known.
    """
    with path.open("rb") as file:
        start = file.read(LOOK)
    _refuse_others(start, path)
    if start.startswith(FASTTEXT):
        return Seen(format="fasttext")
    if len(start) > 8 and int.from_bytes(start[:8], "little") < path.stat().st_size and start[8:9] == b"{":
        return Seen(format="safetensors")
    first, _, rest = start.removeprefix(MARK).partition(b"\n")
    counts = re.fullmatch(rb"\s*(\d{1,12})[ \t]+(\d{1,9})\s*", first)
    if counts is None:
        if len(first.split()) < 2 or not _are_values(first.split()[-1:]):
            raise DataError(
                f"{path}: the first line must be two counts, or a word and its values, but is {first[:40]!r}"
            )
        return Seen(format="glove")
    header = int(counts[1]), int(counts[2])
    if not header[1]:
        raise DataError(f"{path}: vectors must have a width, but the header says 0")
    return Seen(
        format="word2vec" if _is_text(rest.partition(b"\n")[0], header[1]) else "word2vec_binary", header=header
    )


def _is_text(line: bytes, width: int) -> bool:
    # Values of the binary format do not spell numbers; the last ones of a line of text do.
    values = line.split()[1:][-width:][-20:]
    if values:
        return _are_values(values)
    # After the blank behind a word the binary format may go on with a byte that is a line's end.
    return not line.endswith(b" ") and bool(re.fullmatch(rb"[^\0-\10\16-\37]+", line))


def _are_values(fields: list[bytes]) -> bool:
    number = re.compile(rb"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?(nan|inf|infinity)", re.IGNORECASE)
    return all(number.fullmatch(field) for field in fields)


def _refuse_others(start: bytes, path: Path) -> None:
    if not start.strip():
        raise DataError(f"{path}: the file is empty; word vectors were expected")
    if start[:1] == b"\x80" and start[1:2] in b"\x02\x03\x04\x05":
        raise DataError(
            f"{path}: a pickle, as gensim's save() writes it, can run any program when read, so it is not; in "
            'gensim, save the vectors with vectors.save_word2vec_format("FILE.bin", binary=True) and load that'
        )
    for mark, name in COMPRESSED.items():
        if start.startswith(mark):
            raise DataError(f"{path}: compressed by {name}; decompress it first, so that it can be read in parts")
