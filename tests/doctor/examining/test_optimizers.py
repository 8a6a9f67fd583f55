"""An author's optimizer takes its steps by one kernel where it can, and moves weights as it would have."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

import pytest
import torch
from tests.doctor.examining.programs import curve, network
from torch import Tensor, nn
from torch.nn import functional

from fitwell.doctor.examining.optimizers import fused

Optimizer = Callable[[Iterable[Tensor]], torch.optim.Optimizer]


class Own(torch.optim.SGD):
    """Somebody's own descent."""


def trained(make: Optimizer, *, by_kernel: bool) -> Tensor:
    model = network(4, 16, 1).double()
    optimizer = make(model.parameters())
    optimizer = fused(optimizer) if by_kernel else optimizer
    x, y = (each.double() for each in curve())
    for _ in range(60):
        optimizer.zero_grad()
        functional.mse_loss(model(x), y).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return torch.cat([each.detach().flatten() for each in model.parameters()])


@pytest.mark.parametrize(
    "make",
    [
        partial(torch.optim.Adam, lr=0.01, weight_decay=0.1),
        partial(torch.optim.Adam, lr=0.01, amsgrad=True),
        partial(torch.optim.AdamW, lr=0.01),
        partial(torch.optim.SGD, lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.01),
    ],
)
def test_steps_by_one_kernel_are_those_of_the_optimizer(make: Optimizer) -> None:
    torch.testing.assert_close(trained(make, by_kernel=True), trained(make, by_kernel=False), rtol=1e-9, atol=1e-11)


def test_what_was_asked_for_otherwise_stays_as_it_is() -> None:
    model, sparse = network(4, 8, 1), nn.Embedding(5, 2, sparse=True)
    weights = list(model.parameters())
    assert fused(torch.optim.Adam(weights)).param_groups[0]["fused"]
    for kept in (
        Own(weights, lr=0.1),
        torch.optim.SGD(weights, lr=0.1, foreach=True),
        torch.optim.SGD(weights, lr=0.1, foreach=False),
    ):
        assert not fused(kept).param_groups[0]["fused"]
    before = sparse.weight.detach().clone()
    descent = fused(torch.optim.SGD(sparse.parameters(), lr=0.1))
    for _ in range(2):
        descent.zero_grad()
        sparse(torch.tensor([1, 3])).sum().backward()
        descent.step()
    moved = torch.tensor([0.0, 0.2, 0.0, 0.2, 0.0])[:, None]
    torch.testing.assert_close(sparse.weight.detach(), before - moved)
