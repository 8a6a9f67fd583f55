"""Regularizers hold back the weights, and clipping holds back the gradient.

All of them work on the matrix (members, weights) of a population, each member for itself.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from fitwell.training.pieces import Piece


def penalty_gradient(
    weights: Float[Tensor, "members weights"],
    *,
    l1: float | Tensor,
    l2: float | Tensor,
    mask: Float[Tensor, " weights"],
) -> Float[Tensor, "members weights"]:
    """Return the gradient of λ1 Σ |w| + λ2 Σ w² over the weights under the mask: λ1 sign(w) + 2 λ2 w.

    Where w is 0, |w| adds nothing. Members may differ: λ as a tensor (members, 1).

    >>> penalty_gradient(torch.tensor([[3.0, -3.0, 3.0]]), l1=0.5, l2=0.1, mask=torch.tensor([1.0, 1.0, 0.0]))
    tensor([[ 1.1000, -1.1000,  0.0000]])
    """
    return weights.sign().mul_(l1).add_(weights * (2 * l2)).mul_(mask)


def limit_norms(weights: Float[Tensor, "members weights"], pieces: Sequence[Piece], max_norm: float | Tensor) -> None:
    """Shorten, in place, the weight vector into every unit to at most the given length (Srebro & Shraibman 2005).

    Biases, scales and embeddings are left alone. Members may differ: a length as a tensor (members, 1).

    >>> from torch import nn
    >>> from fitwell.training.pieces import pieces_of
    >>> weights = torch.tensor([[3.0, 4.0, 0.0, 1.0]])
    >>> limit_norms(weights, pieces_of(nn.Linear(2, 2, bias=False)), 2.0)
    >>> weights
    tensor([[1.2000, 1.6000, 0.0000, 1.0000]])
    """
    longest = max_norm[..., None] if isinstance(max_norm, Tensor) else max_norm
    for piece in pieces:
        if piece.role == "weight":
            units = weights[:, piece.start : piece.stop].view(len(weights), piece.shape[0], -1)
            norms = torch.linalg.vector_norm(units, dim=2, keepdim=True)
            units.mul_((longest / norms).clamp_(max=1))  # a zero vector gives infinity, hence 1


def clip_norm(gradient: Float[Tensor, "members weights"], limit: float | Tensor) -> Float[Tensor, " members"]:
    """Scale each member's gradient, in place, down to at most the given norm; return the norms before.

    Members may differ: a limit as a tensor (members, 1).

    >>> gradient = torch.tensor([[3.0, 4.0], [0.3, 0.4]])
    >>> clip_norm(gradient, 1.0), gradient
    (tensor([5.0000, 0.5000]), tensor([[0.6000, 0.8000],
                                       [0.3000, 0.4000]]))
    """
    norms: Tensor = torch.linalg.vector_norm(gradient, dim=1, keepdim=True)
    gradient.mul_((limit / norms).clamp_(max=1))
    return norms[:, 0]


def clip_value(gradient: Float[Tensor, "members weights"], limit: float | Tensor) -> None:
    """Cut each entry, in place, to at most the given size, which may be a tensor (members, 1).

    >>> gradient = torch.tensor([[3.0, -4.0, 0.5]])
    >>> clip_value(gradient, 1.0)
    >>> gradient
    tensor([[ 1.0000, -1.0000,  0.5000]])
    """
    if isinstance(limit, Tensor):
        limit = limit.to(gradient.dtype)
        gradient.clamp_(-limit, limit)
    else:
        gradient.clamp_(-limit, limit)
