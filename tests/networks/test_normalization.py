"""Normalizations keep sizes steady, alone and mapped over a population."""

from __future__ import annotations

import copy
from typing import get_args

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call, grad_and_value, stack_module_state, vmap

from fitwell.errors import RecipeError
from fitwell.networks.normalization import EPSILON, NORMALIZATIONS, BatchNorm, group_norm
from fitwell.recipe import NetworkSettings, NormalizationName

MEMBERS, ROWS, WIDTH = 3, 16, 12
SETTINGS = NetworkSettings(normalization_groups=4)


def network(name: str, seed: int) -> nn.Sequential:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(5, WIDTH), NORMALIZATIONS[name](WIDTH, SETTINGS), nn.Tanh()).double()


def batches(count: int) -> Tensor:
    return torch.randn(count, MEMBERS, ROWS, 5, generator=torch.Generator().manual_seed(9), dtype=torch.float64)


def test_every_normalization_of_the_recipe_is_in_the_table() -> None:
    assert tuple(NORMALIZATIONS) == get_args(NormalizationName)


def normalized_by_hand(name: str, x: Tensor) -> Tensor:
    if name == "none":
        return x
    if name == "batch":
        return (x - x.mean(0)) / (x.var(0, correction=0) + EPSILON).sqrt()
    if name == "rms":
        return x / (x.square().mean(1, keepdim=True) + EPSILON).sqrt()
    groups = x.reshape(len(x), {"group": 4, "layer": 1}[name], -1)
    centered = groups - groups.mean(2, keepdim=True)
    return (centered / (groups.var(2, correction=0, keepdim=True) + EPSILON).sqrt()).reshape(x.shape)


@pytest.mark.parametrize("name", NORMALIZATIONS)
def test_every_normalization_starts_as_its_formula(name: str) -> None:
    x = 3 + 2 * torch.randn(ROWS, WIDTH, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    found = NORMALIZATIONS[name](WIDTH, SETTINGS).double()(x)
    assert torch.allclose(found, normalized_by_hand(name, x), atol=1e-12)


@pytest.mark.parametrize("name", NORMALIZATIONS)
def test_mapped_members_equal_separate_networks_in_values_gradients_and_statistics(name: str) -> None:
    networks = [network(name, seed) for seed in range(MEMBERS)]
    parameters, buffers = stack_module_state(copy.deepcopy(networks))
    skeleton = copy.deepcopy(networks[0])

    def loss(tensors: dict[str, Tensor], statistics: dict[str, Tensor], x: Tensor) -> Tensor:
        outputs: Tensor = functional_call(skeleton, (tensors, statistics), (x,))
        return outputs.square().sum()

    for batch in batches(3):
        gradients, losses = vmap(grad_and_value(loss))(parameters, buffers, batch)
        for member, one in enumerate(networks):
            one.zero_grad()
            expected = one(batch[member]).square().sum()
            expected.backward()
            assert torch.allclose(losses[member], expected, rtol=1e-12)
            for key, parameter in one.named_parameters():
                assert parameter.grad is not None
                assert torch.allclose(gradients[key][member], parameter.grad, atol=1e-11), key
            for key, buffer in one.named_buffers():
                assert torch.allclose(buffers[key][member], buffer, atol=1e-14), key


def test_running_statistics_and_predictions_are_those_of_torch() -> None:
    ours, theirs = BatchNorm(WIDTH).double(), nn.BatchNorm1d(WIDTH, eps=EPSILON).double()
    x = 5 + torch.randn(40, WIDTH, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    for start in (0, 20):
        assert torch.equal(ours(x[start : start + 20]), theirs(x[start : start + 20]))
    for key, buffer in ours.named_buffers():
        assert torch.equal(buffer, theirs.get_buffer(key))
    assert torch.equal(ours.eval()(x), theirs.eval()(x))


def test_batch_normalization_keeps_nothing_but_floats() -> None:
    assert all(tensor.is_floating_point() for tensor in BatchNorm(4).state_dict().values())


def test_one_row_in_training_is_refused_and_in_prediction_fine() -> None:
    norm = BatchNorm(2)
    with pytest.raises(RecipeError, match=r"needs at least 2 rows in a training step, but this one has 1; raise"):
        norm(torch.ones(1, 2))
    assert torch.allclose(norm.eval()(torch.ones(1, 2)), torch.ones(1, 2), atol=1e-5)


def test_groups_that_do_not_divide_the_width_are_refused_with_a_number_that_does() -> None:
    with pytest.raises(RecipeError, match=r"but 8 does not divide 100; 10 does"):
        group_norm(100, NetworkSettings(normalization_groups=8))
