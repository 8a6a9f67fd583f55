"""Word2Vec on an accelerator: many windows move the vectors at once, by torch's own operations.

A step is that of `kernels/windows.py`, taken by thousands of windows of a block together, far apart in it: their
products become a few batched products of small matrices. All of them see the vectors as they were before the step. So
a row that many windows share would be moved by the sum of what each alone would have done, where one after the other
each would have seen what is left to do. A step overshoots, further every time, where it is longer than twice one over
how much the loss bends along it. Each product with another vector bends it by at most a quarter of that one's squared
length, so that a row's bend is below their sum; where rate times sum is above `LONGEST`, its moves are scaled down to
that. (`LONGEST` is above 2 because the other vectors point in many directions, and all of them bend different ones.)

On a GPU, moves of one row are added up in any order, so that even the same seed gives other bits each time.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from fitwell.devices import require_device
from fitwell.words.word2vec_settings import Word2VecSettings
from fitwell.words.word_checkpoint import State

# That move the vectors at once; more are faster, but see older vectors, which costs bags some quality sooner.
WINDOWS = {"skipgram": 8192, "cbow": 2048}
LONGEST = 4.0  # learning rate times what the loss bends by, at most, along a row's move


@dataclass(frozen=True, kw_only=True)
class Stretch:
    """What is read between two looks: tokens of whole texts, and the learning rate at its beginning and its end."""

    ids: npt.NDArray[np.int32]
    ends: npt.NDArray[np.int64]  # of each text, counted from the first of these tokens
    rates: tuple[float, float]
    seed: int


class DeviceWindows:
    """The vectors on a device, and all that reading a stretch of text needs there."""

    def __init__(
        self,
        state: State,
        *,
        settings: Word2VecSettings,
        keep: npt.NDArray[np.float64],
        draws: npt.NDArray[np.int32],
    ) -> None:
        """Bring the vectors to the device; `keep` is the probability that a word is read, `draws` are drawn words.

        Raises:
            SurroundingsError: the device is not there.
        """
        self.state, self.dimension, self.negative = state, settings.dimension, settings.negative
        self.window, self.is_bag = settings.window, settings.architecture == "cbow"
        self.at_once = WINDOWS[settings.architecture]
        require_device(settings.device)
        self.device = torch.device(settings.device)
        self.inputs, self.outputs = (
            torch.from_numpy(np.ascontiguousarray(state.arrays[name][:, : self.dimension])).to(self.device)
            for name in ("inputs", "outputs")
        )
        self.keep = torch.from_numpy(keep.astype(np.float32)).to(self.device)
        self.draws = torch.from_numpy(draws).to(self.device)
        reach = torch.arange(-self.window, self.window + 1, device=self.device)
        self.offsets = reach[reach != 0]
        self.random = torch.Generator(self.device)

    def read(self, stretch: Stretch) -> tuple[int, float]:
        """Learn from a stretch, and bring the vectors back; return the pairs of the last step, and their loss."""
        self.random.manual_seed(stretch.seed)
        words, texts = self._kept(stretch)
        steps = -(-len(words) // self.at_once)
        first, last = stretch.rates
        pairs = loss = torch.zeros((), device=self.device)
        for number in range(steps):
            middle = torch.arange(number, len(words), steps, device=self.device)
            context, is_there = self._around(middle, words, texts)
            scores, is_pair = step(
                self.inputs,
                self.outputs,
                context,
                is_there,
                self._targets(words[middle]),
                rate=first + (last - first) * number / steps,
                is_bag=self.is_bag,
            )
            if number == steps - 1:
                pairs, loss = is_pair.sum(), _loss(scores, is_pair)
        for name, rows in (("inputs", self.inputs), ("outputs", self.outputs)):
            self.state.arrays[name][:, : self.dimension] = rows.cpu().numpy()
        return int(pairs), float(loss)

    def _kept(self, stretch: Stretch) -> tuple[Tensor, Tensor]:
        """Return the words of a stretch that are known and not skipped, and the text of each."""
        ids = torch.from_numpy(stretch.ids).to(self.device)
        places = torch.arange(len(ids), device=self.device)
        texts = torch.searchsorted(torch.from_numpy(stretch.ends).to(self.device), places, right=True)
        chance = torch.rand(len(ids), generator=self.random, device=self.device)
        known = ids < len(self.keep)
        stays = known & (chance < self.keep[torch.where(known, ids, 0)])
        return ids[stays], texts[stays]

    def _around(self, middle: Tensor, words: Tensor, texts: Tensor) -> tuple[Tensor, Tensor]:
        """Return the words around each middle one, (windows, twice the reach), and which of them belong to it.

        Where none belongs, the middle word stands, which is not moved.
        """
        reach = torch.randint(1, self.window + 1, middle.shape, generator=self.random, device=self.device)
        places = middle[:, None] + self.offsets
        inside = places.clamp(0, len(words) - 1)
        is_there = (
            (places == inside) & (texts[inside] == texts[middle][:, None]) & (self.offsets.abs() <= reach[:, None])
        )
        return torch.where(is_there, words[inside], words[middle][:, None]), is_there

    def _targets(self, words: Tensor) -> Tensor:
        """Return each word and those that it is told from."""
        size = (len(words), self.negative)
        drawn = self.draws[torch.randint(len(self.draws), size, generator=self.random, device=self.device)]
        return torch.cat([words[:, None], drawn], 1)


def step(
    inputs: Tensor, outputs: Tensor, context: Tensor, is_there: Tensor, targets: Tensor, *, rate: float, is_bag: bool
) -> tuple[Tensor, Tensor]:
    """Move both matrices by some windows at once; return products of vectors, (windows, context, targets), and pairs.

    `context` and `targets` are (windows, words each), the first target the word that is told. Of the context only what
    `is_there` counts, of equal targets only the first. A bag's context is one vector, the mean of those there. Pairs
    are the windows and contexts whose products mean something.
    """
    counts_once = ~(targets[:, :, None] == targets[:, None, :]).tril(-1).any(2)
    is_pair, of_bag = is_there, is_there[:, :, None].to(inputs.dtype)
    before, told = inputs[context], outputs[targets]
    if is_bag:
        is_pair = is_there.any(1, keepdim=True)
        before = (before * of_bag).sum(1, keepdim=True) / of_bag.sum(1, keepdim=True).clamp(min=1)
    scores = before @ told.mT
    gradients = -scores.sigmoid()
    gradients[:, :, 0] += 1
    counted = is_pair[:, :, None] & counts_once[:, None, :]
    gradients *= rate * counted.to(inputs.dtype)
    bends = rate / 4 * (counted * told.square().sum(2)[:, None, :]).sum(2)
    bends_told = rate / 4 * (counted * before.square().sum(2)[:, :, None]).sum(1)
    calm = calming(len(inputs), context, bends * is_there)[:, :, None]
    calm_told = calming(len(outputs), targets, bends_told)
    moves = (gradients @ told) * (of_bag * calm) if is_bag else (gradients * calm) @ told
    told_moves = (gradients * calm_told[:, None, :]).mT @ before
    inputs.index_add_(0, context.flatten(), moves.flatten(0, 1))
    outputs.index_add_(0, targets.flatten(), told_moves.flatten(0, 1))
    return scores, is_pair


def calming(rows: int, places: Tensor, bends: Tensor) -> Tensor:
    """Return for each place what the moves of its row are scaled by; `bends` are what each of them adds."""
    bend = torch.zeros(rows, dtype=bends.dtype, device=bends.device)
    bend.index_add_(0, places.flatten(), bends.flatten())
    return (LONGEST / bend).clamp(max=1)[places]


def _loss(scores: Tensor, is_pair: Tensor) -> Tensor:
    """Return minus the logarithm of the probability of all truths: the first target is one, the others are none."""
    signs = torch.full((scores.shape[2],), -1.0, device=scores.device)
    signs[0] = 1
    return -(logsigmoid(scores * signs) * is_pair[:, :, None]).sum()
