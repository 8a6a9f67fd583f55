"""One or several numbers: one output per target, in scaled units."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from fitwell import metrics
from fitwell.data.targets import KnownTarget
from fitwell.errors import DataError
from fitwell.tasks.task import Glance, TargetCoding, Task

LARGEST = 1e30  # float32 ends at 3e38


def fit(cells: Sequence[pl.Series], scale: bool) -> TargetCoding:
    """Return the coding: with `scale`, each target is brought to mean 0 and standard deviation 1.

    A network extrapolates without restraint, so predictions end one standard deviation beyond the training range.
    """
    values = truth_of(cells)
    names = tuple(column.name for column in cells)
    return _coding(names, values.mean(0), values.std(0), np.stack([values.min(0), values.max(0)]), scale=scale)


def coding(targets: Sequence[KnownTarget], scale: bool) -> TargetCoding:
    """Return the coding of training cells that were counted.

    Raises:
        DataError: a value is too large.
    """
    moments = [target.values for target in targets]
    ends = np.array([[each.minimum for each in moments], [each.maximum for each in moments]])
    for target, largest in zip(targets, np.abs(ends).max(0), strict=True):
        if not largest <= LARGEST:
            raise DataError(
                f'the target "{target.name}" must be a number of at most {LARGEST:g} in size, but one is {largest:g}; '
                "leave such rows out, or use a larger unit"
            )
    means, spreads = (np.array([getattr(each, name) for each in moments]) for name in ("mean", "deviation"))
    return _coding(tuple(target.name for target in targets), means, spreads, ends, scale=scale)


def _coding(
    names: tuple[str, ...], means: np.ndarray, spreads: np.ndarray, ends: np.ndarray, *, scale: bool
) -> TargetCoding:
    # Rounding leaves equal values a spread that is not quite 0, and tiny ones underflow.
    varying = scale & (spreads > 1e-14 * np.abs(ends).max(0))
    return TargetCoding(
        names=names,
        centers=tuple((means if scale else np.zeros(len(names))).tolist()),
        scales=tuple(np.where(varying, spreads, 1.0).tolist()),
        lows=tuple((ends[0] - spreads).tolist()),
        highs=tuple((ends[1] + spreads).tolist()),
    )


def truth(cells: Sequence[pl.Series], coding: TargetCoding) -> np.ndarray:
    """Return the values in their own units, (rows, targets)."""
    del coding  # values are their own code
    return truth_of(cells)


def truth_of(cells: Sequence[pl.Series]) -> np.ndarray:
    """Return the columns side by side.

    Raises:
        DataError: a value is not finite, or so large that its fourth power (the variance of an error) is not.
    """
    values = np.stack([column.cast(pl.Float64).to_numpy() for column in cells], axis=1)
    wrong = ~(np.abs(values) <= LARGEST)
    if wrong.any():
        row, place = (int(found[0]) for found in np.nonzero(wrong))
        value = values[row, place]
        held = f"number of at most {LARGEST:g} in size" if np.isfinite(value) else "finite number"
        raise DataError(
            f'the target "{cells[place].name}" must be a {held}, but is {value:g} in row {row + 1}; '
            "leave such rows out, or use a larger unit"
        )
    return values


def targets(values: np.ndarray, coding: TargetCoding) -> np.ndarray:
    """Return the values in scaled units."""
    return np.asarray((values - np.array(coding.centers)) / np.array(coding.scales), dtype=np.float32)


def predictions(outputs: np.ndarray, coding: TargetCoding) -> np.ndarray:
    """Return the values that scaled outputs stand for, (rows, targets), within the coding's bounds."""
    values = outputs.astype(np.float64) * np.array(coding.scales) + np.array(coding.centers)
    return np.asarray(np.clip(values, coding.lows, coding.highs))


def table(values: np.ndarray, coding: TargetCoding, _cut: metrics.Cut) -> pl.DataFrame:
    """Return the predicted values, one column per target."""
    if len(coding.names) == 1:
        return pl.DataFrame({"prediction": values[:, 0]})
    return pl.DataFrame({f"prediction_{name}": values[:, place] for place, name in enumerate(coding.names)})


def measure(
    values: np.ndarray,
    predicted: np.ndarray,
    coding: TargetCoding,
    weights: np.ndarray | None,
    _cut: metrics.Cut,
) -> metrics.Figures:
    """Return the regression figures, in the units of the target."""
    return metrics.regression(values, predicted, names=coding.names, weights=weights)


def r2(values: np.ndarray, predicted: np.ndarray) -> float:
    """Return the mean over targets of 1 - squared error / squared distance from the mean.

    >>> r2(np.array([[0.0], [2.0]]), np.array([[0.0], [2.0]])), r2(np.array([[0.0], [2.0]]), np.array([[1.0], [1.0]]))
    (1.0, 0.0)
    """
    spread = ((values - values.mean(0)) ** 2).sum(0)
    errors = ((values - predicted) ** 2).sum(0)
    return float(np.mean(1 - errors / np.where(spread > 0, spread, np.nan)))


def rmse(values: np.ndarray, predicted: np.ndarray) -> float:
    """Return the root of the mean squared error, over targets its mean.

    >>> rmse(np.array([[0.0], [2.0]]), np.array([[3.0], [-1.0]]))
    3.0
    """
    return float(np.sqrt(((values - predicted) ** 2).mean(0)).mean())


REGRESSION = Task(
    name="regression",
    form="values",
    losses=("squared_error", "absolute_error", "huber", "quantile"),
    fit=fit,
    coding=coding,
    truth=truth,
    targets=targets,
    outputs=lambda coding: len(coding.names),
    predictions=predictions,
    table=table,
    measure=measure,
    glances=(Glance("r2", r2), Glance("rmse", rmse)),
)
