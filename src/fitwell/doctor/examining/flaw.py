"""One thing that is wrong by construction, and what it is seen by: the network with sound first weights."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from fitwell.doctor.examining.anatomy import Anatomy
from fitwell.doctor.examining.changes import Arm
from fitwell.doctor.examining.rewiring import redraw_soundly
from fitwell.doctor.examining.subject import Subject, new_module, standardized_rows
from fitwell.doctor.finding import Severity

ROWS = 32
REAL = 1e-3  # relative: what outputs must differ by at least, beyond rounding, to differ at all


@dataclass(frozen=True, kw_only=True)
class Flaw:
    """One thing that is wrong by construction."""

    symptom: str
    severity: Severity
    where: str
    text: str  # what is wrong and what follows from it
    change: str | None  # the change of the table that puts it right
    way_out: str


def soundly_drawn(subject: Subject, anatomy: Anatomy) -> nn.Module:
    """Return the network with sound first weights, in evaluation mode."""
    module = new_module(subject, subject.seed)
    redraw_soundly(module, anatomy, Arm(), standardized_rows(subject, ROWS))
    return module.eval()


def outputs_of(module: nn.Module, inputs: Tensor) -> Tensor | None:
    """Return what a network gives for inputs, None where it fails or gives what is no number."""
    try:
        with torch.no_grad():
            output: Tensor = module(inputs)
    except (RuntimeError, ValueError, IndexError):
        return None
    return output.float() if bool(output.isfinite().all()) else None


def relative_spread(output: Tensor) -> float:
    """Return the largest spread over rows of an output (rows, …), beside its mean size."""
    across = float(output.reshape(len(output), -1).std(0).max())
    return across / max(float(output.abs().mean()), 1e-12) if math.isfinite(across) else 1.0
