"""Transformers against loops over heads and steps in float64; fillers and dropped words count for nothing."""

from __future__ import annotations

import math
from typing import Any, get_args

import pytest
import torch
from torch import Tensor
from torch.func import functional_call, vmap

from fitwell.data.encode import ArrayBlock
from fitwell.networks.layer import ArrayNetwork, ArrayStart
from fitwell.networks.noise import noise_words
from fitwell.networks.transformer import TransformerLayer, TransformerSeries, TransformerWords, turned
from fitwell.recipe import NetworkSettings, TrainingSettings
from fitwell.recipe.choices import PositionsName
from fitwell.training.pieces import pieces_of

ROWS, STEPS, CHANNELS, WIDTH, HEADS = 3, 7, 2, 8, 2
POSITIONS = get_args(PositionsName)
SETTINGS: dict[str, Any] = {"activation": "gelu", "initialization": "he_normal", "dropout": 0.5}


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(1)


def settings_of(**own: Any) -> NetworkSettings:
    chosen = {"width": WIDTH, "heads": HEADS, "layers": 2, "feedforward": 2} | own
    return NetworkSettings.model_validate(SETTINGS | {"transformer": chosen, "text": {"width": WIDTH, "tuned": True}})


def stirred(network: Any) -> Any:
    """Move biases and scales from where they start, so that what is left out shows."""
    draws = generator()
    with torch.no_grad():
        for parameter in network.double().parameters():
            parameter.add_(0.2 * torch.randn(parameter.shape, generator=draws, dtype=torch.float64))
    return network


def series_network(**own: Any) -> TransformerSeries:
    array = ArrayBlock(column="x", kind="series", shape=(STEPS, CHANNELS + 1))
    network = TransformerSeries(
        ArrayStart(
            array=array,
            settings=settings_of(**own),
            training=TrainingSettings(),
            noise_layer=1,
            sample=None,
            generator=generator(),
        )
    )
    found: TransformerSeries = stirred(network)
    return found


def words_network(*, dropped: float = 0.0, **own: Any) -> TransformerWords:
    array = ArrayBlock(column="x", kind="text", shape=(STEPS,), vocabulary=tuple("abcdefgh"))
    training = TrainingSettings.model_validate({"word_dropout": dropped})
    network = TransformerWords(
        ArrayStart(
            array=array,
            settings=settings_of(**own),
            training=training,
            noise_layer=0,
            sample=None,
            generator=generator(),
        )
    )
    found: TransformerWords = stirred(network)
    return found


def series(rows: int = ROWS, steps: int = STEPS) -> Tensor:
    values = torch.randn(rows, steps, CHANNELS, generator=generator(), dtype=torch.float64)
    return torch.cat([values, torch.ones(rows, steps, 1, dtype=torch.float64)], -1)


def normalized(vector: Tensor, norm: Any) -> Tensor:
    centered = vector - vector.mean()
    found: Tensor = centered / (centered.square().mean() + norm.eps).sqrt() * norm.weight + norm.bias
    return found


def by_hand(layer: TransformerLayer, row: Tensor, present: list[bool], *, is_rotary: bool) -> Tensor:
    """Go step by step and head by head, as the formulas of the module's docstring say."""
    size, attention = WIDTH // HEADS, layer.requires_grad_(False).attention
    maps, biases = attention.asking.weight.chunk(3), attention.asking.bias.chunk(3)
    queries, keys, values = (
        [weight @ normalized(step, layer.attention_norm) + bias for step in row]
        for weight, bias in zip(maps, biases, strict=True)
    )

    def placed(vector: Tensor, head: int, step: int) -> Tensor:
        own = vector[head * size : (head + 1) * size]
        if not is_rotary:
            return own
        half, out = size // 2, own.clone()
        for pair in range(half):
            angle = step / 10_000.0 ** (2 * pair / size)
            a, b = own[pair], own[pair + half]
            out[pair] = a * math.cos(angle) - b * math.sin(angle)
            out[pair + half] = b * math.cos(angle) + a * math.sin(angle)
        return out

    outputs = []
    for i in range(len(row)):
        answers = []
        for head in range(HEADS):
            others = [j for j in range(len(row)) if present[j]]
            scores = [float(placed(queries[i], head, i) @ placed(keys[j], head, j)) / math.sqrt(size) for j in others]
            weights = [math.exp(score - max(scores)) for score in scores]
            answers.append(
                sum(
                    (weight / sum(weights) * values[j][head * size : (head + 1) * size]
                     for weight, j in zip(weights, others, strict=True)),
                    start=torch.zeros(size, dtype=torch.float64),
                )
            )  # fmt: skip
        step = row[i] + attention.joining.weight @ torch.cat(answers) + attention.joining.bias
        wide = layer.widening.weight @ normalized(step, layer.widened_norm) + layer.widening.bias
        bent = torch.nn.functional.gelu(wide)
        outputs.append(step + layer.narrowing.weight @ bent + layer.narrowing.bias)
    return torch.stack(outputs)


@pytest.mark.parametrize("positions", ["rotary", "none"])
def test_a_layer_is_its_formula_head_by_head(positions: str) -> None:
    layer = series_network(positions=positions).layers[0]
    assert isinstance(layer, TransformerLayer)
    steps = torch.randn(1, 5, WIDTH, generator=generator(), dtype=torch.float64)
    present = [True, True, False, True, True]
    found = layer(steps, ~torch.tensor([present]), None)
    # Both are float64: only the order of the additions differs.
    assert torch.allclose(found[0], by_hand(layer, steps[0], present, is_rotary=positions == "rotary"), rtol=1e-11)


def test_rotary_products_go_by_distance() -> None:
    query, key = torch.randn(2, 1, 1, 1, 6, generator=generator(), dtype=torch.float64)
    queries, keys = (turned(vector.expand(1, 1, 9, 6))[0, 0] for vector in (query, key))
    products = queries @ keys.T
    for apart in range(-4, 5):
        diagonal = products.diagonal(apart)
        assert torch.allclose(diagonal, diagonal[:1].expand_as(diagonal), rtol=1e-12)
    assert not torch.allclose(products[0, 1], products[0, 2])


@pytest.mark.parametrize("positions", POSITIONS)
def test_what_fills_a_series_up_changes_nothing(positions: str) -> None:
    network = series_network(positions=positions)
    short = series(2, 4)
    filled = torch.cat([short, torch.zeros(2, 3, CHANNELS + 1)], 1)
    filled[:, 4:, :CHANNELS] = 9.0
    handed = network(short, None)
    assert handed.shape == (2, network.width)
    assert torch.allclose(network(filled, None), handed, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("positions", POSITIONS)
def test_order_matters_where_positions_are_known(positions: str) -> None:
    words = torch.tensor([[1, 2, 3, 4, 5, 6, 7]], dtype=torch.int32)
    network = words_network(positions=positions)
    same = torch.allclose(network(words, None), network(words.flip(1), None), rtol=1e-9)
    assert same == (positions == "none")


def test_rows_of_nothing_hand_on_zeros() -> None:
    assert not series_network()(torch.zeros(2, STEPS, CHANNELS + 1, dtype=torch.float64), None).any()
    assert not words_network()(torch.zeros(2, STEPS, dtype=torch.int32), None).any()


def test_dropped_words_are_as_if_filled_up() -> None:
    network = words_network(dropped=0.5, dropout=0.0, positions="none")
    network.dropout.acts = False
    words = torch.randint(1, 9, (6, STEPS), generator=generator(), dtype=torch.int32)
    noise = noise_words([5], step=0, layers=network.noise_layers)[0]
    kept = network.vectors.kept(torch.ones(words.shape, dtype=torch.float64), noise) > 0
    assert 0 < int(kept.sum()) < kept.numel()
    for row in range(len(words)):
        left = torch.zeros(1, STEPS, dtype=torch.int32)
        left[0, : int(kept[row].sum())] = words[row][kept[row]]
        assert torch.allclose(network(words, noise)[row], network(left, None)[0], rtol=1e-11, atol=1e-13)


def gradients_agree(network: ArrayNetwork, block: Tensor) -> bool:
    noise = noise_words([1], step=0, layers=1 + network.noise_layers)[0]
    names = [name for name, _ in network.named_parameters()]

    def outputs(*weights: Tensor) -> Tensor:
        found: Tensor = functional_call(network, dict(zip(names, weights, strict=True)), (block, noise))
        return found

    return torch.autograd.gradcheck(outputs, tuple(network.parameters()), fast_mode=True)


@pytest.mark.parametrize("positions", ["rotary", "learned"])
def test_gradients_are_finite_differences(positions: str) -> None:
    assert gradients_agree(series_network(positions=positions), series(2))
    words = torch.tensor([[1, 4, 7, 2, 2, 0, 0], [3, 0, 0, 0, 0, 0, 0]], dtype=torch.int32)
    assert gradients_agree(words_network(positions=positions, dropout=0.3), words)


def test_members_are_mapped_as_one_program() -> None:
    network, rows = series_network(), series()
    weights = {name: torch.stack([each, 1.1 * each]) for name, each in network.named_parameters()}
    mapped = vmap(lambda own: functional_call(network, own, (rows, None)))(weights)
    for member in range(2):
        own = {name: each[member] for name, each in weights.items()}
        assert torch.allclose(mapped[member], functional_call(network, own, (rows, None)), rtol=1e-11, atol=1e-13)


def test_a_layer_starts_with_sums_that_keep_their_spread() -> None:
    own = {"width": 64, "heads": 4, "feedforward": 4, "layers": 6, "dropout": 0.0}
    array = ArrayBlock(column="x", kind="series", shape=(30, 2))
    network = TransformerSeries(
        ArrayStart(
            array=array,
            settings=settings_of(**own),
            training=TrainingSettings(),
            noise_layer=0,
            sample=None,
            generator=generator(),
        )
    )
    steps = torch.randn(20, 30, 64, generator=generator())
    absent = torch.zeros(20, 30, dtype=torch.bool)
    with torch.no_grad():
        for layer in network.layers:
            steps = layer(steps, absent, None)
    assert 0.8 < float(steps.std()) < 2.0  # twelve sums, each of half the spread or less: √(1 + 12/12 · σ²) at most


def test_what_decays_are_maps_and_vectors() -> None:
    roles = {piece.name: piece.role for piece in pieces_of(words_network(positions="learned"))}
    weights = {name for name, role in roles.items() if role == "weight"}
    assert {name.rpartition("layers.0.")[2] for name in weights if "layers.0" in name} == {
        "attention.asking.weight", "attention.joining.weight", "widening.weight", "narrowing.weight",
    }  # fmt: skip
    assert roles["layers.0.attention_norm.weight"] == roles["leaving_norm.weight"] == "scale"
    assert roles["layers.1.attention.asking.bias"] == "bias"
