"""Questions that one split and one change of the training do not answer, each asked where the screening gives cause.

Does it depend on the seed? Does it learn by heart what it should not? Are there too few rows? Is a class ignored, and
does the author's figure hide it? Are numbers of classes taken for quantities?
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Literal

import torch
from torch import Tensor, nn

from fitwell.doctor.examining.anatomy import Anatomy, anatomy_of
from fitwell.doctor.examining.changes import Arm
from fitwell.doctor.examining.explaining import MECHANISMS, measured_remedy
from fitwell.doctor.examining.loop import Look, Training
from fitwell.doctor.examining.measuring import Bench, Divisions, Gain, Measured, gain
from fitwell.doctor.examining.rewiring import StandIn
from fitwell.doctor.examining.scoring import class_counts, labels_of, log_loss, probabilities, skill
from fitwell.doctor.examining.screening import Screened, has_rare_class, is_clear, lowest_recall
from fitwell.doctor.examining.subject import Fold
from fitwell.doctor.examining.thresholds import (
    CLASS_NUMBERS,
    CLEARLY_MORE,
    IGNORED_RECALL,
    KNOWN_BY_HEART,
    KNOWN_THROUGHOUT,
    LEARNED_BY_HEART,
    MORE_ROWS_BRING,
    RELATIVE_FAULT,
    SEEDS_APART,
    SMALL,
    STANDARD_ERRORS,
    SURE_MISTAKES,
    WEIGHTS_BRING,
)
from fitwell.doctor.finding import Finding, Remedy, remedy

MORE_SEEDS = 3
CLOSE = 0.02  # relative: figures that say the same
MOST_OF_ONE_BATCH = 0.5  # momentum of running means from which they say little of earlier batches
EVENED = 2.0  # times a loss weighs a rare class above a common one
RISEN = 1.5  # times a loss: beyond what batches and dropout vary it by over a twentieth of a training


def overfitted(divisions: Divisions, screened: Screened) -> Finding | None:
    """Return that the error on held-out rows rose by a good part of a constant's since the best moment.

    And by a good part of what was known then. It is the squared error, or the log loss, which sure mistakes raise most;
    where the loss makes up for how rare classes are, it is the log loss in which they count alike.
    """
    base, anatomy = screened.base, divisions.benches[0].anatomy
    if base.diverged or base.fitted <= base.skill:
        return None

    def errors_at(moment: Literal["best", "last"]) -> Tensor:
        def told(bench: Bench) -> Tensor:
            return torch.cat([getattr(each, moment).errors for each in bench.measure(base.arm).trainings])

        return divisions.by_row(told).double() / screened.constant_error

    def risen() -> Gain:
        return gain(1 - errors_at("best"), 1 - errors_at("last"))

    evens = anatomy.pull is not None and anatomy.pull < anatomy.imbalance / EVENED
    rise, what, least = Gain(effect=0.0, error=1.0), "squared error", LEARNED_BY_HEART
    if not evens:
        rise = divisions.until_clear(risen, least=least, errors=STANDARD_ERRORS)
    surer = _rise_of_log_loss(divisions, base.arm, evenly=evens)
    if surer is not None and (rise.effect < least or rise.clear < STANDARD_ERRORS):
        rise, what, least = surer, "log loss", SURE_MISTAKES
    if _loss_rose(base):
        return None  # the rows that it learns from are told worse as well
    known = 1 - float(errors_at("best").mean()) if what == "squared error" else 0.0
    if rise.effect < max(least, RELATIVE_FAULT * known) or rise.clear < STANDARD_ERRORS:
        return None
    return Finding(
        symptom="overfitting",
        status="confirmed",
        severity="critical",
        since=f"step {_best_step(base)}",
        evidence={
            "rise": rise.effect,
            "low": rise.low,
            "high": rise.high,
            "fitted": base.fitted,
            "skill": base.skill,
            "skill_with_changes": skill(torch.cat([each.best.contributions for each in base.trainings])),
        },
        explanation=f"{MECHANISMS['overfitting'].capitalize()}. After step {_best_step(base)} the {what} of "
        f"held-out rows rises by {100 * rise.effect:.0f} % of a constant's, while on training rows the skill reaches "
        f"{base.fitted:.2f} against {base.skill:.2f} on held-out ones.",
        remedies=(
            Remedy(
                change={
                    "setting": "training.early_stopping.patience",
                    "from": None,
                    "to": None,
                    "text": "keep the weights of the best epoch on held-out rows, or hold the network back by dropout, "
                    "weight decay, or fewer units",
                },
                effect=rise.effect,
                low=rise.low,
                high=rise.high,
            ),
        ),
    )


def _rise_of_log_loss(divisions: Divisions, arm: Arm, *, evenly: bool) -> Gain | None:
    """Return by how much the log loss of held-out rows rose since their best moment, beside that of known shares."""
    first = divisions.benches[0]
    task, targets = first.anatomy.task, first.subject.known
    if task.kind == "numbers":
        return None

    def rise_of(bench: Bench) -> Tensor:
        rises = []
        for rows, training in zip(bench.held_out_parts(), bench.measure(arm).trainings, strict=True):
            best, last = (
                log_loss(task, bench.anatomy.loss, outputs, targets[rows], evenly=evenly)
                for outputs in (training.best_outputs, training.outputs)
            )
            rises.append(last - best)
        return torch.cat(rises)

    labels = labels_of(task, targets)
    shares = labels.double().mean(0) if task.kind == "labels" else class_counts(labels).double()
    shares = (shares > 0).double() if evenly else shares
    known = _entropy(torch.stack([shares, 1 - shares], -1) if task.kind == "labels" else shares / shares.sum())
    rise = divisions.by_row(rise_of).double() / max(known, 1e-6)
    return gain(rise, torch.zeros_like(rise))


def _entropy(shares: Tensor) -> float:
    """Return the entropy of shares (…, parts), the mean over all but their last axis."""
    return float(-(shares * shares.clamp(min=1e-12).log()).sum(-1).mean())


def _best_step(base: Measured) -> int:
    return _best_look(base).step


def _best_look(base: Measured) -> Look:
    return min(base.trainings[0].looks, key=lambda look: float(look.judged.errors.mean()))


def _loss_rose(base: Measured) -> bool:
    """Tell whether the training loss ended far above that of the moment which was best on held-out rows."""
    return base.trainings[0].looks[-1].loss > RISEN * _best_look(base).loss > 0


def noisy_labels(bench: Bench, screened: Screened) -> Finding | None:
    """Return that labels are noisy: the rows that the best arm is surest of are hardly more often right than others.

    Where classes overlap, far from their border it is right; where labels were drawn wrong, it is nowhere.
    """
    if bench.anatomy.task.kind != "classes" or bench.subject.known.ndim > 2:
        return None
    if screened.base.fitted < screened.best.skill + KNOWN_BY_HEART:
        return None
    surest, all_rows = _right_where_sure(bench, screened.full)
    if all_rows > 0.85 or all_rows < 0.3 or surest > all_rows + (1 - all_rows) / 2:
        return None
    return Finding(
        symptom="label_noise",
        status="confirmed",
        severity="critical",
        where="targets",
        since="data",
        evidence={"right": all_rows, "right_where_surest": surest},
        explanation=f"Of the quarter of held-out rows that the best training is surest of, only {100 * surest:.0f} % "
        f"have the label that it expects, hardly more than of all ({100 * all_rows:.0f} %): mistakes lie everywhere, "
        f"not at the border of the classes, as wrong labels do. The training learns them by heart (skill "
        f"{screened.base.fitted:.2f} on its own rows, {screened.base.skill:.2f} on others).",
        remedies=(remedy("look through the labels of rows that disagree with a well regularized training"),),
    )


def _right_where_sure(bench: Bench, arm: Measured) -> tuple[float, float]:
    sure, right = [], []
    for fold, training in zip(bench.folds, arm.trainings, strict=False):
        shares = probabilities(bench.anatomy.task, bench.anatomy.loss, training.best_outputs, logits=True)
        labels = labels_of(bench.anatomy.task, bench.subject.known[fold.held_out])
        sure.append(shares.amax(-1))
        right.append((shares.argmax(-1) == labels.reshape(shares.shape[:-1])).float())
    confidence, hits = torch.cat(sure), torch.cat(right)
    most = confidence.argsort(descending=True)[: max(1, len(confidence) // 4)]
    return float(hits[most].mean()), float(hits.mean())


def too_few_rows(bench: Bench, screened: Screened) -> Finding | None:
    """Return that more rows would bring much, by the law that errors fall by the same factor with every doubling."""
    if (
        bench.subject.training_rows > SMALL
        or bench.subject.training_rows < 12
        or screened.base.fitted < max(screened.allowed, KNOWN_THROUGHOUT)
    ):
        return None
    best = screened.best
    if best.skill <= 0 or (best is screened.base and screened.full.skill <= 0) or 1 - best.skill < MORE_ROWS_BRING:
        return None
    if not bench.tally.affords("half of the rows"):
        return None
    halved = [_with_half(bench, best.arm, second=second) for second in (False, True)]
    with_half = torch.stack(halved).mean(0)
    found = gain(best.contributions, with_half)
    half_skill = skill(with_half)
    factor = min(1.0, (1 - best.skill) / max(1e-9, 1 - max(0.0, half_skill)))
    brings = (1 - best.skill) * (1 - factor**2)
    if brings < MORE_ROWS_BRING or found.clear < CLEARLY_MORE:
        return None
    return Finding(
        symptom="too_few_rows",
        status="confirmed",
        severity="critical",
        where="rows",
        since="data",
        evidence={"rows": len(bench.folds[0].training), "skill_with_half": half_skill, "expected_gain": brings},
        explanation=f"With half of the rows the best training reaches a skill of {half_skill:.2f}, with all of "
        f"them {best.skill:.2f}; if errors go on falling at that pace, four times the rows bring {brings:+.2f}. The "
        f"training knows its rows by heart (skill {screened.base.fitted:.2f}), and they say too little about others.",
        remedies=(remedy("bring more rows; until then, hold the network back and keep to simple models"),),
    )


def _with_half(bench: Bench, arm: Arm, *, second: bool) -> Tensor:
    """Return what held-out rows contribute when one or the other half of the training rows is learned from."""
    folds = []
    for fold in bench.folds:
        order = torch.randperm(len(fold.training), generator=torch.Generator().manual_seed(bench.seed))
        half = max(2, len(order) // 2)
        chosen = (order[-half:] if second else order[:half]).sort()[0]
        folds.append(Fold(training=fold.training[chosen], held_out=fold.held_out))
    return replace(bench, folds=tuple(folds), done={}).measure(arm).contributions


def other_in_prediction(anatomy: Anatomy, screened: Screened, elsewhere: Measured) -> Finding | None:
    """Return that the network, as it predicts, does clearly worse than the same weights do as they were trained.

    Running means that do not follow, of weights or of batches, are what predicts then, or a branch that nothing trains.
    Long steps leave running means behind for a moment: it has to be so with other rows and another seed as well.
    """
    first, second = screened.base.trainings[0], elsewhere.trainings[0]
    if not all(_is_other_in_prediction(each, screened.allowed) for each in (first, second)):
        return None
    assert first.as_trained is not None
    found = gain(first.as_trained.contributions, first.last.contributions)
    forgetful = anatomy.newest >= MOST_OF_ONE_BATCH
    why = (
        f"running means and spreads are for the most part those of the last batch alone (momentum {anatomy.newest:g})"
        if forgetful
        else "what predicts is not what was trained, as where running means of weights or batches hardly move"
    )
    way_out = "with a momentum of 0.1, over many batches" if forgetful else "that move as fast as the training is short"
    return Finding(
        symptom="batch_size" if forgetful else "frozen_parameters",
        status="confirmed",
        severity="critical",
        where="evaluation mode",
        since="end",
        evidence={"skill": skill(first.last.contributions), "skill_with_changes": skill(first.as_trained.contributions),
                  "low": found.low, "high": found.high},
        explanation=f"In evaluation mode the network reaches a skill of {skill(first.last.contributions):.2f} on "
        f"held-out rows, in training mode without dropout {skill(first.as_trained.contributions):.2f}: {why}.",
        remedies=(measured_remedy(f"let what predicts follow what is trained: running means {way_out}", found),),
    )  # fmt: skip


def _is_other_in_prediction(training: Training, allowed: float) -> bool:
    seen = training.as_trained
    if seen is None or not bool(seen.contributions.isfinite().all()):
        return False
    found = gain(seen.contributions, training.last.contributions)
    return is_clear(found, max(allowed, skill(seen.contributions)))


def ignored_class(bench: Bench, screened: Screened) -> tuple[Finding, ...]:
    """Return that a class is hardly ever predicted though weighting finds it, and that the author's figure hides it."""
    anatomy, base = bench.anatomy, screened.base
    if not has_rare_class(bench):
        return ()
    if (recall := lowest_recall(bench, base)) > IGNORED_RECALL:
        return ()
    arm = Arm(changes=frozenset({"weights"}))
    if not bench.reaches(arm, base.skill + WEIGHTS_BRING):
        return ()
    weighted = bench.measure(arm)
    found = gain(weighted.contributions, base.contributions)
    if found.clear < STANDARD_ERRORS:
        return ()
    ignored = Finding(
        symptom="class_imbalance",
        status="confirmed",
        severity="critical",
        where="targets",
        since="data",
        evidence={
            "imbalance": anatomy.imbalance,
            "recall": recall,
            "skill": base.skill,
            "skill_with_changes": weighted.skill,
        },
        explanation=f"{MECHANISMS['class_imbalance'].capitalize()}: {100 * recall:.0f} % of its rows are found, where "
        f"{_uneven(anatomy)}. With weighted classes it is {found.effect:+.2f} in skill.",
        remedies=(
            measured_remedy("weight the classes by the inverse of their frequency, or move the threshold", found),
        ),
    )
    hidden = _misled(bench, base, weighted)
    return (ignored,) if hidden is None else (hidden, ignored)


def _uneven(anatomy: Anatomy) -> str:
    if anatomy.pull is not None and anatomy.pull > 2 * anatomy.imbalance:
        return f"the loss weighs classes so that all rows of one count {anatomy.pull:.0f} times as much as another's"
    return f"the largest class has {anatomy.imbalance:.0f} times as many rows as the smallest"


def _misled(bench: Bench, base: Measured, weighted: Measured) -> Finding | None:
    """Return that the author's own figure says as much of a constant as of the network, and of one that learned."""
    score, task = bench.subject.score, bench.anatomy.task
    if score is None:
        return None
    fold, outputs = bench.folds[0], base.trainings[0].outputs
    targets = bench.subject.known[fold.held_out]
    labels = labels_of(task, targets)
    constant = torch.zeros_like(outputs)
    most = int(class_counts(labels).argmax())
    if task.kind == "labels":
        on = (labels.float().mean(0) > 0.5).to(outputs.dtype).expand_as(outputs)
        constant += outputs.abs().max() * (2 * on - 1) if bool((outputs < 0).any()) else on
    elif outputs.ndim == 1 or outputs.shape[1] == 1 or task.points > 1:
        constant += outputs.abs().max() * (2 * most - 1) if bool((outputs < 0).any()) else float(most)
    else:
        constant[:, most] = 1.0
    learned = weighted.trainings[0].outputs
    network, nothing, better = (float(score(each, targets)) for each in (outputs, constant, learned))
    if nothing < max(network, better) - CLOSE * max(1e-9, abs(network)):
        return None
    return Finding(
        symptom="misleading_metric",
        status="confirmed",
        severity="critical",
        where="score",
        since="data",
        evidence={"score": network, "score_of_a_constant": nothing, "skill": base.skill},
        explanation=f"The score given is {network:.3f} for the network and {nothing:.3f} for saying always the same; "
        f"the skill by balanced accuracy is {base.skill:.2f}. The score cannot tell whether it learned.",
        remedies=(remedy("watch balanced accuracy, the Matthews correlation or PR-AUC instead"),),
    )


def numbered_classes(bench: Bench, screened: Screened) -> Finding | None:
    """Return that targets are numbers of classes: taken for classes they are predicted far better."""
    subject, anatomy = bench.subject, bench.anatomy
    if anatomy.task.kind != "numbers" or anatomy.loss.expects != "values" or subject.known[0].numel() != 1:
        return None
    values = torch.unique(subject.known)
    if not 3 <= len(values) <= CLASS_NUMBERS or not bool((values.diff() == 1).all()) or float(values[0]) not in (0, 1):
        return None
    if not bench.tally.affords("numbers as classes"):
        return None
    classes = (subject.known.reshape(subject.rows) - values[0]).long()
    width, count = subject.inputs[0].numel(), len(values)
    other = replace(
        subject,
        model=lambda: StandIn(width, (count,)),
        targets=classes,
        loss=nn.CrossEntropyLoss(),
        optimizer=lambda parameters: torch.optim.Adam(parameters, lr=3e-3),
    )
    as_classes = replace(bench, subject=other, anatomy=anatomy_of(other), done={})
    apart = as_classes.measure(Arm(changes=frozenset({"inputs"})))
    found = gain(apart.contributions, _rounded(bench, screened.best, classes, values))
    if found.effect < 0.15 or found.clear < STANDARD_ERRORS:
        return None
    return Finding(
        symptom="wrong_loss",
        status="confirmed",
        severity="critical",
        where="loss",
        since="data",
        evidence={
            "classes": count,
            "gain": found.effect,
            "low": found.low,
            "high": found.high,
            "skill_with_changes": apart.skill,
        },
        explanation=f"Targets are {count} whole numbers, and {anatomy.loss.name} takes them for quantities, so that "
        "2 lies between 1 and 3. Taken for classes, by cross-entropy, they are told apart better than by rounding: "
        f"{found.effect:+.2f} in skill by balanced accuracy.",
        remedies=(measured_remedy(f"give {count} outputs to CrossEntropyLoss, and take the largest", found),),
    )


def _rounded(bench: Bench, arm: Measured, classes: Tensor, values: Tensor) -> Tensor:
    """Return what held-out rows contribute to the classes' skill when outputs are rounded to the nearest number."""
    found = []
    for fold, training in zip(bench.folds, arm.trainings, strict=False):
        nearest = (training.outputs.reshape(-1, 1) - values).abs().argmin(1)
        truth = classes[fold.held_out]
        counts = torch.bincount(truth, minlength=len(values)).float()
        present = int((counts > 0).sum())
        weights = (len(truth) / (present * counts.clamp(min=1)))[truth]
        found.append(weights * ((nearest == truth).float() - 1 / present) / (1 - 1 / present))
    return torch.cat(found)


def seed_dependent(bench: Bench, screened: Screened, again: Measured, *, asked: bool = False) -> Finding | None:
    """Return that other first weights and orders lead elsewhere: some trainings learn and some don't.

    More seeds are tried where two differ beyond noise, or when `asked`. They are judged on the same held-out rows:
    other rows may be harder to predict, and a few of them decide where targets have outliers.
    """
    apart = abs(screened.base.skill - again.skill)
    noise = _noise_of(screened.base) + _noise_of(again)
    if not asked and apart < max(SEEDS_APART, STANDARD_ERRORS * noise):
        return None
    if not bench.tally.affords("other seeds"):
        return None
    of_seeds = [screened.base]
    for seed in range(bench.seed + 1, bench.seed + 1 + MORE_SEEDS):
        of_seeds.append(replace(bench, seed=seed, done={}).measure(Arm()))
    best, worst = (choose(of_seeds, key=lambda each: each.skill) for choose in (max, min))
    found = gain(best.contributions, worst.contributions)
    if found.effect < SEEDS_APART or found.clear < STANDARD_ERRORS:
        return None
    skills = [each.skill for each in of_seeds]
    return Finding(
        symptom="seed_sensitive",
        status="confirmed",
        severity="critical",
        where="seed",
        since="start",
        evidence={"skills": ", ".join(f"{each:.2f}" for each in skills), **_best_tried(screened)},
        explanation=f"{MECHANISMS['seed_sensitive'].capitalize()}: with {len(skills)} seeds the skill goes from "
        f"{min(skills):.2f} to {max(skills):.2f}.",
        remedies=(remedy("make hidden layers wider, or lower the rate; and report several seeds, not the best"),),
    )


def _best_tried(screened: Screened) -> dict[str, float]:
    best = screened.best
    return {} if best is screened.base else {"skill_with_changes": best.skill}


def _noise_of(arm: Measured) -> float:
    return float(arm.contributions.clamp(min=-5).double().std()) / math.sqrt(len(arm.contributions))
