"""A planted fault is found whatever the rows are, and however they are read: pictures, series, texts, a stream."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from tests.test_arrays import picture_folder, series_frame, text_frame

from fitwell import plan
from fitwell.curing import cure, diagnose
from fitwell.plan import CHOICES
from fitwell.run import Run
from fitwell.workflow import train

pytestmark = pytest.mark.slow

ROWS = 400
SLOW_STEPS: dict[str, Any] = {"training.learning_rate": 1e-6}
SMALL: dict[str, dict[str, Any]] = {
    "pictures": {"network.image.widths": [4]},
    "series": {"network.series.widths": [8]},
    "texts": {},
    "members": {"members": 3},
    "streamed": {"data.streaming": "always"},
}


@pytest.fixture(autouse=True)
def small_choices(monkeypatch: pytest.MonkeyPatch) -> None:
    """What Fitwell chooses itself is small here, so that trainings take a moment."""
    monkeypatch.setitem(CHOICES, "network.hidden", lambda recipe, facts: plan.Choice([16], "small"))
    monkeypatch.setitem(CHOICES, "training.epochs", lambda recipe, facts: plan.Choice(10, "few"))
    monkeypatch.setitem(CHOICES, "training.learning_rate", lambda recipe, facts: plan.Choice(0.01, "fast"))


def curved(rows: int) -> pl.DataFrame:
    """Return two numbers, whose sum and product decide."""
    a, b = np.random.default_rng(7).normal(size=(2, rows))
    return pl.DataFrame({"a": a, "b": 1000 * b, "y": np.where(a + b + 1.5 * a * b > 0, "yes", "no")})


def source(kind: str, folder: Path) -> Path:
    """Write rows of a kind, the column `y` being the target; of pictures, `label`."""
    if kind == "pictures":
        return picture_folder(folder / "pictures", ROWS)
    place = folder / "rows.parquet"
    if kind != "streamed":
        made = {"series": series_frame, "texts": text_frame, "members": curved}[kind](ROWS)
        made.write_parquet(place)
        return place
    place.mkdir()
    frame = curved(3 * ROWS)
    for part in range(3):
        frame[part * ROWS : (part + 1) * ROWS].write_parquet(place / f"{part}.parquet", row_group_size=100)
    return place


@pytest.fixture
def sick(request: pytest.FixtureRequest, tmp_path: Path) -> Run:
    kind = request.param
    target = "label" if kind == "pictures" else "y"
    return train(source(kind, tmp_path), target=target, settings=SLOW_STEPS | SMALL[kind], out=tmp_path / "run")


@pytest.mark.parametrize("sick", SMALL, indirect=True)
def test_a_rate_that_is_far_too_low_is_found_and_cured(sick: Run) -> None:
    found = diagnose(sick)
    assert found.findings[0].symptom == "learning_rate_too_low"
    assert found.findings[0].decides
    assert found.cure is not None
    assert set(found.cure.values) == {"training.learning_rate"}
    cured = cure(Run(sick.path))
    assert cured.run is not None
    assert cured.comparison is not None
