"""A long table has a row for each step of each series; here they become one row for each series.

Rows with one id are a series, in the order of their times. Columns of numbers that change within series are its
channels, side by side in one column of lists; what is the same in all rows of a series, as its target is, stays a
column. Where times are whole multiples of a spacing apart, a step that is not there is a gap; where they are not, steps
are taken as they come.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Float, Int

from fitwell.data.columns import date
from fitwell.data.columns.cells import MARKERS, Column, as_text, gather, stripped, typed, without
from fitwell.data.wide import gathered
from fitwell.errors import DataError, nearest
from fitwell.recipe import ColumnSettings, DataSettings

NAME = "series"  # of the column of lists, where the recipe names none
MOST_STEPS = 4  # times as many as rows, gaps included: with more, times are taken for irregular
TOLERANCE = 0.05  # of the spacing, by which a time may miss a multiple of it
SECOND = 1e6  # microseconds


@dataclass(frozen=True, kw_only=True)
class Sorted:
    """The rows of a long table, those of a series side by side and in the order of time."""

    order: Int[np.ndarray, " rows"]  # their places in the table
    series: Int[np.ndarray, " rows"]  # the number of each one's series, from 0, in the order in which they begin
    times: Float[np.ndarray, " rows"]
    names: Sequence[str]  # of the series


def one_row_each(frame: pl.DataFrame, data: DataSettings) -> pl.DataFrame:
    """Return a frame with one row for each series, in the order in which they begin in the table.

    >>> frame = pl.DataFrame({"id": ["a", "b", "a"], "t": [1, 1, 3], "x": [5.0, 6.0, 7.0], "y": ["p", "q", "p"]})
    >>> decided = DataSettings(series_id="id", series_time="t", series={"x": ["x"]}, series_spacing=1.0)
    >>> one_row_each(frame, decided).rows()
    [('a', 'p', [5.0, None, 7.0]), ('b', 'q', [6.0])]

    Raises:
        DataError: a column is missing; a row has no id or time, or the same of both as another; a cell is no number.
    """
    rows = _sorted(frame, data)
    assert data.series_spacing != "auto"
    place = _places(rows, spacing=data.series_spacing)
    last = np.flatnonzero(np.diff(rows.series, append=len(rows.names)))
    starts = np.concatenate([[0], np.cumsum(place[last] + 1)])
    filled = starts[rows.series] + place
    whole = pl.Series("of", np.repeat(np.arange(len(rows.names)), np.diff(starts)))
    lists = []
    channels = [channel for of_series in data.series.values() for channel in of_series]
    for name, of_series in data.series.items():
        columns = []
        for channel in of_series:
            values = np.full(starts[-1], np.nan)
            values[filled] = numbers_of(_column(frame, channel, what=f"a channel of data.series.{name}"))[rows.order]
            columns.append(pl.Series(channel, values).fill_nan(None))
        steps = columns[0] if len(columns) == 1 else pl.select(pl.concat_list(columns)).to_series()
        grouped = pl.DataFrame([whole, steps.alias(name)]).group_by("of", maintain_order=True)
        lists.append(grouped.agg(name)[name])
    rest = [name for name in frame.columns if name not in {*channels, data.series_time}]
    alike = _of_series(frame[rows.order].select(rest), rows)
    for made in lists:
        if made.name in rest:
            raise DataError(
                f'data.series.{made.name} makes a column "{made.name}", but there is one; choose another name'
            )
    return alike.with_columns(pl.Series(data.series_id or "", list(rows.names)), *lists)


def long_settings(frame: pl.DataFrame, data: DataSettings, *, target: Sequence[str]) -> dict[str, Any]:
    """Return the settings of a long table that its rows decide: channels, spacing, and that ids are no feature.

    Raises:
        DataError: a target changes within a series, or another column that holds no numbers; or nothing does.
    """
    rows = _sorted(frame, data)
    assert data.series_id is not None
    if len(rows.names) == len(frame):
        raise DataError(
            f'"{data.series_id}" must name a series in several rows, its steps, but its {len(frame):,} values all '
            "differ; name another column in data.series_id"
        )
    given = {channel for of_series in data.series.values() for channel in of_series}
    roles = {data.weight, data.group, data.time, *target}
    known = {data.series_id, data.series_time, *data.drop, *given}
    changing = _changing(frame.drop(name for name in known if name in frame.columns), rows)
    channels = []
    for name, (row, before, after) in changing.items():
        told = f'but in series "{rows.names[rows.series[row]]}" it is "{before}" and then "{after}"'
        if name in roles:
            raise DataError(f'"{name}" must be the same in all rows of a series, {told}; is it a target of each step?')
        if not _are_numbers(frame[name]):
            raise DataError(
                f'"{name}" changes within a series, and so must hold numbers, {told}; drop it with --drop {name}'
            )
        channels.append(name)
    if data.series and channels:
        raise DataError(
            f'"{channels[0]}" changes within a series, but data.series does not name it; add it as a channel, or drop '
            f"it with --drop {channels[0]}"
        )
    if not data.series and not channels:
        raise DataError(
            f'some column must change within the series of "{data.series_id}", but none does; without data.series_id '
            "each row is one of its own"
        )
    settings = data.columns.get(data.series_id, ColumnSettings())
    if settings.kind == "auto":
        settings = settings.model_copy(update={"kind": "identifier"})
    return {
        "data.series": dict(data.series) or {NAME: tuple(channels)},
        "data.series_spacing": _spacing(rows) if data.series_spacing == "auto" else data.series_spacing,
        "data.columns": {**data.columns, data.series_id: settings},
    }


def series_frame(frame: pl.DataFrame, data: DataSettings) -> pl.DataFrame:
    """Return the frame with each series in one cell, whether its steps were in columns or in rows."""
    return gathered(frame, data.series) if data.series_id is None else one_row_each(frame, data)


def numbers_of(cells: pl.Series) -> Float[np.ndarray, " rows"]:
    """Return cells as numbers, not-a-number where they are missing.

    Raises:
        DataError: a cell is no number.
    """
    present = _present(cells)
    numbers = present.cast(pl.Float64, strict=False)
    if numbers.null_count() > present.null_count():
        row = (numbers.is_null() & present.is_not_null()).arg_max()
        assert row is not None
        raise DataError(
            f'"{cells.name}" changes within series, and so must hold numbers, but row {row + 1} reads '
            f'"{present[row]}"; correct it, or empty it'
        )
    return numbers.fill_null(np.nan).to_numpy()


def _sorted(frame: pl.DataFrame, data: DataSettings) -> Sorted:
    assert data.series_id is not None
    ids = _present_text(_column(frame, data.series_id, what="data.series_id"))
    _require_all(ids, what="the id of its series")
    if data.series_time is None:
        times = np.zeros(len(frame))
    else:
        times = _times(_column(frame, data.series_time, what="data.series_time"))
    names = ids.unique(maintain_order=True)
    number = ids.replace_strict(names, np.arange(len(names)), return_dtype=pl.Int64).to_numpy()
    order = np.lexsort((times, number))
    found = Sorted(order=order, series=number[order], times=times[order], names=names.to_list())
    if data.series_time is not None:
        twice = (np.diff(found.series) == 0) & (np.diff(found.times) == 0)
        if twice.any():
            row = int(np.argmax(twice))
            raise DataError(
                f'a series must have one row at a time, but "{found.names[found.series[row]]}" has two at '
                f'"{frame[data.series_time][int(order[row])]}" in rows {order[row] + 1} and {order[row + 1] + 1}; '
                "remove one of them"
            )
    return found


def _column(frame: pl.DataFrame, name: str, *, what: str) -> pl.Series:
    if name not in frame.columns:
        raise DataError(f'{what} is "{name}", but there is no such column{nearest(name, frame.columns)}')
    return frame[name]


def _present(cells: pl.Series) -> pl.Series:
    column = typed(cells)
    return without(stripped(column), MARKERS) if column.dtype == pl.String else column


def _present_text(cells: pl.Series) -> pl.Series:
    return stripped(as_text(typed(cells)))


def _require_all(cells: pl.Series, *, what: str) -> None:
    if cells.null_count():
        row = cells.is_null().arg_max()
        assert row is not None
        raise DataError(
            f'every row must have {what}, but "{cells.name}" is empty in row {row + 1}; fill it in, or remove the row'
        )


def _times(cells: pl.Series) -> Float[np.ndarray, " rows"]:
    """Return times as numbers; of dates and moments, as seconds."""
    column = _present(cells)
    _require_all(column, what="a time")
    numbers = column.cast(pl.Float64, strict=False) if not column.dtype.is_temporal() else None
    if numbers is not None and not numbers.null_count():
        return numbers.to_numpy()
    claim = date.recognize(gather(cells, ColumnSettings()))
    if claim is None or claim.problem:
        row = 0 if numbers is None else (numbers.is_null().arg_max() or 0)
        raise DataError(
            f'the times of series must be numbers, dates or moments, but row {row + 1} of "{cells.name}" reads '
            f'"{column[row]}"; name another column in data.series_time'
        )
    read = Column(name=cells.name, kind="date", why="", missing=(), missing_count=0, distinct=0, format=claim.format)
    return date.parse(cells, read).dt.epoch("us").to_numpy() / SECOND


def _spacing(rows: Sorted) -> float:
    """Return the shortest time between two steps where all others are multiples of it, else 0."""
    within = np.diff(rows.series) == 0
    apart = np.diff(rows.times)[within]
    if not apart.size or not apart.all():  # no times were given
        return 0.0
    shortest = float(apart.min())
    steps = apart / shortest
    regular = np.abs(steps - steps.round()).max() <= TOLERANCE
    return shortest if regular and steps.round().sum() + len(rows.names) <= MOST_STEPS * len(rows.order) else 0.0


def _places(rows: Sorted, *, spacing: float) -> Int[np.ndarray, " rows"]:
    """Return the place of each row in its series, from 0, gaps counted."""
    begins = np.diff(rows.series, prepend=-1) != 0
    steps = np.ones(len(rows.order), dtype=np.int64)
    if spacing:
        steps[1:] = np.maximum(1, (np.diff(rows.times) / spacing).round())
    steps[begins] = 0
    along = np.cumsum(steps)
    return along - along[begins][rows.series]


def _of_series(ordered: pl.DataFrame, rows: Sorted) -> pl.DataFrame:
    """Return the first cell that is there of each column for each series."""
    numbered = ordered.with_columns(pl.Series("\x1eof", rows.series))
    grouped = numbered.group_by("\x1eof", maintain_order=True).agg(pl.all().drop_nulls().first())
    return grouped.drop("\x1eof")


def _changing(frame: pl.DataFrame, rows: Sorted) -> Mapping[str, tuple[int, object, object]]:
    """Return the columns that are not the same within every series: where first, and what two neighbors are there."""
    found = {}
    for name in frame.columns:
        cells = _present_text(frame[name])[rows.order] if not frame[name].dtype.is_nested() else frame[name][rows.order]
        places = np.flatnonzero(cells.is_not_null().to_numpy())
        pairs = np.diff(rows.series[places]) == 0
        differs = (cells[places[:-1]] != cells[places[1:]]).to_numpy() if len(places) > 1 else np.zeros(0, dtype=bool)
        if (pairs & differs).any():
            first = int(np.argmax(pairs & differs))
            found[name] = (int(places[first]), cells[int(places[first])], cells[int(places[first + 1])])
    return found


def _are_numbers(cells: pl.Series) -> bool:
    present = _present(cells)
    if not (present.dtype.is_numeric() or present.dtype == pl.String):
        return False
    return present.cast(pl.Float64, strict=False).null_count() == present.null_count()
