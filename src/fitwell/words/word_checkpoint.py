"""The state of a training on disk, from which it goes on to the same bits.

One safetensors file, replaced as a whole: the matrices, and in its metadata how they are being learned, from what (by
a fingerprint), and how far.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from fitwell.errors import DataError, RequestError
from fitwell.files import writing
from fitwell.words.encoded import AT_A_TIME, EncodedCorpus

FORMAT = "fitwell words checkpoint"
VERSION = "2"


@dataclass
class State:
    """What is learned so far, and how much of the work is done."""

    arrays: Mapping[str, npt.NDArray[np.float32]]  # by name; changed in place
    blocks: int = 0


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """Where a training is saved, and which training it is."""

    path: Path
    asked: Mapping[str, object]  # method and settings, plain values
    fingerprint: str  # of what is learned from


def fingerprint_of(corpus: EncodedCorpus) -> str:
    """Return a digest of a corpus: its words, its numbers, and where its texts end."""
    digest = hashlib.blake2b(json.dumps(list(corpus.vocabulary.words)).encode(), digest_size=16)
    digest.update(np.ascontiguousarray(corpus.ends).data)
    for start in range(0, len(corpus.ids), AT_A_TIME):
        digest.update(np.ascontiguousarray(corpus.ids[start : start + AT_A_TIME]).data)
    return digest.hexdigest()


def save_state(checkpoint: Checkpoint, state: State) -> None:
    """Write the state, whole or not at all.

    Raises:
        SurroundingsError: the disk is full or the folder may not be written.
    """
    metadata = {
        "format": FORMAT,
        "version": VERSION,
        "settings": json.dumps(dict(checkpoint.asked)),
        "corpus": checkpoint.fingerprint,
        "blocks": str(state.blocks),
    }
    with writing(checkpoint.path) as temporary:
        save_file(dict(state.arrays), temporary, metadata)


def restore_state(checkpoint: Checkpoint, state: State) -> None:
    """Fill in the state that was saved; without a file it stays as it is.

    Raises:
        DataError: the file is no checkpoint, or not a whole one.
        RequestError: it belongs to another corpus, or to other settings.
    """
    path = checkpoint.path
    if not path.exists():
        return
    try:
        with safe_open(path, "numpy") as file:
            metadata = file.metadata() or {}
            if metadata.get("format") != FORMAT or metadata.get("version") != VERSION:
                raise DataError(f"{path} is not a checkpoint of this version; name another file")
            _require_same(checkpoint, metadata)
            for name, array in state.arrays.items():
                array[:] = file.get_tensor(name)
            state.blocks = int(metadata["blocks"])
    except (OSError, SafetensorError, ValueError, KeyError) as error:
        raise DataError(f"{path} is not a whole checkpoint ({error}); remove it to begin anew") from None


def _require_same(checkpoint: Checkpoint, metadata: dict[str, str]) -> None:
    path, before = checkpoint.path, json.loads(metadata["settings"])
    for name in {**before, **checkpoint.asked}:
        now = checkpoint.asked.get(name)
        if before.get(name) != now:
            raise RequestError(
                f"{path} is the checkpoint of a training with {name} {before.get(name)}, but {now} is asked for; "
                "ask for the same, or remove it to begin anew"
            )
    if metadata["corpus"] != checkpoint.fingerprint:
        raise RequestError(f"{path} is the checkpoint of a training on another corpus; remove it to begin anew")
