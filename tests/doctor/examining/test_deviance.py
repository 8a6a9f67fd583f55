"""A loss whose outputs cannot be read judges by what it explains, and closed forms agree."""

from __future__ import annotations

import math
from functools import partial

import pytest
import torch
from tests.doctor.examining.programs import classes, classification, curve, network, regression
from tests.doctor.examining.test_rewiring import subject
from torch import Tensor, nn
from torch.nn import functional

from fitwell.doctor.examining.anatomy import anatomy_of
from fitwell.doctor.examining.deviance import Deviance, deviance_of, lie_anywhere, names_columns
from fitwell.doctor.examining.judge import judged_by_deviance
from fitwell.doctor.examining.losses import Loss


def of_counts_and_zeros(outputs: Tensor, targets: Tensor) -> Tensor:
    log_rate, logit = outputs[:, :1], outputs[:, 1:]
    some = targets * log_rate - log_rate.exp() - torch.lgamma(targets + 1) + functional.logsigmoid(logit)
    none = torch.logaddexp(functional.logsigmoid(-logit), functional.logsigmoid(logit) - log_rate.exp())
    return -torch.where(targets > 0, some, none).mean()


def of_mean_and_spread(outputs: Tensor, targets: Tensor) -> Tensor:
    return ((outputs[:, :1] - targets).square() * (-outputs[:, 1:]).exp() + outputs[:, 1:]).mean()


def of_quantiles(shares: list[float], outputs: Tensor, targets: Tensor) -> Tensor:
    short = targets - outputs
    return torch.maximum(torch.tensor(shares) * short, (torch.tensor(shares) - 1) * short).mean()


of_far_quantiles = partial(of_quantiles, [0.1, 0.9])
of_middle_quantiles = partial(of_quantiles, [0.1, 0.5, 0.9])


def of_likeness(outputs: Tensor, labels: Tensor) -> Tensor:
    directions = functional.normalize(outputs, dim=1)
    likeness = directions @ directions.T
    same = (labels[:, None] == labels[None]).float()
    return (likeness - same).square().mean()


def found_of(loss: Loss, outputs: Tensor, targets: Tensor) -> Deviance:
    found = deviance_of(loss, outputs, targets, activation="linear", batch_size=32)
    assert found is not None
    return found


def test_of_squared_errors_the_explained_deviance_is_the_explained_variance() -> None:
    targets = curve()[1]
    outputs = targets + 0.3 * torch.randn(targets.shape, generator=torch.Generator().manual_seed(0))
    found = found_of(nn.MSELoss(), outputs, targets)
    some = targets[:256]  # of which the constant's loss was taken
    assert found.group == 1
    assert found.constant == pytest.approx(float(some.var(correction=0)), rel=1e-3)
    assert found.least == pytest.approx(0.0, abs=1e-3)
    r2 = 1 - float((outputs - targets).square().mean()) / float(some.var(correction=0))
    assert float(found.judged(outputs, targets).contributions.mean()) == pytest.approx(r2, abs=2e-3)


def test_of_a_likelihood_of_counts_the_best_constant_and_the_best_outputs_are_known() -> None:
    counts = torch.poisson(torch.full((256, 1), 3.0), generator=torch.Generator().manual_seed(1)) + 1
    loss = lambda outputs, targets: (outputs.exp() - targets * outputs).mean()  # noqa: E731
    found = found_of(loss, torch.zeros(256, 1), counts)
    mean = float(counts.mean())
    assert found.constant == pytest.approx(mean - mean * math.log(mean), rel=1e-4)
    assert found.least == pytest.approx(float((counts - counts * counts.log()).mean()), rel=1e-4)


def test_a_loss_of_rows_together_is_asked_about_as_many_as_a_batch_and_errs_by_as_few() -> None:
    labels = torch.arange(256) % 4
    found = found_of(of_likeness, torch.zeros(256, 8), labels)
    assert found.group == 32
    outputs = torch.randn(256, 8, generator=torch.Generator().manual_seed(2))
    contributions = found.judged(outputs, labels).contributions
    of_groups = torch.tensor(sorted(set(contributions.tolist())))
    assert len(of_groups) == 8  # the rows of a group say the same
    error = float(contributions.std(correction=0)) / 16
    shares = contributions.mean() + (of_groups - contributions.mean()) / math.sqrt(32)
    assert error == pytest.approx(float(shares.std(correction=0)) / math.sqrt(8), rel=1e-3)


def test_a_loss_that_nothing_explains_has_no_deviance() -> None:
    assert deviance_of(lambda o, t: 0 * o.sum() + 1, torch.zeros(64, 1), torch.zeros(64, 1), activation="linear",
                       batch_size=32) is None  # fmt: skip


@pytest.mark.parametrize(("loss", "named"), [(functional.cross_entropy, True), (of_likeness, False)])
def test_to_likenesses_of_rows_columns_have_no_names(loss: Loss, named: bool) -> None:
    assert names_columns(loss, torch.zeros(64, 4), torch.arange(64) % 4) == named


def counted() -> Tensor:
    return torch.poisson(curve()[1].exp(), generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(
    ("loss", "targets", "unread"),
    [
        (of_counts_and_zeros, counted(), True),
        (of_mean_and_spread, curve()[1], False),
        (nn.MSELoss(), curve()[1], False),
        (of_far_quantiles, curve()[1], True),
        (of_middle_quantiles, curve()[1], False),
    ],
)
def test_outputs_that_do_not_lead_back_to_their_targets_are_judged_by_the_loss(
    loss: Loss, targets: Tensor, unread: bool
) -> None:
    width = {nn.MSELoss: 1, of_middle_quantiles: 3}.get(loss if isinstance(loss, partial) else type(loss), 2)
    given = subject(regression(model=network(4, 16, width), targets=targets, loss=loss))
    assert (judged_by_deviance(given, anatomy_of(given)).reading.deviance is not None) == unread


def of_order(outputs: Tensor, marks: Tensor) -> Tensor:
    apart = functional.softplus(outputs[marks < 0.5][None] - outputs[marks > 0.5][:, None])
    return apart.sum() / max(1, apart.numel())


def test_marks_whose_order_alone_is_asked_for_are_judged_by_it_since_no_line_between_them_is_meant() -> None:
    own = lambda outputs, marks: functional.binary_cross_entropy_with_logits(outputs, marks) ** 2  # noqa: E731
    targets = classes()[1][:, None].float()
    for loss, unread in ((of_order, True), (own, False)):
        assert lie_anywhere(loss, torch.zeros(300, 1), targets) == unread
        given = subject(classification(model=network(4, 16, 1), targets=targets, loss=loss))
        found = judged_by_deviance(given, anatomy_of(given)).reading.deviance
        assert (found is not None) == unread
        if found is not None:
            assert found.constant == pytest.approx(math.log(2), rel=1e-3)  # all alike: each pair is even
            assert found.least == pytest.approx(0, abs=1e-3)


def test_classes_are_read_where_columns_are_theirs_and_not_where_rows_are_alike() -> None:
    own = lambda outputs, labels: functional.cross_entropy(outputs, labels) ** 2  # noqa: E731
    for loss, unread in ((of_likeness, True), (own, False)):
        given = subject(classification(model=network(4, 16, 2), targets=classes()[1], loss=loss))
        assert (judged_by_deviance(given, anatomy_of(given)).reading.deviance is not None) == unread
