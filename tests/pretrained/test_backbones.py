"""Networks that read pictures, of every family: as transformers computes them, and read from folders with suspicion."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file
from tests.pretrained.conftest import BACKBONES, write_backbone
from torch import Tensor, nn

from fitwell.data.encode import ArrayBlock
from fitwell.errors import DataError, RequestError
from fitwell.networks.arrays import ARRAY_NETWORKS, family_of
from fitwell.networks.layer import ArrayStart
from fitwell.networks.noise import noise_words
from fitwell.networks.pretrained_images import PretrainedImages
from fitwell.pretrained.backbones.folder import (
    FAMILIES,
    backbone_for,
    backbone_of,
    open_picture_model,
    picture_model_from_text,
)
from fitwell.pretrained.backbones.network import KeptStatistics
from fitwell.recipe import NetworkSettings, TrainingSettings

# In a process of its own: what it warns of, and what it changes in torch, are its own business.
THEIRS = """
import json, sys, warnings
warnings.simplefilter("ignore")
import numpy as np, torch
from transformers import AutoConfig, AutoModel, AutoModelForImageClassification

folder, values, pictures = sys.argv[1], json.loads(sys.argv[2]), torch.from_numpy(np.load(sys.argv[3]))
torch.manual_seed(0)
model = AutoModelForImageClassification.from_config(AutoConfig.for_model(**values)).eval()
for name, tensor in model.state_dict().items():
    if tensor.is_floating_point():
        torch.nn.init.uniform_(tensor, *((0.5, 1.5) if "running_var" in name else (-0.5, 0.5)))
model.save_pretrained(folder)
with torch.no_grad():
    found = AutoModel.from_pretrained(folder).eval()(pictures)
vectors = found.last_hidden_state[:, 0] if values["model_type"] == "vit" else found.pooler_output.flatten(1)
np.save(sys.argv[3], vectors.numpy())
"""


@pytest.mark.slow
@pytest.mark.parametrize("kind", BACKBONES)
def test_vectors_are_those_of_transformers(kind: str, tmp_path: Path) -> None:
    folder = write_backbone(tmp_path / "model", kind)
    pictures = np.random.default_rng(0).normal(size=(3, 3, 16, 16)).astype(np.float32)
    np.save(tmp_path / "x.npy", pictures)
    asked = [str(folder), json.dumps(BACKBONES[kind]), str(tmp_path / "x.npy")]
    subprocess.run([sys.executable, "-c", THEIRS, *asked], check=True, capture_output=True)
    model = open_picture_model(folder)
    found = backbone_of(folder, model)(torch.from_numpy(pictures))
    np.testing.assert_allclose(found.numpy(), np.load(tmp_path / "x.npy"), rtol=1e-4, atol=1e-5)


def test_every_family_is_tested() -> None:
    assert {values["model_type"] for values in BACKBONES.values()} == set(FAMILIES)


@pytest.mark.parametrize("kind", BACKBONES)
def test_weights_are_read_whatever_head_their_model_had(kind: str, tmp_path: Path) -> None:
    plain, headed = (write_backbone(tmp_path / f"model{prefix}", kind, prefix=prefix) for prefix in ("", "body."))
    model = open_picture_model(headed)
    assert model == open_picture_model(plain) == picture_model_from_text(model.as_text())
    of_plain, of_headed = backbone_of(plain, model).state_dict(), backbone_of(headed, model).state_dict()
    assert all(torch.equal(of_plain[name], tensor) for name, tensor in of_headed.items())
    assert len(of_plain) == len(load_file(plain / "model.safetensors"))  # each of the file's is used


def test_statistics_are_those_of_the_pictures_of_old() -> None:
    torch.manual_seed(0)
    ours, theirs = KeptStatistics(4).train(), nn.BatchNorm2d(4).eval()
    for tensor in ours.state_dict().values():
        tensor.data.uniform_(0.5, 2)
    theirs.load_state_dict(ours.state_dict(), strict=False)
    inputs = torch.randn(3, 4, 5, 5)
    torch.testing.assert_close(ours(inputs), theirs(inputs))


def test_multiplications_are_counted_place_by_place(tmp_path: Path) -> None:
    model = open_picture_model(write_backbone(tmp_path / "model", "vit"))
    patches, width, inner = 4, 8, 12
    layer = (patches + 1) * (4 * width**2 + 2 * width * inner)
    assert backbone_for(model).multiplications(16, 16) == patches * width * 3 * 8**2 + 2 * layer


def changed_json(name: str, **values: Any) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        file = folder / name
        file.write_text(json.dumps(json.loads(file.read_text()) | values))

    return change


def pickled(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


def narrowed(folder: Path) -> None:
    tensors = load_file(folder / "model.safetensors")
    name = "embedder.embedder.convolution.weight"
    save_file(tensors | {name: tensors[name][:, :, :5, :5].copy()}, folder / "model.safetensors")


def without_one(folder: Path) -> None:
    tensors = load_file(folder / "model.safetensors")
    tensors.pop("encoder.stages.1.layers.1.layer.2.convolution.weight")
    save_file(tensors, folder / "model.safetensors")


SPOILT: dict[str, tuple[Callable[[Path], Any], str]] = {
    "pickled weights": (pickled, r"must be in model\.safetensors, but are pickled \(pytorch_model\.bin\)"),
    "no preprocessing": (
        lambda folder: (folder / "preprocessor_config.json").unlink(),
        "must have preprocessor_config",
    ),
    "no configuration": (lambda folder: (folder / "config.json").unlink(), r"must have config\.json, but does not"),
    "another family": (changed_json("config.json", model_type="bert"), r"reads pictures .*, but its model_type is"),
    "a wrong count": (changed_json("config.json", embedding_size=0), r"must say a whole number .* for embedding_size"),
    "too many layers": (changed_json("config.json", depths=[1, 10**6]), r"must say whole numbers .* for depths"),
    "too few widths": (changed_json("config.json", hidden_sizes=[8]), "depths and hidden_sizes that go together"),
    "a wrong word": (changed_json("config.json", layer_type="deep"), "one of basic, bottleneck for layer_type"),
    "grey pictures": (changed_json("config.json", num_channels=1), "must say 3 for num_channels, but says 1"),
    "two sizes": (changed_json("preprocessor_config.json", size={"a": 1, "b": 2}), "must say one size of pictures"),
    "a wrong color": (changed_json("preprocessor_config.json", image_std=[0, 1, 1]), "for each color as image_std"),
    "a wrong shape": (narrowed, r"must have the shape \(4, 3, 7, 7\) that config\.json says, but has \(4, 3, 5, 5\)"),
    "a tensor too few": (without_one, r"must have encoder\.stages\.1\.layers\.1\.layer\.2\.convolution\.weight, as"),
}


@pytest.mark.parametrize("spoilt", SPOILT)
def test_a_folder_that_cannot_be_is_refused_in_words(spoilt: str, tmp_path: Path) -> None:
    folder = write_backbone(tmp_path / "model")
    spoil, message = SPOILT[spoilt]
    spoil(folder)
    with pytest.raises(DataError, match=message):
        backbone_of(folder, open_picture_model(folder))


def test_a_folder_that_is_not_there_is_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=r"is a folder with .* is not there; a name on a hub is not fetched"):
        open_picture_model(tmp_path / "microsoft")


def network_of(folder: Path, *, tuned: bool = True, sample: Tensor | None = None) -> PretrainedImages:
    configuration = open_picture_model(folder).as_text()
    array = ArrayBlock(column="x", kind="image", shape=(16, 16, 3), configuration=configuration, folder=str(folder))
    settings = NetworkSettings.model_validate({"dropout": 0.5, "image": {"family": "pretrained", "tuned": tuned}})
    assert family_of(array, settings) == "pretrained"
    changes = ("shift", "flip", "crop", "rotation", "color", "erase", "mixup", "cutmix")
    as_they_are = {f"image_{name}": 0 for name in changes}
    training = TrainingSettings.model_validate({"image_precision": "float32"} | as_they_are)
    network = ARRAY_NETWORKS["image"]["pretrained"](
        ArrayStart(
            array=array, settings=settings, training=training, noise_layer=0, sample=sample, generator=torch.Generator()
        )
    )
    assert isinstance(network, PretrainedImages)
    return network


def pictures(rows: int = 6) -> Tensor:
    return torch.randint(0, 256, (rows, 16, 16, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("kind", BACKBONES)
def test_pictures_are_scaled_as_in_pretraining_and_vectors_by_their_spread(kind: str, tmp_path: Path) -> None:
    folder = write_backbone(tmp_path / "model", kind)
    network = network_of(folder, sample=pictures()).eval()
    scaled = (pictures().numpy() / 255 - [0.5, 0.4, 0.3]) / [0.2, 0.25, 0.3]
    inputs = torch.from_numpy(scaled).float().permute(0, 3, 1, 2)
    vectors = backbone_of(folder, open_picture_model(folder))(inputs).double()
    spread = vectors.std(0, correction=0)
    expected = (vectors - vectors.mean(0)) / spread.clamp_min(0.05 * float(spread.mean()))
    torch.testing.assert_close(network(pictures(), None).double(), expected, rtol=1e-3, atol=1e-3)


def test_a_kept_network_reads_each_picture_once(tmp_path: Path) -> None:
    folder = write_backbone(tmp_path / "model")
    network = network_of(folder, tuned=False, sample=pictures())
    assert not list(network.parameters())
    read = network.read(pictures())
    assert read is not None
    assert torch.equal(network.eval()(read, None), network(pictures(), None))
    noise = noise_words([1], step=0, layers=1)[0]
    assert torch.equal(network.train()(read, noise), read * network.dropout(torch.ones_like(read), noise))
    assert network_of(folder, sample=pictures()).read(pictures()) is None


@pytest.mark.parametrize("kind", BACKBONES)
def test_a_tuned_network_has_gradients_and_depths(kind: str, tmp_path: Path) -> None:
    network = network_of(write_backbone(tmp_path / "model", kind), sample=pictures()).double().train()
    names = [name for name, _ in network.named_parameters()]

    def outputs(*weights: Tensor) -> Tensor:
        found: Tensor = torch.func.functional_call(
            network, dict(zip(names, weights, strict=True)), (pictures(2), noise_words([1], step=0, layers=1)[0])
        )
        return found

    assert torch.autograd.gradcheck(outputs, tuple(network.parameters()), fast_mode=True, atol=1e-3)
    depths = [depth for name in names if (depth := network.depth_of(name)) is not None]
    assert len(depths) == len(names)
    blocks = len(network.encoder.blocks)
    assert depths == sorted(depths, reverse=True)
    assert set(depths) - {0} == set(range(1, blocks + 1))
    assert network.depth_of("scale.shares") is None


def test_without_training_rows_it_is_structure_alone(tmp_path: Path) -> None:
    folder = write_backbone(tmp_path / "model")
    network = network_of(folder)
    assert {name: tensor.shape for name, tensor in network.state_dict().items()} == {
        name: tensor.shape for name, tensor in network_of(folder, sample=pictures()).state_dict().items()
    }
    assert not any(parameter.any() for parameter in network.parameters())
