"""Sentence vectors against a loop in float64 over one text at a time, and what is said about folders that are none."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file
from tests.pretrained.conftest import BERT, FAMILIES, HEADS, LAYERS, Write

from fitwell import cli
from fitwell.errors import DataError, RequestError
from fitwell.pretrained import open_encoder
from fitwell.pretrained.encoder import PIECES_AT_ONCE
from fitwell.pretrained.packed import packed, packed_lists

TEXTS = ["the film is good", "bad films, very bad", "", "unheard", "a good film", "The FILM is not good", "good"]
NUMBERS = [  # WordPiece by hand: [CLS] the film is good [SEP], and so on; what is not known is [UNK]
    [2, 9, 7, 12, 5, 3],
    [2, 6, 7, 10, 14, 13, 6, 3],
    [2, 3],
    [2, 1, 3],
    [2, 8, 5, 7, 3],
    [2, 9, 7, 12, 11, 5, 3],
    [2, 5, 3],
]


def slow_states(
    numbers: list[int], configuration: dict[str, Any], tensors: dict[str, np.ndarray], *, layers: int = LAYERS
) -> np.ndarray:
    """One text through an encoder as the papers have it, head by head, in float64 and by the names of its files."""
    own = {name: tensor.astype(np.float64) for name, tensor in tensors.items()}
    distilled = configuration["model_type"] == "distilbert"

    def linear(name: str, inputs: np.ndarray) -> np.ndarray:
        return np.asarray(inputs @ own[f"{name}.weight"].T + own[f"{name}.bias"])

    def normalized(name: str, inputs: np.ndarray) -> np.ndarray:
        centered = inputs - inputs.mean(1, keepdims=True)
        spread = np.sqrt((centered**2).mean(1, keepdims=True) + 1e-12)
        return np.asarray(centered / spread * own[f"{name}.weight"] + own[f"{name}.bias"])

    first = configuration["pad_token_id"] + 1 if configuration["model_type"] == "roberta" else 0
    states = own["embeddings.word_embeddings.weight"][numbers]
    states = states + own["embeddings.position_embeddings.weight"][first : first + len(numbers)]
    if "embeddings.token_type_embeddings.weight" in own:
        states = states + own["embeddings.token_type_embeddings.weight"][0]
    states = normalized("embeddings.LayerNorm", states)
    if "embeddings_project.weight" in own:
        states = linear("embeddings_project", states)
    for layer in range(layers):
        folder = f"transformer.layer.{layer}" if distilled else f"encoder.layer.{layer}"
        names = ("attention.q_lin", "attention.k_lin", "attention.v_lin", "attention.out_lin")
        if not distilled:
            names = ("attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense")
        query, key, value = (linear(f"{folder}.{name}", states) for name in names[:3])
        width = query.shape[1] // HEADS
        heads = []
        for head in range(HEADS):
            part = slice(head * width, (head + 1) * width)
            scores = np.exp(query[:, part] @ key[:, part].T / math.sqrt(width))
            heads.append(scores / scores.sum(1, keepdims=True) @ value[:, part])
        mixed = linear(f"{folder}.{names[3]}", np.concatenate(heads, 1))
        states = normalized(
            f"{folder}.{'sa_layer_norm' if distilled else 'attention.output.LayerNorm'}", states + mixed
        )
        inner = linear(f"{folder}.{'ffn.lin1' if distilled else 'intermediate.dense'}", states)
        bent = inner * 0.5 * (1 + np.vectorize(math.erf)(inner / math.sqrt(2)))
        outer = linear(f"{folder}.{'ffn.lin2' if distilled else 'output.dense'}", bent)
        states = normalized(f"{folder}.{'output_layer_norm' if distilled else 'output.LayerNorm'}", states + outer)
    return states


@pytest.mark.parametrize("family", FAMILIES)
def test_vectors_are_those_of_a_slow_loop_over_single_texts(family: str, write: Write) -> None:
    folder = write(FAMILIES[family], prefix="" if family == "distilbert" else f"{family}.")
    tensors = {
        name.removeprefix(f"{family}."): tensor for name, tensor in load_file(folder / "model.safetensors").items()
    }
    expected = [slow_states(numbers, FAMILIES[family], tensors).mean(0) for numbers in NUMBERS]
    # Sums of some hundred products in float32.
    np.testing.assert_allclose(open_encoder(folder).encode(TEXTS), expected, atol=2e-5)


POOLED = {
    "cls_token": lambda states: states[0],
    "mean_tokens": lambda states: states.mean(0),
    "max_tokens": lambda states: states.max(0),
    "mean_sqrt_len_tokens": lambda states: states.sum(0) / math.sqrt(len(states)),
}


@pytest.mark.parametrize("pooling", POOLED)
@pytest.mark.parametrize("unit_length", [False, True])
def test_texts_are_pooled_and_scaled_as_the_folder_says(pooling: str, unit_length: bool, write: Write) -> None:
    folder = write(pooling=pooling, unit_length=unit_length)
    tensors = load_file(folder / "model.safetensors")
    expected = np.array([POOLED[pooling](slow_states(numbers, BERT, tensors)) for numbers in NUMBERS])
    if unit_length:
        expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(open_encoder(folder).encode(TEXTS), expected, atol=2e-5)


@pytest.mark.parametrize(("layer", "layers"), [(-1, 2), (2, 2), (1, 1), (-2, 1), (0, 0), (-3, 0)])
def test_a_word_has_the_mean_of_its_pieces_after_any_layer(layer: int, layers: int, write: Write) -> None:
    folder = write()
    tensors = load_file(folder / "model.safetensors")
    found = open_encoder(folder).word_vectors(["Bad films,very bad", "", "Good"], layer=layer)
    states = slow_states(NUMBERS[1], BERT, tensors, layers=layers)
    of_film = states[2:4].mean(0)  # film ##s
    assert [text.words for text in found] == [["Bad", "films", ",", "very", "bad"], [], ["Good"]]
    np.testing.assert_allclose(found[0].vectors, [states[1], of_film, *states[4:7]], atol=2e-5)
    assert found[1].vectors.shape == (0, BERT["hidden_size"])
    np.testing.assert_allclose(found[2].vectors, slow_states(NUMBERS[6], BERT, tensors, layers=layers)[1:2], atol=2e-5)


def test_words_that_do_not_fit_are_left_out_whole(write: Write) -> None:
    encoder = open_encoder(write(longest=6))
    # [CLS] a good film | ##s is: the word films would be cut in two.
    (words, vectors), *_ = encoder.word_vectors(["a good bad films is very good"])
    assert words == ["a", "good", "bad"]
    np.testing.assert_allclose(vectors, encoder.word_vectors(["a good bad"])[0].vectors, atol=1e-6)
    with pytest.raises(RequestError, match=r"layer must be from -3 to 2 for this model, but is 3"):
        encoder.word_vectors(["good"], layer=3)


def test_longer_texts_are_cut_before_their_last_mark_and_counted(write: Write) -> None:
    folder = write(longest=6)
    encoder = open_encoder(folder)
    cut = [numbers if len(numbers) <= 6 else [*numbers[:5], 3] for numbers in NUMBERS]
    tensors = load_file(folder / "model.safetensors")
    expected = [slow_states(numbers, BERT, tensors).mean(0) for numbers in cut]
    np.testing.assert_allclose(encoder.encode(TEXTS), expected, atol=2e-5)
    assert encoder.encoded(TEXTS).shortened == 2


def test_a_text_has_its_vector_among_many_and_alone(write: Write) -> None:
    encoder = open_encoder(write())
    texts = [" ".join(["film"] * (number % 12)) for number in range(2 * PIECES_AT_ONCE // 6)]
    together = encoder.encode(texts)
    for number in (0, 1, len(texts) // 2, len(texts) - 1):
        np.testing.assert_allclose(together[number], encoder.encode([texts[number]])[0], atol=1e-5)
    assert encoder.encode([]).shape == (0, encoder.width)


def test_opening_draws_no_vectors_that_are_replaced(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    def drawn(table: torch.nn.Embedding) -> None:
        raise AssertionError(f"{table} is drawn, which on meta imports torch._dynamo")

    monkeypatch.setattr(torch.nn.Embedding, "reset_parameters", drawn)
    assert open_encoder(write()).encode(["a film"]).shape[0] == 1


def test_packed_texts_keep_their_pieces_and_places() -> None:
    matrix = torch.zeros(len(NUMBERS), 9, dtype=torch.int32)
    for row, numbers in enumerate(NUMBERS):
        matrix[row, : len(numbers)] = torch.tensor(numbers) + 1
    of_matrix, of_lists = packed(matrix), packed_lists(NUMBERS)
    assert of_matrix.runs == of_lists.runs
    for name in ("numbers", "places", "order"):
        assert getattr(of_matrix, name).tolist() == getattr(of_lists, name).tolist()


def write_json(file: Path, **changes: Any) -> None:
    values = json.loads(file.read_text())
    file.write_text(json.dumps({name: value for name, value in (values | changes).items() if value is not None}))


def test_what_is_no_folder_is_said_to_be_none(tmp_path: Path) -> None:
    with pytest.raises(
        RequestError, match=r"a folder with config\.json and model\.safetensors, but .*gone is not there"
    ):
        open_encoder(tmp_path / "gone")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model_type": "gpt2"}, r'known \(bert, .*, but its model_type is "gpt2"'),
        ({"model_type": ["bert"]}, r'its model_type is \["bert"\]'),
        ({"position_embedding_type": "relative_key"}, "absolute positions, but has position_embedding_type relative"),
        ({"hidden_size": None}, "must say hidden_size, but does not"),
        ({"num_hidden_layers": -1}, "a whole number from 1 to 16,777,216 for num_hidden_layers, but says -1"),
        ({"vocab_size": 10**12}, "for vocab_size, but says 1000000000000"),
        ({"num_attention_heads": 3}, "a divisor of the width 8 for num_attention_heads, but says 3"),
        ({"hidden_act": "tanh"}, 'one of gelu, .* for hidden_act, but says "tanh"'),
        ({"layer_norm_eps": "small"}, 'a number from 0 to below 1 for layer_norm_eps, but says "small"'),
        ({"intermediate_size": 16}, r"must have the shape \(16, 8\) that config\.json says, but has \(12, 8\)"),
        ({"num_hidden_layers": 3}, r"must have encoder\.layer\.2\..*, as config\.json says, but have 37 tensors"),
    ],
)
def test_a_configuration_that_cannot_be_is_refused(changes: dict[str, Any], message: str, write: Write) -> None:
    folder = write()
    write_json(folder / "config.json", **changes)
    with pytest.raises(DataError, match=message):
        open_encoder(folder)


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("config.json", None, r"must have config\.json, but does not"),
        ("config.json", b"{", r"config\.json must hold JSON, but cannot be read"),
        ("config.json", b"[]", "must hold a dict, but holds a list"),
        ("model.safetensors", None, r"must have model\.safetensors, but does not"),
        ("model.safetensors", b"not tensors at all", r"model\.safetensors must hold tensors, but is damaged"),
        ("vocab.txt", None, r"must have tokenizer\.json or BERT's vocab\.txt, but has neither"),
        ("vocab.txt", b"a\nb\n", r"must have \[UNK\], but its 2 lines do not"),
        ("tokenizer.json", b"{}", "one that the package tokenizers reads, but is damaged"),
        ("modules.json", b'[{"type": "models.Dense", "path": "2"}]', "a Normalize at most, but names Dense"),
        ("modules.json", b'[{"type": "models.Pooling", "path": "../x"}]', "must list modules with a type and a path"),
    ],
)
def test_a_folder_that_lacks_something_is_refused(file: str, content: bytes | None, message: str, write: Write) -> None:
    folder = write()
    if content is None:
        (folder / file).unlink()
    else:
        (folder / file).write_bytes(content)
    with pytest.raises(DataError, match=message):
        open_encoder(folder)


def test_pickled_weights_are_refused_unread(write: Write) -> None:
    folder = write()
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(DataError, match=r"are pickled \(pytorch_model\.bin\), and reading those runs any program"):
        open_encoder(folder)


def test_weights_in_several_files_are_those_in_one(write: Write) -> None:
    folder = write()
    expected = open_encoder(folder).encode(TEXTS)
    tensors = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    names = sorted(tensors)
    where = {name: f"part-{place % 2}.safetensors" for place, name in enumerate(names)}
    for part in sorted(set(where.values())):
        save_file({name: tensors[name] for name in names if where[name] == part}, folder / part)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": where}))
    np.testing.assert_array_equal(open_encoder(folder).encode(TEXTS), expected)
    (folder / "part-1.safetensors").unlink()
    with pytest.raises(DataError, match=r'names the file "part-1\.safetensors", which is not in'):
        open_encoder(folder)


def test_half_precision_is_read_as_float32(write: Write) -> None:
    folder = write()
    exact = open_encoder(folder).encode(TEXTS)
    halved = {name: tensor.astype(np.float16) for name, tensor in load_file(folder / "model.safetensors").items()}
    save_file(halved, folder / "model.safetensors")
    assert np.abs(open_encoder(folder).encode(TEXTS) - exact).max() < 0.02  # eleven bits of each weight
    save_file({name: tensor.astype(np.int32) for name, tensor in halved.items()}, folder / "model.safetensors")
    with pytest.raises(DataError, match=r"must hold floating-point numbers, but holds torch\.int32"):
        open_encoder(folder)


def test_the_command_writes_a_row_for_each_line(
    write: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, corpus, output = write(longest=6), tmp_path / "corpus.txt", tmp_path / "vectors.npy"
    lines = [text for text in TEXTS if text]
    corpus.write_text("\n".join(lines) + "\n")
    assert cli.run(["words", "sentences", str(folder), str(corpus), "--output", str(output)]) == 0
    np.testing.assert_allclose(np.load(output), open_encoder(folder).encode(lines), atol=1e-6)
    assert "6 texts, 8 numbers each:" in (told := " ".join(capsys.readouterr().err.split()))
    assert told.endswith("; 2 were cut after 6 pieces")
    assert cli.run(["words", "sentences", str(folder), str(corpus), "--output", "x.npz"]) == 2
    assert 'the matrix is written as .npy, but "x.npz" ends otherwise; name it x.npy' in capsys.readouterr().err
    asked = ["words", "sentences", str(folder), str(corpus), "--output", str(output), "--precision", "float16"]
    assert cli.run(asked) == 2
    assert "precision must be float32 or bfloat16, but is float16" in capsys.readouterr().err
