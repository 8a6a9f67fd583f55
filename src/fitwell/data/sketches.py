"""Summaries of values that are seen once, in bounded memory; the summaries of two parts make that of the whole.

Three ideas: *moments* are exact whatever the order (up to rounding), *counts* are exact as long as the different values
are few, and *quantiles* are exact as long as the values are few; beyond, both know how wrong they can be at most.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import polars as pl
from jaxtyping import Float64

CHUNK = 65_536  # values; so many are sorted at a time, and fewer are kept as they are
POINTS = 4_096  # of a sorted chunk that stand for all of it
STRIDE = CHUNK // POINTS
COUNTED = 131_072  # different values that are counted; their names stay in memory


@dataclass(frozen=True)
class Moments:
    """Mean, spread and range of values."""

    count: int = 0
    mean: float = 0.0
    squares: float = 0.0  # Σ (x − mean)²
    minimum: float = math.inf
    maximum: float = -math.inf

    @property
    def deviation(self) -> float:
        """The standard deviation, with the count below the fraction bar; 0 of no values."""
        return math.sqrt(self.squares / self.count) if self.count else 0.0


def moments_of(values: Float64[np.ndarray, " values"]) -> Moments:
    """Return the moments of some values.

    >>> moments_of(np.array([1.0, 3.0]))
    Moments(count=2, mean=2.0, squares=2.0, minimum=1.0, maximum=3.0)
    """
    if not len(values):
        return Moments()
    with np.errstate(over="ignore", invalid="ignore"):  # the spread of the largest numbers is infinite
        mean = float(values.mean())
        squares = float(((values - mean) ** 2).sum())
    return Moments(len(values), mean, squares, float(values.min()), float(values.max()))


def joined(one: Moments, other: Moments) -> Moments:
    """Return the moments of both sets of values together.

    Source: Chan, Golub and LeVeque 1979, Updating formulae and a pairwise algorithm for computing sample variances.
    """
    if not (one.count and other.count):
        return one if one.count else other
    count = one.count + other.count
    apart = other.mean - one.mean
    return Moments(
        count,
        one.mean + apart * other.count / count,
        one.squares + other.squares + apart * apart * one.count * other.count / count,
        min(one.minimum, other.minimum),
        max(one.maximum, other.maximum),
    )


class QuantileSketch:
    """Quantiles of values that are seen once: exact under 65,536 of them, else within a known error of rank.

    A sorted chunk is kept as every 16th of its values. Two arrays of points of equal weight are merged, and every
    second point stays, with twice the weight, the odd and the even ones in turn: then at most one array is left of each
    weight, however many values there are. Each such halving moves a rank by at most the weight of a point, so the bound
    is known at any time. Of 20 million values it is 0.13 %, and the error found is rarely a tenth of that.

    Source: Munro and Paterson 1980, Selection and sorting with limited storage; Manku, Rajagopalan and Lindsay 1998,
    Approximate medians and other quantiles in one pass and with limited memory.
    """

    def __init__(self) -> None:
        self._waiting: list[Float64[np.ndarray, " some"]] = []
        self._waiting_count = 0
        self._levels: dict[int, Float64[np.ndarray, " points"]] = {}  # a point of level l weighs 16 · 2^l values
        self._halvings = 0
        self._lost = 0  # values by which a rank may be wrong
        self.count = 0
        self.minimum, self.maximum = math.inf, -math.inf

    @property
    def rank_error(self) -> float:
        """By how much the share of values below a quantile may differ from the one asked for, at most."""
        if not self._levels:
            return 0.0
        return (self._lost + (STRIDE << max(self._levels))) / self.count

    def add(self, values: Float64[np.ndarray, " values"]) -> None:
        """See some more values."""
        if not len(values):
            return
        self.count += len(values)
        self.minimum = min(self.minimum, float(values.min()))
        self.maximum = max(self.maximum, float(values.max()))
        self._wait(values)

    def merge(self, other: QuantileSketch) -> None:
        """See what another sketch has seen."""
        self.count += other.count
        self.minimum, self.maximum = min(self.minimum, other.minimum), max(self.maximum, other.maximum)
        self._lost += other._lost
        for level, points in other._levels.items():
            self._keep(points, level)
        for values in other._waiting:
            self._wait(values)

    def points(self) -> tuple[Float64[np.ndarray, " points"], Float64[np.ndarray, " points"]]:
        """Return what is kept, ascending, and how many values each point stands for."""
        kept = [*self._waiting, *self._levels.values()]
        weights = [np.ones(len(values)) for values in self._waiting]
        weights += [np.full(len(points), float(STRIDE << level)) for level, points in self._levels.items()]
        values = np.concatenate(kept)
        order = np.argsort(values, kind="stable")
        return values[order], np.concatenate(weights)[order]

    def quantiles(self, shares: Float64[np.ndarray, " shares"]) -> Float64[np.ndarray, " shares"]:
        """Return the values below which these shares of at least one value lie, as `numpy.quantile` interpolates.

        >>> sketch = QuantileSketch()
        >>> sketch.add(np.array([1.0, 2.0])), sketch.add(np.array([5.0]))
        (None, None)
        >>> sketch.quantiles(np.array([0.0, 0.25, 0.5])).tolist()
        [1.0, 1.5, 2.0]
        """
        if not self._levels:
            return np.asarray(np.quantile(np.concatenate(self._waiting), shares))
        values, weights = self.points()
        places = np.cumsum(weights) - weights / 2  # the middle of what a point stands for
        inner = (places > 0.5) & (places < self.count - 0.5)  # the ends are known, whatever was kept of them
        places = np.concatenate([[0.5], places[inner], [self.count - 0.5]])
        values = np.concatenate([[self.minimum], values[inner], [self.maximum]])
        return np.asarray(np.interp(np.asarray(shares) * (self.count - 1) + 0.5, places, values))

    def _wait(self, values: Float64[np.ndarray, " values"]) -> None:
        self._waiting.append(values)
        self._waiting_count += len(values)
        if self._waiting_count < CHUNK:
            return
        waiting = np.concatenate(self._waiting)
        whole = len(waiting) // CHUNK * CHUNK
        for chunk in waiting[:whole].reshape(-1, CHUNK):
            self._lost += STRIDE // 2
            self._keep(np.sort(chunk)[STRIDE // 2 :: STRIDE], 0)
        self._waiting, self._waiting_count = [waiting[whole:].copy()], len(waiting) - whole

    def _keep(self, points: Float64[np.ndarray, " points"], level: int) -> None:
        while level in self._levels:
            both = np.sort(np.concatenate([self._levels.pop(level), points]))
            self._halvings += 1
            self._lost += STRIDE << level
            points, level = both[self._halvings % 2 :: 2], level + 1
        self._levels[level] = points


class FrequentValues:
    """Counts of different texts that are seen once: exact up to 131,072 different ones, else of the frequent ones.

    When there are more, the count of the next one in rank is taken off all counts and what is left of none is dropped.
    So a count is too small by at most `undercount`, and no value that occurred more often is ever missing.

    Source: Misra and Gries 1982, Finding repeated elements; merged as in Agarwal et al. 2012, Mergeable summaries.
    """

    def __init__(self, counted: int = COUNTED) -> None:
        self._most = counted
        self._parts: list[pl.DataFrame] = []
        self._height = 0
        self.undercount = 0

    def add(self, values: pl.Series) -> None:
        """See some more values; missing ones do not count."""
        self._take(values.alias("value").drop_nulls().value_counts(name="count"))

    def merge(self, other: FrequentValues) -> None:
        """See what another one has seen."""
        counted = other.counts()  # which may drop some
        self.undercount += other.undercount
        self._take(counted)

    def counts(self) -> pl.DataFrame:
        """Return each value and its count (columns `value`, `count`), the most frequent first, equals by value."""
        counted = self._summed()
        return counted.sort("count", "value", descending=[True, False])

    def _take(self, counted: pl.DataFrame) -> None:
        # Joined with nothing, a text is a copy: as it comes, it points into all the text that it came with.
        self._parts.append(counted.select(pl.col("value") + "", pl.col("count").cast(pl.Int64)))
        self._height += len(counted)
        if self._height > 2 * self._most:
            self._shorten(self._summed())

    def _summed(self) -> pl.DataFrame:
        if not self._parts:
            return pl.DataFrame(schema={"value": pl.String, "count": pl.Int64})
        if len(self._parts) > 1:
            self._parts = [pl.concat(self._parts).group_by("value").agg(pl.col("count").sum())]
            self._height = len(self._parts[0])
        if self._height > self._most:
            self._shorten(self._parts[0])
        return self._parts[0]

    def _shorten(self, counted: pl.DataFrame) -> None:
        if len(counted) > self._most:
            off = int(counted["count"].top_k(self._most + 1).min())  # type: ignore[arg-type]
            self.undercount += off
            counted = counted.with_columns(pl.col("count") - off).filter(pl.col("count") > 0)
        self._parts, self._height = [counted], len(counted)
