"""The one metric that decides: chosen from what the user wants and from the data, with the reason in words."""

from __future__ import annotations

from typing import Literal, NamedTuple

from fitwell.errors import RequestError, nearest
from fitwell.metrics.costs import Costs
from fitwell.metrics.table import Task

Goal = Literal["auto", "balanced", "imbalanced", "ranking", "targeting", "probability"]
RARE = 0.4  # of an even share: a class below this lets accuracy look good without finding it (binary: 20 % of the rows)


class Primary(NamedTuple):
    """The metric that decides and why it does."""

    metric: str
    why: str


# what each goal means for each task; a goal that a task has no metric of its own for falls back on the nearest
GOALS: dict[str, dict[Task, str]] = {
    "balanced": {"binary": "accuracy", "multiclass": "accuracy", "multilabel": "f1"},
    "imbalanced": {"binary": "pr_auc", "multiclass": "mcc", "multilabel": "pr_auc"},
    "ranking": {"binary": "roc_auc", "multiclass": "roc_auc", "multilabel": "roc_auc"},
    "targeting": {"binary": "lift", "multiclass": "roc_auc", "multilabel": "pr_auc"},
    "probability": {"binary": "log_loss", "multiclass": "log_loss", "multilabel": "log_loss"},
}

REASONS = {
    "accuracy": "the share of right answers says it plainly",
    "f1": "it weighs wrong and missed labels alike, label by label",
    "pr_auc": "it looks at how precisely the rare positives are found and is not flattered by the many negatives",
    "mcc": "it counts every cell of the confusion matrix, so a rare class cannot be ignored",
    "roc_auc": "it measures the order of the scores alone, whatever the threshold",
    "lift": "it says how many times more positives the best tenth holds than a random one",
    "rmse": "it is in the units of the target, and lowering squared error lowers it",
    "r2": "it has no unit, so targets of different units can be averaged",
    "cost": "what wrong answers cost is what counts",
    "log_loss": "it rewards honest probabilities and punishes confident errors",
}


def choose_primary(
    task: Task,
    goal: Goal = "auto",
    *,
    rarest: float | None = None,
    classes: int = 2,
    targets: int = 1,
    costs: Costs | None = None,
) -> Primary:
    """Return the metric that decides and the reason, in one sentence.

    `rarest` is the share of the rarest class (multi-label: the smallest share of positives among the labels). With
    the goal "auto", a class below 40 % of its even share (20 % of the rows when there are two) chooses as
    "imbalanced" does; otherwise a binary target is measured by ROC-AUC, several classes by accuracy and several
    labels by macro F1. Regression is measured by rmse, several targets, which may have different units, by r2. Costs
    of wrong answers decide before any goal.

    Raises `RequestError` for an unknown goal.

    >>> choose_primary("binary", rarest=0.3).metric, choose_primary("binary", rarest=0.03).metric
    ('roc_auc', 'pr_auc')
    >>> choose_primary("regression").why
    'rmse: it is in the units of the target, and lowering squared error lowers it'
    """
    if goal != "auto" and goal not in GOALS:
        known = ["auto", *GOALS]
        raise RequestError(f'a goal is one of {", ".join(known)}, but "{goal}" came{nearest(goal, known)}')
    if costs is not None:
        told = f"a false positive costs {costs.false_positive:g} and a false negative {costs.false_negative:g}"
        return Primary("cost", f"cost: {told}, and {REASONS['cost']}")
    if task == "regression":
        metric = "rmse" if targets == 1 else "r2"
        return Primary(metric, f"{metric}: {REASONS[metric]}")
    if goal != "auto":
        metric = GOALS[goal][task]
        return Primary(metric, f'{metric}: the goal is "{goal}"; {REASONS[metric]}')
    if rarest is not None and rarest < RARE / classes:
        metric = GOALS["imbalanced"][task]
        return Primary(metric, f"{metric}: the rarest class has {100 * rarest:.2g} % of the rows; {REASONS[metric]}")
    metric = "roc_auc" if task == "binary" else GOALS["balanced"][task]
    return Primary(metric, f"{metric}: no class is rare, and {REASONS[metric]}")
