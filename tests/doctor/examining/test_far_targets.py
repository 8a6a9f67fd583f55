"""A few targets far from all others are blamed where they keep the rest from being learned and nothing tells them."""

from __future__ import annotations

import pytest
import torch
from tests.doctor.examining.programs import network
from torch import Tensor, nn

from fitwell import examine
from fitwell.doctor.finding import Finding

RANDOM = torch.Generator().manual_seed(0)
INPUTS = torch.randn(600, 4, generator=RANDOM)
SOUND = INPUTS @ torch.tensor([[1.0], [-1.0], [0.5], [0.5]]) + 0.2 * torch.randn(600, 1, generator=RANDOM)
SLIPPED = torch.rand(600, 1, generator=RANDOM) < 0.04


def said_of(targets: Tensor, loss: nn.Module | None = None) -> dict[str, Finding]:
    torch.manual_seed(0)
    found = examine(
        network(4, 16, 1),
        INPUTS,
        targets,
        loss=loss or nn.MSELoss(),
        optimizer=lambda parameters: torch.optim.Adam(parameters, lr=0.01),
        epochs=20,
        batch_size=32,
    )
    return {each.symptom: each for each in found.findings if each.status == "confirmed"}


def test_targets_with_slipped_points_are_counted_and_what_the_rest_loses_is_measured() -> None:
    found = said_of(torch.where(SLIPPED, 100 * (SOUND + 8), SOUND))["label_noise"]
    assert (found.severity, found.evidence["far"]) == ("critical", int(SLIPPED.sum()))
    assert found.evidence["skill_with_changes"] == pytest.approx(said_without_them(), abs=0.05)
    (remedy,) = found.remedies
    assert remedy.low is not None
    assert remedy.low > 0.2


def said_without_them() -> float:
    """Return what a linear model reaches on the rows whose points did not slip, of which the targets are made."""
    x, y = INPUTS[~SLIPPED[:, 0]].double(), SOUND[~SLIPPED[:, 0]].double()
    half = len(x) // 2
    weights = torch.linalg.lstsq(x[:half], y[:half]).solution
    left = (y[half:] - x[half:] @ weights).square().mean()
    return float(1 - left / (y[half:] - y[half:].mean()).square().mean())


def test_far_targets_that_a_loss_hardly_sees_or_that_are_foretold_are_not_blamed() -> None:
    assert "label_noise" not in said_of(torch.where(SLIPPED, 100 * (SOUND + 8), SOUND), nn.HuberLoss())
    marked = INPUTS[:, :1] > 1.8
    assert "label_noise" not in said_of(torch.where(marked, 40 * INPUTS[:, :1], 0.1 * SOUND))
