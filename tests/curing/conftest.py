"""A small table on which a linear model does not suffice."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from fitwell import plan


@pytest.fixture(scope="module")
def small_choices() -> Iterator[None]:
    """What Fitwell chooses itself is small here, so that trainings take a moment."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(plan.CHOICES, "network.hidden", lambda recipe, facts: plan.Choice([24, 24], "small"))
        patch.setitem(plan.CHOICES, "training.epochs", lambda recipe, facts: plan.Choice(16, "few"))
        patch.setitem(plan.CHOICES, "training.learning_rate", lambda recipe, facts: plan.Choice(0.01, "fast"))
        yield


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
