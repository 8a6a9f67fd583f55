"""What outputs stand for under a loss that nobody knows: asked of the loss itself.

An output stands for the target whose best output it is, or for the class that costs it least. Of several outputs, those
stand for the target that follow it when it moves; and where a loss asks for a direction alone, lengths mean nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from fitwell.doctor.examining.losses import REFUSED, Loss, gradient_of
from fitwell.doctor.examining.thresholds import PROBES

COARSER = 16  # times, the grid of outputs that are asked one by one
GRID = 801
FOLLOWS = 0.25  # likeness of what targets move by and what moves with them; under absolute errors it is a half
AS_WELL = 0.9  # of the greatest likeness: outputs that follow as well, as several quantiles of one target do
SAME = 1e-5  # relative: losses that differ by no more than rounding
MOST_ROWS = 256  # that a loss is asked with
MOST_TARGETS, MOST_ASKED = 20, 10_000  # different targets, of so many rows
ROUNDS = 8  # of moving targets: of some thousand answers, likeness is known to a fiftieth


def meant_numbers(loss: Loss, targets: Tensor, outputs: Tensor) -> Tensor:
    """Return which numbers outputs (rows, …) stand for under a loss of its own, as many as targets or not."""
    alike = outputs[0].numel() == targets[0].numel()
    return (meant_values if alike else meant_among)(loss, targets, outputs)


def meant_values(loss: Loss, targets: Tensor, outputs: Tensor) -> Tensor:
    """Return which target each output (rows, …) stands for under a loss of its own: the one whose best output it is.

    For the likelihood of counts whose logarithm is put out, say, an output of 2 stands for e².
    """
    if outputs[0].numel() != targets[0].numel() or not bool(outputs.isfinite().all()):
        return outputs
    known = targets.flatten().float()[:10_000]
    shares = torch.linspace(0, 1, 31)
    places = torch.cat([torch.quantile(known, shares), known.min() + shares * (known.max() - known.min())]).sort()[0]
    low, high = float(outputs.min()), float(outputs.max())
    reach = max(high - low, float(places.abs().max()), 1.0)
    grid = torch.linspace(low - reach, high + reach, GRID)

    def value(output: Tensor, place: Tensor) -> Tensor:
        return loss(output.expand(1, *outputs.shape[1:]), place.expand(1, *targets.shape[1:]).to(targets.dtype)).mean()

    try:
        values = _of_all_pairs(value, grid, places)
    except RuntimeError:  # its code looks at values, so that it is asked one by one, and less often
        grid = grid[::COARSER]
        try:
            values = torch.stack([torch.stack([value(output, place) for output in grid]) for place in places])
        except REFUSED:
            return outputs
    except REFUSED:
        return outputs
    found = grid[values.nan_to_num(math.inf).argmin(1)]
    inside = float(((found > grid[0]) & (found < grid[-1])).float().mean())
    if inside > 0.5 and bool((found.diff() <= 0).all()):  # outputs fall where targets rise, as hazards with times
        found, places = found.flip(0), places.flip(0)
    if not bool((found.diff() >= 0).all()) or float(found[-1] - found[0]) <= 0:
        return outputs  # it has no best output for a target by itself
    keep = torch.cat([torch.ones(1, dtype=torch.bool), found.diff() > 0])
    meant = np.interp(outputs.flatten().numpy(), found[keep].numpy(), places[keep].numpy())
    return torch.from_numpy(meant).float().reshape(outputs.shape)


def _of_all_pairs(value: Callable[[Tensor, Tensor], Tensor], grid: Tensor, places: Tensor) -> Tensor:
    """Return the value (places, grid) of each output of a grid for each target, all at once."""
    mapped: Tensor = torch.vmap(lambda place: torch.vmap(lambda output: value(output, place))(grid))(places)
    return mapped


def meant_shares(loss: Loss, targets: Sequence[float], outputs: Tensor) -> Tensor:
    """Return the share of the second of two targets that single outputs (rows, …) stand for under a loss of its own.

    The likelier a class is meant, the less it costs: the difference of both costs of a log loss is the logit.
    """
    flat = outputs.flatten()
    likely = outputs.clamp(0, 1) if bool(((flat >= 0) & (flat <= 1)).all()) else outputs.sigmoid()
    if len(flat) != len(outputs) or not bool(flat.isfinite().all()):
        return likely
    low, high = float(flat.min()), float(flat.max())
    grid = torch.linspace(low, high, GRID) if high > low else flat[:1]
    shape = (1, *outputs.shape[1:])
    try:
        first, second = (_costs(loss, grid, shape, target) for target in targets)
    except REFUSED:
        return likely
    shares = (first - second).nan_to_num(0).sigmoid()
    return torch.from_numpy(np.interp(flat.numpy(), grid.numpy(), shares.numpy())).float().reshape(outputs.shape)


def meant_among(loss: Loss, targets: Tensor, outputs: Tensor) -> Tensor:
    """Return which of few targets (rows, …) outputs (rows, more or fewer) stand for under a loss of its own.

    It is the one that they cost least beyond what the best of these outputs costs for it, as four answers stand for
    one of five grades.
    """
    few = torch.unique(targets[:MOST_ASKED], dim=0)
    if len(few) > MOST_TARGETS:
        return outputs

    def cost(output: Tensor, target: Tensor) -> Tensor:
        return loss(output[None], target[None]).mean()

    try:
        costs = torch.vmap(lambda output: torch.vmap(lambda target: cost(output, target))(few))(outputs)
    except REFUSED:
        return outputs
    regrets = costs.nan_to_num(math.inf) - costs.nan_to_num(math.inf).amin(0)
    meant: Tensor = few[regrets.nan_to_num(math.inf).argmin(1)].to(outputs.dtype)
    return meant


def _costs(loss: Loss, grid: Tensor, shape: tuple[int, ...], target: float) -> Tensor:
    """Return what each output of a grid costs where one target is right."""
    right = torch.full((1, *shape[1:]), target)
    try:
        costs: Tensor = torch.vmap(lambda output: loss(output.expand(shape), right).mean())(grid)
    except RuntimeError:  # its code looks at values
        costs = torch.stack([loss(output.expand(shape), right).mean() for output in grid])
    return costs.detach()


def following_outputs(loss: Loss, outputs: Tensor, targets: Tensor) -> int | None:
    """Return from where on outputs (rows, more) follow targets (rows, columns), None where none are seen to.

    Where targets move, so does the gradient of the outputs that are to be them, against them.
    """
    columns = targets[0].numel()
    if outputs.ndim != 2 or not targets.is_floating_point() or outputs.shape[1] <= columns:
        return None
    generator = torch.Generator().manual_seed(0)
    some, right = outputs[:MOST_ROWS].detach(), targets[:MOST_ROWS]
    likeness = torch.zeros(outputs.shape[1] - columns + 1)
    for _ in range(ROUNDS):
        asked = torch.randn(some.shape, generator=generator)
        moved = torch.randn(right.shape, generator=generator)
        before, after = gradient_of(loss, asked, right), gradient_of(loss, asked, right + moved)
        if before is None or after is None:
            return None
        blocks = (before - after).unfold(1, columns, 1)  # (rows, places, columns)
        step = moved.reshape(len(moved), 1, columns)
        lengths = blocks.square().sum((0, 2)).sqrt() * step.square().sum().sqrt()
        likeness += (blocks * step).sum((0, 2)) / lengths.clamp(min=1e-12) / ROUNDS
    best = float(likeness.max())
    if not best >= FOLLOWS:
        return None
    as_well = (likeness >= AS_WELL * best).nonzero().flatten()
    return int(as_well[len(as_well) // 2])  # of several quantiles, the one in the middle


def followed_targets(loss: Loss, outputs: Tensor, targets: Tensor) -> int | None:
    """Return from where on targets (rows, more) are followed by outputs (rows, columns), None where none are seen to.

    A target that moves takes the gradient of its output with it, whatever the output. What says how much a row counts
    lengthens the gradient instead, towards either side of the target, which large outputs are on as often.
    """
    if outputs.ndim != 2 or targets.ndim != 2 or not targets.is_floating_point():
        return None
    columns, more = outputs.shape[1], targets.shape[1]
    if more <= columns:
        return None
    generator = torch.Generator().manual_seed(0)
    right = targets[:MOST_ROWS]
    reach, spread = 2 * max(float(right.abs().max()), 1e-6), right.std(0).nan_to_num(0)
    likeness = torch.zeros(more - columns + 1)
    for _ in range(ROUNDS):
        asked = reach * torch.randn(len(right), columns, generator=generator)
        before = gradient_of(loss, asked, right)
        for place in range(len(likeness)):
            step = torch.zeros_like(right)
            block = slice(place, place + columns)
            step[:, block] = spread[block] * torch.randn(len(right), columns, generator=generator)
            after = gradient_of(loss, asked, right + step)
            if before is None or after is None:
                return None
            moved, turned = step[:, block], before - after
            lengths = (turned.square().sum() * moved.square().sum()).sqrt()
            likeness[place] += float((turned * moved).sum() / lengths.clamp(min=1e-12)) / ROUNDS
    best = int(likeness.argmax())
    rest = torch.cat([likeness[:best], likeness[best + 1 :]])
    clear = bool((likeness[best] >= 2 * rest).all())
    return best if float(likeness[best]) >= FOLLOWS and clear else None


def turns_away(loss: Loss, targets: Tensor) -> bool:
    """Tell whether targets (rows, …) that move take the gradient of outputs of their shape the other way along.

    Under a squared error with its sign turned they do; where outputs stand for something else, neither way.
    """
    generator = torch.Generator().manual_seed(0)
    right = targets[:MOST_ROWS].float()
    spread, likeness = right.std(0).nan_to_num(0), 0.0
    for _ in range(ROUNDS):
        asked = right.mean(0) + spread * torch.randn(right.shape, generator=generator)
        step = spread * torch.randn(right.shape, generator=generator)
        before, after = gradient_of(loss, asked, right), gradient_of(loss, asked, right + step)
        if before is None or after is None:
            return False
        lengths = (step.square().sum() * (before - after).square().sum()).sqrt().clamp(min=1e-12)
        likeness += float(((before - after) * step).sum() / lengths) / ROUNDS
    return likeness <= -FOLLOWS


def columns_of_classes(loss: Loss, outputs: Tensor, targets: Tensor, labels: Tensor) -> Tensor | None:
    """Return which column of outputs (rows, classes) a loss of its own raises for the rows of each class (classes,).

    None where no class has a column of its own. Of two things of which the first was preferred, say, it is the first
    that a mark of 1 raises.
    """
    asked = torch.randn(outputs[:MOST_ROWS].shape, generator=torch.Generator().manual_seed(0))
    gradient = gradient_of(loss, asked, targets[: len(asked)])
    labels = labels[: len(asked)]
    if gradient is None or len(labels.unique()) < outputs.shape[1]:  # type: ignore[no-untyped-call]
        return None
    raised = torch.stack([gradient[labels == each].mean(0).argmin() for each in range(outputs.shape[1])])
    return raised if len(raised.unique()) == len(raised) else None  # type: ignore[no-untyped-call]


def ignores_targets(loss: Loss, outputs: Tensor, targets: Tensor) -> bool:
    """Tell whether a loss is the same whatever the targets (rows, …), as where rows are learned by themselves."""
    noise = torch.randn(targets.shape, generator=torch.Generator().manual_seed(0))
    others = targets.flip(0) + (noise if targets.is_floating_point() else 1)
    try:
        with torch.no_grad():
            first, second = (float(loss(outputs, each).mean()) for each in (targets, others.to(targets.dtype)))
    except REFUSED:
        return False
    return _are_same(first, second)


def asks_for_directions(loss: Loss, outputs: Tensor, targets: Tensor) -> bool:
    """Tell whether a loss of its own is the same however long the outputs (rows, columns) of each row are."""
    if outputs.ndim != 2 or outputs.shape != targets.shape or outputs.shape[1] < 2:
        return False
    generator = torch.Generator().manual_seed(0)
    some, right = outputs[:MOST_ROWS], targets[:MOST_ROWS]
    for _ in range(PROBES):
        asked = torch.randn(some.shape, generator=generator)
        factors = 0.3 + 3 * torch.rand(len(some), 1, generator=generator)
        try:
            first, second = (float(loss(each, right).mean()) for each in (asked, factors * asked))
        except REFUSED:
            return False
        if not _are_same(first, second):
            return False
    return True


def _are_same(first: float, second: float) -> bool:
    """Tell whether two values of a loss are numbers, and differ by rounding at most."""
    finite = math.isfinite(first) and math.isfinite(second)
    return finite and abs(first - second) <= SAME * max(abs(first), abs(second), SAME)


def as_long_as(outputs: Tensor, targets: Tensor) -> Tensor:
    """Return outputs (rows, columns), each row as long as those of the targets are on average."""
    length = targets.float().norm(dim=1).mean()
    lengths: Tensor = outputs.norm(dim=1, keepdim=True).clamp(min=1e-12)
    scaled: Tensor = outputs * length / lengths
    return scaled
