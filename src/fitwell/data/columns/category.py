"""Categories: a few values that repeat, as text or as whole-number codes.

With few values each becomes a 0/1 flag (two values: one flag of ±1), with many a code whose vector the network learns.
Rare and unseen values share "no flag" or code 0: values seen once in training are the best guide to values never seen
(Good 1953). Missing cells are a value of their own as soon as training has enough of them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl
from jaxtyping import Float32, Int32, Shaped

from fitwell.data.columns.cells import Cells, Claim, Column, Kind, look_up, missing_clause, present_text
from fitwell.data.sketches import FrequentValues
from fitwell.recipe import DataSettings

STRENGTH, CODE_STRENGTH = 10, 65  # codes are numbers too: their claim must beat that of numbers
ONE_HOT_LIMIT = 9  # as RealMLP
RARE_COUNT = 2
PRESENCE_SHARE = 0.01  # one value and so many missing cells: whether it is there says something
CODE_NAMES = frozenset(
    {"zip", "zipcode", "postcode", "postal", "plz", "code", "codes", "id", "type", "category", "kind", "cluster", "sku"}
)


@dataclass(frozen=True)
class CategoryEncoder:
    """A category column becomes flags or a code."""

    column: Column
    values: tuple[str, ...]  # most frequent in training first
    missing: bool  # missing cells are one more value
    one_hot: bool

    @property
    def size(self) -> int:
        """Number of values that are told apart, missing included."""
        return len(self.values) + self.missing

    @property
    def widths(self) -> Mapping[str, int]:
        """How many entries it adds to each block."""
        if self.size == 0:
            return {}
        return {"flags": 1 if self.size == 2 else self.size} if self.one_hot else {"codes": 1}

    @property
    def cardinality(self) -> int:
        """Number of codes: one for each value, and 0 for rare and unseen ones."""
        return 0 if self.one_hot or self.size == 0 else self.size + 1

    def encode(self, cells: pl.Series, *, first_row: int = 0) -> Mapping[str, Shaped[np.ndarray, "rows width"]]:
        """Return the flags or the code of each cell; no cell fails."""
        if self.size == 0:
            return {}
        places = look_up(cells, self.values, self._close)
        if self.one_hot:
            return {"flags": np.take(flag_rows(self.size), places, axis=0)}
        return {"codes": ((places.astype(np.int64) + 1) % (self.size + 1))[:, None]}

    def _close(self, cells: pl.Series) -> Int32[np.ndarray, " rows"]:
        text = parse(cells, self.column)
        places = pl.Series(np.full(len(text), self.size, dtype=np.int32))
        if self.values:
            known = {value: place for place, value in enumerate(self.values)}
            places = text.replace_strict(known, default=self.size, return_dtype=pl.Int32)
        return places.set(text.is_null(), len(self.values)).to_numpy()


def flag_rows(size: int) -> Float32[np.ndarray, "places width"]:
    """Return the flags of each place: 1 for its value, all 0 for the last place, which is rare and unseen.

    >>> flag_rows(2).tolist(), flag_rows(1).tolist()
    ([[1.0], [-1.0], [0.0]], [[1.0], [0.0]])
    """
    if size == 2:
        return np.array([[1.0], [-1.0], [0.0]], dtype=np.float32)
    return np.eye(size + 1, size, dtype=np.float32)


def recognize(cells: Cells) -> Claim | None:
    """Claim any text, weakly, and whole numbers that are codes, strongly."""
    if cells.present == 0:
        return None
    values = f"{len(cells.values)} distinct value{'s' if len(cells.values) > 1 else ''}"
    if len(cells.values) == 1 and cells.missing_count >= PRESENCE_SHARE * cells.rows:
        why = (
            f"one value in {cells.present} of {cells.rows} cells, the rest missing: whether it is there is what counts"
        )
        return Claim(why=why, strength=CODE_STRENGTH, format=_format(cells))
    code = _code_evidence(cells)
    if code:
        return Claim(why=f"{values}, {code}{missing_clause(cells)}", strength=CODE_STRENGTH, format=_format(cells))
    if not cells.is_text and cells.values.dtype != pl.Boolean:
        return None
    return Claim(why=f"{values} in {cells.present} cells{missing_clause(cells)}", strength=STRENGTH)


def declare(cells: Cells) -> Claim:
    """Take the recipe's word for it: any cells can be categories."""
    why = f"declared in the recipe; {len(cells.values)} distinct values{missing_clause(cells)}"
    return Claim(why=why, strength=STRENGTH, format=_format(cells))


def parse(cells: pl.Series, column: Column, *, first_row: int = 0) -> pl.Series:
    """Return text, null where missing; whole numbers are written the same whatever type they came as."""
    text = present_text(cells, column)
    if column.format.get("written") != "whole numbers":
        return text
    plain = text.str.contains(r"^-?\d+$").fill_null(True)
    if plain.all():
        return text
    whole = text.set(plain, None).cast(pl.Float64, strict=False)
    whole = whole.set(whole % 1 != 0, None).cast(pl.Int64, strict=False).cast(pl.String)
    return whole.zip_with(whole.is_not_null(), text).alias(cells.name)


def fit(values: pl.Series, column: Column, settings: DataSettings) -> CategoryEncoder:
    """Return the encoder that the training values (text, null where missing) call for."""
    counts = values.alias("value").drop_nulls().value_counts().sort("count", "value", descending=[True, False])
    return _encoder(counts, column, settings, missing=values.null_count(), rows=len(values))


class CategoriesFitting:
    """An encoder in the making: training values come in parts, each is seen once."""

    def __init__(self, column: Column, settings: DataSettings) -> None:
        self._column, self._settings = column, settings
        self._values, self._missing, self._rows = FrequentValues(), 0, 0

    def add(self, values: pl.Series) -> None:
        """See some more values (text, null where missing)."""
        self._values.add(values)
        self._missing += values.null_count()
        self._rows += len(values)

    def encoder(self) -> CategoryEncoder:
        """Return the encoder that the values seen so far call for."""
        counts = self._values.counts()
        return _encoder(counts, self._column, self._settings, missing=self._missing, rows=self._rows)


def _encoder(
    counts: pl.DataFrame, column: Column, settings: DataSettings, *, missing: int, rows: int
) -> CategoryEncoder:
    least = RARE_COUNT if settings.rare_count == "auto" else settings.rare_count
    limit = ONE_HOT_LIMIT if settings.one_hot_limit == "auto" else settings.one_hot_limit
    kept = tuple(counts.filter(pl.col("count") >= least)["value"])
    missing_is_value = missing >= least
    if max([*counts["count"].head(1), missing], default=0) == rows:
        kept, missing_is_value = (), False  # all training cells alike: there is nothing to tell apart
    return CategoryEncoder(column, kept, missing_is_value, len(kept) + missing_is_value <= limit)


def whole_numbers(cells: Cells) -> pl.Series | None:
    """Return the distinct values as whole numbers, or None when some are not."""
    if cells.values.dtype.is_integer():
        return cells.values.cast(pl.Int64, strict=False)
    if not cells.is_text and cells.values.dtype != pl.Float64:
        return None
    numbers = cells.values.cast(pl.Float64, strict=False)
    whole = numbers.set((numbers % 1 != 0) | (numbers.abs() >= 2**53), None).cast(pl.Int64, strict=False)
    return None if whole.null_count() else whole


def name_words(name: str) -> list[str]:
    """Return the words of a column name in lower case.

    >>> name_words("customerID"), name_words("zip_code"), name_words("Unnamed: 0")
    (['customer', 'id'], ['zip', 'code'], ['unnamed', '0'])
    """
    return [word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+", name)]


def _format(cells: Cells) -> dict[str, str]:
    numbers = whole_numbers(cells)
    return {} if numbers is None or _has_leading_zeros(cells) else {"written": "whole numbers"}


def _code_evidence(cells: Cells) -> str:
    """Return why whole numbers are codes rather than amounts, or nothing."""
    numbers = whole_numbers(cells)
    if numbers is None or len(numbers) < 2:
        return ""
    if _has_leading_zeros(cells):
        return "whole numbers with leading zeros, as codes are written"
    if len(numbers) == 2:
        return "two whole numbers"
    code_name = CODE_NAMES & set(name_words(cells.name))
    repeats = cells.present >= 2 * len(numbers)
    if code_name and repeats:
        return f'whole numbers that repeat, and "{sorted(code_name)[0]}" in the name says that they are codes'
    return ""


def _has_leading_zeros(cells: Cells) -> bool:
    return cells.is_text and bool(cells.values.str.contains(r"^0\d+$").any())


KIND = Kind(
    recognize=recognize, declare=declare, parse=parse, fit=fit, fitting=CategoriesFitting, encoder=CategoryEncoder
)
