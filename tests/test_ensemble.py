"""What members gain together is what scikit-learn's figures say, and its interval covers what is true of all rows."""

from __future__ import annotations

import json
import tracemalloc
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import accuracy_score, log_loss, mean_squared_error, roc_auc_score

import fitwell as fw
from fitwell.decision import UNDECIDED, Scored
from fitwell.ensemble import Ensemble, ensemble_of, usefulness
from fitwell.metrics import Cut
from fitwell.metrics.paired import paired, paired_with_average
from fitwell.prediction import KEPT, Predictions, predictions_of
from fitwell.recipe import TaskName
from fitwell.tasks.table import TASKS
from fitwell.tasks.task import TargetCoding

ROWS = 300
CODINGS: dict[TaskName, TargetCoding] = {
    "binary": TargetCoding(names=("y",), classes=(("no", "yes"),), positive="yes"),
    "multiclass": TargetCoding(names=("y",), classes=(("a", "b", "c"),)),
    "multilabel": TargetCoding(names=("a", "b"), classes=(("0", "1"), ("0", "1"))),
    "regression": TargetCoding(names=("y",), centers=(0.0,), scales=(1.0,), lows=(-99.0,), highs=(99.0,)),
}


def population(name: TaskName, *, members: int = 5, seed: int = 0) -> tuple[Scored, Predictions]:
    """Members that know the truth up to errors that they share and errors of their own, larger in some rows."""
    random = np.random.default_rng(seed)
    task, coding = TASKS[name], CODINGS[name]
    outputs = task.outputs(coding)
    signal = random.normal(size=(ROWS, outputs))
    if name == "binary":
        truth: np.ndarray = (random.random(ROWS) < 1 / (1 + np.exp(-2 * signal[:, 0]))).astype(np.int64)
    elif name == "multiclass":
        truth = (2 * signal + random.gumbel(size=signal.shape)).argmax(1)
    elif name == "multilabel":
        truth = (random.random(signal.shape) < 1 / (1 + np.exp(-2 * signal))).astype(np.int64)
    else:
        truth = signal + random.normal(0, 0.3, signal.shape)
    own = random.uniform(0.1, 1.5, size=(ROWS, 1))
    said = [2 * signal + own * random.normal(size=signal.shape) for _ in range(members)]
    predictions = predictions_of(task, coding, said if name != "regression" else [each / 2 for each in said])
    rows = Scored(task=task, coding=coding, truth=truth, predictions=predictions.mean, weights=np.ones(ROWS))
    return rows, predictions


def ensemble(rows: Scored, predictions: Predictions, metric: str, **options: Any) -> Ensemble:
    usual: dict[str, Any] = {"metric": metric, "costs": None, "weights": None}
    found = ensemble_of(rows, predictions, UNDECIDED, **(usual | options))
    assert found is not None
    return found


WITNESSES: dict[str, tuple[TaskName, Any]] = {
    "roc_auc": ("binary", lambda truth, said, w: roc_auc_score(truth, said[:, 1], sample_weight=w)),
    "log_loss": ("multiclass", lambda truth, said, w: -log_loss(truth, said, sample_weight=w)),
    "accuracy": ("multiclass", lambda truth, said, w: accuracy_score(truth, said.argmax(1), sample_weight=w)),
    "hamming_loss": ("multilabel", lambda truth, said, w: -np.average(((said >= 0.5) != truth).mean(1), weights=w)),
    "rmse": ("regression", lambda truth, said, w: -np.sqrt(mean_squared_error(truth, said, sample_weight=w))),
}


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("metric", WITNESSES)
def test_the_gain_is_the_figure_together_less_the_mean_of_those_alone(metric: str, weighted: bool) -> None:
    name, witness = WITNESSES[metric]
    rows, predictions = population(name)
    weights = np.random.default_rng(1).uniform(0, 2, ROWS) if weighted else None
    found = ensemble(rows, predictions, metric, weights=weights)
    alone = [witness(rows.truth, each, weights) for each in predictions.of_members]
    together = witness(rows.truth, predictions.mean, weights)
    assert np.abs(found.alone) == pytest.approx(np.abs(alone))
    assert abs(found.together) == pytest.approx(abs(together))
    gain = found.gain.difference
    assert gain.value == pytest.approx(together - np.mean(alone))
    assert gain.low is not None
    assert gain.high is not None
    assert gain.low < together - np.mean(alone) < gain.high
    assert (found.gain.verdict == "better") == (gain.low > 0)
    if metric in ("log_loss", "rmse"):  # convex: by Jensen's inequality the mean is better
        assert found.gain.verdict == "better"
    assert json.loads(json.dumps(found.as_json()))["average"] == pytest.approx(np.mean(found.alone))


def test_the_interval_of_a_gain_covers_the_gain_on_all_rows() -> None:
    # Shared errors and own ones of variance 1: rmse √2 alone and √(1 + 1/4) together.
    true = np.sqrt(2) - np.sqrt(1.25)
    random = np.random.default_rng(0)
    covered = 0
    for _ in range(100):
        errors = random.normal(size=150) + random.normal(size=(4, 150))
        truth = np.zeros(150)
        gain = paired_with_average("rmse", truth, errors.mean(0), list(errors), task="regression").difference
        assert gain.low is not None
        assert gain.high is not None
        covered += gain.low <= true <= gain.high
    assert 88 <= covered <= 100  # of 95 expected, three standard deviations


def test_the_average_of_one_is_that_one() -> None:
    rows, predictions = population("binary")
    first, second = predictions.mean[:, 1], predictions.of_members[0][:, 1]
    for metric in ("roc_auc", "accuracy", "brier"):
        one = paired(metric, rows.truth, first, second, task="binary", positive=1)
        assert paired_with_average(metric, rows.truth, first, [second], task="binary", positive=1) == one


def test_one_member_gains_nothing_and_of_many_the_first_are_compared() -> None:
    rows, alone = population("binary", members=1)
    assert ensemble_of(rows, alone, UNDECIDED, metric="roc_auc", costs=None, weights=None) is None
    rows, many = population("binary", members=KEPT + 3)
    assert (many.members, len(many.of_members)) == (KEPT + 3, KEPT)
    found = ensemble(rows, many, "roc_auc")
    assert (found.members, len(found.alone)) == (KEPT + 3, KEPT)


def test_of_however_many_members_few_predictions_are_held() -> None:
    rows, members = 20_000, 200
    outputs = (np.full((rows, 1), 0.01 * member) for member in range(members))
    tracemalloc.start()
    found = predictions_of(TASKS["binary"], CODINGS["binary"], outputs)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found.members == members
    assert peak < 2 * KEPT * found.mean.nbytes


@pytest.mark.parametrize("name", CODINGS)
def test_disagreement_that_tells_errors_is_measured_as_a_ranking_of_them(name: TaskName) -> None:
    rows, predictions = population(name, members=8)
    assert predictions.disagreement is not None
    found = usefulness(
        rows.task, rows.coding, rows.truth, predictions.mean, predictions.disagreement, cut=Cut(), weights=None
    )
    assert found is not None
    said = predictions.mean
    if name == "regression":
        errors = np.abs(said - rows.truth)[:, 0]
        wrong = errors > np.median(errors)
    else:
        answers = {"binary": said[:, 1] >= 0.5, "multiclass": said.argmax(1), "multilabel": said >= 0.5}[name]
        wrong = (answers != rows.truth).reshape(ROWS, -1).any(1)
        errors = wrong.astype(float)
    assert found.disagreement.value == pytest.approx(roc_auc_score(wrong, predictions.disagreement))
    assert (found.doubt is None) == (name == "regression")
    assert sum(group.rows for group in found.groups) == ROWS
    assert sum(group.rows * group.error for group in found.groups) / ROWS == pytest.approx(errors.mean())
    spreads = [group.disagreement for group in found.groups]
    assert spreads == sorted(spreads)
    assert all(group.low <= group.error <= group.high for group in found.groups)
    widest = predictions.disagreement >= np.quantile(predictions.disagreement, 0.9)
    if name in ("binary", "regression"):  # no ties
        assert found.groups[-1].error == pytest.approx(errors[widest].mean())


def test_disagreement_that_means_nothing_is_said_to() -> None:
    rows, predictions = population("binary", members=8)
    assert predictions.disagreement is not None
    chance = np.random.default_rng(3).permutation(predictions.disagreement)
    found = usefulness(rows.task, rows.coding, rows.truth, predictions.mean, chance, cut=Cut(), weights=None)
    assert found is not None
    assert found.disagreement.low is not None
    assert found.disagreement.high is not None
    assert found.disagreement.low < 0.5 < found.disagreement.high
    assert found.against_doubt is not None
    assert found.against_doubt.verdict == "worse"


def test_where_members_agree_or_nothing_is_wrong_there_is_nothing_to_tell() -> None:
    rows, predictions = population("multiclass", members=4)
    agreed = np.zeros(ROWS)
    task, coding = rows.task, rows.coding
    assert usefulness(task, coding, rows.truth, predictions.mean, agreed, cut=Cut(), weights=None) is None
    right = predictions.mean.argmax(1)
    apart = np.linspace(0, 1, ROWS)
    assert usefulness(task, coding, right, predictions.mean, apart, cut=Cut(), weights=None) is None


def test_rows_without_weight_count_nowhere() -> None:
    rows, predictions = population("regression", members=4)
    weights = np.where(np.arange(ROWS) < 200, 1.0, 0.0)
    spoiled = replace(rows, truth=np.where(weights[:, None] > 0, rows.truth, 1e6))
    found = ensemble(spoiled, predictions, "rmse", weights=weights)
    few = rows.part(np.arange(200))
    said = replace(
        predictions,
        mean=predictions.mean[:200],
        disagreement=None if predictions.disagreement is None else predictions.disagreement[:200],
        of_members=tuple(each[:200] for each in predictions.of_members),
    )
    expected = ensemble(few, said, "rmse")
    assert found.alone == pytest.approx(expected.alone)
    assert found.useful is not None
    assert expected.useful is not None
    assert found.useful.groups == expected.useful.groups


def test_a_run_of_several_members_says_what_they_gained(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    x = random.normal(size=(400, 2))
    y = np.where(x[:, 0] + random.normal(size=400) > 0, "yes", "no")
    pl.DataFrame({"a": x[:, 0], "b": x[:, 1], "y": y}).write_csv(tmp_path / "t.csv")
    settings = {"network.hidden": [8], "training.epochs": 3}
    said: list[str] = []
    run = fw.train(
        tmp_path / "t.csv", target="y", settings=settings, members=3, out=tmp_path / "run",
        listener=lambda event: said.append(f"{event.kind}: {event.text}"),
    )  # fmt: skip
    told = run.evaluation["ensemble"]
    metric = run.evaluation["primary"]["metric"]
    assert (told["metric"], told["members"], len(told["alone"])) == (metric, 3, 3)
    assert told["together"] == pytest.approx(run.evaluation["metrics"][metric]["value"])
    (line,) = [each for each in said if each.startswith("ensemble")]
    assert line.startswith(f"ensemble:   3 members together reach {told['together']:.4g}, ")
    assert line.endswith(f"({told['gain']['low']:.2g} to {told['gain']['high']:.2g})")
    page = (run.path / "report.html").read_text(encoding="utf-8")
    assert "What the members do together" in page
    assert "Errors where the members disagree" in page
