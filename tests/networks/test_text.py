"""Text networks against slow loops in float64, finite differences, and texts that are filled up further."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import torch
from torch import Tensor

from fitwell.data.encode import ArrayBlock
from fitwell.errors import DataError, RequestError
from fitwell.networks.arrays import ARRAY_NETWORKS, family_of
from fitwell.networks.layer import ArrayNetwork, ArrayStart
from fitwell.networks.noise import noise_words
from fitwell.networks.text import ConvolutionalWords
from fitwell.recipe import NetworkSettings, TrainingSettings
from fitwell.recipe.choices import TextFamily
from fitwell.vectors import Vectors

PRETRAINED = "pretrained"  # which has a file of its own
READERS = {PRETRAINED, "elmo"}  # of texts, which have tests of their own
FAMILIES = {name: family for name, family in ARRAY_NETWORKS["text"].items() if name not in READERS}
WORDS = ("a", "b", "c", "d", "e", "f", "g")
LENGTH = 6
TEXTS = [[1, 4, 7, 2, 2], [3], [], [5, 6, 1, 1, 2, 7]]
SETTINGS = {"activation": "tanh", "initialization": "glorot_uniform", "dropout": 0.5}


def filled(texts: list[list[int]], length: int) -> Tensor:
    return torch.tensor([text + [0] * (length - len(text)) for text in texts])


def block_of(family: str, length: int = LENGTH) -> Tensor:
    """Return the texts as the family takes them; terms weigh 1/2, 1/3, 1/4 and so on."""
    numbers = filled(TEXTS, length)
    if family != "terms":
        return numbers.to(torch.int32)
    weights = (numbers > 0) / torch.arange(2.0, length + 2)
    return torch.stack([numbers.double(), weights.double()], -1)


def network_of(family: str, *, dropped: float = 0.0, sample: Tensor | None = None, **own: Any) -> ArrayNetwork:
    shape = (LENGTH, 2) if family == "terms" else (LENGTH,)
    array = ArrayBlock(column="x", kind="text", shape=shape, vocabulary=WORDS)
    chosen = {"family": "average" if family == "terms" else family, "width": 5, "widths": [4, 3], "tuned": True} | own
    transformer = {"width": 4, "heads": 2, "feedforward": 2}
    settings = NetworkSettings.model_validate(SETTINGS | {"text": chosen, "transformer": transformer})
    assert family_of(array, settings) == family
    training = TrainingSettings.model_validate({"word_dropout": dropped})
    generator = torch.Generator().manual_seed(3)
    network = FAMILIES[family](
        ArrayStart(array=array, settings=settings, training=training, noise_layer=0, sample=sample, generator=generator)
    ).double()
    with torch.no_grad():  # so that a bias that is left out shows
        for layer in network.layers:
            for name, parameter in layer.named_parameters():
                if "bias" in name:
                    parameter.normal_(generator=generator)
    return network


IN_ORDER = [name for name in FAMILIES if name != "terms"]


@pytest.mark.parametrize("family", IN_ORDER)
def test_a_batch_cut_to_its_longest_text_is_read_and_dropped_from_as_the_whole_one(family: str) -> None:
    network, block = network_of(family, dropped=0.4), block_of(family)
    lengths = network.lengths(block)
    assert lengths is not None
    assert lengths.tolist() == [5, 1, 0, 6]
    noise = noise_words([5], step=3, layers=network.noise_layers)[0]
    whole = network(block[:3], noise)
    assert torch.allclose(network(block[:3, :5], noise), whole, rtol=1e-12, atol=1e-14)
    other = noise_words([5], step=4, layers=network.noise_layers)[0]
    assert not torch.allclose(network(block[:3, :5], other), whole)


def table_of(network: ArrayNetwork) -> Tensor:
    found: Tensor = dict(network.named_parameters())["vectors.table"].detach()
    return found


def bias_of(network: ArrayNetwork) -> Tensor:
    return dict(network.named_parameters())["layers.0.bias"].detach()


@pytest.mark.parametrize("family", FAMILIES)
def test_what_fills_a_text_up_changes_nothing(family: str) -> None:
    network = network_of(family)
    handed = network(block_of(family), None)
    assert handed.shape == (len(TEXTS), network.width)
    assert torch.allclose(network(block_of(family, LENGTH + 5), None), handed, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("family", [*FAMILIES, "both ways"])
def test_gradients_are_finite_differences(family: str) -> None:
    both = family == "both ways"
    family = "gru" if both else family
    network, block = network_of(family, dropped=0.3, bidirectional=both), block_of(family)
    noise = noise_words([1], step=0, layers=network.noise_layers)[0]
    names = [name for name, _ in network.named_parameters()]

    def outputs(*weights: Tensor) -> Tensor:
        found: Tensor = torch.func.functional_call(network, dict(zip(names, weights, strict=True)), (block, noise))
        return found

    assert torch.autograd.gradcheck(outputs, tuple(network.parameters()), fast_mode=True)


def test_terms_are_a_layer_over_the_whole_vocabulary() -> None:
    network, block = network_of("terms"), block_of("terms")
    whole = torch.zeros(len(TEXTS), len(WORDS), dtype=torch.float64)
    for row, text in enumerate(TEXTS):
        for place, number in enumerate(text):
            whole[row, number - 1] += block[row, place, 1]
    assert torch.allclose(network(block, None), torch.tanh(whole @ table_of(network) + bias_of(network)), rtol=1e-12)


def test_an_average_is_that_of_the_words_of_a_text() -> None:
    network = network_of("average")
    means = [
        table_of(network)[[number - 1 for number in text]].mean(0) if text else torch.zeros(5).double()
        for text in TEXTS
    ]
    assert torch.allclose(
        network(block_of("average"), None), torch.tanh(torch.stack(means) + bias_of(network)), rtol=1e-12
    )


def test_filters_keep_their_strongest_answer_to_any_window_that_begins_at_a_word() -> None:
    network = network_of("convolutional")
    assert isinstance(network, ConvolutionalWords)
    rows = []
    for text in TEXTS:
        vectors = [table_of(network)[number - 1] for number in text] + [torch.zeros(5).double()] * 3
        answers = []
        for filters in network.filters:
            weight = dict(filters.named_parameters())["weight"].detach()  # (filters, width, words)
            for each in weight:
                windows = [
                    sum(float(each[:, word] @ vectors[start + word]) for word in range(each.shape[1]))
                    for start in range(len(text))
                ]
                answers.append(max(windows, default=0.0))
        rows.append(answers)
    expected = torch.tanh(torch.tensor(rows, dtype=torch.float64) + bias_of(network))
    assert torch.allclose(network(block_of("convolutional"), None), expected, rtol=1e-12)


@pytest.mark.parametrize("family", FAMILIES)
def test_dropped_words_are_as_if_they_were_not_there_and_others_count_for_them(family: str) -> None:
    network = network_of(family, dropped=0.5)
    block, noise = block_of(family), noise_words([5], step=0, layers=network.noise_layers)[0]
    vectors = dict(network.named_modules())["vectors"]
    factors = vectors.kept(torch.ones(200, 50).double(), noise)
    assert set(factors.unique().tolist()) == {0.0, 2.0}
    assert float((factors == 0).double().mean()) == pytest.approx(0.5, abs=0.02)  # 4 standard errors of 10,000 draws
    assert not torch.equal(network(block, noise), network(block, None))


@pytest.fixture
def vectors(tmp_path: Path) -> str:
    path = str(tmp_path / "five.safetensors")
    rows = np.array([[1, 2, 3, 4, 5], [0, 0, 0, 0, 1], [5, 4, 3, 2, 1]], np.float32)
    Vectors(("b", "zebra", "g"), rows).save(path)
    return path


@pytest.mark.parametrize("tuned", [True, False])
def test_words_begin_with_the_vectors_of_a_file(vectors: str, tuned: bool) -> None:
    network = network_of("average", vectors=vectors, tuned=tuned, sample=block_of("average"))
    table = dict(network.named_modules())["vectors"].table
    assert isinstance(table, Tensor)
    assert table[[1, 6]].tolist() == [[1, 2, 3, 4, 5], [5, 4, 3, 2, 1]]
    assert isinstance(table, torch.nn.Parameter) == tuned
    others = table.detach()[[0, 2, 3, 4, 5]]
    if tuned:  # as spread as those of the file, up to chance
        assert 0.7 < float(others.std() / table.detach()[[1, 6]].std()) < 1.4
    else:
        assert not others.any()


def test_vectors_of_another_width_are_refused(vectors: str) -> None:
    with pytest.raises(RequestError, match=r"network.text.width must be that of the vectors in .*, 5, but is 4; leave"):
        network_of("average", vectors=vectors, width=4, sample=block_of("average"))


def test_vectors_of_other_words_are_refused(tmp_path: Path) -> None:
    path = str(tmp_path / "other.safetensors")
    Vectors(("x", "y"), np.ones((2, 5), np.float32)).save(path)
    with pytest.raises(DataError, match=r"must have vectors of the words of the texts, but knows none of the 7"):
        network_of("average", vectors=path, sample=block_of("average"))


def test_every_family_of_the_recipe_is_in_the_table() -> None:
    assert {*FAMILIES, PRETRAINED} == {*get_args(TextFamily), "terms"}
    assert {*FAMILIES, *READERS} == set(ARRAY_NETWORKS["text"])
