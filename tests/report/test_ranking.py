"""Curves and bins of scores are those that scikit-learn computes, and thinning changes none of their points."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some
from sklearn.calibration import calibration_curve
from sklearn.metrics import precision_recall_curve, roc_curve

from fitwell.metrics.ranked import ranked
from fitwell.report.answers import Question, thinned
from fitwell.report.ranking import (
    calibration_bins,
    gains_points,
    ks,
    precision_recall_points,
    roc_points,
    shares,
)
from fitwell.report.threshold import stops_of


def question(hits: np.ndarray, scores: np.ndarray) -> Question:
    weights = np.ones(len(hits))
    return Question(label="yes", rows=ranked(hits, scores, weights), hits=hits, scores=scores, weights=weights)


def drawn(rows: int, *, digits: int = 9) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    hits = random.random(rows) < 0.3
    return hits, np.round(1 / (1 + np.exp(-random.normal(2 * hits - 1, 1.0))), digits)


def test_every_point_of_the_roc_curve_is_one_of_scikit_learn() -> None:
    hits, scores = drawn(300, digits=2)
    false, true, _ = roc_curve(hits, scores, drop_intermediate=False)
    known = {(round(x, 9), round(y, 9)) for x, y in zip(false, true, strict=True)}
    points = {(round(x, 9), round(y, 9)) for x, y in zip(*roc_points(question(hits, scores)), strict=True)}
    assert points <= known
    assert {(0.0, 0.0), (1.0, 1.0)} <= points


def test_a_curve_of_a_million_rows_is_thinned_and_its_area_hardly_changes() -> None:
    hits, scores = drawn(200_000)
    false, true, _ = roc_curve(hits, scores)
    xs, ys = roc_points(question(hits, scores))
    assert len(xs) < 1000
    # Points that are left out lie within one cell of 1/400 of one that stays.
    assert np.trapezoid(ys, xs) == pytest.approx(np.trapezoid(true, false), abs=1 / 400)


def test_precision_and_recall_are_those_of_scikit_learn() -> None:
    hits, scores = drawn(300, digits=2)
    precision, recall, _ = precision_recall_curve(hits, scores)
    known = {(round(x, 9), round(y, 9)) for x, y in zip(recall, precision, strict=True)}
    points = zip(*precision_recall_points(question(hits, scores)), strict=True)
    assert {(round(x, 9), round(y, 9)) for x, y in points} <= known


def test_the_widest_gap_is_where_the_largest_distance_of_both_distributions_is() -> None:
    hits, scores = drawn(250, digits=2)
    asked = question(hits, scores)
    (gap,) = ks(asked, {}, {"threshold": 0.5}, prefix="").spec["layer"][1]["data"]["values"]
    at_least = {score: (np.mean(scores[hits] >= score), np.mean(scores[~hits] >= score)) for score in np.unique(scores)}
    widest = max(at_least, key=lambda score: abs(at_least[score][0] - at_least[score][1]))
    assert gap["x"] == pytest.approx(widest)
    assert (1 - gap["y"], 1 - gap["y2"]) == pytest.approx(at_least[widest])


def test_gains_are_the_share_of_hits_among_the_first_rows() -> None:
    scores = np.array([0.9, 0.8, 0.7, 0.6])
    taken, found = gains_points(question(np.array([True, False, True, False]), scores))
    assert taken.tolist() == [0.0, 0.25, 0.5, 0.75, 1.0]
    assert found.tolist() == [0.0, 0.5, 0.5, 1.0, 1.0]


def test_bins_of_calibration_are_those_of_scikit_learn() -> None:
    hits, scores = drawn(1000)
    observed, predicted = calibration_curve(hits, scores, n_bins=10, strategy="quantile")
    bins = calibration_bins(question(hits, scores))
    assert [each["x"] for each in bins] == pytest.approx(predicted.tolist(), abs=1e-9)
    assert [each["y"] for each in bins] == pytest.approx(observed.tolist(), abs=1e-9)
    assert all(each["low"] <= each["y"] <= each["high"] for each in bins)


def test_weights_count_as_that_many_rows() -> None:
    hits, scores = drawn(60, digits=1)
    weights = np.arange(60) % 3 + 1.0
    heavy = Question(label="yes", rows=ranked(hits, scores, weights), hits=hits, scores=scores, weights=weights)
    copies = np.repeat(np.arange(60), weights.astype(int))
    many = question(hits[copies], scores[copies])
    assert np.concatenate(shares(heavy)) == pytest.approx(np.concatenate(shares(many)))
    assert stops_of(heavy, 0.5).figures(10) == pytest.approx(stops_of(many, 0.5).figures(10))


@given(some.lists(some.floats(0, 1), min_size=2, max_size=200), some.data())
def test_thinning_keeps_both_ends_and_what_matters(values: list[float], more: some.DataObject) -> None:
    axis = np.sort(np.array(values))
    place = more.draw(some.integers(0, len(values) - 1))
    kept = thinned(axis, axis, keep=(place,))
    assert {0, place, len(values) - 1} <= set(kept.tolist())
    assert kept.tolist() == sorted(set(kept.tolist()))
    # Whatever is left out lies beside a point that stays, nearer than a pixel.
    assert np.abs(axis[:, None] - axis[kept][None, :]).min(axis=1).max() <= 1 / 400
