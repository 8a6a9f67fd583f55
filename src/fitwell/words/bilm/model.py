"""A language model read in both directions as a value: texts become words with a vector in each layer."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float32, Int
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from fitwell.errors import DataError, RequestError, SurroundingsError
from fitwell.files import replace_atomically
from fitwell.words.bilm.characters import character_rows
from fitwell.words.bilm.network import LAYERS, LanguageModel, Sizes
from fitwell.words.tokens import Tokenization

CONFIGURATION, WEIGHTS, WORDS = "config.json", "model.safetensors", "words.json"
MODEL_TYPE = "fitwell_elmo"
VERSION = 1
WORDS_AT_ONCE = 8192
AGAIN = "train it again"
MOST = 2**20  # of any size; more is a damaged file


class WordVectors(NamedTuple):
    """The words of a text in their order, and the vector that each has there."""

    words: list[str]
    vectors: Float32[np.ndarray, "words width"]


@dataclass(frozen=True, eq=False)
class Elmo:
    """A language model read in both directions, opened to turn texts into vectors."""

    network: LanguageModel
    words: tuple[str, ...]  # those of the softmax, the most frequent first
    tokenization: Tokenization
    made: Mapping[str, object] = field(default_factory=dict)  # how it was learned, and what it reached

    @property
    def width(self) -> int:
        """Numbers of a word's vector: those of both directions."""
        return 2 * self.network.sizes.width

    @property
    def layers(self) -> int:
        """How many layers have vectors, that of the characters among them."""
        return LAYERS + 1

    def word_vectors(self, texts: Sequence[str], layer: int = -1) -> list[WordVectors]:
        """Return the words of each text with their vectors in context, as the model's tokenization cuts them.

        Layer 0 knows the characters of the word alone; 1 and 2, or -1 for the last, what stands before and after.

        Raises:
            RequestError: there is no such layer.
        """
        if not -self.layers <= layer < self.layers:
            raise RequestError(f"layer must be from {-self.layers} to {self.layers - 1} for this model, but is {layer}")
        cut = [self.tokenization.tokens(text) for text in texts]
        return [WordVectors(words, found[layer]) for words, found in zip(cut, self.read(cut), strict=True)]

    def read(self, texts: Sequence[Sequence[str]]) -> list[Float32[np.ndarray, "layers words width"]]:
        """Return the vectors of all layers for texts that are lists of words."""
        found: list[np.ndarray] = [np.zeros((self.layers, 0, self.width), np.float32)] * len(texts)
        with torch.inference_mode():
            for places in together([len(text) for text in texts]):
                distinct = sorted({word for place in places for word in texts[place]})
                rows = {word: row for row, word in enumerate(distinct, start=1)}
                numbers = [[0, *(rows[word] for word in texts[place]), 0] for place in places]
                symbols = torch.from_numpy(character_rows(distinct))
                lengths = torch.tensor([len(own) for own in numbers])
                words = self.network.spelled(symbols)[filled(numbers)]
                layers = torch.stack(self.network.layers(words, lengths))
                for row, place in enumerate(places):
                    found[place] = layers[:, row, 1 : len(numbers[row]) - 1].numpy().copy()
        return found

    def save(self, path: str | Path) -> None:
        """Write a folder of plain files, which appears as a whole.

        Raises:
            RequestError: there is something already. SurroundingsError: the folder cannot be written.
        """
        require_new(path)
        path = Path(path)
        tensors = {name: tensor.detach().clone().contiguous() for name, tensor in self.network.state_dict().items()}
        stated = {
            "model_type": MODEL_TYPE,
            "version": VERSION,
            "sizes": asdict(self.network.sizes),
            "tokenization": asdict(self.tokenization),
            "made": dict(self.made),
        }
        try:
            room = Path(tempfile.mkdtemp(prefix=f".{path.name[:100]}.", dir=path.absolute().parent))
            try:
                save_file(tensors, room / WEIGHTS)
                replace_atomically(
                    room / WORDS, json.dumps(self.words, ensure_ascii=False).encode("utf-8", "surrogatepass")
                )
                replace_atomically(room / CONFIGURATION, (json.dumps(stated, indent=1) + "\n").encode())
                room.chmod(0o755)
                room.rename(path)
            finally:
                shutil.rmtree(room, ignore_errors=True)
        except OSError as error:
            raise SurroundingsError(
                f"{path} cannot be written: {error.strerror or error}; check the disk and its rights"
            ) from None


def require_new(path: str | Path) -> None:
    """Refuse a folder that cannot be made.

    Raises:
        RequestError: there is something already. SurroundingsError: there is no folder to make it in.
    """
    path = Path(path)
    if path.exists():
        raise RequestError(f"an ELMo model is written to a new folder, but {path} is there already; name another")
    if not path.absolute().parent.is_dir():
        raise SurroundingsError(f"{path} cannot be written: there is no folder {path.parent}; make it first")


def configuration_of(model: Elmo) -> str:
    """Return as JSON what a run has to know of a model to fill it with saved weights."""
    return json.dumps({"model_type": MODEL_TYPE, "sizes": asdict(model.network.sizes)})


def is_elmo(path: str | Path) -> bool:
    """Tell whether a folder holds such a model, by what its configuration says."""
    try:
        stated = json.loads((Path(path) / CONFIGURATION).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(stated, dict) and stated.get("model_type") == MODEL_TYPE


def load_elmo(path: str | Path) -> Elmo:
    """Return the model in a folder that `Elmo.save` wrote.

    Raises:
        RequestError: there is no such folder. DataError: a file is missing or damaged.
    """
    folder = Path(path)
    if not folder.is_dir():
        what = "is a file" if folder.exists() else "is not there"
        raise RequestError(f"an ELMo model is a folder with {CONFIGURATION} and {WEIGHTS}, but {folder} {what}")
    source = str(folder)
    try:
        stated = json.loads((folder / CONFIGURATION).read_text(encoding="utf-8"))
        if stated["model_type"] != MODEL_TYPE or stated["version"] != VERSION:
            raise _damaged(source, f"it says model_type {stated['model_type']}, version {stated['version']}")
        sizes = sizes_from(stated["sizes"], source=source)
        tokenization = Tokenization(**stated["tokenization"])
        words = tuple(json.loads((folder / WORDS).read_bytes().decode("utf-8", "surrogatepass")))
        tensors = load_file(folder / WEIGHTS)
    except (OSError, SafetensorError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise _damaged(source, error) from None
    if len(words) + 2 != sizes.targets or not all(isinstance(word, str) for word in words):
        raise _damaged(source, f"{len(words)} words do not fit a softmax of {sizes.targets}")
    return Elmo(_filled_network(sizes, tensors, source=source), words, tokenization, stated.get("made", {}))


def sizes_from(values: Mapping[str, Any], *, source: str) -> Sizes:
    """Return sizes that were saved.

    Raises:
        DataError: they cannot be.
    """
    try:
        sizes = Sizes(**{**values, "filters": tuple(values["filters"])})
    except (KeyError, TypeError) as error:
        raise _damaged(source, error) from None
    counts = [sizes.targets, sizes.width, sizes.cells, sizes.character_width, sizes.highways, *sizes.filters]
    if not all(type(count) is int and 0 < count <= MOST for count in counts):
        raise _damaged(source, f"sizes must be whole numbers from 1 to {MOST:,}, but are {dict(values)}")
    return sizes


def _damaged(source: str, why: object) -> DataError:
    return DataError(f"{source} must hold an ELMo model, but is damaged ({why}); {AGAIN}")


def _filled_network(sizes: Sizes, tensors: Mapping[str, Tensor], *, source: str) -> LanguageModel:
    """Return the network with these weights, which nothing trains."""
    with torch.random.fork_rng(
        devices=[]
    ):  # on "meta", drawing bell-shaped numbers imports PyTorch's compiler: seconds
        network = LanguageModel(sizes)
    for name, expected in network.state_dict().items():
        found = tensors.get(name)
        if found is None or found.shape != expected.shape or found.dtype != torch.float32:
            what = "is missing" if found is None else f"is {found.dtype} {tuple(found.shape)}"
            raise _damaged(source, f"{name} must be torch.float32 {tuple(expected.shape)}, but {what}")
    network.load_state_dict({name: tensors[name] for name in network.state_dict()}, assign=True)
    return network.requires_grad_(False).eval()


def filled(numbers: Sequence[Sequence[int]]) -> Int[Tensor, "texts steps"]:
    """Return rows of numbers as a matrix, 0 after a row's end."""
    matrix = torch.zeros(len(numbers), max(map(len, numbers)), dtype=torch.int64)
    for row, own in enumerate(numbers):
        matrix[row, : len(own)] = torch.tensor(own)
    return matrix


def together(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Yield the places of texts that are read together: of like lengths, so many words at a time.

    >>> list(together([2, 9000, 3]))
    [[1], [2, 0]]
    """
    batch: list[int] = []
    for place in sorted(range(len(lengths)), key=lambda place: -lengths[place]):
        if batch and (len(batch) + 1) * (lengths[batch[0]] + 2) > WORDS_AT_ONCE:
            yield batch
            batch = []
        batch.append(place)
    if batch:
        yield batch
