"""A run whose pictures are read by a pretrained network does all that other runs do, and needs its folder no more."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from PIL import Image
from safetensors.numpy import load_file
from tests.pretrained.conftest import write_backbone

import fitwell as fw
from fitwell import cli
from fitwell.errors import DataError, RecipeError, RequestError
from fitwell.recipe import parse

ROWS = 60
WEIGHT = "arrays.image_0.encoder.blocks.{}.layer.0.convolution.weight"


def table(folder: Path, *, rows: int = ROWS) -> Path:
    """Write pictures, bluer and redder ones, and a table that names them beside a number; every tenth is missing."""
    draw = np.random.default_rng(0)
    cells = []
    for row in range(rows):
        colors = draw.integers(0, 120, (20, 12, 3)) + np.array([120, 0, 0] if row % 2 else [0, 0, 120])
        Image.fromarray(colors.astype(np.uint8)).save(folder / f"{row}.png")
        cells.append({"picture": None if row % 10 == 9 else f"{row}.png", "x": row % 7, "color": "br"[row % 2]})
    pl.DataFrame(cells).write_csv(folder / "t.csv")
    return folder / "t.csv"


def trained(folder: Path, data: Path, **settings: Any) -> fw.Run:
    asked = {"data.image_encoder": str(folder), "training.epochs": 2, "training.threads": 1} | settings
    return fw.train(str(data), target="color", out=data.parent / "run", settings=asked)


def test_a_tuned_network_is_kept_with_the_run_and_learns_most_near_its_end(tmp_path: Path) -> None:
    folder, data = write_backbone(tmp_path / "model"), table(tmp_path)
    settings = {"network.image.tuned": True, "training.encoder_layer_rate": 0.1}
    run = trained(folder, data, **settings)
    assert run.recipe.network.image.family == "pretrained"
    assert run.recipe.training.execution == "eager"
    assert (run.recipe.data.image_size, run.recipe.training.image_flip) == (16, False)
    before = load_file(folder / "model.safetensors")
    after = load_file(run.path / "model.safetensors")
    moved = [
        np.abs(after[WEIGHT.format(block)][0] - before[f"encoder.stages.{place}.layer.0.convolution.weight"]).mean()
        for block, place in enumerate(("0.layers.0", "1.layers.0", "1.layers.1"))
    ]
    assert 0 < 5 * moved[0] < moved[1] < moved[2] / 5  # rates of 0.01, 0.1 and 1 times that of the last
    expected = run.predict(str(data))
    shutil.rmtree(folder)
    assert fw.load(run.path).predict(str(data)).equals(expected)
    assert cli.run(["explain-prediction", str(run.path), str(data), "--rows", "1"]) == 0


def test_a_kept_network_stays_as_it_is(tmp_path: Path) -> None:
    folder = write_backbone(tmp_path / "model", "vit")
    run = trained(folder, table(tmp_path))
    assert run.recipe.network.image.tuned is False  # so few rows
    weights = load_file(run.path / "model.safetensors")["buffers.arrays.image_0.encoder.blocks.1.outer.weight"]
    assert np.array_equal(weights[0], load_file(folder / "model.safetensors")["encoder.layer.1.output.dense.weight"])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"network": {"image": {"family": "pretrained"}}}, "pretrained, which needs an encoder; name its folder in"),
        (
            {"data": {"image_encoder": "f"}, "network": {"image": {"family": "convolutional"}}},
            "data.image_encoder reads the pictures, but network.image.family is convolutional",
        ),
        ({"data": {"image_encoder": "f"}, "training": {"compile": "always"}}, "too large to gain by being mapped or"),
        ({"data": {"image_encoder": "f"}, "training": {"optimizer": "muon"}}, "but data.image_encoder brings trained"),
        ({"training": {"encoder_rate": 0.5}, "data": {"text": "terms"}}, "no effect while data.text is terms"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        parse(settings)


def test_a_network_is_refused_where_there_are_no_pictures_or_they_are_too_small(tmp_path: Path) -> None:
    folder, data = write_backbone(tmp_path / "model", "vit"), table(tmp_path)
    with pytest.raises(DataError, match=r"must see pictures of 16 x 16, but data\.image_size is 8; leave it out"):
        trained(folder, data, **{"data.image_size": 8})
    pl.read_csv(data).drop("picture").write_csv(data)
    with pytest.raises(RequestError, match=r"data\.image_encoder reads columns of image, but none of the 1 is one"):
        trained(folder, data)
