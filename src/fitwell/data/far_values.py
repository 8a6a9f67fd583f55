"""A few numbers so far from all others, with none between, that they were written wrong, or are of another kind."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

NORMAL_HALF = 1.349  # standard deviations of a normal distribution that its middle half takes
FEWEST_ROWS = 50  # of fewer, the middle half says little of how far others lie
FEW = 0.1  # of the rows
FAR = 10.0  # spreads of the middle half: one in 10^23 of a normal distribution
GAP = 5.0  # times as far as the farthest of the others
OWN_GAPS = 3.0  # times the widest gap within the others' own tail, both as logarithms: heavy tails have wide ones


class Far(NamedTuple):
    """Which rows lie far from the others, and how far each lies from the median, in spreads of the middle half."""

    rows: Bool[np.ndarray, " rows"]
    distances: Float[np.ndarray, " rows"]


def far_values(values: Float[np.ndarray, "rows columns"]) -> Far:
    """Return which rows lie far from all others in some column, by the column in which each lies farthest.

    A column whose middle half is one value tells nothing: there all other values are far.

    >>> far_values(np.array([[1.0], [2], [3], [4], [5], [6], [7], [8], [9], [400]])).rows.nonzero()
    (array([9]),)
    """
    low, middle, high = np.quantile(values, (0.25, 0.5, 0.75), axis=0)
    spreads = (high - low) / NORMAL_HALF
    told = spreads > 0
    distances = np.zeros(len(values))
    if told.any():
        distances = (np.abs(values - middle)[:, told] / spreads[told]).max(axis=1)
    ascending = np.sort(distances)[int((1 - FEW) * len(distances)) - 1 :]
    gaps = np.diff(np.log(np.maximum(ascending, 1e-300)))
    place = int(gaps.argmax()) if len(gaps) else 0
    sure = len(gaps) > 0 and ascending[place + 1] > FAR and gaps[place] > np.log(GAP)
    if not sure or gaps[place] < OWN_GAPS * gaps[:place].max(initial=0.0):
        return Far(np.zeros(len(values), dtype=bool), distances)
    return Far(distances >= ascending[place + 1], distances)
