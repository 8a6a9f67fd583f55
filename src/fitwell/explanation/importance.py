"""How much a column matters: what the figure that decides loses when its cells are shuffled (Breiman 2001).

All entries that came from one column are shuffled together, so that a row keeps a possible value. The loss is the mean
over several shuffles; its interval comes from resampling the rows, with the same new weights before and after.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy.special import stdtrit

from fitwell.explanation.asking import WORK, Asked, Blocks, repeated
from fitwell.metrics import METRICS
from fitwell.metrics.paired import MEASURES, Measure, prepared, shaped

REPEATS, FEWEST_REPEATS = 5, 2
ROWS, FEWEST_ROWS = 2000, 100
FEWEST_COLUMNS = 10
DRAWS = 200  # resamples; a standard error is then known to 5 %
CONFIDENCE = 0.95
ROUNDING = 1e-12  # of the metric: a column that changes nothing loses that much by the order of additions


@dataclass(frozen=True, kw_only=True)
class Loss:
    """What shuffling one column loses; above 0 the column helps, for losses too."""

    column: str
    value: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class Importance:
    """The loss of every column that was tried, the largest first."""

    metric: str
    rows: int
    repeats: int
    losses: tuple[Loss, ...]
    untried: int  # columns that the bound on the work left out


def importance(asked: Asked, *, metric: str, seed: int) -> Importance | None:
    """Return what the metric loses without each column, None where it has no value on these rows."""
    columns, rows, repeats = affordable(len(asked), len(asked.entries), cost=asked.cost)
    places = asked.sample(rows)
    weights = np.ones(len(places)) if asked.weights is None else asked.weights[places]
    generator = np.random.default_rng(seed)
    draws = generator.standard_exponential((DRAWS, len(places))) * weights
    everything = np.concatenate([weights[None], draws])
    sign = 1.0 if METRICS[metric].higher_is_better else -1.0

    def measured(predictions: np.ndarray) -> Float[np.ndarray, " resamples"]:
        measure = measure_of(asked, metric, places, predictions, weights=weights)
        return np.asarray(sign * measure(everything))

    before = measured(asked.predictions[places])
    if not np.isfinite(before[0]):
        return None
    blocks = {name: block[places] for name, block in asked.blocks.items()}
    tried = _promising(asked, columns)
    losses = []
    for column in tried:
        orders = np.stack([generator.permutation(len(places)) for _ in range(repeats)])
        predictions = asked.predict(shuffled(blocks, asked.entries[column], orders))
        after = [measured(each) for each in np.split(predictions, repeats)]
        losses.append(_loss(column, before - np.mean(after, axis=0), size=float(np.abs(before[0]))))
    losses.sort(key=lambda loss: -loss.value)
    return Importance(
        metric=metric, rows=len(places), repeats=repeats, losses=tuple(losses), untried=len(asked.entries) - len(tried)
    )


def measure_of(
    asked: Asked, metric: str, places: np.ndarray, predictions: np.ndarray, *, weights: np.ndarray
) -> Measure:
    """Return the metric of predictions for some rows, as a function of row weights."""
    task = asked.task.name
    classes = tuple(range(predictions.shape[1])) if task == "multiclass" else None
    truth = prepared(asked.truth[places], task=task, classes=classes, positive=1)
    given = predictions[:, 1] if task == "binary" else predictions
    read = shaped(given, truth, what="predictions", task=task, classes=classes)
    return MEASURES[task](metric, truth, read, asked.cut, weights)


def affordable(rows: int, columns: int, *, cost: float) -> tuple[int, int, int]:
    """Return how many columns, rows and repeats the bound on the work allows: rows give way first, then repeats.

    >>> affordable(150, 20, cost=43_000)
    (20, 150, 5)
    >>> affordable(50_000, 200, cost=100_000)
    (200, 200, 5)
    >>> affordable(50_000, 200, cost=1_000_000)
    (100, 100, 2)
    """
    passes = WORK / max(cost, 1.0)
    kept = min(rows, ROWS)
    if columns * kept * REPEATS <= passes:
        return columns, kept, REPEATS
    fewer = min(kept, max(FEWEST_ROWS, int(passes / (columns * REPEATS))))
    repeats = int(np.clip(passes / (columns * fewer), FEWEST_REPEATS, REPEATS))
    return int(np.clip(passes / (fewer * repeats), min(FEWEST_COLUMNS, columns), columns)), fewer, repeats


def shuffled(blocks: Blocks, entries: Blocks, orders: Int[np.ndarray, "repeats rows"]) -> dict[str, np.ndarray]:
    """Return the rows once per order, with one column's entries taken from the rows in that order."""
    changed = repeated(blocks, len(orders))
    for block, places in entries.items():
        changed[block][:, places] = blocks[block][orders.ravel()][:, places]
    return changed


def _loss(column: str, differences: Float[np.ndarray, " resamples"], *, size: float) -> Loss:
    if np.nanmax(np.abs(differences)) <= ROUNDING * max(size, 1.0):
        return Loss(column=column, value=0.0, low=0.0, high=0.0)
    value, drawn = float(differences[0]), differences[1:]
    half = float(stdtrit(DRAWS - 1, 0.5 + CONFIDENCE / 2)) * float(np.nanstd(drawn))
    return Loss(column=column, value=value, low=value - half, high=value + half)


def _promising(asked: Asked, most: int) -> list[str]:
    """Return the columns to try: all, or those whose values go along with the predictions most."""
    columns = list(asked.entries)
    if most >= len(columns):
        return columns
    strengths = [_strength(asked, column) for column in columns]
    return [columns[place] for place in sorted(np.argsort(strengths)[::-1][:most].tolist())]


def _strength(asked: Asked, column: str) -> float:
    """Return how strongly one of the column's entries goes along with one of the outputs, from 0 to 1."""
    entries = np.concatenate(
        [
            asked.blocks[block][:, places].astype(np.float64).reshape(len(asked), -1)
            for block, places in asked.entries[column].items()
        ],
        axis=1,
    )
    both = [_standardized(entries), _standardized(asked.predictions.astype(np.float64))]
    return float(np.abs(both[0].T @ both[1]).max() / len(asked))


def _standardized(values: Float[np.ndarray, "rows columns"]) -> Float[np.ndarray, "rows columns"]:
    spread = values.std(axis=0)
    return np.asarray((values - values.mean(axis=0)) / np.where(spread > 0, spread, 1.0))
