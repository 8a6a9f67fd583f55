"""A table that is learned in a second, and trainings on it that go wrong in one way each."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from fitwell.run import Run
from fitwell.workflow import train

QUICK: dict[str, Any] = {"network.hidden": [32, 32], "training.epochs": 16, "training.checkpoint_seconds": 0.0}


@pytest.fixture(scope="session")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """500 rows: two columns and their product decide, a third says nothing; one answer in ten is wrong."""
    random = np.random.default_rng(7)
    a, b, idle = random.normal(size=(3, 500))
    right = a + b + 1.5 * a * b > 0
    answer = np.where(random.random(500) < 0.1, ~right, right)
    path = tmp_path_factory.mktemp("data") / "table.csv"
    pl.DataFrame({"a": a, "b": 1000 * b, "idle": idle, "answer": np.where(answer, "yes", "no")}).write_csv(path)
    return path


Trained = Callable[..., Run]


@pytest.fixture(scope="session")
def trained(table: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """Train on the table with some settings, in a folder of its own."""

    def run(name: str, data: Path = table, target: str = "answer", **settings: Any) -> Run:
        out = tmp_path_factory.mktemp("runs") / name
        return train(data, target=target, settings=settings, out=out)

    return run
