"""One training as its signals tell it: a frozen value that every check reads, whoever was watching.

`fitwell train` makes it from a run's history, `fw.watch` from hooks in somebody's own loop, an experiment from its
trainings. What was not seen is None, or not-a-number inside an array; a check that needs it is then silent.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Literal

import numpy as np
from jaxtyping import Float

LayerKind = Literal["input", "hidden", "output"]
Ending = Literal["planned", "patience", "early", "running"]  # all epochs; no better look; by time or steps; not yet
Verdict = Literal["better", "worse", "not distinguishable"]

NOTHING = np.empty(0)


@dataclass(frozen=True, kw_only=True)
class LayerSeen:
    """One layer, in the order in which rows pass through; of an output layer no activation is judged."""

    name: str
    kind: LayerKind


@dataclass(frozen=True, kw_only=True, eq=False)
class Steps:
    """Single steps that were looked at, in order.

    `signals` has one array (steps, layers) for each name of `training.signals.SIGNALS` that was measured, and, where
    units were counted one by one, `dead`: the share of a layer's units that put out zero for every row of the batch.
    Gradients are those before clipping.
    """

    moments: Float[np.ndarray, " steps"] = field(default_factory=lambda: NOTHING)  # epochs with fractions, or steps
    losses: Float[np.ndarray, " steps"] = field(default_factory=lambda: NOTHING)
    rates: Float[np.ndarray, " steps"] = field(default_factory=lambda: NOTHING)
    signals: Mapping[str, Float[np.ndarray, "steps layers"]] = field(default_factory=lambda: MappingProxyType({}))

    def __len__(self) -> int:
        return len(self.moments)


@dataclass(frozen=True, kw_only=True, eq=False)
class Looks:
    """The losses at the end of epochs or of stretches of steps, in order; the first may be before any step."""

    moments: Float[np.ndarray, " looks"] = field(default_factory=lambda: NOTHING)
    training: Float[np.ndarray, " looks"] = field(default_factory=lambda: NOTHING)  # means since the look before
    validation: Float[np.ndarray, " looks"] = field(default_factory=lambda: NOTHING)

    def __len__(self) -> int:
        return len(self.moments)


@dataclass(frozen=True, kw_only=True)
class Beside:
    """A simple model on the same held-out rows, and how the network compares with it beyond the interval."""

    name: str
    constant: bool  # it answers the same for every row
    metric: str
    value: float
    network: float  # the network's value
    verdict: Verdict  # on the network


@dataclass(frozen=True, kw_only=True)
class Answered:
    """How often one class is true and how often it was answered, among the held-out rows."""

    name: str
    rows: int
    answered: int


@dataclass(frozen=True, kw_only=True)
class Spreads:
    """The standard deviations and the largest sizes of columns as the network or the loss sees them."""

    names: tuple[str, ...]
    spreads: tuple[float, ...]
    largest: tuple[float, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class Observation:
    """What is known of one training of one network."""

    layers: tuple[LayerSeen, ...] = ()
    steps: Steps = field(default_factory=Steps)
    looks: Looks = field(default_factory=Looks)
    constant_loss: float | None = None  # of the best answer that is the same for every row
    ending: Ending = "running"
    keeps_best: bool = False  # the weights of the best look are those that are used
    learning_rate: float | None = None  # before the schedule
    optimizer: str | None = None
    clip_norm: float | None = None
    batch_rows: int | None = None
    rows: int | None = None  # trained on
    left_out: tuple[str, ...] = ()  # layers that ask for gradients, but that the optimizer does not have
    inputs: Spreads | None = None
    targets: Spreads | None = None
    beside: tuple[Beside, ...] = ()
    classes: tuple[Answered, ...] = ()
    accuracy_decides: bool = False
    settings: bool = False  # it is a recipe's, so that remedies can name settings
    clock: Literal["epoch", "step"] = "epoch"  # what the moments of steps and looks count

    @cached_property
    def judged(self) -> Float[np.ndarray, " looks"]:
        """The losses that tell how good it is: on validation rows, or where there are none of training."""
        validation = self.looks.validation
        return validation if np.isfinite(validation).any() else self.looks.training

    @cached_property
    def chance(self) -> float:
        """The loss of knowing nothing: of the best constant, or as it was at first; nan when unknown."""
        if self.constant_loss is not None:
            return self.constant_loss
        if np.isfinite(self.judged).any():
            return float(self.judged[np.isfinite(self.judged)][0])
        finite = self.steps.losses[np.isfinite(self.steps.losses)]
        return float(np.median(finite[: max(1, len(finite) // 20)])) if len(finite) else math.nan

    @cached_property
    def best(self) -> float:
        """The lowest loss, of looks or else of stretches of steps; nan when none is known."""
        if np.isfinite(self.judged).any():
            return float(np.nanmin(np.where(np.isfinite(self.judged), self.judged, np.nan)))
        finite = self.steps.losses[np.isfinite(self.steps.losses)]
        return min((float(part.mean()) for part in np.array_split(finite, 10) if len(part)), default=math.nan)

    @property
    def gain(self) -> float:
        """How much of the loss of knowing nothing was learned away, from 0 to 1; nan when unknown."""
        return (self.chance - self.best) / abs(self.chance) if self.chance else math.nan

    def places(self, *kinds: LayerKind) -> list[int]:
        """Return where layers of these kinds stand among the columns of the signals."""
        return [place for place, layer in enumerate(self.layers) if layer.kind in kinds]

    def signal(self, name: str) -> Float[np.ndarray, "steps layers"] | None:
        """Return a signal's values while the loss was finite, None when it was not measured or nothing is left."""
        values = self.steps.signals.get(name)
        if values is None or not len(values):
            return None
        lost = np.flatnonzero(~np.isfinite(self.steps.losses))
        kept = values[: lost[0]] if len(lost) else values
        return kept if len(kept) else None
