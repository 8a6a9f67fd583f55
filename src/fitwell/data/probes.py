"""How well a column alone, or several together, tell a target on rows they were not fitted on.

The audit asks this of the target (does a column give it away?) and of the split (do test rows look different?).
Everything is counted and solved in closed form on a few thousand rows, so that asking costs milliseconds: a column
becomes codes (quantile bins of numbers, or categories, 0 where missing); alone it predicts by smoothed means of the
target per code; together, one-hot codes predict by ridge regression. Both are cross-fitted over five folds.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl
from jaxtyping import Float, Int

from fitwell.data.columns import KINDS
from fitwell.data.columns.cells import Column
from fitwell.data.targets import parsed
from fitwell.metrics.ranked import ranked, roc_auc_influence
from fitwell.recipe import TaskName

FOLDS = 5
BINS = 32  # of numbers; a threshold that separates two classes mixes at most one bin, 1/32 of the rows
COARSE_BINS = 8  # of numbers together with others; enough for a shift of place, of spread, and a hump
CATEGORIES = 15  # most frequent ones told apart together with others
ONE_HOT_COLUMNS = 60  # of more columns, only the linear part is used, so that the normal equations stay small
PENALTY = 0.02  # ridge penalty per row; with it, features that say nothing move AUC by less than its standard error
PRIOR_ROWS = 1.0  # the overall mean counts like one more row of each code


def column_codes(frame: pl.DataFrame, columns: tuple[Column, ...]) -> dict[str, Int[np.ndarray, " rows"]]:
    """Return each column as codes: 0 where missing, else the quantile bin of a number or date, or the category.

    Columns of arrays have none.
    """
    codes = {}
    for column in columns:
        if KINDS[column.kind].is_array:
            continue
        values = parsed(frame, column)
        if column.kind in ("number", "date"):
            codes[column.name] = _bins(values.to_physical().cast(pl.Float64).to_numpy())
        else:
            codes[column.name] = values.cast(pl.String).rank("dense").fill_null(0).to_numpy().astype(np.int64)
    return codes


def spread_folds(target: Float[np.ndarray, " rows"], generator: np.random.Generator) -> Int[np.ndarray, " rows"]:
    """Deal rows out to folds along the target, so that every fold has its share of low and high values."""
    order = np.lexsort((generator.random(target.size), target))
    folds = np.empty(target.size, dtype=np.int64)
    folds[order] = np.arange(target.size) % FOLDS
    return folds


def alone(
    codes: Int[np.ndarray, " rows"], targets: Float[np.ndarray, "rows outputs"], folds: Int[np.ndarray, " rows"]
) -> Float[np.ndarray, "rows outputs"]:
    """Predict each row by the smoothed target mean of the rows of its code in the other folds."""
    cells = codes * FOLDS + folds
    size = (int(codes.max(initial=0)) + 1) * FOLDS
    counts = _elsewhere(np.bincount(cells, minlength=size).reshape(-1, FOLDS).astype(np.float64))
    columns = []
    for target in targets.T:
        sums = _elsewhere(np.bincount(cells, weights=target, minlength=size).reshape(-1, FOLDS))
        prior = sums.sum(axis=0) / counts.sum(axis=0)
        columns.append(((sums + PRIOR_ROWS * prior) / (counts + PRIOR_ROWS))[codes, folds])
    return np.stack(columns, axis=1)


def together(
    codes: Mapping[str, Int[np.ndarray, " rows"]],
    targets: Float[np.ndarray, "rows outputs"],
    folds: Int[np.ndarray, " rows"],
    *,
    numbers: frozenset[str],
) -> Float[np.ndarray, "rows outputs"]:
    """Predict each row by ridge regression on all columns, fitted on the other folds; `numbers` have ordered codes."""
    inputs = np.concatenate([np.ones((folds.size, 1)), *_inputs(codes, numbers)], axis=1)
    penalty = np.full(inputs.shape[1], PENALTY * folds.size)
    penalty[0] = 1e-7  # the intercept is as good as free
    ridge = _ridge_of_few_columns if inputs.shape[1] <= folds.size else _ridge_of_few_rows
    return ridge(inputs, targets, folds, penalty)


def skill(
    predicted: Float[np.ndarray, "rows outputs"], targets: Float[np.ndarray, "rows outputs"], task: TaskName
) -> float:
    """Return how much of what there is to tell is told: 0 is guessing, 1 is all of it.

    Two classes: 2·AUC − 1. More classes: the share of the majority's errors that are avoided. Numbers: R², of targets
    that the caller made ranks, so that neither units nor outliers matter.
    """
    if task in ("binary", "multilabel"):
        return 2 * auc(predicted[:, 0], targets[:, 0])[0] - 1
    if task == "multiclass":
        wrong = float(np.mean(predicted.argmax(axis=1) != targets.argmax(axis=1)))
        return 1 - wrong / (1 - float(targets.mean(axis=0).max()))
    return 1 - float(((predicted - targets) ** 2).sum() / ((targets - targets.mean(axis=0)) ** 2).sum())


def auc(predicted: Float[np.ndarray, " rows"], target: Float[np.ndarray, " rows"]) -> tuple[float, float]:
    """Return ROC-AUC and its standard error (DeLong)."""
    rows = ranked(target > 0, predicted, np.ones(target.size))
    estimate = roc_auc_influence(rows)
    return estimate.value, float(np.sqrt(estimate.variance(rows)))


def _ridge_of_few_columns(
    inputs: Float[np.ndarray, "rows width"],
    targets: Float[np.ndarray, "rows outputs"],
    folds: Int[np.ndarray, " rows"],
    penalty: Float[np.ndarray, " width"],
) -> Float[np.ndarray, "rows outputs"]:
    held = [folds == fold for fold in range(FOLDS)]
    grams = np.stack([inputs[rows].T @ inputs[rows] for rows in held])
    moments = np.stack([inputs[rows].T @ targets[rows] for rows in held])
    predicted = np.empty_like(targets)
    for fold, rows in enumerate(held):
        gram = grams.sum(axis=0) - grams[fold] + np.diag(penalty)
        predicted[rows] = inputs[rows] @ np.linalg.solve(gram, moments.sum(axis=0) - moments[fold])
    return predicted


def _ridge_of_few_rows(
    inputs: Float[np.ndarray, "rows width"],
    targets: Float[np.ndarray, "rows outputs"],
    folds: Int[np.ndarray, " rows"],
    penalty: Float[np.ndarray, " width"],
) -> Float[np.ndarray, "rows outputs"]:
    """Return the same, from an equation for each row instead of each column: Xₕ P⁻¹ Xᵀ (X P⁻¹ Xᵀ + I)⁻¹ y."""
    scaled = inputs / np.sqrt(penalty)
    products = scaled @ scaled.T
    predicted = np.empty_like(targets)
    for fold in range(FOLDS):
        held, rest = np.flatnonzero(folds == fold), np.flatnonzero(folds != fold)
        answers = np.linalg.solve(products[np.ix_(rest, rest)] + np.eye(rest.size), targets[rest])
        predicted[held] = products[np.ix_(held, rest)] @ answers
    return predicted


def _bins(values: Float[np.ndarray, " rows"]) -> Int[np.ndarray, " rows"]:
    known = np.isfinite(values)
    starts, counts = np.unique(values[known], return_counts=True)
    if starts.size > BINS:
        frequent = starts[counts * BINS >= counts.sum()]  # has a bin of its own: zero amounts, say
        quantiles = np.quantile(values[known], np.arange(BINS) / BINS)
        starts = np.unique(np.concatenate([quantiles, frequent, np.nextafter(frequent, np.inf)]))
    return np.where(known, np.searchsorted(starts, values, side="right"), 0)


def _elsewhere(table: Float[np.ndarray, "codes folds"]) -> Float[np.ndarray, "codes folds"]:
    return np.asarray(table.sum(axis=1, keepdims=True) - table)


def _inputs(
    codes: Mapping[str, Int[np.ndarray, " rows"]], numbers: frozenset[str]
) -> list[Float[np.ndarray, "rows _"]]:
    inputs: list[Float[np.ndarray, "rows _"]] = []
    for name, column in codes.items():
        if name in numbers:
            top = max(1, int(column.max()))
            inputs.append((column[:, None] / top - 0.5) * 2)
            column = np.where(column == 0, 0, 1 + (column - 1) * COARSE_BINS // top)
        if name not in numbers or len(codes) <= ONE_HOT_COLUMNS:
            counts = np.bincount(column)
            frequent = np.argsort(-counts, kind="stable")[:CATEGORIES]
            inputs.append((column[:, None] == frequent[counts[frequent] > 0]).astype(np.float64))
    return inputs
