"""Numbers, as people write them: signs, thousands, decimal commas, percentages, currencies, accounting negatives.

Most columns are plain: one cast reads them. Only cells that it cannot read are looked at more closely, except in a
column of decimal commas, where "1.234" means something else and every cell is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl
from jaxtyping import Float, Float32, Float64
from scipy.special import ndtri

from fitwell.data.columns.cells import (
    READABLE_SHARE,
    Cells,
    Claim,
    Column,
    Kind,
    declared_problem,
    first_row_of,
    markers_of,
    missing_clause,
    mixed_problem,
    quoted,
    require_read,
    stripped,
    typed,
    unreadable,
    without,
    without_numbers,
)
from fitwell.data.columns.known import AllNumbers, Numbers, NumbersInParts
from fitwell.errors import DataError
from fitwell.recipe import DataSettings, NumberScaling

STRENGTH = 60
CURRENCIES = "[$€£¥₹]|USD|EUR|GBP|JPY|CHF|CAD|AUD|INR|CNY"
# (decimal mark, thousands mark), the likelier reading first: "1,234" in a column that shows no other sign is 1234.
WRITINGS = ((".", ","), (",", "."), (",", " "), (".", " "), (".", "'"), (",", "'"))
SENTINELS = frozenset(float(sign * nines) for nines in (99, 999, 9999, 99999, 999999) for sign in (1, -1))
QUANTILES = 1000
FEW = 10  # so few different whole numbers could be codes; the reason says what they were taken for
RANKED_RANGE = 4.0  # of ranks among distinct values: about what other scaled numbers span
SMOOTH_CLIP = 3.0  # scaled numbers end at ±3
LARGEST = 1e150  # beyond it squares and differences overflow
TINY = 1e-280
FLOAT32_LARGEST = float(np.finfo(np.float32).max)
# What scikit-learn's QuantileTransformer clips the ends of the normal distribution to.
NORMAL_END = float(-ndtri(1e-7 - np.spacing(1)))


@dataclass(frozen=True)
class NumberEncoder:
    """A number column becomes one scaled number, and a flag where cells were missing in training."""

    column: Column
    scaling: NumberScaling
    center: float
    scale: float  # 0: all training values were equal, and the column adds no number
    quantiles: tuple[float, ...]  # of the training values, ascending: for the quantile scaling, and where the
    # robust one finds no spread in the middle half
    indicator: bool

    @property
    def widths(self) -> Mapping[str, int]:
        """How many entries it adds to each block."""
        return {block: 1 for block, there in (("numbers", self.scale != 0), ("flags", self.indicator)) if there}

    @property
    def cardinality(self) -> int:
        """Numbers have no codes."""
        return 0

    def encode(self, cells: pl.Series, *, first_row: int = 0) -> Mapping[str, Float32[np.ndarray, "rows width"]]:
        """Return the scaled numbers, 0 where missing, and the flags, 1 where missing."""
        values = parse(cells, self.column, first_row=first_row)
        blocks = {}
        if self.scale != 0:
            numbers = values.fill_null(self.center).to_numpy()
            scaled = SCALINGS[self.scaling](numbers, self)
            if values.null_count():
                scaled[values.is_null().to_numpy()] = 0.0
            blocks["numbers"] = scaled[:, None]
        if self.indicator:
            blocks["flags"] = values.is_null().to_numpy().astype(np.float32)[:, None]
        return blocks


def robust(values: Float64[np.ndarray, " rows"], encoder: NumberEncoder) -> Float32[np.ndarray, " rows"]:
    """Return the smoothly clipped distance from the median in interquartile ranges.

    Where more than half of the values are equal there is no such range, and the few others may lie far apart: then it
    is the rank among the distinct training values, from 0 to 4, less that of the median.
    """
    if not encoder.quantiles:
        return smooth_clipped(values, center=encoder.center, scale=encoder.scale)
    ranks = np.linspace(0, RANKED_RANGE, len(encoder.quantiles))
    median = np.interp(encoder.center, encoder.quantiles, ranks)
    return np.asarray(np.interp(values, encoder.quantiles, ranks) - median, dtype=np.float32)


def standard(values: Float64[np.ndarray, " rows"], encoder: NumberEncoder) -> Float32[np.ndarray, " rows"]:
    """Return (x − mean) / standard deviation."""
    return _as_float32(_standardized(values, center=encoder.center, scale=encoder.scale))


def quantile(values: Float64[np.ndarray, " rows"], encoder: NumberEncoder) -> Float32[np.ndarray, " rows"]:
    """Return the normal quantile of the share of training values below x, as scikit-learn's QuantileTransformer.

    Interpolating from both sides and taking the mean puts repeated values in the middle of their step.
    """
    values, quantiles = without_tiny(values), np.asarray(encoder.quantiles)
    shares = np.linspace(0, 1, len(quantiles))
    from_below = np.interp(values, quantiles, shares)
    from_above = np.interp(-values, -quantiles[::-1], -shares[::-1])
    share = 0.5 * (from_below - from_above)
    share[values <= quantiles[0]] = 0.0
    share[values >= quantiles[-1]] = 1.0
    return np.asarray(np.clip(ndtri(share), -NORMAL_END, NORMAL_END), dtype=np.float32)


def unscaled(values: Float64[np.ndarray, " rows"], encoder: NumberEncoder) -> Float32[np.ndarray, " rows"]:
    """Return the values as they are."""
    return _as_float32(values)


Scaling = Callable[[Float64[np.ndarray, " rows"], "NumberEncoder"], Float32[np.ndarray, " rows"]]
SCALINGS: dict[NumberScaling, Scaling] = {
    "robust": robust,
    "standard": standard,
    "quantile": quantile,
    "none": unscaled,
}


def recognize(cells: Cells) -> Claim | None:
    """Claim columns whose cells read as numbers, up to one word in at most 5 % of them."""
    if cells.present == 0 or not (cells.is_text or cells.values.dtype.is_numeric()):
        return None
    if cells.is_text and not _likely(cells):
        return None
    claim = _claim(cells)
    return claim if _read_share(cells, claim.format) >= READABLE_SHARE else None


def declare(cells: Cells) -> Claim:
    """Take the recipe's word for it; any cell that is no number is a problem."""
    if not (cells.is_text or cells.values.dtype.is_numeric() or cells.values.dtype == pl.Boolean):
        return Claim(
            why="declared in the recipe",
            strength=STRENGTH,
            problem=f'column "{cells.name}" is declared a number, but its cells are of type {cells.values.dtype}',
        )
    claim = _claim(cells)
    rest = unreadable(cells, _read(cells.values, claim.format))
    if not len(rest):
        return Claim(
            why=f"declared in the recipe; {claim.why}", strength=STRENGTH, format=claim.format, problem=claim.problem
        )
    problem = declared_problem(cells, rest, kind="a number")
    return Claim(why="declared in the recipe", strength=STRENGTH, problem=problem)


def parse(cells: pl.Series, column: Column, *, first_row: int = 0) -> pl.Series:
    """Return Float64, null where missing.

    Raises:
        DataError: a cell is neither a number nor a missing marker, or is infinite.
    """
    known = typed(cells)
    if known.dtype == pl.String:
        values = _parse_text(known, column, first_row=first_row)
    elif known.dtype.is_numeric() or known.dtype == pl.Boolean:
        values = without_numbers(known.cast(pl.Float64), _listed_numbers(column))
    else:
        raise DataError(
            f'column "{column.name}" holds numbers, but these cells are of type {cells.dtype}; convert them'
        )
    infinite = values.is_infinite()
    if infinite.any():
        row = infinite.arg_max()
        assert row is not None
        raise DataError(_infinite(column.name, first_row + row + 1, cells[row]))
    return values


def fit(values: pl.Series, column: Column, settings: DataSettings) -> NumberEncoder:
    """Return the encoder that the training values (Float64, null where missing) call for."""
    known = AllNumbers(_tamed(values.drop_nulls()))
    return _encoder(known, column, settings, missing=values.null_count())


class NumbersFitting:
    """An encoder in the making: training values come in parts, each is seen once."""

    def __init__(self, column: Column, settings: DataSettings) -> None:
        self._column, self._settings = column, settings
        self._numbers, self._missing = NumbersInParts(), 0

    def add(self, values: pl.Series) -> None:
        """See some more values (Float64, null where missing)."""
        self._numbers.add(_tamed(values.drop_nulls()))
        self._missing += values.null_count()

    def encoder(self) -> NumberEncoder:
        """Return the encoder that the values seen so far call for."""
        return _encoder(self._numbers.known(), self._column, self._settings, missing=self._missing)


def _tamed(values: pl.Series) -> Float64[np.ndarray, " values"]:
    return without_tiny(np.clip(values.to_numpy(), -LARGEST, LARGEST))


def _encoder(known: Numbers, column: Column, settings: DataSettings, *, missing: int) -> NumberEncoder:
    scaling: NumberScaling = "robust" if settings.numbers == "auto" else settings.numbers
    center, scale = location_and_scale(known, scaling)
    quantiles: tuple[float, ...] = ()
    if scaling == "quantile" and scale != 0:
        quantiles = tuple(np.maximum.accumulate(known.evenly(QUANTILES)).tolist())
    if scaling == "robust" and scale != 0 and not np.ptp(known.quantiles(np.array([0.25, 0.75]))):
        distinct = known.distinct
        if len(distinct) > 2:
            quantiles = tuple(np.quantile(distinct, np.linspace(0, 1, min(QUANTILES, len(distinct)))).tolist())
    indicator = settings.missing_indicators and missing > 0 and known.count > 0
    return NumberEncoder(column, scaling, center, scale, quantiles, indicator)


def without_tiny(values: Float64[np.ndarray, " rows"]) -> Float64[np.ndarray, " rows"]:
    """Return values with 0 for the tiniest, between which a slope would overflow."""
    return np.where(np.abs(values) < TINY, 0.0, values)


def location_and_scale(known: Numbers, scaling: NumberScaling) -> tuple[float, float]:
    """Return what is subtracted and what is divided by; scale 0 when all numbers are equal or there are none.

    Robust: the median and the interquartile range; where that is 0, half the whole range (RealMLP's fallback).

    >>> location_and_scale(AllNumbers(np.array([0.0, 1.0, 2.0, 3.0, 100.0])), "robust")
    (2.0, 2.0)
    >>> location_and_scale(AllNumbers(np.array([0.0, 0.0, 0.0, 0.0, 0.0, 7.0])), "robust")
    (0.0, 3.5)
    """
    if known.count == 0 or known.minimum == known.maximum:
        return 0.0, 0.0
    if scaling == "standard":
        spread = known.deviation
        return (known.mean, spread) if spread > 0 else (0.0, 0.0)
    low, median, high = known.quantiles(np.array([0.25, 0.5, 0.75])).tolist()
    return median, high - low or 0.5 * (known.maximum - known.minimum)


def smooth_clipped(
    values: Float64[np.ndarray, " rows"], *, center: float, scale: float
) -> Float32[np.ndarray, " rows"]:
    """Return z / sqrt(1 + (z / 3)²) with z = (x − center) / scale: near linear in the middle, within ±3 always.

    As RealMLP (Holzmüller, Grinsztajn & Steinwart 2024) scales its inputs.

    >>> smooth_clipped(np.array([5.0, 9.0, 1e300]), center=5.0, scale=1.0).tolist()
    [0.0, 2.4000000953674316, 3.0]
    """
    z = _standardized(values, center=center, scale=scale)
    root = z / SMOOTH_CLIP  # in place from here on: a third of the time of the plain formula
    root *= root
    root += 1
    z /= np.sqrt(root, out=root)
    return z.astype(np.float32)


def _standardized(values: Float64[np.ndarray, " rows"], *, center: float, scale: float) -> Float64[np.ndarray, " rows"]:
    # Tiny scales and huge values overflow to infinity, which the clip makes finite again.
    with np.errstate(over="ignore"):
        z = values - center
        z /= scale
    np.clip(z, -LARGEST, LARGEST, out=z)
    return z


def _as_float32(values: Float[np.ndarray, " rows"]) -> Float32[np.ndarray, " rows"]:
    return np.asarray(np.clip(values, -FLOAT32_LARGEST, FLOAT32_LARGEST), dtype=np.float32)


def _parse_text(cells: pl.Series, column: Column, *, first_row: int) -> pl.Series:
    if _listed_numbers(column):
        cells = without(stripped(cells), markers_of(column))
    if column.format.get("decimal", ".") != ".":
        present = _unmarked(cells, column)
        values = _spelled(present, column.format)
        require_read(present, values, column, holds="numbers", first_row=first_row)
        return values
    values = cells.cast(pl.Float64, strict=False).fill_nan(None)
    if values.null_count() == cells.null_count():
        return values
    # Only the cells that the cast cannot read are looked at: few, and most of them missing.
    rest = (values.is_null() & cells.is_not_null()).arg_true()
    present = _unmarked(cells.gather(rest), column)
    if present.null_count() == len(present):
        return values
    values = values.scatter(rest, _spelled(present, column.format))
    if values.gather(rest).null_count() > present.null_count():
        require_read(_unmarked(cells, column), values, column, holds="numbers", first_row=first_row)
    return values


def _unmarked(cells: pl.Series, column: Column) -> pl.Series:
    return without(stripped(cells), markers_of(column))


def _listed_numbers(column: Column) -> tuple[float, ...]:
    if not column.missing:
        return ()
    numbers = pl.Series(column.missing, dtype=pl.String).str.strip_chars().cast(pl.Float64, strict=False)
    return tuple(numbers.fill_nan(None).drop_nulls())


def _infinite(name: str, row: int, cell: object) -> str:
    return (
        f'column "{name}" must hold finite numbers, but row {row} reads {quoted(cell)}; '
        f"correct the cell, or let data.columns.{name}.missing list it"
    )


def _likely(cells: Cells) -> bool:
    # Most text columns hold words or codes: one look at a few values spares the close reading of all of them.
    head = cells.values.head(1000)
    money = f"(?:{CURRENCIES})?"
    shape = rf"(?i)^[^a-z]*{money}[^a-z]*\d[^a-z]*(?:e[+-]?\d+)?[^a-z]*{money}$|^[+-]?inf"
    return 2 * int(head.str.contains(shape).sum()) > len(head)


def _claim(cells: Cells) -> Claim:
    """Describe the column as numbers, with the writing that reads most cells."""
    format_, note = _writing(cells) if cells.is_text else ({}, "")
    read = _read(cells.values, format_)
    rest = unreadable(cells, read)
    missing = tuple(rest["value"].cast(pl.String)) if len(rest) == 1 else ()
    count = cells.present - int(rest["count"].sum())
    whole = bool((read.drop_nulls().drop_nans() % 1 == 0).all())
    read_as = f"{count} of {cells.rows} cells read as {'whole ' if whole else ''}numbers{note}"
    few = f", {len(read)} different, taken for amounts" if whole and len(read) <= FEW else ""
    return Claim(
        why=f"{read_as}{few}{missing_clause(cells, *missing)}{_sentinel(cells, read)}",
        strength=STRENGTH,
        format=format_,
        missing=missing,
        problem=_problem(cells, read, rest),
    )


def _problem(cells: Cells, read: pl.Series, rest: pl.DataFrame) -> str:
    infinite = cells.values.filter(read.is_infinite().fill_null(False))
    if len(infinite):
        row = first_row_of(cells, infinite)
        return _infinite(cells.name, row, cells.column[row - 1])
    if len(rest) < 2:
        return ""
    return mixed_problem(cells, rest, reads_as="numbers")


def _read(values: pl.Series, format_: Mapping[str, str]) -> pl.Series:
    if values.dtype != pl.String:
        return values.cast(pl.Float64)
    if format_.get("decimal", ".") != ".":
        return _spelled(values, format_)
    plain = values.cast(pl.Float64, strict=False)
    return plain if not plain.null_count() else plain.fill_null(_spelled(values, format_))


def _read_share(cells: Cells, format_: Mapping[str, str]) -> float:
    read = _read(cells.values, format_)
    return float(cells.counts.filter(read.is_not_null()).sum()) / cells.present


def _writing(cells: Cells) -> tuple[dict[str, str], str]:
    """Return the marks that read most cells, and a note when they are not the plain ones."""
    asked = cells.settings.decimal
    if asked != "," and not cells.values.cast(pl.Float64, strict=False).null_count():
        return {}, ""
    candidates = [writing for writing in WRITINGS if asked in ("auto", writing[0])]
    formats = [{"decimal": decimal, "thousands": thousands} for decimal, thousands in candidates]
    shares = [_read_share(cells, format_) for format_ in formats]
    best = int(np.argmax(shares))
    chosen = formats[best]
    used = cells.values.str.contains(chosen["thousands"], literal=True).any()
    note = f' ("{chosen["decimal"]}" marks decimals' + (f', "{chosen["thousands"]}" thousands)' if used else ")")
    if asked == "auto" and used and shares.count(shares[best]) > 1 and _is_ambiguous(cells, chosen):
        note = (
            f' ("{chosen["thousands"]}" taken for a thousands mark, unless data.columns.{cells.name}.decimal says so)'
        )
    return chosen, note


def _is_ambiguous(cells: Cells, chosen: Mapping[str, str]) -> bool:
    swapped = {"decimal": chosen["thousands"], "thousands": chosen["decimal"]}
    return bool(_spelled(cells.values, swapped).null_count() == _spelled(cells.values, chosen).null_count())


def _spelled(cells: pl.Series, format_: Mapping[str, str]) -> pl.Series:
    """Return what cells read as, looking closely: null for anything that is not a number in this writing."""
    decimal, thousands = format_.get("decimal", "."), format_.get("thousands", ",")
    # Unicode minus signs and the various narrow and unbreakable spaces; some write ’ for '.
    text = cells.str.replace_all("[−–]", "-").str.replace_all("[\u00a0\u2009\u202f]", " ").str.replace_all("’", "'")
    text = text.str.strip_chars()
    negative = text.str.contains(r"^\(.*\)$") | text.str.contains(r"^[^-]*\d[^-]*-$")
    text = text.str.replace(r"^\((.*)\)$", "$1").str.replace(r"-$", "").str.strip_chars()
    percent = text.str.ends_with("%")
    text = text.str.strip_suffix("%").str.strip_chars()
    text = text.str.replace(rf"^([+-]?)\s*(?:{CURRENCIES})\s*", "$1").str.replace(rf"\s*(?:{CURRENCIES})$", "")
    d, t = (f"[{mark}]" for mark in (decimal, thousands))
    grammar = (
        rf"(?i)^[+-]?(?:[1-9]\d{{0,2}}(?:{t}\d{{3}})+(?:{d}\d*)?|\d+(?:{d}\d*)?(?:e[+-]?\d+)?|{d}\d+(?:e[+-]?\d+)?)$"
    )
    text = text.set(~text.str.contains(grammar).fill_null(False), None)
    text = text.str.replace_all(thousands, "", literal=True).str.replace(decimal, ".", literal=True)
    values = text.cast(pl.Float64, strict=False)
    values = values.zip_with(~percent.fill_null(False), values / 100)
    return values.zip_with(~negative.fill_null(False), -values)


def _sentinel(cells: Cells, read: pl.Series) -> str:
    """Return a remark on a repeated 999 or the like that stands far from all other values, or nothing."""
    table = pl.DataFrame({"number": read, "count": cells.counts}).drop_nulls().sort("number")
    if len(table) < 4:
        return ""
    numbers, counts = table["number"].to_numpy(), table["count"].to_numpy()
    for end, neighbor, rest in ((0, 1, numbers[1:]), (-1, -2, numbers[:-1])):
        if numbers[end] not in SENTINELS or counts[end] < 3:
            continue
        # halved, because the differences of the largest numbers are not finite
        far = abs(numbers[end] / 2 - numbers[neighbor] / 2) > rest.max() / 2 - rest.min() / 2
        if far:
            shown = f"{numbers[end]:g}"
            return (
                f"; {shown} stands far from the rest in {counts[end]} cells and may mean missing "
                f'(data.columns.{cells.name}.missing: ["{shown}"])'
            )
    return ""


KIND = Kind(recognize=recognize, declare=declare, parse=parse, fit=fit, fitting=NumbersFitting, encoder=NumberEncoder)
