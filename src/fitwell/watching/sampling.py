"""Which steps are measured: all at first, then ever fewer, and never more than a share of the time allows.

Short trainings are seen densely enough to be judged, long ones cost nothing to speak of: of n steps about
DENSE + GROWTH ln(n / DENSE) are measured.
"""

from __future__ import annotations

DENSE = 8  # steps, from the first on, are all measured
GROWTH = 10  # later, the steps between two measured ones are a tenth of those taken
SHARE = 0.03  # of the time since the start is what measuring may take


def next_step(step: int) -> int:
    """Return the step that is measured next after a measured one; steps count from 0.

    >>> step, taken = 0, []
    >>> while step < 50:
    ...     taken.append(step)
    ...     step = next_step(step)
    >>> taken
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 22, 24, 26, 28, 30, 33, 36, 39, 42, 46]
    """
    return step + (1 if step < DENSE else max(1, step // GROWTH))


def affordable(step: int, *, spent: float, elapsed: float) -> bool:
    """Tell whether a step may be measured, when measuring took so many of the seconds since the start.

    >>> affordable(3, spent=1.0, elapsed=1.0), affordable(500, spent=1.0, elapsed=2.0)
    (True, False)
    """
    return step < DENSE or spent <= SHARE * elapsed
