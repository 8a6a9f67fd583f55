"""Tasks turn cells into numbers and outputs into predictions, and back."""

from __future__ import annotations

from typing import get_args

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit, softmax
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    matthews_corrcoef,
    r2_score,
    roc_auc_score,
    root_mean_squared_error,
)
from sklearn.utils.class_weight import compute_class_weight

from fitwell.data.sketches import Moments, joined, moments_of
from fitwell.data.targets import KnownTarget
from fitwell.errors import DataError, RecipeError
from fitwell.metrics import METRICS, Cut
from fitwell.recipe import TaskName
from fitwell.tasks.losses import LOSSES, Form
from fitwell.tasks.table import TASKS
from fitwell.tasks.task import (
    TargetCoding,
    class_weights,
    coding_from_json,
    label_cells,
    sorted_classes,
)
from fitwell.tasks.together import together

WORDS = pl.Series("y", ["no", "yes", "no", None, "yes", "no"], dtype=pl.String)
CELLS: dict[TaskName, list[pl.Series]] = {
    "binary": [pl.Series("y", ["no", "yes", "no", "yes", "no"])],
    "multiclass": [pl.Series("y", [10, 9, 2, 9, 2])],
    "multilabel": [pl.Series("a", [0, 1, 1, 0, 0]), pl.Series("b", [True, False, True, True, False])],
    "regression": [pl.Series("u", [1.0, 2.5, -3.0, 4.0, 0.5]), pl.Series("v", [1, 2, 3, 4, 50])],
}


def test_every_task_of_the_recipe_is_in_the_table_and_its_losses_fit_its_targets() -> None:
    assert set(TASKS) == set(get_args(TaskName))
    for task in TASKS.values():
        assert task.losses
        assert all(getattr(LOSSES[name], task.form) is not None for name in task.losses)


@pytest.mark.parametrize("name", TASKS)
def test_a_coding_survives_json_and_gives_the_same_truth(name: TaskName) -> None:
    coding = TASKS[name].fit(CELLS[name], True)
    again = coding_from_json(coding.as_json())
    assert again == coding
    assert np.array_equal(TASKS[name].truth(CELLS[name], again), TASKS[name].truth(CELLS[name], coding))


@pytest.mark.parametrize("name", TASKS)
@pytest.mark.parametrize("scale", [True, False])
def test_cells_that_were_counted_in_two_parts_have_the_coding_of_all(name: TaskName, scale: bool) -> None:
    task, cells = TASKS[name], CELLS[name]
    known = []
    for column in cells:
        labels: dict[str, int] = {}
        moments = Moments()
        for part in (column[:2], column[2:]):
            if task.form == "values":
                moments = joined(moments, moments_of(part.cast(pl.Float64).to_numpy()))
            else:
                for label in label_cells(part):
                    labels[f" {label}"] = labels.get(f" {label}", 0) + 1
        known.append(KnownTarget(name=column.name, labels=labels, values=moments))
    found, whole = task.coding(known, scale), task.fit(cells, scale)
    assert (found.names, found.classes, found.positive) == (whole.names, whole.classes, whole.positive)
    for numbers in ("centers", "scales", "lows", "highs"):  # sums in another order
        assert getattr(found, numbers) == pytest.approx(getattr(whole, numbers), rel=1e-14)


def test_a_counted_target_that_is_too_large_is_refused() -> None:
    known = KnownTarget(name="y", values=moments_of(np.array([1.0, 1e31])))
    with pytest.raises(DataError, match=r'"y" must be a number of at most 1e\+30 in size, but one is 1e\+31'):
        TASKS["regression"].coding([known], True)


@pytest.mark.parametrize("name", ["binary", "multiclass", "multilabel"])
def test_sure_outputs_for_the_truth_are_read_as_the_cells_they_came_from(name: TaskName) -> None:
    task, cells = TASKS[name], CELLS[name]
    coding = task.fit(cells, True)
    targets = task.targets(task.truth(cells, coding), coding)
    sure = 50.0 * (np.eye(task.outputs(coding))[targets] if name == "multiclass" else 2 * targets - 1)
    assert sure.shape == (5, task.outputs(coding))
    table = task.table(task.predictions(sure.astype(np.float32), coding), coding, Cut())
    columns = [f"prediction_{cell.name}" for cell in cells] if name == "multilabel" else ["prediction"]
    for cell, column in zip(cells, columns, strict=True):
        assert table[column].to_list() == label_cells(cell).to_list()


@given(values=st.lists(st.floats(-1e6, 1e6, allow_subnormal=False), min_size=2, max_size=30), scale=st.booleans())
def test_scaled_values_come_back_in_their_own_units(values: list[float], scale: bool) -> None:
    task, cells = TASKS["regression"], [pl.Series("y", values, dtype=pl.Float64)]
    coding = task.fit(cells, scale)
    truth = task.truth(cells, coding)
    targets = task.targets(truth, coding)
    assert targets.dtype == np.float32
    spread = max(np.ptp(values), np.abs(values).max() if not scale else 0.0, 1e-12)
    assert np.allclose(task.predictions(targets, coding)[:, 0], values, atol=1e-6 * spread + 1e-9, rtol=1e-12)


def test_regression_scales_each_target_to_mean_zero_and_deviation_one() -> None:
    task, cells = TASKS["regression"], CELLS["regression"]
    coding = task.fit(cells, True)
    targets = task.targets(task.truth(cells, coding), coding).astype(np.float64)
    assert targets.mean(0) == pytest.approx([0, 0], abs=1e-7)
    assert targets.std(0) == pytest.approx([1, 1], rel=1e-6)
    assert coding.centers == pytest.approx([1.0, 12.0])
    assert task.fit(cells, False).scales == (1.0, 1.0)


def test_a_target_of_equal_values_is_not_blown_up_by_rounding() -> None:
    assert TASKS["regression"].fit([pl.Series("y", [0.1] * 7)], True).scales == (1.0,)


@pytest.mark.parametrize(
    ("labels", "positive"),
    [
        (["no", "yes", "yes"], "yes"),
        (["good", "good", "bad"], "bad"),
        ([0, 1, 1], "1"),
        ([2, 1, 1], "2"),
        ([1.0, 2.0, 2.0], "2"),
        ([True, True, False], "true"),
        (["9", "10", "10"], "10"),
        (["a", "b"], "b"),
    ],
)
def test_the_positive_class_is_the_one_the_metrics_would_choose_and_has_code_one(
    labels: list[object], positive: str
) -> None:
    cells = [pl.Series("y", labels)]
    coding = TASKS["binary"].fit(cells, True)
    assert (coding.positive, coding.classes[0][1]) == (positive, positive)
    codes = TASKS["binary"].truth(cells, coding)
    assert [coding.classes[0][code] for code in codes] == label_cells(cells[0]).to_list()


@given(st.permutations(["10", "9", "-1.5", "9.0", "09"]))
def test_classes_that_are_numbers_are_ordered_by_size_whatever_order_they_come_in(labels: list[str]) -> None:
    assert sorted_classes(pl.Series(labels)) == ("-1.5", "09", "9", "9.0", "10")


@given(st.permutations(["b", "10", "9", "nan"]))
def test_classes_that_are_not_all_numbers_are_ordered_by_the_alphabet(labels: list[str]) -> None:
    assert sorted_classes(pl.Series(labels)) == ("10", "9", "b", "nan")
    assert sorted_classes(pl.Series([label for label in labels if label != "b"])) == ("10", "9", "nan")


def test_a_label_does_not_depend_on_the_cells_beside_it() -> None:
    together = label_cells(pl.Series([1.0, 2.5, None, float("nan"), -3.0, 1e300]))
    assert together.to_list() == ["1", "2.5", None, None, "-3", "1e+300"]
    assert label_cells(pl.Series([1.0, None])).to_list() == ["1", None]


@pytest.mark.parametrize("name", ["binary", "multiclass", "multilabel"])
def test_an_unknown_class_is_refused_with_what_came_and_what_is_known(name: TaskName) -> None:
    task = TASKS[name]
    coding = task.fit(CELLS[name], True)
    strange = [pl.Series(cell.name, ["7", "7"]) for cell in CELLS[name]]
    known = ", ".join(f'"{label}"' for label in coding.classes[0])
    message = rf'target "{strange[0].name}" must be one of the classes known from training \({known}\), but 2 of 2 rows'
    with pytest.raises(DataError, match=message + ' are not, the first with "7"'):
        task.truth(strange, coding)


def test_a_missing_label_and_an_infinite_value_are_refused() -> None:
    coding = TASKS["binary"].fit(CELLS["binary"], True)
    with pytest.raises(DataError, match="1 of 6 rows are not, the first with a missing cell"):
        TASKS["binary"].truth([WORDS], coding)
    values = TASKS["regression"].fit([pl.Series("y", [1.0, 2.0])], True)
    with pytest.raises(DataError, match='the target "y" must be a finite number, but is inf in row 2'):
        TASKS["regression"].truth([pl.Series("y", [1.0, float("inf")])], values)


@given(st.lists(st.lists(st.floats(-30, 30), min_size=3, max_size=3), min_size=1, max_size=10))
def test_probabilities_are_those_of_the_softmax_and_the_logistic_function(rows: list[list[float]]) -> None:
    outputs = np.array(rows)
    many = TASKS["multiclass"].predictions(outputs, TargetCoding(names=("y",)))
    assert many == pytest.approx(softmax(outputs, axis=1), abs=1e-12)
    two = TASKS["binary"].predictions(outputs[:, :1], TargetCoding(names=("y",)))
    assert two[:, 1] == pytest.approx(expit(outputs[:, 0]), abs=1e-12)
    assert two.sum(1) == pytest.approx(np.ones(len(rows)))
    assert TASKS["multilabel"].predictions(outputs, TargetCoding(names=("y",))) == pytest.approx(expit(outputs))


def test_tables_name_a_probability_for_each_class_or_label() -> None:
    columns = {}
    for name, task in TASKS.items():
        coding = task.fit(CELLS[name], True)
        outputs = np.random.default_rng(0).normal(size=(4, task.outputs(coding)))
        columns[name] = task.table(task.predictions(outputs, coding), coding, Cut()).columns
    assert columns == {
        "binary": ["prediction", "probability_no", "probability_yes"],
        "multiclass": ["prediction", "probability_2", "probability_9", "probability_10"],
        "multilabel": ["prediction_a", "probability_a", "prediction_b", "probability_b"],
        "regression": ["prediction_u", "prediction_v"],
    }


@pytest.mark.parametrize("name", TASKS)
def test_members_that_agree_do_not_disagree_and_predict_as_each(name: TaskName) -> None:
    task = TASKS[name]
    coding = task.fit(CELLS[name], True)
    predictions = task.predictions(np.random.default_rng(1).normal(size=(6, task.outputs(coding))), coding)
    said = together(task.form, [predictions] * 3)
    assert said.disagreement == pytest.approx(np.zeros(6), abs=1e-12)
    assert said.mean == pytest.approx(predictions)


def test_disagreement_is_the_share_of_dissenters_or_the_spread() -> None:
    choices = np.eye(3)[[[0, 1], [0, 2], [1, 0]]]  # three members, two rows
    assert together("classes", list(choices)).disagreement == pytest.approx([1 / 3, 2 / 3])
    values = [np.array([[1.0], [0.0]]), np.array([[3.0], [0.0]])]
    assert together("values", values).disagreement == pytest.approx([1.0, 0.0])


@pytest.mark.parametrize("form", ["labels", "values"])
def test_what_members_say_together_is_numpys_mean_and_spread_also_far_from_zero(form: Form) -> None:
    predictions = 1e6 + np.random.default_rng(0).normal(0, 1e-3, size=(50, 20, 3))
    said = together(form, iter(predictions))
    assert said.members == 50
    assert np.array_equal(said.mean, np.mean(predictions, axis=0))
    assert said.disagreement == pytest.approx(predictions.std(0).mean(1), rel=1e-6)


@given(st.lists(st.integers(0, 2), min_size=3, max_size=60).filter(lambda codes: len(set(codes)) == 3))
def test_balanced_class_weights_are_those_of_scikit_learn(codes: list[int]) -> None:
    coding = TargetCoding(names=("y",), classes=(("a", "b", "c"),))
    truth = np.array(codes)
    expected = compute_class_weight("balanced", classes=np.arange(3), y=truth)
    assert class_weights(TASKS["multiclass"], "balanced", truth, coding) == pytest.approx(expected)
    answers = np.stack([truth == 0, truth == 1], axis=1).astype(int)
    found = class_weights(TASKS["multilabel"], "balanced", answers, TargetCoding(names=("a", "b")))
    for label in range(2):
        expected = compute_class_weight("balanced", classes=np.arange(2), y=answers[:, label])
        assert found[:, label] == pytest.approx(expected)


def test_named_class_weights_go_to_their_classes_and_the_rest_weigh_one() -> None:
    many = TargetCoding(names=("y",), classes=(("a", "b", "c"),))
    assert class_weights(TASKS["multiclass"], {"b": 3.0}, np.array([0]), many).tolist() == [1, 3, 1]
    two = TargetCoding(names=("y",), classes=(("no", "yes"),), positive="yes")
    assert class_weights(TASKS["binary"], {"yes": 5.0}, np.array([0]), two).tolist() == [[1], [5]]
    with pytest.raises(RecipeError, match='names "yse", which is no class; did you mean "yes"'):
        class_weights(TASKS["binary"], {"yse": 5.0}, np.array([0]), two)
    with pytest.raises(RecipeError, match="class_weights is balanced, but the target has no classes; leave it out"):
        class_weights(TASKS["regression"], "balanced", np.zeros((3, 1)), TargetCoding(names=("y",)))


def test_quick_figures_are_those_of_scikit_learn() -> None:
    random = np.random.default_rng(3)
    truth, scores = random.integers(0, 2, 50), random.integers(0, 6, (50, 2)) / 6
    both = np.stack([1 - scores[:, 0], scores[:, 0]], axis=1)
    answers = np.stack([truth, 1 - truth], axis=1)
    values = random.normal(size=(50, 2))
    classes, table = random.integers(0, 4, 50), random.random((50, 4))
    likeliest = table.argmax(1)
    expected: dict[TaskName, dict[str, float]] = {
        "binary": {
            "roc_auc": roc_auc_score(truth, scores[:, 0]),
            "pr_auc": average_precision_score(truth, scores[:, 0]),
        },
        "multiclass": {
            "accuracy": accuracy_score(classes, likeliest),
            "mcc": matthews_corrcoef(classes, likeliest),
        },
        "multilabel": {
            "roc_auc": roc_auc_score(answers, scores),
            "pr_auc": average_precision_score(answers, scores),
        },
        "regression": {
            "r2": r2_score(values, scores),
            "rmse": np.mean([root_mean_squared_error(values[:, place], scores[:, place]) for place in (0, 1)]),
        },
    }
    rows = {"binary": (truth, both), "multiclass": (classes, table), "multilabel": (answers, scores)}
    for name, task in TASKS.items():
        found = {each.name: each.figure(*rows.get(name, (values, scores))) for each in task.glances}
        assert found == pytest.approx(expected[name]), name


def test_a_quick_figure_of_rows_of_one_class_is_none_and_that_of_one_answer_is_chance() -> None:
    for glance in TASKS["binary"].glances:
        assert np.isnan(glance.figure(np.ones(3), np.full((3, 2), 0.5)))
    assert TASKS["multiclass"].glance("mcc").figure(np.array([0, 1, 2]), np.eye(3)[[1, 1, 1]]) == 0


@pytest.mark.parametrize("name", TASKS)
def test_what_decides_is_watched_where_it_is_quick(name: TaskName) -> None:
    task = TASKS[name]
    assert [task.glance(each.name) for each in task.glances] == list(task.glances)
    assert task.glance("cost") == task.glances[0]
    assert all(name in METRICS[each.name].tasks for each in task.glances)


def test_predicted_values_end_one_standard_deviation_beyond_the_training_range() -> None:
    values = pl.Series("y", [0.0, 10.0])  # standard deviation 5
    coding = TASKS["regression"].fit([values], True)
    found = TASKS["regression"].predictions(np.array([[-100.0], [0.0], [100.0]]), coding)
    assert found[:, 0].tolist() == [-5.0, 5.0, 15.0]
