"""Skill is balanced accuracy or R² beside a constant, as scikit-learn computes them."""

from __future__ import annotations

import pytest
import torch
from sklearn.linear_model import Ridge
from sklearn.metrics import balanced_accuracy_score, r2_score
from sklearn.metrics import log_loss as sklearn_log_loss
from sklearn.utils.class_weight import compute_sample_weight

from fitwell.doctor.examining.baseline import ridge
from fitwell.doctor.examining.losses import EXPECTS, LossKind
from fitwell.doctor.examining.measuring import gain
from fitwell.doctor.examining.scoring import Task, judged, labels_of, log_loss, skill, task_of

GENERATOR = torch.Generator().manual_seed(0)


def loss_of(name: str) -> LossKind:
    return LossKind(name=name, expects=EXPECTS[name])


CROSS_ENTROPY, SQUARED, LOGITS, OWN = (
    loss_of("cross-entropy"),
    loss_of("squared error"),
    loss_of("binary cross-entropy with logits"),
    loss_of("a loss of its own"),
)


def test_the_skill_of_classes_is_balanced_accuracy_beside_chance() -> None:
    targets = torch.randint(0, 3, (200,), generator=GENERATOR)
    outputs = torch.randn(200, 3, generator=GENERATOR) + torch.nn.functional.one_hot(targets, 3)
    task = task_of(targets, outputs, CROSS_ENTROPY)
    expected = balanced_accuracy_score(targets, outputs.argmax(1), adjusted=True)
    assert skill(judged(task, CROSS_ENTROPY, outputs, targets).contributions) == pytest.approx(expected, abs=1e-6)


def test_the_skill_of_numbers_is_r2() -> None:
    targets = torch.randn(100, 2, generator=GENERATOR) * torch.tensor([1.0, 50.0])
    outputs = targets + torch.randn(100, 2, generator=GENERATOR)
    task = task_of(targets, outputs, SQUARED)
    assert skill(judged(task, SQUARED, outputs, targets).contributions) == pytest.approx(
        r2_score(targets, outputs), abs=1e-5
    )


@pytest.mark.parametrize(
    ("targets", "outputs", "loss"),
    [
        (torch.tensor([0, 1, 1, 0]), torch.ones(4, 2), CROSS_ENTROPY),
        (torch.tensor([[0.0], [1.0], [1.0], [0.0]]), torch.zeros(4, 1), LOGITS),
        (torch.tensor([[1.0], [2.0], [3.0], [6.0]]), torch.full((4, 1), 3.0), SQUARED),
    ],
)
def test_a_constant_has_no_skill(targets: torch.Tensor, outputs: torch.Tensor, loss: LossKind) -> None:
    task = task_of(targets, outputs, loss)
    assert skill(judged(task, loss, outputs, targets).contributions) == pytest.approx(0, abs=1e-6)


def test_a_log_loss_in_which_classes_count_alike_is_that_of_scikit_learn_with_balanced_weights() -> None:
    targets = (torch.rand(300, 1, generator=GENERATOR) < 0.1).float()
    outputs = torch.randn(300, 1, generator=GENERATOR)
    task = task_of(targets, outputs, LOGITS)
    weights = compute_sample_weight("balanced", targets[:, 0].numpy())
    shares = outputs.sigmoid()[:, 0].double().numpy()
    for evenly, weight in ((False, None), (True, weights)):
        expected = sklearn_log_loss(targets[:, 0].numpy(), shares, sample_weight=weight)
        found = log_loss(task, LOGITS, outputs, targets, evenly=evenly)
        assert float(found.mean()) == pytest.approx(expected, rel=1e-5)


def test_what_diverged_has_the_worst_skill() -> None:
    task = task_of(torch.arange(4.0)[:, None], torch.zeros(4, 1), SQUARED)
    outputs = torch.full((4, 1), torch.nan)
    assert skill(judged(task, SQUARED, outputs, torch.arange(4.0)[:, None]).contributions) == -1


@pytest.mark.parametrize(
    ("targets", "output", "loss", "expected"),
    [
        (torch.tensor([0, 2, 1]), torch.zeros(3, 3), CROSS_ENTROPY, ("classes", "index", 3)),
        (torch.tensor([[0.0], [1.0]]), torch.zeros(2, 1), SQUARED, ("classes", "0/1", 2)),
        (torch.tensor([-1.0, 1.0]), torch.zeros(2), SQUARED, ("classes", "-1/1", 2)),
        (torch.eye(3), torch.zeros(3, 3), SQUARED, ("classes", "one-hot", 3)),
        (torch.tensor([[1.0, 1.0], [0.0, 1.0]]), torch.zeros(2, 2), LOGITS, ("labels", "0/1", 2)),
        (torch.tensor([[0.5], [1.5]]), torch.zeros(2, 1), SQUARED, ("numbers", "values", 1)),
        (torch.tensor([[0, 1, 1], [1, 0, 1]]), torch.zeros(2, 3, 2), OWN, ("classes", "index", 2)),
        (torch.tensor([[0, 1, 1], [1, 0, 1]]), torch.zeros(2, 2, 3), CROSS_ENTROPY, ("classes", "index", 2)),
    ],
)
def test_the_task_follows_from_targets_output_and_loss(
    targets: torch.Tensor, output: torch.Tensor, loss: LossKind, expected: tuple[str, str, int]
) -> None:
    task = task_of(targets, output, loss)
    assert (task.kind, task.coding, task.classes) == expected


@pytest.mark.parametrize(
    ("coding", "targets"),
    [("0/1", torch.tensor([[0.0], [1.0]])), ("-1/1", torch.tensor([-1.0, 1.0])), ("one-hot", torch.eye(2))],
)
def test_labels_are_read_from_any_coding(coding: str, targets: torch.Tensor) -> None:
    task = Task(kind="classes", coding=coding, classes=2, why="")  # type: ignore[arg-type]
    assert labels_of(task, targets).tolist() == [0, 1]


def test_the_linear_model_is_a_ridge_regression() -> None:
    x = torch.randn(40, 5, generator=GENERATOR).double()
    y = (x @ torch.randn(5, 2, generator=GENERATOR).double() + 3) + torch.randn(40, 2, generator=GENERATOR)
    scaled = (x - x.mean(0)) / x.std(0)
    # One of the penalties per row that it chooses from.
    witnesses = [Ridge(alpha=40 * each).fit(scaled, y).predict(scaled) for each in (1e-3, 1e-1, 10.0)]
    found = ridge(x, y, x)
    assert min(float((found - torch.from_numpy(each)).abs().max()) for each in witnesses) < 1e-9


def test_a_gain_is_the_difference_of_skills_with_the_error_of_its_mean() -> None:
    better, worse = torch.tensor([1.0, 1.0, 0.5, 1.0]), torch.tensor([0.0, 1.0, 0.5, 0.0])
    found = gain(better, worse)
    assert found.effect == pytest.approx(0.5)
    assert found.error == pytest.approx(float((better - worse).double().std()) / 2)
