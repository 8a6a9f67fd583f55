"""Rows with a planted truth: probabilities that are honest, and the same ones distorted in a known way."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy.special import softmax

from fitwell.decision import Scored
from fitwell.recipe import TaskName
from fitwell.tasks.table import TASKS
from fitwell.tasks.task import TargetCoding

CODINGS: dict[TaskName, TargetCoding] = {
    "binary": TargetCoding(names=("y",), classes=(("no", "yes"),), positive="yes"),
    "multiclass": TargetCoding(names=("y",), classes=(("a", "b", "c"),)),
    "multilabel": TargetCoding(names=("u", "v"), classes=(("0", "1"), ("0", "1"))),
}
WIDTHS: dict[TaskName, int] = {"binary": 1, "multiclass": 3, "multilabel": 2}


def drawn(
    task: TaskName,
    rows: int,
    *,
    seed: int = 0,
    temperature: float = 1.0,
    offsets: float | list[float] = 0.0,
    weights: np.ndarray | None = None,
) -> Scored:
    """Draw true outputs z and what happened by them; the network said z·T - T·offset, which calibration must undo."""
    generator = np.random.default_rng(seed)
    true = 2.0 * generator.normal(size=(rows, WIDTHS[task]))
    kind, coding = TASKS[task], CODINGS[task]
    if task == "multiclass":
        happened = (generator.random(rows)[:, None] > softmax(true, axis=1).cumsum(1)[:, :-1]).sum(1)
    else:
        happened = (generator.random(true.shape) < 1 / (1 + np.exp(-true))).astype(np.int64)
        happened = happened[:, 0] if task == "binary" else happened
    return Scored(
        task=kind,
        coding=coding,
        truth=happened,
        predictions=kind.predictions((true - np.array(offsets)) * temperature, coding),
        weights=np.ones(rows) if weights is None else weights,
    )


@pytest.fixture(scope="session")
def scored() -> Callable[..., Scored]:
    """Return the function that draws rows with a planted truth."""
    return drawn
