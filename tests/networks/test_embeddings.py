"""Embeddings are their formulas, computed slowly in float64, alone and mapped over members."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap

from fitwell.networks.embeddings import (
    CATEGORY_SPREAD,
    CategoryEmbedding,
    InputScale,
    NumberEmbedding,
    PeriodicEmbedding,
    PiecewiseLinearEmbedding,
    quantile_edges,
)

ROWS = 40


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def training_numbers() -> Tensor:
    """A spread-out number, one of three values, one of a single value, one that is mostly zero."""
    normal = torch.randn(300, generator=generator(1))
    three = torch.randint(0, 3, (300,), generator=generator(2)).float()
    zeros = torch.where(torch.rand(300, generator=generator(3)) < 0.95, 0.0, normal.abs())
    return torch.stack([normal, three, torch.full((300,), 7.0), zeros], 1)


def probes() -> Tensor:
    """Training values, edges to the bit, and values far outside."""
    seen = training_numbers()
    return torch.cat([seen[: ROWS - 4], seen.amin(0)[None], seen.amax(0)[None], seen[:1] - 50, seen[:1] + 50])


def test_the_periodic_embedding_is_its_formula_in_float64() -> None:
    module = (
        PeriodicEmbedding(4, width=3, frequencies=5, scale=0.7, generator=generator()).double().requires_grad_(False)
    )
    numbers = probes().double()
    found = module(numbers).reshape(ROWS, 4, -1)
    for row in range(ROWS):
        for number in range(4):
            x = float(numbers[row, number])
            waves = [
                math.cos(2 * math.pi * w * x + b)
                for w, b in zip(module.frequency[number].tolist(), module.phase[number].tolist(), strict=True)
            ]
            for place in range(module.weight.shape[2]):
                mixed = sum(wave * float(module.weight[number, k, place]) for k, wave in enumerate(waves))
                assert float(found[row, number, place]) == pytest.approx(
                    mixed + float(module.bias[number, place]), abs=1e-9
                )


def place_in_bin(x: float, low: float, high: float) -> float:
    if x <= low:
        return 0.0
    if x >= high:
        return 1.0
    return (x - low) / (high - low)


def test_the_piecewise_linear_embedding_is_an_if_else_for_each_bin_in_float64() -> None:
    edges = quantile_edges(training_numbers(), bins=6)
    assert [len(of_one) for of_one in edges[:3]] == [7, 3, 2]
    module = PiecewiseLinearEmbedding(edges, bins=6, width=3, generator=generator()).double().requires_grad_(False)
    numbers = probes().double()
    found = module(numbers).reshape(ROWS, 4, 3)
    for row in range(ROWS):
        for number, of_one in enumerate(edges):
            bounds = of_one.double().tolist()
            places = [place_in_bin(float(numbers[row, number]), *bin) for bin in pairwise(bounds)]
            for entry in range(3):
                expected = sum(place * float(module.weight[number, k, entry]) for k, place in enumerate(places))
                assert float(found[row, number, entry]) == pytest.approx(expected, rel=1e-5, abs=1e-5)


def test_bin_edges_are_the_training_quantiles() -> None:
    edges = quantile_edges(training_numbers(), bins=6)
    levels = torch.linspace(0, 1, 7, dtype=torch.float64)
    assert torch.allclose(edges[0].double(), training_numbers()[:, 0].double().quantile(levels), atol=1e-6)
    assert edges[1].tolist() == [0.0, 1.0, 2.0]
    assert edges[2].tolist() == [7.0, 8.0]
    assert all(bool((of_one.diff() > 0).all()) for of_one in edges)


def test_a_category_is_its_row_of_its_table() -> None:
    module = CategoryEmbedding((3, 5), widths=(2, 4), generator=generator())
    codes = torch.tensor([[0, 4], [2, 0], [1, 1]])
    first, second = module.tables
    expected = [first[code].tolist() + second[other].tolist() for code, other in codes.tolist()]
    assert module(codes).tolist() == expected


MODULES: dict[str, Callable[[int], nn.Module]] = {
    "periodic": lambda seed: PeriodicEmbedding(4, width=3, frequencies=5, scale=0.7, generator=generator(seed)),
    "piecewise_linear": lambda seed: PiecewiseLinearEmbedding(
        quantile_edges(training_numbers() * (1 + seed), bins=6), bins=6, width=3, generator=generator(seed)
    ),
    "category": lambda seed: CategoryEmbedding((3, 5, 2, 9), widths=(2, 4, 2, 3), generator=generator(seed)),
}


@pytest.mark.parametrize("name", MODULES)
def test_mapped_members_embed_as_each_alone(name: str) -> None:
    members = [MODULES[name](seed) for seed in range(3)]
    inputs = torch.randint(0, 2, (ROWS, 4), generator=generator()) if name == "category" else probes()
    parameters, buffers = stack_module_state(members)

    def run(tensors: dict[str, Tensor], constants: dict[str, Tensor]) -> Tensor:
        found: Tensor = functional_call(members[0], (tensors, constants), (inputs,))
        return found

    together = vmap(run)(parameters, buffers)
    for member, module in enumerate(members):
        assert torch.allclose(together[member], module(inputs), atol=1e-5)


def test_a_number_stands_beside_the_sum_of_its_embeddings() -> None:
    parts = [MODULES["periodic"](1), MODULES["piecewise_linear"](1)]
    found = NumberEmbedding(parts)(probes()).reshape(ROWS, 4, 4)
    expected = parts[0](probes()) + parts[1](probes())
    assert torch.allclose(found[..., :3], expected, atol=1e-6)
    assert torch.equal(found[..., 3], probes())


def test_input_factors_start_at_one_and_move_six_times_as_fast_under_adam() -> None:
    module = InputScale(3)
    x = torch.tensor([[1.0, -2.0, 30.0]])
    assert torch.allclose(module(x), x)
    optimizer = torch.optim.Adam(module.parameters(), lr=0.01, eps=0.0)
    module(x).sum().backward()
    optimizer.step()
    # Adam's first step is the rate times the sign of the gradient, which is the sign of the input.
    expected = x * (1 - 6 * 0.01 * x.sign())
    assert torch.allclose(module(x), expected, rtol=1e-5)


def test_categories_start_with_the_stated_spread() -> None:
    (table,) = CategoryEmbedding((2000,), widths=(10,), generator=generator()).tables
    entries = table.detach().double()
    assert float(entries.std()) == pytest.approx(CATEGORY_SPREAD, rel=4 / math.sqrt(2 * 20_000))
    assert abs(float(entries.mean())) < 4 * CATEGORY_SPREAD / math.sqrt(20_000)
