"""What signals said is weighed against what experiments found, and the likeliest cause is said first."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from fitwell.curing.verdicts import Judged, leak_judged, ranked, seed_finding, visible_first, weighed
from fitwell.doctor.finding import Finding, Severity, Status


def finding(
    symptom: str, status: Status = "suspected", severity: Severity = "warning", since: str = "epoch 3"
) -> Finding:
    return Finding(symptom=symptom, status=status, severity=severity, where="layer 1", since=since, explanation="seen")


def judged(shortfall: float, properly: float | None) -> Judged:
    nothing: Any = None
    return Judged(found=nothing, effects={}, proper={}, held={}, shortfall=shortfall, proper_shortfall=properly)


@pytest.mark.parametrize(
    ("shortfall", "properly", "missing"),
    [(0.02, 0.9, True), (0.3, 0.1, True), (0.3, None, True), (0.02, 0.2, False), (0.05, None, False)],
)
def test_what_is_missing_by_either_figure_counts(shortfall: float, properly: float | None, missing: bool) -> None:
    assert judged(shortfall, properly).misses(0.1) == missing


CAUSE = finding("learning_rate_too_high", "confirmed", "critical")


def test_a_suspicion_of_the_confirmed_cause_is_said_once() -> None:
    assert weighed([finding("learning_rate_too_high")], [CAUSE], why="it is sick", cleared=False) == []


def test_another_suspicion_is_likely_a_consequence_and_only_informs() -> None:
    (kept,) = weighed([finding("dead_units", severity="critical")], [CAUSE], why="it is sick", cleared=False)
    assert (kept.status, kept.severity) == ("suspected", "info")
    assert kept.explanation == "seen; likely a consequence of layer 1"


def test_suspicions_are_refuted_where_the_training_is_cleared() -> None:
    (kept,) = weighed([finding("dead_units")], [], why="it is as good as it gets", cleared=True)
    assert (kept.status, kept.explanation) == ("refuted", "seen; refuted: it is as good as it gets")


def test_without_a_confirmed_cause_suspicions_stand() -> None:
    doubtful = finding("batch_size")
    assert weighed([finding("dead_units")], [doubtful], why="", cleared=False) == [finding("dead_units")]


def test_what_was_counted_stands() -> None:
    counted = [finding("class_imbalance", "confirmed", since="data"), finding("target_leakage", since="data")]
    assert weighed(counted, [CAUSE], why="", cleared=False) == counted
    assert weighed(counted, [], why="", cleared=True) == counted


@pytest.mark.parametrize(
    ("without", "properly", "held"), [(0.96, 0.4, True), (0.8, 0.0, True), (0.96, 0.2, False), (0.96, None, False)]
)
def test_a_leak_shows_in_the_proper_score_where_other_columns_rank_well_too(
    without: float, properly: float | None, held: bool
) -> None:
    goodness = {"with it": 1.0, "without": without, "trivial": 0.5}
    gap = SimpleNamespace(value=1 - without, low=0.01, high=0.3)
    bench: Any = SimpleNamespace(
        metric="roc_auc",
        compared=lambda _one, _other: SimpleNamespace(verdict="better", difference=gap),
        goodness=goodness.__getitem__,
        figure=lambda tried: SimpleNamespace(value=goodness[tried]),
        proper_shortfall=lambda _own, _best, _trivial: properly,
    )
    tried: list[Any] = list(goodness)
    suspected = finding("target_leakage", severity="critical", since="data")
    found = leak_judged(bench, suspected, tried[0], tried[1], trivial=tried[2])
    assert found.status == ("confirmed" if held else "refuted")
    assert ("nothing hangs on it" in found.explanation) != held


@pytest.mark.parametrize(("best", "found"), [(0.9, True), (0.57, False)], ids=["some learn", "all guess"])
def test_seeds_that_guess_are_not_told_apart(best: float, found: bool) -> None:
    goodness: dict[Any, float] = {"own": best - 0.05, "other": best, "majority": 0.5}
    bench: Any = SimpleNamespace(
        metric="roc_auc",
        goodness=goodness.__getitem__,
        figure=lambda tried: SimpleNamespace(value=goodness[tried]),
        compared=lambda one, other: SimpleNamespace(
            verdict="better" if other == "own" or goodness[one] - goodness[other] > 0.1 else "not distinguishable"
        ),
    )
    screen: Any = SimpleNamespace(base="own", seeds=("other",), best=best, trivial=0.5, simple={"majority": "majority"})
    assert (seed_finding(bench, screen) is not None) == found


def test_of_causes_that_are_needed_together_those_come_first_that_signals_had_shown() -> None:
    together = [finding(each, "confirmed") for each in ("unstable_loss", "underfitting", "unscaled_inputs")]
    found = visible_first(together, [finding("unscaled_inputs"), finding("underfitting", "confirmed")])
    assert [each.symptom for each in found] == ["unscaled_inputs", "unstable_loss", "underfitting"]


def test_the_likeliest_cause_comes_first_and_what_was_refuted_last() -> None:
    refuted, warning, second = finding("a", "refuted", "critical"), finding("b"), finding("c", "confirmed")
    assert ranked([refuted, warning, second, CAUSE]) == (CAUSE, second, warning, refuted)
