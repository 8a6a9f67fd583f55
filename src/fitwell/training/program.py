"""What a training step computes, and for whom: a program, a population of members, and a batch of rows.

The tensors of a population are changed in place: a copy of the weights per step would cost as much as the optimizer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal, Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from fitwell.networks.mixing import Mixing
from fitwell.processes.group import Processes
from fitwell.recipe import Own, TrainingSettings
from fitwell.tasks.losses import RowLoss
from fitwell.training.lodging import Home, homes_of
from fitwell.training.members import MemberSettings, acts, own_training, settings_of
from fitwell.training.optimizers import Rate
from fitwell.training.pieces import LARGE, Piece
from fitwell.training.rates import Stretch, cut
from fitwell.training.signals import LayerSignals, layer_spans
from fitwell.training.strides import Course, Stride

Execution = Literal["eager", "mapped", "compiled"]


@dataclass(frozen=True, kw_only=True)
class Whole:
    """The batch that several processes share, of which each has some rows."""

    rows: int
    weights: Float[Tensor, " members"]  # sums over its rows


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Rows as a step takes them, with a leading member axis: members see different rows."""

    features: Mapping[str, Tensor]
    targets: Tensor
    weights: Tensor | None  # of rows, at least 0; None: all 1
    whole: Whole | None = None  # where these are one process's rows of it


@dataclass(frozen=True, kw_only=True)
class Population:
    """The members' weights and what their optimizers remember; a step changes the tensors in place."""

    weights: Float[Tensor, "members weights"]
    buffers: Mapping[str, Tensor]  # (members, ...): running statistics and constants of the network
    slots: Mapping[str, Float[Tensor, "members weights"]]

    @cached_property
    def singles(self) -> tuple[Population, ...]:
        """Every member as a population of one that shares its memory."""
        return tuple(stretch(self, slice(member, member + 1)) for member in range(len(self.weights)))

    @cached_property
    def of_members(self) -> tuple[tuple[Tensor, ...], ...]:
        """Every member's weights, slots and buffers, in this order, as views."""
        return tuple((one.weights, *one.slots.values(), *one.buffers.values()) for one in self.singles)


@runtime_checkable
class WholeStep(Protocol):
    """A step from the batch to the moved weights, of a program that draws no weights anew."""

    def __call__(
        self,
        program: Program,
        population: Population,
        batch: Batch,
        *,
        noise: Int[Tensor, "members layers 2"],
        rate: Rate,
        step: int,
        observe: bool,
    ) -> Outcome:
        """Move every member in place, as `advance` does."""
        ...


@runtime_checkable
class ResidentRows(Protocol):
    """Rows in the memory of the device, any of which can be taken there."""

    def taken(self, places: Int[Tensor, "members rows"]) -> Batch:
        """Return the rows at these places, each member's own."""
        ...


@runtime_checkable
class Replaying(Protocol):
    """Takes steps of a program several at once, by replaying what was recorded of them."""

    def record(self, ahead: Ahead) -> None:
        """Record all that an epoch takes; the population stays as it is."""
        ...

    def strides(self, ahead: Ahead) -> Iterator[Stride]:
        """Move every member in place, as `advance` does, batch by batch, to the end of the epoch."""
        ...


@dataclass(frozen=True, kw_only=True)
class Redrawn:
    """Batch initialization: in the first steps, a share of the weights is drawn anew after each batch."""

    draw: Callable[[int], tuple[Tensor, Tensor]]  # of a step: fresh weights and uniforms, each (members, weights)
    steps: int


@dataclass(frozen=True, kw_only=True)
class Program:
    """What a step computes, the same for every member."""

    network: nn.Module  # its structure only; the members' weights come from the population
    pieces: tuple[Piece, ...]
    loss: RowLoss  # (outputs, targets) -> (rows,); of all members that do not differ in what it goes by
    settings: TrainingSettings  # of all members
    execution: Execution
    own: MemberSettings  # what may differ from member to member
    own_loss: Callable[[MemberSettings], RowLoss]  # by the settings of one member, where they do differ
    decays: Float[Tensor, " weights"]  # 1 where decay and penalties act, 0 on biases and normalization
    redrawn: Redrawn | None = None  # where weights are drawn anew from batch to batch
    whole_step: WholeStep | None = None  # what a compiled execution calls on a CPU
    replays: Replaying | None = None  # what it replays on a GPU
    processes: Processes | None = None  # that share every batch
    stretches: tuple[Stretch, ...] = ()  # of weights that learn at rates of their own; empty where all learn alike
    differences: tuple[Own, ...] = ()  # what each member has of its own, where members differ
    mixing: Mixing | None = None  # of the rows of a batch, where the network mixes them

    def own_settings(self, members: Sequence[int]) -> tuple[TrainingSettings, ...]:
        """Return the training settings of these members of the run."""
        if not self.differences:
            return (self.settings,) * len(members)
        return tuple(self._own_settings[member] for member in members)

    @cached_property
    def _own_settings(self) -> tuple[TrainingSettings, ...]:
        return own_training(self.settings, self.differences, count=len(self.differences))

    def own_rows(self, batch: Batch) -> Batch:
        """Return the rows of a batch that this one of several processes computes."""
        assert self.processes is not None
        rows = batch.targets.shape[1]
        own = self.processes.share(rows)
        weights = batch.targets.new_full((len(batch.targets),), rows, dtype=torch.float32)
        return Batch(
            features={name: block[:, own] for name, block in batch.features.items()},
            targets=batch.targets[:, own],
            weights=None if batch.weights is None else batch.weights[:, own],
            whole=Whole(rows=rows, weights=weights if batch.weights is None else batch.weights.sum(1)),
        )

    @cached_property
    def tensors(self) -> tuple[tuple[nn.Parameter, ...], dict[str, Tensor]]:
        """The network's own parameters, in the order of the pieces, and buffers: walking over modules is slow."""
        return tuple(self.network.parameters()), dict(self.network.named_buffers())

    @cached_property
    def homes(self) -> dict[str, list[Home]]:
        """Where the network keeps each of its tensors, by its name."""
        return homes_of(self.network)

    @cached_property
    def large(self) -> dict[int, Piece]:
        """Tensors, by their starts, that move by themselves: copying their gradients beside the others takes long.

        There are none where something looks at the gradient as a whole.
        """
        own, settings = self.own, self.settings
        whole = (
            self.execution != "eager"
            or settings.optimizer == "muon"
            or settings.accumulation > 1
            or self.processes is not None
            or acts(own.l1)
            or acts(own.l2)
            or own.clip_value is not None
            or own.clip_norm is not None
        )
        return {} if whole else {piece.start: piece for piece in self.pieces if piece.stop - piece.start >= LARGE}

    @cached_property
    def moves(self) -> tuple[Stretch, ...]:
        """The stretches of weights that move one after another; empty where all move together."""
        if not self.large:
            return self.stretches
        whole = Stretch(start=0, stop=self.pieces[-1].stop, factor=1.0, after=0)
        return cut(
            self.stretches or (whole,), [edge for piece in self.large.values() for edge in (piece.start, piece.stop)]
        )

    @cached_property
    def layers(self) -> dict[str, slice]:
        """The stretch of the weights of every layer, by name."""
        return layer_spans(self.pieces)


@dataclass(frozen=True, kw_only=True)
class Ahead:
    """What is left of an epoch whose rows are in the memory of the device."""

    program: Program
    population: Population
    rows: ResidentRows
    order: Int[Tensor, "members rows"]  # of these, one batch after another
    course: Course


@dataclass(frozen=True, kw_only=True)
class Gradient:
    """What back-propagation found, for every member."""

    losses: Float[Tensor, " members"]  # batch means, without penalties
    gradient: Float[Tensor, "members weights"]
    activations: Float[Tensor, "members hidden 4"]  # of hidden layers that were observed
    apart: Mapping[int, Tensor] = field(default_factory=dict)  # (1, entries), of large tensors by their starts


@runtime_checkable
class ComputeGradient(Protocol):
    """Back-propagates through the members of a population."""

    def __call__(
        self, program: Program, population: Population, batch: Batch, noise: Tensor, observe: bool
    ) -> Gradient:
        """Return what it finds for the rows of the batch; buffers change in place."""
        ...


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What one step left behind, still on the device."""

    losses: Float[Tensor, " members"]  # batch means before the update, without penalties
    signals: LayerSignals | None


def copied(population: Population) -> Population:
    """Return a population of the same values that can be changed without the other."""
    return Population(
        weights=population.weights.clone(),
        buffers={name: buffer.clone() for name, buffer in population.buffers.items()},
        slots={name: slot.clone() for name, slot in population.slots.items()},
    )


def stretch(population: Population, members: slice) -> Population:
    """Return neighboring members as a population that shares their memory."""
    return Population(
        weights=population.weights[members],
        buffers={name: buffer[members] for name, buffer in population.buffers.items()},
        slots={name: slot[members] for name, slot in population.slots.items()},
    )


def chosen(population: Population, members: Sequence[int]) -> Population:
    """Return some members as a population of their own, which shares no memory with this one."""
    places = torch.tensor(members, device=population.weights.device)
    return Population(
        weights=population.weights[places],
        buffers={name: buffer[places] for name, buffer in population.buffers.items()},
        slots={name: slot[places] for name, slot in population.slots.items()},
    )


def program_of(program: Program, members: Sequence[int]) -> Program:
    """Return what a step of some members of a population computes."""
    program = replace(program, own=settings_of(program.own, members)) if program.own.differing else program
    redrawn = program.redrawn
    if redrawn is None:
        return program

    def draw(step: int) -> tuple[Tensor, Tensor]:
        fresh, uniforms = redrawn.draw(step)
        return fresh[list(members)], uniforms[list(members)]

    return replace(program, redrawn=replace(redrawn, draw=draw))
