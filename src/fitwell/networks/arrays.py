"""Which network reads which kind of array; reading this table tells every kind there is."""

from __future__ import annotations

import json
from collections.abc import Callable

from fitwell.data.encode import ArrayBlock
from fitwell.networks.audio import ConvolutionalAudio, RecurrentAudio
from fitwell.networks.convolutional import ConvolutionalImages, ConvolutionalSeries
from fitwell.networks.layer import ArrayNetwork, ArrayStart
from fitwell.networks.pretrained_images import PretrainedImages
from fitwell.networks.pretrained_text import PretrainedText
from fitwell.networks.random_kernels import RandomKernels
from fitwell.networks.random_kernels_audio import RandomKernelsAudio
from fitwell.networks.random_patches import RandomPatches
from fitwell.networks.recurrent import RecurrentSeries
from fitwell.networks.text import AverageWords, ConvolutionalWords, RecurrentWords, WeightedTerms
from fitwell.networks.transformer import TransformerSeries, TransformerWords
from fitwell.recipe import KindName, NetworkSettings

ELMO = "fitwell_elmo"  # what the configuration of such a language model calls its kind


def elmo_text(start: ArrayStart) -> ArrayNetwork:
    """Return the network of a column that a language model reads; what reads texts is imported here."""
    from fitwell.networks.elmo_text import ElmoText

    return ElmoText(start)


# Kind of column -> family -> its network.
ARRAY_NETWORKS: dict[KindName, dict[str, Callable[[ArrayStart], ArrayNetwork]]] = {
    "image": {
        "random_patches": RandomPatches,
        "convolutional": ConvolutionalImages,
        "pretrained": PretrainedImages,
    },
    "audio": {
        "random_kernels": RandomKernelsAudio,
        "convolutional": ConvolutionalAudio,
        "rnn": RecurrentAudio,
        "lstm": RecurrentAudio,
        "gru": RecurrentAudio,
    },
    "series": {
        "random_kernels": RandomKernels,
        "convolutional": ConvolutionalSeries,
        "rnn": RecurrentSeries,
        "lstm": RecurrentSeries,
        "gru": RecurrentSeries,
        "transformer": TransformerSeries,
    },
    "text": {
        "terms": WeightedTerms,
        "average": AverageWords,
        "convolutional": ConvolutionalWords,
        "rnn": RecurrentWords,
        "lstm": RecurrentWords,
        "gru": RecurrentWords,
        "transformer": TransformerWords,
        "pretrained": PretrainedText,
        "elmo": elmo_text,
    },
}


def family_of(array: ArrayBlock, settings: NetworkSettings) -> str:
    """Return which family of networks reads a column of arrays."""
    if array.kind == "text":
        if array.configuration and json.loads(array.configuration).get("model_type") == ELMO:
            return "elmo"
        return settings.text.family if len(array.shape) == 1 else "terms"
    if array.kind == "audio":
        return settings.audio.family
    if array.kind == "series":
        return settings.series.family
    # A run that was written when there was but one family says nothing of it.
    return "convolutional" if settings.image.family == "auto" else settings.image.family
