"""How predictions change along one column: it is set to each of its values in turn, all else left alone.

The mean over rows is the partial dependence (Friedman 2001); the middle half of the single rows' curves (Goldstein et
al. 2015) tells how far rows differ.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from fitwell.data.columns.cells import Column
from fitwell.data.encode import BLOCKS
from fitwell.data.targets import parsed
from fitwell.explanation.asking import WORK, Asked, Blocks, repeated

ROWS, FEWEST_ROWS = 200, 25
POINTS = 16  # of a column of numbers: evenly by rank, without the outermost hundredths
VALUES = 10  # of a category: the most frequent
FEW = 10  # so many different numbers are all asked


@dataclass(frozen=True, kw_only=True)
class Point:
    """The predictions when the column has one value."""

    at: float | str
    value: float  # mean over rows
    low: float  # a quarter of the rows lie below
    high: float


@dataclass(frozen=True, kw_only=True)
class Dependence:
    """How predictions change along one column."""

    column: str
    kind: str  # `number` or `category`
    predicts: str  # in words
    points: tuple[Point, ...]


def dependence(asked: Asked, columns: Sequence[str]) -> list[Dependence]:
    """Return how predictions change along some columns; of several outputs, along the one that changes most."""
    passes = WORK / 4 / max(asked.cost, 1.0)
    places = asked.sample(int(np.clip(passes / (POINTS * max(len(columns), 1)), FEWEST_ROWS, ROWS)))
    blocks = {name: block[places] for name, block in asked.blocks.items()}
    known = {column.name: column for column in asked.schema.features}
    # The values of a column of arrays have no order, and no names.
    drawn = [name for name in columns if name in known and BLOCKS.keys() >= asked.entries[name].keys()]
    return [_along(asked, known[name], blocks) for name in drawn]


def _along(asked: Asked, column: Column, blocks: Blocks) -> Dependence:
    values, rows = examples(parsed(asked.frame, column), is_number=column.kind == "number")
    predictions = asked.predict(_set_to(asked, blocks, column.name, rows))
    curves = np.stack(np.split(predictions, len(rows)))  # (values, rows, K)
    output = _telling_output(asked, curves)
    curve = curves[:, :, output]
    low, high = np.quantile(curve, [0.25, 0.75], axis=1)
    points = tuple(
        Point(at=at, value=float(mean), low=float(below), high=float(above))
        for at, mean, below, above in zip(values, curve.mean(axis=1), low, high, strict=True)
    )
    kind = "number" if column.kind == "number" else "category"
    return Dependence(column=column.name, kind=kind, predicts=output_name(asked, output), points=points)


def examples(cells: pl.Series, *, is_number: bool) -> tuple[Sequence[float | str], list[int]]:
    """Return values of a column, and for each a row that has it: its encoded entries stand for the value.

    >>> examples(pl.Series([3.0, 1.0, 3.0, None]), is_number=True)
    ([1.0, 3.0], [1, 0])
    >>> examples(pl.Series(["b", "a", "b"]), is_number=False)
    (['b', 'a'], [0, 1])
    """
    if not is_number:
        frame = pl.DataFrame({"value": cells.cast(pl.String).fill_null("missing")}).with_row_index("row")
        counted = (
            frame.group_by("value").agg(pl.len(), pl.col("row").min()).sort("len", "row", descending=[True, False])
        )
        return counted["value"].head(VALUES).to_list(), counted["row"].head(VALUES).to_list()
    frame = pl.DataFrame({"value": cells.cast(pl.Float64)}).with_row_index("row").drop_nulls()
    frame = frame.filter(pl.col("value").is_finite()).sort("value", maintain_order=True)
    distinct = frame.unique("value", keep="first", maintain_order=True)
    if len(distinct) > FEW:
        ranks = np.linspace(0.01, 0.99, POINTS) * (len(frame) - 1)
        distinct = frame[np.unique(ranks.round().astype(int))].unique("value", keep="first", maintain_order=True)
    return distinct["value"].to_list(), distinct["row"].to_list()


def _set_to(asked: Asked, blocks: Blocks, column: str, rows: Sequence[int]) -> dict[str, np.ndarray]:
    """Return all rows once per example, with one column's entries as the example has them."""
    changed = repeated(blocks, len(rows))
    count = len(next(iter(blocks.values())))
    for block, places in asked.entries[column].items():
        changed[block][:, places] = np.repeat(asked.blocks[block][np.array(rows)][:, places], count, axis=0)
    return changed


def _telling_output(asked: Asked, curves: np.ndarray) -> int:
    """Return the output whose mean changes most: the positive class of two, else by its own spread for values."""
    if asked.task.name == "binary":
        return 1
    span = np.ptp(curves.mean(axis=1), axis=0)
    return int(np.argmax(span / np.array(asked.coding.scales)) if asked.task.form == "values" else np.argmax(span))


def output_name(asked: Asked, output: int) -> str:
    """Return what an output predicts, in words."""
    if asked.task.form == "values":
        return f"predicted {asked.coding.names[output]}"
    label = asked.coding.names[output] if asked.task.name == "multilabel" else asked.coding.classes[0][output]
    return f"probability of “{label}”"
