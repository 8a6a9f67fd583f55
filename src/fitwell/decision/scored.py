"""Rows whose truth is known, with what was predicted for them: what decisions are fitted on and measured with."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from fitwell.tasks.task import TargetCoding, Task


@dataclass(frozen=True, kw_only=True, eq=False)
class Scored:
    """Labelled rows and the mean predictions of the members."""

    task: Task
    coding: TargetCoding
    truth: np.ndarray
    predictions: Float[np.ndarray, "rows columns"]
    weights: Float[np.ndarray, " rows"]

    def part(self, rows: np.ndarray) -> Scored:
        """Return some of the rows."""
        return replace(self, truth=self.truth[rows], predictions=self.predictions[rows], weights=self.weights[rows])
