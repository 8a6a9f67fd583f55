"""Columns that are the steps of a series, t0, t1, t2 and so on, become one column of lists."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import chain

import numpy as np
import polars as pl
from jaxtyping import Float

from fitwell.data.columns.cells import typed
from fitwell.errors import DataError, nearest

NUMBERED = r"[ _.-]?(\d+)"


def gathered(frame: pl.DataFrame, series: Mapping[str, Sequence[str]]) -> pl.DataFrame:
    """Return the frame with each of the series as one column of lists, in place of the columns of its steps.

    `series` names for each the words that its columns begin with, one for each channel. Steps missing at the end make
    a series shorter, others are gaps.

    >>> gathered(pl.DataFrame({"t1": [1.0, 2.0], "t2": [3.0, None]}), {"pulse": ["t"]})["pulse"].to_list()
    [[1.0, 3.0], [2.0]]

    Raises:
        DataError: no columns begin so, one in between is not there, or channels have different numbers of steps.
    """
    for name, beginnings in series.items():
        channels = {beginning: _steps(frame.columns, beginning, series=name) for beginning in beginnings}
        counts = {beginning: len(steps) for beginning, steps in channels.items()}
        if len(set(counts.values())) > 1:
            told = ", ".join(f'"{beginning}" has {count}' for beginning, count in counts.items())
            raise DataError(
                f'the channels of the series "{name}" must have as many steps, but {told}; are columns missing?'
            )
        lists = _lists(frame, list(channels.values()), name=name)
        frame = frame.drop(chain.from_iterable(channels.values()))
        if name in frame.columns:
            raise DataError(f'data.series.{name} makes a column "{name}", but there is one; choose another name')
        frame = frame.with_columns(lists)
    return frame


def _steps(columns: Sequence[str], beginning: str, *, series: str) -> list[str]:
    found = {}
    for column in columns:
        matched = re.fullmatch(re.escape(beginning) + NUMBERED, column)
        if matched:
            found[int(matched[1])] = column
    if not found:
        raise DataError(
            f'data.series.{series} names columns that begin with "{beginning}" and end with a number, but there is '
            f"none{nearest(beginning + '0', columns)}"
        )
    low, high = min(found), max(found)
    for number in range(low, high + 1):
        if number not in found:
            raise DataError(
                f'the steps of the series "{series}" are {found[low]} to {found[high]}, but the column of step '
                f"{number} is missing; add it, empty if its values are not known"
            )
    return [found[number] for number in sorted(found)]


def _lists(frame: pl.DataFrame, channels: list[list[str]], *, name: str) -> pl.Series:
    used = [column for steps in channels for column in steps]
    wide = np.stack([_numbers(frame[column], series=name) for column in used], axis=1)
    values = wide.reshape(len(frame), len(channels), -1).swapaxes(1, 2)  # (rows, steps, channels)
    known = ~np.isnan(values).all(axis=2)
    lengths = np.where(known, np.arange(1, values.shape[1] + 1), 0).max(axis=1)  # up to the last step that is known
    rows = [
        (steps[:, 0] if len(channels) == 1 else steps)[:length].tolist() if length else None
        for steps, length in zip(values, lengths, strict=True)
    ]
    number = pl.element().fill_nan(None)
    if len(channels) == 1:
        return pl.Series(name, rows, dtype=pl.List(pl.Float64)).list.eval(number)
    return pl.Series(name, rows, dtype=pl.List(pl.List(pl.Float64))).list.eval(pl.element().list.eval(number))


def _numbers(cells: pl.Series, *, series: str) -> Float[np.ndarray, " rows"]:
    column = typed(cells)
    if column.dtype == pl.String:
        column = column.str.strip_chars()
        column = column.set((column == "").fill_null(False), None)
    numbers = column.cast(pl.Float64, strict=False)
    if numbers.null_count() > column.null_count():
        row = (numbers.is_null() & column.is_not_null()).arg_max()
        assert row is not None
        raise DataError(
            f'the steps of the series "{series}" must be numbers, but row {row + 1} of "{cells.name}" reads '
            f'"{column[row]}"; correct it, or empty it'
        )
    return numbers.fill_null(np.nan).to_numpy()
