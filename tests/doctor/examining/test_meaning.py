"""What outputs stand for under a loss of its own is asked of the loss, and closed forms agree."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from tests.doctor.examining.programs import curve, network, regression
from tests.doctor.examining.test_rewiring import subject
from torch import Tensor, nn
from torch.nn import functional

from fitwell.doctor.examining.anatomy import anatomy_of
from fitwell.doctor.examining.losses import Loss
from fitwell.doctor.examining.meaning import (
    as_long_as,
    asks_for_directions,
    following_outputs,
    meant_shares,
    meant_values,
)

LOGITS = torch.linspace(-3, 3, 13)[:, None]
TARGETS = torch.randn(40, 2, generator=torch.Generator().manual_seed(0))


def of_mean_and_spread(outputs: Tensor, targets: Tensor) -> Tensor:
    mean, spread = outputs.chunk(2, 1)
    return ((mean - targets).square() * (-spread).exp() + spread).mean()


def of_spread_and_mean(outputs: Tensor, targets: Tensor) -> Tensor:
    return of_mean_and_spread(outputs.roll(2, 1), targets)


def of_three_quantiles(outputs: Tensor, targets: Tensor) -> Tensor:
    errors = targets - outputs
    shares = torch.tensor([0.1, 0.5, 0.9])
    return torch.maximum(shares * errors, (shares - 1) * errors).mean()


def of_likeness(outputs: Tensor, targets: Tensor) -> Tensor:
    return 1 - functional.cosine_similarity(outputs, targets, dim=1).mean()


@pytest.mark.parametrize(
    ("loss", "link"),
    [
        (nn.PoissonNLLLoss(log_input=True), math.log),  # the closed form: exp(o) − t·o is least at o = log t
        (lambda output, target: (output - 2 * target).square().mean(), lambda target: 2 * target),
        # The closed form of a hazard: t·exp(o) − o is least at o = −log t.
        (lambda output, target: (target * output.exp() - output).mean(), lambda target: -math.log(target)),
    ],
)
def test_outputs_stand_for_the_targets_whose_best_output_they_are(loss: Loss, link: object) -> None:
    targets = torch.arange(1.0, 21.0)[:, None]
    best = torch.tensor([[link(float(each))] for each in targets])  # type: ignore[operator]
    # Read off a grid of outputs by lines between some sixty targets, hence not exact.
    assert torch.allclose(meant_values(loss, targets, best), targets, atol=0.35)


def test_a_loss_that_looks_at_its_values_means_the_same_as_one_that_does_not() -> None:
    def looking(output: Tensor, target: Tensor) -> Tensor:
        error = (output - 2 * target).abs().mean()
        return error if float(error) > 1 else error.square()

    targets, outputs = torch.arange(1.0, 21.0)[:, None], torch.tensor([[6.0], [30.0]])
    assert torch.allclose(meant_values(looking, targets, outputs), outputs / 2, atol=0.7)  # a grid of steps of 1.3


def test_outputs_whose_meaning_cannot_be_read_off_stand_for_themselves() -> None:
    outputs = torch.tensor([[0.5], [2.0]])
    assert torch.equal(meant_values(lambda output, target: output.sum() * 0, torch.ones(4, 1), outputs), outputs)


def test_a_log_loss_means_its_own_probability() -> None:
    found = meant_shares(functional.binary_cross_entropy_with_logits, (0.0, 1.0), LOGITS)
    assert torch.allclose(found, LOGITS.sigmoid(), atol=1e-4)


def test_a_distance_stands_for_the_mark_that_it_costs_least_with() -> None:
    def contrastive(distance: Tensor, differ: Tensor) -> Tensor:
        return ((1 - differ) * distance.square() + differ * (1 - distance).relu().square()).mean()

    found = meant_shares(contrastive, (0.0, 1.0), torch.tensor([[0.1], [0.49], [0.51], [3.0]]))
    # Equal where d² is (1 − d)², at a half.
    assert (found > 0.5).flatten().tolist() == [False, False, True, True]


def test_outputs_that_a_loss_refuses_are_taken_for_shares_or_logits() -> None:
    def refusing(output: Tensor, target: Tensor) -> Tensor:
        raise ValueError

    shares = torch.tensor([[0.2], [0.7]])
    assert torch.equal(meant_shares(refusing, (0.0, 1.0), shares), shares)
    assert torch.equal(meant_shares(refusing, (0.0, 1.0), LOGITS), LOGITS.sigmoid())


@pytest.mark.parametrize(
    ("loss", "outputs", "columns", "first"),
    [(of_mean_and_spread, 4, 2, 0), (of_spread_and_mean, 4, 2, 2), (of_three_quantiles, 3, 1, 1)],
)
def test_outputs_that_follow_their_targets_are_found_among_more(
    loss: Loss, outputs: int, columns: int, first: int
) -> None:
    assert following_outputs(loss, torch.zeros(40, outputs), TARGETS[:, :columns]) == first


def test_outputs_of_which_none_follows_are_left_as_they_are() -> None:
    assert following_outputs(lambda o, t: o.square().mean() + t.mean(), torch.zeros(40, 4), TARGETS) is None


def test_a_loss_of_directions_is_told_from_one_of_lengths() -> None:
    assert asks_for_directions(of_likeness, torch.zeros(40, 2), TARGETS)
    assert not asks_for_directions(functional.mse_loss, torch.zeros(40, 2), TARGETS)


def test_outputs_of_directions_get_the_length_of_targets() -> None:
    targets = torch.tensor([[3.0, 4.0], [0.0, 5.0]])
    found = as_long_as(torch.tensor([[0.6, 0.8], [0.0, -70.0]]), targets)
    assert torch.allclose(found, torch.tensor([[3.0, 4.0], [0.0, -5.0]]))


@pytest.mark.parametrize(
    ("arguments", "answering", "directions"),
    [
        ({"model": network(4, 8, 2), "loss": of_mean_and_spread}, slice(0, 1), False),
        ({"model": network(4, 8, 2), "targets": curve()[1].expand(-1, 2), "loss": of_likeness}, None, True),
        ({"loss": nn.MSELoss()}, None, False),
    ],
)
def test_what_outputs_stand_for_is_a_part_of_the_anatomy(
    arguments: dict[str, Any], answering: slice | None, directions: object
) -> None:
    found = anatomy_of(subject(regression(**arguments))).reading
    assert (found.answering, found.directions) == (answering, directions)
