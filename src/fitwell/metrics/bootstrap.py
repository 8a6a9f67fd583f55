"""The weighted bootstrap: rows keep their place in the sort and only their weights are drawn anew.

Rubin's (1981) version: every row's weight is multiplied by an independent draw of mean 1 and variance 1, here from a
gamma distribution, so no class ever vanishes and no ties appear. A cell that gathers many rows (equal scores, or
neighbors in a long ranking) needs one draw only, with the same mean Σw and variance Σw² as the sum of its rows would
have.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from fitwell.metrics.intervals import Interval, two_sided
from fitwell.metrics.ranked import Ranked

LONGEST = 2048  # groups that are resampled one by one; more are gathered into this many neighborhoods
CHUNK = 4_000_000  # numbers held at once, 32 MB


def number_of_draws(cells: int) -> int:
    """Return how many resamples are worth drawing: 1,000, and down to 200 where each is long.

    >>> number_of_draws(300), number_of_draws(100_000), number_of_draws(10_000_000)
    (1000, 400, 200)
    """
    return int(np.clip(40_000_000 // max(cells, 1), 200, 1000))


def draw(
    sums: Float[np.ndarray, " cells"],
    squares: Float[np.ndarray, " cells"],
    *,
    draws: int,
    generator: np.random.Generator,
) -> Float[np.ndarray, "draws cells"]:
    """Draw weights of mean `sums` and variance `squares`, cells of weight 0 staying at 0."""
    full = np.flatnonzero(sums > 0)
    shape = sums[full] ** 2 / squares[full]
    if np.all(np.abs(shape - 1) < 1e-9):  # single rows: the gamma distribution of shape 1, drawn faster
        factors = generator.standard_exponential((draws, len(full)))
    else:
        factors = generator.standard_gamma(shape, (draws, len(full)))
    result = np.zeros((draws, len(sums)))
    result[:, full] = factors * (squares[full] / sums[full])
    return result


def in_chunks(draws: int, *, cells: int) -> Iterator[int]:
    """Yield how many resamples to draw at a time so that memory stays bounded."""
    at_once = max(1, CHUNK // max(cells, 1))
    while draws > 0:
        yield min(draws, at_once)
        draws -= at_once


def neighborhoods(rows: Ranked, *, longest: int = LONGEST) -> Int[np.ndarray, " groups"]:
    """Return for every group the neighborhood it belongs to, at most `longest` of about equal mass."""
    if len(rows.scores) <= longest:
        return np.arange(len(rows.scores))
    mass = np.cumsum(rows.positive + rows.negative)
    place = np.minimum((mass / mass[-1] * longest).astype(np.int64), longest - 1)
    return np.cumsum(np.concatenate([[0], place[1:] != place[:-1]]))


def gathered(rows: Ranked, *, longest: int = LONGEST) -> Ranked:
    """Return the ranking with its neighborhoods as groups, each at its mean score; a short ranking stays as it is.

    The bootstrap then costs the same for ten thousand rows and for ten million; how far a resample lies from the
    gathered ranking's own figure is what carries over to the full one.
    """
    place = neighborhoods(rows, longest=longest)
    starts = np.flatnonzero(np.concatenate([[True], place[1:] != place[:-1]]))
    mass = rows.positive + rows.negative
    return Ranked(
        scores=np.add.reduceat(mass * rows.scores, starts) / np.add.reduceat(mass, starts),
        positive=np.add.reduceat(rows.positive, starts),
        negative=np.add.reduceat(rows.negative, starts),
        positive_squares=np.add.reduceat(rows.positive_squares, starts),
        negative_squares=np.add.reduceat(rows.negative_squares, starts),
        group=place[rows.group],
    )


Statistic = Callable[[NDArray[np.float64], NDArray[np.float64]], NDArray[np.float64]]


def resampled(
    rows: Ranked, statistics: dict[str, Statistic], *, draws: int, seed: int = 0
) -> dict[str, NDArray[np.float64]]:
    """Return each statistic on every resample of one shared sort, draws first."""
    generator = np.random.default_rng(seed)
    groups = len(rows.scores)
    sums = np.concatenate([rows.positive, rows.negative])
    squares = np.concatenate([rows.positive_squares, rows.negative_squares])
    found: dict[str, list[NDArray[np.float64]]] = {name: [] for name in statistics}
    for count in in_chunks(draws, cells=2 * groups):
        weights = draw(sums, squares, draws=count, generator=generator)
        for name, statistic in statistics.items():
            found[name].append(statistic(weights[:, :groups], weights[:, groups:]))
    return {name: np.concatenate(parts) for name, parts in found.items()}


def bias_corrected(
    values: Float[np.ndarray, " draws"], *, plugin: float, estimate: float, confidence: float
) -> Interval:
    """Bound an estimate by the bias-corrected percentiles of its resamples (Efron and Tibshirani 1993, section 14.3).

    `plugin` is the figure of the ranking the resamples were drawn from; it differs from `estimate` when that was
    gathered.
    """
    below = np.mean(values < plugin) + np.mean(values == plugin) / 2
    edge = 1 / len(values)
    median = float(ndtri(np.clip(below, edge, 1 - edge)))
    z = two_sided(confidence)
    low, high = np.quantile(values, ndtr([2 * median - z, 2 * median + z]))
    return Interval(float(low) + estimate - plugin, float(high) + estimate - plugin)
