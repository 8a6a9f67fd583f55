"""What was pretrained becomes a folder as Hugging Face's libraries save it, head included."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from fitwell.files import replace_atomically, writing
from fitwell.pretrained.configuration import tensor_names
from fitwell.pretrained.folder import CONFIGURATION, WEIGHTS
from fitwell.pretrained.pretraining.model import MaskedModel
from fitwell.pretrained.pretraining.origin import HEAD, Origin, as_json
from fitwell.pretrained.tokenizer import TOKENIZER

TOLD = "pretraining.json"
PREFIX = "bert."


def save_model(folder: Path, origin: Origin, model: MaskedModel, told: Mapping[str, Any]) -> None:
    """Write the files of a model, the weights last, each whole or not at all.

    Raises:
        SurroundingsError: the disk is full or the folder may not be written.
    """
    files = {
        **origin.files,
        TOKENIZER: origin.tokenizer.encode(),
        CONFIGURATION: as_json(origin.values),
        TOLD: as_json(told),
    }
    for name, content in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        replace_atomically(folder / name, content)
    with writing(folder / WEIGHTS) as temporary:
        save_file(_tensors(model), temporary, {"format": "pt"})


def _tensors(model: MaskedModel) -> dict[str, Tensor]:
    """Return the weights by the names of BERT's files; the last map is the table of pieces itself, and left out."""
    tensors = {}
    parameters = {name: parameter.detach() for name, parameter in model.encoder.named_parameters()}
    for ours, theirs in tensor_names(model.encoder.configuration).items():
        for name, part in zip(theirs, torch.chunk(parameters[ours], len(theirs)), strict=True):
            tensors[PREFIX + name] = part.clone()
    own = dict(model.named_parameters())
    return tensors | {theirs: own[ours].detach().clone() for ours, theirs in HEAD.items()}
