"""Simple models beside the network, on flattened inputs: a ridge regression of numbers or marks, nearest neighbors."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from fitwell.doctor.examining.anatomy import Anatomy
from fitwell.doctor.examining.losses import LossKind
from fitwell.doctor.examining.scoring import judged, labels_of
from fitwell.doctor.examining.subject import Fold, Subject

MOST_FEATURES = 1500
PENALTIES = (1e-3, 1e-1, 10.0)  # per row, on standardized features
NEIGHBORS = 10
VALUES = LossKind(name="squared error", expects="values")


def features_of(inputs: Tensor) -> Tensor:
    """Return the features (rows, features) a linear model sees; codes of words are counted."""
    if inputs.is_floating_point() or inputs.dtype in (torch.uint8, torch.bool):
        flat = inputs.reshape(len(inputs), -1).double()
        if flat.shape[1] > MOST_FEATURES:  # every so many: neighbors in pictures and series tell much the same
            flat = flat[:, :: -(-flat.shape[1] // MOST_FEATURES)]
        return flat
    codes = inputs.reshape(len(inputs), -1)
    size = min(int(codes.max()) + 1, MOST_FEATURES)
    return functional.one_hot(codes.clamp(min=0) % size, size).sum(1).double()


def linear_contributions(subject: Subject, anatomy: Anatomy, folds: tuple[Fold, ...]) -> Tensor | None:
    """Return what held-out rows contribute to the skill of a linear model; None where a target is not one row's."""
    return _contributions(subject, anatomy, folds, ridge)


def neighbor_contributions(subject: Subject, anatomy: Anatomy, folds: tuple[Fold, ...]) -> Tensor | None:
    """Return the same of the mean of the nearest rows' targets, which bends as the data does where rows are many."""
    return _contributions(subject, anatomy, folds, nearest)


def _contributions(
    subject: Subject, anatomy: Anatomy, folds: tuple[Fold, ...], model: Callable[[Tensor, Tensor, Tensor], Tensor]
) -> Tensor | None:
    task = anatomy.task
    if anatomy.reading.deviance is not None:
        return None
    features = features_of(subject.inputs)
    if not bool(features.isfinite().all()):
        return None
    if task.kind == "classes":
        labels = labels_of(task, subject.known)
        if labels.ndim > 1:
            return None
        marks = functional.one_hot(labels.clamp(min=0), task.classes).double()
    else:
        marks = subject.known.reshape(len(subject.known), -1).double()
        if marks.shape[1] > MOST_FEATURES:
            return None
    found = []
    for fold in folds:
        predicted = model(features[fold.training], marks[fold.training], features[fold.held_out]).float()
        truth = subject.known[fold.held_out]
        if task.kind == "classes":
            best = functional.one_hot(predicted.argmax(1), task.classes).float()
            if task.classes == 2:
                best = best[:, 1:]
            coded = best * 2 - 1 if task.coding == "-1/1" else best
            found.append(judged(task, VALUES, coded, truth).contributions)
        else:
            found.append(judged(task, VALUES, predicted.reshape(truth.shape), truth).contributions)
    return torch.cat(found)


def nearest(features: Tensor, targets: Tensor, asked: Tensor) -> Tensor:
    """Return the mean targets (rows asked, columns) of the nearest rows, each feature counted in its spreads."""
    shift, factor = features.mean(0), features.std(0).nan_to_num(0)
    factor = torch.where(factor > 0, factor, torch.ones(()).double())
    x, more = (features - shift) / factor, (asked - shift) / factor
    count = min(NEIGHBORS, len(x))
    near = torch.cat([torch.cdist(some, x).topk(count, largest=False)[1] for some in torch.split(more, 500)])
    means: Tensor = targets[near].mean(1)
    return means


def ridge(features: Tensor, targets: Tensor, asked: Tensor) -> Tensor:
    """Return predictions (rows asked, columns) of a ridge regression whose penalty a fifth of the rows has chosen."""
    shift, factor = features.mean(0), features.std(0).nan_to_num(0)
    factor = torch.where(factor > 0, factor, torch.ones(()).double())
    x, more = (features - shift) / factor, (asked - shift) / factor
    middle = targets.mean(0)
    y = targets - middle
    last = torch.arange(len(x)) % 5 == 4
    penalty = PENALTIES[1]
    if len(x) >= 10:
        errors = [float((x[last] @ _weights(x[~last], y[~last], each) - y[last]).square().mean()) for each in PENALTIES]
        penalty = PENALTIES[errors.index(min(errors))]
    predictions: Tensor = more @ _weights(x, y, penalty) + middle
    return predictions


def _weights(x: Tensor, y: Tensor, penalty: float) -> Tensor:
    rows, columns = x.shape
    eye = torch.eye(min(rows, columns), dtype=x.dtype)
    solved: Tensor
    if columns <= rows:
        solved = torch.linalg.solve(x.T @ x + penalty * rows * eye, x.T @ y)
    else:
        solved = x.T @ torch.linalg.solve(x @ x.T + penalty * rows * eye, y)
    return solved
