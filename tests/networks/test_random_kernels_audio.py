"""Random kernels for sounds hear the outline of a spectrum, at one length, whoever speaks."""

from __future__ import annotations

import numpy as np
import torch
from scipy.fft import dct
from torch import Tensor

from fitwell.data.encode import ArrayBlock
from fitwell.networks.layer import ArrayStart
from fitwell.networks.random_kernels_audio import CEPSTRA, MOMENTS, RandomKernelsAudio, cosines_of, stretched
from fitwell.recipe import NetworkSettings, TrainingSettings

RATE, BANDS, SECONDS = 8000, 40, 0.6


def network_of(sample: Tensor | None, samples: int = int(RATE * SECONDS)) -> RandomKernelsAudio:
    return RandomKernelsAudio(
        ArrayStart(
            array=ArrayBlock(column="x", kind="audio", shape=(samples, 1), rate=RATE),
            settings=NetworkSettings.model_validate({"audio": {"bands": BANDS}}),
            training=TrainingSettings(audio_time_mask=0.0, audio_band_mask=0.0),
            noise_layer=0,
            sample=sample,
            generator=torch.Generator(),
        )
    )


def noise(rows: int = 5) -> Tensor:
    drawn = torch.randn(rows, int(RATE * SECONDS), 1, generator=torch.Generator().manual_seed(1))
    return (drawn * 3000).to(torch.int16)


def spoken(vowels: list[tuple[int, int]], *, pitch: float, seconds: float) -> Tensor:
    """Return a voice of a pitch that says vowels one after another, each told by two resonances, in hertz."""
    time = np.arange(round(RATE * seconds)) / RATE
    wave = np.zeros_like(time)
    for place, resonances in enumerate(vowels):
        inside = (time >= place * seconds / len(vowels)) & (time < (place + 1) * seconds / len(vowels))
        for harmonic in np.arange(pitch, 3500, pitch):
            strength = sum(1 / (1 + ((harmonic - resonance) / 120) ** 2) for resonance in resonances)
            wave += inside * strength * np.cos(2 * np.pi * harmonic * time)
    filled = np.zeros(int(RATE * SECONDS))
    filled[: len(wave)] = wave / np.abs(wave).max() * 12_000
    return torch.from_numpy(filled.astype(np.int16))[None, :, None]


def test_cosines_are_those_of_scipys_cosine_transform() -> None:
    bands = np.random.default_rng(1).normal(size=(7, BANDS))
    found = torch.from_numpy(bands).float() @ cosines_of(BANDS, CEPSTRA)
    assert np.abs(found.numpy() - dct(bands, norm="ortho", axis=1)[:, :CEPSTRA]).max() < 1e-5  # float32's digits


def test_a_moment_is_the_mean_of_its_part_of_a_sound() -> None:
    values = torch.randn(3, 50, 2, generator=torch.Generator().manual_seed(1))
    lengths = (50, 17, 1)
    present = torch.stack([(torch.arange(50) < length).float() for length in lengths])
    found = stretched(values, present, 12).numpy()
    for row, length in enumerate(lengths):
        fine = np.repeat(values[row, :length].double().numpy(), 12, axis=0)  # each frame as twelve parts
        assert np.abs(found[row] - fine.reshape(12, length, 2).mean(1)).max() < 1e-5


def test_moments_of_the_training_sounds_have_mean_0_and_spread_1_and_silence_is_0() -> None:
    sounds = noise(6)
    sounds[3] = 0
    found = network_of(sounds).outlines(sounds)
    assert not found[3].any()
    own = found[found[..., -1] > 0][:, :-1]
    assert len(own) == 5 * MOMENTS
    assert own.mean(0).abs().max() < 1e-3
    assert (own.std(0, correction=0) - 1).abs().max() < 1e-3


def test_what_is_read_beforehand_is_what_the_network_computes() -> None:
    network = network_of(noise())
    read = network.read(noise(70))
    assert torch.equal(network(read, None), read)
    torch.testing.assert_close(network(noise(70), None), read)


def test_who_speaks_and_how_fast_changes_less_than_what_is_said() -> None:
    words = [[(300, 2300), (700, 1100)], [(700, 1100), (300, 2300)], [(500, 1800), (400, 800)]]
    voices = [(pitch, seconds) for pitch in (95.0, 140.0, 210.0) for seconds in (0.3, 0.55)]
    said = torch.cat([spoken(word, pitch=pitch, seconds=seconds) for word in words for pitch, seconds in voices])
    network = network_of(said)
    numbers = network(said, None)
    word = torch.arange(len(words)).repeat_interleave(len(voices))
    voice = torch.arange(len(voices)).repeat(len(words))
    for row in range(len(said)):
        others = voice != voice[row]
        distances = (numbers - numbers[row]).norm(dim=1)
        assert distances[others & (word == word[row])].mean() < distances[others & (word != word[row])].min()
