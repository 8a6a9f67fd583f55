"""How a program's outputs on rows that it has not seen are scored; higher is better, and 1 is perfect."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def top_class(outputs: Tensor, classes: Tensor) -> float:
    """Return the share of rows whose greatest output is that of their class."""
    return float((outputs.argmax(1) == classes).float().mean())


def one_hot_top_class(outputs: Tensor, targets: Tensor) -> float:
    """Return the share of rows whose greatest output is where their target is 1."""
    return top_class(outputs, targets.argmax(1))


def balanced_top_class(outputs: Tensor, classes: Tensor) -> float:
    """Return the mean over classes of the share of their rows that are found."""
    found = [float((outputs.argmax(1)[classes == each] == each).float().mean()) for each in torch.unique(classes)]
    return sum(found) / len(found)


def sign(logits: Tensor, targets: Tensor) -> float:
    """Return the share of rows (and labels) whose logit is on the right side of 0."""
    return float(((logits.reshape(targets.shape) > 0) == (targets > 0.5)).float().mean())


def half(probabilities: Tensor, targets: Tensor) -> float:
    """Return the share of rows whose probability is on the right side of one half."""
    return float(((probabilities.reshape(targets.shape) > 0.5) == (targets > 0.5)).float().mean())


def balanced_sign(logits: Tensor, targets: Tensor) -> float:
    """Return the mean over both classes of the share of their rows that are found."""
    found, true = logits.reshape(targets.shape) > 0, targets > 0.5
    return float((found[true].float().mean() + (~found[~true]).float().mean()) / 2)


def nearest(outputs: Tensor, targets: Tensor) -> float:
    """Return the share of rows whose output, rounded, is their class."""
    return float((outputs.reshape(targets.shape).round() == targets).float().mean())


def r2(outputs: Tensor, targets: Tensor) -> float:
    """Return the share of the targets' variance that is explained, over all of their columns; at least -1."""
    outputs = outputs.reshape(targets.shape)
    share = 1 - float(((outputs - targets) ** 2).sum() / ((targets - targets.mean(0)) ** 2).sum())
    return max(-1.0, share) if math.isfinite(share) else -1.0
