"""A network computes with tensors that are not its own, which take the places of its parameters and buffers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn

Home = tuple[dict[str, Any], str]  # where a module keeps a tensor, and its name there


def homes_of(network: nn.Module) -> dict[str, list[Home]]:
    """Return where a network keeps each of its parameters and buffers, by name; several modules may share one."""
    named = {**dict(network.named_parameters()), **dict(network.named_buffers())}
    found: dict[int, list[Home]] = {id(tensor): [] for tensor in named.values()}
    for module in network.modules():
        for kept in (module._parameters, module._buffers):
            for name, tensor in kept.items():
                if tensor is not None:
                    found[id(tensor)].append((kept, name))
    return {name: found[id(tensor)] for name, tensor in named.items()}


@contextmanager
def lodging(homes: Mapping[str, Sequence[Home]], tensors: Mapping[str, Tensor]) -> Iterator[None]:
    """Let a network compute with these tensors in the place of its own, which it has back afterwards.

    `torch.func.functional_call` does the same, but walks over all modules first, which takes a tenth of a small step.
    """
    before = [(kept, name, kept[name]) for at in homes.values() for kept, name in at]
    try:
        for path, tensor in tensors.items():
            for kept, name in homes[path]:
                kept[name] = tensor
        yield
    finally:
        for kept, name, tensor in before:
            kept[name] = tensor
