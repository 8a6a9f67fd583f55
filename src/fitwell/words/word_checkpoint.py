"""The state of a training on disk, from which it goes on to the same bits.

One safetensors file, replaced as a whole: both matrices, and in its metadata how they are being learned, from which
corpus (by a fingerprint of its numbers and words), and how far.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from fitwell.errors import DataError, RequestError
from fitwell.files import writing
from fitwell.words.encoded import AT_A_TIME, EncodedCorpus
from fitwell.words.vocabulary import Vocabulary
from fitwell.words.word_vectors import State, Word2VecSettings, first_state

FORMAT = "fitwell word2vec checkpoint"
VERSION = "1"


def fingerprint_of(corpus: EncodedCorpus) -> str:
    """Return a digest of a corpus: its words, its numbers, and where its texts end."""
    digest = hashlib.blake2b(json.dumps(list(corpus.vocabulary.words)).encode(), digest_size=16)
    digest.update(np.ascontiguousarray(corpus.ends).data)
    for start in range(0, len(corpus.ids), AT_A_TIME):
        digest.update(np.ascontiguousarray(corpus.ids[start : start + AT_A_TIME]).data)
    return digest.hexdigest()


def save_state(path: str | Path, state: State, settings: Word2VecSettings, fingerprint: str) -> None:
    """Write the state, whole or not at all.

    Raises:
        SurroundingsError: the disk is full or the folder may not be written.
    """
    metadata = {
        "format": FORMAT,
        "version": VERSION,
        "settings": json.dumps(asdict(settings)),
        "corpus": fingerprint,
        "blocks": str(state.blocks),
    }
    with writing(path) as temporary:
        save_file({"inputs": state.inputs, "outputs": state.outputs}, temporary, metadata)


def restored(path: Path, vocabulary: Vocabulary, settings: Word2VecSettings, fingerprint: str) -> State:
    """Return the state that was saved.

    Raises:
        DataError: the file is no checkpoint, or not a whole one.
        RequestError: it belongs to another corpus, or to other settings.
    """
    try:
        with safe_open(path, "numpy") as file:
            metadata = file.metadata() or {}
            if metadata.get("format") != FORMAT or metadata.get("version") != VERSION:
                raise DataError(f"{path} is not a checkpoint of this version; name another file")
            _require_same(path, metadata, settings, fingerprint)
            state = first_state(vocabulary, settings)
            state.inputs[:], state.outputs[:] = file.get_tensor("inputs"), file.get_tensor("outputs")
            state.blocks = int(metadata["blocks"])
    except (OSError, SafetensorError, ValueError, KeyError) as error:
        raise DataError(f"{path} is not a whole checkpoint ({error}); remove it to begin anew") from None
    return state


def _require_same(path: Path, metadata: dict[str, str], settings: Word2VecSettings, fingerprint: str) -> None:
    before, now = json.loads(metadata["settings"]), asdict(settings)
    for name in now:
        if before.get(name) != now[name]:
            raise RequestError(
                f"{path} is the checkpoint of a training with {name} {before.get(name)}, but {now[name]} is asked for; "
                "ask for the same, or remove it to begin anew"
            )
    if metadata["corpus"] != fingerprint:
        raise RequestError(f"{path} is the checkpoint of a training on another corpus; remove it to begin anew")
