"""What all networks are made of: layers that are looked at while they train, and encoders of arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from fitwell.data.encode import ArrayBlock
from fitwell.recipe import NetworkSettings, TrainingSettings


class Layer(nn.Module):
    """A hidden layer, whose `activation` puts out what the signals of training tell about; the subclasses are final.

    `bounds` are those of the activation, between which it saturates; None where it has none.
    """

    activation: nn.Module
    bounds: tuple[float, float] | None


@runtime_checkable
class Pretrained(Protocol):
    """A module with weights that were trained elsewhere, in layers that may learn at rates of their own."""

    def depth_of(self, name: str) -> int | None:
        """Return how many layers follow the one of a parameter, by its name; 0 for the last, None for what is new."""
        ...


@runtime_checkable
class ReadBeforehand(Protocol):
    """A module whose rows may be read once, before the first step."""

    def read(self, block: Tensor) -> Tensor | None:
        """Return what it makes of rows where training leaves that as it is; it then takes that in their place."""
        ...


@dataclass(frozen=True, kw_only=True, eq=False)
class ArrayStart:
    """What the network of one column of arrays starts from."""

    array: ArrayBlock
    settings: NetworkSettings
    training: TrainingSettings
    noise_layer: int  # the first of its noise words
    sample: Tensor | None  # the block of training rows; None where saved weights will fill the structure
    generator: torch.Generator  # that draws its weights


class ArrayNetwork(nn.Module):
    """Turns the block of one column of arrays into a row vector of `width` entries; the subclasses are final.

    Shape: a block (rows, ...) and noise words (layers, 2) or None -> (rows, width).
    """

    width: int
    layers: nn.ModuleList  # of `Layer`
    noise_layers: int  # so many of the noise words are its own, from the place that it was built for
    multiplications: float  # that one row takes, about

    def lengths(self, block: Tensor) -> Tensor | None:
        """Return how many steps each row has of its own, (rows,), where what follows them may as well be cut off."""
        return None


def freeze(network: nn.Module) -> None:
    """Make the weights of a network constants, which no step computes a gradient of."""
    for module in list(network.modules()):
        for name, parameter in list(module.named_parameters(recurse=False)):
            delattr(module, name)
            module.register_buffer(name, parameter.detach())
