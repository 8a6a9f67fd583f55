"""A training goes on with new text: what it has learned is kept in a file, and words are added to it.

Vectors alone are not enough, because what they are told by is learned too. One safetensors file, which the next
training begins with: both matrices, the words with their counts, and how they were learned. Counts of old and new text
add up, so that a word may become frequent enough in the course of several trainings if it was known before; what was
too rare before is forgotten.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from fitwell.errors import DataError, RequestError
from fitwell.files import writing
from fitwell.words.encoded import AT_A_TIME, EncodedCorpus
from fitwell.words.interning import decoded
from fitwell.words.parts import Parts
from fitwell.words.vocabulary import Vocabulary
from fitwell.words.word_checkpoint import State

FORMAT, VERSION = "fitwell words to go on from", "1"
SAME = ("method", "architecture", "dimension", "loss", "shortest", "longest", "buckets")  # what may not change


@dataclass(frozen=True, kw_only=True, eq=False)
class Kept:
    """What a training has learned."""

    vocabulary: Vocabulary
    inputs: npt.NDArray[np.float32]  # (words + used buckets, padded width)
    outputs: npt.NDArray[np.float32]  # (words, padded width)
    used: npt.NDArray[np.int64]  # the bucket of each row of the inputs after the words'
    made: Mapping[str, object]
    digest: str  # of the file


def keep(path: str | Path, vocabulary: Vocabulary, parts: Parts | None, state: State, made: dict[str, object]) -> None:
    """Write what was learned, whole or not at all.

    Raises:
        SurroundingsError: the disk is full or the folder may not be written.
    """
    encoded = [word.encode(errors="surrogatepass") for word in vocabulary.words]
    tensors: dict[str, npt.NDArray[Any]] = {
        **state.arrays,
        "words": np.frombuffer(b"".join(encoded), np.uint8),
        "word_ends": np.cumsum([0, *map(len, encoded)], dtype=np.int64),
        "counts": vocabulary.counts.astype(np.int64),
        "used": parts.used if parts else np.empty(0, np.int64),
    }
    with writing(path) as temporary:
        save_file(tensors, temporary, {"format": FORMAT, "version": VERSION, "made": json.dumps(made)})


def read_kept(path: str | Path) -> Kept:
    """Return what `keep` wrote.

    Raises:
        DataError: there is no such file, or it is another one or damaged.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(f"there is no file {path} to start from; check the path")
    try:
        with safe_open(path, "numpy") as file:
            metadata = file.metadata() or {}
            if metadata.get("format") != FORMAT or metadata.get("version") != VERSION:
                raise DataError(
                    f"{path} is none that a training was kept in; vectors alone do not tell what they are told by, so "
                    "train once more with keep= (--keep)"
                )
            tensors = {name: file.get_tensor(name) for name in ("inputs", "outputs", "words", "word_ends", "counts")}
            used, made = file.get_tensor("used"), json.loads(metadata["made"])
        words = decoded(tensors["words"], tensors["word_ends"])
    except (OSError, SafetensorError, ValueError, KeyError) as error:
        raise DataError(f"{path} is not whole ({error}); it was damaged or cut off") from None
    inputs, outputs, counts = tensors["inputs"], tensors["outputs"], tensors["counts"]
    if not len(words) == len(counts) == len(outputs) == len(inputs) - len(used) or inputs.shape[1] != outputs.shape[1]:
        raise DataError(
            f"{path} is damaged: {len(words)} words, {len(counts)} counts and matrices of {inputs.shape} and "
            f"{outputs.shape} do not belong together"
        )
    with path.open("rb") as content:
        digest = hashlib.file_digest(content, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
    vocabulary = Vocabulary(words, counts)
    return Kept(vocabulary=vocabulary, inputs=inputs, outputs=outputs, used=used, made=made, digest=digest)


def require_same_kind(kept: Kept, asked: Mapping[str, object]) -> None:
    """Refuse to go on with another kind of vectors.

    Raises:
        RequestError: the method, the dimension or the parts of words are others, or the loss needs a tree.
    """
    for name in SAME:
        before, now = kept.made.get(name), asked.get(name)
        if before != now:
            raise RequestError(f"what is gone on from has {name} {before}, but {now} is asked for; ask for the same")
    if asked["loss"] == "hierarchical_softmax":
        raise RequestError(
            "a training with hierarchical_softmax cannot go on with new words, because they change the tree; train "
            "with negative_sampling, or anew on all text"
        )


def grown(corpus: EncodedCorpus, kept: Kept) -> EncodedCorpus:
    """Return a corpus whose words are those of both, with the sums of their counts, in order of these."""
    known, new = kept.vocabulary, corpus.vocabulary
    words = [*known.words, *(word for word in new.words if word not in known.numbers)]
    numbers = {word: number for number, word in enumerate(words)}
    places = np.array([numbers[word] for word in new.words])
    counts = np.zeros(len(words), np.int64)
    counts[: len(known)] = known.counts
    counts[places] += new.counts
    order = np.argsort(-counts, kind="stable")
    ranks = np.empty(len(words), np.int32)
    ranks[order] = np.arange(len(words), dtype=np.int32)
    with tempfile.TemporaryFile() as spool:
        for start in range(0, len(corpus.ids), AT_A_TIME):
            spool.write(ranks[places][corpus.ids[start : start + AT_A_TIME]].data)
        spool.flush()
        ids = np.memmap(spool, np.int32, "r", shape=(len(corpus.ids),))
    vocabulary = Vocabulary([words[number] for number in order.tolist()], counts[order])
    return EncodedCorpus(vocabulary=vocabulary, ids=ids, ends=corpus.ends, tokenization=corpus.tokenization)


def carry_over(kept: Kept, vocabulary: Vocabulary, parts: Parts | None, state: State) -> None:
    """Give words and parts that are known what they have learned; the others stay as they are."""
    old = kept.vocabulary.numbers
    pairs = np.array([(number, old[word]) for word, number in vocabulary.numbers.items() if word in old])
    now, before = pairs.reshape(-1, 2).T
    inputs, outputs = state.arrays["inputs"], state.arrays["outputs"]
    inputs[now], outputs[now] = kept.inputs[before], kept.outputs[before]
    if parts is not None:
        _, new_place, old_place = np.intersect1d(parts.used, kept.used, assume_unique=True, return_indices=True)
        inputs[len(vocabulary) + new_place] = kept.inputs[len(kept.vocabulary) + old_place]
