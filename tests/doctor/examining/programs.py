"""Small trainings with one thing wrong or nothing, as people write them; each returns the arguments of `examine`."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn


def curve(rows: int = 300) -> tuple[Tensor, Tensor]:
    """Return inputs (rows, 4) and targets (rows, 1) that bend and vary by 1, with a little noise."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(rows, 4, generator=generator)
    y = torch.sin(1.5 * x[:, :1]) + 0.5 * x[:, 1:2].abs() + 0.05 * torch.randn(rows, 1, generator=generator)
    return x, (y - y.mean()) / y.std()


def classes(rows: int = 300) -> tuple[Tensor, Tensor]:
    """Return inputs (rows, 4) and classes (rows,): within a circle or outside."""
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(rows, 4, generator=generator)
    return x, (x[:, 0].square() + x[:, 1].square() > 1.4).long()


def network(
    *widths: int, activation: type[nn.Module] | None = nn.ReLU, output: nn.Module | None = None
) -> nn.Sequential:
    """Return linear layers with an activation between them, drawn with a seed of their own."""
    torch.manual_seed(0)
    made: list[nn.Module] = []
    for before, after in pairwise(widths):
        made += [nn.Linear(before, after), *([] if activation is None else [activation()])]
    if activation is not None:
        made.pop()
    return nn.Sequential(*made, *([] if output is None else [output]))


def regression(**changed: Any) -> dict[str, Any]:
    """Return a healthy regression, with some arguments changed."""
    x, y = curve()
    healthy = {
        "model": network(4, 32, 1),
        "inputs": x,
        "targets": y,
        "loss": nn.MSELoss(),
        "optimizer": lambda parameters: torch.optim.Adam(parameters, lr=0.01),
        "epochs": 25,
    }
    return healthy | changed


def classification(**changed: Any) -> dict[str, Any]:
    """Return a healthy classification, with some arguments changed."""
    x, y = classes()
    healthy = {
        "model": network(4, 32, 2),
        "inputs": x,
        "targets": y,
        "loss": nn.CrossEntropyLoss(),
        "optimizer": lambda parameters: torch.optim.Adam(parameters, lr=0.01),
        "epochs": 25,
    }
    return healthy | changed


def zeros(module: nn.Module) -> nn.Module:
    """Return a network whose parameters are all zero."""
    for each in module.parameters():
        nn.init.zeros_(each)
    return module


def frozen(module: nn.Module) -> nn.Module:
    """Return a network that is frozen but for its last bias."""
    *others, _ = module.parameters()
    for each in others:
        each.requires_grad_(False)
    return module
