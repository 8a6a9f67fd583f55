"""What changes with the threshold: a confusion matrix for each place that the slider of a page can stop at.

The matrices are counted here, exactly; the page computes figures from them by the formulas of `FIGURES`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from fitwell.metrics.confusion import BINARY
from fitwell.report.answers import Question

EVEN, BY_RANK = 200, 200  # stops at even distances, and stops with as many rows between them

# Figures that follow from a confusion matrix, in the order in which the page lists them; `script.js` has the formulas.
FIGURES = (*BINARY, "predicted_positive", "false_positive_rate")


@dataclass(frozen=True, kw_only=True, eq=False)
class Stops:
    """Thresholds in rising order, each with its confusion matrix [[TN, FP], [FN, TP]]."""

    thresholds: Float[np.ndarray, " stops"]
    cells: Float[np.ndarray, "stops 2 2"]
    chosen: int  # the stop of the threshold that predictions go by
    costs: tuple[float, float] | None = None  # of a false positive and of a false negative

    def figures(self, stop: int) -> dict[str, float | None]:
        """Return the figures at one stop; None where one is undefined."""
        return figures_of(self.cells[stop], costs=self.costs)

    def as_json(self) -> dict[str, Any]:
        """Return what the page's slider needs."""
        return {
            "chosen": self.chosen,
            "thresholds": self.thresholds.tolist(),
            "cells": [[float(f"{cell:.9g}") for cell in matrix.ravel()] for matrix in self.cells],
        }


def stops_of(question: Question, threshold: float, *, costs: tuple[float, float] | None = None) -> Stops:
    """Return where the slider can stop: even steps, steps by rank, and the chosen threshold.

    A stop by rank is the score of a row, so that moving by one stop changes something wherever there are many rows.
    """
    scores = question.rows.scores
    low, high = min(0.0, float(scores.min())), max(1.0, float(scores.max()))
    ranks = np.sort(question.scores)[np.linspace(0, len(question.scores) - 1, BY_RANK).astype(int)]
    even = np.round(np.linspace(low, high, EVEN + 1), 6)
    thresholds = np.unique([*even, *ranks, threshold])
    chosen = int(np.searchsorted(thresholds, threshold))
    return Stops(thresholds=thresholds, cells=_cells(question, thresholds), chosen=chosen, costs=costs)


def _cells(question: Question, thresholds: Float[np.ndarray, " stops"]) -> Float[np.ndarray, "stops 2 2"]:
    """Count a confusion matrix for each threshold: rows that score at least as high are predicted positive."""
    rows = question.rows
    taken = np.searchsorted(-rows.scores, -thresholds, side="right")
    up, down = (np.concatenate([[0.0], np.cumsum(part)]) for part in (rows.positive, rows.negative))
    predicted = np.stack([down[taken], up[taken]], axis=1)  # of the negatives, of the positives
    return np.stack([np.array([down[-1], up[-1]]) - predicted, predicted], axis=2)


def figures_of(cells: Float[np.ndarray, "2 2"], *, costs: tuple[float, float] | None = None) -> dict[str, float | None]:
    """Return the figures of a confusion matrix.

    >>> figures_of(np.array([[8.0, 2.0], [1.0, 4.0]]))["recall"]
    0.8
    """
    total = float(cells.sum())
    values = {name: float(measure(cells)) for name, measure in BINARY.items()}
    values["predicted_positive"] = float(cells[:, 1].sum()) / total
    values["false_positive_rate"] = 1 - values["specificity"]
    if costs is not None:
        values["cost"] = (costs[0] * float(cells[0, 1]) + costs[1] * float(cells[1, 0])) / total
    return {name: None if np.isnan(value) else value for name, value in values.items()}
