"""Inputs and targets far from the spread that networks and rates are made for."""

from __future__ import annotations

import numpy as np

from fitwell.doctor.checks.judging import advised, is_poor
from fitwell.doctor.finding import Finding
from fitwell.doctor.observation import Observation
from fitwell.doctor.thresholds import SPREAD_LARGE, SPREAD_RATIO, TARGET_FAR, TARGET_LARGE, TARGET_SMALL


def unscaled_inputs(seen: Observation) -> Finding | None:
    """Speak when input columns, as the network gets them, differ a hundredfold in spread or lie in the hundreds."""
    if seen.inputs is None:
        return None
    varying = [
        (spread, name) for spread, name in zip(seen.inputs.spreads, seen.inputs.names, strict=True) if spread > 0
    ]
    if not varying:
        return None
    (low, least), (high, most) = min(varying), max(varying)
    size, name = max(zip(seen.inputs.largest, seen.inputs.names, strict=True))
    if high / low < SPREAD_RATIO and size < SPREAD_LARGE:
        return None
    if high / low >= SPREAD_RATIO and high > 1:
        where, told = most, f'"{most}" spreads by {high:.3g} and "{least}" by {low:.3g}'
    elif size >= SPREAD_LARGE:
        where, told = name, f'"{name}" reaches {size:.3g}'
    else:  # all are small, some smaller: a rare flag, say
        return None
    return Finding(
        symptom="unscaled_inputs",
        status="suspected",
        severity="warning" if is_poor(seen) else "info",
        where=where,
        since="data",
        evidence={"largest_spread": high, "smallest_spread": low, "largest": size},
        explanation=f"the inputs are not scaled: {told}; one learning rate cannot suit both",
        remedies=(advised(seen, "scale the inputs", setting="data.numbers", new="auto"),),
    )


def unscaled_targets(seen: Observation) -> Finding | None:
    """Speak when targets, as the loss sees them, spread or lie far from 1."""
    if seen.targets is None:
        return None
    for name, spread, size in zip(seen.targets.names, seen.targets.spreads, seen.targets.largest, strict=True):
        far = size > TARGET_FAR * max(spread, 1.0)
        if spread == 0 or (TARGET_SMALL <= spread <= TARGET_LARGE and not far):
            continue
        return Finding(
            symptom="unscaled_targets",
            status="suspected",
            severity="warning" if is_poor(seen) else "info",
            where=name,
            since="data",
            evidence={"spread": spread, "largest": size},
            explanation=(
                f'the target "{name}" spreads by {spread:.3g} and reaches {size:.3g} as the loss sees it, while a '
                "network puts out a few units"
            ),
            remedies=(advised(seen, "scale the target", setting="data.target_scaling", new="auto"),),
        )
    return None


def spreads_of(values: np.ndarray) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return the standard deviation and the largest size of each column of (rows, columns), of the finite values.

    >>> spreads_of(np.array([[0.0, 5.0], [2.0, 5.0]]))
    ((1.0, 0.0), (2.0, 5.0))
    """
    finite = np.where(np.isfinite(values), values, np.nan).astype(np.float64)
    return tuple(np.nanstd(finite, axis=0).tolist()), tuple(np.nanmax(np.abs(finite), axis=0).tolist())
