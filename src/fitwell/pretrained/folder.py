"""A folder as Hugging Face's libraries save it: opened, read with suspicion, its weights taken from safetensors alone.

Pickled weights are refused whatever else is there: reading them runs whatever program they hold.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from fitwell.errors import DataError, RequestError
from fitwell.pretrained.configuration import AGAIN, Configuration, Pooling, configured, tensor_names
from fitwell.pretrained.tokenizer import tokenizer_text
from fitwell.pretrained.transformer import Transformer

CONFIGURATION = "config.json"
WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"
PICKLED = ("pytorch_model.bin", "pytorch_model.bin.index.json", "model.pt", "model.pth")
MODULES = "modules.json"  # of sentence-transformers: what follows the encoder
LENGTHS = "sentence_bert_config.json"
POOLING_OF: dict[str, Pooling] = {  # in the order in which their vectors stand beside each other
    "pooling_mode_cls_token": "first",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_mean_sqrt_len_tokens": "root_mean",
}


@dataclass(frozen=True)
class Folder:
    """What a model's folder says about it, without its weights."""

    path: Path
    configuration: Configuration
    tokenizer: str  # the content of tokenizer.json


def open_folder(path: str | Path) -> Folder:
    """Return what a folder says about its model.

    Raises:
        RequestError: there is no such folder. DataError: a file is missing or damaged, its weights are pickled, or it
        is an encoder of an unknown family.
    """
    folder = existing_folder(path)
    values = read_json(folder / CONFIGURATION, dict)
    require_weights(folder)
    configuration = configured(values, source=str(folder / CONFIGURATION))
    return Folder(folder, _as_pooled(folder, configuration), tokenizer_text(folder))


def existing_folder(path: str | Path) -> Path:
    """Return the folder of a pretrained model.

    Raises:
        RequestError: it is not there.
    """
    folder = Path(path)
    if not folder.is_dir():
        what = "is a file" if folder.exists() else "is not there"
        raise RequestError(
            f"a pretrained encoder is a folder with {CONFIGURATION} and {WEIGHTS}, but {folder} {what}; a name on a "
            "hub is not fetched, download the model first"
        )
    return folder


def require_weights(folder: Path) -> None:
    """Refuse a folder without weights that can be read safely.

    Raises:
        DataError: there are none, or they are pickled.
    """
    _weight_files(folder)


def encoder_of(folder: Folder) -> Transformer:
    """Return the encoder with the folder's weights, as float32.

    Raises:
        DataError: a tensor is missing or has another shape than the configuration says, or a file is damaged.
    """
    network = Transformer(folder.configuration)
    shapes = {name: parameter.shape for name, parameter in network.named_parameters()}
    network.load_state_dict(weights_of(folder.path, shapes, tensor_names(folder.configuration)), assign=True)
    return network.requires_grad_(False)


def weights_of(
    folder: Path, shapes: Mapping[str, torch.Size], names: Mapping[str, tuple[str, ...]]
) -> dict[str, Tensor]:
    """Return a folder's tensors by our names, as float32; `names` are theirs, several of which are put together.

    A model with a head puts a prefix before the names, which is that of the first.

    Raises:
        DataError: a tensor is missing or has another shape, or a file is damaged.
    """
    with opened_weights(folder) as where:
        prefix = _prefix(next(iter(names.values()))[0], where)
        tensors = {}
        for name, shape in shapes.items():
            parts = [_tensor(folder, prefix + theirs, where) for theirs in names[name]]
            tensor = torch.cat(parts) if len(parts) > 1 else parts[0]
            if tensor.shape != shape:
                raise DataError(
                    f"{prefix}{names[name][0]} of {folder} must have the shape {tuple(shape)} that {CONFIGURATION} "
                    f"says, but has {tuple(tensor.shape)}; {AGAIN}"
                )
            tensors[name] = tensor.to(torch.float32, copy=True)
        return tensors


@contextmanager
def opened_weights(folder: Path) -> Iterator[dict[str, Any]]:
    """Lend the file, open, in which each of a folder's tensors is.

    Raises:
        DataError: there are no weights, they are pickled, or a file is damaged.
    """
    with ExitStack() as stack:
        where: dict[str, Any] = {}
        for file in _weight_files(folder):
            try:
                opened = stack.enter_context(safe_open(file, framework="pt"))
            except (OSError, SafetensorError) as error:
                raise DataError(f"{file} must hold tensors, but is damaged ({error}); {AGAIN}") from None
            where |= dict.fromkeys(opened.keys(), opened)
        yield where


def _prefix(entries: str, where: Mapping[str, Any]) -> str:
    """Return what a model with a head puts before the names of its encoder's tensors."""
    return next((name.removesuffix(entries) for name in where if name.endswith(entries)), "")


def _tensor(path: Path, name: str, where: Mapping[str, Any]) -> Tensor:
    if name not in where:
        raise DataError(
            f"the weights in {path} must have {name}, as {CONFIGURATION} says, but have {len(where)} tensors without "
            f"it; {AGAIN}"
        )
    tensor: Tensor = where[name].get_tensor(name)
    if not tensor.is_floating_point():
        raise DataError(f"{name} in {path} must hold floating-point numbers, but holds {tensor.dtype}; {AGAIN}")
    return tensor


def _weight_files(folder: Path) -> list[Path]:
    if (folder / WEIGHTS).is_file():
        return [folder / WEIGHTS]
    if (folder / INDEX).is_file():
        files = read_json(folder / INDEX, dict).get("weight_map", {})
        names = sorted({str(file) for file in files.values()}) if isinstance(files, dict) else []
        for name in names:
            if Path(name).name != name or not (folder / name).is_file():
                raise DataError(f'{folder / INDEX} names the file "{name}", which is not in {folder}; {AGAIN}')
        return [folder / name for name in names]
    if pickled := [name for name in PICKLED if (folder / name).is_file()]:
        raise DataError(
            f"the weights in {folder} must be in {WEIGHTS}, but are pickled ({pickled[0]}), and reading those runs any "
            "program they hold; where you trust them, save the model again with safe_serialization=True"
        )
    raise DataError(f"{folder} must have {WEIGHTS}, but does not; {AGAIN}")


def _as_pooled(folder: Path, configuration: Configuration) -> Configuration:
    """Return the configuration with what sentence-transformers' files add: length, pooling and scaling."""
    longest = configuration.longest
    if (folder / LENGTHS).is_file():
        stated = read_json(folder / LENGTHS, dict).get("max_seq_length")
        longest = min(longest, stated) if type(stated) is int and stated > 2 else longest
    pooling, unit_length = configuration.pooling, False
    for kind, place in _modules(folder):
        if kind == "Pooling":
            pooling = _pooling(folder / place / CONFIGURATION)
        elif kind == "Normalize":
            unit_length = True
        elif kind != "Transformer":
            raise DataError(
                f"{folder / MODULES} must name a Transformer, a Pooling and a Normalize at most, but names {kind}; "
                "take another model"
            )
    mixed = not (folder / MODULES).is_file()
    return replace(configuration, longest=longest, pooling=pooling, unit_length=unit_length, mixed=mixed)


def _modules(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield what follows one another in a model of sentence-transformers, and the folder of each."""
    if not (folder / MODULES).is_file():
        return
    for module in read_json(folder / MODULES, list):
        kind, place = (module.get("type"), module.get("path")) if isinstance(module, dict) else (None, None)
        if not isinstance(kind, str) or not isinstance(place, str) or ".." in Path(place).parts:
            raise DataError(f"{folder / MODULES} must list modules with a type and a path; {AGAIN}")
        yield kind.rpartition(".")[2], place


def _pooling(file: Path) -> tuple[Pooling, ...]:
    values = read_json(file, dict)
    asked = [name for name, value in values.items() if name.startswith("pooling_mode_") and value is True]
    unknown = [name for name in asked if name not in POOLING_OF]
    if unknown or not asked:
        raise DataError(
            f"{file} must ask for one of {', '.join(POOLING_OF)}, but asks for {', '.join(unknown) or 'none'}; take "
            "another model"
        )
    return tuple(pooling for name, pooling in POOLING_OF.items() if name in asked)


def read_json(file: Path, kind: type) -> Any:
    """Return what a JSON file of a model's folder holds.

    Raises:
        DataError: there is no such file, or it holds something else.
    """
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError(f"{file.parent} must have {file.name}, but does not; {AGAIN}") from None
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{file} must hold JSON, but cannot be read ({error}); {AGAIN}") from None
    if not isinstance(values, kind):
        raise DataError(f"{file} must hold a {kind.__name__}, but holds a {type(values).__name__}; {AGAIN}")
    return values
