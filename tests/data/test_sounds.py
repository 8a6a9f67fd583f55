"""Sounds of every kind become 16-bit samples at one rate, and what is wrong with a file is said in words."""

from __future__ import annotations

import io
import re
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from fitwell.data import sounds
from fitwell.data.decoding import Unreadable
from fitwell.data.sounds import Heard, heard, resampled, samples_of
from fitwell.errors import SurroundingsError

RATE = 8000
TONE = (0.5 * np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE)).astype(np.float32)
WHOLE = np.round(32768 * TONE).astype(np.int16)


def written(wave: np.ndarray, *, rate: int = RATE, form: str = "WAV", subtype: str = "PCM_16") -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, wave, rate, format=form, subtype=subtype)
    return buffer.getvalue()


def saved(folder: Path, content: bytes, name: str = "a.wav") -> str:
    (folder / name).write_bytes(content)
    return str(folder / name)


def wave_of(path: str, *, rate: int = RATE, most: int = 10**6) -> np.ndarray:
    found = samples_of(path, rate=rate, most=most)
    assert isinstance(found, np.ndarray), found
    return found[:, 0]


@pytest.mark.parametrize(
    ("form", "subtype"), [("WAV", "PCM_16"), ("WAV", "FLOAT"), ("FLAC", "PCM_16"), ("AIFF", "PCM_16")]
)
def test_sounds_without_loss_keep_every_sample(tmp_path: Path, form: str, subtype: str) -> None:
    path = saved(
        tmp_path, written(WHOLE / np.float32(32768) if subtype == "FLOAT" else WHOLE, form=form, subtype=subtype)
    )
    assert heard(path) == Heard(rate=RATE, seconds=1.0)
    assert np.array_equal(wave_of(path), WHOLE)


def test_ogg_is_what_it_sounds_like(tmp_path: Path) -> None:
    path = saved(tmp_path, written(TONE, form="OGG", subtype="VORBIS"), "a.ogg")
    # A lossy code, at the quality that libsndfile takes.
    assert np.abs(wave_of(path)[200:-200] / 32768 - TONE[200:-200]).max() < 0.03


@pytest.mark.parametrize(("rate", "wanted"), [(44_100, 8_000), (8_000, 16_000), (22_050, 8_000), (11_026, 8_000)])
def test_a_tone_at_another_rate_is_the_same_tone(rate: int, wanted: int) -> None:
    tone = np.sin(2 * np.pi * 440 * np.arange(rate) / rate)
    found = resampled(tone, rate=rate, wanted=wanted)
    expected = np.sin(2 * np.pi * 440 * np.arange(len(found)) / wanted)
    assert abs(len(found) - wanted) <= 1
    # The filter's ripple; its edges see silence beyond the ends.
    assert np.abs(found - expected)[300:-300].max() < 0.003


def test_channels_are_averaged_and_only_the_beginning_is_kept(tmp_path: Path) -> None:
    path = saved(tmp_path, written(np.stack([TONE, 0 * TONE], 1)))
    assert np.abs(wave_of(path, most=100) - 32768 * TONE[:100] / 2).max() <= 1
    assert len(wave_of(path, rate=4000, most=100)) == 100


def test_loud_places_are_cut_at_full_scale(tmp_path: Path) -> None:
    path = saved(tmp_path, written(4 * TONE, subtype="FLOAT"))
    assert (wave_of(path).min(), wave_of(path).max()) == (-32768, 32767)


def test_a_wave_file_that_was_written_as_a_stream_is_whole(tmp_path: Path) -> None:
    content = bytearray(written(TONE))
    place = content.index(b"data") + 4
    content[place : place + 4] = b"\xff\xff\xff\xff"
    assert len(wave_of(saved(tmp_path, bytes(content)))) == RATE


@pytest.mark.parametrize(
    ("content", "name", "why"),
    [
        (b"", "a.wav", "^it is empty$"),
        (b"no sound at all, but words", "a.wav", "^it is no sound$"),
        (written(TONE[:0]), "a.wav", "^it holds no sound: its length is 0$"),
        (written(TONE)[:8000], "a.wav", r"^it is truncated: 7,956 of 16,000 bytes are there$"),
        (written(TONE)[:30], "a.wav", r"^it is truncated or damaged \("),
        (written(TONE, form="FLAC")[:1500], "a.flac", r"^it is truncated or damaged \("),
        (written(TONE, form="OGG", subtype="VORBIS")[:1700], "a.ogg", r"^it is truncated or damaged \("),
        (written(np.full(9, np.nan), subtype="FLOAT"), "a.wav", "^it has samples that are no finite numbers$"),
        (None, "a.wav", "^there is no such file$"),
    ],
)
def test_a_file_that_is_no_sound_says_why(tmp_path: Path, content: bytes | None, name: str, why: str) -> None:
    path = str(tmp_path / name) if content is None else saved(tmp_path, content, name)
    found = samples_of(path, rate=RATE, most=10**6)
    assert isinstance(found, Unreadable)
    assert found.path == path
    assert re.search(why, found.why), found.why


def test_a_file_of_too_many_values_is_not_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sounds, "MOST_VALUES", 7_000)
    path = saved(tmp_path, written(TONE))
    found = samples_of(path, rate=RATE, most=10**6)
    told = r"its first 1\.0 seconds hold more than 7,000 values \(1 channels at 8,000 a second\)"
    assert isinstance(found, Unreadable)
    assert re.search(told, found.why)
    assert len(wave_of(path, most=6_000)) == 6_000


def test_without_soundfile_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "soundfile", None)
    with pytest.raises(
        SurroundingsError, match=r"soundfile, which is not installed; .* pip install 'fitwell\[audio\]'"
    ):
        heard(str(tmp_path / "a.wav"))
