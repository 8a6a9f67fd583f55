"""Sounds: a column of paths of recordings. Each becomes an array of 16-bit samples (samples, 1) at one rate.

The rate and the length follow from the training rows. What fills up shorter recordings is silence, and so is a missing
one; longer ones are cut at their end. The network computes what it listens to itself, from the samples.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl
from jaxtyping import Int16

from fitwell.data.columns.cells import Cells, Claim, Column, Kind, declared_problem, missing_clause, present_text
from fitwell.data.decoding import all_decoded, every, undecoded
from fitwell.data.sounds import Heard, heard, is_sound, samples_of
from fitwell.errors import DataError
from fitwell.recipe import DataSettings

STRENGTH = 95
HIGHEST_RATE = 16_000  # samples per second, unless the recipe says otherwise: speech lies below half of it
LONGEST = 10.0  # seconds of a recording, unless the recipe says otherwise
WHOLE = 0.98  # of the training recordings are not cut
LOOKED_AT = 2000  # training recordings whose heads decide rate and length
MOST_BYTES = 4 * 2**30  # of all recordings together, in memory


@dataclass(frozen=True)
class AudioEncoder:
    """Recordings of a column become arrays of one length."""

    column: Column
    rate: int  # samples per second
    samples: int

    @property
    def shape(self) -> tuple[int, ...]:
        """Samples, and the one channel."""
        return (self.samples, 1)

    @property
    def vocabulary(self) -> tuple[str, ...]:
        """Nothing: the numbers are amounts."""
        return ()

    def encode(self, cells: pl.Series, *, first_row: int = 0) -> Int16[np.ndarray, "rows samples 1"]:
        """Return every recording; a missing one is silent.

        Raises:
            DataError: a recording cannot be read, or all together are too large for the memory.
        """
        paths = present_text(cells, self.column)
        needed = 2 * len(cells) * self.samples
        if needed > MOST_BYTES:
            raise DataError(
                f'the {len(cells):,} sounds of column "{self.column.name}" must fit into {MOST_BYTES / 2**30:g} GB, '
                f"but take {needed / 2**30:.1f} GB at {self.samples / self.rate:.1f} seconds of {self.rate:,} samples; "
                "lower data.audio_seconds or data.audio_rate"
            )
        waves = np.zeros((len(cells), *self.shape), dtype=np.int16)
        make = partial(samples_of, rate=self.rate, most=self.samples)
        all_decoded(paths, make, into=waves, first_row=first_row, what="sounds", setting="data.broken_sounds")
        return waves


def recognize(cells: Cells) -> Claim | None:
    """Claim text that names sounds, the first of which is there."""
    if not cells.is_text or not cells.present or not all(map(is_sound, cells.values)):
        return None
    if not Path(str(cells.column.drop_nulls()[0])).is_file():
        return None
    return Claim(why=f"all {cells.present} cells name sounds{missing_clause(cells)}", strength=STRENGTH)


def declare(cells: Cells) -> Claim:
    """Take the recipe's word for it; cells that are no text are a problem."""
    rest = pl.DataFrame({"value": cells.values, "count": cells.counts})
    problem = declared_problem(cells, rest, kind="audio (paths of sounds)") if not cells.is_text and len(rest) else ""
    return Claim(why=f"declared in the recipe{missing_clause(cells)}", strength=STRENGTH, problem=problem)


def parse(cells: pl.Series, column: Column, *, first_row: int = 0) -> pl.Series:
    """Return paths, null where missing."""
    return present_text(cells, column)


def fit(paths: pl.Series, column: Column, settings: DataSettings) -> AudioEncoder:
    """Return the encoder of the rate and length that the training recordings call for.

    The rate is the one that most of them have, at most `data.audio_rate`; the length is what all but a few have, at
    most `data.audio_seconds`. Those that cannot be read are left to `encode`, which tells of all of them at once.
    """
    assert settings.audio_rate != "auto"
    assert settings.audio_seconds != "auto"
    present = paths.drop_nulls()
    looked = present.gather_every(max(1, -(-len(present) // LOOKED_AT))).to_list()
    found = [head for head in every(looked, heard) if isinstance(head, Heard)]
    rates = [head.rate for head in found] or [settings.audio_rate]
    rate = min(settings.audio_rate, max(set(rates), key=lambda each: (rates.count(each), each)))
    whole = float(np.quantile([head.seconds for head in found], WHOLE, method="higher")) if found else 0.0
    return AudioEncoder(column, rate=rate, samples=max(1, round(rate * min(settings.audio_seconds, whole))))


def unreadable_rows(paths: pl.Series) -> Iterator[tuple[int, str]]:
    """Yield the places of the sounds that cannot be decoded, and why."""
    return undecoded(paths, partial(samples_of, rate=HIGHEST_RATE, most=HIGHEST_RATE))


KIND = Kind(
    recognize=recognize, declare=declare, parse=parse, fit=fit, fitting=None, encoder=AudioEncoder, is_array=True
)
