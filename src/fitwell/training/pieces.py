"""The weights of a network are one vector, and a piece says which stretch of it is which tensor.

A population of M networks is then one matrix (M, weights): optimizers, penalties and checkpoints work on that matrix
and never walk over a list of tensors.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from fitwell.networks.embeddings import CategoryEmbedding, PeriodicEmbedding, PiecewiseLinearEmbedding
from fitwell.networks.normalization import BatchNorm

Role = Literal["weight", "bias", "scale", "embedding"]


@dataclass(frozen=True, kw_only=True)
class Piece:
    """One tensor of a network within its vector of weights."""

    name: str  # as in module.named_parameters()
    start: int  # first entry in the vector
    stop: int  # one past the last entry
    shape: tuple[int, ...]
    role: Role


# What the parameters within a module are, unless their name says that they are biases. Parameters of other modules are
# weights if they have at least two axes (units first), else scales.
ROLES: dict[type[nn.Module], Role] = {
    nn.Embedding: "embedding",
    nn.EmbeddingBag: "embedding",
    CategoryEmbedding: "embedding",
    PeriodicEmbedding: "embedding",
    PiecewiseLinearEmbedding: "embedding",
    nn.PReLU: "scale",
    nn.LayerNorm: "scale",
    nn.GroupNorm: "scale",
    nn.RMSNorm: "scale",
    BatchNorm: "scale",
}
LARGE = 2**19  # entries: two megabytes, which no longer lie in a cache beside others
BIASES = frozenset({"bias", "phase", "input_bias", "recurrent_bias"})

# Penalties and decay pull these towards zero; a bias or a scale near zero would not make the function simpler.
DECAYED: frozenset[Role] = frozenset({"weight", "embedding"})


def pieces_of(module: nn.Module) -> tuple[Piece, ...]:
    """Lay the parameters of a module end to end, in the order of `named_parameters()`; shared ones come once.

    >>> for piece in pieces_of(nn.Linear(3, 2)):
    ...     print(piece.name, piece.start, piece.stop, piece.shape, piece.role)
    weight 0 6 (2, 3) weight
    bias 6 8 (2,) bias
    """
    pieces: list[Piece] = []
    start = 0
    for name, parameter in module.named_parameters():
        stop = start + parameter.numel()
        role = _role(module, name, parameter)
        pieces.append(Piece(name=name, start=start, stop=stop, shape=tuple(parameter.shape), role=role))
        start = stop
    return tuple(pieces)


def flatten(tensors: nn.Module | Mapping[str, Tensor]) -> Float[Tensor, " weights"]:
    """Return a copy of a module's parameters, or of a mapping in the order of the pieces, as one vector.

    >>> flatten({"weight": torch.ones(2, 2), "bias": torch.zeros(2)})
    tensor([1., 1., 1., 1., 0., 0.])
    """
    named = dict(tensors.named_parameters()) if isinstance(tensors, nn.Module) else tensors
    return torch.cat([tensor.detach().reshape(-1) for tensor in named.values()])


def unflatten(flat: Float[Tensor, " weights"], pieces: Sequence[Piece]) -> dict[str, Tensor]:
    """Return the tensors of a vector of weights, by name; they are views and gradients flow through them.

    One split serves all pieces, because its backward is one concatenation; slices would each add a full vector.

    >>> unflatten(torch.arange(8.0), pieces_of(nn.Linear(3, 2)))["bias"]
    tensor([6., 7.])
    """
    parts = torch.split(flat, [piece.stop - piece.start for piece in pieces])
    return {piece.name: part.view(piece.shape) for piece, part in zip(pieces, parts, strict=True)}


def decay_mask(pieces: Sequence[Piece]) -> Float[Tensor, " weights"]:
    """Return 1 for every weight that penalties and decay may shrink, 0 for biases and scales.

    >>> decay_mask(pieces_of(nn.Linear(3, 2)))
    tensor([1., 1., 1., 1., 1., 1., 0., 0.])
    """
    return torch.cat([torch.full((math.prod(piece.shape),), float(piece.role in DECAYED)) for piece in pieces])


def _role(module: nn.Module, name: str, parameter: Tensor) -> Role:
    *owners, own_name = name.split(".")
    if own_name in BIASES:
        return "bias"
    for depth in range(len(owners), -1, -1):  # the innermost module that is listed
        owner = type(module.get_submodule(".".join(owners[:depth])))
        if owner in ROLES:
            return ROLES[owner]
    return "weight" if parameter.ndim >= 2 else "scale"
