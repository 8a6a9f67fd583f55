"""Trials cover the space evenly: the recipe's own settings first, then a Latin hypercube drawn from the seed.

In a Latin hypercube of n trials each setting takes n values, one from every n-th part of its range (McKay, Beckman and
Conover 1979), so that two dozen trials show each setting all along its range, whatever the others do. Of several
hypercubes the one whose settings are least correlated is taken: what two settings do could not be told apart otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from fitwell.recipe import Recipe, setting
from fitwell.space import Dimension, with_effect

HYPERCUBES = 200  # drawn, of which the best is taken; many more would hardly be better

Trial = dict[str, Any]  # settings by their dotted names


def trials_of(space: Sequence[Dimension], count: int, *, chosen: Recipe, seed: int) -> list[Trial]:
    """Return so many different trials, or as many as the space has; the first has the chosen recipe's own settings.

    The first trials of a shorter list are not those of a longer one: each list covers the space by itself.
    """
    drawn = [{each.path: setting(chosen, each.path) for each in space}]
    for places in latin_hypercube(count - 1, len(space), seed=seed):
        drawn.append({each.path: each.value(place) for each, place in zip(space, places, strict=True)})
    trials: list[Trial] = []
    for values in drawn:
        trial = with_effect(values, chosen=chosen)
        if trial not in trials:
            trials.append(trial)
    return trials


def latin_hypercube(points: int, dimensions: int, *, seed: int) -> Float[np.ndarray, "points dimensions"]:
    """Return points in the unit cube, in each dimension one in every one of as many equal parts.

    >>> points = latin_hypercube(4, 2, seed=0)
    >>> np.sort(np.floor(4 * points), axis=0)[:, 0].tolist()
    [0.0, 1.0, 2.0, 3.0]
    """
    generator = np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, TUNING])))
    parts = np.tile(np.arange(points, dtype=np.float64)[:, None], (1, dimensions))
    drawn = [generator.permuted(parts, axis=0) for _ in range(HYPERCUBES)]
    best = min(drawn, key=_correlation)
    return (best + generator.random(best.shape)) / points


TUNING = 0x74756E65  # sets these draws apart from others of the same seed


def _correlation(parts: np.ndarray) -> float:
    """Return the largest correlation between two dimensions, as a size."""
    if parts.shape[1] < 2 or len(parts) < 3:
        return 0.0
    return float(np.abs(np.corrcoef(parts, rowvar=False) - np.eye(parts.shape[1])).max())
