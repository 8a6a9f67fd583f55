"""An encoded corpus as one file, mapped into memory when it is opened.

It is a safetensors file, which many tools read: `ids` (the number of every token's word), `ends` (how many tokens
there are up to the end of each text), `counts` (of each word, falling), and the words themselves as UTF-8 in `letters`,
cut at `offsets`. How the text was cut into tokens stands in its metadata.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fitwell.errors import DataError
from fitwell.files import writing
from fitwell.sources import existing_path, worded
from fitwell.words.encoded import AT_A_TIME, EncodedCorpus
from fitwell.words.interning import decoded
from fitwell.words.tokens import Tokenization
from fitwell.words.vocabulary import Vocabulary

VERSION = 1
FORMAT = "fitwell corpus"
HEADER_LIMIT = 2**20  # bytes; ours has some hundreds
TENSORS = {  # in the order of the file, widest first so that all are aligned; their types for safetensors and for NumPy
    "ends": ("I64", "<i8"),
    "counts": ("I64", "<i8"),
    "offsets": ("I64", "<i8"),
    "ids": ("I32", "<i4"),
    "letters": ("U8", "u1"),
}

Arrays = Mapping[str, npt.NDArray[Any]]


def save_corpus(corpus: EncodedCorpus, path: str | Path) -> None:
    """Write an encoded corpus as one file, whole or not at all.

    Raises:
        SurroundingsError: the disk is full or the folder may not be written.
    """
    encoded = [word.encode("utf-8", "surrogatepass") for word in corpus.vocabulary.words]
    arrays: Arrays = {
        "ends": corpus.ends,
        "counts": corpus.vocabulary.counts,
        "offsets": np.cumsum([0, *map(len, encoded)], dtype=np.int64),
        "ids": corpus.ids,
        "letters": np.frombuffer(b"".join(encoded), np.uint8),
    }
    with writing(path) as temporary, temporary.open("wb") as file:
        file.write(_header(arrays, corpus.tokenization))
        for name, (_, kind) in TENSORS.items():
            for start in range(0, len(arrays[name]), AT_A_TIME):
                file.write(np.ascontiguousarray(arrays[name][start : start + AT_A_TIME], kind).data)


def is_corpus_file(path: Path) -> bool:
    """Return whether a file says that it is an encoded corpus."""
    with worded(str(path)), path.open("rb") as file:
        return f'"format":"{FORMAT}"'.encode() in file.read(512)


def open_corpus(path: str | Path) -> EncodedCorpus:
    """Return a corpus that was saved, its numbers mapped from the file.

    Raises:
        DataError: there is no such file, or it is not a whole and sound one.
    """
    path = existing_path(path)
    try:
        with path.open("rb") as file:
            header, start = _read_header(file.read(8 + HEADER_LIMIT))
        arrays = _mapped(path, header, start)
        _require_sound(arrays)
        tokenization = Tokenization(**json.loads(header["__metadata__"]["tokenization"]))
        words = decoded(arrays["letters"], arrays["offsets"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"{path} must be a corpus that Fitwell encoded, but is not a whole and sound one "
            f"({type(error).__name__}: {error}); encode the text again"
        ) from None
    vocabulary = Vocabulary(words, arrays["counts"])
    return EncodedCorpus(vocabulary=vocabulary, ids=arrays["ids"], ends=arrays["ends"], tokenization=tokenization)


def _header(arrays: Arrays, tokenization: Tokenization) -> bytes:
    settings = json.dumps(asdict(tokenization), ensure_ascii=False)
    entries: dict[str, Any] = {
        "__metadata__": {"format": FORMAT, "version": str(VERSION), "tokenization": settings},
    }
    place = 0
    for name, (kind, numpy_kind) in TENSORS.items():
        size = len(arrays[name]) * np.dtype(numpy_kind).itemsize
        entries[name] = {"dtype": kind, "shape": [len(arrays[name])], "data_offsets": [place, place + size]}
        place += size
    text = json.dumps(entries, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text


def _read_header(start: bytes) -> tuple[dict[str, Any], int]:
    size = int.from_bytes(start[:8], "little")
    if not 0 < size <= HEADER_LIMIT:
        raise ValueError(f"its header claims {size:,} bytes")
    header = json.loads(start[8 : 8 + size])
    if header["__metadata__"]["format"] != FORMAT:
        raise ValueError("it holds something else")
    if int(header["__metadata__"]["version"]) > VERSION:
        raise ValueError(f"its version {header['__metadata__']['version']} is newer than this program knows")
    return header, 8 + size


def _mapped(path: Path, header: dict[str, Any], start: int) -> Arrays:
    arrays = {}
    held = path.stat().st_size - start
    for name, (kind, numpy_kind) in TENSORS.items():
        first, last = header[name]["data_offsets"]
        (count,) = header[name]["shape"]
        fits = 0 <= first <= last <= held and last - first == count * np.dtype(numpy_kind).itemsize
        if header[name]["dtype"] != kind or not fits:
            raise ValueError(f"its {name} claim bytes {first} to {last} of {held}")
        # Nothing can be mapped from an empty stretch.
        empty = np.zeros(0, numpy_kind)
        arrays[name] = np.memmap(path, numpy_kind, "r", start + first, (count,)) if count else empty
    return arrays


def _require_sound(arrays: Arrays) -> None:
    """Refuse numbers that lead out of their arrays: compiled loops trust them."""
    words, tokens = len(arrays["counts"]), len(arrays["ids"])
    rises = {name: np.all(np.diff(arrays[name]) >= 0) for name in ("ends", "offsets")}
    ends, offsets, ids = arrays["ends"], arrays["offsets"], arrays["ids"]
    if not (rises["ends"] and len(ends) and ends[0] >= 0 and ends[-1] == tokens):
        raise ValueError("its ends do not rise to the number of tokens")
    if not (
        rises["offsets"] and len(offsets) == words + 1 and offsets[0] == 0 and offsets[-1] == len(arrays["letters"])
    ):
        raise ValueError("its offsets do not rise to the number of letters")
    if tokens and not 0 <= ids.min() <= ids.max() < words:
        raise ValueError(f"its ids lead to words {ids.min()} to {ids.max()} of {words}")
    if np.any(np.diff(arrays["counts"]) > 0):
        raise ValueError("its counts do not fall")
