"""The gradient of every member's loss on a batch, computed in two ways that agree to rounding.

`eager` runs plain back-propagation, one member after another (mapping a population of one costs more than twice as
much), `mapped` runs all members as one program. A batch may be taken in parts, and shared by several processes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor
from torch.func import grad_and_value, vmap

from fitwell.networks.mixing import Blend
from fitwell.networks.noise import from_row
from fitwell.processes.group import Processes
from fitwell.tasks.losses import RowLoss
from fitwell.training.lodging import lodging
from fitwell.training.members import holding
from fitwell.training.outputs import lend_tensors
from fitwell.training.pieces import unflatten
from fitwell.training.program import Batch, ComputeGradient, Gradient, Population, Program
from fitwell.training.signals import joined_activations, observed_activations


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


def _eager_gradient(program: Program, population: Population, batch: Batch, noise: Tensor, observe: bool) -> Gradient:
    """Back-propagate through the network itself, whose tensors become views of one member's after another."""
    parameters, buffers = program.tensors
    gradient = torch.empty_like(population.weights)
    alone = len(gradient) == 1 and not observe  # signals look at the gradient as a whole
    losses, activations, apart = [], [], {}
    for member in range(len(gradient)):
        lend_tensors(parameters, buffers, program.pieces, population, member)
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
