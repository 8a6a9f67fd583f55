"""Tiny encoders with random weights, in folders as Hugging Face's libraries save them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from fitwell.pretrained.backbones.folder import backbone_for, name_in_files, open_picture_model

Write = Callable[..., Path]
WORDS = (
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "[MASK]",
    "good",
    "bad",
    "film",
    "a",
    "the",
    "##s",
    "not",
    "is",
    "very",
    ",",
)
LAYERS, WIDTH, HEADS, INNER, POSITIONS = 2, 8, 2, 12, 16
BERT = {
    "model_type": "bert",
    "num_hidden_layers": LAYERS,
    "hidden_size": WIDTH,
    "num_attention_heads": HEADS,
    "intermediate_size": INNER,
    "vocab_size": len(WORDS),
    "max_position_embeddings": POSITIONS,
    "type_vocab_size": 2,
    "hidden_act": "gelu",
    "layer_norm_eps": 1e-12,
    "hidden_dropout_prob": 0.1,
    "pad_token_id": 0,
}
DISTILBERT = {
    "model_type": "distilbert",
    "n_layers": LAYERS,
    "dim": WIDTH,
    "n_heads": HEADS,
    "hidden_dim": INNER,
    "vocab_size": len(WORDS),
    "max_position_embeddings": POSITIONS,
    "activation": "gelu",
    "dropout": 0.1,
}
FAMILIES: dict[str, dict[str, Any]] = {
    "bert": BERT,
    "distilbert": DISTILBERT,
    "roberta": BERT | {"model_type": "roberta", "type_vocab_size": 1},
    "electra": BERT | {"model_type": "electra", "embedding_size": 6},
}


def tensors_of(configuration: dict[str, Any], *, seed: int = 0) -> dict[str, np.ndarray]:
    """Random weights under the names of BERT's own files, or of DistilBERT's."""
    draw = np.random.default_rng(seed)
    entry = configuration.get("embedding_size", WIDTH)
    tensors = {
        "embeddings.word_embeddings.weight": draw.normal(size=(len(WORDS), entry)),
        "embeddings.position_embeddings.weight": draw.normal(size=(POSITIONS, entry)),
    }
    if "type_vocab_size" in configuration:
        tensors["embeddings.token_type_embeddings.weight"] = draw.normal(size=(configuration["type_vocab_size"], entry))

    def normalization(name: str, width: int = WIDTH) -> None:
        tensors[f"{name}.weight"] = draw.uniform(0.5, 1.5, size=width)
        tensors[f"{name}.bias"] = draw.normal(size=width)

    def linear(name: str, width_in: int, width_out: int) -> None:
        tensors[f"{name}.weight"] = draw.normal(size=(width_out, width_in)) / 2
        tensors[f"{name}.bias"] = draw.normal(size=width_out)

    normalization("embeddings.LayerNorm", entry)
    if entry != WIDTH:
        linear("embeddings_project", entry, WIDTH)
    distilled = configuration["model_type"] == "distilbert"
    for layer in range(LAYERS):
        folder = f"transformer.layer.{layer}" if distilled else f"encoder.layer.{layer}"
        names = (
            ("attention.q_lin", "attention.k_lin", "attention.v_lin", "attention.out_lin")
            if distilled
            else ("attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense")
        )
        for name in names:
            linear(f"{folder}.{name}", WIDTH, WIDTH)
        normalization(f"{folder}.{'sa_layer_norm' if distilled else 'attention.output.LayerNorm'}")
        linear(f"{folder}.{'ffn.lin1' if distilled else 'intermediate.dense'}", WIDTH, INNER)
        linear(f"{folder}.{'ffn.lin2' if distilled else 'output.dense'}", INNER, WIDTH)
        normalization(f"{folder}.{'output_layer_norm' if distilled else 'output.LayerNorm'}")
    return {name: tensor.astype(np.float32) for name, tensor in tensors.items()}


def write_encoder(
    folder: Path,
    configuration: dict[str, Any] = BERT,
    *,
    prefix: str = "",
    pooling: str | None = None,
    unit_length: bool = False,
    longest: int | None = None,
) -> Path:
    """Write a folder with a random encoder, and with the files of sentence-transformers where they say something."""
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(configuration))
    (folder / "vocab.txt").write_text("\n".join(WORDS) + "\n")
    save_file(
        {prefix + name: tensor for name, tensor in tensors_of(configuration).items()}, folder / "model.safetensors"
    )
    if longest is not None:
        (folder / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": longest}))
    if pooling is not None:
        kinds = {"": "Transformer", "1_Pooling": "Pooling"} | ({"2_Normalize": "Normalize"} if unit_length else {})
        modules = [{"type": f"sentence_transformers.models.{kind}", "path": path} for path, kind in kinds.items()]
        (folder / "modules.json").write_text(json.dumps(modules))
        (folder / "1_Pooling").mkdir()
        modes = ("cls_token", "mean_tokens", "max_tokens", "mean_sqrt_len_tokens")
        (folder / "1_Pooling" / "config.json").write_text(
            json.dumps({f"pooling_mode_{mode}": mode == pooling for mode in modes})
        )
    return folder


BACKBONES: dict[str, dict[str, Any]] = {
    "resnet": {"model_type": "resnet", "embedding_size": 4, "hidden_sizes": [8, 12], "depths": [1, 2]},
    "a resnet of two convolutions": {
        "model_type": "resnet",
        "embedding_size": 4,
        "hidden_sizes": [4, 6],
        "depths": [2, 1],
        "layer_type": "basic",
    },
    "convnext": {"model_type": "convnext", "num_stages": 2, "hidden_sizes": [4, 6], "depths": [1, 2], "patch_size": 4},
    "vit": {
        "model_type": "vit",
        "hidden_size": 8,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 12,
        "image_size": 16,
        "patch_size": 8,
    },
}
PICTURES = {"size": {"height": 16, "width": 16}, "image_mean": [0.5, 0.4, 0.3], "image_std": [0.2, 0.25, 0.3]}


def write_backbone(folder: Path, kind: str = "resnet", *, prefix: str = "") -> Path:
    """Write a folder with a random network that reads pictures, as transformers saves it."""
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(BACKBONES[kind]))
    (folder / "preprocessor_config.json").write_text(json.dumps(PICTURES))
    (folder / "model.safetensors").touch()  # what there is to say about a model needs no weights
    draw, tensors = np.random.default_rng(0), {}
    model = open_picture_model(folder)
    for name, tensor in backbone_for(model).state_dict().items():
        least = 0.5 if name.endswith(("running_var", "normalization.weight")) else -0.5
        values = draw.uniform(least, 1.5 if least > 0 else 0.5, size=tuple(tensor.shape))
        tensors[prefix + name_in_files(name, model)] = values.astype(np.float32)
    save_file(tensors, folder / "model.safetensors")
    return folder


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a random encoder; see `write_encoder`."""

    def write(*arguments: Any, **settings: Any) -> Path:
        return write_encoder(tmp_path / "model", *arguments, **settings)

    return write
