"""Anybody's predictions in a file are measured as the metrics measure arrays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import roc_auc_score

from fitwell import metrics
from fitwell.errors import DataError, RequestError
from fitwell.metrics.thresholds import RULES, RuleName
from fitwell.scored import FLATTERING, Cutting, measured_scores

ROWS = 240
CODES = np.random.default_rng(4).integers(0, 2, ROWS)


def noisy(codes: np.ndarray, *, classes: int) -> np.ndarray:
    """Make probabilities that favor the true class of most rows."""
    table = np.random.default_rng(5).dirichlet(np.ones(classes), len(codes)) + np.eye(classes)[codes]
    return np.asarray(table / table.sum(axis=1, keepdims=True))


def test_anybodys_scores_are_measured_as_the_metrics_do(tmp_path: Path) -> None:
    scores = noisy(CODES, classes=2)[:, 1]
    path = tmp_path / "scores.csv"
    pl.DataFrame({"label": np.where(CODES == 1, "yes", "no"), "score": scores}).write_csv(path)
    found = measured_scores(path, label="label", score="score", cutting=Cutting(threshold=0.3))
    direct = metrics.binary(CODES, scores, positive=1, threshold=0.3)
    report = found.as_json()
    assert found.figures.as_json() == direct.as_json() == report["metrics"]
    assert (report["positive"], report["threshold"], report["rows"]) == ("yes", 0.3, ROWS)


def test_a_rule_chooses_the_threshold_on_the_weighted_rows() -> None:
    scores = noisy(CODES, classes=2)[:, 1]
    weights = np.random.default_rng(9).uniform(0.1, 3, ROWS)
    frame = pl.DataFrame({"label": CODES, "score": scores, "w": weights})
    cutting = Cutting(threshold="cost", costs=(1.0, 5.0))
    found = measured_scores(frame, label="label", score="score", cutting=cutting, weight="w")

    def cost_at(threshold: float) -> float:
        wrong = np.where(CODES == 1, 5.0 * (scores < threshold), 1.0 * (scores >= threshold))
        return float(np.average(wrong, weights=weights))

    assert found.threshold is not None
    assert found.figures["cost"].value == pytest.approx(cost_at(found.threshold.value))  # type: ignore[union-attr]
    assert cost_at(found.threshold.value) == pytest.approx(min(map(cost_at, scores)))
    assert found.as_json()["threshold_rule"] == "cost"


@pytest.mark.parametrize("rule", RULES)
def test_a_threshold_chosen_for_anybodys_scores_is_told_with_its_flattery(rule: RuleName) -> None:
    scores = noisy(CODES, classes=2)[:, 1]
    frame = pl.DataFrame({"label": CODES, "score": scores})
    cutting = Cutting(threshold=rule, at_least=0.8, costs=(1, 3))
    found = measured_scores(frame, label="label", score="score", cutting=cutting)
    chosen = metrics.choose_threshold(CODES, scores, rule=rule, at_least=0.8, costs=(1, 3))
    assert found.threshold == chosen
    report = found.as_json()
    assert report["metrics"] == metrics.binary(CODES, scores, threshold=chosen.value, costs=(1, 3)).as_json()
    assert (report["threshold"], report["threshold_rule"]) == (chosen.value, rule)
    assert report["notes"] == [FLATTERING]
    assert measured_scores(frame, label="label", score="score").as_json()["notes"] == []


def test_scores_that_cannot_be_measured_are_refused_in_words() -> None:
    frame = pl.DataFrame({"label": ["a", "b", None], "score": ["0.5", "x", "0.1"]})
    with pytest.raises(DataError, match=r'there is no column "scor"; did you mean "score"'):
        measured_scores(frame, label="label", score="scor")
    with pytest.raises(DataError, match='every row needs a label, but row 3 of "label" has none'):
        measured_scores(frame, label="label", score="score")
    with pytest.raises(DataError, match='every row needs a score, but row 2 of "score" has none'):
        measured_scores(frame.drop_nulls(), label="label", score="score")


def test_the_positive_label_must_be_a_label() -> None:
    frame = pl.DataFrame({"label": ["no", "yes", "no"], "score": [0.1, 0.9, 0.3]})
    with pytest.raises(DataError, match=r'one of those in "label" \("no", "yes"\), but is "maybe"; name one of them'):
        measured_scores(frame, label="label", score="score", positive="maybe")
    with pytest.raises(DataError, match='but is "yess"; did you mean "yes"'):
        measured_scores(frame, label="label", score="score", positive="yess")


@pytest.mark.parametrize(
    ("labels", "positive"), [([1, 2], "1"), ([1.0, 2.0], "1.0"), (["1", "2"], "1"), (["a", "b"], "A")]
)
def test_a_positive_label_is_found_however_it_is_written(labels: list[object], positive: str) -> None:
    frame = pl.DataFrame({"label": [labels[code] for code in CODES], "score": noisy(CODES, classes=2)[:, 1]})
    figure = measured_scores(frame, label="label", score="score", positive=positive).figures["roc_auc"]
    assert isinstance(figure, metrics.Figure)
    assert figure.value == pytest.approx(roc_auc_score(1 - CODES, noisy(CODES, classes=2)[:, 1]))


def of_three_classes() -> tuple[np.ndarray, np.ndarray, pl.DataFrame]:
    """Make codes, probabilities and a file as `fitwell predict` writes it, with the truth joined."""
    codes = np.random.default_rng(6).integers(0, 3, ROWS)
    table = noisy(codes, classes=3)
    names = ["ash", "birch", "cedar"]
    columns = {f"probability_{name}": table[:, place] for place, name in enumerate(names)}
    frame = pl.DataFrame({"truth": [names[code] for code in codes], "prediction": "ash", **columns})
    return codes, table, frame


def measured(
    frame: pl.DataFrame,
    *,
    score: str | None = None,
    task: str | None = None,
    positive: str | None = None,
    weight: str | None = None,
) -> tuple[dict[str, Any], metrics.Figures]:
    """Measure the truth in a file with what is said beside it."""
    found = measured_scores(frame, label="truth", score=score, positive=positive, task=task, weight=weight)
    return found.as_json(), found.figures


def test_columns_of_probabilities_are_measured_as_several_classes() -> None:
    codes, table, frame = of_three_classes()
    report, figures = measured(frame)
    assert figures.as_json() == metrics.multiclass(codes, table, classes=range(3)).as_json()
    assert (report["task"], report["positive"]) == ("multiclass", None)
    assert report["notes"] == ['measured as multiclass, from the 3 columns "probability_<class>"']


def test_two_columns_of_probabilities_are_a_binary_score() -> None:
    table = noisy(CODES, classes=2)
    labels = np.where(CODES == 1, "yes", "no")
    frame = pl.DataFrame({"truth": labels, "probability_no": table[:, 0], "probability_yes": table[:, 1]})
    assert measured(frame)[1].as_json() == metrics.binary(CODES, table[:, 1], positive=1).as_json()
    turned = measured(frame, positive="no")[1]
    assert turned.as_json() == metrics.binary(CODES, table[:, 0], positive=0).as_json()


@pytest.mark.parametrize("options", [{"score": "guess"}, {"score": "guess", "task": "regression"}, {}])
def test_numbers_are_measured_as_regression(options: dict[str, str]) -> None:
    truth = np.random.default_rng(7).normal(10, 2, ROWS)
    guess = truth + np.random.default_rng(8).normal(0, 1, ROWS)
    frame = pl.DataFrame({"truth": truth, "guess" if options else "prediction": guess})
    report, figures = measured(frame, **options)
    assert figures.as_json() == metrics.regression(truth, guess).as_json()
    assert (report["task"], report["threshold"]) == ("regression", None)
    assert bool(report["notes"]) == ("task" not in options)


def test_the_weight_column_weighs_the_rows_of_every_task() -> None:
    weights = np.random.default_rng(9).uniform(0, 3, ROWS)
    codes, table, frame = of_three_classes()
    found = measured(frame.with_columns(w=weights), weight="w")[1]
    assert found.as_json() == metrics.multiclass(codes, table, classes=range(3), weights=weights).as_json()
    scores = pl.DataFrame({"truth": CODES, "s": noisy(CODES, classes=2)[:, 1], "w": weights})
    found = measured(scores, score="s", weight="w")[1]
    assert found.as_json() == metrics.binary(CODES, noisy(CODES, classes=2)[:, 1], weights=weights).as_json()


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"task": "ranking"}, RequestError, r'--task is one of binary, multiclass, regression, but "ranking" came'),
        ({"score": "s", "task": "multiclass"}, RequestError, r'from columns "probability_<class>"; leave --score out'),
        ({"task": "binary"}, RequestError, "a binary task has two classes, but there are columns for 3"),
        ({"positive": "ash"}, RequestError, 'the task is multiclass and --positive is "ash"'),
        (
            {"score": "s", "task": "regression", "positive": "1"},
            RequestError,
            'the task is regression and --positive is "1"',
        ),
        ({"score": "s", "task": "regression"}, DataError, 'every row needs a label, but row 1 of "truth" has none'),
        ({"task": "regression"}, DataError, 'every row needs a label, but row 1 of "truth" has none'),
        ({"weight": "v"}, DataError, 'there is no column "v"'),
    ],
)
def test_what_does_not_fit_together_is_refused_in_words(
    options: dict[str, str], error: type[Exception], words: str
) -> None:
    frame = of_three_classes()[2].with_columns(s=pl.lit(0.5))
    with pytest.raises(error, match=words):
        measured(frame, **options)


@pytest.mark.parametrize("cutting", [Cutting(threshold=0.3), Cutting(threshold="f1"), Cutting(costs=(1.0, 2.0))])
def test_thresholds_and_costs_of_several_classes_are_refused_in_words(cutting: Cutting) -> None:
    with pytest.raises(RequestError, match="for one of two classes, but the task is multiclass; leave them out"):
        measured_scores(of_three_classes()[2], label="truth", cutting=cutting)


def test_a_file_that_predicts_nothing_is_refused_in_words() -> None:
    with pytest.raises(RequestError, match='neither --score nor a column "probability_<class>" per class nor a column'):
        measured(pl.DataFrame({"truth": [0, 1], "x": [0.1, 0.2]}))
