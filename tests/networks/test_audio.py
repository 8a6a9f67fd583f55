"""What networks hear of sounds is the logarithm of power in mel bands, whatever fills the sounds up."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from fitwell.data.encode import ArrayBlock
from fitwell.networks.arrays import ARRAY_NETWORKS
from fitwell.networks.audio import Listening, kept_of, mel_filters
from fitwell.networks.layer import ArrayNetwork, ArrayStart
from fitwell.networks.noise import from_row, noise_words
from fitwell.recipe import AudioNetwork, NetworkSettings, TrainingSettings

RATE, SAMPLES, BANDS = 4000, 900, 12
FAMILIES = list(ARRAY_NETWORKS["audio"])
MASKED = [family for family in FAMILIES if family != "random_kernels"]  # which reads each sound once


def waves(rows: int = 5, samples: int = SAMPLES) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return (torch.randn(rows, samples, 1, generator=generator) * 3000).to(torch.int16)


def block(samples: int = SAMPLES) -> ArrayBlock:
    return ArrayBlock(column="x", kind="audio", shape=(samples, 1), rate=RATE)


def training_of(mask: float = 0.0) -> TrainingSettings:
    return TrainingSettings(audio_time_mask=mask, audio_band_mask=mask, image_precision="float32")


def listening(
    samples: int = SAMPLES, *, sample: Tensor | None = None, mask: float = 0.0, silence: float = 25.0
) -> Listening:
    own = AudioNetwork(bands=BANDS, silence=silence, leveling=0.25)
    return Listening(block(samples), own, training_of(mask), noise_layer=0, sample=sample)


def network_of(family: str, samples: int = SAMPLES, *, mask: float = 0.0) -> ArrayNetwork:
    own: dict[str, Any] = {"family": family, "bands": BANDS, "widths": [4, 6]}
    settings = NetworkSettings.model_validate({"activation": "relu", "initialization": "he_normal", "audio": own})
    return ARRAY_NETWORKS["audio"][family](
        ArrayStart(
            array=block(samples),
            settings=settings,
            training=training_of(mask),
            noise_layer=0,
            sample=waves(samples=samples),
            generator=torch.Generator().manual_seed(1),
        )
    )


def test_bands_are_the_logarithm_of_power_frame_by_frame() -> None:
    found, present = listening()(waves(2), None)
    length, step, points = 100, 40, 256  # 25 and 10 ms; the power of two from twice a frame on
    taper = np.array([0.5 - 0.5 * math.cos(2 * math.pi * place / length) for place in range(length)])
    filters = mel_filters(BANDS, rate=RATE, points=points).astype(np.float64)
    frequencies = np.exp(-2j * np.pi * np.outer(np.arange(points // 2 + 1), np.arange(length)) / points)
    for row, wave in enumerate(waves(2)[..., 0].double().numpy() / 32768):
        frames = [wave[start : start + length] for start in range(0, SAMPLES - length + 1, step)]
        power = np.array([np.abs(frequencies @ (frame * taper)) ** 2 @ filters for frame in frames])
        heard = np.log(power + 0.01 * power.mean())
        expected = heard - 0.75 * heard.mean() - 0.25 * heard.mean(0)
        assert present[row].tolist() == [1.0] * len(frames)
        # float32 against float64, on a logarithmic scale.
        assert np.abs(found[row].numpy() - expected).max() < 1e-3


def test_filters_are_triangles_evenly_spaced_in_mel() -> None:
    filters = mel_filters(10, rate=8000, points=8000)  # a frequency each hertz
    middles = filters.argmax(0)
    mel = 2595 * np.log10(1 + middles / 700)
    # Half a hertz of rounding, where a hertz is at most 1.6 mel.
    assert np.abs(np.diff(mel, prepend=0) - 2595 * math.log10(1 + 4000 / 700) / 11).max() < 1.7
    inside = filters[middles[0] : middles[-1] + 1]
    assert np.abs(inside.sum(1) - 1).max() < 0.02  # each falls as the next one rises


def test_a_tone_is_heard_in_the_band_of_its_pitch() -> None:
    for pitch in (200, 700, 1500):
        tone = (9000 * np.sin(2 * np.pi * pitch * np.arange(SAMPLES) / RATE)).astype(np.int16)
        heard, _ = listening()(torch.from_numpy(tone)[None, :, None], None)
        edges = 2595 * math.log10(1 + 2000 / 700) / (BANDS + 1)
        band = 2595 * math.log10(1 + pitch / 700) / edges - 1  # bands are counted from 0, their middles from 1
        assert abs(int(heard[0].mean(0).argmax()) - band) <= 0.6


def test_loud_and_quiet_are_heard_alike() -> None:
    loud, _ = listening()(waves(2) * 2, None)
    quiet, _ = listening()(waves(2), None)
    assert torch.allclose(loud, quiet, atol=1e-3)


def test_quiet_moments_before_and_after_a_sound_are_not_heard() -> None:
    step, loud = 40, 2 * waves(1, 400)
    around = (waves(1, 1200) / 300).to(torch.int16)  # 55 decibels quieter
    heard = []
    for start in (4 * step, 11 * step):
        sound = around.clone()
        sound[:, start : start + 400] = loud
        found, present = listening(1200)(sound, None)
        assert 400 / step <= present.sum() <= 400 / step + 2  # a frame is 2.5 steps long
        heard.append(found[present > 0])
    early, late = heard
    assert torch.allclose(early, late, atol=0.05)  # the quiet noise within the first and the last frame is another
    assert listening(1200, silence=0.0)(sound, None)[1].all()


def test_the_frames_of_the_sample_have_mean_0_and_spread_1_in_each_band() -> None:
    sample = waves()
    sample[2, 300:] = 0
    heard, present = listening(sample=sample)(sample, None)
    frames = heard[present > 0].double()
    assert frames.mean(0).abs().max() < 1e-4
    assert (frames.std(0, correction=0) - 1).abs().max() < 1e-4


@pytest.mark.parametrize("family", FAMILIES)
def test_what_fills_a_sound_up_changes_nothing(family: str) -> None:
    short, filled = network_of(family).eval(), network_of(family, SAMPLES + 80).eval()
    filled.load_state_dict(short.state_dict())
    sound = waves(3)
    longer = torch.cat([sound, torch.zeros(3, 80, 1, dtype=torch.int16)], 1)
    assert torch.allclose(short(sound, None), filled(longer, None), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("family", FAMILIES)
def test_sounds_of_any_length_and_none_become_row_vectors(family: str) -> None:
    for samples in (1, 99, SAMPLES):
        network = network_of(family, samples).eval()
        assert network(waves(2, samples), None).shape == (2, network.width)
        assert torch.isfinite(network(torch.zeros(2, samples, 1, dtype=torch.int16), None)).all()


@pytest.mark.parametrize("family", MASKED)
def test_masks_are_for_training_alone_and_the_same_in_a_part_of_a_batch(family: str) -> None:
    network, words = network_of(family, mask=0.4).eval(), noise_words([3], step=0, layers=1)[0]
    plain, masked = network(waves(), None), network(waves(), words)
    assert not torch.allclose(plain, masked)
    assert torch.allclose(network(waves()[2:], from_row(words, 2)), masked[2:], rtol=1e-4, atol=1e-5)


def test_masks_are_stretches_within_the_sound_of_at_most_the_share() -> None:
    present = torch.ones(500, 40)
    present[:250, 20:] = 0
    kept = kept_of(noise_words([3], step=0, layers=1)[0, 0], present, bands=10, time=0.2, band=0.3)
    moments, bands = kept.amax(2), kept.amax(1)
    assert torch.equal(kept, moments[:, :, None] * bands[:, None, :])
    for masked, length in (((1 - moments[:250]), 20), ((1 - moments[250:]), 40)):
        assert masked.sum(1).max() == 2 * 0.2 * length  # two of them, some of which do not overlap
        assert masked[:, length:].sum() == 0
    assert (1 - bands).sum(1).max() == 2 * 0.3 * 10
    assert (1 - bands).amax(0).all()
    assert (1 - moments[250:]).amax(0).all()


def test_multiplications_are_those_of_every_convolution() -> None:
    network = network_of("convolutional")
    # 21 frames of 12 bands: 1 -> 4 channels and twice 4 -> 4 there; 4 -> 6, 6 -> 6 and the shortcut at 11 x 6.
    assert network.multiplications == 21 * 12 * 9 * (4 + 2 * 16) + 11 * 6 * (9 * (24 + 36) + 24)
    assert network.width == 6 * 6
