"""The state of a pretraining on disk, from which it goes on to the same bits: one safetensors file, replaced whole."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from fitwell.errors import DataError, RequestError
from fitwell.files import writing
from fitwell.pretrained.pretraining.learning import State

FORMAT, VERSION = "fitwell pretraining checkpoint", "1"
TENSORS = ("weights", "means", "squares")


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """Where a pretraining is saved, and which it is."""

    path: Path
    asked: Mapping[str, object]  # settings, plain values
    corpus: str  # a digest of its sequences
    tokenizer: str  # the content of a tokenizer.json


def save(checkpoint: Checkpoint, state: State) -> None:
    """Write the state, whole or not at all.

    Raises:
        SurroundingsError: the disk is full or the folder may not be written.
    """
    metadata = {
        "format": FORMAT,
        "version": VERSION,
        "asked": json.dumps(dict(checkpoint.asked)),
        "corpus": checkpoint.corpus,
        "tokenizer": checkpoint.tokenizer,
        "steps": str(state.steps),
        "step": str(state.step),
        "losses": json.dumps(state.losses),
        "history": json.dumps(state.history),
    }
    with writing(checkpoint.path) as temporary:
        save_file({name: getattr(state, name) for name in TENSORS}, temporary, metadata)


def saved_tokenizer(path: Path, asked: Mapping[str, object]) -> str:
    """Return the tokenizer of a checkpoint, which has to be of the training that is asked for.

    Raises:
        DataError: the file is no checkpoint, or not a whole one. RequestError: other settings are asked for.
    """
    metadata = _metadata(path)
    before = json.loads(metadata["asked"])
    for name in {**before, **asked}:
        if before.get(name) != asked.get(name):
            raise RequestError(
                f"{path} is the checkpoint of a pretraining with {name} {before.get(name)}, but {asked.get(name)} is "
                "asked for; ask for the same, or name another folder"
            )
    return metadata["tokenizer"]


def restore(checkpoint: Checkpoint, state: State) -> None:
    """Fill in the state that was saved.

    Raises:
        DataError: the file is no whole checkpoint. RequestError: it belongs to another corpus.
    """
    path, metadata = checkpoint.path, _metadata(checkpoint.path)
    if metadata["corpus"] != checkpoint.corpus:
        raise RequestError(f"{path} is the checkpoint of a pretraining on another corpus; name another folder")
    try:
        with safe_open(path, "pt") as file:
            for name in TENSORS:
                getattr(state, name).copy_(file.get_tensor(name))
        state.steps, state.step = int(metadata["steps"]), int(metadata["step"])
        state.losses, state.history = json.loads(metadata["losses"]), json.loads(metadata["history"])
    except (OSError, SafetensorError, RuntimeError, ValueError, KeyError) as error:
        raise _damaged(path, error) from None


def _metadata(path: Path) -> dict[str, str]:
    try:
        with safe_open(path, "pt") as file:
            metadata: dict[str, str] = file.metadata() or {}
    except (OSError, SafetensorError) as error:
        raise _damaged(path, error) from None
    if metadata.get("format") != FORMAT or metadata.get("version") != VERSION:
        raise DataError(f"{path} is not a checkpoint of a pretraining of this version; name another folder")
    return metadata


def _damaged(path: Path, error: Exception) -> DataError:
    return DataError(f"{path} is not a whole checkpoint ({error}); remove it to begin anew")
