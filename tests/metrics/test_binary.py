"""Binary figures against scikit-learn, float64 loops and closed forms."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest, ks_2samp
from sklearn import metrics as sk

from fitwell.errors import DataError
from fitwell.metrics import METRICS, Figure, binary

Arrays = tuple[np.ndarray, np.ndarray, np.ndarray]


@st.composite
def scored_rows(draw: st.DrawFn) -> Arrays:
    """Make labels of both classes, probabilities with many ties, and weights that are all 1 or uneven."""
    rows = draw(st.integers(4, 60))
    generator = np.random.default_rng(draw(st.integers(0, 10_000)))
    labels = np.concatenate([[0, 1], generator.integers(0, 2, rows - 2)])
    digits = draw(st.sampled_from([1, 2, 15]))
    scores = np.round(np.clip(generator.beta(1, 1, rows) * 0.7 + 0.3 * labels, 0, 1), digits)
    weights = generator.uniform(0.2, 3, rows) if draw(st.booleans()) else np.ones(rows)
    return labels, scores, weights


WITNESSES: dict[str, Callable[[Arrays], float]] = {
    "accuracy": lambda a: sk.accuracy_score(a[0], a[1] >= 0.5, sample_weight=a[2]),
    "balanced_accuracy": lambda a: sk.balanced_accuracy_score(a[0], a[1] >= 0.5, sample_weight=a[2]),
    "precision": lambda a: sk.precision_score(a[0], a[1] >= 0.5, sample_weight=a[2], zero_division=np.nan),
    "recall": lambda a: sk.recall_score(a[0], a[1] >= 0.5, sample_weight=a[2]),
    "f1": lambda a: sk.f1_score(a[0], a[1] >= 0.5, sample_weight=a[2]),
    "specificity": lambda a: sk.recall_score(a[0], a[1] >= 0.5, pos_label=0, sample_weight=a[2]),
    "mcc": lambda a: sk.matthews_corrcoef(a[0], a[1] >= 0.5, sample_weight=a[2]),
    "cohen_kappa": lambda a: sk.cohen_kappa_score(a[0], (a[1] >= 0.5).astype(int), sample_weight=a[2]),
    "cost": lambda a: loop_cost(*a),
    "roc_auc": lambda a: sk.roc_auc_score(a[0], a[1], sample_weight=a[2]),
    "pr_auc": lambda a: sk.average_precision_score(a[0], a[1], sample_weight=a[2]),
    "ks": lambda a: loop_ks(*a),
    "lift": lambda a: loop_lifts(*a)[0],
    "log_loss": lambda a: sk.log_loss(a[0], a[1], sample_weight=a[2]),
    "brier": lambda a: sk.brier_score_loss(a[0], a[1], sample_weight=a[2]),
    "calibration_error": lambda a: loop_calibration(*a),
}


COSTS = (1.5, 5.0)


def loop_cost(labels: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> float:
    """Pay for every wrong row."""
    paid = 0.0
    for label, score, weight in zip(labels, scores, weights, strict=True):
        paid += weight * (COSTS[0] if score >= 0.5 and not label else COSTS[1] if score < 0.5 and label else 0.0)
    return paid / float(weights.sum())


def loop_ks(labels: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> float:
    """Compare both cumulative distributions at every score."""
    largest = 0.0
    for cut in scores:
        shares = [weights[(labels == k) & (scores >= cut)].sum() / weights[labels == k].sum() for k in (0, 1)]
        largest = max(largest, abs(shares[1] - shares[0]))
    return largest


def parts_by_loop(scores: np.ndarray, weights: np.ndarray, parts: int) -> np.ndarray:
    """Return what share of every row lies in each part of equal mass, pouring tie groups in from the highest score."""
    shares = np.zeros((parts, len(scores)))
    size, filled = weights.sum() / parts, 0.0
    for score in sorted(set(scores.tolist()), reverse=True):
        tied = scores == score
        mass = weights[tied].sum()
        for part in range(parts):
            overlap = min(filled + mass, (part + 1) * size) - max(filled, part * size)
            shares[part, tied] = max(overlap, 0.0) / mass
        filled += mass
    return shares


def loop_lifts(labels: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> list[float]:
    base = (weights @ labels) / weights.sum()
    return [
        float((share * weights) @ labels / (share * weights).sum() / base)
        for share in parts_by_loop(scores, weights, 10)
    ]


def loop_calibration(labels: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> float:
    total = 0.0
    for share in parts_by_loop(scores, weights, 15):
        inside = share * weights
        total += inside.sum() * abs((inside @ labels - inside @ scores) / inside.sum())
    return float(total / weights.sum())


def value_of(figure: object) -> float:
    """Return the value of a figure, which must have one."""
    assert isinstance(figure, Figure)
    assert figure.value is not None
    return figure.value


@pytest.mark.parametrize("name", [n for n, m in METRICS.items() if "binary" in m.tasks and n != "lift_by_decile"])
@given(rows=scored_rows())
@settings(max_examples=25, deadline=None)
def test_every_figure_agrees_with_its_witness(name: str, rows: Arrays) -> None:
    figure = binary(*rows[:2], weights=rows[2], costs=COSTS)[name]
    assert isinstance(figure, Figure)
    if figure.value is None:  # scikit-learn gives 0 or NaN where there is nothing to divide by
        assert figure.reason
        assert name in {"precision", "mcc"}
        assert not len(set((rows[1] >= 0.5).tolist())) > 1
    else:
        assert figure.value == pytest.approx(WITNESSES[name](rows), abs=1e-9)


@given(rows=scored_rows())
@settings(max_examples=25, deadline=None)
def test_lift_by_decile_agrees_with_pouring_rows_into_tenths(rows: Arrays) -> None:
    lifts = [value_of(lift) for lift in binary(*rows[:2], weights=rows[2]).lift_by_decile]
    assert lifts == pytest.approx(loop_lifts(*rows), abs=1e-9)


@given(rows=scored_rows())
@settings(max_examples=25, deadline=None)
def test_every_interval_holds_its_value_and_stays_within_bounds(rows: Arrays) -> None:
    for name, entry in binary(*rows[:2], weights=rows[2]).items():
        for figure in entry if isinstance(entry, tuple) else (entry,):
            if figure.value is None:
                continue
            assert figure.low is not None
            assert figure.high is not None
            assert figure.low <= figure.value <= figure.high
            assert figure.low >= (-1 if name in ("mcc", "cohen_kappa") else 0)
            assert figure.high <= (1 if "lift" not in name and name != "log_loss" else np.inf)


@given(rows=scored_rows(), seed=st.integers(0, 100))
@settings(max_examples=15, deadline=None)
def test_the_order_of_rows_and_the_scale_of_weights_do_not_matter(rows: Arrays, seed: int) -> None:
    labels, scores, weights = rows
    order = np.random.default_rng(seed).permutation(len(labels))
    first = binary(labels, scores, weights=weights)
    again = binary(labels[order], scores[order], weights=7 * weights[order])
    for name in set(first) - {"lift_by_decile"}:
        one, other = first[name], again[name]
        assert isinstance(one, Figure)
        assert isinstance(other, Figure)
        assert (one.reason, one.approximate) == (other.reason, other.approximate)
        if one.value is not None:
            ends = (one.value, one.low, one.high)
            assert (other.value, other.low, other.high) == pytest.approx(ends, abs=1e-7, rel=1e-7)


def test_costs_of_one_kind_of_error_are_bounded_as_its_share_is() -> None:
    labels = np.repeat([1, 1, 0], [7, 43, 50])
    scores = np.repeat([0.1, 0.9, 0.1], [7, 43, 50])
    figure = binary(labels, scores, costs=(1e-9, 5))["cost"]
    witness = binomtest(7, 100).proportion_ci(method="wilson")
    assert isinstance(figure, Figure)
    assert (figure.low, figure.high) == pytest.approx((5 * witness.low, 5 * witness.high), abs=1e-6)


def test_costs_of_no_error_at_all_are_bounded_above_zero() -> None:
    figure = binary([0, 1] * 50, [0.1, 0.9] * 50, costs=(1, 5))["cost"]
    assert isinstance(figure, Figure)
    most = binomtest(0, 100).proportion_ci(method="wilson").high
    assert (figure.value, figure.low) == (0.0, 0.0)
    assert figure.high == pytest.approx(np.hypot(most, 5 * most))


def figure_of(labels: np.ndarray, scores: np.ndarray, name: str) -> Figure:
    figure = binary(labels, scores)[name]
    assert isinstance(figure, Figure)
    return figure


def test_figures_of_a_ranking_say_where_their_intervals_cover_otherwise_than_they_claim() -> None:
    generator = np.random.default_rng(5)
    labels = np.arange(2000) % 2
    noise = generator.normal(size=2000)
    assert not figure_of(labels, labels + noise, "ks").approximate
    assert figure_of(labels, 0.2 * labels + noise, "ks").approximate  # KS is about 0.08
    assert not figure_of(labels[:100], 2 * labels[:100] + noise[:100], "roc_auc").approximate
    assert figure_of(labels[:100], 6 * labels[:100] + noise[:100], "roc_auc").approximate  # hardly a pair out of order
    rare = np.arange(2000) % 50 == 0
    assert not figure_of(rare, 2 * rare + noise, "pr_auc").approximate
    assert figure_of(rare, 0.1 * rare + noise, "pr_auc").approximate


def test_lifts_say_where_ties_lie_across_a_border_of_their_tenth() -> None:
    generator = np.random.default_rng(6)
    labels = generator.random(2000) < 0.5
    scores = np.arange(2000.0)
    assert [lift.approximate for lift in binary(labels, scores).lift_by_decile] == [False] * 10
    scores[990:1060] = 1000.0  # 70 rows over the border between the fifth tenth and the next, 35 % of a tenth
    found = [lift.approximate for lift in binary(labels, scores).lift_by_decile]
    assert found == [place in (4, 5) for place in range(10)]
    few = [lift.approximate for lift in binary(labels[:150], np.arange(150.0)).lift_by_decile]
    assert few[1:9] == [True] * 8


def test_ks_is_the_two_sample_statistic_of_scipy() -> None:
    generator = np.random.default_rng(3)
    labels = generator.random(500) < 0.3
    scores = generator.normal(labels * 0.8)
    witness = ks_2samp(scores[labels], scores[~labels], method="asymp").statistic
    assert binary(labels, scores).ks.value == pytest.approx(witness, abs=1e-12)


def test_the_table_lists_exactly_the_figures_of_a_binary_target() -> None:
    assert set(binary([0, 1, 1, 0], [0.1, 0.9, 0.4, 0.3], costs=COSTS)) == {
        n for n, m in METRICS.items() if "binary" in m.tasks
    }


def test_nothing_predicted_positive_leaves_precision_without_value_and_says_why() -> None:
    figures = binary([0, 1, 0, 1], [0.1, 0.2, 0.3, 0.4])
    assert figures.precision.value is None
    assert figures.precision.reason == "no row was predicted positive"
    assert figures.mcc.value is None
    assert figures.recall.value == 0
    assert figures.precision.as_json() == {
        "value": None,
        "low": None,
        "high": None,
        "method": "none",
        "reason": "no row was predicted positive",
    }


@pytest.mark.parametrize(
    ("labels", "missing"),
    [
        ([1, 1, 1], {"roc_auc", "ks", "specificity", "balanced_accuracy", "mcc"}),
        ([0, 0, 0], {"roc_auc", "ks", "pr_auc", "lift", "recall", "balanced_accuracy", "mcc"}),
    ],
)
def test_one_class_leaves_only_what_it_can_tell(labels: list[int], missing: set[str]) -> None:
    figures = binary(labels, [0.2, 0.6, 0.7])
    without = {name for name, f in figures.items() if isinstance(f, Figure) and f.value is None}
    assert without == missing
    assert all(figures[name].reason for name in without)  # type: ignore[union-attr]


def test_scores_outside_the_unit_interval_leave_out_what_needs_probabilities() -> None:
    figures = binary([0, 1, 0, 1], [-2.0, 3.0, 0.1, 0.7], costs=COSTS)
    assert set(figures.left_out) == {n for n, m in METRICS.items() if m.needs_probabilities and "binary" in m.tasks}
    assert not set(figures.left_out) & set(figures)
    with pytest.raises(AttributeError, match=r'"brier" was not measured: .* outside \[0, 1\]'):
        figures.brier  # noqa: B018


@pytest.mark.parametrize(
    ("labels", "positive", "expected"),
    [
        ([True, False, True], None, True),
        ([0, 1, 0], None, 1),
        ([0.0, 1.0, 0.0], None, 1),
        (["no", "Yes", "no"], None, "Yes"),
        ([1, 2, 2], None, 2),
        (["bad", "good", "good"], None, "bad"),
        (["a", "b"], None, "b"),
        (["a", "b", "c"], "c", "c"),
        ([0, 1, 0], "1", 1),
        ([True, False], "true", True),
        ([0, 0, 0], None, 1),
    ],
)
def test_the_positive_label_follows_the_stated_rule(labels: list[object], positive: object, expected: object) -> None:
    assert binary(np.array(labels), np.linspace(0.1, 0.9, len(labels)), positive=positive).positive == expected


def test_rows_of_weight_zero_are_as_if_they_were_not_there() -> None:
    full = binary([0, 1, 0, 1, 1], [0.1, 0.9, 0.3, 0.6, 0.0], weights=[1, 1, 2, 1, 0])
    assert full.as_json() == binary([0, 1, 0, 1], [0.1, 0.9, 0.3, 0.6], weights=[1, 1, 2, 1]).as_json()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (([0, 1], [0.5]), r"one number for each of the 2 rows, but their shape is \(1,\)"),
        (([0, 1], [0.5, np.nan]), "finite, but 1 of 2 are missing"),
        (([0, 1], ["low", "high"]), "scores must be numbers"),
        ((["a", None], [0.5, 0.1]), "1 of 2 have none"),
        ((["a", "a"], [0.5, 0.1]), "there are 1 .* name the positive one"),
        ((["a", "b", "c"], [0.5, 0.1, 0.2]), "there are 3 .* name the positive one"),
        (([], []), "at least one row"),
    ],
)
def test_bad_input_is_refused_in_words(arguments: tuple[list[object], list[object]], words: str) -> None:
    with pytest.raises(DataError, match=words):
        binary(np.array(arguments[0], dtype=object), np.array(arguments[1], dtype=object))


@pytest.mark.parametrize("weights", [[-1.0, 1.0], [0.0, 0.0]])
def test_weights_below_zero_or_all_zero_are_refused(weights: list[float]) -> None:
    with pytest.raises(DataError, match=f"weights must be 0 or more and not all 0, but they run from {weights[0]}"):
        binary([0, 1], [0.1, 0.9], weights=weights)
