"""What a pretraining begins with: an encoder of a shape with a vocabulary made for the corpus, or one from a folder."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from fitwell.errors import DataError, RequestError
from fitwell.pretrained.configuration import AGAIN, Configuration, configured
from fitwell.pretrained.folder import (
    CONFIGURATION,
    LENGTHS,
    MODULES,
    Folder,
    encoder_of,
    open_folder,
    opened_weights,
    read_json,
)
from fitwell.pretrained.pretraining.masking import Pieces
from fitwell.pretrained.pretraining.model import SPREAD, MaskedModel, draw_encoder, draw_head
from fitwell.pretrained.pretraining.settings import INNER, Shape
from fitwell.pretrained.tokenizer import FILLER, ITS_SETTINGS, MARKS, MASK, VOCABULARY, opened

KEPT = (ITS_SETTINGS, VOCABULARY, "special_tokens_map.json", MODULES, LENGTHS, "config_sentence_transformers.json")
HEAD = {  # ours -> theirs
    "mapped.weight": "cls.predictions.transform.dense.weight",
    "mapped.bias": "cls.predictions.transform.dense.bias",
    "normalization.weight": "cls.predictions.transform.LayerNorm.weight",
    "normalization.bias": "cls.predictions.transform.LayerNorm.bias",
    "bias": "cls.predictions.bias",
}


@dataclass(frozen=True, kw_only=True)
class Origin:
    """What is known before the first step."""

    configuration: Configuration
    values: Mapping[str, Any]  # of config.json
    tokenizer: str  # the content of tokenizer.json
    files: Mapping[str, bytes]  # others of its folder, by their paths there
    folder: Folder | None = None  # where its weights are


def new_origin(shape: Shape, tokenizer: str, *, length: int, dropout: float) -> Origin:
    """Return what a new encoder begins with."""
    vocabulary = opened(tokenizer, source="the corpus").get_vocab(with_added_tokens=True)
    values = {
        "architectures": ["BertForMaskedLM"],
        "model_type": "bert",
        "num_hidden_layers": shape.layers,
        "hidden_size": shape.width,
        "num_attention_heads": shape.whole_heads,
        "intermediate_size": INNER * shape.width,
        "vocab_size": len(vocabulary),
        "max_position_embeddings": length,
        "type_vocab_size": 2,
        "hidden_act": "gelu",
        "layer_norm_eps": 1e-12,
        "hidden_dropout_prob": dropout,
        "attention_probs_dropout_prob": dropout,
        "initializer_range": SPREAD,
        "pad_token_id": vocabulary[FILLER],
        "tie_word_embeddings": True,
    }
    settings = {
        "tokenizer_class": "BertTokenizer",
        "do_lower_case": shape.lowercase,
        "model_max_length": length,
        **{f"{name}_token": mark for name, mark in zip(("pad", "unk", "cls", "sep", "mask"), MARKS, strict=True)},
    }
    pieces = sorted(vocabulary, key=vocabulary.__getitem__)
    return Origin(
        configuration=configured(values, source=CONFIGURATION),
        values=values,
        tokenizer=tokenizer,
        files={ITS_SETTINGS: as_json(settings), VOCABULARY: ("\n".join(pieces) + "\n").encode()},
    )


def from_folder(path: str | Path, *, length: int) -> Origin:
    """Return what goes on from an encoder in a folder.

    Raises:
        RequestError: there is no such folder, it reads shorter texts, or it is none of BERT's family.
        DataError: a file is missing or damaged, its weights are pickled, or its tokenizer has no mask.
    """
    folder = open_folder(path)
    configuration = folder.configuration
    if configuration.family != "bert":
        raise RequestError(
            f"pretraining goes on from encoders of the family bert, but {path} is of the family "
            f"{configuration.family}; take another"
        )
    if length > configuration.longest:
        raise RequestError(
            f"length must be at most the {configuration.longest} pieces that {path} reads, but is {length}"
        )
    if opened(folder.tokenizer, source=str(path)).token_to_id(MASK) is None:
        raise DataError(f"the tokenizer in {path} must have the mark {MASK}, but has none; take another model")
    pooling = [place.relative_to(folder.path).as_posix() for place in folder.path.glob(f"*_Pooling/{CONFIGURATION}")]
    files = {
        name: (folder.path / name).read_bytes() for name in (*KEPT, *sorted(pooling)) if (folder.path / name).is_file()
    }
    values = {**read_json(folder.path / CONFIGURATION, dict), "architectures": ["BertForMaskedLM"]}
    return Origin(configuration=configuration, values=values, tokenizer=folder.tokenizer, files=files, folder=folder)


def pieces_of(origin: Origin) -> Pieces:
    """Return what masking has to know about the vocabulary."""
    tokenizer = opened(origin.tokenizer, source="the model")
    mask = tokenizer.token_to_id(MASK)
    assert mask is not None, "an origin has a mask"
    marks = [number for number, token in tokenizer.get_added_tokens_decoder().items() if token.special]
    is_ordinary = np.ones(origin.configuration.vocabulary, np.bool_)
    is_ordinary[marks] = False
    is_ordinary[tokenizer.get_vocab_size() :] = False
    return Pieces(mask=mask, ordinary=np.flatnonzero(is_ordinary), is_ordinary=is_ordinary)


def model_of(origin: Origin, frequencies: npt.NDArray[np.float64], *, seed: int) -> MaskedModel:
    """Return the model before its first step."""
    generator = torch.Generator().manual_seed(seed)
    model = MaskedModel(origin.configuration)
    if origin.folder is None:
        draw_encoder(model, generator)
    else:
        model.encoder.load_state_dict(encoder_of(origin.folder).state_dict())
    head = None if origin.folder is None else _head(origin.folder)
    if head is None:
        draw_head(model, torch.from_numpy(frequencies).float(), generator)
    else:
        _load_head(model, head, origin)
    return model


def as_json(values: Mapping[str, Any]) -> bytes:
    """Return values as a JSON file has them."""
    return (json.dumps(values, indent=2) + "\n").encode()


def _head(folder: Folder) -> dict[str, Tensor] | None:
    """Return the head in a folder by our names; encoders of sentences have none."""
    with opened_weights(folder.path) as where:
        if not all(name in where for name in HEAD.values()):
            return None
        return {ours: where[theirs].get_tensor(theirs).float() for ours, theirs in HEAD.items()}


def _load_head(model: MaskedModel, head: Mapping[str, Tensor], origin: Origin) -> None:
    own = dict(model.named_parameters())
    for name, tensor in head.items():
        if tensor.shape != own[name].shape:
            raise DataError(
                f"{HEAD[name]} in {origin.folder and origin.folder.path} must have the shape {tuple(own[name].shape)} "
                f"that {CONFIGURATION} says, but has {tuple(tensor.shape)}; {AGAIN}"
            )
        with torch.no_grad():
            own[name].copy_(tensor)
