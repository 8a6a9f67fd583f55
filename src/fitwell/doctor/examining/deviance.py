"""How much of a loss of its own is explained, where what outputs stand for cannot be read off it.

The skill is then (constant − loss) / (constant − least), the share of the deviance that is explained (McCullagh and
Nelder 1989, Generalized linear models, section 2.3; of squared errors it is R²). `constant` is the loss of the best
outputs that are the same for all rows, `least` that of outputs which are free for each row.

Free outputs also tell whether outputs can be read: what is read of the best that a loss knows must be the targets.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from fitwell.doctor.examining.losses import REFUSED, Loss
from fitwell.doctor.examining.scoring import Judged

ASKED = 256  # rows
STEPS, RATE = 300, 0.1  # of free outputs, which so get some tens away from where they begin
STRIDES = (1e-9, 1e9)  # of free outputs that go on by strides of their own, as those of targets in thousands must
SAME = 1e-4  # relative: what rounding makes of a mean over rows taken in another way
LEAST_SHARE = 1e-3  # of the constant's loss, that there must be to explain
ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "relu": torch.relu,
    "softplus": functional.softplus,
    "exp": torch.exp,
    "softmax": lambda values: values.softmax(1),
    "log_softmax": lambda values: values.log_softmax(1),
}


@dataclass(frozen=True, kw_only=True)
class Deviance:
    """What a loss of its own is at its worst that is worth telling, and at its best."""

    loss: Loss
    constant: float  # of the best outputs that are the same for all rows
    least: float  # of outputs that are free for each row
    group: int  # rows that are asked about together: 1 where the loss is a mean over them
    free: Tensor  # (rows, …) outputs that are the best for the rows that were asked about
    same: Tensor  # (1, …) outputs that are the best for all rows alike
    endless: bool = False  # no value is the least, so that only what one training gains beside another can be told

    def judged(self, outputs: Tensor, targets: Tensor) -> Judged:
        """Return what share of the deviance each row explains, by outputs (rows, …) and all columns of targets."""
        order = torch.randperm(len(outputs), generator=torch.Generator().manual_seed(0))
        groups = [each for each in torch.split(order, self.group) if len(each) == self.group] or [order]
        with torch.no_grad():
            losses = _losses(self.loss, outputs, targets, groups)
        shares = ((self.constant - losses) / (self.constant - self.least)).nan_to_num(-math.inf).clamp(min=-1e6)
        mean = shares.mean()
        # Rows of a group are not told apart: they are as far from the mean as makes the error of that what it is.
        spread = mean + math.sqrt(self.group) * (shares - mean)
        contributions = torch.full((len(outputs),), float(mean))
        for rows, share in zip(groups, spread, strict=True):
            contributions[rows] = share
        return Judged(contributions=contributions, errors=1 - contributions)


def _losses(loss: Loss, outputs: Tensor, targets: Tensor, groups: list[Tensor]) -> Tensor:
    return torch.stack([loss(outputs[rows], targets[rows]).mean() for rows in groups])


def deviance_of(loss: Loss, outputs: Tensor, targets: Tensor, *, activation: str, batch_size: int) -> Deviance | None:
    """Return what there is to explain of a loss, asked about outputs of the shape of these (rows, …).

    None where it cannot be asked, has no least value, or constants are as good as anything.
    """
    activated: Callable[[Tensor], Tensor] = ACTIVATIONS.get(activation, lambda values: values)
    y = targets[:ASKED]
    generator = torch.Generator().manual_seed(0)
    free = 0.1 * torch.randn((len(y), *outputs.shape[1:]), generator=generator)
    try:
        single = _losses(loss, activated(free), y, [torch.tensor([row]) for row in range(16)])
        whole = float(loss(activated(free[:16]), y[:16]).mean())
        together = abs(whole - float(single.mean())) > SAME * max(abs(whole), SAME)
        group = min(batch_size, max(2, len(y) // 4)) if together or not bool(single.isfinite().all()) else 1
        rows = [each for each in torch.split(torch.arange(len(y)), group) if len(each) == group]
        asked = rows if group > 1 else [torch.arange(len(y))]
        best = activated(_minimized(free, lambda values: _losses(loss, activated(values), y, asked).mean()))
        same = _minimized(
            free[:1].clone(), lambda values: _losses(loss, activated(values).expand(free.shape), y, asked).mean()
        )
        least = float(_losses(loss, best, y, asked).mean())
        constant = float(_losses(loss, activated(same).expand(free.shape), y, asked).mean())
    except REFUSED:
        return None
    if not (math.isfinite(least) and constant - least > LEAST_SHARE * abs(constant)):
        return None
    return Deviance(loss=loss, constant=constant, least=least, group=group, free=best, same=activated(same))


def endless_deviance(loss: Loss, outputs: Tensor, targets: Tensor, *, batch_size: int) -> Deviance:
    """Return what a loss without a least value is beside that of outputs (rows, …) before the first step.

    The logarithm of a density is such a loss: without the network that keeps it whole, nothing bounds it.
    """
    size = min(batch_size, len(outputs))
    with torch.no_grad():
        first = float(_losses(loss, outputs, targets, [torch.arange(size)]))
    return Deviance(
        loss=loss, constant=first, least=first - 1, group=size, free=outputs, same=outputs[:1], endless=True
    )


def _minimized(start: Tensor, value: Callable[[Tensor], Tensor]) -> Tensor:
    """Return values that are better than where they start: by Adam's steps, and where that helps by ever longer ones.

    Each number's stride grows while its gradient keeps its sign (Riedmiller and Braun 1993, A direct adaptive method
    for faster backpropagation learning).
    """
    near = _descended(start, value, lambda values: torch.optim.Adam([values], lr=RATE))
    far = _descended(near, value, lambda values: torch.optim.Rprop([values], lr=RATE, step_sizes=STRIDES))
    with torch.no_grad():
        return far if float(value(far)) < float(value(near)) else near


def _descended(
    start: Tensor, value: Callable[[Tensor], Tensor], optimizer_of: Callable[[Tensor], torch.optim.Optimizer]
) -> Tensor:
    values = start.detach().clone().requires_grad_()
    optimizer = optimizer_of(values)
    for _ in range(STEPS):
        optimizer.zero_grad()
        value(values).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return values.detach()


def lie_anywhere(loss: Loss, outputs: Tensor, targets: Tensor) -> bool:
    """Tell whether a loss is the same wherever outputs lie together, as one of their order, or of their differences."""
    asked = torch.randn(outputs[:ASKED].shape, generator=torch.Generator().manual_seed(0))
    try:
        first, *moved = (float(loss(asked + by, targets[:ASKED]).mean()) for by in (0.0, -1.0, 2.0))
    except REFUSED:
        return False
    return all(abs(first - each) <= SAME * abs(first) for each in moved)


def names_columns(loss: Loss, outputs: Tensor, targets: Tensor) -> bool:
    """Tell whether it matters to a loss which of the outputs (rows, columns) of a row is which.

    To one of likenesses between rows it does not.
    """
    asked = torch.randn(outputs[:ASKED].shape, generator=torch.Generator().manual_seed(0))
    try:
        first, second = (float(loss(each, targets[:ASKED]).mean()) for each in (asked, asked.roll(1, 1)))
    except REFUSED:
        return True
    return abs(first - second) > SAME * max(abs(first), abs(second))
