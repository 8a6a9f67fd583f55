"""Probes predict rows without having seen their targets; slow loops and scikit-learn are the witnesses."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from sklearn.linear_model import Ridge
from sklearn.metrics import roc_auc_score

from fitwell.data.columns.cells import Column
from fitwell.data.probes import (
    BINS,
    FOLDS,
    PENALTY,
    PRIOR_ROWS,
    alone,
    auc,
    column_codes,
    skill,
    spread_folds,
    together,
)

ROWS = 203


def make(seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    codes = random.integers(0, 6, ROWS)
    targets = (random.random((ROWS, 1)) < 0.2 + 0.1 * codes[:, None]).astype(np.float64)
    return codes, targets, spread_folds(targets[:, 0], random)


def column(name: str, kind: str) -> Column:
    return Column(name=name, kind=kind, why="", missing=(), missing_count=0, distinct=0)  # type: ignore[arg-type]


def test_folds_have_their_share_of_low_and_high_targets() -> None:
    _, targets, folds = make()
    hits = np.bincount(folds, weights=targets[:, 0])
    assert np.ptp(np.bincount(folds)) <= 1
    assert np.ptp(hits) <= 1


def test_alone_is_the_smoothed_mean_of_the_other_folds() -> None:
    codes, targets, folds = make()
    predicted = alone(codes, targets, folds)
    for row in range(ROWS):
        others = folds != folds[row]
        same = others & (codes == codes[row])
        prior = targets[others, 0].mean()
        expected = (targets[same, 0].sum() + PRIOR_ROWS * prior) / (same.sum() + PRIOR_ROWS)
        assert predicted[row, 0] == pytest.approx(expected, rel=1e-12)


def test_together_is_cross_fitted_ridge_regression() -> None:
    codes, targets, folds = make()
    predicted = together({"c": codes}, targets, folds, numbers=frozenset())
    inputs = np.eye(6)[codes]
    for fold in range(FOLDS):
        # Every column is penalized here but the intercept, as in scikit-learn, whose penalty does not grow with rows.
        model = Ridge(alpha=PENALTY * ROWS).fit(inputs[folds != fold], targets[folds != fold])
        assert predicted[folds == fold, 0] == pytest.approx(model.predict(inputs[folds == fold]).ravel(), abs=1e-9)


def test_together_is_the_same_ridge_regression_with_more_columns_than_rows() -> None:
    _, targets, folds = make()
    codes = {f"c{place}": np.random.default_rng(place).integers(0, 6, ROWS) for place in range(60)}
    predicted = together(codes, targets, folds, numbers=frozenset())
    inputs = np.concatenate([np.eye(6)[column] for column in codes.values()], axis=1)
    assert inputs.shape[1] > ROWS
    for fold in range(FOLDS):
        model = Ridge(alpha=PENALTY * ROWS).fit(inputs[folds != fold], targets[folds != fold])
        # The penalty of the intercept, which is nearly free, costs some digits.
        assert predicted[folds == fold, 0] == pytest.approx(model.predict(inputs[folds == fold]).ravel(), abs=1e-6)


def test_a_hump_of_a_number_is_seen_together() -> None:
    random = np.random.default_rng(0)
    codes = random.integers(1, 33, 1000)
    targets = (np.abs(codes - 16) < 8).astype(np.float64)[:, None]
    other = random.integers(0, 3, 1000)
    folds = spread_folds(targets[:, 0], random)
    predicted = together({"n": codes, "c": other}, targets, folds, numbers=frozenset({"n"}))
    assert skill(predicted, targets, "binary") > 0.9


def test_numbers_get_quantile_bins_and_frequent_values_bins_of_their_own() -> None:
    random = np.random.default_rng(0)
    values = np.where(random.random(2000) < 0.4, 0.0, random.random(2000) + 0.001)
    frame = pl.DataFrame({"x": values, "c": random.choice(["u", "v"], 2000)})
    frame = frame.with_columns(pl.when(pl.int_range(2000) < 10).then(None).otherwise(pl.col("x")).alias("x"))
    codes = column_codes(frame, (column("x", "number"), column("c", "category")))
    assert set(codes["x"][:10]) == {0}
    assert set(codes["x"][10:][values[10:] == 0]) == {1}
    counts = np.bincount(codes["x"])
    assert counts[2:].max() <= 2 * 2000 / BINS
    assert np.array_equal(codes["c"] - 1, (frame["c"] == "v").to_numpy())


def test_skill_is_zero_for_guessing_and_one_for_knowing() -> None:
    hits = np.array([[1.0], [0.0], [1.0], [0.0]])
    assert skill(np.full((4, 1), 0.5), hits, "binary") == 0
    assert skill(hits * 0.1, hits, "binary") == 1
    classes = np.eye(3)[[0, 0, 0, 1, 2]]
    assert skill(np.tile([0.6, 0.2, 0.2], (5, 1)), classes, "multiclass") == pytest.approx(0)
    assert skill(np.eye(3)[[0, 0, 0, 1, 1]], classes, "multiclass") == pytest.approx(0.5)  # one of two errors left
    ranks = np.arange(5.0)[:, None]
    assert skill(np.full((5, 1), 2.0), ranks, "regression") == 0
    assert skill(ranks, ranks, "regression") == 1


def test_auc_is_scikit_learns_and_its_error_is_delongs() -> None:
    random = np.random.default_rng(0)
    target = (random.random(300) < 0.3).astype(np.float64)
    scores = np.round(target + random.standard_normal(300), 1)
    value, error = auc(scores, target)
    assert value == pytest.approx(roc_auc_score(target, scores), abs=1e-12)
    up, down = scores[target == 1][:, None], scores[target == 0]
    wins = (up > down) + 0.5 * (up == down)
    variance = wins.mean(axis=1).var(ddof=1) / len(up) + wins.mean(axis=0).var(ddof=1) / len(down)
    assert error == pytest.approx(variance**0.5, rel=1e-9)
