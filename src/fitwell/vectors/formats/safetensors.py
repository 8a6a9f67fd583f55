"""Fitwell's own format: a safetensors file that is mapped, not read, so that opening it takes no time and no memory.

Tensors: `vectors` (float32), `words` (the words' UTF-8, one after another) and `word_ends` (where each ends); if
known, `counts`, and `subword_buckets` and `subword_own`. Where most buckets are zeros, because no word has a part in
them, the others alone are written, and `subword_used` says which they are. The metadata say how the vectors were made.
Nothing in the file is executed.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fitwell.errors import DataError
from fitwell.vectors.contents import Contents
from fitwell.vectors.subwords import Subwords

if TYPE_CHECKING:
    from numpy.typing import NDArray

VERSION = 1
LONGEST_HEAD = 1 << 26  # in bytes; it holds how the vectors were made, a classifier's labels among it
MOST_BUCKETS = 2**24  # that are not all written
KINDS = {"F32": "<f4", "I64": "<i8", "U8": "|u1"}


def read_safetensors(path: Path, *, limit: int | None) -> Contents:
    """Map the tensors.

    Raises:
        DataError: it is not a file of vectors, of a newer version, damaged or cut off.
    """
    head, begin = _head(path)
    told = _metadata(head, path)
    tensors = {name: _mapped(path, begin, name, place) for name, place in head.items()}
    try:
        matrix, text, ends = tensors["vectors"], tensors["words"], tensors["word_ends"]
    except KeyError as missing:
        raise DataError(
            f"{path}: a file of vectors must hold the tensor {missing}, but holds {sorted(tensors)}"
        ) from None
    if matrix.ndim != 2 or ends.shape != (len(matrix),) or text.ndim != 1:
        raise DataError(f"{path}: {matrix.shape} vectors and {ends.shape} words do not belong together; is it damaged?")
    words = _words(text, ends[:limit], path)
    subwords = _subwords(tensors, told, matrix.shape, limit, path) if "shortest" in told else None
    counts = tensors["counts"][:limit] if "counts" in tensors else None
    return Contents(words=words, matrix=matrix[:limit], made=told["made"], counts=counts, subwords=subwords)


def write_safetensors(contents: Contents, path: Path) -> None:
    """Write all there is, so that it comes back the same."""
    from safetensors.numpy import save_file

    encoded = [word.encode() for word in contents.words]
    told: dict[str, object] = {"version": VERSION, "made": dict(contents.made)}
    tensors: dict[str, NDArray[Any]] = {
        "vectors": np.ascontiguousarray(contents.matrix),
        "words": np.frombuffer(b"".join(encoded), np.uint8),
        "word_ends": np.cumsum([len(word) for word in encoded], dtype=np.int64),
    }
    if contents.counts is not None:
        tensors["counts"] = np.ascontiguousarray(contents.counts, np.int64)
    if contents.subwords is not None:
        told |= {"shortest": contents.subwords.shortest, "longest": contents.subwords.longest}
        buckets = np.asarray(contents.subwords.buckets)
        used = np.flatnonzero(buckets.any(axis=1))
        if 2 * len(used) < len(buckets) <= MOST_BUCKETS:
            told["buckets"] = len(buckets)
            tensors["subword_used"], buckets = used.astype(np.int64), buckets[used]
        tensors["subword_buckets"] = np.ascontiguousarray(buckets)
        tensors["subword_own"] = np.ascontiguousarray(contents.subwords.own)
    save_file(tensors, path, {"fitwell_vectors": json.dumps(told)})


def _subwords(
    tensors: Mapping[str, NDArray[Any]],
    told: Mapping[str, Any],
    shape: tuple[int, ...],
    limit: int | None,
    path: Path,
) -> Subwords:
    own, rows, used = (tensors.get(name) for name in ("subword_own", "subword_buckets", "subword_used"))
    if own is None or rows is None or own.shape != shape or rows.ndim != 2 or rows.shape[1] != shape[1]:
        raise DataError(f"{path}: vectors of parts must be as wide as those of words, but are not; is it damaged?")
    if used is not None:
        rows = _all_buckets(rows, used, told.get("buckets"), path)
    return Subwords(shortest=told["shortest"], longest=told["longest"], buckets=rows, own=own[:limit])


def _all_buckets(rows: NDArray[np.float32], used: NDArray[np.int64], size: object, path: Path) -> NDArray[np.float32]:
    """Return the vectors of all buckets; rows of zeros take no memory until they are looked at."""
    if not isinstance(size, int) or not 0 < size <= MOST_BUCKETS or used.shape != (len(rows),):
        raise DataError(f"{path}: {rows.shape} vectors of {size} buckets do not belong together; is it damaged?")
    if len(used) and not 0 <= int(used.min()) <= int(used.max()) < size:
        raise DataError(f"{path}: there are vectors of buckets beyond {size}; is the file damaged?")
    buckets = np.zeros((size, rows.shape[1]), np.float32)
    buckets[used] = rows
    return buckets


def _head(path: Path) -> tuple[dict[str, Any], int]:
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if length > min(LONGEST_HEAD, path.stat().st_size - 8):
            raise DataError(
                f"{path}: a head of {length:,} bytes is announced, but cannot be there; is the file damaged?"
            )
        raw = file.read(length)
    try:
        head = json.loads(raw)
    except ValueError:
        head = None
    if not isinstance(head, dict):
        raise DataError(f"{path}: the head of the file cannot be read; it is damaged")
    return head, 8 + length


def _metadata(head: dict[str, Any], path: Path) -> dict[str, Any]:
    """Take the metadata out of the head."""
    metadata = head.pop("__metadata__", None)
    try:
        told = json.loads(metadata["fitwell_vectors"])
        version = told["version"]
    except (TypeError, KeyError, ValueError):
        raise DataError(
            f"{path}: a safetensors file without words in it; only those that Fitwell wrote hold word vectors"
        ) from None
    if version != VERSION:
        raise DataError(
            f"{path}: word vectors of version {VERSION} can be read, but these are {version}; update Fitwell"
        )
    if not isinstance(told.get("made"), Mapping):
        raise DataError(f"{path}: the file must say how the vectors were made, but does not; it is damaged")
    return told  # type: ignore[no-any-return]


def _mapped(path: Path, begin: int, name: str, place: Any) -> NDArray[Any]:
    try:
        kind, shape = np.dtype(KINDS[place["dtype"]]), tuple(int(size) for size in place["shape"])
        first, last = (int(offset) for offset in place["data_offsets"])
    except (TypeError, KeyError, ValueError):
        raise DataError(f'{path}: the tensor "{name}" is not described as it must be; the file is damaged') from None
    size = kind.itemsize * math.prod(shape)
    if min(shape, default=0) < 0 or first < 0 or last - first != size or begin + last > path.stat().st_size:
        raise DataError(f'{path}: the tensor "{name}" needs {size:,} bytes that are not there; the file was cut off')
    if not size:
        return np.empty(shape, kind)
    return np.memmap(path, kind, "r", begin + first, shape)


def _words(text: NDArray[np.uint8], ends: NDArray[np.int64], path: Path) -> tuple[str, ...]:
    raw, places = text.tobytes(), [0, *ends.tolist()]
    if any(one > two for one, two in pairwise(places)) or places[-1] > len(raw):
        raise DataError(f"{path}: the words end where there is no text; the file is damaged")
    try:
        return tuple(raw[one:two].decode() for one, two in pairwise(places))
    except UnicodeDecodeError:
        raise DataError(f"{path}: the words are not UTF-8; the file is damaged") from None
