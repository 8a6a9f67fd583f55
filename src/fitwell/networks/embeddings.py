"""Numbers and categories widened before the first layer.

A number enters a network as one input, and a network of a few layers bends it only slowly. Widening each number first
(by where it lies among the training values, or by periodic functions of it) lets the first layer draw curves and
steps; it is what brings networks level with trees on tables (Gorishniy, Rubachev and Babenko 2022).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

CATEGORY_SPREAD = 0.3  # of the vectors at the start
SCALE_PACE = 6.0


class PeriodicEmbedding(nn.Module):
    """A linear map of cos(2π w x + b) for each number x, with learned frequencies w and phases b.

    With a bias, as Holzmüller, Grinsztajn and Steinwart (2024) have it, after Gorishniy, Rubachev and Babenko (2022).
    `scale` is the standard deviation of the frequencies at the start.

    Shape: numbers (rows, numbers) -> (rows, numbers, width).
    """

    def __init__(self, numbers: int, *, width: int, frequencies: int, scale: float, generator: torch.Generator) -> None:
        super().__init__()
        self.frequency = nn.Parameter(torch.randn(numbers, frequencies, generator=generator) * scale)
        self.phase = nn.Parameter((torch.rand(numbers, frequencies, generator=generator) * 2 - 1) * math.pi)
        bound = 1 / math.sqrt(frequencies)
        self.weight = nn.Parameter(_uniform(numbers, frequencies, width, bound=bound, generator=generator))
        self.bias = nn.Parameter(_uniform(numbers, width, bound=bound, generator=generator))

    def forward(self, numbers: Float[Tensor, "rows numbers"]) -> Float[Tensor, "rows numbers width"]:
        angles = 2 * math.pi * (self.frequency[..., None] * _across(numbers)) + self.phase[..., None]
        embedded = self.weight.mT @ angles.cos() + self.bias[..., None]
        return embedded.permute(2, 0, 1)


class PiecewiseLinearEmbedding(nn.Module):
    """A linear map of each number's place in bins: e_t(x) = (x - b_t) / (b_{t+1} - b_t), cut to [0, 1].

    Bin edges are quantiles of training rows; a number with fewer distinct values has fewer bins, the rest stay 0.
    Equation 1 of Gorishniy, Rubachev and Babenko (2022); we cut the first and last bins too, because the number itself
    stands beside its embedding and tells values beyond the training range apart.

    Shape: numbers (rows, numbers) -> (rows, numbers, width).
    """

    edges: Tensor
    slopes: Tensor

    def __init__(self, edges: list[Float[Tensor, " _"]], *, bins: int, width: int, generator: torch.Generator) -> None:
        super().__init__()
        numbers = len(edges)
        starts, slopes = torch.zeros(numbers, bins), torch.zeros(numbers, bins)
        for number, of_one in enumerate(edges):
            used = len(of_one) - 1
            starts[number, :used], slopes[number, :used] = of_one[:-1], 1 / of_one.diff()
        self.register_buffer("edges", starts)
        self.register_buffer("slopes", slopes)
        spread = 0.5 / math.sqrt(bins)  # small beside the number itself: what bends is learned
        self.weight = nn.Parameter(torch.randn(numbers, bins, width, generator=generator) * spread)

    def forward(self, numbers: Float[Tensor, "rows numbers"]) -> Float[Tensor, "rows numbers width"]:
        places = ((_across(numbers) - self.edges[..., None]) * self.slopes[..., None]).clamp(0, 1)
        return (self.weight.mT @ places).permute(2, 0, 1)


class NumberEmbedding(nn.Module):
    """Each number beside the sum of its embeddings, `width` entries in all.

    Shape: numbers (rows, numbers) -> (rows, numbers * width).
    """

    def __init__(self, parts: Sequence[nn.Module]) -> None:
        super().__init__()
        self.parts = nn.ModuleList(parts)

    def forward(self, numbers: Float[Tensor, "rows numbers"]) -> Float[Tensor, "rows embedded"]:
        first, *others = self.parts
        embedded = first(numbers)
        for part in others:
            embedded = embedded + part(numbers)
        return torch.cat([embedded, numbers[..., None]], -1).flatten(-2)


class CategoryEmbedding(nn.Module):
    """A learned vector for each value of each category column; code 0 is the vector of missing, rare and unseen.

    Shape: codes (rows, categories) -> (rows, sum of widths).
    """

    def __init__(self, cardinalities: tuple[int, ...], *, widths: tuple[int, ...], generator: torch.Generator) -> None:
        super().__init__()
        self.tables = nn.ParameterList(
            nn.Parameter(torch.randn(cardinality, width, generator=generator) * CATEGORY_SPREAD)
            for cardinality, width in zip(cardinalities, widths, strict=True)
        )

    def forward(self, codes: Int[Tensor, "rows categories"]) -> Float[Tensor, "rows embedded"]:
        return torch.cat([table[codes[..., place]] for place, table in enumerate(self.tables)], -1)


class InputScale(nn.Module):
    """A learned factor for each input, 1 at the start: a soft choice of inputs (Holzmüller et al. 2024).

    The parameter is a sixth of the factor, so that the factors move six times as fast as other weights under
    optimizers whose steps do not depend on the gradient's size.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.factor = nn.Parameter(torch.full((width,), 1 / SCALE_PACE))

    def forward(self, inputs: Float[Tensor, "rows width"]) -> Float[Tensor, "rows width"]:
        return inputs * (self.factor * SCALE_PACE)


def quantile_edges(numbers: Float[Tensor, "rows numbers"], *, bins: int) -> list[Float[Tensor, " _"]]:
    """Return each number's distinct quantiles as bin edges, at least two; with many ties, of the distinct values.

    >>> [edges.tolist() for edges in quantile_edges(torch.tensor([[0.0], [1.0], [2.0]]), bins=2)]
    [[0.0, 1.0, 2.0]]
    >>> [edges.tolist() for edges in quantile_edges(torch.tensor([[3.0], [3.0]]), bins=2)]
    [[3.0, 4.0]]
    """
    return [torch.from_numpy(_edges(column, bins)) for column in numbers.numpy().T]


def _across(numbers: Float[Tensor, "rows numbers"]) -> Float[Tensor, "numbers 1 rows"]:
    """Return the numbers with the rows last: as columns of a matrix product they cost a fifth of what rows cost."""
    return numbers.mT.contiguous()[:, None]


def _edges(values: Float[np.ndarray, " rows"], bins: int) -> Float[np.ndarray, " edges"]:
    edges = np.unique(np.quantile(values, np.linspace(0, 1, bins + 1)).astype(np.float32))
    if len(edges) <= bins // 2:  # most quantiles fell on the same few values
        distinct = np.unique(values)
        levels = np.linspace(0, 1, min(bins, max(1, len(distinct) - 1)) + 1)
        edges = np.unique(np.quantile(distinct, levels).astype(np.float32))
    return edges if len(edges) > 1 else np.array([edges[0], edges[0] + 1])


def _uniform(*shape: int, bound: float, generator: torch.Generator) -> Tensor:
    return (torch.rand(*shape, generator=generator) * 2 - 1) * bound
