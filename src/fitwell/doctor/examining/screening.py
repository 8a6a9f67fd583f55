"""Is the training sick at all? The examined training beside what its data allows.

What the data allows is shown by a bundle of healthy defaults, once as it is, once with dropout and weight decay, once
wider, and by a linear model. A training is suspected when it stays below the best of them by a good part of what that
reached, and beyond noise.

What cannot tell more is not asked, or not to its end. Where the training is so good that nothing can be clearly
better, there is nothing to compare. Where held-out rows are told as well as training rows are, nothing is gained by
holding the network back; where training rows are known by heart, it is large enough. And what is not going to be better
than the best so far is ended.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from fitwell.doctor.examining.anatomy import Anatomy
from fitwell.doctor.examining.baseline import linear_contributions
from fitwell.doctor.examining.changes import (
    BESIDE,
    CHANGES,
    EXCHANGED,
    NAMED,
    REGULARIZED,
    STAND_IN,
    WIDER,
    Arm,
    bundle,
)
from fitwell.doctor.examining.loop import gives_logits, train
from fitwell.doctor.examining.measuring import Bench, Gain, Measured, gain
from fitwell.doctor.examining.rewiring import keeps_its_outputs
from fitwell.doctor.examining.scoring import class_counts, labels_of, probabilities, skill
from fitwell.doctor.examining.subject import Subject, steps_of
from fitwell.doctor.examining.thresholds import (
    ABSOLUTE_GAIN,
    ADAM_RATES,
    DOUBTFUL_SKILL,
    ENOUGH_STEPS,
    EVIDENT_FAULT,
    IGNORED_RECALL,
    KNOWN_THROUGHOUT,
    MOST_LONGER,
    RELATIVE_FAULT,
    SHARE_OF_GAIN,
    STAND_IN_RATE,
    STANDARD_ERRORS,
    UNEVEN,
    WEIGHTS_BRING,
)

TRIED_SHARE = 3  # each of Adam's rates is tried for this fraction of the steps


@dataclass(frozen=True, kw_only=True)
class Screened:
    """What the examined training reached, and what its data was shown to allow."""

    base: Measured
    full: Measured  # the bundle; the examined training itself where nothing could be clearly better
    others: tuple[Measured, ...]  # the bundle with more changed
    linear: Tensor | None  # contributions of the linear model
    constant_error: float  # the squared error of the best constant

    @property
    def best(self) -> Measured:
        """The best arm; the examined training itself where nothing is better."""
        return max((self.base, self.full, *self.others), key=lambda each: each.skill)

    @property
    def telling(self) -> Measured:
        """The best arm, but one of the examined network where a network of our own reaches hardly more.

        In another network nothing of the examined one is left that could be found to be the cause.
        """
        own = [each for each in (self.full, *self.others) if not each.arm.is_another_network]
        found = max(own, key=lambda each: each.skill)
        return found if found.skill >= SHARE_OF_GAIN * self.best.skill > 0 else self.best

    @property
    def linear_skill(self) -> float | None:
        """The linear model's skill."""
        return None if self.linear is None else skill(self.linear)

    @property
    def allowed(self) -> float:
        """The skill that the data was shown to allow."""
        return max(self.best.skill, self.linear_skill if self.linear_skill is not None else 0.0)

    @property
    def gain(self) -> Gain:
        """What the best arm has more than the examined training."""
        return gain(self.best.contributions, self.base.contributions)

    @property
    def shortfall(self) -> float:
        """How far the examined training stays below what the data allows, relative to that; 0 at it."""
        return relative_shortfall(self.base.skill, self.allowed)


def relative_shortfall(reached: float, allowed: float) -> float:
    """Return (allowed − reached) / allowed, for skills where 0 is as good as a constant.

    >>> relative_shortfall(0.6, 0.8)
    0.25
    """
    return 0.0 if allowed <= 0 else max(0.0, round((allowed - reached) / allowed, 12))


def is_clear(found: Gain, allowed: float, share: float = RELATIVE_FAULT, *, errors: float = STANDARD_ERRORS) -> bool:
    """Tell whether a gain is large enough, absolutely and against noise, and as a share of what the data allows."""
    return found.effect >= max(ABSOLUTE_GAIN, share * allowed) and found.clear >= errors


def draws_the_line_elsewhere(bench: Bench, screened: Screened) -> bool:
    """Tell whether nothing that was tried knows the shares of uneven classes better than the examined training does.

    A network that is held back as it should be seldom gives a rare class more than half of the share. By balanced
    accuracy it then stays behind others which know less, but are surer of it.
    """
    if bench.anatomy.task.kind == "numbers" or bench.anatomy.imbalance < UNEVEN:
        return False
    others = [each for each in (screened.full, *screened.others) if each is not screened.base and not each.cut]
    own = _squared_error(screened.base)
    return bool(others) and own < screened.constant_error and own <= min(map(_squared_error, others))


def _squared_error(arm: Measured) -> float:
    errors = [(each.best if "best_epoch" in arm.arm.changes else each.last).errors for each in arm.trainings]
    return float(torch.cat(errors).double().mean())


def screen(bench: Bench) -> Screened:
    """Train the subject as its author does, and what shows how far it could get."""
    subject, anatomy = bench.subject, bench.anatomy
    base = bench.measure(Arm(), watch=True)
    linear = linear_contributions(subject, anatomy, bench.folds)
    full, others = base, []
    if base.skill <= 1 - EVIDENT_FAULT:
        full = bench.measure(with_found_rate(bench, starting_arm(subject, anatomy)))
        others = [
            *held_back_arms(bench, base, full),
            *larger_arms(bench, base, full, 0.0 if linear is None else skill(linear)),
        ]
        others += weighted_arms(bench, base, full)
        others += exchanged_arms(bench, base, full)
        others += named_arms(bench, base, full)
    return Screened(
        base=base, full=full, others=tuple(others), linear=linear, constant_error=constant_error(subject, anatomy)
    )


def held_back_arms(bench: Bench, base: Measured, full: Measured) -> Iterator[Measured]:
    """Yield the bundle with dropout and weight decay, where held-out rows are told worse than training rows."""
    if full.fitted - full.skill >= ABSOLUTE_GAIN:
        yield from _arms_that_win(bench, full.arm.plus(REGULARIZED), base, full)


def _arms_that_win(bench: Bench, arm: Arm, base: Measured, full: Measured) -> Iterator[Measured]:
    """Yield an arm where it gets to what is worth telling: better than the bundle, clearly than the training."""
    if bench.reaches(arm, max(full.skill, base.skill + ABSOLUTE_GAIN)):
        yield bench.measure(arm)


def exchanged_arms(bench: Bench, base: Measured, full: Measured) -> Iterator[Measured]:
    """Yield the bundle with the two marks exchanged, where a loss of its own may take them the wrong way."""
    if BESIDE[EXCHANGED].applies(bench.subject, bench.anatomy) and base.skill <= DOUBTFUL_SKILL:
        yield from _arms_that_win(bench, full.arm.without("loss", "output").plus(EXCHANGED), base, full)


def named_arms(bench: Bench, base: Measured, full: Measured) -> Iterator[Measured]:
    """Yield a network of our own that takes whole numbers for names."""
    if BESIDE[NAMED].applies(bench.subject, bench.anatomy):
        yield from _arms_that_win(bench, replace(full.arm.plus(NAMED), adam_rate=STAND_IN_RATE), base, full)


def constant_error(subject: Subject, anatomy: Anatomy) -> float:
    """Return the squared error of the best constant: of shares of classes, or of numbers in units of their variance."""
    if anatomy.task.kind == "numbers":
        return 1.0
    labels = labels_of(anatomy.task, subject.known)
    if anatomy.task.kind == "labels":
        shares = labels.double().mean(0)
        return max(1e-6, float((shares * (1 - shares)).mean()))
    shares = class_counts(labels).double()
    shares = shares / shares.sum()
    return max(1e-6, float(1 - shares.square().sum()))


def starting_arm(subject: Subject, anatomy: Anatomy) -> Arm:
    """Return the bundle, long enough."""
    names = bundle(subject, anatomy)
    batch_size = 32 if "batch" in names else subject.batch_size
    steps = steps_of(subject.training_rows, batch_size, subject.epochs)
    longer = min(MOST_LONGER, max(1.0, ENOUGH_STEPS / steps))
    return Arm(changes=names if longer > 1 else names - {"longer"}, longer=longer)


def with_found_rate(bench: Bench, arm: Arm) -> Arm:
    """Return an arm with the one of Adam's rates that gets furthest in a part of the training."""
    fold = bench.folds[0]
    epochs = bench.subject.epochs * (arm.longer if "longer" in arm.changes else 1)
    batch = 32 if "batch" in arm.changes else bench.subject.batch_size
    steps = max(60, steps_of(len(fold.training), batch, round(epochs)) // TRIED_SHARE)
    reached = {}
    for rate in ADAM_RATES:
        tried = Arm(changes=arm.changes, adam_rate=rate, longer=arm.longer)
        came = train(bench.subject, bench.anatomy, fold, tried, seed=bench.seed, clock=bench.clock, steps=steps)
        bench.tally.steps += came.steps
        reached[rate] = float(came.best.errors.mean())
    bench.tally.trainings += 1  # the three together are one training's work
    return Arm(changes=arm.changes, adam_rate=min(reached, key=lambda rate: reached[rate]), longer=arm.longer)


def weighted_arms(bench: Bench, base: Measured, full: Measured) -> Iterator[Measured]:
    """Yield the bundle with weighted classes where without it a rare one is ignored, and that is far better."""
    if not has_rare_class(bench):
        return
    if max(lowest_recall(bench, arm) for arm in (base, full)) > IGNORED_RECALL:
        return
    weighted = full.arm.plus("weights")
    if not bench.reaches(weighted, full.skill + WEIGHTS_BRING):
        return
    if gain(bench.measure(weighted).contributions, full.contributions).clear >= STANDARD_ERRORS:
        yield bench.measure(weighted)


def has_rare_class(bench: Bench) -> bool:
    """Tell whether a class, or one side of a label, is so rare that it may be ignored."""
    told_apart = bench.subject.known.ndim <= 2 or bench.anatomy.task.points > 1
    return CHANGES["weights"].applies(bench.subject, bench.anatomy) and told_apart


def lowest_recall(bench: Bench, arm: Measured) -> float:
    """Return the share of the rows that are found of the class of which the fewest are; of labels, of either side."""
    task = bench.anatomy.task
    logits = gives_logits(bench.anatomy, arm.arm)
    hits, labels = [], []
    for fold, training in zip(bench.folds, arm.trainings, strict=False):
        shares = probabilities(task, bench.anatomy.loss, training.outputs.nan_to_num(0), logits=logits)
        answers = shares > 0.5 if task.kind == "labels" else shares.argmax(-1)
        truth = labels_of(task, bench.subject.known[fold.held_out]).reshape(answers.shape)
        columns = 1 if task.points > 1 else answers[0].numel()
        hits.append((answers == truth).float().reshape(-1, columns))
        labels.append(truth.reshape(-1, columns))
    found, truth = torch.cat(hits), torch.cat(labels)
    return min(
        float(hit[true == each].mean())
        for hit, true in zip(found.T, truth.T, strict=True)
        for each in true.unique()
        if each >= 0
    )


def larger_arms(bench: Bench, base: Measured, full: Measured, plain: float) -> Iterator[Measured]:
    """Yield the bundle with wider layers where the network can be widened, else or after that failed with our own.

    It has failed where hardly anything is known, or clearly less than a linear model knows, whose skill is `plain`, or
    where a part of the inputs is lost before anything is made of it.
    """
    enough = max(DOUBTFUL_SKILL, (1 - RELATIVE_FAULT) * plain)
    known = full.skill > enough and not bench.anatomy.blunt  # no layer is large enough for what does not get there
    if known and full.fitted >= KNOWN_THROUGHOUT:
        return  # it is large enough
    # Where its parts no longer fit together, this way of telling is closed.
    with suppress(RuntimeError, ValueError, TypeError, AttributeError, IndexError, AssertionError):
        wider = full.arm.plus(WIDER)
        if keeps_its_outputs(bench.subject, bench.anatomy, wider):
            yield from _arms_that_win(bench, wider, base, full)
        if known or (wider in bench.done and bench.done[wider].skill > enough and not bench.anatomy.blunt):
            return
    if BESIDE[STAND_IN].applies(bench.subject, bench.anatomy):
        yield bench.measure(replace(full.arm.plus(STAND_IN), adam_rate=STAND_IN_RATE))
