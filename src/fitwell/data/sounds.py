"""A sound file becomes an array of 16-bit samples: one channel, at one rate.

libsndfile (the extra `audio`) decodes; a polyphase filter brings other rates to the one that is asked for. Whatever is
wrong with a file is said in words that name it. Only as much is decoded as is kept, so that a file that claims hours
costs no more than its beginning.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float, Int16

from fitwell.data.decoding import Unreadable
from fitwell.errors import SurroundingsError

if TYPE_CHECKING:
    from soundfile import SoundFile

SUFFIXES = (".wav", ".wave", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff")
FULL = 32_768  # what a wave of height 1 becomes: 16 bits with a sign
MOST_VALUES = 2**26  # decoded of one file: a minute and more of 768,000 samples a second, or of many channels
LARGEST_TERM = 2_000  # of the ratio of two rates; 44,100 to 16,000 is 441 to 160, and others are within 2e-7 of a ratio
SHORTENED = re.compile(
    r"^\s*data\s*:\s*(\d+) \(should be (\d+)\)", re.MULTILINE
)  # a WAV file's head, as libsndfile says
UNKNOWN = (0, 2**32 - 1)  # lengths in the head of a WAV file that was written as a stream


@dataclass(frozen=True, kw_only=True)
class Heard:
    """What the head of a file says, without decoding it."""

    rate: int  # samples per second
    seconds: float


def heard(path: str) -> Heard | Unreadable:
    """Return the rate of a sound and how long it is."""
    found = _attempted(path, lambda sound: Heard(rate=sound.samplerate, seconds=sound.frames / sound.samplerate))
    assert isinstance(found, Heard | Unreadable)
    return found


def samples_of(path: str, *, rate: int, most: int) -> Int16[np.ndarray, "samples 1"] | Unreadable:
    """Return the first `most` samples of a sound at a rate: the mean of its channels, loud places cut at full scale."""
    found = _attempted(path, lambda sound: _samples(sound, rate=rate, most=most))
    assert isinstance(found, np.ndarray | Unreadable)
    return found


def resampled(wave: Float[np.ndarray, " samples"], *, rate: int, wanted: int) -> Float[np.ndarray, " resampled"]:
    """Return a wave at another rate: what lies above half of the lower one is filtered out (scipy's polyphase filter).

    >>> second = np.sin(2 * np.pi * 5 * np.arange(1000) / 1000)
    >>> half = resampled(second, rate=1000, wanted=500)
    >>> half.shape, bool(np.abs(half[50:-50] - second[::2][50:-50]).max() < 0.001)
    ((500,), True)
    """
    from scipy.signal import resample_poly

    if rate == wanted:
        return wave
    ratio = Fraction(wanted, rate).limit_denominator(LARGEST_TERM)
    return np.asarray(resample_poly(wave, ratio.numerator, ratio.denominator))


def is_sound(name: str) -> bool:
    """Tell from its suffix whether a file is a sound.

    >>> is_sound("cat.WAV"), is_sound("notes.txt")
    (True, False)
    """
    return name.lower().endswith(SUFFIXES)


def _samples(sound: SoundFile, *, rate: int, most: int) -> Int16[np.ndarray, "samples 1"] | Unreadable:
    wanted = min(sound.frames, -(-most * sound.samplerate // rate))
    if wanted * sound.channels > MOST_VALUES:
        return Unreadable(
            path=sound.name,
            why=f"its first {wanted / sound.samplerate:.1f} seconds hold more than {MOST_VALUES:,} values "
            f"({sound.channels} channels at {sound.samplerate:,} a second)",
        )
    values = sound.read(wanted, dtype="float32", always_2d=True)
    if len(values) < wanted:
        return _truncated(sound.name, f"{len(values):,} of {wanted:,} samples are there")
    if not np.isfinite(values).all():
        return Unreadable(path=sound.name, why="it has samples that are no finite numbers")
    wave = resampled(values.mean(axis=1, dtype=np.float64), rate=sound.samplerate, wanted=rate)[:most]
    return (wave * FULL).round().clip(-FULL, FULL - 1).astype(np.int16)[:, None]


def _attempted(path: str, make: Callable[[SoundFile], Any]) -> Any:
    soundfile = _soundfile()
    if not Path(path).is_file():
        return Unreadable(path=path, why="there is no such file")
    try:
        with soundfile.SoundFile(path) as sound:
            shortened = SHORTENED.search(sound.extra_info)
            if shortened is not None and int(shortened[1]) not in UNKNOWN and int(shortened[2]) < int(shortened[1]):
                return _truncated(path, f"{int(shortened[2]):,} of {int(shortened[1]):,} bytes are there")
            if not sound.frames:
                return Unreadable(path=path, why="it holds no sound: its length is 0")
            return make(sound)
    except soundfile.LibsndfileError as error:
        return Unreadable(path=path, why=_worded(path, error.error_string))


def _worded(path: str, said: str) -> str:
    try:
        with Path(path).open("rb") as file:
            start = file.read(4)
    except OSError:
        return "it may not be read by this user"
    if not start:
        return "it is empty"
    if "not recognised" in said:
        return "it is no sound"
    return f"it is truncated or damaged ({said.strip().rstrip('.')})"


def _truncated(path: str, what: str) -> Unreadable:
    return Unreadable(path=path, why=f"it is truncated: {what}")


def _soundfile() -> Any:
    try:
        import soundfile
    except (ImportError, OSError):  # OSError: the package is there, but not the library it calls
        raise SurroundingsError(
            "sounds are decoded by soundfile, which is not installed; install it with: pip install 'fitwell[audio]'"
        ) from None
    return soundfile
