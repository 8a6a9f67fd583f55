"""Randomness inside a network as a pure function of (member's seed, layer, step, place).

Nothing here has a state. A member's seed, the layer's number and the step's number are mixed into two 32-bit words;
the words and an element's place are hashed into the element's random bits. So a member of a population draws the same
noise alone, among four or among thirty-two; a resumed run continues with the bits it would have drawn; and the eager,
the mapped and the compiled execution drop the same units (normal noise agrees to the last digits of its logarithm and
cosine, which a compiler rounds in its own way). Three cases:

- dropout in layer 2 at step 40 of the member with seed 7: `keep_mask(noise[2], shape, share=0.1)`, where
  `noise = noise_words([7], step=40, layers=3)[0]`;
- the same member among others: its row of `noise_words([3, 7, 9], step=40, layers=3)`, the same numbers;
- evaluation: `noise` is None, and no layer draws anything.

The hash is a multiply-and-shift mixer in the manner of MurmurHash3's finalizer, whose first multiplier depends on the
words: streams of two steps are then no shifted copies of one another. A mask costs less than torch's own dropout on a
CPU, and next to nothing in a compiled step.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

_WEYL = -1640531527  # 2^32 divided by the golden ratio, as a signed 32-bit number
_MIX = 0x735A2D97


def noise_words(seeds: Sequence[int], *, step: int, layers: int) -> Int[Tensor, "members layers 2"]:
    """Return each member's two words for every layer at one step.

    >>> noise_words([1, 2], step=0, layers=3).shape
    torch.Size([2, 3, 2])
    >>> bool((noise_words([1, 2], step=5, layers=3)[1] == noise_words([2], step=5, layers=3)[0]).all())
    True
    """
    return noise_words_of_steps(seeds, steps=range(step, step + 1), layers=layers)[0]


def noise_words_of_steps(seeds: Sequence[int], *, steps: range, layers: int) -> Int[Tensor, "steps members layers 2"]:
    """Return the words of consecutive steps at once, which costs hardly more than those of a single step.

    >>> words = noise_words_of_steps([1, 2], steps=range(5, 8), layers=3)
    >>> words.shape, bool((words[1] == noise_words([1, 2], step=6, layers=3)).all())
    (torch.Size([3, 2, 3, 2]), True)
    """
    members = _mixed(np.asarray(seeds, dtype=np.uint64))
    moments = _mixed(members + np.arange(steps.start, steps.stop, dtype=np.uint64)[:, None])
    places = np.arange(1, layers + 1, dtype=np.uint64) * np.uint64(0xD1B54A32D192ED03)
    words = _mixed(moments[..., None] + places)
    return torch.from_numpy(words.view(np.int32).reshape(len(steps), len(members), layers, 2))


def keep_mask(words: Int[Tensor, 2], shape: Sequence[int], *, share: float) -> Float[Tensor, ...]:
    """Return a mask that is 0 for about `share` of the places and 1 / (1 - share) for the others.

    The share is rounded to a multiple of 2^-32.

    >>> mask = keep_mask(noise_words([1], step=0, layers=1)[0, 0], (1000, 10), share=0.5)
    >>> sorted(set(mask.flatten().tolist())), round(float(mask.mean()), 1)
    ([0.0, 2.0], 1.0)
    """
    dropped = min(round(share * 2**32), 2**32 - 1)
    kept = _hashed(words, math.prod(shape)) >= dropped - 2**31
    return kept.to(torch.float32).mul_(2**32 / (2**32 - dropped)).reshape(tuple(shape))


def normal_noise(words: Int[Tensor, 2], shape: Sequence[int]) -> Float[Tensor, ...]:
    """Return standard normal numbers (Box-Muller from two hashes each).

    >>> draws = normal_noise(noise_words([1], step=0, layers=1)[0, 0], (10000,))
    >>> round(abs(float(draws.mean())), 1), round(float(draws.std()), 1)
    (0.0, 1.0)
    """
    places = math.prod(shape)
    bits = _hashed(words, 2 * places)
    uniform = _uniform(bits)  # above 0, as the logarithm needs
    radius = (-2 * uniform[:places].log()).sqrt()
    return (radius * (2 * math.pi * uniform[places:]).cos()).reshape(tuple(shape))


def uniform_noise(words: Int[Tensor, 2], shape: Sequence[int]) -> Float[Tensor, ...]:
    """Return numbers that are even between 0 and 1; 0 itself does not occur.

    >>> draws = uniform_noise(noise_words([1], step=0, layers=1)[0, 0], (10000,))
    >>> round(float(draws.mean()), 1), bool((draws > 0).all() and (draws <= 1).all())
    (0.5, True)
    """
    return _uniform(_hashed(words, math.prod(shape))).reshape(tuple(shape))


class Dropout(nn.Module):
    """Sets a share of its input to zero and scales the rest up, when there is noise (Srivastava et al. 2014)."""

    def __init__(self, share: float, *, layer: int) -> None:
        super().__init__()
        self.share = share
        self.layer = layer

    def forward(self, inputs: Float[Tensor, "rows width"], noise: Tensor | None) -> Float[Tensor, "rows width"]:
        if noise is None or self.share == 0:
            return inputs
        return inputs * keep_mask(noise[self.layer], inputs.shape, share=self.share).to(inputs.device)


def _mixed(words: np.ndarray) -> np.ndarray:
    """Return splitmix64 of each 64-bit word (Steele, Lea and Flood 2014)."""
    words = words + np.uint64(0x9E3779B97F4A7C15)
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(words ^ (words >> np.uint64(31)))


def _uniform(bits: Int[Tensor, " places"]) -> Float[Tensor, " places"]:
    # 24 bits fit a float32 exactly; the half keeps all numbers above 0.
    return (((bits >> 8) & 0xFFFFFF).to(torch.float32) + 0.5) * 2.0**-24


def _hashed(words: Int[Tensor, 2], places: int) -> Int[Tensor, " places"]:
    # In place after the first line, which is the one that brings in the (possibly mapped) words. The masks make the
    # shifts logical: on signed numbers they would copy the sign.
    bits = torch.arange(places, dtype=torch.int32, device=words.device) * _WEYL + words[0]
    bits ^= (bits >> 16) & 0xFFFF
    bits *= words[1] | 1
    bits ^= (bits >> 15) & 0x1FFFF
    bits *= _MIX
    bits ^= (bits >> 15) & 0x1FFFF
    return bits
