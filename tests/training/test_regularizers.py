"""Penalties, limits and clipping agree with automatic differentiation and with torch, member by member."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from fitwell.training.pieces import decay_mask, flatten, pieces_of, unflatten
from fitwell.training.regularizers import clip_norm, clip_value, limit_norms, penalty_gradient

NETWORK = nn.Sequential(nn.Embedding(4, 3), nn.Linear(3, 5), nn.LayerNorm(5), nn.Linear(5, 2)).double()
PIECES = pieces_of(NETWORK)
MASK = decay_mask(PIECES).double()


def population(*, scale: float = 1.0) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return scale * torch.randn(3, PIECES[-1].stop, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize(("l1", "l2"), [(0.3, 0.0), (0.0, 0.2), (0.3, 0.2)])
def test_the_penalty_gradient_is_the_derivative_of_the_penalty(l1: float, l2: float) -> None:
    weights = population().requires_grad_()
    penalty = sum(
        (l1 * part.abs().sum() + l2 * part.square().sum())
        for row in weights
        for piece, part in zip(PIECES, unflatten(row, PIECES).values(), strict=True)
        if piece.role in ("weight", "embedding")
    )
    assert isinstance(penalty, Tensor)
    (expected,) = torch.autograd.grad(penalty, weights)
    found = penalty_gradient(weights.detach(), l1=l1, l2=l2, mask=MASK)
    assert torch.allclose(found, expected, rtol=1e-14, atol=0)


def test_every_member_may_have_its_own_penalty() -> None:
    weights, l1, l2 = population(), [0.0, 0.1, 0.2], [0.3, 0.0, 0.5]
    columns = [torch.tensor(values, dtype=torch.float64)[:, None] for values in (l1, l2)]
    together = penalty_gradient(weights, l1=columns[0], l2=columns[1], mask=MASK)
    for member in range(3):
        alone = penalty_gradient(weights[member : member + 1], l1=l1[member], l2=l2[member], mask=MASK)
        assert torch.equal(together[member], alone[0])


def test_a_penalty_leaves_the_weights_as_they_were() -> None:
    weights = population()
    penalty_gradient(weights, l1=0.1, l2=0.1, mask=MASK)
    assert torch.equal(weights, population())


def test_limited_norms_are_those_of_renorm_and_spare_everything_but_weights() -> None:
    weights, limit = population(), 1.5
    limit_norms(weights, PIECES, limit)
    for row, old in zip(weights, population(), strict=True):
        before = unflatten(old, PIECES)
        for piece, part in zip(PIECES, unflatten(row, PIECES).values(), strict=True):
            if piece.role == "weight":
                # torch.renorm divides by the norm plus 1e-7.
                assert torch.allclose(part, before[piece.name].renorm(2, 0, limit), rtol=1e-6)
                assert part.norm(dim=1).max() <= limit * (1 + 1e-15)
            else:
                assert torch.equal(part, before[piece.name])


def test_short_and_zero_weight_vectors_are_not_touched() -> None:
    for weights in (population(scale=0.01), torch.zeros(2, PIECES[-1].stop)):
        before = weights.clone()
        limit_norms(weights, PIECES, 1.0)
        assert torch.equal(weights, before)


def with_gradient(row: Tensor) -> list[nn.Parameter]:
    parameters = list(NETWORK.parameters())
    for parameter, part in zip(parameters, unflatten(row.clone(), PIECES).values(), strict=True):
        parameter.grad = part
    return parameters


def gradients_of(parameters: list[nn.Parameter]) -> Tensor:
    return flatten(
        {str(place): parameter.grad for place, parameter in enumerate(parameters) if parameter.grad is not None}
    )


def test_clipping_the_norm_equals_torch_for_every_member() -> None:
    gradient = population() * torch.tensor([[0.01], [1.0], [100.0]], dtype=torch.float64)
    clipped = gradient.clone()
    norms = clip_norm(clipped, 2.0)
    for member in range(3):
        parameters = with_gradient(gradient[member])
        assert float(norms[member]) == pytest.approx(float(nn.utils.clip_grad_norm_(parameters, 2.0)), rel=1e-14)
        # torch divides by the norm plus 1e-6.
        assert torch.allclose(clipped[member], gradients_of(parameters), rtol=1e-6)


def test_small_and_zero_gradients_are_not_touched_by_clipping() -> None:
    for gradient in (population(scale=0.01), torch.zeros(2, 5)):
        before = gradient.clone()
        clip_norm(gradient, 1.0)
        clip_value(gradient, 1.0)
        assert torch.equal(gradient, before)


def test_clipping_values_equals_torch() -> None:
    clipped = population()
    clip_value(clipped, 0.5)
    for member in range(3):
        parameters = with_gradient(population()[member])
        nn.utils.clip_grad_value_(parameters, 0.5)
        assert torch.equal(clipped[member], gradients_of(parameters))
