"""Rows are mixed as the papers say, by noise that has no state, and answer for both targets."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import beta, kstest
from torch import Tensor

from fitwell.networks.mixing import Blend, Mixing
from fitwell.networks.noise import from_row, noise_words

MIXUP, CUTMIX = Mixing(mixup=0.4, cutmix=0.0), Mixing(mixup=0.0, cutmix=1.0)
BOTH = Mixing(mixup=0.4, cutmix=1.0)


def words_of(seed: int = 3) -> Tensor:
    return noise_words([seed], step=0, layers=1)[0, 0]


def pictures(rows: int, height: int = 7, width: int = 10) -> Tensor:
    return torch.rand(rows, height, width, 3, generator=torch.Generator().manual_seed(1))


def by_hand(values: Tensor, blend: Blend) -> np.ndarray:
    """Paste or lay over, pixel by pixel: a pixel counts by how much of it the rectangle covers."""
    rows, height, width, _ = values.shape
    found = np.zeros(values.shape)
    for row in range(rows):
        own = float(blend.own[row])
        tall, wide = (1 - own) ** 0.5 * height, (1 - own) ** 0.5 * width
        top, left = (
            float(corner) * (side - long)
            for corner, side, long in zip(blend.corner[row], (height, width), (tall, wide), strict=True)
        )
        for y in range(height):
            for x in range(width):
                down = max(0.0, min(y + 1, top + tall) - max(y, top))
                across = max(0.0, min(x + 1, left + wide) - max(x, left))
                share = 1 - down * across if blend.is_pasted[row] else own
                found[row, y, x] = share * values[row, y, x] + (1 - share) * values[int(blend.partner[row]), y, x]
    return found


@pytest.mark.parametrize("how", [MIXUP, CUTMIX, BOTH])
def test_pictures_are_mixed_as_a_loop_over_their_pixels_mixes_them(how: Mixing) -> None:
    values = pictures(9)
    blend = how.drawn(words_of(), 9)
    np.testing.assert_allclose(blend.pictures(values).numpy(), by_hand(values, blend), atol=1e-5)  # float32's digits


def test_the_share_that_a_pasted_picture_keeps_is_that_of_its_area() -> None:
    mine_or_theirs = torch.zeros(40, 5, 8, 1)
    mine_or_theirs[::2] = 1
    blend = CUTMIX.drawn(words_of(), 40)
    kept = blend.pictures(mine_or_theirs).mean((1, 2, 3))[::2]
    torch.testing.assert_close(kept, blend.own[::2], atol=1e-5, rtol=0)  # float32's digits


@pytest.mark.parametrize("exponent", [0.2, 0.4, 1.0, 3.0])
def test_shares_follow_the_beta_distribution(exponent: float) -> None:
    own = Mixing(mixup=exponent, cutmix=0.0).drawn(words_of(), 4000).own.double().numpy()
    assert kstest(own, beta(exponent, exponent).cdf).pvalue > 0.01


def test_each_way_of_mixing_has_half_of_the_rows_where_both_act() -> None:
    pasted = BOTH.drawn(words_of(), 4000).is_pasted.double().mean().item()
    assert pasted == pytest.approx(0.5, abs=0.04)  # five standard errors


def test_row_vectors_are_mixed_by_the_share_of_their_pictures() -> None:
    blend = MIXUP.drawn(words_of(), 2)
    first, second = blend.own.tolist()
    mixed = blend.rows(torch.tensor([[1.0, 0.0], [0.0, 1.0]]))
    assert mixed.flatten().tolist() == pytest.approx([first, 1 - first, 1 - second, second])


def test_a_part_of_a_batch_has_the_pairs_and_shares_of_the_whole_and_rows_whose_partner_is_elsewhere_stay() -> None:
    words, values = words_of(), pictures(8)
    whole = BOTH.drawn(words, 8)
    even = BOTH.drawn(from_row(words[None], 2)[0], 4)
    assert torch.equal(even.pictures(values[2:6]), whole.pictures(values)[2:6])
    odd = BOTH.drawn(from_row(words[None], 3)[0], 4)
    assert odd.partner.tolist() == [0, 2, 1, 3]
    assert odd.own[[0, 3]].tolist() == [1, 1]
    assert torch.equal(odd.pictures(values[3:7])[1:3], whole.pictures(values)[4:6])


def test_a_member_mixes_alone_what_it_mixes_among_others() -> None:
    values, words = pictures(6), noise_words([4, 9], step=2, layers=1)
    both = torch.func.vmap(lambda own: BOTH.drawn(own, 6).pictures(values))(words[:, 0])
    for member, seed in enumerate((4, 9)):
        alone = BOTH.drawn(noise_words([seed], step=2, layers=1)[0, 0], 6).pictures(values)
        torch.testing.assert_close(both[member], alone)
    assert not torch.allclose(both[0], both[1])
