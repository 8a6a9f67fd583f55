"""What each column holds is inferred from all of its cells, and every guess says why.

The kinds of column make their claims (`columns/`), the strongest wins, and the recipe overrides them all. Targets are
read by other rules than features: a target of few whole numbers is a class, a feature of few whole numbers a number.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import polars as pl

from fitwell.data.columns import KINDS
from fitwell.data.columns.category import whole_numbers
from fitwell.data.columns.cells import Cells, Claim, Column, gather, is_readable, list_depth, quoted
from fitwell.data.read import Table
from fitwell.errors import DataError, RequestError, nearest
from fitwell.recipe import ColumnSettings, KindName, Recipe, TaskName

CLASSES = 20  # a target of at most so many different whole numbers is a class, unless the task says otherwise
CLASS_ROWS = 5  # if there are so many rows to each
LEFT_OUT_BY_RECIPE = "left out by data.drop"
INFERRED = ColumnSettings.model_validate({})


@dataclass(frozen=True, kw_only=True)
class Schema:
    """What the columns are for."""

    features: tuple[Column, ...]
    targets: tuple[Column, ...]
    left_out: tuple[Column, ...] = ()  # each says in `why` what speaks against it
    weight: Column | None = None
    group: Column | None = None
    time: Column | None = None  # among the features too when it is a date


def infer_schema(table: Table, recipe: Recipe) -> Schema:
    """Return what each column is and what it is for, from all cells and the recipe.

    Raises:
        RequestError: the recipe names no target, or a column that does not exist (the nearest is offered).
        DataError: a target or all features cannot be learned from, or cells contradict a declared kind.
    """
    frame, data = table.frame, recipe.data
    _require_columns(frame.columns, recipe)
    targets = tuple(infer_target(frame[name], _settings(recipe, name), recipe.task) for name in recipe.target)
    weight = None if data.weight is None else _weight(frame[data.weight], _settings(recipe, data.weight))
    group = None if data.group is None else describe(frame[data.group], _settings(recipe, data.group))[0]
    time = None if data.time is None else _time(frame[data.time], _settings(recipe, data.time))
    reserved = {*recipe.target, data.weight, data.group, data.time}
    features: list[Column] = []
    left_out: list[Column] = []
    for name in frame.columns:
        if name in data.drop:
            left_out.append(replace(describe(frame[name], _settings(recipe, name))[0], why=LEFT_OUT_BY_RECIPE))
        elif name not in reserved:
            column, claim = describe(frame[name], _settings(recipe, name))
            is_feature = KINDS[column.kind].fit is not None
            if is_feature and claim.problem:
                raise DataError(claim.problem)
            (features if is_feature else left_out).append(column)
        elif time is not None and name == time.name and time.kind == "date" and name not in recipe.target:
            features.append(time)
    if not features:
        raise DataError(_no_features(left_out))
    return Schema(
        features=tuple(features), targets=targets, left_out=tuple(left_out), weight=weight, group=group, time=time
    )


def describe(series: pl.Series, settings: ColumnSettings) -> tuple[Column, Claim]:
    """Return what a feature column holds, and the claim that won.

    >>> describe(pl.Series("x", ["1.5", "2", "?", "7"]), ColumnSettings())[0].kind
    'number'
    """
    if list_depth(series.dtype):
        return _described_lists(series, settings)
    if not is_readable(series):
        why = f"cells of type {series.dtype} are not learned from yet"
        nothing = Column(name=series.name, kind="constant", why=why, missing=(), missing_count=0, distinct=0)
        return nothing, Claim(why=why, strength=0)
    cells = gather(series, settings)
    if settings.kind != "auto":
        claim = KINDS[settings.kind].declare(cells)
        return _column(cells, settings.kind, claim), claim
    claims = {name: made for name, kind in KINDS.items() if (made := kind.recognize(cells)) is not None}
    kind = max(claims, key=lambda name: claims[name].strength)
    return _column(cells, kind, claims[kind]), claims[kind]


def _described_lists(series: pl.Series, settings: ColumnSettings) -> tuple[Column, Claim]:
    if settings.kind not in ("auto", "series"):
        raise DataError(
            f'column "{series.name}" is declared {settings.kind}, but its cells are lists of numbers; let '
            f"data.columns.{series.name}.kind be series, or drop it"
        )
    cells = gather(series, settings)
    claim = KINDS["series"].declare(cells) if settings.kind == "series" else KINDS["series"].recognize(cells)
    if claim is None:
        claim = Claim(why="all cells are missing", strength=0)
        return _column(cells, "constant", claim), claim
    return _column(cells, "series", claim), claim


def infer_target(series: pl.Series, settings: ColumnSettings, task: TaskName | str) -> Column:
    """Return a target column: kind `number` for regression, `category` for classes.

    Raises:
        DataError: the target is all missing, has one value, a class of its own for every row, or dates.
    """
    if not is_readable(series):
        raise DataError(
            f'the target "{series.name}" holds cells of type {series.dtype}; name a column of numbers or classes'
        )
    cells = gather(series, settings)
    kind, why = _target_kind(cells, settings, task)
    if kind == "category":  # "unknown" may well be a class
        cells = gather(series, settings, words=False)
        claim = KINDS["category"].declare(cells)
        counted = f"{len(cells.values)} different values in {cells.present} rows"
        column = replace(_column(cells, "category", claim), why=f"{counted}, {why}" if why else counted)
        _require_classes(cells)
    else:
        claim = KINDS["number"].declare(cells) if settings.kind != "auto" else _as_number(cells)
        column = replace(_column(cells, "number", claim), why=why)
    if claim.problem:
        raise DataError(claim.problem)
    _require_values(column, cells)
    return column


def infer_task(targets: Sequence[Column]) -> tuple[TaskName, str]:
    """Return the task that the targets call for, and why.

    >>> column = Column(name="y", kind="category", why="", missing=(), missing_count=0, distinct=2)
    >>> infer_task([column])
    ('binary', '"y" has two classes')

    Raises:
        RequestError: numbers and classes are mixed, or one of several targets has more than two classes.
    """
    kinds = {column.kind for column in targets}
    names = ", ".join(f'"{column.name}"' for column in targets)
    if kinds == {"number"}:
        return "regression", f"{names} {'holds' if len(targets) == 1 else 'hold'} numbers"
    if len(kinds) > 1:
        told = ", ".join(
            f'"{column.name}" holds {"numbers" if column.kind == "number" else "classes"}' for column in targets
        )
        raise RequestError(f"targets must all be numbers or all be classes, but {told}; train one run for each")
    if len(targets) == 1:
        classes = targets[0].distinct
        return (
            ("binary", f"{names} has two classes") if classes == 2 else ("multiclass", f"{names} has {classes} classes")
        )
    for column in targets:
        if column.distinct != 2:
            raise RequestError(
                f'several targets of classes must have two classes each, but "{column.name}" has {column.distinct}; '
                "train one run for each target"
            )
    return "multilabel", f"{names} have two classes each"


def column_to_json(column: Column) -> dict[str, Any]:
    """Return plain values that `column_from_json` reads back."""
    return {**asdict(column), "missing": list(column.missing), "format": dict(column.format)}


def column_from_json(values: Mapping[str, Any]) -> Column:
    """Return the column that plain values describe.

    Raises:
        KeyError, TypeError: the values are not what `column_to_json` wrote.
    """
    return Column(**{**values, "missing": tuple(values["missing"]), "format": dict(values["format"])})


def schema_to_json(schema: Schema) -> dict[str, Any]:
    """Return plain values that `schema_from_json` reads back."""
    many = {
        role: [column_to_json(column) for column in getattr(schema, role)]
        for role in ("features", "targets", "left_out")
    }
    single = {role: getattr(schema, role) for role in ("weight", "group", "time")}
    return many | {role: None if column is None else column_to_json(column) for role, column in single.items()}


def schema_from_json(values: Mapping[str, Any]) -> Schema:
    """Return the schema that plain values describe.

    Raises:
        KeyError, TypeError: the values are not what `schema_to_json` wrote.
    """
    return Schema(
        features=_columns(values["features"]),
        targets=_columns(values["targets"]),
        left_out=_columns(values["left_out"]),
        weight=_optional_column(values["weight"]),
        group=_optional_column(values["group"]),
        time=_optional_column(values["time"]),
    )


def _columns(values: Sequence[Mapping[str, Any]]) -> tuple[Column, ...]:
    return tuple(column_from_json(column) for column in values)


def _optional_column(values: Mapping[str, Any] | None) -> Column | None:
    return None if values is None else column_from_json(values)


def _column(cells: Cells, kind: KindName, claim: Claim) -> Column:
    further = int(cells.counts.filter(cells.values.is_in(list(claim.missing))).sum()) if claim.missing else 0
    return Column(
        name=cells.name,
        kind=kind,
        why=claim.why,
        missing=cells.missing + claim.missing,
        missing_count=cells.missing_count + further,
        distinct=len(cells.values) - len(claim.missing),
        format={**claim.format, **({"markers": cells.markers} if cells.markers else {})},
    )


def _settings(recipe: Recipe, name: str) -> ColumnSettings:
    return recipe.data.columns.get(name, INFERRED)


def _require_columns(known: Sequence[str], recipe: Recipe) -> None:
    data = recipe.data
    if not recipe.target:
        raise RequestError("a target must be named, the column to predict; try --target NAME")
    asked: list[tuple[str, Iterable[str | None]]] = [
        ("target", recipe.target),
        ("data.drop", data.drop),
        ("data.weight", [data.weight]),
        ("data.group", [data.group]),
        ("data.time", [data.time]),
        ("data.columns", data.columns),
    ]
    for setting, names in asked:
        for name in names:
            if name is not None and name not in known:
                shown = ", ".join(f'"{column}"' for column in known[:8]) + (", ..." if len(known) > 8 else "")
                offer = nearest(name, known) or f"; there are {shown}"
                raise RequestError(f'{setting} names the column "{name}", which does not exist{offer}')


def _target_kind(cells: Cells, settings: ColumnSettings, task: str) -> tuple[KindName, str]:
    if settings.kind == "number" or (settings.kind == "auto" and task == "regression"):
        return "number", "declared in the recipe" if settings.kind == "number" else "the task is regression"
    if settings.kind in ("category", "boolean"):
        return "category", "declared in the recipe"
    if settings.kind != "auto":
        raise RequestError(
            f'the target "{cells.name}" is declared {settings.kind}, but a target is a number or a category; '
            f"change data.columns.{cells.name}.kind"
        )
    if task != "auto":
        return "category", f"the task is {task}"
    count = len(cells.values)
    if KINDS["date"].recognize(cells) is not None:
        raise DataError(
            f'the target "{cells.name}" holds dates, which are not predicted; turn it into numbers, such as days'
        )
    if count <= 2 or KINDS["number"].recognize(cells) is None:
        return "category", ""
    whole = whole_numbers(cells)
    if whole is None:
        return "number", f"{count} different numbers, not all whole"
    if count <= CLASSES and cells.present >= CLASS_ROWS * count:
        return "category", "whole numbers taken for classes; --task regression predicts the number"
    return "number", f"{count} different whole numbers in {cells.present} rows"


def _as_number(cells: Cells) -> Claim:
    return KINDS["number"].recognize(cells) or KINDS["number"].declare(cells)


def _require_classes(cells: Cells) -> None:
    if cells.present and len(cells.values) > 2 and cells.counts[0] == 1:
        raise DataError(
            f'the target "{cells.name}" must have classes that repeat, but its {cells.present} rows are all '
            f"different, such as {quoted(cells.values[0])}; name another target"
        )


def _require_values(column: Column, cells: Cells) -> None:
    if column.distinct == 0:
        raise DataError(
            f'the target "{column.name}" must have values, but all {cells.rows} cells are missing; name another target'
        )
    if column.distinct == 1:
        raise DataError(
            f'the target "{column.name}" must have at least two different values, but all are '
            f"{quoted(cells.values[0])}; name another target, or add rows of another class"
        )


def _weight(series: pl.Series, settings: ColumnSettings) -> Column:
    if not is_readable(series):
        raise DataError(
            f'data.weight names "{series.name}", whose cells are of type {series.dtype}; weights are numbers'
        )
    cells = gather(series, settings)
    claim = KINDS["number"].declare(cells)
    if claim.problem:
        raise DataError(f'data.weight names "{series.name}", which must hold numbers: {claim.problem}')
    return _column(cells, "number", claim)


def _time(series: pl.Series, settings: ColumnSettings) -> Column:
    """Return the time column: a date, or a number; a number is no feature, since later rows lie beyond all before."""
    column, claim = describe(series, settings)
    if column.kind == "date" and not claim.problem:
        return column
    cells = gather(series, settings)
    claim = KINDS["number"].declare(cells)
    if claim.problem or not cells.present:
        raise DataError(
            f'data.time names "{series.name}", which must hold dates or numbers, but its kind is {column.kind} '
            f"({column.why}); name another column, or set data.columns.{series.name}.date_format"
        )
    return _column(cells, "number", claim)


def _no_features(left_out: Sequence[Column]) -> str:
    if not left_out:
        return "at least one feature is needed, but there are no columns besides the target; add columns"
    reasons = "; ".join(f'"{column.name}": {column.why}' for column in left_out[:8])
    return f"at least one feature is needed, but every other column is left out: {reasons}; {_way_out(left_out)}"


def _way_out(left_out: Sequence[Column]) -> str:
    """Return what would give a feature; declaring words to be numbers would not."""
    inferred = [column for column in left_out if column.why != LEFT_OUT_BY_RECIPE]
    if not inferred:
        return "leave one in (data.drop)"
    identifier = next((column.name for column in inferred if column.kind == "identifier"), None)
    if identifier is not None:
        return f"add columns, or, where its numbers are amounts, set data.columns.{identifier}.kind to number"
    return "add columns whose values differ"
