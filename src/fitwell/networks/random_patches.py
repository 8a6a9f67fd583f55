"""Random patches for images: filters that are pieces of training pictures, and how strongly each of them responds.

Patches of six by six pixels are cut out of training pictures at random, brought to one contrast and whitened, so that
edges and colors count rather than what all patches share; some of them are the filters. A filter's response at a place
tells how much the patch there is like it. What is beyond a bias, on either side, is averaged over each quarter of a
picture and over its middle, at full and at half size. What follows learns from those numbers alone, which a few dozen
pictures suffice for (Coates, Lee & Ng 2011, An analysis of single-layer networks; without clusters as in Thiry et al.
2021).

Nothing here has parameters, and each picture is read once, before the first step. What is told of a picture that may be
mirrored is the mean of what is told of it and of its mirror image.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from jaxtyping import Float, Float64, UInt8
from torch import Tensor, nn
from torch.nn import functional

from fitwell.networks.layer import ArrayNetwork, ArrayStart

SIDE, FILTERS = 6, 256  # of a patch; of each size of the pictures
SCALES, FULLEST = 2, 2  # full size and half; sides of at least so many patches are halved
PLACES = 32  # along the longer side, about, at which filters are asked
CONTRAST = 1_000.0  # added to a patch's variance, in squared steps of 256: noise in the sky is not made an edge
WHITENED = 0.01  # added to the variance along each direction of the patches
BIAS, QUARTERS = 1.0, 2  # of responses; so many along each side
PATCHES, SCALED_BY = 20_000, 1_000  # patches that are looked at, and pictures, about, for scales
SPREAD = 0.3  # of each number over the training pictures: a step of adam then moves outputs a little, not by leaps
LEAST = 0.01  # spread, as a share of the largest; what differs less between pictures is not blown up
SEED = 20  # of the patches
AT_ONCE = 16  # pictures read together


class RandomPatches(ArrayNetwork):
    """Pictures become mean responses, scaled; responses that were read beforehand are taken as they are.

    Shape: bytes (rows, height, width, channels) -> (rows, responses).
    """

    center: Tensor
    factor: Tensor

    def __init__(self, start: ArrayStart) -> None:
        super().__init__()
        assert start.training.image_flip != "auto"
        height, width, channels = start.array.shape
        self.noise_layers = 0
        self.layers = nn.ModuleList()
        self.mirrored = start.training.image_flip
        self.sides = list(sides_of(height, width))
        self.multiplications = 0.0
        for scale, (tall, wide) in enumerate(self.sides):
            side = min(SIDE, tall, wide)
            self.register_buffer(f"filters_{scale}", torch.zeros(FILTERS, channels, side, side))
            self.register_buffer(f"offsets_{scale}", torch.zeros(FILTERS))
            stride = stride_of(tall, wide)
            places = math.prod((each - side) // stride + 1 for each in (tall, wide))
            self.multiplications += (1 + self.mirrored) * places * FILTERS * channels * side**2
        self.width = 2 * FILTERS * (QUARTERS**2 + 1) * len(self.sides)
        self.register_buffer("center", torch.zeros(self.width))
        self.register_buffer("factor", torch.ones(self.width))
        if start.sample is not None and len(start.sample):
            self._fit(start.sample)

    def forward(self, images: Tensor, noise: Tensor | None) -> Float[Tensor, "rows responses"]:
        if images.ndim == 2:
            return images
        return (self._told(images) - self.center) * self.factor

    def read(self, images: UInt8[Tensor, "rows height width channels"]) -> Float[Tensor, "rows responses"]:
        """Return the scaled responses to pictures, so that each is read once."""
        with torch.no_grad():
            return torch.cat([self(some, None) for some in torch.split(images, AT_ONCE)])

    def _told(self, images: Tensor) -> Float[Tensor, "rows responses"]:
        pictures = images.movedim(-1, -3).to(torch.float32)
        told = torch.cat([self._means(scaled, scale) for scale, scaled in enumerate(self._scaled(pictures))], -1)
        if not self.mirrored:
            return told
        mirrored = enumerate(self._scaled(pictures.flip(-1)))
        return (told + torch.cat([self._means(scaled, scale) for scale, scaled in mirrored], -1)) / 2

    def _scaled(self, pictures: Tensor) -> Iterator[Float[Tensor, "rows channels height width"]]:
        """Yield pictures at each size."""
        for scale in range(len(self.sides)):
            yield functional.avg_pool2d(pictures, 2**scale) if scale else pictures

    def _means(self, pictures: Tensor, scale: int) -> Float[Tensor, "rows responses"]:
        """Return what is beyond the bias, above and below, as means over each quarter and over the middle."""
        filters, offsets = self.get_buffer(f"filters_{scale}"), self.get_buffer(f"offsets_{scale}")
        side, stride = filters.shape[-1], stride_of(*self.sides[scale])
        mean, square = (
            functional.avg_pool2d(values.mean(-3, keepdim=True), side, stride)
            for values in (pictures, pictures.square())
        )
        contrast = (square - mean.square()).clamp_min(0) + CONTRAST
        # The filters' weights have no sum: a patch's mean need not be taken out.
        responses = functional.conv2d(pictures, filters, stride=stride) * contrast.rsqrt() - offsets[:, None, None]
        both = torch.cat([(responses - BIAS).relu(), (-responses - BIAS).relu()], -3)
        top, left = (places // 4 for places in both.shape[-2:])
        middle = both[..., top : both.shape[-2] - top, left : both.shape[-1] - left].mean((-2, -1))
        return torch.cat([functional.adaptive_avg_pool2d(both, QUARTERS).flatten(-3), middle], -1)

    def _fit(self, sample: Tensor) -> None:
        """Cut filters out of these pictures, and take scales from some of them."""
        drawn = torch.Generator().manual_seed(SEED)
        for scale in range(len(self.sides)):
            filters = self.get_buffer(f"filters_{scale}")
            found = patches_of(sample, filters.shape[-1], halved=scale, generator=drawn)
            weights, offsets = whitened_filters(found.flatten(1), FILTERS)
            filters.copy_(weights.view_as(filters))
            self.get_buffer(f"offsets_{scale}").copy_(offsets)
        some = torch.split(sample[:: max(1, len(sample) // SCALED_BY)], AT_ONCE)
        told = torch.cat([self._told(part) for part in some])
        spread = told.std(0, correction=0)
        self.center.copy_(told.mean(0))
        self.factor.copy_(SPREAD / spread.clamp_min(LEAST * float(spread.max()) or 1.0))


def sides_of(height: int, width: int) -> Iterator[tuple[int, int]]:
    """Yield the sizes that a picture is looked at in: its own, and half of it where that has room for patches.

    >>> list(sides_of(64, 48)), list(sides_of(8, 8))
    ([(64, 48), (32, 24)], [(8, 8)])
    """
    for scale in range(SCALES):
        tall, wide = height >> scale, width >> scale
        if scale == 0 or min(tall, wide) >= FULLEST * SIDE:
            yield tall, wide


def stride_of(height: int, width: int) -> int:
    """Return how far apart the places are at which filters are asked.

    >>> stride_of(28, 28), stride_of(64, 64), stride_of(224, 160)
    (1, 2, 7)
    """
    return max(1, max(height, width) // PLACES)


def patches_of(
    images: UInt8[Tensor, "rows height width channels"], side: int, *, halved: int, generator: torch.Generator
) -> Float64[Tensor, "patches channels side side"]:
    """Return patches from anywhere in the pictures, whose sides are halved so often first.

    >>> patches_of(torch.zeros(2, 9, 8, 3, dtype=torch.uint8), 4, halved=1, generator=torch.Generator()).shape
    torch.Size([20000, 3, 4, 4])
    """
    step = 2**halved
    tall, wide = (each // step - side + 1 for each in images.shape[1:3])
    row, down, across = (
        torch.randint(most, (PATCHES, 1, 1), generator=generator).to(images.device)
        for most in (len(images), tall, wide)
    )
    along = torch.arange(step * side, device=images.device)
    found = images[row, step * down + along[:, None], step * across + along]
    cut = found.movedim(-1, 1).to(torch.float64)
    return functional.avg_pool2d(cut, step) if halved else cut


def whitened_filters(
    patches: Float64[Tensor, "patches values"], count: int
) -> tuple[Float64[Tensor, "count values"], Float64[Tensor, " count"]]:
    """Return the weights w and offsets b by which a patch x of variance v has the responses w x / √(v + c) - b.

    With y = (x - mean x) / √(v + c), μ and Σ the mean and covariance of all y, and z = (Σ + ε)^(-1/2) (y - μ), the
    response to a filter is z · z_f / |z_f|, z_f being one of the first `count` patches. The weights have no sum.
    """
    leveled = patches - patches.mean(1, keepdim=True)
    leveled = leveled / (leveled.square().mean(1, keepdim=True) + CONTRAST).sqrt()
    center = leveled.mean(0)
    variances, directions = torch.linalg.eigh((leveled - center).T @ (leveled - center) / len(leveled))
    whitening = directions * (variances.clamp_min(0) + WHITENED).rsqrt() @ directions.T
    chosen = functional.normalize((leveled[:count] - center) @ whitening, dim=1)
    weights = chosen @ whitening
    weights = weights - weights.mean(1, keepdim=True)
    return weights, weights @ center
