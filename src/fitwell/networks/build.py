"""A recipe becomes a network: the table of families, and the start of its weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from fitwell.data.encode import FeatureLayout
from fitwell.networks.fully_connected import FullyConnected, HiddenLayer
from fitwell.networks.initialization import scale_to_unit_variance
from fitwell.recipe import Recipe

FAMILIES: dict[str, Callable[..., FullyConnected]] = {"fully_connected": FullyConnected}


def build_network(
    recipe: Recipe, layout: FeatureLayout, outputs: int, *, sample: Mapping[str, Tensor] | None, seed: int
) -> FullyConnected:
    """Return a network whose weights start as the recipe says, drawn from `seed`.

    `sample` holds encoded training rows, for what starts from data: the bins of piecewise-linear embeddings and the
    unit-variance initialization. Without it only the structure is of use, to be filled with saved weights.
    """
    network = FAMILIES[recipe.network.family](
        recipe.network,
        layout,
        outputs,
        recipe.training,
        sample=sample,
        generator=torch.Generator().manual_seed(seed),
    )
    if recipe.network.initialization == "unit_variance" and sample is not None:
        scale_to_unit_variance(network, sample, hidden_linear_maps(network))
    return network


def hidden_linear_maps(network: nn.Module) -> list[nn.Linear]:
    """Return the linear maps of the hidden layers, in order."""
    return [module.linear for module in network.modules() if isinstance(module, HiddenLayer)]
