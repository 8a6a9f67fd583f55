"""The optimizer of an arm: the author's own, with what the arm changes about it, or Adam in its place."""

from __future__ import annotations

import torch
from torch import nn

from fitwell.doctor.examining.anatomy import Anatomy
from fitwell.doctor.examining.changes import REGULARIZED, Arm, parameters_of
from fitwell.doctor.examining.subject import Subject
from fitwell.doctor.examining.thresholds import MUCH_DECAY

DECAY = 0.05  # of the arm that is held back, decoupled
FUSED = (torch.optim.Adam, torch.optim.AdamW, torch.optim.SGD)  # those of torch that have one kernel for a step on CPUs


def optimizer_of(subject: Subject, anatomy: Anatomy, module: nn.Module, arm: Arm) -> torch.optim.Optimizer:
    """Return the optimizer of an arm; Adam in the place of another keeps a decay that might be at fault itself."""
    trainable = [each for each in parameters_of(module) if each.requires_grad]
    decay = DECAY if REGULARIZED in arm.changes else 0.0
    own = fused(subject.optimizer(module.parameters())) if not arm.is_another_network else None
    if own is None or "adam" in arm.changes:
        if own is not None and "thaw" not in arm.changes:
            given = {id(each) for group in own.param_groups for each in group["params"]}
            trainable = [each for each in trainable if id(each) in given] or trainable
        own_decay = anatomy.weight_decay if own is not None and "lighter" not in arm.changes else 0.0
        if own_decay >= MUCH_DECAY and not anatomy.decoupled and not isinstance(own, torch.optim.SGD):
            return torch.optim.Adam(trainable, lr=arm.adam_rate, weight_decay=own_decay, fused=True)
        kept = own_decay if own_decay >= MUCH_DECAY else 0.0
        return torch.optim.AdamW(trainable, lr=arm.adam_rate, weight_decay=max(decay, kept), fused=True)
    given = {id(each) for group in own.param_groups for each in group["params"]}
    if "thaw" in arm.changes:
        missing = [each for each in trainable if id(each) not in given]
        if missing:
            own.add_param_group({"params": missing})
    for group in own.param_groups:
        if "rate" in arm.changes:
            group["lr"] = group["lr"] * arm.factor
        if "lighter" in arm.changes and "weight_decay" in group:
            group["weight_decay"] = 0.0
        if REGULARIZED in arm.changes and "weight_decay" in group:
            group["weight_decay"] = max(group["weight_decay"], decay)
    return own


def fused(optimizer: torch.optim.Optimizer) -> torch.optim.Optimizer:
    """Let each step of an optimizer be one kernel where it can: it moves weights alike, to rounding, in half the time.

    What somebody asked for otherwise, or wrote themselves, stays as it is; so do steps of sparse gradients, which the
    kernels do not take.
    """
    weights = [each for group in optimizer.param_groups for each in group["params"]]
    plain = all(each.device.type == "cpu" and each.dtype in (torch.float32, torch.float64) for each in weights)
    if type(optimizer) not in FUSED or not plain:
        return optimizer
    for group in optimizer.param_groups:
        chosen = group.get("fused") is not None or group.get("foreach") is not None
        if not chosen and not group.get("capturable") and not group.get("differentiable"):
            group["fused"] = True

    def part_from_sparse(*_step: object) -> None:
        if any(each.grad is not None and each.grad.is_sparse for each in weights):
            for group in optimizer.param_groups:
                group["fused"] = False
        first.remove()

    first = optimizer.register_step_pre_hook(part_from_sparse)
    return optimizer
