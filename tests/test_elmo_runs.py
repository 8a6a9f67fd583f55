"""A run whose texts are read by an ELMo model learns how to mix its layers, and needs its folder no more."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from safetensors.torch import load_file
from tests.test_pretrained_runs import SETTINGS, texts

import fitwell as fw
from fitwell import cli
from fitwell.data.encode import ArrayBlock
from fitwell.errors import DataError, RequestError
from fitwell.networks.arrays import ARRAY_NETWORKS, family_of
from fitwell.networks.elmo_text import ElmoText, words_of
from fitwell.networks.layer import ArrayStart
from fitwell.recipe import NetworkSettings, TrainingSettings
from fitwell.words.bilm.characters import character_rows, spelled
from fitwell.words.bilm.model import configuration_of


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("elmo") / "model"
    read = [text for text in texts()["text"] if text is not None]
    fw.words.elmo(read, dimension=6, epochs=2, lanes=4).save(place)
    return place


def trained(folder: Path, out: Path, data: pl.DataFrame | str, **settings: Any) -> fw.Run:
    asked = SETTINGS | {"data.text_encoder": str(folder), "data.columns.text.kind": "text"} | settings
    return fw.train(data, target="label", out=out, settings=asked)


def test_a_kept_model_is_mixed_by_learned_weights_and_its_folder_not_needed(folder: Path, tmp_path: Path) -> None:
    mine, frame = tmp_path / "model", texts()
    shutil.copytree(folder, mine)
    frame.write_csv(tmp_path / "texts.csv")
    run = trained(mine, tmp_path / "run", frame, **{"network.text.tuned": False})
    expected = run.predict(frame)
    kept = load_file(mine / "model.safetensors")["directions.0.memories.0.input_weight"]
    shutil.rmtree(mine)
    assert fw.load(run.path).predict(frame).equals(expected)
    saved = load_file(run.path / "model.safetensors")
    assert torch.equal(saved["buffers.arrays.text_0.model.directions.0.memories.0.input_weight"][0], kept)
    [told] = [event for event in run.events if event["event"] == "mixing"]
    shares = torch.softmax(saved["arrays.text_0.mixed.shares"][0], 0)
    assert told["shares"] == pytest.approx(shares.tolist())
    assert sum(told["shares"]) == pytest.approx(1)
    assert told["scale"] == pytest.approx(float(saved["arrays.text_0.mixed.scale"][0]))
    assert float(saved["arrays.text_0.mixed.shares"].abs().max()) > 1e-3  # it has learned something
    for command in (
        ["evaluate", str(run.path), str(tmp_path / "texts.csv")],
        ["explain-prediction", str(run.path), str(tmp_path / "texts.csv"), "--rows", "1"],
        ["report", str(run.path)],
    ):
        assert cli.run(command) == 0, command


def test_a_tuned_model_learns_along(folder: Path, tmp_path: Path) -> None:
    run = trained(folder, tmp_path / "run", texts(), **{"training.epochs": 1})
    before = load_file(folder / "model.safetensors")["directions.0.memories.0.input_weight"]
    after = load_file(run.path / "model.safetensors")["arrays.text_0.model.directions.0.memories.0.input_weight"]
    assert 0 < float((after[0] - before).abs().max()) < 0.1
    run.predict(texts())


def test_a_network_averages_the_layers_that_the_model_gives(folder: Path) -> None:
    """A text is the mean of its words' normalized layers, as `read` has them, scaled by those of both texts."""
    model = fw.words.load_elmo(folder)
    sentences = [["good", "film"], [], ["a", "very", "bad", "film"]]
    symbols = torch.tensor([[*spelled(words), *[0] * 40][:40] for words in sentences], dtype=torch.int32)
    array = ArrayBlock(column="x", kind="text", shape=(40,), configuration=configuration_of(model), folder=str(folder))
    settings = NetworkSettings.model_validate({"dropout": 0.5, "text": {"family": "pretrained", "tuned": False}})
    assert family_of(array, settings) == "elmo"
    network = ARRAY_NETWORKS["text"]["elmo"](
        ArrayStart(
            array=array,
            settings=settings,
            training=TrainingSettings(),
            noise_layer=0,
            sample=symbols,
            generator=torch.Generator(),
        )
    ).eval()
    assert isinstance(network, ElmoText)
    found = network(symbols, None).detach()
    averages = []
    for layers in (model.read(sentences)[row] for row in (0, 2)):
        centered = layers - layers.mean(2, keepdims=True)
        averages.append((centered / np.sqrt((centered**2).mean(2, keepdims=True) + 1e-5)).mean(1))
    # Two numbers lie one deviation from their mean; where they hardly differ, less.
    spread = np.abs(averages[0] - averages[1]).reshape(-1) / 2
    units = np.maximum(spread, 0.05 * spread.mean()).reshape(averages[0].shape)
    expected = ((averages[0] - averages[1]) / 2 / units).mean(0)
    np.testing.assert_allclose(found[0], expected, atol=1e-4)
    np.testing.assert_allclose(found[2], -expected, atol=1e-4)
    assert not found[1].any()  # without words
    read = network.read(symbols)
    assert read is not None
    torch.testing.assert_close(network(read, None).detach(), found)


def test_symbols_are_cut_into_the_words_that_they_spell() -> None:
    sentences = [["the", "dög"], [], ["a", "the", "dog"]]
    rows = [spelled(words) for words in sentences]
    matrix = np.zeros((3, max(map(len, rows))), np.int32)
    for row, symbols in enumerate(rows):
        matrix[row, : len(symbols)] = symbols
    found, places, lengths = words_of(torch.from_numpy(matrix))
    assert lengths.tolist() == [4, 2, 5]
    expected = torch.from_numpy(character_rows(["the", "dög", "a", "the", "dog"]).astype(np.int64))
    assert torch.equal(found, expected)
    assert places.tolist() == [[0, 1, 2, 0, 0], [0, 0, 0, 0, 0], [0, 3, 4, 5, 0]]


def test_a_folder_that_is_no_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text(json.dumps({"model_type": "fitwell_elmo"}))
    with pytest.raises(DataError, match="must hold an ELMo model, but is damaged"):
        trained(tmp_path / "model", tmp_path / "run", texts())
    with pytest.raises(RequestError, match="is not there"):
        trained(tmp_path / "none", tmp_path / "run", texts())
