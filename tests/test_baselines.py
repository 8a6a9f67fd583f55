"""Baselines: the same form as the network's answers, the same figures as scikit-learn called directly, and no noise."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.preprocessing import OneHotEncoder

from fitwell import baselines
from fitwell.baselines import BASELINES, Baseline, fit_baselines
from fitwell.recipe import TaskName

ROWS = 240
TASKS: dict[TaskName, int] = {"binary": 2, "multiclass": 4, "multilabel": 3, "regression": 2}


def make_features(rows: int = ROWS, *, categories: int = 5, seed: int = 0) -> dict[str, np.ndarray]:
    random = np.random.default_rng(seed)
    return {
        "numbers": random.standard_normal((rows, 3)).astype(np.float32),
        "flags": (random.random((rows, 2)) < 0.5).astype(np.float32),
        "codes": random.integers(0, categories + 1, (rows, 2)),
    }


def make_targets(task: TaskName, features: dict[str, np.ndarray]) -> np.ndarray:
    """Let the first number, the first flag and the first code decide, with noise."""
    random = np.random.default_rng(9)
    score = features["numbers"][:, 0] + features["flags"][:, 0] + 0.5 * features["codes"][:, 0]
    noisy = score[:, None] + 0.3 * random.standard_normal((len(score), 3))
    made: dict[TaskName, np.ndarray] = {
        "binary": (noisy[:, 0] > 1.5).astype(np.int64),
        "multiclass": np.digitize(noisy[:, 0], [0.8, 1.6, 2.4]),
        "multilabel": (noisy > [0.5, 1.5, 2.5]).astype(np.int64),
        "regression": noisy[:, :2] * [10.0, 1.0] + [100.0, 0.0],
    }
    return made[task]


def fit(task: TaskName, **changes: Any) -> dict[str, Baseline]:
    features = changes.pop("features", None) or make_features()
    if "targets" not in changes:
        changes["targets"] = make_targets(task, features)
    settings: dict[str, Any] = {
        "outputs": TASKS[task],
        "rows": np.arange(160),
        "weights": None,
        "seed": 0,
        "threads": 1,
    }
    return fit_baselines(features, task=task, **(settings | changes))


def witness_inputs(features: dict[str, np.ndarray]) -> np.ndarray:
    """One-hot codes by scikit-learn, without the columns of code 0."""
    encoder = OneHotEncoder(sparse_output=False, drop=[0, 0], handle_unknown="ignore").fit(features["codes"][:160])
    return np.concatenate([features["numbers"], features["flags"], encoder.transform(features["codes"])], axis=1)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("name", BASELINES)
def test_every_baseline_answers_in_the_form_of_the_network(name: str, task: TaskName) -> None:
    answers = fit(task)[name].predict(make_features(50, seed=3))
    assert answers.shape == (50, TASKS[task])
    assert np.isfinite(answers).all()
    if task != "regression":
        assert np.all((answers >= 0) & (answers <= 1))
    if task in ("binary", "multiclass"):
        assert answers.sum(axis=1) == pytest.approx(np.ones(50), abs=1e-9)


@pytest.mark.parametrize("task", TASKS)
def test_every_trained_baseline_beats_the_majority_where_there_is_something_to_learn(task: TaskName) -> None:
    features = make_features()
    targets = make_targets(task, features)
    truth = np.eye(TASKS[task])[targets] if task in ("binary", "multiclass") else targets
    held = {block: values[160:] for block, values in features.items()}
    error = {name: float(np.mean((model.predict(held) - truth[160:]) ** 2)) for name, model in fit(task).items()}
    assert error["linear"] < 0.75 * error["majority"]
    assert error["trees"] < 0.75 * error["majority"]


def test_the_majority_predicts_weighted_class_shares_and_means() -> None:
    targets, weights = np.array([0, 0, 1, 2]), np.array([1.0, 1.0, 2.0, 4.0])
    features = {"numbers": np.zeros((4, 1), dtype=np.float32)}
    asked: dict[str, Any] = {"features": features, "rows": np.arange(4), "weights": weights}
    shares = fit("multiclass", targets=targets, outputs=4, **asked)["majority"].predict(features)
    assert shares.tolist() == [[0.25, 0.25, 0.5, 0.0]] * 4
    means = fit("regression", targets=targets.astype(float), outputs=1, **asked)["majority"].predict(features)
    assert means.tolist() == [[1.25]] * 4  # (0 + 0 + 2 + 8) / 8


def test_linear_is_scikit_learns_logistic_regression() -> None:
    features = make_features()
    targets, inputs = make_targets("multiclass", features), witness_inputs(features)
    weights = np.random.default_rng(1).random(ROWS)
    model = LogisticRegression(max_iter=5000, tol=1e-8).fit(inputs[:160], targets[:160], sample_weight=weights[:160])
    answers = fit("multiclass", weights=weights)["linear"].predict(features)
    assert answers == pytest.approx(model.predict_proba(inputs), abs=2e-3)  # the solver's default tolerance is 1e-4


def test_linear_is_ridge_regression_in_closed_form_and_scikit_learns() -> None:
    features = make_features()
    targets, inputs = make_targets("regression", features), witness_inputs(features)
    answers = fit("regression")["linear"].predict(features)
    centered = inputs[:160] - inputs[:160].mean(axis=0)
    slopes = np.linalg.solve(centered.T @ centered + np.eye(inputs.shape[1]), centered.T @ targets[:160])
    closed = (inputs - inputs[:160].mean(axis=0)) @ slopes + targets[:160].mean(axis=0)
    assert answers == pytest.approx(closed, rel=1e-6)
    assert answers == pytest.approx(Ridge().fit(inputs[:160], targets[:160]).predict(inputs), rel=1e-6)


@pytest.mark.parametrize("task", ["binary", "regression"])
def test_trees_are_scikit_learns_with_categories_and_missing_codes(task: TaskName) -> None:
    features = make_features()
    targets = make_targets(task, features)
    codes = np.where(features["codes"] == 0, np.nan, features["codes"] - 1.0)
    inputs = np.concatenate([features["numbers"], features["flags"], codes], axis=1)
    mask = np.array([False] * 5 + [True] * 2)
    answers = fit(task)["trees"].predict(features)
    if task == "binary":
        chosen = HistGradientBoostingClassifier(categorical_features=mask, random_state=0).fit(
            inputs[:160], targets[:160]
        )
        assert np.array_equal(answers, chosen.predict_proba(inputs))
    else:
        for column in range(2):
            model = HistGradientBoostingRegressor(categorical_features=mask, random_state=0)
            assert np.array_equal(answers[:, column], model.fit(inputs[:160], targets[:160, column]).predict(inputs))


def test_linear_recovers_the_line_that_made_the_data() -> None:
    features = {"numbers": np.random.default_rng(0).standard_normal((5000, 2)).astype(np.float32)}
    targets = 3.0 + features["numbers"] @ np.array([2.0, -1.0])
    model = fit("regression", features=features, targets=targets, outputs=1, rows=np.arange(5000))["linear"]
    asked = {"numbers": np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]], dtype=np.float32)}
    assert model.predict(asked)[:, 0] == pytest.approx([3.0, 5.0, 2.0], abs=2e-3)  # the penalty shrinks by 1/5000


def test_wide_categories_give_the_same_line_sparse_and_dense(monkeypatch: pytest.MonkeyPatch) -> None:
    features = make_features(categories=300)
    sparse = fit("regression", features=features)["linear"].predict(features)
    monkeypatch.setattr(baselines, "SPARSE_WIDTH", 10_000)
    dense = fit("regression", features=features)["linear"].predict(features)
    assert sparse == pytest.approx(dense, rel=1e-3)  # scikit-learn's sparse solver iterates to a tolerance of 1e-4


def test_more_categories_than_trees_can_tell_apart_are_no_obstacle() -> None:
    features = make_features(3000, categories=900)
    model = fit("regression", features=features, rows=np.arange(2500))["trees"]
    assert np.isfinite(model.predict(features)).all()


@pytest.mark.parametrize("name", BASELINES)
def test_codes_never_seen_in_training_count_as_unknown(name: str) -> None:
    features = make_features()
    unknown = features | {"codes": np.full_like(features["codes"], 77)}
    nothing = features | {"codes": np.zeros_like(features["codes"])}
    model = fit("binary", features=features)[name]
    assert np.array_equal(model.predict(unknown), model.predict(nothing))


@pytest.mark.parametrize("name", BASELINES)
def test_one_class_in_training_is_predicted_and_noted(name: str) -> None:
    features = make_features()
    model = fit("binary", features=features, targets=np.ones(ROWS, dtype=np.int64))[name]
    assert model.predict(features).tolist() == [[0.0, 1.0]] * ROWS
    assert model.note == "the training rows have one class only, so its share is predicted"


def test_a_class_absent_from_training_has_probability_zero() -> None:
    features = make_features()
    targets = make_targets("multiclass", features) % 3
    targets[200:] = 3
    for model in fit("multiclass", features=features, targets=targets).values():
        assert np.all(model.predict(features)[:, 3] == 0)


def test_a_single_row_of_a_class_does_not_stop_trees_on_many_rows() -> None:
    features = {"numbers": np.random.default_rng(0).standard_normal((10_100, 1)).astype(np.float32)}
    targets = (features["numbers"][:, 0] > 0).astype(np.int64)
    targets[0] = 2
    made = fit("multiclass", features=features, targets=targets, outputs=3, rows=np.arange(10_100))
    assert made["trees"].predict(features).shape == (10_100, 3)


def test_a_model_that_does_not_converge_says_so_and_warns_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(baselines, "LINEAR_ITERATIONS", 2)
    with warnings.catch_warnings(record=True) as escaped:
        made = fit("multiclass")
    assert made["linear"].note == "not converged in 2 iterations"
    assert (made["trees"].note, escaped) == ("", [])


def test_flags_or_codes_alone_are_enough() -> None:
    features = make_features()
    targets = make_targets("binary", features)
    for block in features:
        alone = {block: features[block]}
        for model in fit("binary", features=alone, targets=targets).values():
            assert model.predict(alone).shape == (ROWS, 2)


def test_the_same_seed_gives_the_same_answers() -> None:
    features = make_features()
    for first, second in zip(fit("binary").values(), fit("binary").values(), strict=True):
        assert np.array_equal(first.predict(features), second.predict(features))


def test_linear_hears_pitch_whatever_the_phase() -> None:
    random = np.random.default_rng(0)
    low = np.arange(ROWS) % 2
    places = 2 * np.pi * (0.05 + 0.03 * low)[:, None] * np.arange(1200) + random.uniform(0, 6, (ROWS, 1))
    sounds = {"audio_0": (5000 * np.sin(places) + 500 * random.normal(size=(ROWS, 1200))).astype(np.int16)[..., None]}
    model = fit("binary", features=sounds, targets=low.astype(np.int64))["linear"]
    assert (model.predict(sounds)[160:].argmax(1) == low[160:]).all()


def test_arrays_summed_up_in_parts_are_what_a_loop_over_cells_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(baselines, "AT_ONCE", 3)
    random = np.random.default_rng(1)
    pictures = random.integers(0, 256, (7, 32, 20, 3), dtype=np.uint8)
    found = baselines._linear_inputs({"image_0": pictures}, [], {})
    for row, picture in enumerate(pictures.astype(np.float64)):
        # 16 cells of 2 rows each, 10 of 2 columns each
        cells = [picture[2 * y : 2 * y + 2, 2 * x : 2 * x + 2].mean((0, 1)) / 255 for y in range(16) for x in range(10)]
        assert found[row] == pytest.approx(np.concatenate(cells), abs=1e-6)
