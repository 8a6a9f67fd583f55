"""A recipe becomes a network: the table of families, and the start of its weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from fitwell.data.encode import FeatureLayout
from fitwell.networks.affine import AffineMap
from fitwell.networks.fully_connected import FullyConnected, HiddenLayer
from fitwell.networks.initialization import scale_to_unit_variance
from fitwell.networks.varying import vary
from fitwell.recipe import Recipe, own_recipe

FAMILIES: dict[str, Callable[..., FullyConnected]] = {"fully_connected": FullyConnected}
TARGET_UNITS = ("training.target_factor", "training.target_shift")


def build_network(
    recipe: Recipe,
    layout: FeatureLayout,
    outputs: int,
    *,
    sample: Mapping[str, Tensor] | None,
    seed: int,
    member: int = 0,
) -> FullyConnected:
    """Return the network of one member, whose weights start as the recipe says, drawn from `seed`.

    `sample` holds encoded training rows, for what starts from data: the bins of piecewise-linear embeddings and the
    unit-variance initialization. Without it only the structure is of use, to be filled with saved weights. What the
    recipe's members have of their own is in buffers, so that all of them have the same structure.
    """
    own = own_recipe(recipe, member)
    factor, shift = own.training.target_factor, own.training.target_shift
    network = FAMILIES[own.network.family](
        own.network,
        layout,
        outputs,
        own.training,
        units=AffineMap(factor, shift, width=outputs, settings=TARGET_UNITS, inverse=True),
        sample=sample,
        generator=torch.Generator().manual_seed(seed),
    )
    vary(network, recipe.varied)
    linear_maps = hidden_linear_maps(network)
    if own.network.initialization == "unit_variance" and sample is not None:
        scale_to_unit_variance(network, sample, linear_maps)
    if own.network.initialization_scale != 1:
        with torch.no_grad():
            for linear in linear_maps:
                linear.weight.mul_(own.network.initialization_scale)
    return network


def hidden_linear_maps(network: nn.Module) -> list[nn.Linear]:
    """Return the linear maps of the hidden layers, in order."""
    return [module.linear for module in network.modules() if isinstance(module, HiddenLayer)]
