"""A few targets so far from all others that errors on them are nearly all that the training sees."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from fitwell.data.far_values import FEWEST_ROWS, far_values
from fitwell.doctor.examining.changes import Arm
from fitwell.doctor.examining.explaining import REACHED, measured_remedy
from fitwell.doctor.examining.loop import judged_rows, train
from fitwell.doctor.examining.measuring import Bench, Gain, gain
from fitwell.doctor.examining.scoring import skill
from fitwell.doctor.examining.screening import Screened, is_clear
from fitwell.doctor.examining.subject import Fold
from fitwell.doctor.finding import Finding

FORETOLD = 0.5  # of the squared distance of far targets, from which they belong to the rest


def far_targets(benches: Iterable[Bench], screened: Screened) -> Finding | None:
    """Return that a few targets lie far from all others, are foretold by nothing, and keep the rest from being learned.

    The training is repeated without them, and both are judged on the rows that are left.
    """
    first, *_ = benches = tuple(benches)
    targets = first.subject.known
    if first.anatomy.task.kind != "numbers" or first.anatomy.reading.deviance is not None or len(targets) < FEWEST_ROWS:
        return None
    found = far_values(targets.double().reshape(len(targets), -1).numpy())
    far, distances = torch.from_numpy(found.rows), torch.from_numpy(found.distances)
    if not bool(far.any()) or _are_foretold(first, screened, far):
        return None
    with_all, without = zip(*(each for bench in benches for each in _judged_on_others(bench, far)), strict=True)
    gained, reached = gain(torch.cat(without), torch.cat(with_all)), skill(torch.cat(without))
    return _finding(far, distances, gained, reached) if is_clear(gained, reached) else None


def _finding(far: Tensor, distances: Tensor, found: Gain, reached: float) -> Finding:
    few, nearest, farthest = int(far.sum()), float(distances[far].min()), float(distances[far].max())
    return Finding(
        symptom="label_noise",
        status="confirmed",
        severity="critical",
        where="targets",
        since="data",
        evidence={"far": few, "nearest": nearest, "farthest": farthest, "without_them": found.effect, REACHED: reached},
        explanation=f"{few} of {len(far)} targets, {nearest:.0f} to {farthest:.0f} spreads of the others away from the "
        "median with none between, are foretold by nothing. Errors on so far a target are nearly all that the loss "
        f"sees: without the far ones the same training tells the other rows {found.effect:+.2f} in skill better.",
        remedies=(
            measured_remedy(
                "look at these rows, and put right or leave out what was written wrong; where such targets are real, "
                "take a loss in which they count less (Huber or absolute error) or their logarithm",
                found,
            ),
        ),
    )


def _are_foretold(bench: Bench, screened: Screened, far: Tensor) -> bool:
    """Tell whether the best arm foretells a good part of how far held-out targets lie, or none tells."""
    middle = bench.subject.known.double().quantile(0.5, 0)
    left, whole = 0.0, 0.0
    for fold, training in zip(bench.folds, screened.best.trainings, strict=False):
        rows = far[fold.held_out]
        targets = bench.subject.known[fold.held_out][rows].double()
        if training.outputs.numel() != bench.subject.known[fold.held_out].numel():
            return True
        outputs = training.outputs.reshape(bench.subject.known[fold.held_out].shape)[rows].double()
        left += float((targets - outputs).square().sum())
        whole += float((targets - middle).square().sum())
    return left <= (1 - FORETOLD) * whole


def _judged_on_others(bench: Bench, far: Tensor) -> Iterable[tuple[Tensor, Tensor]]:
    """Yield what rows that do not lie far contribute, trained with all rows and without the far ones, fold by fold."""
    for fold, training in zip(bench.folds, bench.measure(Arm()).trainings, strict=False):
        asked = ~far[fold.held_out]
        others = Fold(training=fold.training[~far[fold.training]], held_out=fold.held_out[asked])
        without = train(bench.subject, bench.anatomy, others, Arm(), seed=bench.seed, clock=bench.clock)
        bench.tally.trainings += 1
        bench.tally.steps += without.steps
        with_all = judged_rows(bench.subject, bench.anatomy, Arm(), training.outputs[asked], others.held_out)
        yield with_all.contributions, without.last.contributions
