"""Cells are read the same way when a column is inferred, when encoders are fitted, and at prediction.

A cell is missing when it is empty, blank, NaN, or one of the column's missing markers. Markers are compared without
regard to case or surrounding blanks. What is left is typed (numbers, dates, booleans of a typed frame) or bare text.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol, cast, runtime_checkable

import numpy as np
import polars as pl
from jaxtyping import Int32, Shaped

from fitwell.errors import DataError
from fitwell.recipe import ColumnSettings, DataSettings, KindName

MARKERS = frozenset({"?", "na", "n/a", "nan", "null", "#n/a", "#na", "<na>", "nat", "-", "--"})
WORDS = frozenset({"none", "unknown", "missing"})  # missing in a feature; a class of its own in a target
READABLE_SHARE = 0.95  # of the non-missing cells must fit a kind before the column is taken for it
COUNTRY_CODES = 20  # so many distinct two-letter codes make "NA" Namibia


@dataclass(frozen=True, kw_only=True)
class Column:
    """What a column holds, how its cells are read, and why."""

    name: str
    kind: KindName
    why: str  # one sentence with the evidence
    missing: tuple[str, ...]  # markers seen besides empty cells, as spelled, most frequent first
    missing_count: int  # empty cells and markers together
    distinct: int  # different values among the other cells
    format: Mapping[str, str] = field(default_factory=dict)  # how cells are written, in the kind's own words


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A kind's claim on a column; the strongest claim wins."""

    why: str
    strength: int
    format: Mapping[str, str] = field(default_factory=dict)
    missing: tuple[str, ...] = ()  # further markers: cells of this kind's column that it cannot read
    problem: str = ""  # why the column cannot be used as this kind; empty when it can


@dataclass(frozen=True, kw_only=True)
class Cells:
    """One column's cells, missing ones apart."""

    name: str
    settings: ColumnSettings
    column: pl.Series  # in row order, typed or stripped text, null where missing
    values: pl.Series  # the distinct values, most frequent first
    counts: pl.Series  # how often each occurs
    missing: tuple[str, ...]
    missing_count: int
    markers: str  # which words mean missing: all the usual (empty), those `listed` only, or `certain` ones

    @property
    def rows(self) -> int:
        """Number of cells, missing ones included."""
        return len(self.column)

    @property
    def present(self) -> int:
        """Number of cells that are not missing."""
        return len(self.column) - self.missing_count

    @property
    def is_text(self) -> bool:
        """Whether the values are text."""
        return self.values.dtype == pl.String


@runtime_checkable
class Encoder(Protocol):
    """Turns the cells of one column into its entries of each block of the encoded rows."""

    @property
    def column(self) -> Column:
        """The column it was fitted on."""
        ...

    @property
    def widths(self) -> Mapping[str, int]:
        """How many entries it adds to each block; blocks without entries are absent."""
        ...

    @property
    def cardinality(self) -> int:
        """Number of codes of a column in the block `codes`; 0 for others."""
        ...

    def encode(self, cells: pl.Series, *, first_row: int = 0) -> Mapping[str, Shaped[np.ndarray, "rows width"]]:
        """Return the column's entries of each block; `first_row` is where the cells start, to name a bad one."""
        ...


@runtime_checkable
class Fitting(Protocol):
    """An encoder in the making: training values come in parts, each is seen once."""

    def add(self, values: pl.Series) -> None:
        """See some more typed values, null where missing."""
        ...

    def encoder(self) -> Encoder | ArrayEncoder:
        """Return the encoder that the values seen so far call for."""
        ...


@runtime_checkable
class ArrayEncoder(Protocol):
    """Turns the cells of one column into a block of their own: an array for each row."""

    @property
    def column(self) -> Column:
        """The column it was fitted on."""
        ...

    @property
    def shape(self) -> tuple[int, ...]:
        """The axes of one row's array."""
        ...

    @property
    def vocabulary(self) -> tuple[str, ...]:
        """What the numbers in its arrays stand for, from 1 on; empty where they are amounts."""
        ...

    def encode(self, cells: pl.Series, *, first_row: int = 0) -> Shaped[np.ndarray, "rows ..."]:
        """Return each row's array; `first_row` is where the cells start, to name a bad one."""
        ...


@runtime_checkable
class PretrainedArrayEncoder(ArrayEncoder, Protocol):
    """An array encoder whose arrays are what a pretrained network takes."""

    @property
    def configuration(self) -> str:
        """What that network is made of, in its own words."""
        ...

    @property
    def folder(self) -> str:
        """Where its weights were when the encoder was fitted."""
        ...


@runtime_checkable
class Parse(Protocol):
    """Cells become typed values, null where missing; DataError names the first cell that cannot be read."""

    def __call__(self, cells: pl.Series, column: Column, *, first_row: int = 0) -> pl.Series:
        """Return the typed values."""
        ...


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One kind of column: how it is recognized, read, and encoded."""

    recognize: Callable[[Cells], Claim | None]  # infers from all cells; None: certainly not
    declare: Callable[[Cells], Claim]  # the recipe says so; a problem names the first cell that contradicts it
    parse: Parse
    # On training values only; None: not a feature.
    fit: Callable[[pl.Series, Column, DataSettings], Encoder | ArrayEncoder] | None
    fitting: Callable[[Column, DataSettings], Fitting] | None  # the same for values that come in parts
    encoder: Callable[..., Encoder | ArrayEncoder] | None  # builds the encoder from its own fields again
    is_array: bool = False  # its encoder gives a block of its own


def gather(series: pl.Series, settings: ColumnSettings, *, words: bool = True) -> Cells:
    """Return a column's cells with missing ones apart; `words` counts "unknown" and the like as missing.

    >>> cells = gather(pl.Series("x", ["1", " 2", "?", "", None]), ColumnSettings())
    >>> cells.values.sort().to_list(), cells.missing, cells.missing_count
    (['1', '2'], ('?',), 3)
    """
    column = typed(series)
    policy = "listed" if settings.missing != "auto" else "" if words else "certain"
    if settings.missing != "auto":
        markers = frozenset(marker.strip().lower() for marker in settings.missing)
    else:
        markers = MARKERS | WORDS if words else MARKERS
    seen: tuple[str, ...] = ()
    if column.dtype == pl.String:
        column = stripped(column)
        distinct = _counted(column)
        if settings.missing == "auto" and _are_country_codes(distinct["value"]):
            markers, policy = markers - {"na"}, "listed"
        is_marker = distinct["value"].str.to_lowercase().is_in(list(markers))
        seen = tuple(distinct.filter(is_marker)["value"])
        column, distinct = without(column, markers), distinct.filter(~is_marker)
    elif column.dtype.is_nested():  # hardly two lists are equal
        present = column.drop_nulls()
        distinct = pl.DataFrame({"value": present, "count": pl.Series([1] * len(present), dtype=pl.UInt32)})
    else:
        if column.dtype.is_numeric() and settings.missing != "auto":
            numbers = _numeric_markers(settings.missing)
            seen = tuple(text for text, number in numbers.items() if (column == number).any())
            column = without_numbers(column, tuple(numbers.values()))
        distinct = _counted(column)
    return Cells(
        name=series.name,
        settings=settings,
        column=column,
        values=distinct["value"],
        counts=distinct["count"],
        missing=seen,
        missing_count=column.null_count(),
        markers=policy,
    )


def typed(series: pl.Series) -> pl.Series:
    """Return cells as text, booleans, whole numbers, Float64 without NaN, or dates and times.

    >>> typed(pl.Series([1.5, float("nan")], dtype=pl.Float32)).to_list()
    [1.5, None]
    """
    dtype = series.dtype
    if dtype in (pl.Categorical, pl.Enum, pl.Null):
        return series.cast(pl.String)
    if dtype == pl.Duration:
        return series.dt.total_microseconds() / 1e6
    if dtype.is_float() or dtype.is_decimal():
        return series.cast(pl.Float64).fill_nan(None)
    return series


def is_readable(series: pl.Series) -> bool:
    """Whether the cells are single values, not lists, structures or bytes."""
    return not (series.dtype.is_nested() or series.dtype in (pl.Binary, pl.Object))


def list_depth(dtype: pl.DataType) -> int:
    """Return how deep numbers lie in lists; 0 for cells that are no lists of numbers.

    >>> list_depth(pl.List(pl.List(pl.Int64))), list_depth(pl.List(pl.String)), list_depth(pl.Int64())
    (2, 0, 0)
    """
    depth = 0
    while isinstance(dtype, pl.List | pl.Array):
        inner = dtype.inner
        depth, dtype = depth + 1, inner if isinstance(inner, pl.DataType) else inner()
    return depth if dtype.is_numeric() or dtype == pl.Null() else 0


def stripped(text: pl.Series) -> pl.Series:
    """Return text without surrounding blanks, null where nothing is left."""
    distinct = text.unique().drop_nulls()
    bare = distinct.str.strip_chars()
    changed = (distinct != bare) | (bare == "")
    if not changed.any():
        return text  # the usual case costs one pass over the distinct values, not over the cells
    bare = bare.set(bare == "", None)
    return text.replace_strict(distinct, bare, default=None, return_dtype=pl.String).alias(text.name)


def without(text: pl.Series, markers: frozenset[str]) -> pl.Series:
    """Return text with null instead of markers (given in lower case)."""
    distinct = text.unique().drop_nulls()
    is_marker = distinct.str.to_lowercase().is_in(list(markers))
    if not is_marker.any():
        return text
    return text.set(text.is_in(distinct.filter(is_marker).implode()).fill_null(False), None)


def without_numbers(column: pl.Series, numbers: tuple[float, ...]) -> pl.Series:
    """Return typed numbers with null instead of the given ones."""
    for number in numbers:
        column = column.set((column == number).fill_null(False), None)
    return column


def markers_of(column: Column) -> frozenset[str]:
    """Return what means 'missing' in a column, in lower case: what was seen, and the usual markers."""
    seen = frozenset(marker.strip().lower() for marker in column.missing)
    usual = {"listed": frozenset[str](), "certain": MARKERS}.get(column.format.get("markers", ""), MARKERS | WORDS)
    return seen | usual


def present_text(cells: pl.Series, column: Column) -> pl.Series:
    """Return cells of any type as stripped text, null where missing.

    Whole numbers are written without a decimal point, so that 1, 1.0 and "1" are one value.

    >>> column = Column(name="x", kind="category", why="", missing=(), missing_count=0, distinct=2)
    >>> present_text(pl.Series([1.0, None, 2.5]), column).to_list()
    ['1', None, '2.5']
    """
    return without(stripped(as_text(typed(cells))), markers_of(column))


def as_text(values: pl.Series) -> pl.Series:
    """Return typed values as text, whole numbers without a decimal point."""
    if values.dtype == pl.Float64:
        whole = (values == values.floor()) & (values.abs() < 2**53)
        written = values.cast(pl.String)
        return written.zip_with(~whole.fill_null(False), values.cast(pl.Int64, strict=False).cast(pl.String))
    return values.cast(pl.String)


def require_read(
    cells: pl.Series, values: pl.Series, column: Column, *, holds: str, first_row: int, way_out: str = ""
) -> None:
    """Raise when a cell that is not missing became null.

    Raises:
        DataError: names the column, the row (the first is 1), the cell, and what to try.
    """
    if values.null_count() == cells.null_count():
        return
    row = (values.is_null() & cells.is_not_null()).arg_max()
    assert row is not None
    raise DataError(
        f'column "{column.name}" holds {holds}, but row {first_row + row + 1} reads {quoted(cells[row])}; '
        + (way_out or f"correct that cell, or let data.columns.{column.name}.missing list it")
    )


def unreadable(cells: Cells, read: pl.Series) -> pl.DataFrame:
    """Return the distinct values (value, count) that `read`, aligned with `cells.values`, has null for."""
    return pl.DataFrame({"value": cells.values, "count": cells.counts}).filter(read.is_null())


def mixed_problem(cells: Cells, rest: pl.DataFrame, *, reads_as: str) -> str:
    """Return what to say of a column that reads as one thing but for a few different cells, `rest` (value, count)."""
    shown = ", ".join(quoted(value) for value in rest["value"].head(3))
    row = first_row_of(cells, rest["value"])
    setting = f"data.columns.{cells.name}"
    return (
        f'column "{cells.name}" reads as {reads_as} except for {int(rest["count"].sum())} of {cells.present} cells, '
        f"such as {shown} (the first is in row {row}); let {setting}.missing list them, correct them, or set "
        f"{setting}.kind to category"
    )


def declared_problem(cells: Cells, rest: pl.DataFrame, *, kind: str) -> str:
    """Return what to say of a column that is declared one kind when cells, `rest` (value, count), contradict it."""
    row = first_row_of(cells, rest["value"])
    return (
        f'column "{cells.name}" is declared {kind}, but row {row} reads {quoted(cells.column[row - 1])}; '
        f"correct the cell, let data.columns.{cells.name}.missing list it, or choose another kind"
    )


def first_row_of(cells: Cells, values: pl.Series) -> int:
    """Return the first row, counted from 1, that holds one of the values."""
    row = cells.column.is_in(values.implode()).fill_null(False).arg_max()
    assert row is not None
    return row + 1


def quoted(value: object) -> str:
    """Return a cell as it is shown in a message: in quotation marks, shortened to 40 characters.

    >>> quoted("abc")
    '"abc"'
    """
    text = str(value)
    return f'"{text}"' if len(text) <= 40 else f'"{text[:37]}..."'


def missing_clause(cells: Cells, *further: str) -> str:
    """Return the end of a sentence that says what is missing, or nothing.

    >>> missing_clause(gather(pl.Series("x", ["1", "?", ""]), ColumnSettings()))
    '; 2 of 3 are missing (empty or "?")'
    """
    marks = [quoted(marker) for marker in cells.missing + further]
    extra = int(cells.counts.filter(cells.values.is_in(list(further))).sum()) if further else 0
    if not cells.missing_count + extra:
        return ""
    spelled = f" (empty or {', '.join(marks[:4])})" if marks else " (empty)"
    return f"; {cells.missing_count + extra} of {cells.rows} are missing{spelled}"


def _counted(column: pl.Series) -> pl.DataFrame:
    counted = column.alias("value").drop_nulls().value_counts()
    # Ties are ordered by value: the order of a hash table differs from run to run.
    return counted.sort("count", "value", descending=[True, False])


def _are_country_codes(values: pl.Series) -> bool:
    return len(values) > COUNTRY_CODES and "NA" in values and bool(values.str.contains(r"^[A-Z]{2}$").all())


def _numeric_markers(markers: tuple[str, ...]) -> dict[str, float]:
    numbers = pl.Series(markers, dtype=pl.String).str.strip_chars().cast(pl.Float64, strict=False)
    return {
        text: number
        for text, number in zip(markers, cast("list[float | None]", numbers.to_list()), strict=True)
        if number is not None
    }


def look_up(
    cells: pl.Series, words: tuple[str, ...], close: Callable[[pl.Series], Int32[np.ndarray, " some"]]
) -> Int32[np.ndarray, " rows"]:
    """Return each cell's place among `words`; the cells that are none of them go to `close` for theirs.

    >>> look_up(pl.Series(["b", "a", " a"]), ("a", "b"), lambda rest: np.full(len(rest), 9, np.int32))
    array([1, 0, 9], dtype=int32)
    """
    text = cells.cast(pl.String) if cells.dtype in (pl.Categorical, pl.Enum) else cells
    if text.dtype != pl.String or not words:
        return close(cells)
    places = text.cast(pl.Enum(words), strict=False).to_physical().cast(pl.Int32)
    if not places.null_count():
        return places.to_numpy()
    found = places.fill_null(-1).to_numpy(writable=True)
    rest = np.flatnonzero(found < 0)
    found[rest] = close(text.gather(rest))
    return found
