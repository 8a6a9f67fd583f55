"""An evaluation says what the metrics say, and compares with something simple on the same rows."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import accuracy_score, log_loss, mean_squared_error, r2_score, roc_auc_score

from fitwell import metrics
from fitwell.data.read import read_table
from fitwell.data.schema import Schema, infer_schema
from fitwell.decision import UNDECIDED
from fitwell.errors import DataError
from fitwell.evaluation import (
    FLATTERING,
    Answers,
    Cutting,
    Evaluation,
    evaluate,
    evaluate_predictions,
    measured_scores,
    spread_over,
)
from fitwell.metrics.thresholds import RULES, RuleName
from fitwell.prediction import Model
from fitwell.recipe import Goal, Recipe, TaskName, parse
from fitwell.tasks.table import TASKS
from fitwell.tasks.task import TargetCoding

RANDOM = np.random.default_rng(4)
ROWS = 240
CODES = RANDOM.integers(0, 2, ROWS)
CLASSES = RANDOM.integers(0, 3, ROWS)
VALUES = RANDOM.normal(size=(ROWS, 1))
CODINGS: dict[TaskName, TargetCoding] = {
    "binary": TargetCoding(names=("y",), classes=(("no", "yes"),), positive="yes"),
    "multiclass": TargetCoding(names=("y",), classes=(("a", "b", "c"),)),
    "multilabel": TargetCoding(names=("y", "z"), classes=(("0", "1"), ("0", "1"))),
    "regression": TargetCoding(names=("y",), centers=(0.0,), scales=(1.0,), lows=(-9.0,), highs=(9.0,)),
}
TRUTHS: dict[TaskName, np.ndarray] = {
    "binary": CODES,
    "multiclass": CLASSES,
    "multilabel": RANDOM.integers(0, 2, (ROWS, 2)),
    "regression": VALUES,
}


def perfect(task: TaskName) -> np.ndarray:
    truth = TRUTHS[task]
    if TASKS[task].form == "values":
        return truth
    if task == "multilabel":
        return np.where(truth == 1, 0.99, 0.01)
    classes = int(truth.max()) + 1
    return np.asarray(np.eye(classes)[truth] * 0.98 + 0.02 / classes)


def noisy(task: TaskName) -> np.ndarray:
    drawn = np.random.default_rng(8).uniform(size=perfect(task).shape)
    mixed = 0.4 * perfect(task) + 0.6 * drawn
    return np.asarray(mixed / mixed.sum(1, keepdims=True) if task in ("binary", "multiclass") else mixed)


def evaluated(
    task: TaskName, predictions: np.ndarray, *, weights: np.ndarray | None = None, goal: Goal = "auto"
) -> Evaluation:
    constant = np.repeat(noisy(task).mean(0, keepdims=True), ROWS, 0)
    return evaluate(
        TASKS[task], CODINGS[task], TRUTHS[task], Answers(predictions=predictions),
        weights=weights, goal=goal, costs=None, split="test",
        baselines={"majority": Answers(predictions=constant), "itself": Answers(predictions=predictions)},
    )  # fmt: skip


def value(evaluation: Evaluation, name: str) -> float:
    figure = evaluation.figures[name]
    assert isinstance(figure, metrics.Figure)
    assert figure.value is not None
    return figure.value


@pytest.mark.parametrize("weighted", [False, True])
def test_figures_are_scikit_learns(weighted: bool) -> None:
    weights = np.random.default_rng(2).uniform(0.5, 2, ROWS) if weighted else None
    predictions = noisy("binary")
    binary = evaluated("binary", predictions, weights=weights)
    assert value(binary, "roc_auc") == pytest.approx(roc_auc_score(CODES, predictions[:, 1], sample_weight=weights))
    assert value(binary, "log_loss") == pytest.approx(log_loss(CODES, predictions[:, 1], sample_weight=weights))
    several = evaluated("multiclass", noisy("multiclass"), weights=weights)
    chosen = noisy("multiclass").argmax(1)
    assert value(several, "accuracy") == pytest.approx(accuracy_score(CLASSES, chosen, sample_weight=weights))
    numbers = evaluated("regression", noisy("regression"), weights=weights)
    squared = mean_squared_error(VALUES, noisy("regression"), sample_weight=weights)
    assert value(numbers, "rmse") == pytest.approx(np.sqrt(squared))
    assert value(numbers, "r2") == pytest.approx(r2_score(VALUES, noisy("regression"), sample_weight=weights))


def test_figures_are_those_of_the_metrics_called_directly() -> None:
    found = evaluated("binary", noisy("binary"))
    direct = metrics.binary(CODES, noisy("binary")[:, 1], positive=1)
    assert found.figures.as_json() == direct.as_json()
    report = found.as_json()
    assert (report["rows"], report["split"], report["positive"]) == (ROWS, "test", "yes")
    assert report["metrics"] == direct.as_json()


@pytest.mark.parametrize("task", TASKS)
def test_a_perfect_model_beats_a_constant_and_equals_itself(task: TaskName) -> None:
    beside = evaluated(task, perfect(task)).baselines
    assert beside["majority"].comparison.verdict == "better"
    assert beside["itself"].comparison.verdict == "not distinguishable"
    assert beside["itself"].comparison.difference.value == pytest.approx(0)
    assert evaluated(task, noisy(task)).baselines["itself"].comparison.verdict == "not distinguishable"


@pytest.mark.parametrize(
    ("goal", "metric"), [("auto", "roc_auc"), ("balanced", "accuracy"), ("probability", "log_loss")]
)
def test_the_goal_decides_the_primary_figure(goal: Goal, metric: str) -> None:
    found = evaluated("binary", noisy("binary"), goal=goal)
    assert found.primary.metric == metric
    assert found.primary_figure == found.figures[metric]
    assert found.baselines["majority"].comparison.metric == metric


def test_anybodys_scores_are_measured_as_the_metrics_do(tmp_path: Path) -> None:
    scores = noisy("binary")[:, 1]
    path = tmp_path / "scores.csv"
    pl.DataFrame({"label": np.where(CODES == 1, "yes", "no"), "score": scores}).write_csv(path)
    found = measured_scores(path, label="label", score="score", positive=None, cutting=Cutting(threshold=0.3))
    direct = metrics.binary(CODES, scores, positive=1, threshold=0.3)
    report = found.as_json()
    assert found.figures.as_json() == direct.as_json() == report["metrics"]
    assert (report["positive"], report["threshold"], report["rows"]) == ("yes", 0.3, ROWS)


@pytest.mark.parametrize("rule", RULES)
def test_a_threshold_chosen_for_anybodys_scores_is_told_with_its_flattery(rule: RuleName) -> None:
    scores = noisy("binary")[:, 1]
    frame = pl.DataFrame({"label": CODES, "score": scores})
    cutting = Cutting(threshold=rule, at_least=0.8, costs=(1, 3))
    found = measured_scores(frame, label="label", score="score", positive=None, cutting=cutting)
    chosen = metrics.choose_threshold(CODES, scores, rule=rule, at_least=0.8, costs=(1, 3))
    assert found.threshold == chosen
    direct = metrics.binary(CODES, scores, threshold=chosen.value, costs=(1, 3))
    report = found.as_json()
    assert report["metrics"] == direct.as_json()
    assert (report["threshold"], report["threshold_rule"]) == (chosen.value, rule)
    assert report["notes"] == [FLATTERING]
    plain = measured_scores(frame, label="label", score="score", positive=None, cutting=Cutting())
    assert plain.as_json()["notes"] == []


def test_scores_that_cannot_be_measured_are_refused_in_words() -> None:
    frame = pl.DataFrame({"label": ["a", "b", None], "score": ["0.5", "x", "0.1"]})
    with pytest.raises(DataError, match=r'there is no column "scor"; did you mean "score"'):
        measured_scores(frame, label="label", score="scor", positive=None, cutting=Cutting())
    with pytest.raises(DataError, match='every row needs a label, but row 3 of "label" has none'):
        measured_scores(frame, label="label", score="score", positive=None, cutting=Cutting())
    with pytest.raises(DataError, match='every row needs a score, but row 2 of "score" has none'):
        measured_scores(frame.drop_nulls(), label="label", score="score", positive=None, cutting=Cutting())


def test_the_spread_over_folds_is_the_sample_standard_deviation_of_what_is_defined() -> None:
    found = spread_over([{"a": 1.0, "b": None, "c": None}, {"a": 3.0, "b": 2.0, "c": None}])
    assert found["a"] == {"mean": 2.0, "spread": pytest.approx(2**0.5), "values": [1.0, 3.0]}
    assert found["b"] == {"mean": 2.0, "spread": None, "values": [None, 2.0]}
    assert found["c"] == {"mean": None, "spread": None, "values": [None, None]}


def model_for(task: TaskName, coding: TargetCoding) -> Model:
    """Return as much of a model as measuring its predictions needs."""
    return SimpleNamespace(task=TASKS[task], coding=coding, recipe=Recipe(), decision=UNDECIDED)  # type: ignore[return-value]


def given_rows(task: TaskName) -> tuple[pl.DataFrame, Schema, np.ndarray]:
    """Make labelled rows with weights, the schema that training would have had, and what a model says about them."""
    labels = [CODINGS[task].classes[0][code] for code in TRUTHS[task]]
    frame = pl.DataFrame({"x": np.arange(ROWS) / 7, "w": np.arange(ROWS) % 3 + 0.5, "y": labels})
    schema = infer_schema(read_table(frame), parse({"target": ["y"], "data": {"weight": "w"}}))
    return frame, schema, noisy(task)


@pytest.mark.parametrize("task", ["binary", "multiclass"])
def test_rows_of_no_class_known_from_training_are_left_out_and_counted(task: TaskName) -> None:
    frame, schema, predictions = given_rows(task)
    spoilt = frame.with_columns(
        y=pl.when(pl.int_range(ROWS) < 4).then(pl.lit("other")).when(pl.int_range(ROWS) >= 6).then("y")
    )
    model = model_for(task, CODINGS[task])
    found = evaluate_predictions(model, spoilt, schema, predictions)
    whole = evaluate_predictions(model, frame[6:], schema, predictions[6:])
    assert found.figures.as_json() == whole.figures.as_json()
    assert (found.rows, found.left_out_rows, whole.left_out_rows, whole.notes) == (ROWS - 6, 6, 0, ())
    without, unknown = found.notes
    assert without == "left out 2 of 240 rows, which have no target or no weight"
    assert unknown == 'left out 4 rows whose "y" is no class known from training, such as "other"'
    report = found.as_json()
    assert (report["left_out_rows"], report["notes"]) == (6, [without, unknown])


def test_without_the_column_of_weights_rows_count_alike_and_it_is_said() -> None:
    frame, schema, predictions = given_rows("binary")
    model = model_for("binary", CODINGS["binary"])
    weighted = evaluate_predictions(model, frame, schema, predictions)
    plain = evaluate_predictions(model, frame.drop("w"), schema, predictions)
    assert value(weighted, "roc_auc") == pytest.approx(
        roc_auc_score(CODES, predictions[:, 1], sample_weight=frame["w"].to_numpy())
    )
    assert value(plain, "roc_auc") == pytest.approx(roc_auc_score(CODES, predictions[:, 1]))
    assert (plain.notes, weighted.notes) == (('the column of weights, "w", is missing: every row counts alike',), ())


def test_nothing_to_measure_is_refused_with_what_came() -> None:
    frame, schema, predictions = given_rows("binary")
    model = model_for("binary", CODINGS["binary"])
    with pytest.raises(
        DataError, match=r'known from training \("no", "yes"\), but none of the 240 is: left out 240 rows'
    ):
        evaluate_predictions(model, frame.with_columns(y=pl.lit("other")), schema, predictions)
    with pytest.raises(DataError, match='the column "y" is missing from the columns "x", "w"; add it, or rename'):
        evaluate_predictions(model, frame.drop("y"), schema, predictions)
    with pytest.raises(DataError, match='missing from the columns "x", "w", "Y"; did you mean "Y"'):
        evaluate_predictions(model, frame.rename({"y": "Y"}), schema, predictions)


def test_the_positive_label_must_be_a_label() -> None:
    frame = pl.DataFrame({"label": ["no", "yes", "no"], "score": [0.1, 0.9, 0.3]})
    with pytest.raises(DataError, match=r'one of those in "label" \("no", "yes"\), but is "maybe"; name one of them'):
        measured_scores(frame, label="label", score="score", positive="maybe", cutting=Cutting())
    with pytest.raises(DataError, match='but is "yess"; did you mean "yes"'):
        measured_scores(frame, label="label", score="score", positive="yess", cutting=Cutting())


@pytest.mark.parametrize(
    ("labels", "positive"), [([1, 2], "1"), ([1.0, 2.0], "1.0"), (["1", "2"], "1"), (["a", "b"], "A")]
)
def test_a_positive_label_is_found_however_it_is_written(labels: list[object], positive: str) -> None:
    frame = pl.DataFrame({"label": [labels[code] for code in CODES], "score": noisy("binary")[:, 1]})
    measured = measured_scores(frame, label="label", score="score", positive=positive, cutting=Cutting())
    figure = measured.figures["roc_auc"]
    assert isinstance(figure, metrics.Figure)
    assert figure.value == pytest.approx(roc_auc_score(1 - CODES, noisy("binary")[:, 1]))
