"""Predictions on held-out rows become questions that scores answer: is this row of that class?

A binary target asks one question, several classes ask one each against the rest, several labels one each.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl
from jaxtyping import Float

from fitwell.metrics.ranked import Ranked, ranked
from fitwell.report.picture import Contents

POINTS = 400  # a line on a plot of 340 pixels needs no more


@dataclass(frozen=True, kw_only=True, eq=False)
class Question:
    """Rows that have a label or have it not, gathered by their score."""

    label: str
    rows: Ranked
    hits: np.ndarray  # of each row: has it the label?
    scores: np.ndarray
    weights: np.ndarray

    @property
    def positives(self) -> float:
        """Weight of the rows that have the label."""
        return float(self.rows.positive.sum())

    @property
    def negatives(self) -> float:
        """Weight of the rows that have it not."""
        return float(self.rows.negative.sum())

    @property
    def can_rank(self) -> bool:
        """Whether both answers occur."""
        return self.positives > 0 and self.negatives > 0


def measured_rows(contents: Contents) -> pl.DataFrame | None:
    """Return the predictions of the rows that were measured, None where they were not kept."""
    if contents.predictions is None or contents.evaluation is None:
        return None
    rows = contents.predictions.filter(pl.col("part") == contents.evaluation["split"])
    return rows if len(rows) else None


def row_weights(rows: pl.DataFrame) -> Float[np.ndarray, " rows"]:
    """Return the rows' weights; every row weighs 1 where there are none."""
    return rows["weight"].to_numpy() if "weight" in rows.columns else np.ones(len(rows))


def questions(contents: Contents) -> list[Question]:
    """Return what the measured rows were asked; nothing for numbers, answers in texts, and runs without predictions."""
    rows = measured_rows(contents)
    if rows is None or contents.task in ("regression", "answer"):
        return []
    return [question for question in _asked(contents, rows) if question is not None]


def _asked(contents: Contents, rows: pl.DataFrame) -> Iterator[Question | None]:
    targets = contents.data["targets"]
    if contents.task == "multilabel":
        for name, classes in zip(targets["names"], targets["classes"], strict=True):
            yield _question(name, rows, truth=f"truth_{name}", positive=classes[1], score=f"probability_{name}")
    else:
        labels = targets["classes"][0]
        for label in [targets["positive"]] if contents.task == "binary" else labels:
            yield _question(label, rows, truth="truth", positive=label, score=f"probability_{label}")


def _question(label: str, rows: pl.DataFrame, *, truth: str, positive: str, score: str) -> Question | None:
    if truth not in rows.columns or score not in rows.columns:
        return None
    hits = (rows[truth] == positive).fill_null(value=False).to_numpy()
    scores, weights = rows[score].to_numpy(), row_weights(rows)
    kept = weights > 0
    return Question(
        label=label,
        rows=ranked(hits[kept], scores[kept], weights[kept]),
        hits=hits[kept],
        scores=scores[kept],
        weights=weights[kept],
    )


def thinned(*axes: Float[np.ndarray, " points"], keep: tuple[int, ...] = ()) -> np.ndarray:
    """Return the places of the points of a curve within [0, 1] that a screen can tell apart, always with both ends.

    A point is left out only when it lies in the same cell of a 400 by 400 grid as the one before; those that stay are
    exact. `keep` are places that matter.

    >>> thinned(np.linspace(0, 1, 100_001), np.linspace(0, 1, 100_001)).size
    401
    """
    cells = [np.floor(axis * POINTS) for axis in axes]
    moved = np.any([cell[1:] != cell[:-1] for cell in cells], axis=0)
    places = np.flatnonzero(np.concatenate([[True], moved]))
    if len(places) > 4 * POINTS:  # a curve that jumps to and fro
        places = places[np.linspace(0, len(places) - 1, 4 * POINTS).astype(int)]
    return np.unique(np.concatenate([places, [0, len(axes[0]) - 1], np.array(keep, dtype=np.int64)])).astype(np.int64)
