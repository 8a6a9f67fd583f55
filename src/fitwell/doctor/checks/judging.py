"""What several checks ask of an observation: how good it is, whether something lasted, and in which words."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Bool, Float

from fitwell.doctor.finding import Remedy, remedy
from fitwell.doctor.observation import Observation
from fitwell.doctor.thresholds import LEARNED, LEAST_STEPS, MOVED, SUSTAINED


def is_poor(seen: Observation) -> bool:
    """Tell whether much is left to learn, and no simple model says that there is nothing more in the data.

    Where no loss is known, nothing is said of how good it is.
    """
    return seen.gain < LEARNED and not is_on_par(seen)


def has_not_moved(seen: Observation) -> bool:
    """Tell whether hardly anything was learned, and no simple model says that there is nothing to learn."""
    return seen.gain < MOVED and not is_on_par(seen)


def is_on_par(seen: Observation) -> bool:
    """Tell whether simple models that look at the rows stand beside it and none is better."""
    looking = [beside for beside in seen.beside if not beside.constant]
    return bool(looking) and all(beside.verdict != "worse" for beside in looking)


def lasted(holds: Bool[np.ndarray, "steps ..."]) -> Bool[np.ndarray, ...]:
    """Tell, for each column, whether something held in nearly all of enough steps.

    >>> lasted(np.array([[True, True], [True, False], [True, False], [True, True]])).tolist()
    [True, False]
    >>> bool(lasted(np.array([True, True])))  # too few steps to tell
    False
    """
    if len(holds) < LEAST_STEPS:
        return np.zeros(holds.shape[1:], dtype=bool)
    enough: Bool[np.ndarray, ...] = holds.mean(0) >= SUSTAINED
    return enough


def later_half(values: Float[np.ndarray, "steps ..."]) -> Float[np.ndarray, "steps ..."]:
    """Return the second half of the steps, in which a start is overcome.

    >>> later_half(np.arange(5.0)).tolist()
    [2.0, 3.0, 4.0]
    """
    return values[len(values) // 2 :]


def median(values: Float[np.ndarray, " steps"]) -> float:
    """Return the median of the finite values, not-a-number of none."""
    finite = values[np.isfinite(values)]
    return float(np.median(finite)) if len(finite) else math.nan


def advised(seen: Observation, text: str, *, setting: str, new: object = None, old: object = None) -> Remedy:
    """Return a remedy that names the recipe's setting where the training has a recipe."""
    return remedy(text, setting=setting, old=old, new=new) if seen.settings else remedy(text)


def tenth(rate: float) -> float:
    """Return a tenth of a rate as people write it.

    >>> tenth(0.3)
    0.03
    """
    return float(f"{rate / 10:.12g}")


def since(seen: Observation, moment: float) -> str:
    """Return the moment of a finding in words.

    >>> since(Observation(), 3.21), since(Observation(clock="step"), 0.0)
    ('epoch 3', 'start')
    """
    return f"{seen.clock} {int(moment)}" if moment >= 1 else "start"
