"""A planted fault is found, confirmed and cured; what is healthy is cleared; nothing is lost on the way."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from fitwell.cli import run as command
from fitwell.curing import Diagnosis, applying, cure, diagnose
from fitwell.curing import diagnosing as steps
from fitwell.curing.arms import other_division
from fitwell.curing.record import passive_findings, recorded
from fitwell.doctor.finding import Finding, findings_json
from fitwell.errors import RequestError, RunError
from fitwell.events import Event, Listener
from fitwell.recipe import Recipe
from fitwell.run import DIAGNOSIS, Run, write_json
from fitwell.workflow import begun_anew, train

pytestmark = pytest.mark.usefixtures("small_choices")


@pytest.fixture(scope="module")
def sick(small_choices: None, table: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    out = tmp_path_factory.mktemp("runs") / "sick"
    return train(table, target="answer", settings={"training.learning_rate": 30.0}, out=out)


@pytest.fixture(scope="module")
def diagnosis(sick: Run) -> Diagnosis:
    return diagnose(sick)


@pytest.fixture
def copied(sick: Run, diagnosis: Diagnosis, tmp_path: Path) -> Run:
    """A run that was examined, in a place of its own."""
    shutil.copytree(diagnosis.run.path, tmp_path / "sick", ignore=shutil.ignore_patterns("report.html"))
    return Run(tmp_path / "sick")


def test_a_rate_that_is_far_too_high_is_the_cause_and_the_only_one(diagnosis: Diagnosis) -> None:
    first = diagnosis.findings[0]
    assert (first.symptom, first.status, first.severity) == ("learning_rate_too_high", "confirmed", "critical")
    assert not diagnosis.healthy
    assert diagnosis.complete
    assert [finding.symptom for finding in diagnosis.findings if finding.decides] == ["learning_rate_too_high"]
    (remedy,) = first.remedies
    assert (remedy.change["setting"], remedy.change["from"]) == ("training.learning_rate", 30.0)
    assert remedy.low is not None
    assert 0 < remedy.low <= remedy.effect <= remedy.high  # type: ignore[operator]


def test_it_takes_no_more_trainings_than_it_should(diagnosis: Diagnosis) -> None:
    assert diagnosis.trainings <= 15
    seeds = {experiment.seed for experiment in diagnosis.experiments}
    assert {"own", "other 1", "other 2"} < seeds  # and other divisions of the rows


def test_the_recipe_trained_again_is_the_run_itself(sick: Run, diagnosis: Diagnosis) -> None:
    validation = sick.predictions.filter(pl.col("part") == "validation")
    from sklearn.metrics import roc_auc_score

    own = roc_auc_score(validation["truth"] == "yes", validation["probability_yes"])
    assert diagnosis.experiments[0].figure == pytest.approx(own, abs=1e-6)


def test_what_was_found_is_in_the_run(sick: Run, copied: Run, diagnosis: Diagnosis) -> None:
    written = json.loads((copied.path / "findings.json").read_text(encoding="utf-8"))
    assert written == {"version": 1, **diagnosis.findings_json()}
    assert copied.findings == diagnosis.findings
    again = recorded(copied)
    assert again is not None
    assert json.dumps(again.as_json()) == json.dumps(diagnosis.as_json())
    assert again.experiments == diagnosis.experiments
    assert any(isinstance(each.changes.get("network.hidden"), tuple) for each in again.experiments)
    assert "steps overshoot the minimum" in (sick.path / "report.html").read_text(encoding="utf-8")


def test_a_division_anew_leaves_the_test_rows_alone(sick: Run) -> None:
    prepared = begun_anew(sick, sick.recipe, data=None, test=None).prepared
    split = prepared.split
    other = other_division(prepared.labelled, split, sick.recipe, seed=5)
    assert other.test.tolist() == split.test.tolist()
    assert len(other.validation) == len(split.validation)
    assert other.validation.tolist() != split.validation.tolist()
    together = np.sort(np.concatenate([other.train, other.validation]))
    assert together.tolist() == sorted([*split.train.tolist(), *split.validation.tolist()])


def test_a_cure_is_a_better_run_and_a_taken_place_is_refused_first(copied: Run, tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=r"exists; choose another folder"):
        cure(copied, out=tmp_path)
    said: list[Event] = []
    cured = cure(copied, listener=said.append)  # goes by the examination that the run keeps
    assert cured.run is not None
    assert cured.run.path == tmp_path / "sick-cured"
    assert cured.run.state == "finished"
    assert cured.run.recipe.training.learning_rate == 0.01
    assert cured.comparison is not None
    assert cured.comparison.contenders[1].against.verdict == "better"  # type: ignore[union-attr]
    assert [event.kind for event in said if event.kind in ("diagnosing", "curing", "cured")] == ["curing", "cured"]


def test_a_cure_that_is_not_better_is_removed(copied: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Recipe] = []

    def no_better(_: object, *, recipe: Recipe, out: Path, listener: Listener) -> Run:
        """Train to the same: what a change that does nothing comes to."""
        asked.append(recipe)
        return Run(shutil.copytree(copied.path, out))

    monkeypatch.setattr(applying, "train", no_better)
    cured = cure(copied)
    assert [recipe.training.learning_rate for recipe in asked] == [0.01]
    assert cured.run is None
    assert cured.comparison is not None
    assert [path.name for path in tmp_path.iterdir()] == ["sick"]


def test_a_budget_that_is_spent_leaves_suspicions_and_says_what_was_not_tried(copied: Run) -> None:
    (copied.path / DIAGNOSIS).unlink()
    suspicion = Finding(
        symptom="not_learning", status="suspected", severity="warning", since="epoch 2", explanation="the loss is flat"
    )
    write_json(copied, "findings.json", findings_json([suspicion], complete=False))
    found = diagnose(copied, budget=0.001)
    assert not found.complete
    assert found.healthy
    assert found.findings == (suspicion,)
    assert found.untried == steps.STEPS
    assert passive_findings(Run(copied.path)) == (suspicion,)
    assert recorded(Run(copied.path)) is None  # a cure would examine again
    heard: list[Event] = []
    assert cure(copied, budget=0.001, listener=heard.append).run is None
    assert "ended before a remedy was confirmed, so give it a larger --budget" in heard[-1].text


def test_an_interruption_leaves_the_run_as_it_was(copied: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    before = {path.name: path.read_bytes() for path in copied.path.iterdir() if path.is_file()}

    def interrupted(*_: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(steps, "screened", interrupted)
    with pytest.raises(KeyboardInterrupt):
        diagnose(copied)
    assert {path.name: path.read_bytes() for path in copied.path.iterdir() if path.is_file()} == before
    assert copied.state == "finished"


def test_a_run_that_is_not_finished_is_refused(copied: Run) -> None:
    (copied.path / "events.jsonl").write_text("", encoding="utf-8")
    with pytest.raises(RunError, match=r"only a finished training can be examined, but .* fitwell resume"):
        diagnose(copied)


def test_a_damaged_record_is_refused(copied: Run) -> None:
    (copied.path / DIAGNOSIS).write_text('{"version": 1, "metric": "roc_auc"}', encoding="utf-8")
    with pytest.raises(RunError, match=r"diagnosis\.json is damaged \('\w+'\); remove it"):
        cure(copied)


def test_the_command_prints_findings_json(copied: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(["diagnose", str(copied.path), "--json", "--budget", "0.001s"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed == json.loads((copied.path / "findings.json").read_text(encoding="utf-8"))
    assert (printed["complete"], printed["version"]) == (False, 1)


def test_a_wrong_budget_is_refused(copied: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(["diagnose", str(copied.path), "--budget", "soon"]) == 2
    assert "--budget must be seconds, or a duration such as 90s, 10m or 2h" in capsys.readouterr().err
