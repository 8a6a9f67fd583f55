"""Two rows are mixed in training: a network learns that what lies between two pictures lies between their answers.

Mixup (Zhang et al. 2018) lays a picture over another, x = λ x_i + (1 − λ) x_j; cutmix (Yun et al. 2019) pastes a
rectangle of the other, of the share 1 − λ of its area, into it. The loss of the mixed row is λ L(f(x), y_i) +
(1 − λ) L(f(x), y_j), for a cross-entropy and for a squared error the same gradient as mixed targets have. What comes
from other columns is mixed too, as row vectors, by the same λ.

The partner of a row is its neighbor in the batch: rows 0 and 1, 2 and 3, and so on, which the order of an epoch draws
anew. So parts of a batch see the pairs of the whole batch; a row whose partner is not there stays as it is. λ and the
rectangle are a function of the noise words and a row's place, as all noise is (`networks/noise.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from fitwell.networks.noise import uniform_noise
from fitwell.recipe import TrainingSettings

QUANTILES = 1024  # of a Beta distribution, evenly far apart; values between two lie on the line between them


@dataclass(frozen=True, kw_only=True)
class Blend:
    """What becomes of the rows of a batch, as far as it does not depend on what is in them."""

    partner: Int[Tensor, " rows"]
    own: Float[Tensor, " rows"]  # the share λ that a row keeps of itself; 1 where it has no partner
    is_pasted: Tensor  # (rows,): whether a rectangle is pasted, or all is laid over
    corner: Float[Tensor, "rows 2"]  # where the rectangle begins, of the room that it has: down, right

    def rows(self, values: Float[Tensor, "rows width"]) -> Float[Tensor, "rows width"]:
        """Return row vectors mixed with their partners'."""
        own = self.own[:, None]
        return own * values + (1 - own) * values[self.partner]

    def pictures(
        self, values: Float[Tensor, "rows height width channels"]
    ) -> Float[Tensor, "rows height width channels"]:
        """Return pictures laid over one another, or with a rectangle of their partner's."""
        _, height, width, _ = values.shape
        pasted = self._covered(height, 0)[:, :, None] * self._covered(width, 1)[:, None, :]
        own = torch.where(self.is_pasted[:, None, None], 1 - pasted, self.own[:, None, None])[..., None]
        return own * values + (1 - own) * values[self.partner]

    def _covered(self, side: int, axis: int) -> Float[Tensor, "rows side"]:
        """Return which share of each pixel along a side lies within the rectangle."""
        long = (1 - self.own).sqrt()[:, None] * side
        start = self.corner[:, axis, None] * (side - long)
        pixels = torch.arange(side, device=long.device)
        return (torch.minimum(pixels + 1, start + long) - torch.maximum(pixels, start)).clamp(0, 1)


_kept: dict[tuple[Mixing, torch.device], Float[Tensor, "2 quantiles"]] = {}


@dataclass(frozen=True, kw_only=True)
class Mixing:
    """Exponents α of Beta(α, α), from which λ is drawn; 0: never mixed so. If both act, each has half of the rows."""

    mixup: float
    cutmix: float

    @property
    def acts(self) -> bool:
        """Whether any rows are mixed."""
        return self.mixup > 0 or self.cutmix > 0

    @cached_property
    def quantiles(self) -> Float[np.ndarray, "2 quantiles"]:
        """Of λ by mixup and by cutmix, at evenly spaced probabilities from 0 to 1."""
        from scipy.special import betaincinv  # imported here: scipy takes its time, and few networks need it

        probabilities = np.linspace(0, 1, QUANTILES + 1)
        both = [betaincinv(a, a, probabilities) if a else np.ones(QUANTILES + 1) for a in (self.mixup, self.cutmix)]
        return np.asarray(both, dtype=np.float32)

    def keep_on(self, device: str) -> None:
        """Have the quantiles ready on a device, for all that mix alike: a graph brings nothing to its device."""
        quantiles = torch.tensor(self.quantiles, device=device)
        _kept[self, quantiles.device] = quantiles

    def drawn(self, words: Int[Tensor, " words"], rows: int) -> Blend:
        """Return how so many rows are mixed at one step.

        >>> from fitwell.networks.noise import noise_words
        >>> blend = Mixing(mixup=0.0, cutmix=1.0).drawn(noise_words([1], step=0, layers=1)[0, 0], 5)
        >>> blend.partner.tolist(), blend.own[4].item(), blend.is_pasted.tolist()
        ([1, 0, 3, 2, 4], 1.0, [True, True, True, True, True])
        """
        uniform = uniform_noise(words, (rows, 4))
        chance = 0.5 if self.mixup and self.cutmix else float(self.cutmix > 0)
        is_pasted = uniform[:, 0] < chance
        place = uniform[:, 1] * QUANTILES
        low = place.floor().to(torch.int64).clamp(max=QUANTILES - 1)
        of_both = _kept.get((self, words.device))
        if of_both is None:
            of_both = torch.tensor(self.quantiles, device=words.device)
        before, after = (
            torch.where(is_pasted, of_both[1, quantile], of_both[0, quantile]) for quantile in (low, low + 1)
        )
        partner, own = _neighbors(words, rows), before + (place - low) * (after - before)
        own = torch.where(partner == torch.arange(rows, device=words.device), torch.ones_like(own), own)
        return Blend(partner=partner, own=own, is_pasted=is_pasted, corner=uniform[:, 2:])


def mixing_of(training: TrainingSettings) -> Mixing:
    """Return what a recipe asks for."""
    assert training.image_mixup != "auto"
    assert training.image_cutmix != "auto"
    return Mixing(mixup=training.image_mixup, cutmix=training.image_cutmix)


def _neighbors(words: Int[Tensor, " words"], rows: int) -> Int[Tensor, " rows"]:
    """Return each row's partner by its place in the whole batch; of a row without one, the row itself."""
    places = torch.arange(rows, device=words.device)
    odd = (words[2] & 1).to(torch.int64) if len(words) == 3 else 0  # rows that begin with the second of a pair
    partner = ((places + odd) ^ 1) - odd
    return torch.where((partner < 0) | (partner >= rows), places, partner)
