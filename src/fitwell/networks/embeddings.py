"""Numbers and categories widened before the first layer.

A number enters a network as one input, and a network of a few layers bends it only slowly. Widening each number first
(by where it lies among the training values, or by periodic functions of it) lets the first layer draw curves and
steps; it is what brings networks level with trees on tables (Gorishniy, Rubachev and Babenko 2022).
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn


class PeriodicEmbedding(nn.Module):
    """Each number x beside a linear map of cos(2π(w x + b)), with learned frequencies w and phases b.

    The periodic embedding with a bias and a dense connection of Holzmüller, Grinsztajn and Steinwart (2024), after
    Gorishniy, Rubachev and Babenko (2022). `scale` is the standard deviation of the frequencies at the start.

    Shape: numbers (rows, numbers) -> (rows, numbers * width).
    """

    def __init__(self, numbers: int, *, width: int, frequencies: int, scale: float, generator: torch.Generator) -> None:
        super().__init__()
        self.frequency = nn.Parameter(torch.randn(numbers, frequencies, generator=generator) * scale)
        self.phase = nn.Parameter((torch.rand(numbers, frequencies, generator=generator) * 2 - 1) * math.pi)
        bound = 1 / math.sqrt(frequencies)
        self.weight = nn.Parameter(_uniform(numbers, frequencies, width - 1, bound=bound, generator=generator))
        self.bias = nn.Parameter(_uniform(numbers, width - 1, bound=bound, generator=generator))

    def forward(self, numbers: Float[Tensor, "rows numbers"]) -> Float[Tensor, "rows embedded"]:
        waves = (2 * math.pi * (numbers[..., None] * self.frequency) + self.phase).cos()
        mixed = torch.einsum("rnf,nfw->rnw", waves, self.weight) + self.bias
        return torch.cat([mixed, numbers[..., None]], -1).flatten(-2)


class PiecewiseLinearEmbedding(nn.Module):
    """Each number x as a linear map of its place in bins: e_t(x) = (x - b_t) / (b_{t+1} - b_t), cut to [0, 1].

    The first entry is not cut below and the last not above, so that values beyond the training range still differ.
    Bin edges are quantiles of training rows; a number with fewer distinct values has fewer bins, the rest stay 0.
    Equation 1 of Gorishniy, Rubachev and Babenko (2022).

    Shape: numbers (rows, numbers) -> (rows, numbers * width).
    """

    edges: Tensor
    lengths: Tensor
    lowest: Tensor
    highest: Tensor

    def __init__(
        self, edges: list[Float[Tensor, " edges"]], *, bins: int, width: int, generator: torch.Generator
    ) -> None:
        super().__init__()
        numbers = len(edges)
        starts, lengths = torch.zeros(numbers, bins), torch.full((numbers, bins), math.inf)
        lowest, highest = torch.zeros(numbers, bins), torch.ones(numbers, bins)
        for number, of_one in enumerate(edges):
            used = len(of_one) - 1
            starts[number, :used], lengths[number, :used] = of_one[:-1], of_one.diff()
            lowest[number, 0], highest[number, used - 1] = -math.inf, math.inf
        self.register_buffer("edges", starts)
        self.register_buffer("lengths", lengths)
        self.register_buffer("lowest", lowest)
        self.register_buffer("highest", highest)
        bound = 1 / math.sqrt(bins)
        self.weight = nn.Parameter(_uniform(numbers, bins, width, bound=bound, generator=generator))
        self.bias = nn.Parameter(_uniform(numbers, width, bound=bound, generator=generator))

    def forward(self, numbers: Float[Tensor, "rows numbers"]) -> Float[Tensor, "rows embedded"]:
        places = (numbers[..., None] - self.edges) / self.lengths
        places = torch.minimum(torch.maximum(places, self.lowest), self.highest)
        return (torch.einsum("rnb,nbw->rnw", places, self.weight) + self.bias).flatten(-2)


class CategoryEmbedding(nn.Module):
    """A learned vector for each value of each category column; code 0 is the vector of missing, rare and unseen.

    Shape: codes (rows, categories) -> (rows, sum of widths).
    """

    def __init__(self, cardinalities: tuple[int, ...], *, widths: tuple[int, ...], generator: torch.Generator) -> None:
        super().__init__()
        self.tables = nn.ParameterList(
            nn.Parameter(torch.randn(cardinality, width, generator=generator))
            for cardinality, width in zip(cardinalities, widths, strict=True)
        )

    def forward(self, codes: Int[Tensor, "rows categories"]) -> Float[Tensor, "rows embedded"]:
        return torch.cat([table[codes[..., place]] for place, table in enumerate(self.tables)], -1)


def quantile_edges(numbers: Float[Tensor, "rows numbers"], *, bins: int) -> list[Float[Tensor, " edges"]]:
    """Return each number's distinct quantiles, at least two apart ones, as bin edges.

    >>> [edges.tolist() for edges in quantile_edges(torch.tensor([[0.0], [1.0], [2.0]]), bins=2)]
    [[0.0, 1.0, 2.0]]
    >>> [edges.tolist() for edges in quantile_edges(torch.tensor([[3.0], [3.0]]), bins=2)]
    [[3.0, 4.0]]
    """
    levels = torch.linspace(0, 1, bins + 1, dtype=torch.float64)
    found = [column.double().quantile(levels).float().unique() for column in numbers.T]
    return [edges if len(edges) > 1 else torch.tensor([float(edges[0]), float(edges[0]) + 1]) for edges in found]


def _uniform(*shape: int, bound: float, generator: torch.Generator) -> Tensor:
    return (torch.rand(*shape, generator=generator) * 2 - 1) * bound
