"""Pictures are changed by noise that has no state, each as its formula says."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.ndimage import map_coordinates
from torch import Tensor

from fitwell.networks.augmentation import NOISE_LAYERS, Augmentation, left_of, moved, recolored, resampled
from fitwell.networks.noise import from_row, noise_words, uniform_noise

NONE = Augmentation(shift=0.0, flip=False, crop=0.0, rotation=0.0, color=0.0, erase=0.0)
ALL = Augmentation(shift=0.1, flip=True, crop=0.3, rotation=20.0, color=0.3, erase=0.0)


def images(rows: int = 12, height: int = 9, width: int = 14, channels: int = 3) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randint(0, 256, (rows, height, width, channels), generator=generator, dtype=torch.uint8)


def words_of(seed: int = 3) -> Tensor:
    return noise_words([seed], step=0, layers=NOISE_LAYERS)[0]


def places_of(picture: Tensor) -> tuple[int, int]:
    row, column = divmod(int(picture.flatten().argmax()), picture.shape[1])
    return row, column


def test_pictures_are_moved_by_at_most_the_reach_and_all_moves_occur() -> None:
    dots = torch.zeros(400, 9, 11, 1, dtype=torch.uint8)
    dots[:, 4, 5] = 1
    words = noise_words([3], step=0, layers=1)[0, 0]
    found = [places_of(picture) for picture in moved(dots, words, reach=(1, 2), flip=False)]
    assert set(found) == {(4 + down, 5 + right) for down in (-1, 0, 1) for right in (-2, -1, 0, 1, 2)}
    assert found == [places_of(picture) for picture in moved(dots, words, reach=(1, 2), flip=False)]


def test_what_enters_at_an_edge_repeats_it() -> None:
    ramp = torch.arange(6).expand(50, 3, 6)[..., None]
    words = noise_words([3], step=0, layers=1)[0, 0]
    rows = {tuple(picture[0].flatten().tolist()) for picture in moved(ramp, words, reach=(0, 1), flip=False)}
    assert rows == {(0, 0, 1, 2, 3, 4), (0, 1, 2, 3, 4, 5), (1, 2, 3, 4, 5, 5)}


def test_half_of_the_pictures_are_mirrored() -> None:
    ramp = torch.arange(4).expand(1000, 3, 4)[..., None]
    words = noise_words([3], step=0, layers=1)[0, 0]
    rows = moved(ramp, words, reach=(0, 0), flip=True)[:, 0, :, 0]
    mirrored = (rows == torch.tensor([3, 2, 1, 0])).all(1)
    assert ((rows == torch.arange(4)).all(1) | mirrored).all()
    # Six standard deviations of a fair coin.
    assert abs(float(mirrored.float().mean()) - 0.5) < 6 * 0.5 / 1000**0.5


def test_one_map_of_places_crops_turns_moves_and_mirrors() -> None:
    pictures, words = images(), words_of()
    found = resampled(pictures, words[0], words[1], how=ALL).double().numpy()
    rows, height, width, _ = pictures.shape
    place, cut = (uniform_noise(words[layer], (rows, size)).double().numpy() for layer, size in ((0, 3), (1, 5)))
    y, x = np.meshgrid(
        (np.arange(height) + 0.5) / height * 2 - 1, (np.arange(width) + 0.5) / width * 2 - 1, indexing="ij"
    )
    for row in range(rows):
        angle = math.radians(ALL.rotation) * (2 * cut[row, 4] - 1)
        across, down = (-x if place[row, 2] < 0.5 else x) * width / 2, y * height / 2  # in pixels from the middle
        turned = (
            math.sin(angle) * across + math.cos(angle) * down,
            math.cos(angle) * across - math.sin(angle) * down,
        )
        at = []
        for axis, side in enumerate((height, width)):
            size = 1 - ALL.crop * cut[row, axis]
            middle = (1 - size) * (2 * cut[row, 2 + axis] - 1) * side / 2 + ALL.shift * side * (
                2 * place[row, axis] - 1
            )
            at.append(size * turned[axis] + middle + side / 2 - 0.5)
        for channel in range(3):
            expected = map_coordinates(pictures[row, ..., channel].double().numpy(), at, order=1, mode="nearest")
            # float32 places, of values up to 255.
            assert np.abs(found[row, ..., channel] - expected).max() < 0.01


def test_nothing_asked_is_nothing_changed() -> None:
    assert torch.equal(NONE.moved(images(), words_of()), images().float())
    still = resampled(images(), *words_of()[:2], how=NONE)
    assert torch.allclose(still, images().float(), atol=1e-3)


@pytest.mark.parametrize("channels", [1, 3])
def test_light_contrast_and_saturation_are_their_formulas(channels: int) -> None:
    pictures, words = images(channels=channels).float(), words_of()[2]
    found = recolored(pictures, words, most=0.4).double().numpy()
    factors = 1 + 0.4 * (2 * uniform_noise(words, (len(pictures), 3)).double().numpy() - 1)
    for picture, result, (light, contrast, saturation) in zip(pictures.double().numpy(), found, factors, strict=True):
        changed = picture * light
        changed = changed.mean() + contrast * (changed - changed.mean())
        if channels == 3:
            grey = (changed @ np.array([0.299, 0.587, 0.114]))[..., None]
            changed = grey + saturation * (changed - grey)
        assert np.abs(result - changed.clip(0, 255)).max() < 1e-3  # of 255, in float32


def test_a_rectangle_of_at_most_the_share_is_erased_anywhere() -> None:
    left = left_of((4000, 20, 30), words_of()[3], most=0.25)[..., 0]
    erased = 1 - left
    tall, wide = erased.amax(2).sum(1), erased.amax(1).sum(1)
    assert torch.equal(erased.sum((1, 2)), tall * wide)  # rectangles
    # Sides are rounded to whole pixels: by half of one each.
    assert float((erased.sum((1, 2)) / 600).max()) < 0.25 + (0.5 * (20 + 30) + 0.25) / 600
    # The mean of an even share up to a quarter, with four standard errors and what rounding may do.
    assert float(erased.mean()) == pytest.approx(0.125, abs=4 * 0.25 / 12**0.5 / 4000**0.5 + 0.002)
    assert erased.amax(0).all(), "every place is erased in some picture"


def test_rows_of_a_batch_are_changed_alike_in_a_part_of_it() -> None:
    whole = ALL.moved(images(), words_of())
    assert torch.equal(ALL.moved(images()[5:], from_row(words_of(), 5)), whole[5:])


def test_members_mapped_together_see_what_each_sees_alone() -> None:
    pictures, words = images(), noise_words([3, 4], step=0, layers=NOISE_LAYERS)
    together = torch.vmap(lambda of_member: ALL.moved(pictures, of_member))(words)
    # Means over a picture are taken in another order: float32, of 255.
    assert torch.allclose(together[1], ALL.moved(pictures, words[1]), atol=1e-3)
    assert not torch.equal(together[0], together[1])


def test_without_crop_and_turn_places_stay_whole_pixels() -> None:
    kept = replace(NONE, shift=0.2, flip=True).moved(images(), words_of())
    assert torch.equal(kept, kept.round())
