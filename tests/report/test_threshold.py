"""Every stop of the slider counts what fitwell.metrics counts at that threshold."""

from __future__ import annotations

import numpy as np
import pytest

from fitwell import metrics
from fitwell.metrics.confusion import BINARY
from fitwell.metrics.ranked import ranked
from fitwell.report.answers import Question
from fitwell.report.threshold import FIGURES, figures_of, stops_of


@pytest.fixture
def asked() -> Question:
    random = np.random.default_rng(5)
    hits = random.random(500) < 0.2
    scores = np.round(random.beta(1 + 2 * hits, 3), 3)
    weights = np.ones(500)
    return Question(label="yes", rows=ranked(hits, scores, weights), hits=hits, scores=scores, weights=weights)


@pytest.mark.parametrize("place", [0.0, 0.1, 0.35, 0.5, 0.8, 1.0])
def test_the_figures_of_a_stop_are_those_of_the_metrics_at_its_threshold(asked: Question, place: float) -> None:
    stops = stops_of(asked, 0.37)
    stop = round(place * (len(stops.thresholds) - 1))
    figures = metrics.binary(asked.hits, asked.scores, positive=True, threshold=float(stops.thresholds[stop]))
    ours = stops.figures(stop)
    for name in BINARY:
        value = getattr(figures, name).value
        assert ours[name] == (None if value is None else pytest.approx(value, abs=1e-12)), name


def test_the_chosen_threshold_is_a_stop(asked: Question) -> None:
    stops = stops_of(asked, 0.123456)
    assert stops.thresholds[stops.chosen] == 0.123456
    assert (np.diff(stops.thresholds) > 0).all()


def test_stops_lie_close_where_the_scores_lie(asked: Question) -> None:
    rare = Question(label="x", rows=asked.rows, hits=asked.hits, scores=asked.scores / 1000, weights=asked.weights)
    stops = stops_of(rare, 0.5)
    assert (stops.thresholds < 0.001).sum() > 100


def test_every_row_is_in_one_cell_at_every_stop(asked: Question) -> None:
    cells = stops_of(asked, 0.5).cells
    assert cells.sum(axis=(1, 2)) == pytest.approx(np.full(len(cells), 500.0))
    assert cells[:, 1].sum(axis=1) == pytest.approx(np.full(len(cells), asked.hits.sum()))


def test_the_cost_of_a_stop_is_what_its_wrong_rows_cost(asked: Question) -> None:
    stops = stops_of(asked, 0.5, costs=(1.0, 5.0))
    predicted = asked.scores >= 0.5
    paid = (predicted & ~asked.hits).sum() * 1.0 + (~predicted & asked.hits).sum() * 5.0
    assert stops.figures(stops.chosen)["cost"] == pytest.approx(paid / 500)


def test_what_is_undefined_is_none() -> None:
    figures = figures_of(np.array([[5.0, 0.0], [3.0, 0.0]]))
    assert (figures["precision"], figures["recall"], figures["mcc"]) == (None, 0.0, None)
    assert set(figures) == set(FIGURES)
