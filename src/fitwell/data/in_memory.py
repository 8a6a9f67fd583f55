"""Frames, dicts and arrays in memory become polars frames that keep their types.

pandas is recognized without being imported, and converted without pyarrow, which it may lack.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Mapping, Sequence
from numbers import Number
from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Shaped

from fitwell.data.columns.cells import list_depth
from fitwell.data.text_format import checked_names
from fitwell.errors import DataError
from fitwell.sources import worded

NESTED = (list, tuple, dict, set, np.ndarray)
DATE_UNITS = ("D", "ms", "us", "ns")  # of NumPy's dates, those that polars has too
_SIZED = [f"{kind}{bits}" for kind in ("Int", "UInt") for bits in (8, 16, 32, 64)] + ["Float32", "Float64"]
SERIES = {1: pl.List(pl.Float64), 2: pl.List(pl.List(pl.Float64))}  # by depth
NULLABLE: dict[str, type[np.generic]] = {name: getattr(np, name.lower()) for name in _SIZED} | {"boolean": np.bool_}


def frame_of(source: Any) -> tuple[pl.DataFrame, str] | None:
    """Return an object in memory as a polars frame, and what it is called; None for objects of another kind.

    Raises:
        DataError: columns of unequal length, nested cells, unnamed or equally named columns, or an array of 3 axes.
    """
    if isinstance(source, pl.DataFrame):
        return source, "polars"
    if isinstance(source, pl.LazyFrame):
        with worded("the LazyFrame"):
            return source.collect(), "polars"
    if isinstance(source, np.ndarray):
        return _frame(_array_columns(source), source="the array"), "numpy"
    if isinstance(source, Mapping):
        return _frame(source, source="the dict"), "dict"
    if isinstance(source, _pandas_class("DataFrame")):
        return _pandas_frame(source), "pandas"
    return None


def normalized(frame: pl.DataFrame, *, source: str) -> pl.DataFrame:
    """Return a frame whose missing cells are all null: no empty text, no NaN. Lists of numbers stay lists, of floats.

    >>> normalized(pl.DataFrame({"a": ["", "x"], "b": [float("nan"), 1.0]}), source="x").rows()
    [(None, None), ('x', 1.0)]

    Raises:
        DataError: a column holds structures, lists of other things than numbers or raw bytes, or has no name.
    """
    checked_names(frame.columns, source=source)
    for name, dtype in frame.schema.items():
        depth = list_depth(dtype)
        if depth in SERIES:
            frame = frame.with_columns(pl.col(name).cast(SERIES[depth]))
        elif dtype.is_nested() or dtype in (pl.Object, pl.Binary):
            raise DataError(
                f'{source}: cells must be plain values or lists of numbers, but the column "{name}" holds {dtype}; '
                "make columns of its parts, or leave it out"
            )
    text, floats = pl.col(pl.String), pl.col(pl.Float32, pl.Float64)
    return frame.with_columns(pl.when(text != "").then(text), floats.fill_nan(None))


def fingerprint_of_frame(frame: pl.DataFrame) -> str:
    """Return "sha256:..." of the names, types and cells of a frame, the same however its memory is laid out.

    >>> fingerprint_of_frame(pl.DataFrame({"a": [1]})) == fingerprint_of_frame(pl.DataFrame({"a": [2]}))
    False
    """
    digest = hashlib.sha256()
    for column in frame.iter_columns():
        digest.update(repr((column.name, str(column.dtype), len(column))).encode())
        digest.update(column.is_null().to_numpy().tobytes())
        if column.dtype.is_integer() or column.dtype.is_float() or column.dtype.is_temporal():
            digest.update(column.to_physical().fill_null(0).to_numpy().tobytes())
        elif column.dtype.is_nested():
            while column.dtype.is_nested():
                digest.update(column.list.len().fill_null(0).to_numpy().tobytes())
                column = column.filter(column.list.len() > 0).explode()
            digest.update(column.is_null().to_numpy().tobytes())
            digest.update(column.fill_null(0).to_numpy().tobytes())
        elif column.dtype != pl.Null:
            text = column.cast(pl.String).fill_null("")
            digest.update(text.str.len_bytes().to_numpy().tobytes())
            digest.update(str(text.str.join("").item() if len(text) else "").encode())
    return f"sha256:{digest.hexdigest()}"


def _frame(columns: Mapping[Any, Any], *, source: str) -> pl.DataFrame:
    names = checked_names([str(name) for name in columns], source=source)
    series = [_series(name, values, source=source) for name, values in zip(names, columns.values(), strict=True)]
    lengths = {one.name: len(one) for one in series}
    if len(set(lengths.values())) > 1:
        first, other = names[0], next(name for name in names if lengths[name] != lengths[names[0]])
        raise DataError(
            f'{source}: columns must be equally long, but "{first}" has {lengths[first]} values and "{other}" has '
            f"{lengths[other]}; are rows missing in one of them?"
        )
    return pl.DataFrame(series)


def _series(name: str, values: Any, *, source: str) -> pl.Series:
    if isinstance(values, pl.Series):
        return values.alias(name)
    if isinstance(values, _pandas_class("Series")):
        return _pandas_series(name, values, source=source)
    if isinstance(values, Sequence) and not isinstance(values, str | bytes):
        return _object_series(name, list(values), source=source)
    array = values if isinstance(values, np.ndarray) else np.asarray(values)
    if array.ndim == 0:
        raise DataError(
            f'{source}: a column must be an array or a list, but "{name}" is {_kind(values)}; give one value per row'
        )
    if array.dtype == object:
        return _object_series(name, list(array), source=source)
    return _array_series(name, array, source=source)


def _array_series(name: str, values: Shaped[np.ndarray, " rows"], *, source: str) -> pl.Series:
    if values.ndim != 1:
        raise DataError(
            f'{source}: a column must have one axis, but "{name}" has the shape {values.shape}; '
            "give each of its columns a name of its own"
        )
    kind = values.dtype.kind
    if kind not in "biufMmUST":
        raise DataError(
            f'{source}: cells must be numbers, text, booleans or dates, but "{name}" holds {values.dtype}; '
            "make columns of its parts"
        )
    missing = np.ma.getmaskarray(values) if isinstance(values, np.ma.MaskedArray) else None
    plain = np.asarray(values)
    if kind == "S":
        plain = np.char.decode(plain, "latin-1")
    if kind in "UST":
        plain = plain.astype(object)
    elif kind == "f" and plain.dtype not in (np.float32, np.float64):
        plain = plain.astype(np.float32 if plain.dtype.itemsize < 4 else np.float64)
    elif kind in "Mm" and np.datetime_data(plain.dtype)[0] not in DATE_UNITS[kind == "m" :]:
        plain = plain.astype(f"{kind}8[us]")
    series = pl.Series(name, plain.tolist(), pl.String) if kind in "UST" else pl.Series(name, plain)
    return series if missing is None else series.set(pl.Series(missing), None)


def _object_series(name: str, values: list[Any], *, source: str) -> pl.Series:
    values = [None if _is_missing(value) else value for value in values]
    nested = next((value for value in values if isinstance(value, NESTED)), None)
    if nested is not None:
        raise DataError(
            f'{source}: cells must be plain values, but the column "{name}" holds {_kind(nested)}; '
            "make columns of its parts, or leave it out"
        )
    present = [value for value in values if value is not None]
    if len({type(value) for value in present}) > 1:
        if all(isinstance(value, Number) and not isinstance(value, bool | complex) for value in present):
            values = [None if value is None else float(value) for value in values]
        elif any(isinstance(value, str) for value in present):
            values = [None if value is None else str(value) for value in values]
    elif present and isinstance(present[0], np.generic):
        values = [None if value is None else value.item() for value in values]
    try:
        series = pl.Series(name, values, strict=True)
    except (TypeError, ValueError, OverflowError, pl.exceptions.PolarsError):
        series = pl.Series(name, values, dtype=pl.Object)
    if series.dtype == pl.Object:
        kinds = ", ".join(sorted({type(value).__name__ for value in present}))
        raise DataError(
            f'{source}: cells must be numbers, text, booleans or dates, but "{name}" holds {kinds}; convert them first'
        )
    return series


def _array_columns(array: Shaped[np.ndarray, "*axes"]) -> dict[str, Any]:
    if array.dtype.names:
        return {name: array[name] for name in array.dtype.names}
    if array.ndim not in (1, 2):
        raise DataError(f"an array must have 1 or 2 axes (rows, columns), but has the shape {array.shape}; reshape it")
    table = array[:, None] if array.ndim == 1 else array
    return {f"x{i}": table[:, i] for i in range(table.shape[1])}


def _pandas_frame(source: Any) -> pl.DataFrame:
    named = [name is not None for name in source.index.names]
    table = source.reset_index(level=[i for i, kept in enumerate(named) if kept]) if any(named) else source
    names = ["_".join(map(str, name)) if isinstance(name, tuple) else str(name) for name in table.columns]
    checked_names(names, source="the pandas frame")
    columns = {name: table.iloc[:, place] for place, name in enumerate(names)}
    return _frame(columns, source="the pandas frame")


def _pandas_series(name: str, column: Any, *, source: str) -> pl.Series:
    dtype: Any = column.dtype
    if isinstance(dtype, _pandas_class("CategoricalDtype")):
        values = _series(name, dtype.categories.to_series(), source=source)
        codes = pl.Series(np.asarray(column.array.codes), dtype=pl.Int64)
        taken = values.gather(codes.set(codes < 0, None))
        return taken.cast(pl.Categorical) if taken.dtype == pl.String else taken
    if isinstance(dtype, _pandas_class("DatetimeTZDtype")):
        moments = np.asarray(column.dt.tz_convert("UTC").dt.tz_localize(None))
        utc = _array_series(name, moments, source=source).dt.replace_time_zone("UTC")
        return utc.dt.convert_time_zone(str(dtype.tz))
    if isinstance(dtype, np.dtype) and dtype.kind != "O":
        return _array_series(name, np.asarray(column), source=source)
    missing = np.asarray(column.isna(), bool)
    number = NULLABLE.get(str(dtype))
    if number is not None:
        filled = column.to_numpy(dtype=number, na_value=number(0))
        return _array_series(name, np.ma.MaskedArray(filled, missing), source=source)
    spelled = isinstance(dtype, (_pandas_class("PeriodDtype"), _pandas_class("IntervalDtype")))
    cells = zip(np.asarray(column, dtype=object), missing, strict=True)
    objects = [None if gone else str(cell) if spelled else cell for cell, gone in cells]
    return _object_series(name, objects, source=source)


def _pandas_class(name: str) -> Any:
    # Nothing can be an instance of a class whose package was never imported.
    class Absent: ...

    return getattr(sys.modules.get("pandas"), name, Absent)


def _is_missing(value: Any) -> bool:
    # NaN and NaT differ from themselves; pandas.NA is neither equal nor unequal.
    return type(value).__name__ in ("NoneType", "NAType", "NaTType") or (
        isinstance(value, float | np.generic) and bool(value != value)
    )


def _kind(value: Any) -> str:
    return f"of type {type(value).__name__}"
