"""A run whose pictures are read by a pretrained network does all that other runs do, and needs its folder no more."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from PIL import Image
from safetensors.numpy import load_file
from tests.pretrained.conftest import write_backbone

import fitwell as fw
from fitwell import cli
from fitwell.errors import DataError, RecipeError, RequestError
from fitwell.events import Event
from fitwell.networks.noise import noise_words
from fitwell.recipe import parse
from fitwell.workflow import resume

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


def test_a_tuned_network_sees_pictures_as_training_changes_them(tmp_path: Path) -> None:
    folder, data = write_backbone(tmp_path / "model", "vit"), table(tmp_path)
    asked = {"training.image_flip": True, "network.dropout": 0.0, "training.image_precision": "float32"}
    run = trained(folder, data, **asked)
    assert run.recipe.network.image.tuned is True  # few rows, but a kept one would read each picture once
    (sheet,) = json.loads((run.path / "explanation.json").read_text())["sheets"]
    assert sheet["column"] == "picture"
    network = run.model.networks[0]
    assert isinstance(network.noise_layers, int)
    reader = network.get_submodule("arrays.image_0").train()
    pictures = torch.randint(256, (12, 16, 16, 3), generator=torch.Generator().manual_seed(1)).to(torch.uint8)
    with torch.no_grad():
        plain, mirrored = reader(pictures, None), reader(pictures.flip(2), None)
        changed = reader(pictures, noise_words([3], step=0, layers=network.noise_layers)[0])
    is_mirrored = [bool(row) for row in (changed - mirrored).norm(dim=1) < (changed - plain).norm(dim=1)]
    assert set(is_mirrored) == {False, True}
    for row, other in enumerate(is_mirrored):
        torch.testing.assert_close(changed[row], (mirrored if other else plain)[row], rtol=1e-4, atol=1e-5)


def test_changed_and_mixed_pictures_are_seen_again_by_a_training_that_was_cut_off(tmp_path: Path) -> None:
    folder, data = write_backbone(tmp_path / "model"), table(tmp_path)
    changes = {"shift": 0.1, "crop": 0.3, "rotation": 20.0, "color": 0.3, "erase": 0.2, "mixup": 0.4, "cutmix": 0.4}
    asked = {f"training.image_{name}": value for name, value in changes.items()} | {"training.checkpoint_seconds": 1e-9}
    whole = trained(folder, data, **asked)

    def cut(event: Event) -> None:
        if event.kind == "look" and event.values["epoch"] == 1:
            raise KeyboardInterrupt

    settings = {"data.image_encoder": str(folder), "training.epochs": 2, "training.threads": 1} | asked
    with pytest.raises(KeyboardInterrupt):
        fw.train(str(data), target="color", out=tmp_path / "cut", settings=settings, listener=cut)
    assert torch.equal(resume(tmp_path / "cut").model.population.weights, whole.model.population.weights)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"network": {"image": {"family": "pretrained"}}}, "pretrained, which needs an encoder; name its folder in"),
        (
            {"data": {"image_encoder": "f"}, "network": {"image": {"family": "convolutional"}}},
            "data.image_encoder reads the pictures, but network.image.family is convolutional",
        ),
        (
            {
                "data": {"image_encoder": "f"},
                "network": {"image": {"tuned": False}},
                "training": {"image_flip": True},
            },
            "training.image_flip changes pictures each time .* but network.image.tuned is false, with which each is",
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
