"""Two hundred rows, ready to be trained on by networks so small that a search takes no time."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

from fitwell.data.read import read_table
from fitwell.learning import Setup, set_up
from fitwell.preparation import Prepared, divided, labelled_rows_of, prepare
from fitwell.recipe import Recipe, changed


@pytest.fixture(scope="session")
def prepared() -> Prepared:
    random = np.random.default_rng(0)
    a, b = random.normal(size=200), random.choice(["p", "q"], 200)
    frame = pl.DataFrame({"a": a, "b": b, "y": np.where(a + (b == "p") + random.normal(size=200) > 1.2, "yes", "no")})
    settings: dict[str, Any] = {
        "device": "cpu",
        "target": ["y"],
        "network.hidden": [8],
        "training.epochs": 6,
        "training.batch_size": 32,
        "training.signals_every": 0,
        "training.compile": "never",
    }
    labelled, recipe = labelled_rows_of(read_table(frame), changed(Recipe(), settings), test=None)
    return prepare(labelled, recipe, split=divided(labelled, recipe))


@pytest.fixture(scope="session")
def setup(prepared: Prepared) -> Setup:
    """A training of 60 epochs, of 4 steps each."""
    return set_up(prepared, changed(prepared.recipe, {"training.epochs": 60, "training.schedule": "constant"}))
