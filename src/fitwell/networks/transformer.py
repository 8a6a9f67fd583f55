"""Transformers: every step looks at all steps at once, and takes from those that it attends to (Vaswani et al. 2017).

In attention each step has a query q, a key k and a value v, linear maps of it, in each of several heads of width d:

    step i gets   Σ_j softmax_j(q_i · k_j / √d) v_j,

and the heads' answers, side by side, go through one more linear map. A layer adds to each step first what it gets so,
then what two linear maps with an activation between make of it. Both see normalized steps, so that the sums themselves
pass gradients unchanged (pre-norm: Xiong et al. 2020); the last maps of both start smaller by √(2 layers), so that the
sums start with the spread of the first layer's inputs (Radford et al. 2019). The mean of the last layer's normalized
steps is handed on.

Attention does not know where a step stands. Rotary positions (Su et al. 2021) turn pairs of entries of queries and keys
by angles that grow with the step, so that their product depends on the distance of two steps; sinusoidal and learned
ones are added to the first layer's inputs.

What fills a series or a text up is attended to by no step, and left out of the mean. So is a word that is dropped.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from fitwell.networks.activations import ACTIVATIONS
from fitwell.networks.initialization import INITIALIZATIONS
from fitwell.networks.layer import ArrayNetwork, ArrayStart, Layer
from fitwell.networks.noise import Dropout
from fitwell.networks.text import WordsInOrder, word_vectors
from fitwell.recipe import NetworkSettings

LONGEST_WAVE = 10_000.0  # the slowest of the waves turns once in 2π times as many steps, as in the paper
SERIES_KERNEL = 7  # steps around each that a series' first map sees: a single number says little
EPSILON = 1e-5
POSITION_SPREAD = 0.02

Steps = Float[Tensor, "rows steps width"]


class Attention(nn.Module):
    """Each step gets a weighted mean of the values of all that are present, by each of several heads."""

    def __init__(self, width: int, heads: int, *, is_rotary: bool, generator: torch.Generator) -> None:
        super().__init__()
        self.heads = heads
        self.is_rotary = is_rotary
        self.asking = nn.Linear(width, 3 * width)  # queries, keys and values of all heads
        self.joining = nn.Linear(width, width)
        with torch.no_grad():
            for weight in (*self.asking.weight.chunk(3), self.joining.weight):
                nn.init.xavier_uniform_(weight, generator=generator)
            self.asking.bias.zero_()
            self.joining.bias.zero_()

    def forward(self, steps: Steps, absent: Bool[Tensor, "rows steps"]) -> Steps:
        queries, keys, values = (
            part.unflatten(-1, (self.heads, -1)).movedim(-2, -3) for part in self.asking(steps).chunk(3, -1)
        )  # each (rows, heads, steps, width of a head)
        if self.is_rotary:
            queries, keys = turned(queries), turned(keys)
        scores = queries @ keys.mT / math.sqrt(queries.shape[-1])
        # Finite, so that a row without any step gets no not-a-number: it takes from all alike, and counts for nothing.
        scores = scores.masked_fill(absent[..., None, None, :], torch.finfo(scores.dtype).min)
        answers: Tensor = self.joining((scores.softmax(-1) @ values).movedim(-3, -2).flatten(-2))
        return answers


class TransformerLayer(Layer):
    """Attention and then two maps of each step alone, each added to its own inputs."""

    def __init__(
        self, steps: int, width: int, settings: NetworkSettings, *, noise_layer: int, generator: torch.Generator
    ) -> None:
        super().__init__()
        own = settings.transformer
        assert settings.activation != "auto"
        assert settings.initialization != "auto"
        self.attention_norm = nn.LayerNorm(width, eps=EPSILON)
        self.attention = Attention(width, own.heads, is_rotary=own.positions == "rotary", generator=generator)
        self.widened_norm = nn.LayerNorm(width, eps=EPSILON)
        self.widening = nn.Linear(width, own.feedforward * width)
        activation = ACTIVATIONS[settings.activation]
        self.activation = activation.module(settings)
        self.bounds = activation.saturates
        self.narrowing = nn.Linear(own.feedforward * width, width)
        self.attention_dropout = Dropout(own.dropout, layer=noise_layer, steps=steps)
        self.widened_dropout = Dropout(own.dropout, layer=noise_layer + 1, steps=steps)
        with torch.no_grad():
            INITIALIZATIONS[settings.initialization](
                self.widening.weight,
                gain=activation.gain(settings),
                bound=settings.initialization_range,
                generator=generator,
            )
            nn.init.xavier_uniform_(self.narrowing.weight, generator=generator)
            self.widening.bias.zero_()
            self.narrowing.bias.zero_()
            for last in (self.attention.joining, self.narrowing):
                last.weight.div_(math.sqrt(2 * own.layers))

    def forward(self, steps: Steps, absent: Bool[Tensor, "rows steps"], noise: Tensor | None) -> Steps:
        steps = steps + self.attention_dropout(self.attention(self.attention_norm(steps), absent), noise)
        widened = self.activation(self.widening(self.widened_norm(steps)))
        outputs: Tensor = steps + self.widened_dropout(self.narrowing(widened), noise)
        return outputs


class Positions(nn.Module):
    """Adds to each step what tells where it stands, as far as attention itself does not; then dropout."""

    def __init__(
        self, steps: int, width: int, settings: NetworkSettings, *, noise_layer: int, generator: torch.Generator
    ) -> None:
        super().__init__()
        self.kind = settings.transformer.positions
        self.dropout = Dropout(settings.transformer.dropout, layer=noise_layer, steps=steps)
        if self.kind == "learned":
            self.table = nn.Parameter(torch.randn(steps, width, generator=generator) * POSITION_SPREAD)

    def forward(self, steps: Steps, noise: Tensor | None) -> Steps:
        if self.kind == "learned":
            steps = steps + self.table[: steps.shape[-2]]
        elif self.kind == "sinusoidal":
            angles = angles_of(steps, width=steps.shape[-1])
            steps = steps + torch.cat([angles.sin(), angles.cos()], -1)
        outputs: Tensor = self.dropout(steps, noise)
        return outputs


class TransformerSeries(ArrayNetwork):
    """Series become the mean of what a transformer makes of their steps, of which each first sees a few neighbors.

    Shape: (rows, steps, channels), the last channel 1 on a series' own steps, else 0 -> (rows, width).
    """

    def __init__(self, start: ArrayStart) -> None:
        super().__init__()
        own = start.settings.transformer
        assert own.width != "auto"
        steps, channels = start.array.shape
        self.width = own.width
        self.entering = nn.Conv1d(channels - 1, self.width, SERIES_KERNEL, padding=SERIES_KERNEL // 2)
        with torch.no_grad():
            nn.init.xavier_uniform_(self.entering.weight, generator=start.generator)
            assert self.entering.bias is not None
            self.entering.bias.zero_()
        self.positions = Positions(
            steps, self.width, start.settings, noise_layer=start.noise_layer, generator=start.generator
        )
        self.layers = _layers(
            steps, self.width, start.settings, noise_layer=start.noise_layer + 1, generator=start.generator
        )
        self.leaving_norm = nn.LayerNorm(self.width, eps=EPSILON)
        self.noise_layers = 1 + 2 * own.layers
        self.multiplications = _multiplications(self, steps=steps, width=self.width)

    def forward(
        self, series: Float[Tensor, "rows steps channels"], noise: Tensor | None
    ) -> Float[Tensor, "rows width"]:
        present = series[..., -1]
        values = series[..., :-1] * present[..., None]
        steps = self.positions(self.entering(values.movedim(-1, -2)).movedim(-2, -1), noise)
        return mean_of(self.leaving_norm(_through(self.layers, steps, present, noise)), present)


class TransformerWords(WordsInOrder):
    """Texts become the mean of what a transformer makes of their words.

    Shape: numbers of words (rows, words) -> (rows, width).
    """

    def __init__(self, start: ArrayStart) -> None:
        super().__init__()
        own = start.settings.transformer
        assert own.width != "auto"
        assert start.settings.dropout != "auto"
        (words,) = start.array.shape
        self.vectors = word_vectors(start)
        given = self.vectors.table.shape[1]
        self.width = own.width
        self.entering: nn.Module = nn.Identity()
        if given != self.width:
            entering = nn.Linear(given, self.width, bias=False)
            with torch.no_grad():
                nn.init.xavier_uniform_(entering.weight, generator=start.generator)
            self.entering = entering
        # Vectors of words start small, and those of a file have a length of their own: positions must not drown them.
        self.entering_norm = nn.LayerNorm(self.width, eps=EPSILON)
        self.positions = Positions(
            words, self.width, start.settings, noise_layer=start.noise_layer + 1, generator=start.generator
        )
        self.layers = _layers(
            words, self.width, start.settings, noise_layer=start.noise_layer + 2, generator=start.generator
        )
        self.leaving_norm = nn.LayerNorm(self.width, eps=EPSILON)
        self.dropout = Dropout(start.settings.dropout, layer=start.noise_layer + 2 + 2 * own.layers)
        self.noise_layers = 3 + 2 * own.layers
        self.multiplications = _multiplications(self, steps=words, width=self.width)

    def forward(self, words: Int[Tensor, "rows words"], noise: Tensor | None) -> Float[Tensor, "rows width"]:
        vectors = self.vectors(words)
        present = self.vectors.kept((words > 0).to(vectors.dtype), noise).sgn()
        steps = self.positions(self.entering_norm(self.entering(vectors)), noise)
        read = mean_of(self.leaving_norm(_through(self.layers, steps, present, noise)), present)
        outputs: Tensor = self.dropout(read, noise)
        return outputs


def turned(vectors: Float[Tensor, "rows heads steps width"]) -> Float[Tensor, "rows heads steps width"]:
    """Return vectors whose pairs of entries (i, i + width/2) are turned by the angles of their steps.

    >>> vectors = torch.ones(1, 1, 2, 2)
    >>> turned(vectors)[0, 0].round(decimals=2)  # the second by one radian
    tensor([[ 1.0000,  1.0000],
            [-0.3000,  1.3800]])
    """
    angles = angles_of(vectors, width=vectors.shape[-1])
    cosines, sines = angles.cos(), angles.sin()
    first, second = vectors.chunk(2, -1)
    return torch.cat([first * cosines - second * sines, second * cosines + first * sines], -1)


def angles_of(steps: Float[Tensor, "*rows steps width"], *, width: int) -> Float[Tensor, "steps half"]:
    """Return the angle of each step in each of width / 2 waves: t / 10000^(2i / width)."""
    waves = torch.arange(0, width, 2, dtype=steps.dtype, device=steps.device) / width
    places = torch.arange(steps.shape[-2], dtype=steps.dtype, device=steps.device)
    return places[:, None] * LONGEST_WAVE**-waves


def mean_of(steps: Steps, present: Float[Tensor, "rows steps"]) -> Float[Tensor, "rows width"]:
    """Return each row's mean over the steps that are present; zeros where none is."""
    shares = present / present.sum(-1, keepdim=True).clamp_min(1.0)
    return (shares[..., None, :] @ steps)[..., 0, :]


def _layers(
    steps: int, width: int, settings: NetworkSettings, *, noise_layer: int, generator: torch.Generator
) -> nn.ModuleList:
    return nn.ModuleList(
        TransformerLayer(steps, width, settings, noise_layer=noise_layer + 2 * place, generator=generator)
        for place in range(settings.transformer.layers)
    )


def _through(layers: nn.ModuleList, steps: Steps, present: Float[Tensor, "rows steps"], noise: Tensor | None) -> Steps:
    absent = present == 0
    for layer in layers:
        steps = layer(steps, absent, noise)
    return steps


def _multiplications(network: ArrayNetwork, *, steps: int, width: int) -> float:
    """Return about how many multiplications a row takes: every weight once a step, and every step with every step."""
    weights = sum(parameter.numel() for name, parameter in network.named_parameters() if "vectors" not in name)
    return float(steps * (weights + len(network.layers) * 2 * steps * width))
