"""Every open setting is chosen, with its reason, and what was asked stays."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from itertools import product
from typing import Any, get_args

import polars as pl
import pytest
from hypothesis import event, given
from hypothesis import settings as given_settings
from hypothesis import strategies as st

from fitwell.data.encode import ArrayBlock, FeatureLayout
from fitwell.data.read import read_table
from fitwell.data.schema import infer_schema
from fitwell.errors import RecipeError
from fitwell.metrics import Primary
from fitwell.plan import CHOICES, DATA_CHOICES, OPEN, Facts, Plan, resolve, resolve_data, resolve_texts
from fitwell.pretrained.configuration import Configuration
from fitwell.recipe import NEUTRAL, Recipe, TaskName, changed, default_of, described, from_yaml, setting, to_yaml
from fitwell.tasks.table import TASKS
from fitwell.training.costs import seconds_saved, seconds_to_compile

ROWS = (10, 1_000, 5_000, 50_000)
LAYOUTS = {
    "all": FeatureLayout(numbers=3, flags=2, cardinalities=(4, 60)),
    "numbers": FeatureLayout(numbers=3, flags=0, cardinalities=()),
    "flags": FeatureLayout(numbers=0, flags=2, cardinalities=()),
    "codes": FeatureLayout(numbers=0, flags=0, cardinalities=(60,)),
    "text": FeatureLayout(
        numbers=0, flags=0, cardinalities=(), arrays={"text_0": ArrayBlock(column="t", kind="text", shape=(9, 2))}
    ),
}
PRIMARY = Primary("roc_auc", "because")
ELSEWHERE = {"task", "data.split"}  # decided while the rows are prepared: by the target, and by the split itself


def facts(task: TaskName = "binary", rows: int = 1_000, layout: str = "all", cores: int = 4) -> Facts:
    return Facts(task=task, training_rows=rows, outputs=1, layout=LAYOUTS[layout], cores=cores)


def planned(asked: dict[str, Any] | None = None, **of_facts: Any) -> Plan:
    return resolve(changed(Recipe(), asked or {}), facts(**of_facts))


def left_open(recipe: Recipe) -> set[str]:
    return {path for path, _, _ in described() if setting(recipe, path) in ("auto", "usual")}


def with_data(asked: Recipe) -> Plan:
    frame = pl.DataFrame({"a": [1.5, 2.5, 3.5] * 9, "b": ["x", "y", "z"] * 9, "y": ["n", "p", "p"] * 9})
    recipe = changed(asked, {"target": ["y"]})
    return resolve_data(recipe, infer_schema(read_table(frame), recipe), PRIMARY, rows=len(frame))


@pytest.mark.parametrize(("task", "rows", "layout"), list(product(TASKS, ROWS, LAYOUTS)))
def test_nothing_is_left_open_and_every_choice_has_a_reason(task: TaskName, rows: int, layout: str) -> None:
    before = with_data(Recipe())
    after = resolve(before.recipe, facts(task, rows, layout))
    assert left_open(after.recipe) == ELSEWHERE
    reasons = {**before.reasons, **after.reasons}
    assert {path for path in reasons if not path.startswith("data.columns.")} == left_open(Recipe()) - ELSEWHERE
    assert all(why.strip() for why in reasons.values())
    assert all(column.kind != "auto" for column in after.recipe.data.columns.values())
    assert from_yaml(to_yaml(after.recipe, comments=reasons)) == after.recipe
    again = resolve(after.recipe, facts(task, rows, layout))
    assert (again.recipe, dict(again.reasons)) == (after.recipe, {})
    assert with_data(after.recipe).recipe == changed(after.recipe, {"target": ["y"]})


def test_the_tables_hold_exactly_the_settings_that_can_be_open() -> None:
    open_by_default = {path for path, _, default in described() if default in ("auto", "usual")}
    assert {*CHOICES, *DATA_CHOICES, "goal", *ELSEWHERE} == open_by_default
    assert all(setting(Recipe(), path) == word for path, word in OPEN.items())


@pytest.mark.parametrize(("width", "rate"), [(768, 0.15), (384, 0.15), (192, 0.6), (128, 1.0)])
def test_a_narrow_encoder_learns_faster_and_few_rows_keep_it(width: int, rate: float) -> None:
    sizes: dict[str, Any] = {
        "layers": 2,
        "width": width,
        "entry_width": width,
        "heads": 2,
        "inner": width,
        "vocabulary": 9,
        "types": 2,
    }
    sizes |= {"positions": 9, "first_position": 0, "longest": 9}
    encoder = Configuration(family="bert", activation="gelu", epsilon=1e-12, dropout=0.1, **sizes)
    own = ArrayBlock(column="t", kind="text", shape=(9,), configuration=encoder.as_text())
    layout = FeatureLayout(numbers=0, flags=0, cardinalities=(), arrays={"text_0": own})
    asked = changed(Recipe(), {"data.text": "pieces", "data.text_encoder": "folder"})
    for rows in (999, 1_000):
        plan = resolve(asked, replace(facts(rows=rows), layout=layout))
        assert plan.recipe.network.text.tuned is (rows == 1_000)
        assert plan.recipe.training.encoder_rate == rate


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        (900, "from 900 vectors would be learned worse still"),
        (5_000, "(5,000 here)"),
        (10**6, "1,000,000 are more, so that data.text words is worth a try"),
    ],
)
def test_why_texts_become_terms_is_said_with_how_many_there_are(rows: int, why: str) -> None:
    plan = resolve_texts(Recipe(), rows=rows)
    assert plan.recipe.data.text == "terms"
    assert "without an encoder in data.text_encoder, terms were ahead" in plan.reasons["data.text"]
    assert why in plan.reasons["data.text"]
    assert resolve_texts(changed(Recipe(), {"data.text": "words"}), rows=rows).reasons.keys() == {
        "data.text_length",
        "data.vocabulary_size",
    }


def test_a_learning_rate_that_a_range_test_finds_stays_open() -> None:
    plan = planned({"training.learning_rate": "auto"})
    assert plan.recipe.training.learning_rate == "auto"
    assert "training.learning_rate" not in plan.reasons


ASKED: dict[str, list[Any]] = {
    "network.hidden": [[], [5], [16] * 6],
    "network.activation": ["relu", "selu", "tanh"],
    "network.initialization": ["orthogonal", "uniform"],
    "network.normalization": ["batch", "group"],
    "network.dropout": [0.0, 0.5],
    "network.residual": [True, False],
    "network.input_scale": [False, True],
    "network.number_embedding": ["none", "periodic", "piecewise_linear", "combined"],
    "network.number_embedding_width": [2, 9],
    "network.category_embedding_width": [3],
    "training.loss": ["cross_entropy", "focal", "huber"],
    "training.label_smoothing": [0.0, 0.1],
    "training.optimizer": ["sgd", "adam", "adamw", "muon", "rmsprop", "adagrad"],
    "training.beta2": [0.9],
    "training.weight_decay": [0.0, 0.1],
    "training.learning_rate": [0.25, "auto"],
    "training.schedule": ["constant", "cosine", "plateau"],
    "training.batch_size": [1, 7, 4096, "full"],
    "training.epochs": [1, 7, 500],
    "training.early_stopping.patience": [0, 3],
    "training.execution": ["mapped"],
    "training.compile": ["always", "never"],
    "training.threads": [2],
    "training.members_at_once": [1, 3],
    "training.sorted_batches": [1, 8],
    "decision.threshold": ["half", "youden", "cost", "precision", 0.3],
    "decision.at_least": [0.8],
    "decision.false_positive_cost": [1.0],
    "decision.false_negative_cost": [5.0],
    "decision.calibration": ["none", "if_better", "temperature", "isotonic"],
    "decision.coverage": [0.8],
    "device": ["cpu"],
    "members": [1, 5],
    "seed": [11],
}


@given_settings(deadline=None, max_examples=50)
@given(
    asked=st.fixed_dictionaries({}, optional={path: st.sampled_from(values) for path, values in ASKED.items()}),
    task=st.sampled_from(list(TASKS)),
    rows=st.integers(2, 100_000),
    layout=st.sampled_from(list(LAYOUTS)),
)
def test_what_was_asked_is_never_changed_and_contradictions_name_it(
    asked: dict[str, Any], task: TaskName, rows: int, layout: str
) -> None:
    try:
        recipe = changed(Recipe(), asked)
        found = resolve(recipe, facts(task, rows, layout)).recipe
    except RecipeError as error:
        named = [path for path in asked if path in str(error)]
        event(f"refused: {named}")
        if not named:
            raise
        return
    assert all(setting(found, path) == setting(recipe, path) for path in asked)
    untouched = {path for path, _, _ in described()} - {*CHOICES}
    assert all(setting(found, path) == setting(recipe, path) for path in untouched)
    assert left_open(found) - {"training.learning_rate"} == ELSEWHERE | {"goal", *DATA_CHOICES}
    assert from_yaml(to_yaml(found)) == found
    assert resolve(found, facts(task, rows, layout)).recipe == found


@pytest.mark.parametrize(
    ("path", "asked", "task"),
    [
        ("training.beta2", {"training.optimizer": "sgd"}, "binary"),
        ("training.label_smoothing", {}, "regression"),
        ("training.label_smoothing", {"training.loss": "focal"}, "binary"),
        ("network.number_embedding_width", {"network.number_embedding": "none"}, "binary"),
        ("decision.threshold", {"task": "multiclass"}, "multiclass"),
        ("decision.calibration", {"task": "regression"}, "regression"),
    ],
)
def test_a_choice_without_effect_is_neutral_and_says_so(path: str, asked: dict[str, Any], task: TaskName) -> None:
    plan = planned(asked, task=task)
    assert setting(plan.recipe, path) == NEUTRAL[path]
    assert plan.reasons[path].startswith("has no effect with ")


def test_every_neutral_value_belongs_to_a_choice() -> None:
    assert set(NEUTRAL) <= {*CHOICES, *DATA_CHOICES}
    assert all(default_of(path) == "auto" for path in NEUTRAL)


@pytest.mark.parametrize(
    ("rows", "size"), [(2, 32), (10, 32), (700, 32), (1_000, 64), (2_900, 256), (2_800, 128), (50_000, 256)]
)
def test_batches_are_a_power_of_two_near_a_sixteenth_of_the_rows(rows: int, size: int) -> None:
    assert planned(rows=rows).recipe.training.batch_size == size


@given_settings(deadline=None, max_examples=25)
@given(st.integers(16 * 32, 16 * 256))
def test_between_the_ends_a_batch_is_within_a_root_of_two_of_a_sixteenth(rows: int) -> None:
    size = planned(rows=rows).recipe.training.batch_size
    assert isinstance(size, int)
    assert 1 / math.sqrt(2) - 1e-9 <= size / (rows / 16) <= math.sqrt(2) + 1e-9


@pytest.mark.parametrize(("rows", "batch", "seen"), [(10, 32, 10), (5_000, 64, 64), (300, "full", 300), (99, 256, 99)])
def test_the_usual_rate_shrinks_with_the_root_of_the_batch(rows: int, batch: int | str, seen: int) -> None:
    full = planned({"training.batch_size": 256}, rows=1_000).recipe.training.learning_rate
    assert isinstance(full, float)
    found = planned({"training.batch_size": batch}, rows=rows).recipe.training.learning_rate
    assert found == pytest.approx(full * min(1, math.sqrt(seen / 256)), rel=5e-3)  # three digits are kept
    doubled = planned({"training.batch_size": batch}, rows=rows, task="regression").recipe.training.learning_rate
    assert doubled == pytest.approx(2 * full * min(1, math.sqrt(seen / 256)), rel=5e-3)


THRESHOLDS: list[tuple[str, Any, Any, TaskName, int]] = [
    ("network.hidden", (128,) * 3, (256,) * 3, "binary", 8_000),
    ("network.dropout", 0.3, 0.1, "binary", 2_000),
    ("network.number_embedding", "periodic", "combined", "binary", 2_000),
    ("training.epochs", 64, 32, "binary", 16_000),
    ("training.epochs", 64, 64, "regression", 16_000),
]


@pytest.mark.parametrize(("path", "below", "at", "task", "rows"), THRESHOLDS)
def test_thresholds_are_where_they_are_said_to_be(path: str, below: Any, at: Any, task: TaskName, rows: int) -> None:
    assert setting(planned(rows=rows - 1, task=task).recipe, path) == below
    assert setting(planned(rows=rows, task=task).recipe, path) == at


@pytest.mark.parametrize(("epochs", "patience"), [(1, 5), (10, 5), (64, 26), (100, 40)])
def test_patience_is_two_fifths_of_the_epochs_and_at_least_five(epochs: int, patience: int) -> None:
    assert planned({"training.epochs": epochs}).recipe.training.early_stopping.patience == patience


def test_the_reason_of_the_epochs_tells_the_cycles_that_the_schedule_has() -> None:
    first = 64 / (1 + 2 + 4 + 8)
    assert f"{first:.0f} to {8 * first:.0f} epochs" in planned().reasons["training.epochs"]
    assert "cycle" not in planned({"training.schedule": "cosine"}).reasons["training.epochs"]
    assert "cycle" not in planned({"training.schedule": "cosine"}).reasons["training.early_stopping.patience"]
    two = planned({"training.cycles": 2})
    assert two.reasons["training.schedule"].startswith("2 annealed cycles")
    assert f"{64 / 3:.0f} to {128 / 3:.0f} epochs" in two.reasons["training.epochs"]


def test_members_are_mapped_and_one_network_is_not() -> None:
    assert planned().recipe.training.execution == "eager"
    assert planned({"members": 2}).recipe.training.execution == "mapped"


def test_a_step_is_compiled_where_that_saves_clearly_more_than_it_costs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fitwell.plan.execution.has_compiler", lambda: True)
    on_cpu = {"device": "cpu"}
    for rows, members, execution in ((1_000, 1, "eager"), (3_000_000, 1, "compiled"), (3_000_000, 4, "compiled")):
        plan = planned(on_cpu | {"members": members}, rows=rows)
        assert plan.recipe.training.execution == execution
        assert plan.recipe.training.compile == ("always" if execution == "compiled" else "never")
        assert re.search(r"(saves|would save) about [\d]+ s and takes \d+ s", plan.reasons["training.compile"])
    long = {"members": 30, "training.epochs": 1000}
    assert planned(on_cpu | long).recipe.training.execution == "compiled"
    assert planned(on_cpu | long | {"training.redraw_fraction": 0.1}).recipe.training.execution == "mapped"
    assert planned(on_cpu | {"training.execution": "compiled"}).recipe.training.compile == "always"
    assert planned(on_cpu | {"training.compile": "always"}).recipe.training.execution == "compiled"
    monkeypatch.setattr("fitwell.plan.execution.has_compiler", lambda: False)
    without = planned(on_cpu | long)
    assert without.recipe.training.execution == "mapped"
    assert without.reasons["training.compile"] == "no C++ compiler is there"


@pytest.mark.parametrize(("rows", "compile"), [(300, "never"), (100_000, "always")])
def test_on_a_gpu_steps_are_recorded_where_there_are_many(
    rows: int, compile: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fitwell.plan.execution.has_compiler", lambda: False)  # a graph needs none
    on_gpu = {"device": "cuda", "training.epochs": 2, "training.batch_size": 128}  # one of which is expected
    plan = planned(on_gpu, rows=rows)
    assert plan.recipe.training.compile == compile
    why = rf"as long as about 60 of them, and {rows // 128:,} are expected"
    assert re.search(why, plan.reasons["training.compile"])
    if compile == "always":
        assert plan.recipe.training.execution == "compiled"
        assert plan.reasons["training.execution"] == "steps are replayed as a graph, 10 at a time"


def test_compiling_is_worth_more_with_more_steps_members_and_units() -> None:
    usual = seconds_saved(steps=1000, members=1, rows=256, units=384)
    assert seconds_saved(steps=2000, members=1, rows=256, units=384) == pytest.approx(2 * usual)
    assert seconds_saved(steps=1000, members=3, rows=256, units=384) == pytest.approx(3 * usual)
    assert seconds_saved(steps=1000, members=1, rows=256, units=768) > usual
    assert seconds_to_compile(layers=3, observed=True) == 2 * seconds_to_compile(layers=3, observed=False)


def test_a_step_is_shared_among_cores_from_two_billion_multiplications_on() -> None:
    # 2 flags, 3 numbers of 4 entries: 14 inputs into one layer, 4 × 1,000 rows of it.
    at = math.ceil(2e9 / (4_000 * 14))
    asked = {"members": 4, "training.batch_size": "full"}
    assert planned(asked | {"network.hidden": [at]}).recipe.training.threads == 4
    assert planned(asked | {"network.hidden": [at - 1]}).recipe.training.threads == 1


def test_only_deep_networks_get_shortcuts() -> None:
    assert planned({"network.hidden": [8] * 4}).recipe.network.residual is False
    assert planned({"network.hidden": [8] * 5}).recipe.network.residual is True


COSTS = {"decision.false_positive_cost": 1, "decision.false_negative_cost": 5}


@pytest.mark.parametrize(
    ("asked", "rule"),
    [
        ({"goal": "balanced"}, "half"),
        ({"goal": "probability"}, "half"),
        ({"goal": "imbalanced"}, "f1"),
        ({"goal": "imbalanced", **COSTS}, "cost"),
        ({"goal": "balanced", **COSTS}, "cost"),
    ],
)
def test_the_threshold_follows_costs_then_the_goal(asked: dict[str, Any], rule: str) -> None:
    assert planned(asked).recipe.decision.threshold == rule


def test_the_usual_loss_fits_the_task() -> None:
    usual = {task: planned(task=task).recipe.training.loss for task in get_args(TaskName)}
    assert usual == {
        "binary": "cross_entropy",
        "multiclass": "cross_entropy",
        "multilabel": "cross_entropy",
        "regression": "squared_error",
    }


def test_a_column_asked_for_keeps_its_settings_beside_the_inferred_kind() -> None:
    asked = changed(Recipe(), {"data.columns": {"a": {"missing": ["9"]}, "b": {"kind": "category"}}})
    columns = with_data(asked).recipe.data.columns
    assert (columns["a"].kind, columns["a"].missing, columns["b"].kind) == ("number", ("9",), "category")


@pytest.mark.parametrize(("metric", "goal"), [("pr_auc", "imbalanced"), ("roc_auc", "ranking"), ("rmse", "balanced")])
def test_the_goal_follows_from_the_metric_that_decides(metric: str, goal: str) -> None:
    frame = read_table(pl.DataFrame({"a": [1.5, 2.5, 3.5] * 9, "y": ["n", "p", "p"] * 9}))
    recipe = changed(Recipe(), {"target": ["y"]})
    plan = resolve_data(recipe, infer_schema(frame, recipe), Primary(metric, "a reason"), rows=27)
    assert (plan.recipe.goal, plan.reasons["goal"]) == (goal, "a reason")


CHANGES = ("image_flip", "image_crop", "image_rotation", "image_color", "image_erase")


@pytest.mark.parametrize(("channels", "changed_much"), [(1, False), (3, True)])
def test_pictures_in_color_are_changed_more_than_grey_ones_and_learned_in_larger_and_more_steps(
    channels: int, changed_much: bool
) -> None:
    array = ArrayBlock(column="p", kind="image", shape=(8, 8, channels))
    layout = FeatureLayout(numbers=0, flags=0, cardinalities=(), arrays={"image_0": array})
    asked = changed(Recipe(), {"network.image.family": "convolutional"})
    recipe = resolve(asked, replace(facts(), layout=layout)).recipe
    assert [bool(getattr(recipe.training, name)) for name in CHANGES] == [changed_much] * len(CHANGES)
    # adamw's usual 0.002 at 256 rows, for a batch of 32.
    assert recipe.training.learning_rate == pytest.approx(
        0.002 * (32 / 256) ** 0.5 * (3 if changed_much else 1), rel=0.01
    )
    assert recipe.training.epochs == (97 if changed_much else 49)  # 3,000 or 1,500 steps, 31 an epoch


def test_sounds_have_as_many_bands_as_their_rate_calls_for() -> None:
    for rate, bands in ((8_000, 40), (16_000, 64)):
        array = ArrayBlock(column="s", kind="audio", shape=(rate, 1), rate=rate)
        layout = FeatureLayout(numbers=0, flags=0, cardinalities=(), arrays={"audio_0": array})
        recipe = resolve(Recipe(), replace(facts(), layout=layout)).recipe
        assert (recipe.network.audio.bands, recipe.training.epochs) == (bands, 20)  # 600 steps of 32 in 32 batches


@pytest.mark.parametrize(
    ("rows", "widths", "family"),
    [(999, "auto", "random_kernels"), (1000, "auto", "convolutional"), (60, (8,), "convolutional")],
)
def test_few_series_are_read_by_random_kernels_unless_widths_of_a_network_are_asked_for(
    rows: int, widths: object, family: str
) -> None:
    array = ArrayBlock(column="s", kind="series", shape=(50, 2))
    layout = FeatureLayout(numbers=0, flags=0, cardinalities=(), arrays={"series_0": array})
    asked = changed(Recipe(), {"network.series.widths": widths})
    recipe = resolve(asked, replace(facts(), layout=layout, training_rows=rows)).recipe
    assert recipe.network.series.family == family
    assert recipe.training.early_stopping.restore_best == (family != "random_kernels")
    assert recipe.network.whitened_directions == (rows - 1 if family == "random_kernels" else 0)
    assert recipe.training.optimizer == ("sgd" if family == "random_kernels" else "adamw")


@pytest.mark.parametrize(
    ("rows", "asked", "task", "directions"),
    [
        (60, {}, "binary", 59),
        (60, {"training.optimizer": "sgd"}, "binary", 59),
        (60, {"training.optimizer": "adam"}, "binary", 0),
        (60, {}, "regression", 0),
        (60, {"network.hidden": [8]}, "binary", 0),
        (60, {"network.whitened_directions": 7}, "regression", 7),
        (5_000, {"network.series.family": "random_kernels"}, "binary", 0),
        (60, {"network.series.family": "convolutional"}, "binary", 0),
    ],
)
def test_what_a_linear_layer_tells_classes_by_is_whitened(
    rows: int, asked: dict[str, Any], task: TaskName, directions: int
) -> None:
    array = ArrayBlock(column="s", kind="series", shape=(50, 2))
    layout = FeatureLayout(numbers=0, flags=0, cardinalities=(), arrays={"series_0": array})
    own = replace(facts(), layout=layout, training_rows=rows, task=task)
    assert resolve(changed(Recipe(), asked), own).recipe.network.whitened_directions == directions


@pytest.mark.parametrize(
    ("rows", "asked", "family"),
    [
        (999, {}, "random_kernels"),
        (1000, {}, "convolutional"),
        (60, {"network.audio.widths": [8]}, "convolutional"),
        (60, {"training.audio_time_mask": 0.1}, "convolutional"),
        (60, {"training.audio_band_mask": 0.0}, "random_kernels"),
    ],
)
def test_few_sounds_are_read_by_random_kernels_unless_what_only_convolutions_do_is_asked_for(
    rows: int, asked: dict[str, Any], family: str
) -> None:
    array = ArrayBlock(column="s", kind="audio", shape=(8_000, 1), rate=8_000)
    layout = FeatureLayout(numbers=0, flags=0, cardinalities=(), arrays={"audio_0": array})
    recipe = resolve(changed(Recipe(), asked), replace(facts(), layout=layout, training_rows=rows)).recipe
    assert recipe.network.audio.family == family
    is_read_once = family == "random_kernels"
    assert recipe.training.early_stopping.restore_best == (not is_read_once)
    assert (recipe.network.audio.widths == ()) == is_read_once
    assert (recipe.training.audio_band_mask == 0) == is_read_once


@pytest.mark.parametrize(
    ("rows", "asked", "family"),
    [
        (2999, {}, "random_patches"),
        (3000, {}, "convolutional"),
        (60, {"network.image.widths": [8]}, "convolutional"),
        (60, {"training.image_crop": 0.1}, "convolutional"),
        (60, {"training.image_crop": 0.0, "training.image_flip": True}, "random_patches"),
    ],
)
def test_few_pictures_are_read_by_random_patches_unless_what_only_convolutions_do_is_asked_for(
    rows: int, asked: dict[str, Any], family: str
) -> None:
    array = ArrayBlock(column="p", kind="image", shape=(32, 32, 3))
    layout = FeatureLayout(numbers=0, flags=0, cardinalities=(), arrays={"image_0": array})
    recipe = resolve(changed(Recipe(), asked), replace(facts(), layout=layout, training_rows=rows)).recipe
    assert recipe.network.image.family == family
    is_read_once = family == "random_patches"
    assert (recipe.training.optimizer, recipe.training.image_color) == (("sgd", 0) if is_read_once else ("adamw", 0.3))
    stopping = recipe.training.early_stopping
    assert (stopping.restore_best, stopping.patience == 0) == (not is_read_once, is_read_once)


@pytest.mark.parametrize(("rows", "decay"), [(25, 10.0), (250, 1.0), (2000, 0.12)])
def test_the_decay_over_random_patches_is_that_of_so_many_rows(rows: int, decay: float) -> None:
    array = ArrayBlock(column="p", kind="image", shape=(32, 32, 3))
    layout = FeatureLayout(numbers=0, flags=0, cardinalities=(), arrays={"image_0": array})
    recipe = resolve(Recipe(), replace(facts(), layout=layout, training_rows=rows)).recipe
    assert recipe.training.weight_decay == decay


@pytest.mark.parametrize(("rows", "channels", "numbers"), [(999, 3, 2), (999, 1, 0)])
def test_grey_pictures_and_pictures_beside_columns_are_read_by_patches_below_a_thousand(
    rows: int, channels: int, numbers: int
) -> None:
    array = ArrayBlock(column="p", kind="image", shape=(32, 32, channels))
    layout = FeatureLayout(numbers=numbers, flags=0, cardinalities=(), arrays={"image_0": array})
    few, more = (
        resolve(Recipe(), replace(facts(), layout=layout, training_rows=each)).recipe for each in (rows, rows + 1)
    )
    assert (few.network.image.family, more.network.image.family) == ("random_patches", "convolutional")
    # Other columns beside them leave the usual optimizer.
    assert few.training.optimizer == ("adamw" if numbers else "sgd")
