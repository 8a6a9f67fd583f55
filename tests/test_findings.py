"""Notes about the data and diverged trainings become findings that say how sure they are."""

from __future__ import annotations

import json
from contextlib import redirect_stdout
from functools import cache
from io import StringIO
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import log_loss

from fitwell import cli
from fitwell.data.audit import Note
from fitwell.data.read import read_table
from fitwell.doctor.finding import findings_json
from fitwell.evaluation import Answers
from fitwell.findings import SUSPECTED, classes_of, constant_loss, finding_of, observed
from fitwell.narration import findings_events
from fitwell.preparation import Prepared, divided, labelled_rows_of, prepare
from fitwell.recipe import Recipe, changed, parse
from fitwell.run import Run, load_run
from fitwell.topics import find
from fitwell.training.history import COLUMNS, history_frame

Severity = Literal["critical", "warning", "info"]


def note(symptom: str = "duplicate_rows", severity: Severity = "critical") -> Note:
    return Note(
        symptom=symptom, severity=severity, column="a", evidence={"rows": 3}, text="what is wrong", way_out="a way out"
    )  # fmt: skip


def test_a_note_becomes_a_finding_with_its_evidence_and_its_way_out() -> None:
    (found,) = findings_json([finding_of(note())], complete=False)["findings"]
    assert (found["symptom"], found["status"], found["severity"]) == ("duplicate_rows", "confirmed", "critical")
    assert (found["where"], found["since"], found["evidence"]) == ("a", "data", {"rows": 3})
    assert found["explanation"] == "what is wrong"
    (remedy,) = found["remedies"]
    assert remedy["change"]["text"] == "a way out"
    assert [remedy["effect"], remedy["low"], remedy["high"]] == [None] * 3
    assert json.loads(json.dumps(found)) == found


@pytest.mark.parametrize(
    ("symptoms", "severity", "healthy"),
    [
        ([], "critical", True),
        (["duplicate_rows"], "critical", False),
        (["duplicate_rows"], "warning", True),
        ([*SUSPECTED], "critical", True),
        ([*SUSPECTED, "duplicate_rows"], "critical", False),
    ],
)
def test_only_what_is_critical_and_certain_makes_a_run_unhealthy(
    symptoms: list[str], severity: Severity, healthy: bool
) -> None:
    found = findings_json([finding_of(note(symptom, severity)) for symptom in symptoms], complete=False)
    assert (found["healthy"], found["complete"]) == (healthy, False)
    assert [each["status"] for each in found["findings"]] == [
        "suspected" if symptom in SUSPECTED else "confirmed" for symptom in symptoms
    ]


PENGUINS = Path(__file__).parents[1] / "examples" / "penguins.csv"


@cache
def prepared_for(target: str) -> tuple[Prepared, Recipe]:
    table, asked = read_table(PENGUINS), parse({"target": [target]})
    labelled, decided = labelled_rows_of(table, asked, test=None)
    prepared = prepare(labelled, decided, split=divided(labelled, decided))
    return prepared, prepared.recipe


def test_the_loss_of_knowing_nothing_is_that_of_the_best_constant_answer() -> None:
    prepared, recipe = prepared_for("species")
    truth = prepared.labelled.truth[prepared.split.validation]
    shares = np.bincount(truth) / len(truth)
    constant = constant_loss(prepared, recipe)
    assert constant == pytest.approx(log_loss(truth, np.tile(shares, (len(truth), 1))))
    weighted = changed(recipe, {"training.class_weights": "balanced"})
    assert constant_loss(prepared, weighted) is None


def test_the_loss_of_knowing_nothing_of_a_number_is_what_the_mean_leaves_as_the_loss_sees_it() -> None:
    prepared, recipe = prepared_for("body_mass_g")
    truth = prepared.labelled.truth[prepared.split.validation, 0]
    scale = prepared.labelled.truth[prepared.split.train, 0].std()
    assert constant_loss(prepared, recipe) == pytest.approx((truth / scale).var())
    doubled = changed(recipe, {"training.target_factor": 2.0})
    assert constant_loss(prepared, doubled) == pytest.approx(4 * (truth / scale).var())
    assert constant_loss(prepared, changed(recipe, {"training.loss": "absolute_error"})) is None


def test_answers_are_counted_by_class_and_threshold() -> None:
    prepared, _ = prepared_for("sex")
    truth = np.array([0, 0, 1, 1])
    scores = np.array([0.1, 0.4, 0.4, 0.9])
    answers = Answers(predictions=np.stack([1 - scores, scores], axis=1), threshold=0.3)
    told = [(each.name, each.rows, each.answered) for each in classes_of(prepared, truth, answers)]
    assert told == [("MALE", 2, 1), ("FEMALE", 2, 3)]
    values, _ = prepared_for("body_mass_g")
    assert classes_of(values, np.zeros((4, 1)), answers) == ()


def test_scaled_inputs_and_targets_are_observed_as_the_network_gets_them() -> None:
    prepared, recipe = prepared_for("body_mass_g")
    (seen,) = observed(prepared, recipe, history_frame([], [], metric="").vstack(one_look()), ending="done")
    assert seen.inputs is not None
    assert seen.targets is not None
    assert seen.inputs.names == ("bill_length_mm", "bill_depth_mm", "flipper_length_mm")
    assert seen.targets.spreads == pytest.approx([1.0], rel=0.01)
    assert (seen.rows, seen.ending, seen.keeps_best) == (len(prepared.split.train), "patience", True)
    assert seen.learning_rate == recipe.training.learning_rate


def one_look() -> pl.DataFrame:
    row = {"member": 0, "epoch": 0.0, "step": 0, "split": "validation", "loss": 1.0, "learning_rate": 0.0}
    return pl.DataFrame(row | {"seconds": None, "rows": 9, "figure": None, "metric": None}, schema=COLUMNS)


@pytest.fixture(scope="module")
def diverged(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, str]:
    """Return a run at a rate that no training survives, and what its command said."""
    out = tmp_path_factory.mktemp("runs") / "run"
    sets = {"training.optimizer": "sgd", "training.learning_rate": "10", "training.epochs": "6"}
    said = StringIO()
    with redirect_stdout(said):
        options = [word for name, value in sets.items() for word in ("--set", f"{name}={value}")]
        assert cli.run(["train", str(PENGUINS), "--target", "species", "--out", str(out), *options]) == 0
    return load_run(out), " ".join(said.getvalue().split())


def test_a_diverged_training_is_not_healthy_and_a_tenth_of_the_rate_is_offered(diverged: tuple[Run, str]) -> None:
    run, said = diverged
    first = run.findings[0]
    assert (first.symptom, first.status, first.severity) == ("non_finite_values", "confirmed", "critical")
    change = first.remedies[0].change
    assert (change["setting"], change["from"], change["to"]) == ("training.learning_rate", 10.0, 1.0)
    assert not json.loads((run.path / "findings.json").read_text())["healthy"]
    assert "non-finite values: a loss became infinite or no number in epoch 1" in said
    assert "try a tenth of the rate" in said


def test_a_training_tells_the_gravest_findings_and_leaves_the_rest_to_the_report() -> None:
    many = [finding_of(note(f"symptom_{place}", "warning")) for place in range(5)] + [finding_of(note("x", "info"))]
    told = [event.text for event in findings_events(many)]
    assert told[0] == "symptom 0: what is wrong; a way out"
    assert told[3:] == ["3 more findings are in the report"]
    assert list(findings_events([])) == []


def test_what_is_found_is_explained() -> None:
    assert find("non_finite_values").kind == "symptom"
