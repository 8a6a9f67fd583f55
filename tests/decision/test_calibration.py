"""Calibration recovers planted distortions, agrees with other libraries, and is applied only where it helps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.special import expit, logit, softmax
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from fitwell import metrics
from fitwell.decision.calibration import (
    FEWEST,
    FITS,
    MOST_CELLS,
    Calibration,
    calibrated,
    fit_calibration,
    fit_isotonic,
    fit_logistic,
    fit_temperature,
    row_log_losses,
    thinned,
)
from fitwell.decision.scored import Scored
from fitwell.recipe import TaskName, choices_of
from fitwell.tasks.table import TASKS
from fitwell.tasks.task import TargetCoding

Draw = Callable[..., Scored]
CLASSIFYING: list[TaskName] = ["binary", "multiclass", "multilabel"]
CASES = [(task, method) for task in CLASSIFYING for method in FITS if method != "isotonic" or task == "binary"]


def mapped(calibration: Calibration, rows: Scored) -> np.ndarray:
    return calibrated(calibration, rows.task, rows.coding, rows.predictions)


def loss(rows: Scored, predictions: np.ndarray) -> float:
    return float(rows.weights @ row_log_losses(rows.task, rows.truth, predictions) / rows.weights.sum())


def test_the_methods_are_the_words_of_the_setting() -> None:
    assert {"auto", "none", "if_better", *FITS} == set(choices_of("decision.calibration"))


@pytest.mark.parametrize("task", CLASSIFYING)
@pytest.mark.parametrize("temperature", [0.4, 2.5])
def test_a_planted_temperature_is_recovered(task: TaskName, temperature: float, scored: Draw) -> None:
    rows = scored(task, 20_000, temperature=temperature)
    # the information of 20,000 rows about log T leaves it uncertain by about 1 %
    assert fit_temperature(rows).temperature == pytest.approx(temperature, rel=0.05)
    assert mapped(fit_temperature(rows), rows) == pytest.approx(scored(task, 20_000).predictions, abs=0.02)


@pytest.mark.parametrize(
    ("task", "offsets"), [("binary", [1.5]), ("multiclass", [1.0, 0.0, -1.0]), ("multilabel", [-1.0, 2.0])]
)
def test_planted_offsets_are_recovered_as_class_weights_leave_them(
    task: TaskName, offsets: list[float], scored: Draw
) -> None:
    rows = scored(task, 20_000, temperature=1.5, offsets=offsets)
    found = fit_logistic(rows)
    assert found.temperature == pytest.approx(1.5, rel=0.05)
    assert found.offsets == pytest.approx(offsets, abs=0.12)
    assert mapped(found, rows) == pytest.approx(scored(task, 20_000).predictions, abs=0.03)


@pytest.mark.parametrize("weighted", [False, True])
def test_the_temperature_is_the_one_that_a_line_search_finds(weighted: bool, scored: Draw) -> None:
    weights = np.random.default_rng(1).uniform(0.2, 3, 400) if weighted else None
    rows = thinned(scored("binary", 400, temperature=2.0, weights=weights))
    outputs, truth = logit(rows.predictions[:, 1]), rows.truth

    def objective(slope: float) -> float:
        p = expit(slope * outputs)
        losses = -np.where(truth == 1, np.log(p), np.log(1 - p))
        return float(rows.weights @ losses + (slope - 1) ** 2 / 2)

    witness = minimize_scalar(objective, bounds=(0.1, 1.0), method="bounded", options={"xatol": 1e-10}).x
    assert fit_temperature(rows).temperature == pytest.approx(1 / witness, rel=1e-5)


def test_the_logistic_map_is_scikit_learns_where_the_prior_says_nothing(scored: Draw) -> None:
    rows = scored("binary", 30_000, temperature=1.7, offsets=[0.8])
    witness = LogisticRegression(C=np.inf, tol=1e-10).fit(logit(rows.predictions[:, 1:]), rows.truth)
    found = fit_logistic(rows)
    assert 1 / found.temperature == pytest.approx(witness.coef_[0, 0], rel=1e-3)
    assert found.offsets[0] == pytest.approx(witness.intercept_[0], rel=2e-3)


@pytest.mark.parametrize("weighted", [False, True])
def test_the_isotonic_curve_is_scikit_learns_with_a_share_of_the_networks_own(weighted: bool, scored: Draw) -> None:
    weights = np.random.default_rng(1).uniform(0.2, 3, 500) if weighted else None
    rows = thinned(scored("binary", 500, temperature=2.0, weights=weights))
    own = np.round(rows.predictions[:, 1], 2)  # with ties
    rows = replace(rows, predictions=np.stack([1 - own, own], axis=1))
    witness = IsotonicRegression(out_of_bounds="clip").fit(own, rows.truth, sample_weight=rows.weights)
    fresh = np.linspace(0, 1, 1001)
    found = fit_isotonic(rows)
    share = 1 / np.sqrt(rows.weights.sum())
    expected = (1 - share) * witness.predict(fresh) + share * fresh
    got = calibrated(found, rows.task, rows.coding, np.stack([1 - fresh, fresh], axis=1))[:, 1]
    assert got == pytest.approx(expected, abs=1e-12)


def test_an_odd_distortion_is_mended_by_isotonic_alone(scored: Draw) -> None:
    rows = scored("binary", 8_000)
    bent = 0.5 + 4 * (rows.predictions[:, 1] - 0.5) ** 3  # flat in the middle, which no logistic curve is
    found = fit_calibration(replace(rows, predictions=np.stack([1 - bent, bent], axis=1)), "if_better")
    assert found.method == "isotonic"
    got = calibrated(found, rows.task, rows.coding, np.stack([1 - bent, bent], axis=1))
    assert float(np.abs(got - rows.predictions).mean()) < 0.02


@pytest.mark.parametrize(
    ("task", "options", "method"),
    [
        ("binary", {}, "none"),
        ("binary", {"temperature": 3.0}, "temperature"),
        ("binary", {"offsets": [1.5]}, "logistic"),
        ("multiclass", {}, "none"),
        ("multiclass", {"temperature": 0.3}, "temperature"),
        ("multiclass", {"offsets": [1.5, 0.0, -1.5]}, "logistic"),
        ("multilabel", {}, "none"),
        ("multilabel", {"temperature": 3.0}, "temperature"),
        ("multilabel", {"offsets": [1.5, -1.5]}, "logistic"),
    ],
)
def test_the_stiffest_map_that_undoes_the_distortion_is_chosen(
    task: TaskName, options: dict[str, Any], method: str, scored: Draw
) -> None:
    rows = scored(task, 2_000, seed=3, **options)
    found = fit_calibration(rows, "if_better")
    assert found.method == method
    fresh = scored(task, 20_000, seed=4, **options)
    assert loss(fresh, mapped(found, fresh)) <= loss(fresh, fresh.predictions)
    # what is left above the honest loss is what 2,000 rows do not know: parameters / (2 · rows), a thousandth
    assert loss(fresh, mapped(found, fresh)) < loss(fresh, scored(task, 20_000, seed=4).predictions) + 0.004


def test_honest_probabilities_are_rarely_touched(scored: Draw) -> None:
    methods = [fit_calibration(scored("binary", 300, seed=seed), "if_better").method for seed in range(40)]
    # Three tries at 2.5 % each, which mostly succeed together: at most 3 are expected; 9 have a chance of 0.4 %.
    assert methods.count("none") > 31


def test_few_rows_are_not_asked(scored: Draw) -> None:
    found = fit_calibration(scored("binary", FEWEST - 1, temperature=9.0), "if_better")
    assert found.method == "none"
    assert found.why == f"{FEWEST - 1} validation rows are too few to tell whether calibration helps"


@pytest.mark.parametrize(("task", "method"), CASES)
def test_what_was_asked_is_applied_whether_it_helps_or_not(task: TaskName, method: Any, scored: Draw) -> None:
    found = fit_calibration(scored(task, 20), method)
    assert (found.method, found.why) == (method, "as asked")
    assert fit_calibration(scored(task, 20), "none").method == "none"


@st.composite
def any_rows(draw: st.DrawFn, scored: Draw, task: TaskName) -> Scored:
    """Rows of any size, of one class or several, with probabilities that may be exactly 0, 1 or equal."""
    rows = scored(
        task, draw(st.integers(1, 60)), seed=draw(st.integers(0, 999)), temperature=draw(st.sampled_from([0.1, 1, 50]))
    )
    digits = draw(st.sampled_from([0, 1, 12]))
    if task == "multilabel":
        shown = np.round(rows.predictions, digits)
    elif task == "binary":
        positive = np.round(rows.predictions[:, 1:], digits)
        shown = np.concatenate([1 - positive, positive], axis=1)
    else:
        shown = np.eye(3)[rows.predictions.argmax(1)] if digits == 0 else rows.predictions
    truth = np.zeros_like(rows.truth) if draw(st.booleans()) else rows.truth
    return replace(rows, predictions=shown, truth=truth)


@pytest.mark.parametrize(("task", "method"), CASES)
@given(data=st.data())
@settings(max_examples=20, deadline=None)
def test_probabilities_stay_probabilities_and_keep_their_order(
    task: TaskName, method: Any, data: st.DataObject, scored: Draw
) -> None:
    rows = data.draw(any_rows(scored, task))
    found = mapped(fit_calibration(rows, method), rows)
    assert found.shape == rows.predictions.shape
    assert np.isfinite(found).all()
    assert found.min() >= 0
    assert found.max() <= 1
    if task != "multilabel":
        assert found.sum(1) == pytest.approx(np.ones(len(found)), abs=1e-12)
    if task == "binary":
        order = np.argsort(rows.predictions[:, 1], kind="stable")
        assert (np.diff(found[order, 1]) >= -1e-15).all()
    if method == "temperature" and task == "multiclass":
        likeliest = np.take_along_axis(found, rows.predictions.argmax(1)[:, None], axis=1)[:, 0]
        assert likeliest == pytest.approx(found.max(1), abs=1e-12)


@pytest.mark.parametrize("method", FITS)
def test_figures_of_the_ranking_stay_what_they_were(method: Any, scored: Draw) -> None:
    rows = scored("binary", 1_000, temperature=2.0, offsets=[0.5])
    before = metrics.binary(rows.truth, rows.predictions[:, 1])
    after = metrics.binary(rows.truth, mapped(fit_calibration(rows, method), rows)[:, 1])
    for name in ("roc_auc", "pr_auc", "ks", "lift"):
        one, other = before[name], after[name]
        assert isinstance(one, metrics.Figure)
        assert isinstance(other, metrics.Figure)
        assert other.value == pytest.approx(one.value, abs=1e-12)


@pytest.mark.parametrize(("task", "method"), CASES)
def test_a_weight_counts_as_so_many_copies(task: TaskName, method: Any, scored: Draw) -> None:
    rows = scored(task, 300, temperature=2.0)
    twice = rows.part(np.repeat(np.arange(300), 2))
    other = scored(task, 300, temperature=2.0, weights=np.full(300, 7.0))
    expected = mapped(fit_calibration(rows, method), rows)
    assert mapped(fit_calibration(other, method), rows) == pytest.approx(expected, abs=1e-12)
    # twice the rows say the same, but for the prior (and the share of the own probability), which weighs half
    assert mapped(fit_calibration(twice, method), rows) == pytest.approx(expected, abs=0.02)


def test_rows_of_weight_0_say_nothing(scored: Draw) -> None:
    rows = scored("binary", 200, temperature=2.0)
    spoilt = replace(rows, truth=np.where(np.arange(200) < 50, 1 - rows.truth, rows.truth))
    ignored = replace(spoilt, weights=(np.arange(200) >= 50).astype(np.float64))
    for method in FITS:
        assert fit_calibration(ignored, method) == fit_calibration(rows.part(np.arange(50, 200)), method)


@pytest.mark.parametrize(("task", "method"), CASES)
def test_perfectly_separated_rows_do_not_make_probabilities_certain(task: TaskName, method: Any, scored: Draw) -> None:
    rows = scored(task, 100)
    hits = np.eye(3)[rows.truth] if task == "multiclass" else rows.truth.reshape(100, -1)
    shown = TASKS[task].predictions(2.0 * hits - 1, rows.coding)
    separated = replace(rows, predictions=shown)
    found = mapped(fit_calibration(separated, method), separated)
    # one error among a hundred rows more would be nothing unheard of
    assert np.minimum(found, 1 - found).min() > 1e-4


def test_many_rows_are_thinned_evenly(scored: Draw) -> None:
    rows = scored("binary", MOST_CELLS + 10)
    some = thinned(rows)
    assert MOST_CELLS / 4 <= len(some.truth) * rows.predictions.shape[1] <= MOST_CELLS
    assert some.weights.sum() == pytest.approx(len(some.truth))


def test_softmax_of_several_classes_is_tempered_as_its_logits() -> None:
    logits = np.random.default_rng(0).normal(size=(50, 3))
    halved = Calibration(method="temperature", why="", temperature=2.0)
    got = calibrated(halved, TASKS["multiclass"], TargetCoding(names=("y",)), softmax(logits, axis=1))
    assert got == pytest.approx(softmax(logits / 2, axis=1), abs=1e-12)
