"""A small table, and a training on it that cannot learn because its rate is far too high."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from fitwell.curing import Diagnosis, diagnose
from fitwell.run import Run
from fitwell.workflow import train


@pytest.fixture(scope="session")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """300 rows of two numbers, whose sum and product decide; one answer in twenty is wrong."""
    random = np.random.default_rng(7)
    a, b = random.normal(size=(2, 300))
    right = a + b + 1.5 * a * b > 0
    answer = np.where(random.random(300) < 0.05, ~right, right)
    path = tmp_path_factory.mktemp("data") / "table.csv"
    pl.DataFrame({"a": a, "b": 1000 * b, "answer": np.where(answer, "yes", "no")}).write_csv(path)
    return path


def trained(table: Path, out: Path, **settings: Any) -> Run:
    """Train on the table; settings have their dotted names with underlines in the place of the first dot."""
    return train(
        table, target="answer", settings={name.replace("__", "."): each for name, each in settings.items()}, out=out
    )


@pytest.fixture(scope="session")
def sick(table: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return trained(table, tmp_path_factory.mktemp("runs") / "sick", training__learning_rate=30.0)


@pytest.fixture(scope="session")
def diagnosis(sick: Run) -> Diagnosis:
    return diagnose(sick)
