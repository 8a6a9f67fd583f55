"""Questions whose answers a tiny encoder can learn to find: the color of a text."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

import fitwell as fw

MARKS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
ASKED = ("north", "south", "east", "west")
ANSWERS = ("red", "blue", "green", "gray", "white", "black")
OTHERS = ("the", "a", "tree", "house", "of", "river", "and", "stone", "sky", "hill", ".", "?", "where", "lies", "##s")
WORDS = (*MARKS, *ASKED, *ANSWERS, *OTHERS)
WIDTH, HEADS, INNER, LAYERS, POSITIONS = 32, 2, 64, 2, 128
CONFIGURATION: dict[str, Any] = {
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
    "hidden_dropout_prob": 0.0,
    "attention_probs_dropout_prob": 0.0,
    "pad_token_id": 0,
}
SETTINGS: dict[str, Any] = {
    "training.epochs": 6,
    "training.batch_size": 16,
    "training.learning_rate": 0.01,
    "training.encoder_rate": 1.0,
    "training.encoder_layer_rate": 1.0,
    "network.dropout": 0.0,
    "training.threads": 1,
    "training.checkpoint_seconds": 0,
}


def tensors(*, seed: int = 0) -> dict[str, np.ndarray]:
    """Random weights of a small BERT under the names of its own files."""
    draw = np.random.default_rng(seed)
    found = {
        "embeddings.word_embeddings.weight": draw.normal(size=(len(WORDS), WIDTH)),
        "embeddings.position_embeddings.weight": 0.1 * draw.normal(size=(POSITIONS, WIDTH)),
        "embeddings.token_type_embeddings.weight": draw.normal(size=(2, WIDTH)),
    }
    shapes = {
        "attention.self.query": (WIDTH, WIDTH),
        "attention.self.key": (WIDTH, WIDTH),
        "attention.self.value": (WIDTH, WIDTH),
        "attention.output.dense": (WIDTH, WIDTH),
        "intermediate.dense": (INNER, WIDTH),
        "output.dense": (WIDTH, INNER),
    }
    norms = ["embeddings.LayerNorm"]
    for layer in range(LAYERS):
        place = f"encoder.layer.{layer}"
        for name, shape in shapes.items():
            found[f"{place}.{name}.weight"] = draw.normal(size=shape) / shape[1] ** 0.5
            found[f"{place}.{name}.bias"] = np.zeros(shape[0])
        norms += [f"{place}.attention.output.LayerNorm", f"{place}.output.LayerNorm"]
    for norm in norms:
        found |= {f"{norm}.weight": np.ones(WIDTH), f"{norm}.bias": np.zeros(WIDTH)}
    return {name: tensor.astype(np.float32) for name, tensor in found.items()}


def write_encoder(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(CONFIGURATION))
    (folder / "vocab.txt").write_text("\n".join(WORDS) + "\n")
    save_file(tensors(), folder / "model.safetensors")
    return folder


def squad(articles: int = 24, *, seed: int = 0, unanswerable: bool = False) -> dict[str, Any]:
    """Texts with one color each, which is the answer; some have none, where questions may have no answer."""
    draw = random.Random(seed)
    data = []
    for article in range(articles):
        paragraphs = []
        for _ in range(8):
            words = draw.choices(("the", "tree", "house", "river", "stone", "sky"), k=draw.randint(3, 9))
            color = draw.choice(ANSWERS) if not unanswerable or draw.random() < 0.6 else None
            before = " ".join([*words, draw.choice(ASKED)])
            context = " ".join([before, *([color] if color else []), f"hill {draw.randint(0, 10**9)}", "."])
            asked: dict[str, Any] = {"question": f"where lies {draw.choice(ASKED)} ?", "id": str(draw.getrandbits(64))}
            if color is None:
                asked |= {"answers": [], "is_impossible": True}
            else:
                asked |= {"answers": [{"text": color, "answer_start": len(before) + 1}]}
            paragraphs.append({"context": context, "qas": [asked]})
        data.append({"title": f"Article {article}", "paragraphs": paragraphs})
    return {"version": "1.1", "data": data}


@pytest.fixture(scope="session")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_encoder(tmp_path_factory.mktemp("answering") / "encoder")


@pytest.fixture(scope="session")
def questions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("answering") / "colors.json"
    path.write_text(json.dumps(squad()))
    return path


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory, encoder: Path, questions: Path) -> fw.Run:
    """A reader that has learned to find colors."""
    out = tmp_path_factory.mktemp("answering") / "run"
    return fw.train(questions, task="answer", out=out, settings=SETTINGS | {"data.text_encoder": str(encoder)})
