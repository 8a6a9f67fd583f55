"""What a network is to do, and how well it does: one score for every task, 0 as good as a constant, 1 perfect.

Classes are scored by balanced accuracy, (recall averaged over classes − 1 / classes) / (1 − 1 / classes); numbers by
R². Both are means over rows of what each row contributes, so that two trainings are compared row by row. Beside it
stands a squared error of probabilities or numbers, which tells earlier which of two moments of a training is better.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from fitwell.doctor.examining.losses import LossKind, classes_axis
from fitwell.doctor.examining.thresholds import SUMS_TO_ONE

Kind = Literal["classes", "labels", "numbers"]
Coding = Literal["index", "one-hot", "0/1", "-1/1", "values"]
WORST = -1.0  # the skill of what diverged
MOST_LABELS = 64  # that are judged each by itself; more are the points of a picture


@dataclass(frozen=True, kw_only=True)
class Task:
    """What targets ask for: one class of several, several labels each on or off, or numbers."""

    kind: Kind
    coding: Coding
    classes: int  # of one class; else columns of the targets
    why: str
    points: int = 1  # of a row, each of which has one of two marks of its own

    @property
    def pair(self) -> tuple[float, float]:
        """The two marks of a task of two classes."""
        return (-1.0, 1.0) if self.coding == "-1/1" else (0.0, 1.0)


@dataclass(frozen=True, kw_only=True)
class Judged:
    """What each held-out row contributes to the skill, and its proper error (squared; lower is better)."""

    contributions: Tensor  # (rows,)
    errors: Tensor  # (rows,)


def task_of(targets: Tensor, output: Tensor, loss: LossKind) -> Task:
    """Return the task, from the targets (rows, …), an output of the network (some rows, …) and the loss."""
    values = torch.unique(targets.flatten()[:1_000_000])[:50]
    found = set(values.tolist())
    width = output.shape[1] if output.ndim > 1 else 1
    by_index = loss.name in ("cross-entropy", "negative log-likelihood")
    one_column = targets.ndim == 1 or (targets.ndim == 2 and targets.shape[1] == 1)
    axis = classes_axis(tuple(output.shape), targets) if output.ndim > 2 else None
    if axis is not None:
        classes = output.shape[axis]
        return Task(kind="classes", coding="index", classes=classes, why=f"{classes} outputs for every class number")
    if by_index and not targets.is_floating_point():
        classes = max(2, int(targets.max()) + 1, width if width > 1 else 2)
        return Task(kind="classes", coding="index", classes=classes, why=f"{loss.name} of {classes} classes")
    if found <= {0.0, 1.0} and one_column:
        return Task(kind="classes", coding="0/1", classes=2, why="targets are 0 and 1")
    if found <= {-1.0, 1.0} and one_column:
        return Task(kind="classes", coding="-1/1", classes=2, why="targets are -1 and 1")
    if found <= {0.0, 1.0} and targets.ndim == 2 and bool((targets.sum(1) == 1).all()):
        return Task(kind="classes", coding="one-hot", classes=targets.shape[1], why="each row marks one class")
    columns = targets[0].numel()
    if found <= {0.0, 1.0} and "binary" in loss.name and (targets.ndim > 2 or columns > MOST_LABELS):
        return Task(kind="classes", coding="0/1", classes=2, why=f"each of {columns} points is 0 or 1", points=columns)
    several = "binary" in loss.name or (loss.name == "cross-entropy" and float(targets.sum(1).max()) > 1)
    if found <= {0.0, 1.0} and targets.ndim == 2 and several and columns <= MOST_LABELS:
        return Task(kind="labels", coding="0/1", classes=targets.shape[1], why="each row marks labels")
    if not targets.is_floating_point() and one_column and width > 1 and int(targets.max()) < width:
        return Task(kind="classes", coding="index", classes=width, why=f"{width} outputs for class numbers")
    return Task(kind="numbers", coding="values", classes=columns, why="targets are numbers")


def labels_of(task: Task, targets: Tensor) -> Tensor:
    """Return class numbers (rows, …) of the targets; of labels and points, their marks (rows, labels or points)."""
    if task.kind == "labels":
        return targets.long()
    if task.coding == "one-hot":
        return targets.argmax(1)
    if task.coding == "-1/1":
        return (targets.reshape(len(targets)) > 0).long()
    if task.coding == "0/1":
        return targets.reshape((len(targets), task.points) if task.points > 1 else (len(targets),)).long()
    return targets.long()


def probabilities(task: Task, loss: LossKind, outputs: Tensor, *, logits: bool) -> Tensor:
    """Return the probability of each class, (rows, …, classes), that outputs stand for.

    Outputs that are probabilities already are taken for what they are, whatever the loss takes them for; `logits` says
    that they cannot be.
    """
    outputs = outputs.float()
    if task.kind == "labels":
        return outputs.clamp(0, 1) if not logits and _within_0_1(outputs) else outputs.sigmoid()
    if task.points > 1:
        return _of_one_unit(task, loss, outputs.reshape(len(outputs), task.points), logits=logits)
    if outputs.ndim == 1 or outputs.shape[1] == 1:
        return _of_one_unit(task, loss, outputs.reshape(len(outputs)), logits=logits)
    last = outputs.movedim(1, -1) if outputs.shape[1] == task.classes or outputs.ndim == 2 else outputs
    if logits:
        return last.softmax(-1)
    if _within_0_1(last) and bool(((last.sum(-1) - 1).abs() < SUMS_TO_ONE).all()):
        return last
    if loss.expects == "log-probabilities":
        return (last - last.logsumexp(-1, keepdim=True)).exp()
    if loss.expects in ("probabilities", "values"):
        shares = last.clamp(min=1e-6)
        return shares / shares.sum(-1, keepdim=True)
    return last.softmax(-1)


def _of_one_unit(task: Task, loss: LossKind, outputs: Tensor, *, logits: bool) -> Tensor:
    if logits:
        one = outputs.sigmoid()
    elif loss.expects == "margins":
        one = (2 * outputs).sigmoid()
    elif task.coding == "-1/1":
        one = ((outputs + 1) / 2).clamp(0, 1)
    elif loss.expects in ("logits", "anything") and not _within_0_1(outputs):
        one = outputs.sigmoid()
    else:
        one = outputs.clamp(0, 1)
    return torch.stack([1 - one, one], -1)


def _within_0_1(outputs: Tensor) -> bool:
    return bool(((outputs >= 0) & (outputs <= 1)).all())


def judged(task: Task, loss: LossKind, outputs: Tensor, targets: Tensor, *, logits: bool = False) -> Judged:
    """Return how good outputs (rows, …) are for targets (rows, …)."""
    if not bool(outputs.isfinite().all()):
        return Judged(contributions=torch.full((len(targets),), WORST), errors=torch.full((len(targets),), 1e6))
    if task.kind == "numbers":
        return _judged_numbers(outputs.float(), targets.float())
    shares, labels = probabilities(task, loss, outputs, logits=logits), labels_of(task, targets)
    if task.kind == "labels":
        return _judged_labels(shares, labels)
    if shares.shape[-1] < task.classes:
        shares = functional.pad(shares, (0, task.classes - shares.shape[-1]))
    labels = labels.reshape(shares.shape[:-1])
    return _judged_classes(shares, labels, task.classes)


def _judged_classes(shares: Tensor, labels: Tensor, classes: int) -> Judged:
    asked = (labels >= 0).float()  # what is below stands for no class, as that of steps that fill rows up
    counts, labels = class_counts(labels, classes).float(), labels.clamp(min=0)
    present = int((counts > 0).sum())
    chance = 1 / max(2, present)
    # Ties go to nobody: a constant output must not be taken for knowing the first class.
    best = shares.amax(-1, keepdim=True)
    tied = (shares >= best - 1e-7).float()
    right = (tied / tied.sum(-1, keepdim=True)).gather(-1, labels[..., None])[..., 0]
    weights = (float(asked.sum()) / (max(1, present) * counts.clamp(min=1)))[labels]  # their mean over those asked is 1
    each = weights * (right - chance) / (1 - chance)
    errors = (shares - functional.one_hot(labels, classes)).square().sum(-1)
    return Judged(contributions=_of_rows(each, asked), errors=_of_rows(errors, asked))


def _of_rows(values: Tensor, asked: Tensor) -> Tensor:
    """Return what each row has of values (rows, …), so that the mean over rows is that over all that are asked for."""
    sums: Tensor = (values * asked).reshape(len(values), -1).sum(1)
    return sums * len(values) / asked.sum().clamp(min=1)


def class_counts(labels: Tensor, classes: int = 0) -> Tensor:
    """Return how often each class (classes,) occurs among labels; what is below 0 stands for none.

    >>> class_counts(torch.tensor([0, 2, 2, -100]))
    tensor([1, 0, 2])
    """
    return torch.bincount(labels[labels >= 0], minlength=classes)


def _judged_labels(shares: Tensor, labels: Tensor) -> Judged:
    right = ((shares > 0.5).long() == labels).float() + 0.5 * ((shares - 0.5).abs() < 1e-7).float() * (labels == 1)
    counts = torch.stack([(labels == 0).sum(0), (labels == 1).sum(0)]).float().clamp(min=1)  # (2, labels)
    weights = len(labels) / (2 * counts.gather(0, labels))
    contributions = (weights * (2 * right - 1)).mean(1)
    return Judged(contributions=contributions, errors=(shares - labels).square().mean(1))


def _judged_numbers(outputs: Tensor, targets: Tensor) -> Judged:
    rows = len(targets)
    if outputs.numel() != targets.numel():  # broadcast against each other: compared as they are meant, row by row
        outputs = outputs.reshape(rows, -1).mean(1, keepdim=True).expand(rows, targets[0].numel())
    outputs, targets = outputs.reshape(rows, -1), targets.reshape(rows, -1)
    squared = (targets - outputs).square()
    spread = (targets - targets.mean(0)).square().mean(0)  # (columns,)
    if targets.shape[1] <= 8:
        relative = (squared / spread.clamp(min=1e-12)).mean(1)
    else:  # pixels, say: some hardly vary, and would count as much as the others
        relative = squared.mean(1) / spread.mean().clamp(min=1e-12)
    return Judged(contributions=1 - relative.clamp(max=1e6), errors=relative.clamp(max=1e6))


def by_rank(outputs: Tensor, targets: Tensor) -> Tensor:
    """Return what each row (rows,) contributes to Spearman's correlation of outputs and targets (rows, …).

    It is the mean of all columns'. A few rows far out, which decide a squared error, count no more than others here.

    >>> float(by_rank(torch.tensor([1.0, 2.0, 9.0]), torch.tensor([0.0, 0.1, 5e6])).mean())
    1.0
    """
    if outputs.numel() != targets.numel():
        return torch.zeros(len(targets))
    ranks = [standard_ranks(each.reshape(len(targets), -1)) for each in (outputs, targets)]
    return (ranks[0] * ranks[1]).mean(1).float()


def standard_ranks(values: Tensor) -> Tensor:
    """Return the ranks of values (rows, columns) in their column, those of equals in their middle, of unit spread.

    >>> standard_ranks(torch.tensor([[4.0], [9.0], [4.0]])).T.numpy().round(3)
    array([[-0.707,  1.414, -0.707]])
    """
    columns = values.nan_to_num().double().T.contiguous()
    known = columns.sort(1).values
    ranks = torch.searchsorted(known, columns).double() + torch.searchsorted(known, columns, right=True)
    ranks -= ranks.mean(1, keepdim=True)
    standard: Tensor = (ranks / ranks.square().mean(1, keepdim=True).sqrt().clamp(min=1e-9)).T
    return standard


def log_loss(task: Task, loss: LossKind, outputs: Tensor, targets: Tensor, *, evenly: bool = False) -> Tensor:
    """Return the log loss (rows,) of what outputs say of classes or labels, which no row raises beyond that of 1e-4.

    With `evenly`, classes count as much as one another, however many rows they have.
    """
    shares, labels = probabilities(task, loss, outputs.nan_to_num(0), logits=False), labels_of(task, targets)
    if task.kind == "labels":
        return -torch.where(labels > 0, shares, 1 - shares).clamp(min=1e-4).log().mean(1)
    labels = labels.clamp(min=0).reshape(shares.shape[:-1])
    known = -shares.gather(-1, labels[..., None])[..., 0].clamp(min=1e-4).log()
    if evenly:
        counts = class_counts(labels.flatten()).float()
        known = known * (labels.numel() / ((counts > 0).sum() * counts.clamp(min=1)))[labels]
    return known.reshape(len(targets), -1).mean(1)


def skill(contributions: Tensor) -> float:
    """Return the skill of rows' contributions (rows,), no worse than that of what diverged.

    >>> skill(torch.tensor([1.0, 0.5]))
    0.75
    """
    return max(WORST, float(contributions.double().mean()))
