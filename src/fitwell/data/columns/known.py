"""What is known of a number column's training values: all of them, or a summary of values that were seen once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float64

from fitwell.data.sketches import CHUNK, Moments, QuantileSketch, joined, moments_of


@runtime_checkable
class Numbers(Protocol):
    """What there is to ask; only of at least one value."""

    @property
    def count(self) -> int:
        """How many values there are."""
        ...

    @property
    def minimum(self) -> float:
        """The smallest."""
        ...

    @property
    def maximum(self) -> float:
        """The largest."""
        ...

    @property
    def mean(self) -> float:
        """Their mean."""
        ...

    @property
    def deviation(self) -> float:
        """Their standard deviation, with the count below the fraction bar."""
        ...

    @property
    def distinct(self) -> Float64[np.ndarray, " distinct"]:
        """The different values, ascending; of a summary those that it keeps."""
        ...

    def quantiles(self, shares: Float64[np.ndarray, " shares"]) -> Float64[np.ndarray, " shares"]:
        """Return the values below which these shares lie."""
        ...

    def evenly(self, most: int) -> Float64[np.ndarray, " some"]:
        """Return so many quantiles at even shares; where there are no more values, the values themselves."""
        ...


@dataclass(frozen=True, eq=False)
class AllNumbers:
    """All values, in memory."""

    values: Float64[np.ndarray, " values"]

    @property
    def count(self) -> int:
        """How many values there are."""
        return len(self.values)

    @cached_property
    def minimum(self) -> float:
        """The smallest."""
        return float(self.values.min())

    @cached_property
    def maximum(self) -> float:
        """The largest."""
        return float(self.values.max())

    @property
    def mean(self) -> float:
        """Their mean."""
        return float(self.values.mean())

    @property
    def deviation(self) -> float:
        """Their standard deviation, with the count below the fraction bar."""
        return float(self.values.std())

    @property
    def distinct(self) -> Float64[np.ndarray, " distinct"]:
        """The different values, ascending."""
        return np.unique(self.values)

    def quantiles(self, shares: Float64[np.ndarray, " shares"]) -> Float64[np.ndarray, " shares"]:
        """Return the values below which these shares lie."""
        return np.asarray(np.quantile(self.values, shares))

    def evenly(self, most: int) -> Float64[np.ndarray, " some"]:
        """Return so many quantiles at even shares; where there are no more values, the values themselves."""
        if self.count <= most:  # without the rounding of an interpolation
            return np.sort(self.values)
        return self.quantiles(np.linspace(0, 1, most))


@dataclass(frozen=True, eq=False)
class SketchedNumbers:
    """Values that were seen once and are gone."""

    moments: Moments
    sketch: QuantileSketch

    @property
    def count(self) -> int:
        """How many values there are."""
        return self.moments.count

    @property
    def minimum(self) -> float:
        """The smallest."""
        return self.moments.minimum

    @property
    def maximum(self) -> float:
        """The largest."""
        return self.moments.maximum

    @property
    def mean(self) -> float:
        """Their mean."""
        return self.moments.mean

    @property
    def deviation(self) -> float:
        """Their standard deviation, with the count below the fraction bar."""
        return self.moments.deviation

    @property
    def distinct(self) -> Float64[np.ndarray, " distinct"]:
        """The different values among the points that the sketch keeps, and the extremes."""
        return np.unique(np.concatenate([self.sketch.points()[0], [self.minimum, self.maximum]]))

    def quantiles(self, shares: Float64[np.ndarray, " shares"]) -> Float64[np.ndarray, " shares"]:
        """Return about the values below which these shares lie."""
        return self.sketch.quantiles(np.asarray(shares))

    def evenly(self, most: int) -> Float64[np.ndarray, " some"]:
        """Return so many quantiles at even shares."""
        return self.quantiles(np.linspace(0, 1, most))


class NumbersInParts:
    """Values come in parts; as long as they are few, all of them are kept."""

    def __init__(self) -> None:
        self._kept: list[Float64[np.ndarray, " some"]] | None = []
        self._moments = Moments()
        self._sketch = QuantileSketch()

    def add(self, values: Float64[np.ndarray, " values"]) -> None:
        """See some more values."""
        self._moments = joined(self._moments, moments_of(values))
        self._sketch.add(values)
        if self._kept is not None:
            self._kept = [*self._kept, values] if self._moments.count < CHUNK else None

    def known(self) -> Numbers:
        """Return what is known now; of no values nothing may be asked but their count."""
        if self._kept is None:
            return SketchedNumbers(self._moments, self._sketch)
        return AllNumbers(np.concatenate([np.empty(0), *self._kept]))
