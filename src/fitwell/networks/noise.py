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

from fitwell.networks.varying import hold

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


def from_row(noise: Int[Tensor, "*members layers words"], row: int) -> Int[Tensor, "*members layers 3"]:
    """Return the words of a batch for its rows from one on, which then draw what they draw within the whole batch.

    >>> words = noise_words([1], step=0, layers=1)
    >>> whole, rest = keep_mask(words[0, 0], (5, 7), share=0.5), keep_mask(from_row(words, 2)[0, 0], (3, 7), share=0.5)
    >>> bool((whole[2:] == rest).all())
    True
    >>> bool((from_row(from_row(words, 2), 3) == from_row(words, 5)).all())  # a part of a part
    True
    """
    if noise.shape[-1] == 2:
        return torch.nn.functional.pad(noise, (0, 1), value=row)
    return noise + torch.tensor([0, 0, row], dtype=noise.dtype, device=noise.device)


def keep_mask(
    words: Int[Tensor, " words"], shape: Sequence[int], *, share: float, of_row: int = 0
) -> Float[Tensor, ...]:
    """Return a mask that is 0 for about `share` of the places and 1 / (1 - share) for the others.

    The share is rounded to a multiple of 2^-32. Rows that were cut to fewer than `of_row` places draw
    what they would draw whole.

    >>> mask = keep_mask(noise_words([1], step=0, layers=1)[0, 0], (1000, 10), share=0.5)
    >>> sorted(set(mask.flatten().tolist())), round(float(mask.mean()), 1)
    ([0.0, 2.0], 1.0)
    >>> words = noise_words([1], step=0, layers=1)[0, 0]
    >>> whole, rows_cut = keep_mask(words, (5, 7), share=0.5), keep_mask(words, (5, 4), share=0.5, of_row=7)
    >>> bool((whole[:, :4] == rows_cut).all())
    True
    """
    return _mask(words, shape, *_limit_and_factor(share), of_row=of_row)


def _mask_at(
    words: Tensor, places: Tensor, limit: int | Tensor, factor: float | Tensor, *, of_row: int, width: int
) -> Tensor:
    inside = torch.arange(width, dtype=torch.int32, device=words.device)
    bits = _bits(words, places.to(torch.int32)[:, None] * width + inside, of_row=of_row * width)
    return (bits >= limit).to(torch.float32).mul_(factor)


def _limit_and_factor(share: float) -> tuple[int, float]:
    """Return from which hash on a place is kept, and what it is multiplied with."""
    dropped = min(round(share * 2**32), 2**32 - 1)
    return dropped - 2**31, 2**32 / (2**32 - dropped)


def _mask(
    words: Tensor, shape: Sequence[int], limit: int | Tensor, factor: float | Tensor, *, of_row: int = 0
) -> Tensor:
    kept = _hashed(words, shape, of_row=of_row) >= limit
    return kept.to(torch.float32).mul_(factor).reshape(tuple(shape))


def normal_noise(words: Int[Tensor, " words"], shape: Sequence[int]) -> Float[Tensor, ...]:
    """Return standard normal numbers (Box-Muller from two hashes each).

    >>> draws = normal_noise(noise_words([1], step=0, layers=1)[0, 0], (10000,))
    >>> round(abs(float(draws.mean())), 1), round(float(draws.std()), 1)
    (0.0, 1.0)
    """
    near, far = (
        _uniform(_hashed(words, shape, skipped=skipped))  # above 0, as the logarithm needs
        for skipped in (0, 2**31)  # no batch has so many places
    )
    return ((-2 * near.log()).sqrt() * (2 * math.pi * far).cos()).reshape(tuple(shape))


def uniform_noise(words: Int[Tensor, " words"], shape: Sequence[int]) -> Float[Tensor, ...]:
    """Return numbers that are even between 0 and 1; 0 itself does not occur.

    >>> draws = uniform_noise(noise_words([1], step=0, layers=1)[0, 0], (10000,))
    >>> round(float(draws.mean()), 1), bool((draws > 0).all() and (draws <= 1).all())
    (0.5, True)
    """
    return _uniform(_hashed(words, shape)).reshape(tuple(shape))


class Dropout(nn.Module):
    """Sets a share of its input to zero and scales the rest up, when there is noise (Srivastava et al. 2014).

    Rows (rows, steps, ...) that were cut to fewer than `steps` draw what they would draw whole.
    """

    settings = ("network.dropout",)
    limit: int | Tensor
    factor: float | Tensor

    def __init__(self, share: float, *, layer: int, steps: int = 0) -> None:
        super().__init__()
        self.layer = layer
        self.steps = steps
        self.acts = share > 0
        self.limit, self.factor = _limit_and_factor(share)

    def vary(self) -> None:
        """Let members have shares of their own: they are buffers from now on, and not 0 for all."""
        self.acts = True
        hold(self, limit=torch.tensor(self.limit, dtype=torch.int32), factor=torch.tensor(self.factor))

    def forward(self, inputs: Float[Tensor, "rows ..."], noise: Tensor | None) -> Float[Tensor, "rows ..."]:
        if noise is None or not self.acts:
            return inputs
        of_row = self.steps * math.prod(inputs.shape[2:])
        mask = _mask(noise[self.layer], inputs.shape, self.limit, self.factor, of_row=of_row)
        return inputs * mask.to(inputs.device)


class PieceDropout(nn.Module):
    """Dropout of pieces that lie packed: each drops what it would at its place in a matrix (rows, of_row, width).

    >>> words, places = noise_words([1], step=0, layers=1)[0, 0], torch.tensor([4, 0])
    >>> whole = keep_mask(words, (2, 3, 4), share=0.5).view(6, 4)
    >>> bool((PieceDropout(0.5)(torch.ones(2, 4), words, places, of_row=3) == whole[places]).all())
    True
    """

    settings = ("network.dropout",)
    limit: int | Tensor
    factor: float | Tensor

    def __init__(self, share: float) -> None:
        super().__init__()
        self.acts = share > 0
        self.limit, self.factor = _limit_and_factor(share)

    def vary(self) -> None:
        """Let members have shares of their own: they are buffers from now on, and not 0 for all."""
        self.acts = True
        hold(self, limit=torch.tensor(self.limit, dtype=torch.int32), factor=torch.tensor(self.factor))

    def forward(
        self,
        inputs: Float[Tensor, "pieces width"],
        words: Int[Tensor, " words"],
        places: Int[Tensor, " pieces"],
        *,
        of_row: int,
    ) -> Float[Tensor, "pieces width"]:
        mask = _mask_at(words, places, self.limit, self.factor, of_row=of_row, width=inputs.shape[1])
        return inputs * mask.to(inputs.dtype)


class InputNoise(nn.Module):
    """Adds normal numbers of a standard deviation, when there is noise."""

    settings = ("training.input_noise",)
    scale: float | Tensor

    def __init__(self, scale: float, *, layer: int) -> None:
        super().__init__()
        self.layer = layer
        self.acts = scale > 0
        self.scale = scale

    def vary(self) -> None:
        """Let members have standard deviations of their own."""
        self.acts = True
        hold(self, scale=torch.tensor(self.scale))

    def forward(self, inputs: Float[Tensor, "rows width"], noise: Tensor | None) -> Float[Tensor, "rows width"]:
        if noise is None or not self.acts:
            return inputs
        return inputs + self.scale * normal_noise(noise[self.layer], inputs.shape)


def _mixed(words: np.ndarray) -> np.ndarray:
    """Return splitmix64 of each 64-bit word (Steele, Lea and Flood 2014)."""
    words = words + np.uint64(0x9E3779B97F4A7C15)
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(words ^ (words >> np.uint64(31)))


def _uniform(bits: Int[Tensor, " places"]) -> Float[Tensor, " places"]:
    # 24 bits fit a float32 exactly; the half keeps all numbers above 0.
    return (((bits >> 8) & 0xFFFFFF).to(torch.float32) + 0.5) * 2.0**-24


def _hashed(
    words: Int[Tensor, " words"], shape: Sequence[int], *, of_row: int = 0, skipped: int = 0
) -> Int[Tensor, " places"]:
    width = math.prod(shape[1:])
    of_row = max(of_row, width)
    if of_row == width:
        places = torch.arange(math.prod(shape), dtype=torch.int32, device=words.device)
    else:
        rows, inside = (torch.arange(size, dtype=torch.int32, device=words.device) for size in (shape[0], width))
        places = (rows[:, None] * of_row + inside).reshape(-1)
    return _bits(words, places, of_row=of_row, skipped=skipped)


def _bits(
    words: Int[Tensor, " words"], places: Int[Tensor, "*places"], *, of_row: int, skipped: int = 0
) -> Int[Tensor, "*places"]:
    start = words[0] + _signed(skipped * _WEYL) if skipped else words[0]
    if len(words) == 3:  # rows that are not the first of their batch
        start = start + words[2] * _signed(of_row * _WEYL)
    # In place after the first line, which is the one that brings in the (possibly mapped) words. The masks make the
    # shifts logical: on signed numbers they would copy the sign.
    bits = places * _WEYL + start
    bits ^= (bits >> 16) & 0xFFFF
    bits *= words[1] | 1
    bits ^= (bits >> 15) & 0x1FFFF
    bits *= _MIX
    bits ^= (bits >> 15) & 0x1FFFF
    return bits


def _signed(number: int) -> int:
    """Return a whole number as arithmetic on 32 bits with a sign leaves it."""
    return (number + 2**31) % 2**32 - 2**31
