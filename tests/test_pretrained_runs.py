"""A run whose texts are read by a pretrained encoder does all that other runs do, and needs its folder no more."""

from __future__ import annotations

import random
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from safetensors.numpy import load_file
from tests.pretrained.conftest import WORDS, write_encoder

import fitwell as fw
from fitwell import cli
from fitwell.errors import DataError, RecipeError, RequestError
from fitwell.events import Listener, unheard
from fitwell.pretrained.tokenizer import opened
from fitwell.recipe import parse
from fitwell.workflow import resume

ROWS = 160
SETTINGS: dict[str, Any] = {
    "network.text.tuned": True,
    "training.epochs": 3,
    "training.threads": 1,
    "training.checkpoint_seconds": 0,
    "training.signals_every": 5,
}


def texts(rows: int = ROWS) -> pl.DataFrame:
    """Texts that are good where they say so more often than the opposite; every tenth is missing."""
    draw = random.Random(0)
    found = [" ".join(draw.choices(WORDS[5:], k=draw.randint(3, 10))) for _ in range(rows)]
    labels = ["yes" if text.split().count("good") > text.split().count("bad") else "no" for text in found]
    return pl.DataFrame(
        {
            "text": [None if row % 10 == 9 else text for row, text in enumerate(found)],
            "stars": [draw.randint(1, 5) for _ in found],
            "label": labels,
        }
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_encoder(tmp_path_factory.mktemp("pretrained") / "model")


def trained(
    folder: Path, out: Path, data: pl.DataFrame | str, *, listener: Listener = unheard, **settings: Any
) -> fw.Run:
    asked = SETTINGS | {"data.text_encoder": str(folder), "data.columns.text.kind": "text"} | settings
    return fw.train(data, target="label", out=out, settings=asked, listener=listener)


def test_a_run_predicts_and_explains_when_the_folder_is_gone(tmp_path: Path) -> None:
    folder, frame = write_encoder(tmp_path / "model"), texts()
    frame.write_csv(tmp_path / "texts.csv")
    run = trained(folder, tmp_path / "run", frame)
    assert run.recipe.network.text.family == "pretrained"
    assert run.recipe.data.text == "pieces"
    expected = run.predict(frame)
    weights = load_file(folder / "model.safetensors")["embeddings.word_embeddings.weight"]
    shutil.rmtree(folder)
    opened.cache_clear()
    again = fw.load(tmp_path / "run")
    assert again.predict(frame).equals(expected)
    tuned = load_file(tmp_path / "run" / "model.safetensors")["arrays.text_0.encoder.entries.weight"]
    assert 0 < np.abs(tuned[0] - weights).max() < 0.1  # moved, and not far
    for command in (
        ["evaluate", str(run.path), str(tmp_path / "texts.csv")],
        ["explain-prediction", str(run.path), str(tmp_path / "texts.csv"), "--rows", "1"],
        ["report", str(run.path)],
    ):
        assert cli.run(command) == 0, command


@pytest.mark.slow
@pytest.mark.parametrize("unfreezing", [0, 1])
def test_a_training_that_was_cut_off_is_resumed_to_the_same_bits(folder: Path, tmp_path: Path, unfreezing: int) -> None:
    frame = texts()
    frame.write_parquet(tmp_path / "texts.parquet")
    settings: dict[str, Any] = {"training.encoder_unfreezing": unfreezing, "training.checkpoint_seconds": 1e-9}
    whole = trained(folder, tmp_path / "whole", str(tmp_path / "texts.parquet"), **settings)
    looks = 0

    def cut(event: Any) -> None:
        nonlocal looks
        looks += event.kind == "look"
        if looks == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trained(folder, tmp_path / "cut", str(tmp_path / "texts.parquet"), listener=cut, **settings)
    resumed = resume(tmp_path / "cut")
    assert torch.equal(resumed.model.population.weights, whole.model.population.weights)


@pytest.mark.slow
@pytest.mark.parametrize("members", [1, 2])
def test_a_kept_encoder_stays_as_it_was_to_the_bit(folder: Path, tmp_path: Path, members: int) -> None:
    frame = texts()
    settings: dict[str, Any] = {"network.text.tuned": False}
    run = trained(folder, tmp_path / "run", frame, members=members, **settings)
    kept = load_file(run.path / "model.safetensors")["buffers.arrays.text_0.encoder.entries.weight"]
    assert len(kept) == members
    assert np.array_equal(kept[-1], load_file(folder / "model.safetensors")["embeddings.word_embeddings.weight"])
    history = run.history.filter(pl.col("loss").is_not_null())
    assert len(history)


def test_a_folder_that_is_not_there_is_refused_before_anything_is_trained(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=r"a pretrained encoder is a folder with .*, but .*gone is not there"):
        trained(tmp_path / "gone", tmp_path / "run", texts(40))
    assert not (tmp_path / "run").exists()


def test_an_encoder_without_texts_to_read_is_refused(folder: Path, tmp_path: Path) -> None:
    told = r'reads columns of text, but none of the 1 is one: "stars" \(number\); let data\.columns\.NAME\.kind'
    with pytest.raises(RequestError, match=told):
        fw.train(
            texts(40).drop("text"), target="label", out=tmp_path / "run", settings={"data.text_encoder": str(folder)}
        )


def test_weights_of_another_shape_are_refused_before_anything_is_trained(tmp_path: Path) -> None:
    folder = write_encoder(tmp_path / "model")
    content = (folder / "config.json").read_text()
    (folder / "config.json").write_text(content.replace('"intermediate_size": 12', '"intermediate_size": 16'))
    with pytest.raises(DataError, match=r"must have the shape \(16, 8\)"):
        trained(folder, tmp_path / "run", texts(40))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"network": {"text": {"family": "pretrained"}}}, "needs an encoder; name its folder in data.text_encoder"),
        ({"data": {"text": "pieces"}}, "data.text is pieces, which needs an encoder"),
        ({"data": {"text_encoder": "x"}, "network": {"text": {"family": "lstm"}}}, "network.text.family is lstm"),
        ({"data": {"text_encoder": "x"}, "network": {"text": {"vectors": "y"}}}, "both are set; keep one"),
        ({"data": {"text_encoder": "x"}, "training": {"execution": "mapped"}}, "can be neither mapped nor compiled"),
        ({"data": {"text_encoder": "x"}, "training": {"compile": "always"}}, "can be neither mapped nor compiled"),
        ({"data": {"text_encoder": "x"}, "training": {"optimizer": "muon"}}, "orthogonalizes matrices that start at"),
        ({"data": {"text_encoder": "x", "text": "words"}}, "it has no effect while data.text is words"),
    ],
)
def test_settings_that_contradict_an_encoder_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        parse(settings)
