"""Random kernels for sounds: what a voice says, told by the outline of its spectrum, by filters that nobody learns.

A voice is a buzz that the mouth filters. The buzz, its pitch, makes narrow ridges in a spectrum, and differs from
speaker to speaker; the mouth makes the outline that they stand under, which is what is said. Cosines over the bands
tell the two apart: the first few have the outline, the later ones the ridges, and are left out (mel-frequency cepstra,
Davis and Mermelstein 1980). Speakers also take different times for a word, so each sound is stretched or squeezed to
the same number of moments, a moment being the mean of its part of the sound.

The moments are read as a series of several channels by random kernels (`networks/random_kernels.py`). A convolutional
network of the same outlines learns filters for the voices that it is trained on; these were made for nobody, so that a
voice that was not heard is as familiar to them as one that was.

Nothing here has parameters, and each sound is read once, before the first step.
"""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from jaxtyping import Float, Int16
from torch import Tensor, nn

from fitwell.networks.audio import AT_ONCE, Listening
from fitwell.networks.layer import ArrayNetwork, ArrayStart
from fitwell.networks.random_kernels import SCALED_BY, RandomKernels

CEPSTRA = 13  # usual for speech
MOMENTS = 64  # 40 to 84 were alike on three speakers of spoken digits
FAINTEST = 1e-6  # spread of a cepstrum: what never changes is not blown up


class RandomKernelsAudio(ArrayNetwork):
    """Sounds become shares of moments, scaled, or whitened directions of them; those read beforehand stay as they are.

    Shape: 16-bit samples (rows, samples, 1) -> (rows, width).
    """

    cosines: Tensor
    center: Tensor
    factor: Tensor

    def __init__(self, start: ArrayStart) -> None:
        super().__init__()
        own = start.settings.audio
        assert own.bands != "auto"
        self.listening = Listening(start.array, own, start.training, noise_layer=start.noise_layer, sample=None)
        self.noise_layers = 0
        self.layers = nn.ModuleList()
        count = min(CEPSTRA, own.bands)
        self.register_buffer("cosines", cosines_of(own.bands, count))
        self.register_buffer("center", torch.zeros(count))
        self.register_buffer("factor", torch.ones(count))
        sample = None if start.sample is None else start.sample[:: max(1, len(start.sample) // SCALED_BY)]
        outlines = None if sample is None or not len(sample) else self._fit(sample)
        array = replace(start.array, kind="series", shape=(MOMENTS, count + 1))
        self.kernels = RandomKernels(replace(start, array=array, sample=outlines))
        self.width = self.kernels.width
        self.multiplications = self.listening.frames * own.bands * self.listening.points + self.kernels.multiplications

    def forward(self, waves: Tensor, noise: Tensor | None) -> Float[Tensor, "rows width"]:
        if waves.ndim == 2:
            return waves
        told: Tensor = self.kernels(self.outlines(waves), None)
        return told

    def read(self, waves: Int16[Tensor, "rows samples 1"]) -> Float[Tensor, "rows width"]:
        """Return what sounds become, so that each is read once."""
        with torch.no_grad():
            return torch.cat([self(some, None) for some in torch.split(waves, AT_ONCE)])

    def outlines(self, waves: Int16[Tensor, "rows samples 1"]) -> Float[Tensor, "rows moments channels"]:
        """Return the scaled cepstra of each moment, and 1 as the last channel; 0 throughout for what is silent."""
        heard, present = self.listening(waves, None)
        moments = stretched(heard @ self.cosines, present, MOMENTS)
        own: Tensor = present.amax(1)[:, None, None].expand(-1, MOMENTS, 1)
        return own * torch.cat([(moments - self.center) * self.factor, torch.ones_like(own)], -1)

    def _fit(self, sample: Tensor) -> Float[Tensor, "rows moments channels"]:
        """Let the moments of these sounds have mean 0 and spread 1 in each cepstrum, and return them."""
        moments: Tensor = torch.cat([self.outlines(part) for part in torch.split(sample, AT_ONCE)])
        own = moments[moments[..., -1] > 0][:, :-1].double()
        if len(own):
            self.center.copy_(own.mean(0))
            self.factor.copy_(1 / own.std(0, correction=0).clamp_min(FAINTEST))
        moments[..., :-1] = (moments[..., :-1] - self.center) * self.factor * moments[..., -1:]
        return moments


def cosines_of(bands: int, count: int) -> Float[Tensor, "bands count"]:
    """Return the first cosines over so many bands, each of length 1 and at a right angle to the others.

    >>> cosines_of(4, 2).mul(10).round().int().T.tolist()
    [[5, 5, 5, 5], [7, 3, -3, -7]]
    """
    places = (torch.arange(bands, dtype=torch.float64)[:, None] + 0.5) * torch.arange(count)
    return nn.functional.normalize((math.pi * places / bands).cos(), dim=0).to(torch.float32)


def stretched(
    values: Float[Tensor, "rows frames channels"], present: Float[Tensor, "rows frames"], moments: int
) -> Float[Tensor, "rows moments channels"]:
    """Return sounds in so many moments, each the mean of an equal part of a sound's own frames, which come first.

    A part that ends within a frame has that share of it. Sounds without frames become 0.

    >>> sounds = torch.tensor([1.0, 3.0, 5.0, 7.0, 9.0, 9.0]).reshape(1, 6, 1)
    >>> present = torch.tensor([[1.0, 1.0, 1.0, 1.0, 0.0, 0.0]])
    >>> stretched(sounds, present, 2).flatten().tolist(), stretched(sounds, present, 8).flatten().tolist()
    ([2.0, 6.0], [1.0, 1.0, 3.0, 3.0, 5.0, 5.0, 7.0, 7.0])
    """
    own = present.sum(1, keepdim=True)
    ends = own * torch.arange(moments + 1, device=values.device) / moments  # in frames
    frames = torch.arange(values.shape[1], device=values.device)
    # How much of each frame lies before each end: the weights of a sum over frames, less those of the end before.
    before = (ends[..., None] - frames).clamp(0, 1)
    sums: Tensor = (before[:, 1:] - before[:, :-1]) @ values
    return sums * (moments / own.clamp_min(1.0))[..., None]
