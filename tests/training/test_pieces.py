"""A network's tensors and its vector of weights are two views of the same numbers."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from fitwell.networks.embeddings import CategoryEmbedding, PeriodicEmbedding
from fitwell.networks.normalization import BatchNorm
from fitwell.training.pieces import Role, decay_mask, flatten, pieces_of, unflatten


class Tied(nn.Module):
    """A network with one of every role, whose two maps share a weight."""

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.codes = CategoryEmbedding((5, 3), widths=(2, 2), generator=generator)
        self.waves = PeriodicEmbedding(2, width=3, frequencies=4, scale=0.1, generator=generator)
        self.first, self.norm, self.bend, self.second = nn.Linear(4, 4), BatchNorm(4), nn.PReLU(), nn.Linear(4, 4)
        self.second.weight = self.first.weight
        self.temperature = nn.Parameter(torch.tensor(1.0))


EXPECTED: dict[str, Role] = {
    "temperature": "scale",
    "codes.tables.0": "embedding",
    "codes.tables.1": "embedding",
    "waves.frequency": "embedding",
    "waves.phase": "bias",
    "waves.weight": "embedding",
    "waves.bias": "bias",
    "first.weight": "weight",
    "first.bias": "bias",
    "norm.weight": "scale",
    "norm.bias": "bias",
    "bend.weight": "scale",
    "second.bias": "bias",
}


def test_every_parameter_is_one_piece_with_its_role_and_shared_ones_come_once() -> None:
    assert {piece.name: piece.role for piece in pieces_of(Tied())} == EXPECTED


def test_pieces_lie_end_to_end() -> None:
    pieces = pieces_of(Tied())
    assert [piece.start for piece in pieces] == [0, *(piece.stop for piece in pieces[:-1])]
    assert all(math.prod(piece.shape) == piece.stop - piece.start for piece in pieces)


def test_flattening_and_unflattening_give_back_every_tensor() -> None:
    network = Tied()
    tensors = unflatten(flatten(network), pieces_of(network))
    assert list(tensors) == [name for name, _ in network.named_parameters()]
    for name, parameter in network.named_parameters():
        assert torch.equal(tensors[name], parameter)
    assert torch.equal(flatten(tensors), flatten(network))


def test_a_flattened_network_is_a_copy() -> None:
    network = nn.Linear(2, 2)
    flat = flatten(network)
    flat.zero_()
    assert not flat.requires_grad
    assert bool(network.weight.any())


def test_the_gradient_of_all_pieces_comes_back_as_one_concatenation() -> None:
    network = Tied()
    flat = flatten(network).requires_grad_()
    parts = unflatten(flat, pieces_of(network))
    torch.stack([(part * place).sum() for place, part in enumerate(parts.values())]).sum().backward()  # type: ignore[no-untyped-call]
    places = [torch.full(part.shape, float(place)).reshape(-1) for place, part in enumerate(parts.values())]
    assert flat.grad is not None
    assert torch.equal(flat.grad, torch.cat(places))
    ways = [backward_steps(part) for part in parts.values()]
    assert all(way[1:] == ways[0][1:] for way in ways)
    assert [type(step).__name__ for step in ways[0]] == ["ViewBackward0", "SplitWithSizesBackward0", "AccumulateGrad"]


def backward_steps(tensor: Tensor) -> list[object]:
    steps: list[object] = []
    step = tensor.grad_fn
    while step is not None:
        steps.append(step)
        step = step.next_functions[0][0] if step.next_functions else None
    return steps


def test_decay_spares_biases_and_scales() -> None:
    network = Tied()
    masked = unflatten(decay_mask(pieces_of(network)), pieces_of(network))
    spared = {name for name, mask in masked.items() if not mask.any()}
    assert spared == {name for name, role in EXPECTED.items() if role in ("bias", "scale")}
    assert all(bool(mask.all()) for name, mask in masked.items() if name not in spared)
