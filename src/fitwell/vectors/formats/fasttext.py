"""fastText's binary models: arguments, dictionary, one matrix of words and parts, one of outputs.

A word's vector is not in the file; it is computed from the word's own row and those of its parts (`subwords.py`). A
model can be read and written back to the same bytes, a classifier too. `Contents` made from it keep no outputs, so
that a file written from `Contents` serves for vectors, and not for training on.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from fitwell.errors import DataError
from fitwell.vectors.contents import Contents
from fitwell.vectors.formats.rules import require_plain, without_copies
from fitwell.vectors.subwords import Subwords, seen_vectors

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAGIC, VERSION, OLD_VERSION = 793712314, 12, 11
# The arguments, in the order of the file; fastText's name for each.
ARGUMENTS = (
    "dim",
    "ws",
    "epoch",
    "minCount",
    "neg",
    "wordNgrams",
    "loss",
    "model",
    "bucket",
    "minn",
    "maxn",
    "lrUpdateRate",
)
LOSSES = {1: "hierarchical_softmax", 2: "negative_sampling", 3: "softmax", 4: "one_vs_all"}
MODELS = {1: "cbow", 2: "skipgram", 3: "supervised"}
DEFAULTS = {"ws": 5, "epoch": 5, "minCount": 1, "neg": 5, "wordNgrams": 1, "loss": 2, "model": 2, "lrUpdateRate": 100}
SAMPLING = 1e-4  # fastText's default of `t`
OURS = {"ws": "window", "epoch": "epochs", "minCount": "min_count", "neg": "negative"}  # as vectors say they were made
WORD, LABEL = 0, 1


@dataclass(frozen=True, kw_only=True, eq=False)
class Model:
    """Everything a model file holds; the matrices may be maps of it."""

    arguments: Mapping[str, int]  # by fastText's names
    sampling: float  # fastText's `t`
    words: tuple[str, ...]
    counts: NDArray[np.int64]
    labels: tuple[str, ...]
    label_counts: NDArray[np.int64]
    tokens: int  # seen in training
    inputs: NDArray[np.float32]  # (words + buckets, width)
    outputs: NDArray[np.float32]  # (words or labels, width)


def read_fasttext(path: Path, *, limit: int | None) -> Contents:
    """Read the words of a model with the vectors of their parts; the model's matrix is mapped, not copied."""
    return _contents(read_model(path), limit)


def write_fasttext(contents: Contents, path: Path) -> None:
    """Write a model that gives these vectors; its outputs are zeros."""
    require_plain(contents.words)
    write_model(_model(contents), path)


def read_model(path: Path) -> Model:
    """Read a model file, a classifier's too.

    Raises:
        DataError: it is quantized, pruned, of another version, cut off, or its counts contradict one another.
    """
    with path.open("rb") as file:
        data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)  # lives as long as the matrices in it
    try:
        return _model_in(data, path)
    except struct.error:
        raise DataError(f"{path}: the fastText model ends before its matrices; it was cut off, get it again") from None


def write_model(model: Model, path: Path) -> None:
    """Write a model file of version 12."""
    entries = [(WORD, word, count) for word, count in zip(model.words, model.counts.tolist(), strict=True)] + [
        (LABEL, label, count) for label, count in zip(model.labels, model.label_counts.tolist(), strict=True)
    ]
    with path.open("wb") as file:
        file.write(struct.pack("<2i", MAGIC, VERSION))
        file.write(struct.pack("<12id", *(model.arguments[name] for name in ARGUMENTS), model.sampling))
        file.write(struct.pack("<3i2q", len(entries), len(model.words), len(model.labels), model.tokens, -1))
        for kind, entry, count in entries:
            file.write(entry.encode() + b"\0" + struct.pack("<qb", count, kind))
        _write_matrix(file, model.inputs)
        _write_matrix(file, model.outputs)


def _write_matrix(file: BinaryIO, matrix: NDArray[np.float32]) -> None:
    file.write(struct.pack("<?2q", False, *matrix.shape))
    for start in range(0, len(matrix), 1 << 14):
        file.write(np.ascontiguousarray(matrix[start : start + (1 << 14)], "<f4").tobytes())


def _model_in(data: mmap.mmap, path: Path) -> Model:
    _, version = struct.unpack_from("<2i", data)
    if version not in (VERSION, OLD_VERSION):
        raise DataError(f"{path}: fastText models of version 11 and 12 can be read, but this is version {version}")
    *values, sampling = struct.unpack_from("<12id", data, 8)
    arguments = dict(zip(ARGUMENTS, values, strict=True))
    if version == OLD_VERSION and MODELS.get(arguments["model"]) == "supervised":
        arguments["maxn"] = 0  # as fastText does: classifiers of that time had no parts of words
    size, n_words, n_labels, tokens, pruned = struct.unpack_from("<3i2q", data, 64)
    if pruned >= 0:
        raise DataError(f"{path}: pruned fastText models cannot be read; use the model before it was quantized")
    if size != n_words + n_labels or min(n_words, n_labels) < 0 or size * 10 > len(data):
        raise DataError(
            f"{path}: {n_words:,} words and {n_labels:,} labels do not make {size:,} entries, or do not fit a file "
            f"of {len(data):,} bytes; is it damaged?"
        )
    entries, counts, place = _entries(data, size, n_words, path)
    inputs, place = _matrix(data, place, path)
    outputs, _ = _matrix(data, place, path)
    expected = (n_words + max(arguments["bucket"], 0), arguments["dim"])
    if inputs.shape != expected or outputs.shape[1] != arguments["dim"]:
        raise DataError(
            f"{path}: the matrices must be {expected} and of the same width, but are {inputs.shape} and "
            f"{outputs.shape}; is the file damaged?"
        )
    return Model(
        arguments=arguments,
        sampling=sampling,
        words=entries[:n_words],
        counts=counts[:n_words],
        labels=entries[n_words:],
        label_counts=counts[n_words:],
        tokens=tokens,
        inputs=inputs,
        outputs=outputs,
    )


def _entries(data: mmap.mmap, size: int, n_words: int, path: Path) -> tuple[tuple[str, ...], NDArray[np.int64], int]:
    entries: list[str] = []
    counts = np.empty(size, np.int64)
    place = 92
    for number in range(size):
        end = data.find(b"\0", place)
        if end < 0:
            raise DataError(
                f"{path}: the dictionary ends within entry {number + 1:,} of {size:,}; the file was cut off"
            )
        counts[number], kind = struct.unpack_from("<qb", data, end + 1)
        if kind != (WORD if number < n_words else LABEL):
            raise DataError(f"{path}: entry {number + 1:,} of the dictionary is of kind {kind}; is the file damaged?")
        entries.append(data[place:end].decode(errors="replace"))
        place = end + 10
    return tuple(entries), counts, place


def _matrix(data: mmap.mmap, place: int, path: Path) -> tuple[NDArray[np.float32], int]:
    """Map a matrix; its stated size is held against what is left of the file first."""
    quantized, rows, width = struct.unpack_from("<?2q", data, place)
    if quantized:
        raise DataError(f"{path}: quantized fastText models (.ftz) cannot be read; use the .bin they were made from")
    place += 17
    if min(rows, width) < 0 or rows * width * 4 > len(data) - place:
        raise DataError(
            f"{path}: a matrix of {rows:,} rows of {width:,} values must follow, but only {len(data) - place:,} bytes "
            "do; the file was cut off"
        )
    end = place + rows * width * 4
    return np.frombuffer(data, "<f4", rows * width, place).reshape(rows, width), end


def _contents(model: Model, limit: int | None) -> Contents:
    arguments, own = model.arguments, model.inputs[: len(model.words)][:limit]
    words, own, copies = without_copies(model.words[:limit], own)
    _, counts, _ = without_copies(model.words[:limit], model.counts[:limit])
    made: dict[str, object] = {
        "format": "fasttext",
        "method": "fasttext",
        "architecture": MODELS.get(arguments["model"], "unknown"),
        "loss": LOSSES.get(arguments["loss"], "unknown"),
        "fasttext": {**arguments, "t": model.sampling},
    }
    if model.labels:
        made["labels"] = list(model.labels)
    if copies:
        made["copies_left_out"] = copies
    if arguments["maxn"] <= 0 or arguments["bucket"] <= 0:
        return Contents(words=words, matrix=np.array(own), counts=counts, made=made)
    subwords = Subwords(
        shortest=max(arguments["minn"], 1), longest=arguments["maxn"], buckets=model.inputs[len(model.words) :], own=own
    )
    return Contents(words=words, matrix=seen_vectors(words, subwords), counts=counts, made=made, subwords=subwords)


def _known_arguments(made: Mapping[str, object]) -> dict[str, Any]:
    """Return what is known of a model's arguments: from its file, or from how Fitwell trained it."""
    known = made.get("fasttext")
    if isinstance(known, dict):
        return known
    losses, models = ({name: number for number, name in table.items()} for table in (LOSSES, MODELS))
    found = {theirs: made[ours] for theirs, ours in OURS.items() if isinstance(made.get(ours), int)}
    if made.get("loss") in losses and made.get("architecture") in models:
        found |= {"loss": losses[str(made["loss"])], "model": models[str(made["architecture"])]}
    return found | ({"t": made["subsample"]} if isinstance(made.get("subsample"), float) else {})


def _model(contents: Contents) -> Model:
    known = _known_arguments(contents.made)
    arguments = {name: int(known.get(name, DEFAULTS.get(name, 0))) for name in ARGUMENTS}
    subwords, counts = contents.subwords, contents.counts
    rows, width = contents.matrix.shape
    arguments |= {"dim": width, "bucket": 0, "minn": 0, "maxn": 0}
    if MODELS.get(arguments["model"]) == "supervised":  # without its labels it is one no more
        arguments |= {"model": DEFAULTS["model"], "loss": DEFAULTS["loss"]}
    inputs = np.asarray(contents.matrix)
    if subwords is not None:
        arguments |= {"bucket": len(subwords.buckets), "minn": subwords.shortest, "maxn": subwords.longest}
        inputs = np.concatenate([subwords.own, subwords.buckets])
    counts = np.ones(rows, np.int64) if counts is None else counts
    return Model(
        arguments=arguments,
        sampling=float(known.get("t", SAMPLING)),
        words=contents.words,
        counts=counts,
        labels=(),
        label_counts=np.empty(0, np.int64),
        tokens=int(counts.sum()),
        inputs=inputs,
        outputs=np.zeros((rows, width), np.float32),
    )
