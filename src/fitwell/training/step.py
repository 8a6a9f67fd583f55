"""One training step of a population: w(t+1) = w(t) - η ∇L(w(t)), for every member at once.

The step is a function of the members' weights, their optimizers' slots, a batch and the step's noise. Three executions
agree to rounding. Two differ in how they compute the gradient: `eager` runs plain back-propagation, one member after
another (mapping a population of one costs more than twice as much), `mapped` runs all members as one program. What
follows the gradient (penalties, clipping, decay, the optimizer, limits) is the same code for both, on one matrix
(members, weights). The third, `compiled`, is the same code once more, from the batch to the moved weights, translated
to machine code beforehand (`training/compiled.py`).

The tensors of a population are changed in place: a copy of the weights per step would cost as much as the optimizer.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import pairwise
from typing import Any, Literal, Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.func import grad_and_value, vmap

from fitwell.networks.initialization import redraw
from fitwell.networks.mixing import Blend, Mixing
from fitwell.networks.noise import from_row
from fitwell.processes.group import Processes
from fitwell.recipe import Own, TrainingSettings
from fitwell.tasks.losses import RowLoss
from fitwell.training.members import MemberSettings, acts, holding, matching, own_training, settings_of
from fitwell.training.optimizers import OPTIMIZERS, Rate, Step, decay
from fitwell.training.pieces import DECAYED, LARGE, Piece, unflatten
from fitwell.training.rates import Stretch, cut
from fitwell.training.regularizers import clip_norm, clip_value, limit_norms, penalty_gradient
from fitwell.training.signals import (
    LayerSignals,
    joined_activations,
    layer_spans,
    noted,
    observed_activations,
    weight_signals,
)
from fitwell.training.strides import Course, Stride

Execution = Literal["eager", "mapped", "compiled"]
Home = tuple[dict[str, Any], str]  # where a module keeps a tensor, and its name there

ROWS_AT_ONCE = 2048  # of an evaluation: a layer's outputs stay in the cache, a call's cost is small beside its work
MORE_ON_A_GPU = 8  # times as many: caches decide less there, and calls cost more
ARRAYS_AT_ONCE = 128  # where rows are arrays, whose layers put out thousands of numbers
ENTRIES_AT_ONCE = (
    2**21
)  # of arrays; fewer rows of long ones, such as sounds, whose spectra are a hundred times as large


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


def advance(
    program: Program,
    population: Population,
    batch: Batch,
    *,
    noise: Int[Tensor, "members layers words"],
    rate: Rate,
    step: Step,
    observe: bool = False,
) -> Outcome:
    """Move every member by one step, in place; `step` counts from 1.

    With `observe`, the outcome carries the signals of every layer.
    """
    if program.whole_step is not None:
        assert isinstance(step, int)
        if not program.network.training:
            program.network.train()
        return program.whole_step(program, population, batch, noise=noise, rate=rate, step=step, observe=observe)
    gradient = gradient_of(program, population, batch, noise, observe)
    return moved(program, population, gradient, rate=rate, step=step, observe=observe)


def gradient_of(program: Program, population: Population, batch: Batch, noise: Tensor, observe: bool) -> Gradient:
    """Back-propagate through every member; of the population, running statistics alone change."""
    if not program.network.training:
        program.network.train()
    compute = _eager_gradient if program.execution == "eager" else _mapped_gradient
    gradient = accumulated(compute, program, population, batch, noise, observe)
    return gradient if program.processes is None else _over_processes(program.processes, batch, gradient, observe)


def accumulated(
    compute: ComputeGradient, program: Program, population: Population, batch: Batch, noise: Tensor, observe: bool
) -> Gradient:
    """Return the gradient of a batch, added up from as many parts of it, one after another, as the recipe asks for.

    A part draws the noise that its rows have in the whole batch. What a network takes from all rows of a batch, as
    batch normalization does, it takes from each part.
    """
    rows, parts = batch.targets.shape[1], program.settings.accumulation
    bounds = sorted({rows * part // parts for part in range(parts + 1)})
    if len(bounds) == 2:
        return compute(program, population, batch, noise, observe)
    gradient, losses, activations = torch.zeros_like(population.weights), [], []
    for start, stop in pairwise(bounds):
        part = _rows_of(batch, slice(start, stop))
        share = _share(part, batch)
        found = compute(program, population, part, from_row(noise, start), observe)
        gradient.add_(found.gradient.mul_(share))
        losses.append(found.losses[:, None] * share)
        activations.append(found.activations)
    shares = [(stop - start) / rows for start, stop in pairwise(bounds)]
    return Gradient(
        losses=torch.cat(losses, 1).sum(1),
        gradient=gradient,
        activations=joined_activations(activations, shares) if observe else activations[0],
    )


def moved(
    program: Program,
    population: Population,
    found: Gradient,
    *,
    rate: Rate,
    step: Step,
    observe: bool,
) -> Outcome:
    """Move every member along its gradient, in place: penalties, clipping, decay, the optimizer and limits."""
    own, gradient = matching(program.own, population.weights), found.gradient
    with torch.no_grad():
        # Before penalties and clipping change the one in place, and the step the other.
        before = noted(program.layers, gradient, population.weights) if observe else None
        if acts(own.l1) or acts(own.l2):
            penalty = penalty_gradient(population.weights, l1=own.l1, l2=own.l2, mask=program.decays)
            gradient = gradient + penalty
        if own.clip_value is not None:
            clip_value(gradient, own.clip_value)
        if own.clip_norm is not None:
            clip_norm(gradient, own.clip_norm)
        _update(program, own, population, replace(found, gradient=gradient), rate=rate, step=step)
        signals = None
        if before is not None:
            signals = weight_signals(
                program.layers, before=before, after=population.weights, activations=found.activations
            )
    return Outcome(losses=found.losses, signals=signals)


def _over_processes(processes: Processes, batch: Batch, own: Gradient, observe: bool) -> Gradient:
    """Add up what the processes found for their rows of a batch; every one gets the same bits."""
    assert batch.whole is not None
    gradient, losses = processes.summed(own.gradient, own.losses)
    activations = own.activations
    if observe:
        parts = processes.each(activations)
        rows = [processes.share(batch.whole.rows, of=rank) for rank in range(len(parts))]
        activations = joined_activations(list(parts), [(part.stop - part.start) / batch.whole.rows for part in rows])
    return Gradient(losses=losses, gradient=gradient, activations=activations)


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
        _lend(parameters, buffers, pieces, population, member)
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
    _lend(parameters, buffers, pieces, population, member)


def _update(
    program: Program, own: MemberSettings, population: Population, found: Gradient, *, rate: Rate, step: Step
) -> None:
    if not program.moves:
        _move(program, own, population, found, rate=rate, step=step, columns=slice(None))
    for each in program.moves:
        assert isinstance(step, int), "a compiled step moves all weights alike"
        if step > each.after:
            columns = slice(each.start, each.stop)
            _move(program, own, population, found, rate=rate * each.factor, step=step - each.after, columns=columns)
    if program.redrawn is not None:
        assert isinstance(step, int), "a compiled step draws nothing anew"
        if step <= program.redrawn.steps:
            fresh, uniforms = program.redrawn.draw(step)
            redraw(population.weights, fresh, uniforms=uniforms, fraction=own.redraw_fraction, mask=program.decays)
    if own.max_norm is not None:
        limit_norms(population.weights, program.pieces, own.max_norm)


def _move(
    program: Program,
    own: MemberSettings,
    population: Population,
    found: Gradient,
    *,
    rate: Rate,
    step: Step,
    columns: slice,
) -> None:
    """Let the weights of some columns decay and move."""
    settings, weights = program.settings, population.weights[:, columns]
    large = program.large.get(columns.start)
    apart = None if large is None else found.apart.get(large.start)
    assert settings.optimizer != "auto"
    if acts(own.weight_decay) and (large is None or large.role in DECAYED):
        mask = program.decays[columns] if large is None else None
        decay(weights, rate=rate, weight_decay=own.weight_decay, mask=mask)
    OPTIMIZERS[settings.optimizer].move(
        weights,
        found.gradient[:, columns] if apart is None else apart,
        {name: slot[:, columns] for name, slot in population.slots.items()},
        rate=rate,
        step=step,
        settings=program.own,
        pieces=program.pieces,
    )


def _eager_gradient(program: Program, population: Population, batch: Batch, noise: Tensor, observe: bool) -> Gradient:
    """Back-propagate through the network itself, whose tensors become views of one member's after another."""
    parameters, buffers = program.tensors
    gradient = torch.empty_like(population.weights)
    alone = len(gradient) == 1 and not observe  # signals look at the gradient as a whole
    losses, activations, apart = [], [], {}
    for member in range(len(gradient)):
        _lend(parameters, buffers, program.pieces, population, member)
        with observed_activations(program.network, observe) as seen:
            outputs = program.network({name: block[member] for name, block in batch.features.items()}, noise[member])
        row_weights = None if batch.weights is None else batch.weights[member]
        whole = None if batch.whole is None else batch.whole.weights[member]
        blend = _blend(program, noise[member], len(outputs))
        loss = _batch_loss(loss_of(program, member), outputs, batch.targets[member], row_weights, whole, blend)
        parts = torch.autograd.grad(loss, parameters, materialize_grads=True)
        if alone and program.large:
            apart = _parted(program, parts, gradient)
        else:
            torch.cat([part.reshape(-1) for part in parts], out=gradient[member])
        losses.append(loss.detach())
        activations.append(_stacked(seen, loss))
    return Gradient(losses=torch.stack(losses), gradient=gradient, activations=torch.stack(activations), apart=apart)


def _parted(program: Program, parts: Sequence[Tensor], gradient: Float[Tensor, "1 weights"]) -> dict[int, Tensor]:
    """Copy the gradients of small tensors to their places, and return those of large ones as they are."""
    apart = {}
    for piece, part in zip(program.pieces, parts, strict=True):
        if piece.start in program.large:
            apart[piece.start] = part.reshape(1, -1)
        else:
            gradient[0, piece.start : piece.stop] = part.reshape(-1)
    return apart


def _lend(
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


def _mapped_gradient(program: Program, population: Population, batch: Batch, noise: Tensor, observe: bool) -> Gradient:
    """Back-propagate through all members as one program.

    Only the way forward is mapped. No member's loss depends on another's weights, so the gradient of their sum holds
    that of each, and back-propagation needs no mapping.
    """
    own = dict(program.own.differing_in_loss)
    whole = None if batch.whole is None else batch.whole.weights
    by_member = (0, 0, 0, 0, None if batch.weights is None else 0, 0, 0, None if whole is None else 0)
    mapped = vmap(_loss_of_member(program, observe), in_dims=by_member)
    weights = population.weights.detach().requires_grad_()
    arguments = (dict(population.buffers), dict(batch.features), batch.targets, batch.weights, noise, own, whole)
    losses, activations = mapped(weights, *arguments)
    (gradient,) = torch.autograd.grad(losses.sum(), weights)
    return Gradient(losses=losses.detach(), gradient=gradient, activations=activations)


def single_gradient(program: Program, population: Population, batch: Batch, noise: Tensor, observe: bool) -> Gradient:
    """Back-propagate through the only member, as a function: what a compiler can look through."""
    gradient, (loss, activations) = grad_and_value(_loss_of_member(program, observe), has_aux=True)(
        population.weights[0],
        {name: buffer[0] for name, buffer in population.buffers.items()},
        {name: block[0] for name, block in batch.features.items()},
        batch.targets[0],
        None if batch.weights is None else batch.weights[0],
        noise[0],
        {name: value[0] for name, value in program.own.differing_in_loss.items()},
        None if batch.whole is None else batch.whole.weights[0],
    )
    return Gradient(losses=loss[None], gradient=gradient[None], activations=activations[None])


def _loss_of_member(program: Program, observe: bool) -> Callable[..., tuple[Tensor, Tensor]]:
    def member_loss(
        weights: Tensor,
        buffers: dict[str, Tensor],
        features: dict[str, Tensor],
        targets: Tensor,
        row_weights: Tensor | None,
        words: Tensor,
        own: dict[str, Tensor],
        whole: Tensor | None,
    ) -> tuple[Tensor, Tensor]:
        tensors = unflatten(weights, program.pieces) | buffers
        with observed_activations(program.network, observe) as seen, lodging(program.homes, tensors):
            outputs = program.network(features, words)
        row_loss = program.own_loss(holding(program.own, own)) if own else program.loss
        loss = _batch_loss(row_loss, outputs, targets, row_weights, whole, _blend(program, words, len(outputs)))
        return loss, _stacked(seen, loss)

    return member_loss


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


def loss_of(program: Program, member: int) -> RowLoss:
    """Return the loss by which a member of the program's learns."""
    own = program.own.differing_in_loss
    if not own:
        return program.loss
    return program.own_loss(holding(program.own, {name: value[member] for name, value in own.items()}))


def _rows_of(batch: Batch, rows: slice) -> Batch:
    return Batch(
        features={name: block[:, rows] for name, block in batch.features.items()},
        targets=batch.targets[:, rows],
        weights=None if batch.weights is None else batch.weights[:, rows],
        whole=batch.whole,
    )


def _share(part: Batch, batch: Batch) -> float | Tensor:
    """Return what the mean loss of a part counts in that of a batch."""
    if batch.whole is not None:  # it is a part of a mean already
        return 1.0
    if batch.weights is None:
        return part.targets.shape[1] / batch.targets.shape[1]
    return _weight(part) / _weight(batch)


def _weight(batch: Batch) -> Float[Tensor, "members 1"]:
    assert batch.weights is not None
    return batch.weights.sum(1, keepdim=True).clamp_min(torch.finfo(torch.float32).tiny)


def _blend(program: Program, words: Tensor, rows: int) -> Blend | None:
    """Return how the network mixes the rows of a batch; None where it does not."""
    return None if program.mixing is None else program.mixing.drawn(words[-1], rows)


def _batch_loss(
    loss: RowLoss,
    outputs: Tensor,
    targets: Tensor,
    row_weights: Tensor | None,
    whole: Tensor | None,
    blend: Blend | None,
) -> Tensor:
    """Return the mean loss of a batch; of rows of a `whole` that weighs more, their part of its mean.

    Rows that were mixed answer for both targets, by the share and the weight of either.
    """
    row_losses = _weighed(loss(outputs, targets), row_weights)
    if blend is not None:
        weights = None if row_weights is None else row_weights[blend.partner]
        row_losses = blend.own * row_losses + (1 - blend.own) * _weighed(loss(outputs, targets[blend.partner]), weights)
    if row_weights is None:
        return row_losses.mean() if whole is None else row_losses.sum() / whole
    total = row_weights.sum() if whole is None else whole
    return row_losses.sum() / total.clamp_min(torch.finfo(torch.float32).tiny)


def _weighed(losses: Tensor, weights: Tensor | None) -> Tensor:
    return losses if weights is None else losses * weights


def _stacked(activations: list[Tensor], loss: Tensor) -> Tensor:
    # Not None where there is nothing to see: functorch hands on tensors only.
    if not activations:
        return loss.detach().new_empty(0, 4)
    return activations[0] if len(activations) == 1 else torch.cat(activations)
