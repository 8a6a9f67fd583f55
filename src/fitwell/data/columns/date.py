"""Dates and times: where in the year, the week and the day a moment lies, and how many days have passed.

Calendar parts become points on a circle (sine and cosine), each only if it varies in training. Elapsed days are one
scaled number; it says what a year would say and more. It is left out when the rows are split by time: every later row
would lie beyond all values that were trained on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl
from jaxtyping import Float, Float32, Float64

from fitwell.data.columns.category import name_words
from fitwell.data.columns.cells import (
    READABLE_SHARE,
    Cells,
    Claim,
    Column,
    Kind,
    as_text,
    declared_problem,
    markers_of,
    missing_clause,
    mixed_problem,
    require_read,
    stripped,
    typed,
    unreadable,
    without,
)
from fitwell.data.columns.known import AllNumbers, Numbers, NumbersInParts
from fitwell.data.columns.number import location_and_scale, smooth_clipped
from fitwell.errors import DataError
from fitwell.recipe import DataSettings

STRENGTH = 85  # above identifier: moments hardly repeat either
HEAD = 200  # distinct values on which ways of writing are ruled out before all cells are read
DAY_MICROSECONDS = 86_400_000_000
YEARS = (1000, 2999)  # "%Y" would read any number as a year
DAYS = (
    *("%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%m/%d/%Y", "%d/%m/%Y", "%d.%m.%Y", "%m.%d.%Y", "%d-%m-%Y", "%m-%d-%Y"),
    *("%m/%d/%y", "%d/%m/%y", "%d.%m.%y", "%d-%m-%y", "%d %b %Y", "%d %B %Y", "%d. %B %Y", "%b %d, %Y", "%B %d, %Y"),
    *("%b %d %Y", "%B %d %Y", "%d-%b-%Y", "%d-%b-%y", "%d/%b/%Y"),
)
TIMES = ("", "{}%H:%M:%S%.f", "{}%H:%M", "{}%H:%M:%S%.f%#z", "{}%H:%M:%S%.f %#z", "{}%I:%M:%S %p", "{}%I:%M %p")
MONTHS = ("%Y-%m", "%Y/%m", "%b %Y", "%B %Y", "%b-%Y")
CLOCK = ("%H:%M:%S%.f", "%H:%M")
ISO = (  # ISO 8601: no two of them read one cell differently
    *("%Y-%m-%d", "%Y-%m"),
    *(f"%Y-%m-%d{between}{time}{zone}" for between in "T " for time in CLOCK for zone in ("", "%#z")),
)
UNIX_NAMES = frozenset({"timestamp", "epoch", "unix", "unixtime", "ts"})
UNIX = {"unix seconds": (1e8, 5e9, 1_000_000), "unix milliseconds": (1e11, 5e12, 1_000)}  # range, microseconds each
COMPACT, COMPACT_NAMES = "%Y%m%d", frozenset({"date", "day", "dt", "dteday", "yyyymmdd"})

PARTS: dict[str, tuple[Callable[[pl.Series], pl.Series], float]] = {  # place in its cycle, and the cycle's length
    "month": (lambda moments: moments.dt.month() - 1, 12.0),
    "weekday": (lambda moments: moments.dt.weekday() - 1, 7.0),
    "hour": (lambda moments: moments.dt.hour() + moments.dt.minute() / 60, 24.0),
    "day_of_year": (lambda moments: moments.dt.ordinal_day() - 1, 365.25),
}


@dataclass(frozen=True)
class DateEncoder:
    """A date column becomes points on the circles of its calendar parts, and scaled elapsed days."""

    column: Column
    parts: tuple[str, ...]  # names in PARTS
    center: float  # in days since 1970
    scale: float  # in days; 0: elapsed days are no feature
    indicator: bool

    @property
    def widths(self) -> Mapping[str, int]:
        """How many entries it adds to each block."""
        widths = {"numbers": int(self.scale != 0), "flags": 2 * len(self.parts) + self.indicator}
        return {block: width for block, width in widths.items() if width}

    @property
    def cardinality(self) -> int:
        """Dates have no codes."""
        return 0

    def encode(self, cells: pl.Series, *, first_row: int = 0) -> Mapping[str, Float32[np.ndarray, "rows width"]]:
        """Return elapsed days, and sine and cosine of each calendar part; 0 where missing."""
        moments = parse(cells, self.column, first_row=first_row)
        absent = moments.is_null().to_numpy()
        blocks = {}
        if self.scale != 0:
            scaled = smooth_clipped(elapsed_days(moments), center=self.center, scale=self.scale)
            blocks["numbers"] = np.where(absent, np.float32(0), scaled)[:, None]
        flags = [np.where(absent, np.float32(0), flag) for part in self.parts for flag in _on_circle(moments, part)]
        if self.indicator:
            flags.append(absent.astype(np.float32))
        return {**blocks, "flags": np.stack(flags, axis=1)} if flags else blocks


def recognize(cells: Cells) -> Claim | None:
    """Claim moments, and cells that one way of writing dates reads, up to one word in at most 5 % of them."""
    if cells.present == 0:
        return None
    if cells.values.dtype.is_temporal():
        why = f"cells of type {cells.values.dtype}{missing_clause(cells)}"
        return Claim(why=why, strength=STRENGTH, format=_text_of_typed(cells))
    if cells.settings.date_format == "auto" and not _looks_like_dates(cells):
        return None
    claim = _claim(cells)
    if claim is None:
        return None
    read = _read(cells.values, claim.format["date_format"])
    return claim if cells.counts.filter(read.is_not_null()).sum() >= READABLE_SHARE * cells.present else None


def declare(cells: Cells) -> Claim:
    """Take the recipe's word for it; any cell that is no date is a problem."""
    if cells.values.dtype.is_temporal() or not cells.present:
        why = f"declared in the recipe{missing_clause(cells)}"
        return Claim(why=why, strength=STRENGTH, format=_text_of_typed(cells))
    claim = _claim(cells)
    format_ = claim.format["date_format"] if claim else "%Y-%m-%d"
    rest = unreadable(cells, _read(cells.values, format_))
    if claim is not None and not len(rest):
        return Claim(why=f"declared in the recipe; {claim.why}", strength=STRENGTH, format=claim.format)
    problem = declared_problem(cells, rest, kind=f"a date, read as {format_}")
    return Claim(why="declared in the recipe", strength=STRENGTH, problem=problem)


def parse(cells: pl.Series, column: Column, *, first_row: int = 0) -> pl.Series:
    """Return Datetime in microseconds without a time zone (in UTC where cells had one), null where missing.

    Text is read in the column's one way of writing. A column of typed dates has none, and then only ISO 8601 is read:
    what "01/02/2020" means must not depend on the cells beside it.

    Raises:
        DataError: a cell is neither a date nor a missing marker.
    """
    known = typed(cells)
    if known.dtype.is_temporal():
        return _moments(known)
    if known.dtype == pl.Boolean:
        raise DataError(f'column "{column.name}" holds dates, but these cells are of type {cells.dtype}; convert them')
    text = without(stripped(as_text(known)), markers_of(column))
    format_ = column.format.get("date_format")
    if format_ is not None:
        values = _read(text, format_)
        require_read(text, values, column, holds=f"dates written {format_}", first_row=first_row)
    else:
        values = _read_iso(text)
        holds = "typed dates, whose text must be ISO 8601 (such as 2024-01-31)"
        way_out = (
            f"write it so, or say in data.columns.{column.name}.date_format how dates are written, and train again"
        )
        require_read(text, values, column, holds=holds, first_row=first_row, way_out=way_out)
    return values.alias(cells.name)


def fit(values: pl.Series, column: Column, settings: DataSettings) -> DateEncoder:
    """Return the encoder that the training values (Datetime, null where missing) call for."""
    moments = values.drop_nulls()
    return _encoder(_ranges(moments), AllNumbers(elapsed_days(moments)), column, settings, missing=values.null_count())


class DatesFitting:
    """An encoder in the making: training values come in parts, each is seen once."""

    def __init__(self, column: Column, settings: DataSettings) -> None:
        self._column, self._settings = column, settings
        self._ranges: dict[str, Range] = {}
        self._days, self._missing = NumbersInParts(), 0

    def add(self, values: pl.Series) -> None:
        """See some more values (Datetime, null where missing)."""
        moments = values.drop_nulls()
        if len(moments):
            for part, (low, high) in _ranges(moments).items():
                known = self._ranges.get(part, (low, high))
                self._ranges[part] = (min(low, known[0]), max(high, known[1]))
            self._days.add(elapsed_days(moments))
        self._missing += values.null_count()

    def encoder(self) -> DateEncoder:
        """Return the encoder that the values seen so far call for."""
        known = self._days.known()
        return _encoder(self._ranges, known, self._column, self._settings, missing=self._missing)


Range = tuple[float, float]  # the smallest and the largest


def _ranges(moments: pl.Series) -> dict[str, Range]:
    """Return within what each part of the calendar lies, and the day of the month; nothing for no moments."""
    if not len(moments):
        return {}
    parts = {part: place(moments) for part, (place, _) in PARTS.items()} | {"day_of_month": moments.dt.day()}
    return {part: (cells.min(), cells.max()) for part, cells in parts.items()}  # type: ignore[misc]


def _encoder(
    ranges: Mapping[str, Range], known: Numbers, column: Column, settings: DataSettings, *, missing: int
) -> DateEncoder:
    changing = {part for part, (low, high) in ranges.items() if low < high}
    varying = [part for part in PARTS if part in changing]
    if "day_of_month" not in changing:  # always the first of the month: the month says it all
        varying = [part for part in varying if part != "day_of_year"]
    # A given test file leaves the other rows to be divided by time, as auto does.
    by_time = settings.split == "time" or (settings.split in ("auto", "given") and settings.time is not None)
    center, scale = (0.0, 0.0) if by_time else location_and_scale(known, "robust")
    indicator = settings.missing_indicators and missing > 0 and known.count > 0
    return DateEncoder(column, tuple(varying), center, scale, indicator)


def elapsed_days(moments: pl.Series) -> Float64[np.ndarray, " rows"]:
    """Return days since 1970, fractions included, 0 where missing.

    >>> elapsed_days(pl.Series(["1970-01-02 12:00"]).str.to_datetime()).tolist()
    [1.5]
    """
    return moments.cast(pl.Datetime("us")).to_physical().fill_null(0).to_numpy() / DAY_MICROSECONDS


def _on_circle(moments: pl.Series, part: str) -> Iterator[Float[np.ndarray, " rows"]]:
    place, length = PARTS[part]
    angle = place(moments).cast(pl.Float64).fill_null(0.0).to_numpy() * (2 * np.pi / length)
    yield np.sin(angle).astype(np.float32)
    yield np.cos(angle).astype(np.float32)


def _looks_like_dates(cells: Cells) -> bool:
    """Rule out most columns cheaply; plain numbers are dates only where the name says so."""
    head = cells.values.head(HEAD)
    if not (cells.is_text or head.dtype.is_integer() or head.dtype == pl.Float64):
        return False
    if head.cast(pl.Float64, strict=False).null_count() <= 0.1 * len(head):
        return bool((UNIX_NAMES | COMPACT_NAMES) & set(name_words(cells.name)))
    return int(head.str.contains(r"(?i)^\d{1,4}[-/.: ]|\d{4}$").sum()) >= 0.9 * len(head)


def _claim(cells: Cells) -> Claim | None:
    format_ = cells.settings.date_format
    if format_ == "auto":
        format_ = _likeliest(as_text(cells.values), cells.name, counts=cells.counts) or ""
    if not format_:
        return None
    read = _read(cells.values, format_)
    rest = unreadable(cells, read)
    missing = tuple(rest["value"].cast(pl.String)) if len(rest) == 1 else ()
    count = cells.present - int(rest["count"].sum())
    why = f"{count} of {cells.rows} cells read as dates written {format_}{_order_note(cells, format_)}"
    problem = mixed_problem(cells, rest, reads_as=f"dates written {format_}") if len(rest) > 1 else ""
    return Claim(
        why=f"{why}{missing_clause(cells, *missing)}",
        strength=STRENGTH,
        format={"date_format": format_},
        missing=missing,
        problem=problem,
    )


def _text_of_typed(cells: Cells) -> dict[str, str]:
    """Return how text is to be read in a column of typed cells: as the recipe says; clock times as they are written."""
    if cells.settings.date_format != "auto":
        return {"date_format": cells.settings.date_format}
    return {"date_format": CLOCK[0]} if cells.values.dtype == pl.Time else {}


def _order_note(cells: Cells, format_: str) -> str:
    """Say so when days and months could be swapped."""
    swapped = format_.replace("%m", "%#").replace("%d", "%m").replace("%#", "%d")
    if cells.settings.date_format != "auto" or swapped == format_ or swapped.startswith("%Y"):
        return ""
    if _read(cells.values, swapped).null_count() > _read(cells.values, format_).null_count():
        return ""
    first = "month" if format_.startswith("%m") else "day"
    return f" ({first} first: no cell decides it; data.columns.{cells.name}.date_format does)"


def _likeliest(values: pl.Series, name: str, *, counts: pl.Series) -> str | None:
    """Return the way of writing that reads most cells, the earlier of equals; None when none reads nearly all."""
    head = values.head(HEAD)
    best, best_count = None, 0
    for format_ in _formats(name):
        # The true way reads the head as well as the rest, so what fails here need not be tried on all cells.
        if _read(head, format_).null_count() > 0.1 * len(head):
            continue
        count = int(counts.filter(_read(values, format_).is_not_null()).sum())
        if count > best_count:
            best, best_count = format_, count
    return best


def _formats(name: str) -> Iterator[str]:
    words = set(name_words(name))
    if UNIX_NAMES & words:
        yield from UNIX
    if COMPACT_NAMES & words:
        yield COMPACT
    for time in TIMES:
        for day in DAYS:
            yield day + time.format(" ")
            if time and day.startswith("%Y"):
                yield day + time.format("T")
    yield from MONTHS
    yield from CLOCK


def _read(values: pl.Series, format_: str) -> pl.Series:
    """Return Datetime, null where the format does not fit."""
    if format_ in UNIX:
        low, high, microseconds = UNIX[format_]
        numbers = values.cast(pl.Float64, strict=False).fill_nan(None)
        numbers = numbers.set(~numbers.is_between(low, high).fill_null(False), None)
        return (numbers * microseconds).cast(pl.Int64).cast(pl.Datetime("us"))
    text = as_text(values)
    if format_ in CLOCK:
        text = "1970-01-01 " + text.set(~text.str.contains(r"^\d{1,2}:\d{2}").fill_null(False), None)
        format_ = f"%Y-%m-%d {format_}"
    try:
        moments = text.str.to_datetime(format_, strict=False, time_unit="us")
    except pl.exceptions.PolarsError as error:
        raise DataError(
            f'dates cannot be written "{format_}": {error}; use strftime\'s letters, such as %d.%m.%Y'
        ) from None
    moments = _moments(moments)
    return moments.set(~moments.dt.year().is_between(*YEARS).fill_null(False), None)


def _read_iso(text: pl.Series) -> pl.Series:
    """Return Datetime, null where a cell is not written as ISO 8601 says; each cell by itself."""
    values = _read(text, ISO[0])
    for format_ in ISO[1:]:
        if values.null_count() == text.null_count():
            break
        values = values.zip_with(values.is_not_null(), _read(text, format_))
    return values


def _moments(values: pl.Series) -> pl.Series:
    if values.dtype == pl.Time:
        return (values.to_physical() // 1000).cast(pl.Datetime("us"))  # nanoseconds since midnight
    if isinstance(values.dtype, pl.Datetime) and values.dtype.time_zone is not None:
        values = values.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
    return values.cast(pl.Datetime("us"))


KIND = Kind(recognize=recognize, declare=declare, parse=parse, fit=fit, fitting=DatesFitting, encoder=DateEncoder)
