"""What the members of a population put out: each one's weights are lent to the network, in turn."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from fitwell.training.pieces import Piece, unflatten
from fitwell.training.program import Population

ROWS_AT_ONCE = 2048  # of an evaluation: a layer's outputs stay in the cache, a call's cost is small beside its work
MORE_ON_A_GPU = 8  # times as many: caches decide less there, and calls cost more
ARRAYS_AT_ONCE = 128  # where rows are arrays, whose layers put out thousands of numbers
ENTRIES_AT_ONCE = (
    2**21
)  # of arrays; fewer rows of long ones, such as sounds, whose spectra are a hundred times as large


def outputs_of(
    network: nn.Module, pieces: Sequence[Piece], population: Population, features: Mapping[str, Tensor]
) -> Float[Tensor, "members rows outputs"]:
    """Return what every member puts out for the same rows, without noise and with running statistics."""
    return torch.stack(list(outputs_by_member(network, pieces, population, features)))


def outputs_by_member(
    network: nn.Module, pieces: Sequence[Piece], population: Population, features: Mapping[str, Tensor]
) -> Iterator[Float[Tensor, "rows outputs"]]:
    """Yield what one member after another puts out for the same rows.

    Mapped over members, rows being many, it would be no faster and hold all members' layers.
    """
    parameters, buffers = tuple(network.parameters()), dict(network.named_buffers())
    for member in range(len(population.weights)):
        lend_tensors(parameters, buffers, pieces, population, member)
        yield outputs_in_pieces(network, features)


def outputs_in_pieces(network: nn.Module, features: Mapping[str, Tensor]) -> Float[Tensor, "rows outputs"]:
    """Return what a network puts out, without noise and with running statistics, in bounded memory."""
    if network.training:
        network.eval()
    rows = len(next(iter(features.values())))
    at_once = ROWS_AT_ONCE * (MORE_ON_A_GPU if next(iter(features.values())).is_cuda else 1)
    if any(block.ndim > 2 for block in features.values()):
        entries = max(math.prod(block.shape[1:]) for block in features.values())
        at_once = max(1, min(ARRAYS_AT_ONCE, ENTRIES_AT_ONCE // max(entries, 1)))
    with torch.inference_mode():
        parts = [
            network({name: block[start : start + at_once] for name, block in features.items()}, None)
            for start in range(0, max(rows, 1), at_once)
        ]
        return parts[0] if len(parts) == 1 else torch.cat(parts)


def lend(network: nn.Module, pieces: Sequence[Piece], population: Population, member: int) -> None:
    """Make one member's weights and buffers those of the network, as views of the population's.

    Calling the network itself then spares `functional_call`, which costs as much as the forward pass of a small one.
    """
    parameters, buffers = tuple(network.parameters()), dict(network.named_buffers())
    lend_tensors(parameters, buffers, pieces, population, member)


def lend_tensors(
    parameters: Sequence[nn.Parameter],
    buffers: Mapping[str, Tensor],
    pieces: Sequence[Piece],
    population: Population,
    member: int,
) -> None:
    row = population.weights[member]
    # What was lent is kept alive by the network, so an equal address is the same memory.
    if parameters[0].data_ptr() != row.data_ptr():
        for parameter, tensor in zip(parameters, unflatten(row, pieces).values(), strict=True):
            parameter.data = tensor
    for name, buffer in buffers.items():
        buffer.data = population.buffers[name][member]
