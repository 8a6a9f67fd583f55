"""Pieces are masked anew in every step, and have to be told from those around them (Devlin et al. 2019, section 3.1).

Of the chosen pieces eight in ten become the mask, one becomes a random piece and one stays as it is: in use there are
no masks, so an encoder must not count on them. What is drawn is a function of a seed and of the step's number, so that
nothing about chance has to be saved.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

MASKED, REPLACED = 0.8, 0.1  # of the chosen pieces; the others stay


@dataclass(frozen=True, kw_only=True)
class Pieces:
    """What masking has to know about a vocabulary."""

    mask: int
    ordinary: npt.NDArray[np.int64]  # the numbers of pieces that are no marks
    is_ordinary: npt.NDArray[np.bool_]  # (vocabulary,)


@dataclass(frozen=True, kw_only=True)
class Masked:
    """Pieces of which some are hidden."""

    numbers: npt.NDArray[np.int64]  # (pieces,)
    places: npt.NDArray[np.int64]  # (chosen,): where something is to be told
    truth: npt.NDArray[np.int64]  # (chosen,): what was there


def masked(numbers: npt.NDArray[np.int64], pieces: Pieces, *, share: float, draw: np.random.Generator) -> Masked:
    """Hide a share of the pieces, at least one; never marks."""
    able = np.flatnonzero(pieces.is_ordinary[numbers])
    chosen = able[draw.random(len(able)) < share]
    if not len(chosen):
        chosen = able[[draw.integers(len(able))]]
    fate = draw.random(len(chosen))
    replaced = chosen[(fate >= MASKED) & (fate < MASKED + REPLACED)]
    hidden = numbers.copy()
    hidden[chosen[fate < MASKED]] = pieces.mask
    hidden[replaced] = pieces.ordinary[draw.integers(len(pieces.ordinary), size=len(replaced))]
    return Masked(numbers=hidden, places=chosen, truth=numbers[chosen])
