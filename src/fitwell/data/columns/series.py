"""Series: each cell is a list of steps, and a step is a number or a list with a number for each channel.

Each series becomes an array (steps, channels): its values scaled by the training rows' mean and standard deviation, a
flag where steps were missing in training, and, as the last channel, 1 on its own steps and 0 on what fills it up to the
longest. Text formats write lists as JSON does.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import chain

import numpy as np
import polars as pl
from jaxtyping import Float, Float32, Int

from fitwell.data.columns.cells import Cells, Claim, Column, Kind, declared_problem, missing_clause, quoted
from fitwell.errors import DataError
from fitwell.recipe import DataSettings

STRENGTH = 95
FEWEST_STEPS = 2
MOST_BYTES = 4 * 2**30  # of all series together, in memory


@dataclass(frozen=True)
class SeriesEncoder:
    """Series of a column become arrays of one length; longer ones are cut at their end."""

    column: Column
    steps: int  # of the longest training series
    center: tuple[float, ...]  # of each channel
    spread: tuple[float, ...]
    has_gaps: bool  # training has missing steps

    @property
    def shape(self) -> tuple[int, ...]:
        """Steps and channels: values, gaps if there are any, and whether the step belongs to the series."""
        return (self.steps, len(self.center) + self.has_gaps + 1)

    @property
    def vocabulary(self) -> tuple[str, ...]:
        """Nothing: the numbers are amounts."""
        return ()

    def encode(self, cells: pl.Series, *, first_row: int = 0) -> Float32[np.ndarray, "rows steps channels"]:
        """Return every series; of a missing one nothing is there, and missing steps are at the mean.

        Raises:
            DataError: a cell is no series, or has another number of channels than those of training.
        """
        values = parse(cells, self.column, first_row=first_row)
        needed = 4 * len(cells) * self.shape[0] * self.shape[1]
        if needed > MOST_BYTES:
            raise DataError(
                f'the {len(cells):,} series of column "{self.column.name}" must fit into {MOST_BYTES / 2**30:g} GB, '
                f"but take {needed / 2**30:.1f} GB at {self.steps:,} steps; give every second step, or fewer rows"
            )
        numbers, lengths = steps_of(values, channels=len(self.center), column=self.column, first_row=first_row)
        scaled = (numbers - np.array(self.center)) / np.array(self.spread)
        gaps = ~np.isfinite(scaled)
        scaled[gaps] = 0.0
        parts = [scaled, gaps.any(axis=1, keepdims=True)] if self.has_gaps else [scaled]
        parts.append(np.ones((len(scaled), 1)))
        flat = np.concatenate(parts, axis=1, dtype=np.float32)
        place = np.arange(len(flat)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        row = np.repeat(np.arange(len(lengths)), lengths)
        kept = place < self.steps
        arrays = np.zeros((len(cells), *self.shape), dtype=np.float32)
        arrays[row[kept], place[kept]] = flat[kept]
        return arrays


def recognize(cells: Cells) -> Claim | None:
    """Claim lists of numbers, and text that is such lists in JSON."""
    if not cells.present or not (cells.column.dtype.is_nested() or _are_lists(cells.column)):
        return None
    return _claim(cells, "")


def declare(cells: Cells) -> Claim:
    """Take the recipe's word for it; a cell that is no list is a problem."""
    if cells.present and not (cells.column.dtype.is_nested() or _are_lists(cells.column)):
        rest = pl.DataFrame({"value": cells.values, "count": cells.counts})
        problem = declared_problem(cells, rest, kind='series (lists of numbers, such as "[1.5, 2]")')
        return Claim(why="declared in the recipe", strength=STRENGTH, problem=problem)
    return _claim(cells, "declared in the recipe; ")


def parse(cells: pl.Series, column: Column, *, first_row: int = 0) -> pl.Series:
    """Return lists, null where missing.

    Raises:
        DataError: a cell is no list of numbers.
    """
    if cells.dtype.is_nested():
        return cells
    text = cells.cast(pl.String).str.strip_chars()
    text = text.set((text == "").fill_null(False), None)
    shape = pl.List(pl.List(pl.Float64)) if _is_deep(text) else pl.List(pl.Float64)
    try:
        return text.str.json_decode(shape)
    except pl.exceptions.PolarsError:
        row = next(place for place, cell in enumerate(text) if cell is not None and not _is_list(cell))
        raise DataError(
            f'column "{column.name}" holds series, but row {first_row + row + 1} reads {quoted(text[row])}; write a '
            'list of numbers, such as "[1.5, 2]"'
        ) from None


def fit(values: pl.Series, column: Column, settings: DataSettings) -> SeriesEncoder:
    """Return the encoder that the training series call for.

    Raises:
        DataError: series have one step only, or differ in their channels.
    """
    present = values.drop_nulls()
    channels = _channels(present)
    numbers, lengths = steps_of(present, channels=channels, column=column, first_row=0)
    longest = int(lengths.max(initial=0))
    if longest < FEWEST_STEPS:
        raise DataError(
            f'column "{column.name}" must hold series of at least {FEWEST_STEPS} steps, but its longest has {longest}; '
            f"let data.columns.{column.name}.kind be number if it is none"
        )
    if not np.isfinite(numbers).any():
        raise DataError(
            f'column "{column.name}" must hold numbers, but all {len(numbers):,} steps of its {len(present):,} '
            "training series are missing; drop it with --drop"
        )
    known = np.where(np.isfinite(numbers), numbers, np.nan)
    counts = np.maximum(np.isfinite(known).sum(axis=0), 1)
    center = np.nansum(known, axis=0) / counts
    spread = np.sqrt(np.nansum((known - center) ** 2, axis=0) / counts)
    return SeriesEncoder(
        column=column,
        steps=longest,
        center=tuple(map(float, center)),
        spread=tuple(float(each) if each > 0 else 1.0 for each in spread),
        has_gaps=bool(np.isnan(known).any()),
    )


def steps_of(
    values: pl.Series, *, channels: int, column: Column, first_row: int
) -> tuple[Float[np.ndarray, "steps channels"], Int[np.ndarray, " rows"]]:
    """Return the steps of all series one after another, missing ones as not-a-number, and how many each has.

    Raises:
        DataError: a step has another number of channels.
    """
    lengths = values.list.len().fill_null(0).to_numpy().astype(np.int64)
    steps = values.filter(values.list.len().fill_null(0) > 0).explode()
    if not steps.dtype.is_nested():
        counts = np.ones(len(steps), dtype=np.int64)
        numbers = steps
    else:
        counts = steps.list.len().fill_null(channels).to_numpy().astype(np.int64)
        numbers = steps.fill_null(pl.Series([[None] * channels], dtype=steps.dtype)).explode()
    if (counts != channels).any():
        wrong = int(np.argmax(counts != channels))
        row = int(np.searchsorted(np.cumsum(lengths), wrong, side="right"))
        raise DataError(
            f'column "{column.name}" has {channels} channels, but a step in row {first_row + row + 1} has '
            f"{counts[wrong]}; give every step as many numbers"
        )
    return numbers.cast(pl.Float64).fill_null(np.nan).to_numpy().reshape(-1, channels), lengths


def _claim(cells: Cells, prefix: str) -> Claim:
    values = parse(cells.column, _unnamed(cells))
    lengths = values.list.len().drop_nulls().to_list() or [0]
    low, high = min(lengths), max(lengths)
    steps = f"{high}" if low == high else f"{low} to {high}"
    channels = _channels(values.drop_nulls())
    of_several = f" of {channels} channels" if channels > 1 else ""
    return Claim(why=f"{prefix}lists of {steps} steps{of_several}{missing_clause(cells)}", strength=STRENGTH)


def _unnamed(cells: Cells) -> Column:
    return Column(name=cells.name, kind="series", why="", missing=(), missing_count=0, distinct=0)


def _channels(present: pl.Series) -> int:
    """Return how many numbers the first step has."""
    steps = present.filter(present.list.len() > 0).head(1).explode().drop_nulls()
    return int(steps.list.len()[0]) if len(steps) and steps.dtype.is_nested() else 1


def _are_lists(cells: pl.Series) -> bool:
    """Tell whether all text cells are lists of numbers in JSON; most columns are told by their first cell."""
    present = cells.drop_nulls()
    return present.dtype == pl.String and _is_list(present[0]) and all(map(_is_list, present))


def _is_list(cell: str) -> bool:
    if not cell.lstrip().startswith("["):
        return False
    try:
        steps = json.loads(cell)
    except (ValueError, RecursionError):
        return False
    deep = all(step is None or isinstance(step, list) for step in steps)
    return all(map(_is_number, chain.from_iterable(step or () for step in steps) if deep else steps))


def _is_number(value: object) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))


def _is_deep(text: pl.Series) -> bool:
    present = text.drop_nulls()
    return bool(len(present)) and present[0].replace(" ", "").startswith("[[")


KIND = Kind(
    recognize=recognize, declare=declare, parse=parse, fit=fit, fitting=None, encoder=SeriesEncoder, is_array=True
)
