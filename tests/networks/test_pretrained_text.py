"""The network of a pretrained encoder against the encoder itself, finite differences, and texts filled up further."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.pretrained.conftest import LAYERS, write_encoder
from tests.pretrained.test_encoder import NUMBERS, TEXTS
from torch import Tensor

from fitwell.data.encode import ArrayBlock
from fitwell.networks.arrays import ARRAY_NETWORKS, family_of
from fitwell.networks.layer import ArrayStart
from fitwell.networks.noise import from_row, noise_words
from fitwell.networks.pretrained_text import PretrainedText
from fitwell.networks.varying import vary
from fitwell.pretrained import open_encoder
from fitwell.pretrained.folder import open_folder
from fitwell.pretrained.packed import packed_lists
from fitwell.recipe import NetworkSettings, TrainingSettings

LENGTH = 9


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_encoder(tmp_path_factory.mktemp("pretrained") / "model", pooling="mean_tokens")


def block(length: int = LENGTH) -> Tensor:
    """The texts, and a missing one."""
    filled = [[number + 1 for number in text] + [0] * (length - len(text)) for text in [*NUMBERS, []]]
    return torch.tensor(filled, dtype=torch.int32)


def network_of(folder: Path, *, sample: Tensor | None = None, dropout: float = 0.5, **own: Any) -> PretrainedText:
    configuration = open_folder(folder).configuration.as_text()
    array = ArrayBlock(column="x", kind="text", shape=(LENGTH,), configuration=configuration, folder=str(folder))
    chosen = {"family": "pretrained", "tuned": own.get("tuned", True)}
    settings = NetworkSettings.model_validate({"dropout": dropout, "text": chosen})
    assert family_of(array, settings) == "pretrained"
    training = TrainingSettings.model_validate({"encoder_precision": own.get("precision", "float32")})
    network = ARRAY_NETWORKS["text"]["pretrained"](
        ArrayStart(
            array=array, settings=settings, training=training, noise_layer=0, sample=sample, generator=torch.Generator()
        )
    )
    assert isinstance(network, PretrainedText)
    return network.eval()


def standardized(vectors: np.ndarray) -> np.ndarray:
    """Each column with mean 0 and deviation 1."""
    wide = vectors.astype(np.float64)
    found: np.ndarray = (wide - wide.mean(0)) / wide.std(0)
    return found


def test_it_begins_as_the_encoder_of_the_folder_in_other_units(folder: Path) -> None:
    vectors = network_of(folder, sample=block())(block(), None).detach()
    np.testing.assert_allclose(vectors[:-1], standardized(open_encoder(folder).encode(TEXTS)), atol=2e-5)
    assert not vectors[-1].any()  # of a missing text


def test_a_model_that_says_nothing_of_texts_is_read_by_all_its_layers(tmp_path: Path) -> None:
    folder = write_encoder(tmp_path / "model")
    network = network_of(folder, sample=block())
    encoder = open_encoder(folder).network
    expected = np.zeros((len(TEXTS), encoder.configuration.width))
    for depth in range(LAYERS + 1):
        alone = [encoder(packed_lists([text]), depth=depth).detach().mean(0).numpy() for text in NUMBERS]
        expected += standardized(np.stack(alone)) / (LAYERS + 1)
    np.testing.assert_allclose(network(block(), None).detach()[:-1], expected, atol=2e-5)
    assert network.depth_of("mixed.shares") is None


def test_without_training_rows_it_is_structure_alone(folder: Path) -> None:
    network = network_of(folder)
    shapes = {name: parameter.shape for name, parameter in network_of(folder, sample=block()).named_parameters()}
    assert {name: parameter.shape for name, parameter in network.named_parameters()} == shapes
    assert not any(parameter.any() for parameter in network.parameters())


def test_what_fills_a_text_up_changes_nothing(folder: Path) -> None:
    network = network_of(folder, sample=block())
    assert torch.equal(network(block(), None), network(block(LENGTH + 5), None))


def test_gradients_are_finite_differences(folder: Path) -> None:
    network = network_of(folder, sample=block(), dropout=0.2).double().train()
    noise = noise_words([1], step=0, layers=network.noise_layers)[0]
    names = [name for name, _ in network.named_parameters()]

    def outputs(*weights: Tensor) -> Tensor:
        found: Tensor = torch.func.functional_call(network, dict(zip(names, weights, strict=True)), (block(), noise))
        return found

    assert torch.autograd.gradcheck(outputs, tuple(network.parameters()), fast_mode=True)


def test_a_part_of_a_batch_draws_what_its_texts_draw_in_the_whole_batch(folder: Path) -> None:
    network = network_of(folder, sample=block()).train()
    noise = noise_words([3], step=7, layers=network.noise_layers)
    whole = network(block(), noise[0])
    parts = [network(block()[:3], noise[0]), network(block()[3:], from_row(noise, 3)[0])]
    assert torch.allclose(torch.cat(parts), whole, atol=1e-6)
    assert not torch.allclose(whole, network(block(), None), atol=0.1)


def test_members_may_drop_shares_of_their_own(folder: Path) -> None:
    network, noise = network_of(folder, sample=block()).train(), noise_words([3], step=7, layers=14)[0]
    expected = network(block(), noise)
    vary(network, {"network.dropout"})
    assert torch.equal(network(block(), noise), expected)
    other = network_of(folder, sample=block(), dropout=0.1).train()
    vary(other, {"network.dropout"})
    for name, buffer in network.named_buffers():
        buffer.data = dict(other.named_buffers())[name]
    assert torch.equal(network(block(), noise), other(block(), noise))


def test_a_kept_encoder_has_no_weights_to_learn_and_reads_each_text_once(folder: Path) -> None:
    network = network_of(folder, sample=block(), tuned=False)
    assert list(network.parameters()) == []
    read = network.read(block())
    assert read is not None
    assert torch.equal(network(read, None), network(block(), None))
    assert network_of(folder, sample=block()).read(block()) is None


def test_half_precision_is_of_training_alone(folder: Path) -> None:
    halved, exact = (network_of(folder, sample=block(), precision=name) for name in ("bfloat16", "float32"))
    expected = exact(block(), None)
    assert torch.equal(halved(block(), None), expected)
    error = (halved.train()(block(), None) - expected).detach().abs().max()
    assert 0 < float(error) < 0.3  # eight bits, through two layers, of what differs by some tenths, scaled to one


def test_depth_counts_the_layers_that_follow(folder: Path) -> None:
    network = network_of(folder)
    depths = {name: network.depth_of(name) for name, _ in network.named_parameters()}
    assert depths["encoder.blocks.1.outer.weight"] == 0
    assert depths["encoder.blocks.0.asked.bias"] == LAYERS - 1
    assert depths["encoder.entries.weight"] == depths["encoder.normalization.bias"] == LAYERS
