"""The choice of the metric that decides."""

from __future__ import annotations

from typing import get_args

import pytest

from fitwell.errors import RequestError
from fitwell.metrics import METRICS, Costs, Task, choose_primary
from fitwell.metrics.primary import GOALS, Goal

ALL_GOALS: tuple[Goal, ...] = get_args(Goal)
ALL_TASKS: tuple[Task, ...] = get_args(Task)


@pytest.mark.parametrize("goal", ALL_GOALS)
@pytest.mark.parametrize("task", ALL_TASKS)
def test_every_goal_chooses_a_metric_that_the_task_has_and_starts_its_reason_with_it(task: Task, goal: Goal) -> None:
    metric, why = choose_primary(task, goal, rarest=0.3)
    assert task in METRICS[metric].tasks
    assert why.startswith(f"{metric}: ")


def test_the_goals_are_the_ones_that_can_be_asked_for() -> None:
    assert {"auto", *GOALS} == set(ALL_GOALS)


@pytest.mark.parametrize(
    ("goal", "metric"),
    [
        ("balanced", "accuracy"),
        ("imbalanced", "pr_auc"),
        ("ranking", "roc_auc"),
        ("targeting", "lift"),
        ("probability", "log_loss"),
    ],
)
def test_a_stated_goal_decides_for_a_binary_target_whatever_the_data(goal: Goal, metric: str) -> None:
    assert choose_primary("binary", goal, rarest=0.01).metric == metric
    assert f'the goal is "{goal}"' in choose_primary("binary", goal).why


@pytest.mark.parametrize(
    ("task", "rarest", "classes", "metric"),
    [
        ("binary", 0.19, 2, "pr_auc"),
        ("binary", 0.21, 2, "roc_auc"),
        ("multiclass", 0.03, 10, "mcc"),
        ("multiclass", 0.05, 10, "accuracy"),
        ("multilabel", 0.05, 2, "pr_auc"),
        ("multilabel", 0.4, 2, "f1"),
    ],
)
def test_without_a_goal_a_rare_class_decides(task: Task, rarest: float, classes: int, metric: str) -> None:
    assert choose_primary(task, rarest=rarest, classes=classes).metric == metric


@pytest.mark.parametrize("goal", ALL_GOALS)
def test_costs_decide_before_any_goal(goal: Goal) -> None:
    metric, why = choose_primary("binary", goal, rarest=0.01, costs=Costs(1, 5))
    assert metric == "cost"
    assert why == "cost: a false positive costs 1 and a false negative 5, and what wrong answers cost is what counts"


def test_one_number_is_measured_in_its_unit_and_several_without() -> None:
    assert choose_primary("regression").metric == "rmse"
    assert choose_primary("regression", targets=2).metric == "r2"


def test_an_unknown_goal_is_refused_with_the_nearest() -> None:
    with pytest.raises(RequestError, match='but "rank" came; did you mean "ranking"'):
        choose_primary("binary", "rank")  # type: ignore[arg-type]
