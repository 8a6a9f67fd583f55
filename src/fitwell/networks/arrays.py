"""Which network reads which kind of array; reading this table tells every kind there is."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from fitwell.data.encode import ArrayBlock
from fitwell.networks.convolutional import ConvolutionalImages, ConvolutionalSeries
from fitwell.networks.layer import ArrayNetwork
from fitwell.networks.recurrent import RecurrentSeries
from fitwell.recipe import KindName, NetworkSettings, TrainingSettings


@runtime_checkable
class BuildArrayNetwork(Protocol):
    """Builds the network of one column of arrays, its weights drawn from the generator."""

    def __call__(
        self,
        array: ArrayBlock,
        settings: NetworkSettings,
        training: TrainingSettings,
        *,
        noise_layer: int,
        sample: Tensor | None,
        generator: torch.Generator,
    ) -> ArrayNetwork:
        """Return the network; `noise_layer` is its first noise word, `sample` holds the block of training rows."""
        ...


# Kind of column -> family -> its network.
ARRAY_NETWORKS: dict[KindName, dict[str, BuildArrayNetwork]] = {
    "image": {"convolutional": ConvolutionalImages},
    "series": {
        "convolutional": ConvolutionalSeries,
        "rnn": RecurrentSeries,
        "lstm": RecurrentSeries,
        "gru": RecurrentSeries,
    },
}


def family_of(kind: KindName, settings: NetworkSettings) -> str:
    """Return which family of networks the settings choose for a kind of column."""
    return settings.series.family if kind == "series" else "convolutional"
