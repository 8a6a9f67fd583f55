"""Planted faults are found by name, and what is healthy is cleared, with all that Fitwell chooses as it is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from fitwell.curing import diagnose
from fitwell.doctor.finding import Finding, findings_json
from fitwell.run import Run, write_json
from fitwell.workflow import train

pytestmark = pytest.mark.slow

PENGUINS = Path(__file__).parents[2] / "examples" / "penguins.csv"


@pytest.fixture(scope="module")
def larger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """500 rows: two columns and their product decide, a third says nothing; one answer in ten is wrong."""
    random = np.random.default_rng(7)
    a, b, idle = random.normal(size=(3, 500))
    right = a + b + 1.5 * a * b > 0
    answer = np.where(random.random(500) < 0.1, ~right, right)
    path = tmp_path_factory.mktemp("data") / "larger.csv"
    pl.DataFrame({"a": a, "b": 1000 * b, "idle": idle, "answer": np.where(answer, "yes", "no")}).write_csv(path)
    return path


FAULTS: dict[str, tuple[dict[str, Any], set[str]]] = {
    "rate low": ({"training.learning_rate": 1e-6}, {"learning_rate_too_low"}),
    "one epoch": ({"training.epochs": 1}, {"stopped_too_early"}),
    "decay": ({"training.weight_decay": 300.0}, {"underfitting"}),
    "unscaled": ({"data.numbers": "none"}, {"unscaled_inputs"}),
    "two": ({"training.learning_rate": 1e-5, "network.dropout": 0.9}, {"learning_rate_too_low", "underfitting"}),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_found(name: str, larger: Path, tmp_path: Path) -> None:
    settings, symptoms = FAULTS[name]
    found = diagnose(train(larger, target="answer", settings=settings, out=tmp_path / "run"))
    assert found.findings[0].decides
    assert {finding.symptom for finding in found.findings if finding.decides} <= symptoms


def test_a_healthy_training_is_cleared(tmp_path: Path) -> None:
    found = diagnose(train(PENGUINS, target="species", out=tmp_path / "run"))
    assert found.healthy
    assert found.complete
    assert found.cure is None
    assert found.trainings <= 7


def test_labels_that_say_nothing_are_told_from_a_training_that_learns_nothing(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    frame = pl.DataFrame({"a": random.normal(size=800), "y": random.choice(["yes", "no"], 800)})
    frame.write_csv(tmp_path / "noise.csv")
    found = diagnose(train(tmp_path / "noise.csv", target="y", out=tmp_path / "run"))
    assert found.findings[0].symptom == "label_noise"
    assert found.cure is None


def test_an_untouched_suspicion_is_refuted_where_the_training_is_healthy(tmp_path: Path) -> None:
    run = train(PENGUINS, target="species", out=tmp_path / "run")
    suspicion = Finding(
        symptom="dead_units", status="suspected", severity="warning", since="epoch 2", explanation="units are silent"
    )
    write_json(run, "findings.json", findings_json([suspicion], complete=False))
    found = diagnose(Run(run.path))
    (judged,) = (finding for finding in found.findings if finding.symptom == "dead_units")
    assert judged.status == "refuted"
    assert replace(judged, status="suspected", explanation=suspicion.explanation) == suspicion
