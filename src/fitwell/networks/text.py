"""Text networks: words and terms have vectors, learned from the training rows or read from a file.

Weighted terms are added up, each vector times the weight of its term (TF-IDF): the first layer of a fully connected
network over the whole vocabulary, of which only the rows of a text's own terms are read. Words in their order are
averaged (as fastText, Joulin et al. 2017), read by filters over a few neighboring words of which each keeps its
strongest answer anywhere in the text (Kim 2014), or step by step by a recurrent network.

Number 0 fills up shorter texts. It has no vector, no window begins there, and no state is read there: a text is the
same whatever it is filled up to.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from fitwell.networks.activations import ACTIVATIONS
from fitwell.networks.initialization import INITIALIZATIONS
from fitwell.networks.layer import ArrayNetwork, ArrayStart, Layer
from fitwell.networks.noise import Dropout, keep_mask
from fitwell.networks.recurrent import read, recurrent_layers, states_width
from fitwell.networks.static_vectors import started_from
from fitwell.recipe import NetworkSettings

SPREAD = 0.02  # standard deviation of the vectors' entries at the start
NARROWEST = 2  # words under the first filters; each further width is of filters over a word more


class WordVectors(nn.Module):
    """A table of vectors; in training, a share of each text's words is left out and the others count for them."""

    table: Tensor

    def __init__(
        self, table: Float[Tensor, "entries width"], *, tuned: bool, dropped: float, layer: int, length: int
    ) -> None:
        super().__init__()
        if tuned:
            self.table = nn.Parameter(table)
        else:
            self.register_buffer("table", table)
        self.dropped = dropped
        self.layer = layer
        self.length = length  # words of a text that is not cut

    def forward(self, numbers: Int[Tensor, "rows words"]) -> Float[Tensor, "rows words width"]:
        """Return the vectors of entries from 1 on; where there is none, that of the first."""
        return nn.functional.embedding((numbers - 1).clamp_min(0), self.table)

    def kept(self, factors: Float[Tensor, "rows words"], noise: Tensor | None) -> Float[Tensor, "rows words"]:
        """Return the factors of words with those of dropped ones 0, where there is noise."""
        if noise is None or not self.dropped:
            return factors
        return factors * keep_mask(noise[self.layer], factors.shape, share=self.dropped, of_row=self.length)


class TextLayer(Layer):
    """Bias, activation, dropout of what was made of a text's vectors."""

    def __init__(self, width: int, settings: NetworkSettings, *, layer: int) -> None:
        super().__init__()
        assert settings.activation != "auto"
        assert settings.dropout != "auto"
        activation = ACTIVATIONS[settings.activation]
        self.bias = nn.Parameter(torch.zeros(width))
        self.activation = activation.module(settings)
        self.bounds = activation.saturates
        self.dropout = Dropout(settings.dropout, layer=layer)

    def forward(self, inputs: Float[Tensor, "rows width"], noise: Tensor | None) -> Float[Tensor, "rows width"]:
        outputs: Tensor = self.dropout(self.activation(inputs + self.bias), noise)
        return outputs


class WeightedTerms(ArrayNetwork):
    """Texts become the sums of their terms' weighted vectors.

    Shape: (rows, terms, 2), the number and the weight of each -> (rows, width).
    """

    def __init__(self, start: ArrayStart) -> None:
        super().__init__()
        self.vectors = word_vectors(start)
        self.width = self.vectors.table.shape[1]
        self.layers = nn.ModuleList([TextLayer(self.width, start.settings, layer=start.noise_layer + 1)])
        self.noise_layers = 2
        self.multiplications = float(start.array.shape[0] * self.width)

    def forward(self, terms: Float[Tensor, "rows terms 2"], noise: Tensor | None) -> Float[Tensor, "rows width"]:
        vectors = self.vectors(terms[..., 0].to(torch.int64))
        weights = self.vectors.kept(terms[..., 1].to(vectors.dtype), noise)
        (layer,) = self.layers
        outputs: Tensor = layer((weights[..., None, :] @ vectors)[..., 0, :], noise)
        return outputs


class WordsInOrder(ArrayNetwork):
    """A network that reads the words of a text in their order; numbers of words, 0 beyond its end."""

    def lengths(self, block: Int[Tensor, "rows words"]) -> Int[Tensor, " rows"]:
        return (block > 0).sum(1)


class AverageWords(WordsInOrder):
    """Texts become the means of their words' vectors.

    Shape: numbers of words (rows, words) -> (rows, width).
    """

    def __init__(self, start: ArrayStart) -> None:
        super().__init__()
        self.vectors = word_vectors(start)
        self.width = self.vectors.table.shape[1]
        self.layers = nn.ModuleList([TextLayer(self.width, start.settings, layer=start.noise_layer + 1)])
        self.noise_layers = 2
        self.multiplications = float(start.array.shape[0] * self.width)

    def forward(self, words: Int[Tensor, "rows words"], noise: Tensor | None) -> Float[Tensor, "rows width"]:
        vectors = self.vectors(words)
        present = (words > 0).to(vectors.dtype)
        shares = self.vectors.kept(present, noise) / present.sum(-1, keepdim=True).clamp_min(1.0)
        (layer,) = self.layers
        outputs: Tensor = layer((shares[..., None, :] @ vectors)[..., 0, :], noise)
        return outputs


class ConvolutionalWords(WordsInOrder):
    """Texts become the strongest answers of filters over 2, 3, 4, ... neighboring words.

    A window begins at each word; where it reaches beyond the last one it sees zeros.

    Shape: numbers of words (rows, words) -> (rows, sum of the widths).
    """

    def __init__(self, start: ArrayStart) -> None:
        super().__init__()
        assert start.settings.text.widths != "auto"
        self.vectors = word_vectors(start)
        width = self.vectors.table.shape[1]
        self.filters = nn.ModuleList(
            nn.Conv1d(width, filters, NARROWEST + place, bias=False)
            for place, filters in enumerate(start.settings.text.widths)
        )
        self.width = sum(start.settings.text.widths)
        self.layers = nn.ModuleList([TextLayer(self.width, start.settings, layer=start.noise_layer + 1)])
        self.noise_layers = 2
        weights = sum(parameter.numel() for parameter in self.filters.parameters())
        self.multiplications = float(start.array.shape[0] * weights)
        assert start.settings.activation != "auto"
        assert start.settings.initialization != "auto"
        gain = ACTIVATIONS[start.settings.activation].gain(start.settings)
        with torch.no_grad():
            for parameter in self.filters.parameters():
                INITIALIZATIONS[start.settings.initialization](
                    parameter, gain=gain, bound=start.settings.initialization_range, generator=start.generator
                )

    def forward(self, words: Int[Tensor, "rows words"], noise: Tensor | None) -> Float[Tensor, "rows width"]:
        vectors = self.vectors(words)
        present = (words > 0).to(vectors.dtype)
        channels = (vectors * self.vectors.kept(present, noise)[..., None]).movedim(-1, -2)
        absent = present[..., None, :] == 0
        answers = []
        for filters in self.filters:
            assert isinstance(filters, nn.Conv1d)
            (kernel,) = filters.kernel_size
            found = filters(nn.functional.pad(channels, (0, kernel - 1)))
            answers.append(found.masked_fill(absent, -torch.inf).amax(-1))
        strongest = torch.cat(answers, -1)
        (layer,) = self.layers
        outputs: Tensor = layer(torch.where(present[..., :1] > 0, strongest, 0.0), noise)
        return outputs


class RecurrentWords(WordsInOrder):
    """Texts become the states of a recurrent network at the end of each pass beside the means of all states.

    Shape: numbers of words (rows, words) -> (rows, 2 units).
    """

    def __init__(self, start: ArrayStart) -> None:
        super().__init__()
        own = start.settings.text
        assert own.widths != "auto"
        assert start.settings.dropout != "auto"
        self.vectors = word_vectors(start)
        self.bidirectional = own.bidirectional
        self.layers = recurrent_layers(
            own.family,
            self.vectors.table.shape[1],
            own.widths,
            bidirectional=self.bidirectional,
            generator=start.generator,
        )
        self.dropout = Dropout(start.settings.dropout, layer=start.noise_layer + 1)
        self.width = states_width(own.widths, bidirectional=self.bidirectional)
        self.noise_layers = 2
        weights = sum(parameter.numel() for parameter in self.layers.parameters() if parameter.ndim == 2)
        self.multiplications = float(start.array.shape[0] * weights)

    def forward(self, words: Int[Tensor, "rows words"], noise: Tensor | None) -> Float[Tensor, "rows width"]:
        vectors, present = self.inputs_of(words)
        inputs = vectors * self.vectors.kept(present, noise)[..., None]
        outputs: Tensor = self.dropout(read(self.layers, inputs, present, bidirectional=self.bidirectional), noise)
        return outputs

    def inputs_of(self, words: Int[Tensor, "rows words"]) -> tuple[Tensor, Tensor]:
        """Return what the first layer reads where no word is dropped, and 1 for each word, else 0."""
        vectors = self.vectors(words)
        return vectors, (words > 0).to(vectors.dtype)


def word_vectors(start: ArrayStart) -> WordVectors:
    """Return a table of the vocabulary's vectors: drawn, or begun with those of a file."""
    own, vocabulary = start.settings.text, start.array.vocabulary
    assert own.width != "auto"
    assert own.tuned != "auto"
    assert start.training.word_dropout != "auto"
    table = torch.randn(len(vocabulary), own.width, generator=start.generator) * SPREAD
    if own.vectors is not None and start.sample is not None:  # else the weights come from elsewhere
        table = started_from(own.vectors, table, vocabulary, tuned=own.tuned)
    return WordVectors(
        table,
        tuned=own.tuned,
        dropped=start.training.word_dropout,
        layer=start.noise_layer,
        length=start.array.shape[0],
    )
