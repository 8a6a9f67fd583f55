"""Trainings on pictures, sounds, series, texts and streamed tables are examined as those on tables are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from tests.test_arrays import HEARING, picture_folder, series_frame, sound_folder, text_frame

from fitwell.curing import cure, diagnose
from fitwell.events import Event
from fitwell.workflow import train

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("small_choices")]
ROWS = 240


def written(frame: pl.DataFrame, path: Path) -> str:
    frame.write_parquet(path)
    return str(path)


def streamed_table(folder: Path) -> str:
    random = np.random.default_rng(3)
    a, b = random.normal(size=(2, 1200))
    return written(pl.DataFrame({"a": a, "b": b, "y": np.where(a + b * b > 1, "yes", "no")}), folder / "t.parquet")


# What is read, as a path below a folder, with settings that make its network small.
KINDS: dict[str, tuple[Callable[[Path], str], dict[str, Any]]] = {
    "pictures": (lambda folder: str(picture_folder(folder / "p", ROWS)), {"network.image.widths": [4]}),
    "sounds": (lambda folder: str(sound_folder(folder / "s", 3 * ROWS)), HEARING),
    "series": (lambda folder: written(series_frame(ROWS), folder / "s.parquet"), {"network.series.widths": [8]}),
    "texts": (lambda folder: written(text_frame(ROWS), folder / "t.parquet"), {}),
    "a streamed table": (streamed_table, {"data.streaming": "always"}),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_rate_that_is_far_too_low_is_found_whatever_is_learned_from(kind: str, tmp_path: Path) -> None:
    source, small = KINDS[kind]
    path = source(tmp_path)
    settings = small | {"training.learning_rate": 1e-7}
    target = ["y"] if path.endswith("parquet") else None
    cured = cure(train(path, target=target, settings=settings, out=tmp_path / "run"))
    (found,) = (each for each in cured.diagnosis.findings if each.where == "training.learning_rate")
    assert found.symptom == "learning_rate_too_low"
    assert found.status in ("confirmed", "suspected")
    assert cured.diagnosis.complete
    # First weights may rank such simple rows with hardly a mistake; then no training can be shown to be better.
    compared = cured.comparison
    perfect = cured.diagnosis.experiments[0].figure if compared is None else compared.contenders[0].figure.high
    assert cured.run is not None or (perfect or 0.0) > 0.99


def test_of_members_with_settings_of_their_own_the_worst_is_examined(tmp_path: Path) -> None:
    own = [{"training.learning_rate": 0.01}, {"training.learning_rate": 1e-7}]
    a, b = np.random.default_rng(7).normal(size=(2, 1200))
    rows = pl.DataFrame({"a": a, "b": b, "answer": np.where(a + b + 1.5 * a * b > 0, "yes", "no")})
    run = train(written(rows, tmp_path / "t.parquet"), target="answer", settings={"members": own}, out=tmp_path / "run")
    events: list[Event] = []
    found = diagnose(run, listener=events.append).findings[0]
    assert found.explanation.startswith("training.learning_rate is 1e-07")
    assert "number 2, which does worst, of its 2 members" in events[0].text
