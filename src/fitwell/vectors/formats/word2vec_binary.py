"""word2vec's binary format: two counts as text, then for each word its bytes, a space, and its values as float32.

The original tool ends each record with a line end and gensim does not; line ends before a word are therefore passed
over.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fitwell.errors import DataError
from fitwell.vectors.contents import Contents
from fitwell.vectors.formats.rules import cut_off, require_plain, without_copies

if TYPE_CHECKING:
    from numpy.typing import NDArray

PIECE = 1 << 24
LONGEST_WORD = 1 << 16  # in bytes
LONGEST_HEADER = 100


def read_word2vec_binary(path: Path, *, header: tuple[int, int], limit: int | None) -> Contents:
    """Read the records after the header; the header is believed only as far as the file's size allows.

    Raises:
        DataError: the file ends early, goes on after the last word, or a value is not finite.
    """
    promised, width = header
    rows = promised if limit is None else min(promised, limit)
    with path.open("rb") as file:
        begin = len(file.readline(LONGEST_HEADER))
        size = path.stat().st_size - begin
        if size < rows * (4 * width + 2):
            raise DataError(cut_off(path, promised=promised, found=size // (4 * width + 2)))
        matrix = np.empty((rows, width), np.float32)
        words: list[str] = []
        rest = b""
        while len(words) < rows:
            read = file.read(PIECE)
            if not read:
                raise DataError(cut_off(path, promised=promised, found=len(words)))
            rest = _taken(rest + read, words, matrix, path)
        rest += file.read(LONGEST_WORD)
    if rows == promised and rest.strip(b"\n"):
        raise DataError(
            f"{path}: the header promises {promised:,} words, but the file goes on; limit={promised} reads these"
        )
    _require_finite(matrix, words, path)
    unique, matrix, copies = without_copies(words, matrix)
    return Contents(
        words=unique,
        matrix=matrix,
        made={"format": "word2vec_binary"} | ({"copies_left_out": copies} if copies else {}),
    )


def write_word2vec_binary(contents: Contents, path: Path) -> None:
    """Write it as the original tool does, with a line end after each record."""
    require_plain(contents.words)
    with path.open("wb") as file:
        file.write(f"{len(contents.words)} {contents.matrix.shape[1]}\n".encode())
        for word, row in zip(contents.words, contents.matrix, strict=True):
            file.write(word.encode() + b" " + row.astype("<f4", copy=False).tobytes() + b"\n")


def _taken(data: bytes, words: list[str], matrix: NDArray[np.float32], path: Path) -> bytes:
    """Take whole records off the data until all words are there; return the rest."""
    place, size = 0, 4 * matrix.shape[1]
    while len(words) < len(matrix):
        space = data.find(b" ", place, place + LONGEST_WORD)
        if space < 0 and len(data) - place >= LONGEST_WORD:
            raise DataError(
                f"{path}: word {len(words) + 1} must end within {LONGEST_WORD:,} bytes; is the file damaged?"
            )
        if space < 0 or space + 1 + size > len(data):
            break
        word = data[place:space].lstrip(b"\n")
        if not word:
            raise DataError(f"{path}: word {len(words) + 1} is empty; is the file damaged, or of another width?")
        matrix[len(words)] = np.frombuffer(data, "<f4", matrix.shape[1], space + 1)
        words.append(word.decode(errors="replace"))
        place = space + 1 + size
    return data[place:]


def _require_finite(matrix: NDArray[np.float32], words: list[str], path: Path) -> None:
    for start in range(0, len(matrix), 1 << 16):
        finite = np.isfinite(matrix[start : start + (1 << 16)]).all(axis=1)
        if not finite.all():
            word = words[start + int(np.flatnonzero(~finite)[0])]
            raise DataError(f'{path}: all values must be finite numbers, but "{word}" has others; is it damaged?')
