"""A run decides by its validation rows, keeps the decision with the model, and comes to the same one again."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal
from scipy.special import expit

from fitwell.comparison import compare
from fitwell.decision import UNDECIDED, Decision, Scored, decide
from fitwell.events import Event
from fitwell.metrics import choose_threshold
from fitwell.prediction import encoded, predictions_for
from fitwell.recipe import DecisionSettings
from fitwell.run import Run, load_run
from fitwell.workflow import resume, train

COMMAND = str(Path(sys.executable).with_name("fitwell"))
QUICK: dict[str, Any] = {
    "network.hidden": [8],
    "training.epochs": 6,
    "training.learning_rate": 0.03,
    "training.checkpoint_seconds": 0,
}
COSTS = {"decision.false_positive_cost": 1, "decision.false_negative_cost": 5}
KINDS: dict[str, dict[str, Any]] = {
    "isotonic": {"decision.calibration": "isotonic", "decision.threshold": "f1"},
    "logistic": {"decision.calibration": "logistic", **COSTS},
    "numbers": {"decision.coverage": 0.8},
}


def honest(x: np.ndarray) -> np.ndarray:
    """The true probability, of about a tenth of the rows."""
    return np.asarray(expit(2 * x - 3))


def table(rows: int = 500, seed: int = 0) -> pl.DataFrame:
    """Rows with a planted truth: one column tells the probability of y and the mean of z, whose noise has spread 1."""
    random = np.random.default_rng(seed)
    x = random.normal(size=rows)
    y = random.random(rows) < honest(x)
    return pl.DataFrame({"x": x, "u": random.normal(size=rows), "y": y, "z": 5 * x + random.normal(size=rows)})


def begun(kind: str, out: Path, **options: Any) -> Run:
    target, other = ("z", "y") if kind == "numbers" else ("y", "z")
    settings = QUICK | KINDS[kind] | options.pop("settings", {})
    return train(table(), target=target, drop=[other], members=2, settings=settings, out=out, **options)


@pytest.fixture(scope="module", params=KINDS)
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return begun(request.param, tmp_path_factory.mktemp("runs") / request.param)


def kind_of(run: Run) -> str:
    return run.path.name


def decision_of(run: Run) -> bytes:
    return (run.path / "decision.json").read_bytes()


@pytest.mark.parametrize(
    "run",
    ["isotonic", *(pytest.param(kind, marks=pytest.mark.slow) for kind in ("logistic", "numbers"))],
    indirect=True,
)
def test_a_fresh_process_decides_the_same_bits(run: Run, tmp_path: Path) -> None:
    table(seed=1).write_parquet(tmp_path / "new.parquet")
    words = [COMMAND, "predict", str(run.path), str(tmp_path / "new.parquet"), "-o", str(tmp_path / "p.parquet")]
    subprocess.run(words, check=True)
    assert_frame_equal(pl.read_parquet(tmp_path / "p.parquet"), run.predict(table(seed=1)), check_exact=True)


def test_the_recipe_of_a_run_comes_to_the_same_decision(run: Run, tmp_path: Path) -> None:
    again = train(table(), recipe=run.path / "recipe.yaml", out=tmp_path / "again")
    assert decision_of(again) == decision_of(run)


def test_a_run_that_was_interrupted_has_a_decision_and_comes_to_the_same_one(run: Run, tmp_path: Path) -> None:
    looks = 0

    def listen(event: Event) -> None:
        nonlocal looks
        looks += event.kind == "look"
        if event.kind == "look" and looks == 3:
            signal.raise_signal(signal.SIGINT)

    cut = begun(kind_of(run), tmp_path / "cut", listener=listen)
    assert cut.state == "interrupted"
    assert decision_of(cut) != decision_of(run)
    columns = load_run(cut.path).predict(table()).columns
    done = resume(cut.path, data=table())
    assert decision_of(done) == decision_of(run)
    assert done.predict(table()).columns == columns


def test_a_run_with_a_time_limit_has_a_decision(tmp_path: Path) -> None:
    limited = begun("logistic", tmp_path / "limited", settings={"training.epochs": 10_000}, time_limit=4.0)
    assert limited.decision is not None
    assert limited.decision["threshold"]["value"] == pytest.approx(1 / 6)


def test_a_run_written_before_there_were_decisions_still_predicts(run: Run, tmp_path: Path) -> None:
    old = Run(shutil.copytree(run.path, tmp_path / "old"))
    (old.path / "decision.json").unlink()
    sums = json.loads((old.path / "checksums.json").read_text())
    del sums["sha256"]["decision.json"]
    (old.path / "checksums.json").write_text(json.dumps(sums))
    predictions = load_run(old.path).predict(table())
    assert old.decision is None
    if kind_of(run) == "numbers":
        assert predictions.columns == ["prediction", "disagreement"]
    else:
        positive = predictions["probability_true"].to_numpy()
        assert (predictions["prediction"] == "true").to_list() == (positive >= 0.5).tolist()


@pytest.mark.parametrize("run", ["isotonic", "logistic"], indirect=True)
def test_answers_follow_the_threshold_and_so_do_the_figures(run: Run) -> None:
    assert run.decision is not None
    threshold = run.decision["threshold"]["value"]
    predictions = run.predict(table(seed=1))
    positive = predictions["probability_true"].to_numpy()
    assert (predictions["prediction"] == "true").to_list() == (positive >= threshold).tolist()
    evaluation = run.evaluate(table(seed=1))
    assert evaluation.figures.threshold == run.evaluation["threshold"] == threshold
    right = (predictions["prediction"] == "true").to_numpy() == table(seed=1)["y"].to_numpy()
    assert evaluation.figures.accuracy.value == pytest.approx(right.mean())


@pytest.mark.parametrize("run", ["numbers"], indirect=True)
def test_intervals_hold_the_share_that_is_told(run: Run) -> None:
    assert run.decision is not None
    interval = run.decision["interval"]
    # noise of spread 1: 80 % of it lies within 1.28; the network adds its own error
    assert 1.0 < interval["half_widths"][0] < 2.2
    fresh = table(4_000, seed=9)
    predictions = run.predict(fresh)
    inside = ((predictions["prediction_low"] <= fresh["z"]) & (fresh["z"] <= predictions["prediction_high"])).mean()
    # 75 validation rows leave the true coverage a spread of √(0.8 · 0.2 / 77) = 0.046
    assert inside == pytest.approx(0.8, abs=0.14)
    assert interval["measured"][0]["low"] <= inside <= interval["measured"][0]["high"]
    assert run.evaluate(fresh).covered[0].value == pytest.approx(inside)
    assert run.evaluation["covered"] == interval["measured"]


def trained(out: Path, rows: int = 4_000, **settings: Any) -> Run:
    asked = {name.replace("__", "."): value for name, value in settings.items()}
    return train(table(rows), target="y", drop=["z"], settings=QUICK | asked, out=out)


@pytest.mark.parametrize(
    "distorting",
    [{"training__class_weights": "balanced"}, {"training__label_smoothing": 0.5}],
    ids=["weights", "smooth"],
)
def test_what_training_does_to_probabilities_is_mended(distorting: dict[str, Any], tmp_path: Path) -> None:
    fresh = table(4_000, seed=9)
    true = honest(fresh["x"].to_numpy())
    run = trained(tmp_path / "run", **distorting)
    model = load_run(run.path).model
    shown = [
        predictions_for(each, encoded(each, fresh)).mean[:, 1] for each in (replace(model, decision=UNDECIDED), model)
    ]
    distorted, mended = (float(np.abs(each - true).mean()) for each in shown)
    assert distorted > 0.12
    assert mended < 0.04
    assert run.decision is not None
    before, after = (run.decision["calibration"][name]["log_loss"]["value"] for name in ("before", "after"))
    assert after < before


def test_every_model_is_decided_by_the_same_rule_on_the_same_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Scored] = []

    def watched(rows: Scored, settings: DecisionSettings) -> Decision:
        seen.append(rows)
        return decide(rows, settings)

    monkeypatch.setattr("fitwell.measuring.decide", watched)
    run = trained(tmp_path / "run", decision__threshold="f1", decision__calibration="none", data__folds=2)
    *simple, network, first, second = seen
    assert len(simple) == len(run.evaluation["baselines"]) == 3
    for rows, beside in zip(simple, run.evaluation["baselines"].values(), strict=True):
        chosen = choose_threshold(rows.truth, rows.predictions[:, 1], rule="f1")
        assert beside["threshold"] == chosen.value
        assert np.array_equal(rows.truth, network.truth)
    # Each fold has validation rows of its own.
    assert len(first.truth) == len(second.truth) != len(network.truth)
    assert not np.array_equal(first.predictions, second.predictions)


def test_with_costs_the_figure_is_the_cost_and_every_model_pays_it(tmp_path: Path) -> None:
    said: list[Event] = []
    settings = QUICK | COSTS
    run = train(table(2_000), target="y", drop=["z"], settings=settings, out=tmp_path / "run", listener=said.append)
    evaluation = run.evaluation
    assert evaluation["primary"]["metric"] == "cost"
    assert "a false negative 5" in evaluation["primary"]["why"]
    assert evaluation["baselines"]["majority"]["metrics"]["cost"]["value"] > evaluation["metrics"]["cost"]["value"]
    assert evaluation["baselines"]["majority"]["verdict"] == "better"
    told = [event.text for event in said if event.kind == "decision"]
    assert told[0].startswith('  "true" from probability 0.1667 up (both answers cost the same there: ')
    assert told[1].startswith("  probabilities are ")


def test_runs_are_compared_by_what_they_cost_each_at_its_own_threshold(tmp_path: Path) -> None:
    costs = {name.replace(".", "__"): cost for name, cost in COSTS.items()}
    runs = [
        trained(tmp_path / str(threshold), 8_000, decision__threshold=threshold, **costs)
        for threshold in ("cost", 0.5, "f1")
    ]
    found = compare(runs)
    assert found.metric == "cost"
    for run, contender in zip(runs, found.contenders, strict=True):
        assert contender.figure.value == pytest.approx(run.evaluation["metrics"]["cost"]["value"], abs=1e-12)
    assert len({contender.figure.value for contender in found.contenders}) == 3
    assert found.contenders[1].against is not None
    assert found.contenders[1].against.verdict == "worse"


def test_runs_that_were_told_other_costs_are_compared_by_those_of_the_first(tmp_path: Path) -> None:
    dear = trained(tmp_path / "dear", decision__false_positive_cost=1, decision__false_negative_cost=50)
    cheap = trained(tmp_path / "cheap", decision__false_positive_cost=1, decision__false_negative_cost=5)
    found = compare([dear, cheap])
    assert "the runs were told different costs of wrong answers; those of the first count here" in found.notes
    assert found.contenders[0].figure.value == pytest.approx(dear.evaluation["metrics"]["cost"]["value"], abs=1e-12)
