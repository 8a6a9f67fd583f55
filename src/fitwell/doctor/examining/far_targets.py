"""A few targets so far from all others that errors on them are nearly all that the training sees."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from fitwell.doctor.examining.changes import Arm
from fitwell.doctor.examining.explaining import REACHED
from fitwell.doctor.examining.loop import judged_rows, train
from fitwell.doctor.examining.measuring import Bench, Gain, gain
from fitwell.doctor.examining.scoring import skill
from fitwell.doctor.examining.screening import Screened, is_clear
from fitwell.doctor.examining.subject import Fold
from fitwell.doctor.examining.thresholds import MIDDLE_HALF, SPREAD_FACTOR
from fitwell.doctor.finding import Finding, Remedy

FEW = 0.1  # of the rows
GAP = 3.0  # times the distance of the farthest of the others
FORETOLD = 0.5  # of the squared distance of far targets, from which they belong to the rest
FEWEST = 50  # rows


def far_targets(benches: Iterable[Bench], screened: Screened) -> Finding | None:
    """Return that a few targets lie far from all others, are foretold by nothing, and keep the rest from being learned.

    The training is repeated without them, and both are judged on the rows that are left.
    """
    first, *_ = benches = tuple(benches)
    targets = first.subject.known
    if first.anatomy.task.kind != "numbers" or first.anatomy.reading.deviance is not None or len(targets) < FEWEST:
        return None
    far, distances = _far_from_others(targets)
    if not bool(far.any()) or _are_foretold(first, screened, far):
        return None
    with_all, without = zip(*(each for bench in benches for each in _judged_on_others(bench, far)), strict=True)
    found, reached = gain(torch.cat(without), torch.cat(with_all)), skill(torch.cat(without))
    if not is_clear(found, reached):
        return None
    return _finding(far, distances, found, reached)


def _finding(far: Tensor, distances: Tensor, found: Gain, reached: float) -> Finding:
    few, nearest, farthest = int(far.sum()), float(distances[far].min()), float(distances[far].max())
    return Finding(
        symptom="label_noise",
        status="confirmed",
        severity="critical",
        where="targets",
        since="data",
        evidence={"far": few, "nearest": nearest, "farthest": farthest, "without_them": found.effect, REACHED: reached},
        explanation=f"{few} of {len(far)} targets lie {nearest:.0f} to {farthest:.0f} spreads of the others away from "
        "their median, with none between, and nothing foretells which. Their errors are nearly all that the loss sees: "
        f"without them the same training tells the other rows {found.effect:+.2f} in skill better.",
        remedies=(
            Remedy(
                change={
                    "setting": None,
                    "from": None,
                    "to": None,
                    "text": "look at these rows, and put right or leave out what was written wrong; where such targets "
                    "are real, take a loss in which they count less (Huber or absolute error) or their logarithm",
                },
                effect=found.effect,
                low=found.low,
                high=found.high,
            ),
        ),
    )


def _far_from_others(targets: Tensor) -> tuple[Tensor, Tensor]:
    """Return which targets (rows, …) lie far from the others, and how far each lies from the median, in their spreads.

    The spread is that of the middle half, as of a normal distribution; where several numbers are asked for, the one
    that lies farthest counts.
    """
    values = targets.double().flatten(1)
    low, middle, high = values.quantile(torch.tensor([0.25, 0.5, 0.75], dtype=torch.float64), 0)
    spread = (high - low) / MIDDLE_HALF
    told = spread > 0
    distances = torch.zeros(len(values), dtype=torch.float64)
    if bool(told.any()):
        distances = ((values - middle).abs() / spread)[:, told].amax(1)
    ascending = distances.sort().values[int((1 - FEW) * len(distances)) :]
    wide = (ascending[1:] > GAP * ascending[:-1]) & (ascending[1:] > SPREAD_FACTOR)
    if not bool(wide.any()):
        return torch.zeros(len(values), dtype=torch.bool), distances
    return distances >= ascending[1:][wide][0], distances


def _are_foretold(bench: Bench, screened: Screened, far: Tensor) -> bool:
    """Tell whether the best arm foretells a good part of how far held-out targets lie."""
    middle = bench.subject.known.double().quantile(0.5, 0)
    left, whole = 0.0, 0.0
    for fold, training in zip(bench.folds, screened.best.trainings, strict=False):
        rows = far[fold.held_out]
        targets = bench.subject.known[fold.held_out][rows].double()
        if training.outputs.numel() != bench.subject.known[fold.held_out].numel():
            return False
        outputs = training.outputs.reshape(bench.subject.known[fold.held_out].shape)[rows].double()
        left += float((targets - outputs).square().sum())
        whole += float((targets - middle).square().sum())
    return left < (1 - FORETOLD) * whole


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
