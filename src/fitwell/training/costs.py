"""Whether compiling the step pays: what it saves over a training, beside what it costs before the first step.

Compiling saves the overhead of every tensor operation, and joins what happens to an activation between two matrix
products into one pass over memory; the products themselves take as long as before. So what a step saves is a constant
and a share of the activations' size. `benchmarks/training.py --calibrate` measures both, and what compiling costs.

On a GPU steps are recorded as a graph instead, which saves what asking for their operations takes, nearly all of a step
of a small network, and costs some steps. So the cost is counted in steps, and no machine needs to be known.
"""

from __future__ import annotations

import shutil
import sys

# CPU seconds on one busy core of 2026; where saving and cost are both half as long, the choice is the same.
SAVED_PER_STEP = 290e-6  # of one member
SAVED_PER_ACTIVATION = 5.6e-9  # of one hidden unit and row
COMPILING = 18.0
COMPILING_PER_LAYER = 0.3
CALLS_PER_RECORDING = 5  # of the steps recorded: to warm up, to record, and to compare with
WORTH = 1.5  # the saving must be so many times the cost: a training may stop early, and a machine may be busy

COMPILERS = {"win32": ("cl",), "darwin": ("clang++",)}


def seconds_saved(*, steps: int, members: int, rows: int, units: int) -> float:
    """Return what compiling saves over a training; `rows` of a batch go through `units` hidden units in all.

    >>> round(seconds_saved(steps=10_000, members=1, rows=256, units=384), 1)
    8.4
    """
    return steps * members * (SAVED_PER_STEP + SAVED_PER_ACTIVATION * rows * units)


def seconds_to_compile(*, layers: int, observed: bool) -> float:
    """Return what compiling costs; nothing is compiled that has been compiled before, but that is not known beforehand.

    >>> seconds_to_compile(layers=3, observed=False)
    18.9
    """
    # Steps whose signals are recorded have code of their own.
    return (1 + observed) * (COMPILING + COMPILING_PER_LAYER * layers)


def steps_to_record(*, together: int) -> int:
    """Return how many steps recording costs: strides of so many together, and single steps, observed or not.

    >>> steps_to_record(together=10)
    60
    """
    return CALLS_PER_RECORDING * (together + 2)


def has_compiler() -> bool:
    """Tell whether a C++ compiler that torch would use is on this machine."""
    return any(shutil.which(name) for name in COMPILERS.get(sys.platform, ("g++", "clang++")))


def has_bfloat16_units() -> bool:
    """Tell whether this CPU multiplies bfloat16 numbers faster than float32: AMX (Intel), AVX512_BF16 (AMD too)."""
    import torch

    return torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported()  # torch has no public way
