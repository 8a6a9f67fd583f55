"""Layers of a pretrained network learn at rates of their own, and may begin to learn one after another.

A stretch is weights beside each other that learn alike. A step moves one stretch after the other, and those that have
not begun not at all; what the optimizer remembers of a stretch, and the number of its step, begin with it.

Sources: rates by layer and gradual unfreezing, Howard & Ruder 2018 (ULMFiT).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, pairwise

from torch import nn

from fitwell.networks.layer import Pretrained
from fitwell.recipe import TrainingSettings
from fitwell.training.pieces import Piece


@dataclass(frozen=True, kw_only=True)
class Stretch:
    """Neighboring weights that learn at one rate."""

    start: int
    stop: int
    factor: float  # times the learning rate
    after: int  # steps that are over when it begins to learn


def stretches_of(
    network: nn.Module, pieces: Sequence[Piece], settings: TrainingSettings, *, steps_per_epoch: int
) -> tuple[Stretch, ...]:
    """Return the stretches of a network's weights, in their order; none where all of them learn alike."""
    depths: dict[str, int | None] = {}
    for place, module in network.named_modules():
        if isinstance(module, Pretrained):
            own = [piece.name.removeprefix(f"{place}.") for piece in pieces if piece.name.startswith(f"{place}.")]
            depths |= {f"{place}.{name}": module.depth_of(name) for name in own}
    if not depths:
        return ()
    found = []
    for depth, group in groupby(pieces, key=lambda piece: depths.get(piece.name)):
        members = list(group)
        factor, epochs = 1.0, 0
        if depth is not None:
            factor, epochs = _factor(settings, depth), depth * settings.encoder_unfreezing
        span = {"start": members[0].start, "stop": members[-1].stop}
        found.append(Stretch(**span, factor=factor, after=epochs * steps_per_epoch))
    return tuple(found)


def cut(stretches: Sequence[Stretch], edges: Collection[int]) -> tuple[Stretch, ...]:
    """Return the stretches cut at these places.

    >>> [(each.start, each.stop) for each in cut([Stretch(start=0, stop=9, factor=1.0, after=0)], [0, 4, 12])]
    [(0, 4), (4, 9)]
    """
    return tuple(
        replace(each, start=start, stop=stop)
        for each in stretches
        for start, stop in pairwise(
            sorted({each.start, each.stop, *(edge for edge in edges if each.start < edge < each.stop)})
        )
    )


def _factor(settings: TrainingSettings, depth: int) -> float:
    assert settings.encoder_rate != "auto"
    assert settings.encoder_layer_rate != "auto"
    return settings.encoder_rate * settings.encoder_layer_rate**depth
