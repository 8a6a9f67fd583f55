"""Random patches tell how strongly a picture responds to pieces of others."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from fitwell.data.encode import ArrayBlock
from fitwell.networks.arrays import family_of
from fitwell.networks.layer import ArrayStart
from fitwell.networks.random_patches import (
    BIAS,
    CONTRAST,
    FILTERS,
    WHITENED,
    RandomPatches,
    patches_of,
    whitened_filters,
)
from fitwell.recipe import NetworkSettings, TrainingSettings

SIDE, CHANNELS = 16, 3


def pictures(rows: int = 6, *, seed: int = 1, side: int = SIDE, channels: int = CHANNELS) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(256, (rows, side, side, channels), generator=generator, dtype=torch.uint8)


def network_of(sample: Tensor | None, *, mirrored: bool = False, shape: tuple[int, ...] = (SIDE,) * 2) -> RandomPatches:
    return RandomPatches(
        ArrayStart(
            array=ArrayBlock(column="x", kind="image", shape=(*shape, CHANNELS)),
            settings=NetworkSettings(),
            training=TrainingSettings(image_flip=mirrored),
            noise_layer=0,
            sample=sample,
            generator=torch.Generator(),
        )
    )


def test_responses_are_those_of_the_definition_at_every_place() -> None:
    """Patches cut one by one, whitened by an inverse square root of another library, compared with each filter."""
    from scipy.linalg import fractional_matrix_power

    sample = pictures(20)
    network = network_of(sample)
    told = (network(pictures(1, seed=2), None) / network.factor + network.center)[0].double().numpy()
    # The patches that the filters are made of, drawn by the same generator.
    drawn = patches_of(sample, 6, halved=0, generator=torch.Generator().manual_seed(20)).flatten(1).numpy()

    def leveled(patch: np.ndarray) -> np.ndarray:
        return np.asarray((patch - patch.mean()) / np.sqrt(patch.var() + CONTRAST))

    of_sample = np.array([leveled(patch) for patch in drawn])
    center, covariance = of_sample.mean(0), np.cov(of_sample.T, bias=True)
    whitening = fractional_matrix_power(covariance + WHITENED * np.eye(len(covariance)), -0.5).real
    picture = pictures(1, seed=2)[0].double().numpy()
    for number in (0, FILTERS - 1):
        own = whitening @ (of_sample[number] - center)
        above: list[list[float]] = [[], [], [], []]
        middle = []
        places = SIDE - 6 + 1
        for row in range(places):
            for column in range(places):
                patch = picture[row : row + 6, column : column + 6].transpose(2, 0, 1).ravel()
                response = whitening @ (leveled(patch) - center) @ own / np.linalg.norm(own)
                if (
                    2 <= row < places - 2 and 2 <= column < places - 2
                ):  # a quarter of 11 places is left out on each side
                    middle.append(max(0.0, response - BIAS))
                for half_row in (0, 1):
                    for half_column in (0, 1):  # of 11 places each half has 6: the middle one lies in both
                        if 5 * half_row <= row < 6 + 5 * half_row and 5 * half_column <= column < 6 + 5 * half_column:
                            above[2 * half_row + half_column].append(max(0.0, response - BIAS))
        assert told[4 * number : 4 * number + 4] == pytest.approx([np.mean(each) for each in above], rel=1e-3, abs=1e-3)
        assert told[2 * FILTERS * 4 + number] == pytest.approx(np.mean(middle), rel=1e-3, abs=1e-3)


def test_halved_patches_are_means_of_four_pixels() -> None:
    ramp = torch.arange(SIDE, dtype=torch.uint8).expand(1, SIDE, SIDE)[..., None]
    found = patches_of(ramp, 2, halved=1, generator=torch.Generator().manual_seed(1))
    assert set((found[:, 0, 0, 1] - found[:, 0, 0, 0]).tolist()) == {2.0}
    assert set(found[:, 0, 0, 0].tolist()) == {0.5 + 2 * place for place in range(SIDE // 2 - 1)}


def test_what_patches_have_in_common_moves_no_response() -> None:
    weights, _ = whitened_filters(torch.rand(500, 12, dtype=torch.float64) * 255, 10)
    assert weights.sum(1).abs().max() < 1e-9


def test_scaled_responses_have_mean_0_and_one_spread_over_the_training_pictures() -> None:
    sample = pictures(40)
    told = network_of(sample)(sample, None)
    assert told.mean(0).abs().max() < 1e-4
    assert told.std(0, correction=0).median() == pytest.approx(0.3, abs=1e-3)


def test_mirrored_pictures_respond_alike_only_where_pictures_may_be_mirrored() -> None:
    sample = pictures(10)
    picture = pictures(2, seed=3)
    both = network_of(sample, mirrored=True)
    torch.testing.assert_close(both(picture, None), both(picture.flip(2), None), rtol=1e-3, atol=1e-3)
    plain = network_of(sample)
    assert (plain(picture, None) - plain(picture.flip(2), None)).abs().max() > 0.1


def test_what_is_read_beforehand_is_what_the_network_computes() -> None:
    network = network_of(pictures(20))
    read = network.read(pictures(35))
    assert torch.equal(network(read, None), read)
    torch.testing.assert_close(network(pictures(35), None), read, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("shape", [(1, 1), (3, 40), (12, 13)])
def test_small_and_empty_pictures_have_finite_responses(shape: tuple[int, int]) -> None:
    nothing = torch.zeros(4, *shape, CHANNELS, dtype=torch.uint8)
    network = network_of(nothing, shape=shape)
    told = network(nothing, None)
    assert told.shape == (4, network.width)
    assert torch.isfinite(told).all()


def test_pictures_of_a_run_that_names_no_family_are_read_as_they_were_learned() -> None:
    """Runs that were written before there were two."""
    block = ArrayBlock(column="x", kind="image", shape=(SIDE, SIDE, CHANNELS))
    assert family_of(block, NetworkSettings()) == "convolutional"
    asked = NetworkSettings.model_validate({"image": {"family": "random_patches"}})
    assert family_of(block, asked) == "random_patches"
