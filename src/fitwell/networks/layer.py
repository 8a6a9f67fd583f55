"""What all networks are made of: layers that are looked at while they train, and encoders of arrays."""

from __future__ import annotations

from torch import nn


class Layer(nn.Module):
    """A hidden layer, whose `activation` puts out what the signals of training tell about; the subclasses are final.

    `bounds` are those of the activation, between which it saturates; None where it has none.
    """

    activation: nn.Module
    bounds: tuple[float, float] | None


class ArrayNetwork(nn.Module):
    """Turns the block of one column of arrays into a row vector of `width` entries; the subclasses are final.

    Shape: a block (rows, ...) and noise words (layers, 2) or None -> (rows, width).
    """

    width: int
    layers: nn.ModuleList  # of `Layer`
    noise_layers: int  # so many of the noise words are its own, from the place that it was built for
    multiplications: float  # that one row takes, about
