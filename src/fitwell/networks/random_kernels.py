"""Random kernels for series: thousands of small filters that nobody learns, and how often each of them responds.

Filters of nine steps, their weights drawn at random and their mean taken out, slide over a series at dilations of 1, 2,
4 and so on up to its length; of several channels a filter sees a random few. Of each filter a series tells the share of
its own steps at which the response is above a bias, for several biases; these are quantiles of the responses to
training series. Filters without a mean do not see how high a series lies, so each channel's mean and spread stand
beside the shares. What follows learns from those numbers alone, which a few dozen series suffice for (Dempster,
Petitjean and Webb 2020, ROCKET; the biases as in Dempster, Schmidt and Webb 2021, MiniRocket); where that is a linear
layer, from as many whitened directions of them as there are series (`networks/whitening.py`).

Nothing here has parameters: the filters are the same in every run, and each series is read once, before the first step.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional

from fitwell.networks.layer import ArrayNetwork, ArrayStart
from fitwell.networks.whitening import Whitening

LENGTH = 9  # steps that a filter sees
KERNELS, BIASES = 1_000, 4  # filters of all dilations together, and biases of each
BIASED_BY, SCALED_BY = 32, 1_000  # training series, about, for biases and for scales
SPREAD = 0.3  # of each share over the training series: a step of adam then moves outputs a little, not by leaps
LEAST = 0.01  # spread of a share; what differs less between series is not blown up
SEED = 20  # of the filters
GOLDEN = (math.sqrt(5) - 1) / 2
AT_ONCE = 64  # series read together
COMPARED = 200  # multiplications that it takes as long as to compare one response with its biases


class RandomKernels(ArrayNetwork):
    """Series become shares of steps, scaled, or whitened directions of them; those read beforehand stay as they are.

    Shape: (rows, steps, channels), the last channel 1 on a series' own steps, else 0 -> (rows, width).
    """

    biases: Tensor
    center: Tensor
    factor: Tensor

    def __init__(self, start: ArrayStart) -> None:
        super().__init__()
        steps, channels = start.array.shape
        self.noise_layers = 0
        self.layers = nn.ModuleList()
        self.dilations = dilations_of(steps)
        self.each = -(-KERNELS // len(self.dilations))
        drawn = torch.Generator().manual_seed(SEED)
        for place in range(len(self.dilations)):
            self.register_buffer(f"kernels_{place}", kernels(self.each, channels - 1, generator=drawn))
        shares, directions = len(self.dilations) * self.each * BIASES + 2 * (channels - 1), 0
        if start.settings.whitened_directions != "auto":  # a run that was written before there were any says auto
            directions = start.settings.whitened_directions
        self.width = directions or shares
        self.register_buffer("biases", torch.zeros(len(self.dilations), self.each, BIASES))
        self.register_buffer("center", torch.zeros(shares))
        self.register_buffer("factor", torch.ones(shares))
        self.whitening = Whitening(shares, directions) if directions else None
        responding = steps * len(self.dilations) * self.each * (LENGTH * (channels - 1) + COMPARED)
        self.multiplications = float(responding + shares * directions)
        if start.sample is not None and len(start.sample):
            self._fit(start.sample)

    def forward(self, series: Float[Tensor, "rows ..."], noise: Tensor | None) -> Float[Tensor, "rows width"]:
        if series.ndim == 2:
            return series
        scaled = (self._told(series) - self.center) * self.factor
        return scaled if self.whitening is None else self.whitening(scaled)

    def read(self, series: Float[Tensor, "rows steps channels"]) -> Float[Tensor, "rows width"]:
        """Return what series become, so that each is read once."""
        with torch.no_grad():
            return torch.cat([self(some, None) for some in torch.split(series, AT_ONCE)])

    def _responses(self, series: Tensor, place: int) -> Float[Tensor, "rows kernels steps"]:
        values, dilation = series[..., :-1].movedim(-1, -2), self.dilations[place]
        weights = self.get_buffer(f"kernels_{place}")
        return functional.conv1d(values, weights, padding=dilation * (LENGTH // 2), dilation=dilation)

    def _told(self, series: Tensor) -> Float[Tensor, "rows shares"]:
        """Return the shares of every filter and bias, and each channel's mean and spread."""
        present = series[..., None, :, -1]
        own = present.sum(-1).clamp_min(1.0)
        found = []
        for place in range(len(self.dilations)):
            responses = self._responses(series, place)
            for bias in self.biases[place].unbind(-1):
                above = (responses > bias[:, None]).to(responses.dtype)
                found.append((above @ present.movedim(-1, -2)).squeeze(-1) / own)  # a product: faster than a sum
        values = series[..., :-1] * series[..., -1:]
        mean = values.sum(-2) / own
        squared = ((values - mean[..., None, :]) * series[..., -1:]).square().sum(-2) / own
        return torch.cat([*found, mean, squared.sqrt()], -1)

    def _fit(self, sample: Tensor) -> None:
        """Take biases from some of these series, and scales and directions from more of them."""
        some = sample[:: max(1, len(sample) // BIASED_BY)]
        for place in range(len(self.dilations)):
            self.biases[place] = spread_quantiles(self._responses(some, place), some[..., -1] > 0)
        more = torch.split(sample[:: max(1, len(sample) // SCALED_BY)], AT_ONCE)
        shares = torch.cat([self._told(part) for part in more])
        self.center.copy_(shares.mean(0))
        self.factor.copy_(SPREAD / shares.std(0, correction=0).clamp_min(LEAST))
        if self.whitening is not None:
            self.whitening.fit((shares - self.center) * self.factor)


def dilations_of(steps: int) -> list[int]:
    """Return 1, 2, 4 and so on, as long as a filter fits a series of so many steps.

    >>> dilations_of(5), dilations_of(100)
    ([1], [1, 2, 4, 8])
    """
    most = max(1, (steps - 1) // (LENGTH - 1))
    return [2**power for power in range(most.bit_length())]


def kernels(count: int, channels: int, *, generator: torch.Generator) -> Float[Tensor, "kernels channels length"]:
    """Return normal weights whose mean is 0 in each channel that a filter sees; of several it sees a random few.

    How many is even by ratio: as often one as two to three or four to seven.
    """
    weights = torch.randn(count, channels, LENGTH, generator=generator)
    weights = weights - weights.mean(-1, keepdim=True)
    most = math.log2(min(channels, LENGTH) + 1)
    seen = (2 ** (most * torch.rand(count, 1, generator=generator))).floor()
    rank = torch.rand(count, channels, generator=generator).argsort(1).argsort(1)
    return weights * (rank < seen)[..., None]


def spread_quantiles(
    responses: Float[Tensor, "rows kernels steps"], present: Bool[Tensor, "rows steps"]
) -> Float[Tensor, "kernels biases"]:
    """Return, for each filter, quantiles of its responses; over the filters, probabilities are evenly spread."""
    own = responses.movedim(1, 0)[:, present].sort(-1).values
    count, last = own.shape[0], own.shape[1] - 1
    if last < 0:
        return responses.new_zeros(count, BIASES)
    probabilities = ((torch.arange(count * BIASES, device=own.device) + 1).double() * GOLDEN % 1).view(count, BIASES)
    # Between two responses: at one of them, rounding would decide whether a training series is above.
    below = (probabilities * last).floor().to(torch.int64)
    return (own.gather(1, below) + own.gather(1, (below + 1).clamp(max=last))) / 2
