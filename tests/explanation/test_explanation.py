"""Importance and dependence are those of loops in float64 and of scikit-learn, and find what was planted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.inspection import partial_dependence, permutation_importance

from fitwell.data.columns.cells import Column
from fitwell.data.schema import Schema
from fitwell.explanation import Asked, dependence, explained, importance
from fitwell.explanation.asking import Blocks, entries_of
from fitwell.explanation.explained import bounded
from fitwell.explanation.importance import affordable, shuffled
from fitwell.explanation.rows import telling_rows
from fitwell.metrics import Cut
from fitwell.tasks.table import TASKS
from fitwell.tasks.task import TargetCoding

ROWS = 300


def column(name: str, kind: str) -> Column:
    return Column(name=name, kind=kind, why="", missing=(), missing_count=0, distinct=2)  # type: ignore[arg-type]


def asked_for(
    truth: np.ndarray,
    predict: Callable[[Blocks], np.ndarray],
    frame: pl.DataFrame,
    blocks: Blocks,
    task: str = "regression",
) -> Asked:
    names = {"numbers": tuple(name for name in frame.columns if name != "kind")}
    if "flags" in blocks:
        names["flags"] = ("kind",) * blocks["flags"].shape[1]
    coding = TargetCoding(names=("y",), centers=(0.0,), scales=(1.0,))
    if task == "binary":
        coding = TargetCoding(names=("y",), classes=(("no", "yes"),), positive="yes")
    features = [column(name, "category" if name == "kind" else "number") for name in frame.columns]
    return Asked(
        task=TASKS[task],  # type: ignore[index]
        coding=coding,
        schema=Schema(features=tuple(features), targets=(column("y", "number"),)),
        frame=frame,
        blocks=blocks,
        entries=entries_of(names),
        truth=truth,
        predictions=predict(blocks),
        weights=None,
        cut=Cut(),
        source_rows=np.arange(len(frame)) + 100,
        disagreement=None,
        predict=predict,
        cost=10.0,
    )


@pytest.fixture(scope="module")
def fitted() -> tuple[GradientBoostingRegressor, np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    x = random.normal(size=(ROWS, 3))
    y = 3 * x[:, 0] + np.sin(3 * x[:, 1]) + random.normal(0, 0.3, ROWS)
    return GradientBoostingRegressor(random_state=0).fit(x, y), x, y


@pytest.fixture
def numbers(fitted: tuple[GradientBoostingRegressor, np.ndarray, np.ndarray]) -> Asked:
    model, x, y = fitted
    frame = pl.DataFrame({"a": x[:, 0], "b": x[:, 1], "c": x[:, 2]})

    def predict(blocks: Blocks) -> np.ndarray:
        return np.asarray(model.predict(blocks["numbers"].astype(np.float64)))[:, None]

    return asked_for(y[:, None], predict, frame, {"numbers": x})


def test_importance_agrees_with_scikit_learn_within_its_own_spread(
    numbers: Asked, fitted: tuple[GradientBoostingRegressor, np.ndarray, np.ndarray]
) -> None:
    model, x, y = fitted
    theirs = permutation_importance(model, x, y, n_repeats=50, random_state=0, scoring="neg_root_mean_squared_error")
    ours = importance(numbers, metric="rmse", seed=0)
    assert ours is not None
    assert [loss.column for loss in ours.losses] == ["a", "b", "c"]
    for loss in ours.losses:
        place = "abc".index(loss.column)
        # Five shuffles against fifty: four standard errors of the mean of five.
        allowed = 4 * theirs.importances_std[place] / np.sqrt(5) + 1e-9
        assert loss.value == pytest.approx(theirs.importances_mean[place], abs=allowed)
        assert loss.low < loss.value < loss.high


def test_dependence_is_that_of_scikit_learn(
    numbers: Asked, fitted: tuple[GradientBoostingRegressor, np.ndarray, np.ndarray]
) -> None:
    model, x, _ = fitted
    (told,) = dependence(numbers, ["b"])
    values = np.array([point.at for point in told.points], dtype=np.float64)
    used = x[numbers.sample(200)]
    theirs = partial_dependence(model, used, [1], kind="both", custom_values={1: values})
    assert [point.value for point in told.points] == pytest.approx(theirs["average"][0].tolist(), abs=1e-9)
    quarters = np.quantile(theirs["individual"][0], [0.25, 0.75], axis=0)
    assert [point.low for point in told.points] == pytest.approx(quarters[0].tolist(), abs=1e-9)
    assert [point.high for point in told.points] == pytest.approx(quarters[1].tolist(), abs=1e-9)
    assert (told.kind, told.predicts) == ("number", "predicted y")


def mixed(rows: int = 200) -> Asked:
    """A planted truth: the answer is yes where `kind` is red; `noise` does nothing."""
    random = np.random.default_rng(1)
    kinds = random.choice(["red", "green", "blue"], rows)
    flags = (kinds[:, None] == np.array(["red", "green", "blue"])).astype(np.float32)
    noise = random.normal(size=(rows, 1)).astype(np.float32)
    truth = (kinds == "red").astype(np.int64)

    def predict(blocks: Blocks) -> np.ndarray:
        # Two entries in one row would be an impossible cell: shuffling must keep them together.
        assert (blocks["flags"].sum(axis=1) == 1).all()
        yes = 0.1 + 0.8 * blocks["flags"][:, 0].astype(np.float64)
        return np.stack([1 - yes, yes], axis=1)

    frame = pl.DataFrame({"noise": noise[:, 0], "kind": kinds})
    return asked_for(truth, predict, frame, {"numbers": noise, "flags": flags}, task="binary")


def test_what_was_planted_is_found_and_noise_loses_nothing() -> None:
    found = importance(mixed(), metric="roc_auc", seed=0)
    assert found is not None
    first, second = found.losses
    assert (first.column, second.column) == ("kind", "noise")
    assert first.low > 0.3
    assert (second.value, second.low, second.high) == (0.0, 0.0, 0.0)


@pytest.mark.parametrize("metric", ["roc_auc", "accuracy", "log_loss"])
def test_losing_is_positive_for_every_direction_of_a_metric(metric: str) -> None:
    found = importance(mixed(), metric=metric, seed=0)
    assert found is not None
    assert found.losses[0].value > 0


def test_importance_of_accuracy_is_that_of_a_loop() -> None:
    asked = mixed()
    found = importance(asked, metric="accuracy", seed=3)
    assert found is not None
    generator = np.random.default_rng(3)
    generator.standard_exponential((200, len(asked)))  # the resamples are drawn first
    losses = {}
    for name, entries in asked.entries.items():
        losses[name] = 0.0
        for _ in range(5):
            order = generator.permutation(len(asked))
            blocks = {block: values.copy() for block, values in asked.blocks.items()}
            for block, places in entries.items():
                for row in range(len(asked)):
                    blocks[block][row, places] = asked.blocks[block][order[row], places]
            right = (asked.predict(blocks)[:, 1] >= 0.5) == (asked.truth == 1)
            losses[name] += (1.0 - float(right.mean())) / 5
    assert {loss.column: loss.value for loss in found.losses} == pytest.approx(losses, abs=1e-12)


def test_dependence_along_a_category_has_its_values_most_frequent_first() -> None:
    asked = mixed()
    (told,) = dependence(asked, ["kind"])
    counts = asked.frame["kind"].value_counts(sort=True)
    assert [point.at for point in told.points] == counts["kind"].to_list()
    assert {point.at: round(point.value, 6) for point in told.points} == {"red": 0.9, "green": 0.1, "blue": 0.1}
    assert told.predicts == "probability of “yes”"


def test_the_interval_of_importance_covers_what_more_rows_show() -> None:
    """Over 60 samples of 150 rows, the 95 % interval holds the importance in a very large one nearly always."""
    random = np.random.default_rng(7)

    def drawn(rows: int) -> Asked:
        x = random.normal(size=(rows, 2))
        truth = (random.random(rows) < 1 / (1 + np.exp(-1.5 * x[:, 0]))).astype(np.int64)

        def predict(blocks: Blocks) -> np.ndarray:
            yes = 1 / (1 + np.exp(-1.5 * blocks["numbers"][:, 0]))
            return np.stack([1 - yes, yes], axis=1)

        return asked_for(truth, predict, pl.DataFrame({"a": x[:, 0], "b": x[:, 1]}), {"numbers": x}, task="binary")

    truths = [importance(drawn(2000), metric="roc_auc", seed=seed) for seed in range(20)]
    true = np.mean([found.losses[0].value for found in truths if found is not None])
    held = 0
    for seed in range(60):
        found = importance(drawn(150), metric="roc_auc", seed=seed)
        assert found is not None
        held += bool(found.losses[0].low <= true <= found.losses[0].high)
    assert held >= 52  # 95 % of 60 is 57; fewer than 52 happens once in 200 times by chance


def test_shuffling_takes_all_entries_of_a_column_from_one_row() -> None:
    blocks = {"numbers": np.array([[1.0, 10.0], [2.0, 20.0], [3.0, 30.0]]), "flags": np.array([[0.0], [1.0], [0.0]])}
    entries = {"numbers": np.array([1]), "flags": np.array([0])}
    changed = shuffled(blocks, entries, np.array([[1, 2, 0], [0, 1, 2]]))
    assert changed["numbers"].tolist() == [[1, 20], [2, 30], [3, 10], [1, 10], [2, 20], [3, 30]]
    assert changed["flags"][:, 0].tolist() == [1, 0, 0, 0, 1, 0]
    assert blocks["numbers"][:, 1].tolist() == [10, 20, 30]


def test_the_work_is_bounded_and_what_was_left_out_is_said() -> None:
    columns, rows, repeats = affordable(100_000, 5000, cost=1e6)
    assert columns * rows * repeats * 1e6 <= 2.01e10
    asked = mixed(rows=200)
    heavy = replace(asked, cost=2e10 / 150)
    found = importance(heavy, metric="roc_auc", seed=0)
    assert found is not None
    assert (found.rows, found.repeats) == (100, 2)
    assert bounded(found, rows=200) == "To bound the work, 100 of 200 rows were used."


def test_of_too_many_columns_those_that_go_along_with_the_predictions_are_tried() -> None:
    random = np.random.default_rng(2)
    x = random.normal(size=(200, 60))

    def predict(blocks: Blocks) -> np.ndarray:
        return np.asarray(blocks["numbers"][:, 41:42] * 2.0)

    frame = pl.DataFrame({f"c{place}": x[:, place] for place in range(60)})
    asked = replace(asked_for(x[:, 41:42] * 2.0, predict, frame, {"numbers": x}), cost=2e10 / 2000)
    found = importance(asked, metric="rmse", seed=0)
    assert found is not None
    assert len(found.losses) == 10
    assert found.untried == 50
    assert found.losses[0].column == "c41"
    assert str(bounded(found, rows=200)).startswith("To bound the work, the 10 of 60 columns that go along")


def test_the_worst_rows_are_those_with_the_least_probability_of_the_truth() -> None:
    asked = mixed()
    truth = asked.truth.copy()
    truth[[4, 9]] = 1 - truth[[4, 9]]  # two labels that are wrong
    told = telling_rows(replace(asked, truth=truth), ["kind", "noise"])
    assert [row["row"] for row in told["worst"]["rows"][:2]] == [104, 109]
    assert told["worst"]["rows"][0]["score"] == pytest.approx(0.9)
    assert told["worst"]["rows"][0]["cells"][0] == asked.frame["kind"][4]
    assert told["worst"]["rows"][0]["truth"] != told["worst"]["rows"][0]["prediction"]


def test_members_that_disagree_mark_the_uncertain_rows() -> None:
    asked = mixed()
    told = telling_rows(replace(asked, disagreement=np.linspace(0.0, 0.5, 200)), ["kind"])
    assert told["uncertain"]["score"] == "disagreement of the members"
    assert [row["row"] for row in told["uncertain"]["rows"][:2]] == [299, 298]


def test_the_same_seed_explains_alike() -> None:
    first, second = (explained(mixed(), metric="roc_auc", seed=5) for _ in range(2))
    assert first == second
    assert set(first) == {"importance", "dependence", "rows", "sheets"}
