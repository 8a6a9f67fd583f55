"""What answers look like: a class that is never given, a figure that sounds good and says nothing."""

from __future__ import annotations

from fitwell.doctor.checks.judging import advised
from fitwell.doctor.finding import Finding
from fitwell.doctor.observation import Observation
from fitwell.doctor.thresholds import FLATTERED, IGNORED_ROWS


def ignored_class(seen: Observation) -> Finding | None:
    """Speak when a class of ten held-out rows or more is never answered; the largest such class is named.

    Silent where a simple model does better: the network lacks more than a class.
    """
    never = [each for each in seen.classes if each.answered == 0 and each.rows >= IGNORED_ROWS]
    if not never or any(beside.verdict == "worse" for beside in seen.beside):
        return None
    worst = max(never, key=lambda each: each.rows)
    total = sum(each.rows for each in seen.classes)
    others = "" if len(never) == 1 else f", and {len(never) - 1} more classes neither"
    return Finding(
        symptom="class_imbalance",
        status="confirmed",
        severity="warning",
        where=worst.name,
        since="end",
        evidence={"class": worst.name, "rows": worst.rows, "of": total, "answered": 0, "classes_ignored": len(never)},
        explanation=(
            f'class "{worst.name}" is never answered, though {worst.rows} of {total} measured rows are of it{others}'
        ),
        remedies=(
            advised(seen, "weight the classes", setting="training.class_weights", new="balanced"),
            advised(seen, "choose the threshold by f1", setting="decision.threshold", new="f1"),
        ),
    )


def misleading_metric(seen: Observation) -> Finding | None:
    """Speak when accuracy decides, sounds good, and is no better than answering the most frequent class always."""
    if not seen.accuracy_decides:
        return None
    constant = next((each for each in seen.beside if each.constant and each.metric == "accuracy"), None)
    if constant is None or constant.value < FLATTERED or constant.verdict == "better":
        return None
    return Finding(
        symptom="misleading_metric",
        status="suspected",
        severity="warning",
        where="accuracy",
        since="end",
        evidence={"accuracy": constant.network, "accuracy_of_constant": constant.value},
        explanation=(
            f"an accuracy of {100 * constant.network:.1f} % sounds good, but always answering the most frequent class "
            f"reaches {100 * constant.value:.1f} %: look at a figure that a rare class counts in"
        ),
        remedies=(advised(seen, "judge by the rare class", setting="goal", new="imbalanced"),),
    )
