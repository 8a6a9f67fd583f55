"""The examination, from the first look to the verdict, readable in the order in which it happens."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, nn

from fitwell.doctor.examining.anatomy import Anatomy, anatomy_of
from fitwell.doctor.examining.baseline import linear_contributions, neighbor_contributions
from fitwell.doctor.examining.beyond import (
    ignored_class,
    noisy_labels,
    numbered_classes,
    other_in_prediction,
    overfitted,
    seed_dependent,
    too_few_rows,
)
from fitwell.doctor.examining.changes import BESIDE, CHANGES, REGULARIZED, STAND_IN, WIDER, Arm
from fitwell.doctor.examining.clock import Clock, clock_of
from fitwell.doctor.examining.construction import flaws
from fitwell.doctor.examining.eliminating import eliminate, is_evident
from fitwell.doctor.examining.exam import Exam
from fitwell.doctor.examining.explaining import (
    activity_findings,
    alternative_findings,
    below_simple_finding,
    cause_findings,
    diverged_finding,
    flaw_finding,
    idle_finding,
    joined,
    possible_findings,
    symptoms_of,
    with_cure,
    with_skill,
)
from fitwell.doctor.examining.far_targets import far_targets
from fitwell.doctor.examining.flaw import Flaw
from fitwell.doctor.examining.judge import aimed_elsewhere, judged_by_deviance, led_away
from fitwell.doctor.examining.loop import train
from fitwell.doctor.examining.losses import REFUSED
from fitwell.doctor.examining.measuring import Bench, Divisions, Gain, Measured, Tally, bench_of, gain, tally_of
from fitwell.doctor.examining.network_flaws import loses_gradient
from fitwell.doctor.examining.reading import with_asked
from fitwell.doctor.examining.rows import (
    copied_target,
    counted,
    counts_whose_logarithm_is_taken,
    filled_rows,
    finite_rows,
    other_scale,
    shared_rows,
    without_signal,
)
from fitwell.doctor.examining.scoring import by_rank, skill
from fitwell.doctor.examining.screening import (
    Screened,
    draws_the_line_elsewhere,
    is_clear,
    relative_shortfall,
    screen,
    starting_arm,
)
from fitwell.doctor.examining.subject import MakeOptimizer, Score, Subject, drawn_by_moments, folds_of, subject_of
from fitwell.doctor.examining.suspicion import suspicions
from fitwell.doctor.examining.thresholds import (
    ABSOLUTE_GAIN,
    DOUBTFUL_SKILL,
    EVIDENT_ERRORS,
    EVIDENT_FAULT,
    MOST_WORK_IN_ALL,
    RELATIVE_FAULT,
    RELATIVE_HEADROOM,
    SIMPLY_BETTER,
    STAND_IN_RATE,
    STANDARD_ERRORS,
    TINY,
)
from fitwell.doctor.finding import SEVERITIES, STATUSES, Finding, Remedy, Severity
from fitwell.errors import OutOfTime, RequestError
from fitwell.interrupts import interruptible

CALLED = 0.7  # the skill of a training whose loss has no least value: others may be better or worse than it


def examine(
    model: nn.Module | Callable[[], nn.Module],
    inputs: Any,
    targets: Any,
    *,
    loss: Callable[[Tensor, Tensor], Tensor],
    optimizer: MakeOptimizer,
    epochs: int = 20,
    batch_size: int = 32,
    shuffle: bool = True,
    validation: Sequence[Any] | None = None,
    score: Score | None = None,
    seed: int = 0,
    budget: float | str | None = None,
) -> Exam:
    """Return what is wrong with a training, by trying it out.

    `model` is a module, which is copied and never changed, or a function that makes one. `inputs` (rows, …) and
    `targets` (rows, …) are tensors or arrays; `loss` takes outputs and targets; `optimizer` makes a torch optimizer of
    parameters. `validation` is a pair (inputs, targets); without it a fifth of the rows is held out, small data is
    cross-validated, and under 25 rows the fit itself is judged. `score` is the author's own figure of outputs and
    targets. `budget` bounds the time, in seconds or as "90s", "2m", "1h"; without one, what the verdict does not need
    is left out once twenty trainings' work is done, which `untried` says.

    Raises:
        RequestError: an argument is not what it must be, or the network, loss and data do not go together.
    """
    subject = subject_of(
        model, inputs, targets, loss=loss, optimizer=optimizer, epochs=epochs, batch_size=batch_size, shuffle=shuffle,
        validation=validation, score=score, seed=seed,
    )  # fmt: skip
    course = Course()
    # What torch warns of is a finding where it matters, and its random numbers stay the caller's.
    with warnings.catch_warnings(), torch.random.fork_rng(devices=[]), interruptible() as interruption:
        warnings.simplefilter("ignore")
        try:
            _examine(subject, clock_of(budget, interruption), course)
        except OutOfTime:
            course.complete = False
    return course.exam()


@dataclass
class Course:
    """What an examination has found so far."""

    findings: list[Finding] = field(default_factory=list)
    complete: bool = True
    anatomy: Anatomy | None = None
    bench: Bench | None = None
    tally: Tally | None = None
    screened: Screened | None = None
    summary: str = ""

    def add(self, findings: Iterable[Finding]) -> None:
        """Add findings; what is said of a symptom that was found already becomes a part of it."""
        for each in findings:
            places = [place for place, found in enumerate(self.findings) if found.symptom == each.symptom]
            if places:
                self.findings[places[0]] = joined(self.findings[places[0]], each)
            else:
                self.findings.append(each)

    def exam(self) -> Exam:
        """Return what it comes to."""
        ranked = sorted(self.findings, key=_rank)
        bench, screened = self.bench, self.screened
        task = self.anatomy.task if self.anatomy is not None else None
        judged = {"classes": "balanced accuracy", "labels": "balanced accuracy of labels", "numbers": "R²"}
        own = self.anatomy is not None and self.anatomy.reading.deviance is not None
        by = "the share of its loss that is explained" if own or task is None else judged[task.kind]
        return Exam(
            findings=tuple(ranked),
            complete=self.complete and not (self.tally and self.tally.left_out),
            untried=() if self.tally is None else tuple(self.tally.left_out),
            task="not looked into" if task is None else f"{task.kind}, since {task.why}, scored by {by}",
            skill=None if screened is None else screened.base.skill,
            allowed=None if screened is None else screened.allowed,
            rows=0 if bench is None else sum(len(fold.held_out) for fold in bench.folds),
            trainings=0 if self.tally is None else self.tally.trainings,
            summary=self.summary or _summary(ranked, screened),
            by_moments=() if bench is None else drawn_by_moments(bench.subject),
        )


def _rank(finding: Finding) -> tuple[int, int, bool]:
    """Return what findings are sorted by: what is wrong by construction, but was seen to matter little, comes last."""
    effects = [each.effect for each in finding.remedies if each.effect is not None]
    idle = bool(effects) and max(effects) < ABSOLUTE_GAIN
    return (STATUSES.index(finding.status), SEVERITIES.index(finding.severity), idle)


def _summary(findings: Sequence[Finding], screened: Screened | None) -> str:
    decisive = [each for each in findings if each.decides]
    if decisive:
        return f"{decisive[0].symptom}" + (f" and {len(decisive) - 1} more" if len(decisive) > 1 else "")
    if screened is None:
        return "nothing was found before the time was over"
    reached = f"the training reaches a skill of {screened.base.skill:.2f} on held-out rows"
    if screened.full is screened.base:
        return f"{reached}: no other could be clearly better"
    linear = "" if screened.linear_skill is None else f", a linear model {screened.linear_skill:.2f}"
    if screened.best is screened.base:
        return f"{reached}, and nothing that was tried instead reaches more{linear}"
    return f"{reached}; the best that was tried instead reaches {screened.best.skill:.2f}{linear}"


def _examine(subject: Subject, clock: Clock, course: Course) -> None:
    course.add(counted(subject))
    spoiled = bool(course.findings)
    if spoiled:
        finite = counts_whose_logarithm_is_taken(subject) or finite_rows(subject) or filled_rows(subject)
        if finite is None:
            return
        subject = finite  # the rest may be wrong as well, and tells what leaving out or filling those rows brings
    subject = with_asked(subject)
    anatomy = anatomy_of(subject)
    found = flaws(subject, anatomy)
    changes = {flaw.change for flaw in found}
    course.anatomy = anatomy = replace(
        anatomy,
        severed="gradient" in changes or loses_gradient(subject, anatomy),
        mixed="rows_first" in changes,
        misled="loss" in changes,
    )
    if "loss" not in changes:
        course.anatomy = anatomy = judged_by_deviance(subject, anatomy)
        found += tuple(each for each in (aimed_elsewhere(subject, anatomy),) if each is not None)
    if anatomy.reading.endless:
        course.anatomy = anatomy = _as_gained(subject, anatomy, clock)
    course.tally = tally = tally_of(subject, most=MOST_WORK_IN_ALL if clock.endless else math.inf)
    course.bench = bench = bench_of(subject, anatomy, clock, subject.seed, tally)
    course.add(flaw_finding(flaw, None) for flaw in found)
    course.add(
        each
        for each in (shared_rows(subject), other_scale(subject), copied_target(subject, anatomy))
        if each is not None
    )
    if any(flaw.change is None for flaw in found):
        _beside_our_own(bench, found, course)
        return
    try:
        bench.measure(Arm(), watch=True)
    except (RuntimeError, ValueError, IndexError) as error:
        if course.findings:
            return  # what is wrong by construction also stops it
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise RequestError(
            f"the model, the loss and the targets must go together, but training fails: {reason}"
        ) from error
    course.screened = screened = screen(bench)
    if (astray := led_away(bench, screened.base)) is not None:
        course.add((flaw_finding(astray, None),))
    if spoiled:
        course.findings[0] = with_skill(course.findings[0], screened.base.skill)
    _measure_flaws(bench, screened, found, course)
    _explain(bench, screened, course)


def _beside_our_own(bench: Bench, found: Sequence[Flaw], course: Course) -> None:
    """Say of flaws that no change puts right how much more a network of our own reaches on the same rows."""
    if not BESIDE[STAND_IN].applies(bench.subject, bench.anatomy):
        return
    arm = replace(starting_arm(bench.subject, bench.anatomy).plus(STAND_IN), adam_rate=STAND_IN_RATE)
    try:
        other, base = bench.measure(arm), bench.measure(Arm())
    except REFUSED:
        return  # what is wrong by construction stops it
    more = gain(other.contributions, base.contributions)
    if not is_clear(more, other.skill):
        return
    for place, each in enumerate(course.findings):
        if each.symptom in {flaw.symptom for flaw in found if flaw.change is None}:
            change = {"setting": None, "from": None, "to": None, "text": f"or {BESIDE[STAND_IN].text}"}
            ours = Remedy(change=change, effect=more.effect, low=more.low, high=more.high)
            course.findings[place] = with_skill(replace(each, remedies=(*each.remedies, ours)), other.skill)


def _as_gained(subject: Subject, anatomy: Anatomy, clock: Clock) -> Anatomy:
    """Return the anatomy with a loss that has no least value measured by what the examined training gains.

    How far it stays below another one, relative to that, does not depend on what its own gain is called.
    """
    found = anatomy.reading.deviance
    assert found is not None
    training = train(subject, anatomy, folds_of(subject, None, subject.seed)[0], Arm(), seed=subject.seed, clock=clock)
    gained = float(training.last.contributions.mean())
    if gained <= 0:
        return anatomy
    measured = replace(found, least=found.constant - gained / CALLED)
    return replace(anatomy, reading=replace(anatomy.reading, deviance=measured))


def _measure_flaws(bench: Bench, screened: Screened, found: Sequence[Flaw], course: Course) -> None:
    """Replace findings of flaws by such that say what putting them right brought.

    Another fault may hide what that brings, so it is also asked what leaving it as it is costs once all else is sound.
    """
    best = screened.best
    for flaw in found:
        change = {flaw.change} if flaw.change else set()
        changed = bench.measure(Arm(changes=frozenset(change)))
        alone = gain(changed.contributions, screened.base.contributions)
        hidden = alone.effect < ABSOLUTE_GAIN and flaw.change in best.arm.changes and len(best.arm.changes) > 1
        within = bench.missed(best.arm.without(*change), bench.measure(best.arm)) if hidden else alone
        places = [place for place, each in enumerate(course.findings) if each.symptom == flaw.symptom]
        for place in places[:1]:
            effect = max(alone, within, key=lambda each: each.effect)
            course.findings[place] = flaw_finding(
                flaw, effect, reached=changed.skill, beside_others=effect is not alone
            )


def _explain(bench: Bench, screened: Screened, course: Course) -> None:
    again = bench_of(bench.subject, bench.anatomy, bench.clock, bench.seed + 1, bench.tally)
    elsewhere = again.measure(Arm(), watch=True)
    if not any(finding.decides for finding in course.findings):  # what is wrong by construction may be why
        course.add(ignored_class(bench, screened))
    if not any(finding.decides for finding in course.findings):
        _add(course, far_targets((bench, again), screened))
    if not any(finding.decides for finding in course.findings) and _nothing_learned(bench, again, screened):
        course.add(without_signal(bench, screened.allowed))
        return
    if (other := other_in_prediction(bench.anatomy, screened, elsewhere)) is not None:
        course.add([other])
        return  # what it does as it was trained says what else is wrong only once that predicts
    uneven = seed_dependent(bench, screened, elsewhere)
    suspicion = suspicions(bench.subject, bench.anatomy, screened.base)
    # Where something is visibly wrong, less is enough to look for causes, whether or not it turns out to be one.
    share = EVIDENT_FAULT if _any_evident(screened, suspicion) else RELATIVE_FAULT
    elsewhere_drawn = draws_the_line_elsewhere(bench, screened)
    divisions = Divisions([bench, again])
    if not elsewhere_drawn:
        lacking = _lacking(divisions, screened, share)
        if is_clear(lacking, screened.allowed, share):
            _find_causes(divisions, screened, suspicion, lacking, course)
    if "seed_sensitive" not in {finding.symptom for finding in course.findings}:
        _add(course, uneven)  # after what was found to make it so
    if not any(finding.decides for finding in course.findings):
        _look_further(divisions, screened, course)
    if not any(finding.decides for finding in course.findings) and not elsewhere_drawn:
        _add(course, _unexplained(bench, again, screened))


def _nothing_learned(bench: Bench, again: Bench, screened: Screened) -> bool:
    """Tell whether the best that was tried is no better than a constant; where one split leaves doubt, by two."""
    best = screened.best
    if min(screened.allowed, best.skill) > DOUBTFUL_SKILL:
        return False
    other = again.measure(best.arm)
    pooled = torch.cat([best.contributions, other.contributions])
    errors = torch.cat([each.best.errors for arm in (best, other) for each in arm.trainings])
    closer = 1 - errors / screened.constant_error  # shares of rare classes may be known that never win
    ranked = [_by_rank(bench, again, arm) for arm in {best.arm: None, screened.base.arm: None}]
    known = [
        gain(each, torch.zeros_like(each)).clear
        for each in (pooled, closer, *_of_simple_models(bench, again, screened).values(), *ranked)
    ]
    return max(known) < STANDARD_ERRORS


def _by_rank(bench: Bench, again: Bench, arm: Arm) -> Tensor:
    """Return what held-out rows contribute to the likeness of an arm's numbers and the targets by rank; 0 of others.

    Where a few targets are far larger than all others, they hide in squared errors that the rest is known.
    """
    if bench.anatomy.task.kind != "numbers" or bench.anatomy.reading.deviance is not None:
        return torch.zeros(2)
    return torch.cat(
        [
            by_rank(training.outputs, each.subject.known[fold.held_out])
            for each in (bench, again)
            for fold, training in zip(each.folds, each.measure(arm).trainings, strict=False)
        ]
    )


def _of_simple_models(bench: Bench, again: Bench, screened: Screened) -> dict[str, Tensor]:
    """Return what rows of both divisions contribute to the skill of simple models, by what they are called."""
    known = {
        "a linear model": (screened.linear, linear_contributions(again.subject, again.anatomy, again.folds)),
        "the mean of the nearest rows": tuple(
            neighbor_contributions(each.subject, each.anatomy, each.folds) for each in (bench, again)
        ),
    }
    return {
        name: torch.cat([here, there])
        for name, (here, there) in known.items()
        if here is not None and there is not None
    }


def _look_further(divisions: Divisions, screened: Screened, course: Course) -> None:
    """Ask what no bundle of changes shows."""
    bench = divisions.benches[0]
    heart = overfitted(divisions, screened)
    # Two classes that overlap look like wrong labels; of more, where it is sure and wrong, only wrong labels do.
    told = bench.anatomy.task.classes > 2
    if told:
        _add(course, noisy_labels(bench, screened))
    _add(course, too_few_rows(bench, screened))
    _add(course, heart)
    if heart is not None and not told:
        _add(course, noisy_labels(bench, screened))
    _add(course, numbered_classes(bench, screened))


def _unexplained(bench: Bench, again: Bench, screened: Screened) -> Finding | None:
    """Return what is a fact even where no change was found that puts it right."""
    if screened.base.diverged:
        return diverged_finding(screened.base)
    subject = bench.subject
    # Where as much comes out as goes in, a neck in between is meant, which a linear model does not have.
    is_copying = bench.anatomy.task.kind == "numbers" and subject.known[0].numel() >= subject.inputs[0].numel()
    if is_copying or subject.rows < TINY:
        return None
    base, other = screened.base.contributions, again.measure(Arm()).contributions
    rows = len(base)
    for name, known in _of_simple_models(bench, again, screened).items():
        worse = min(gain(known[:rows], base).effect, gain(known[rows:], other).effect)  # one seed may be unlucky
        both = gain(known, torch.cat([base, other]))
        if worse >= ABSOLUTE_GAIN and both.effect >= SIMPLY_BETTER and is_clear(both, skill(known)):
            found = below_simple_finding(screened, both, name=name, reached=skill(known[:rows]))
            better = again.measure(screened.best.arm).contributions
            helps = gain(torch.cat([screened.best.contributions, better]), torch.cat([base, other]))
            return with_cure(found, screened, screened.best) if is_clear(helps, 0.0) else found
    return None


def _add(course: Course, found: Finding | None) -> None:
    course.add(() if found is None else (found,))


def _any_evident(screened: Screened, suspicion: Mapping[str, float]) -> bool:
    return any(is_evident([name], suspicion) for name in screened.best.arm.changes)


def _lacking(divisions: Divisions, screened: Screened, share: float) -> Gain:
    """Return how far the training stays below what its data allows; where one split leaves doubt, by several.

    It does where less than half is lost: the best of many arms on few rows may be best by chance, and to look for
    causes of that costs more than to ask again.
    """
    base, best, found = screened.base, screened.best, screened.gain
    beyond_doubt = screened.shortfall >= RELATIVE_HEADROOM and is_clear(found, screened.allowed, share)
    if beyond_doubt or found.clear < 1 or found.effect < ABSOLUTE_GAIN:
        return found
    least = max(ABSOLUTE_GAIN, share * screened.allowed)
    return divisions.settled(best.arm, base.arm, least=least, errors=STANDARD_ERRORS)


def _find_causes(
    divisions: Divisions, screened: Screened, suspicion: Mapping[str, float], lacking: Gain, course: Course
) -> None:
    bench, again = divisions.benches[:2]
    base = screened.base
    causes = eliminate(bench, base, screened.telling, suspicion)
    evident = is_evident(list(causes.effects), suspicion)
    share = EVIDENT_FAULT if evident else RELATIVE_FAULT
    if not is_clear(lacking, screened.allowed, share):
        return  # what is visibly wrong is not why, and untuned settings alone may cost as much
    if "loss" in causes.effects and bench.anatomy.loss_may_be_meant and screened.shortfall < RELATIVE_HEADROOM:
        return  # less of the mean is known where something else is asked for as well, or instead
    table = {**CHANGES, **BESIDE}
    # A rate is untuned in many a healthy training, but not where its steps are seen to overshoot.
    overshoots = any("unstable_loss" in symptoms_of(name, causes.measured.arm, base) for name in causes.effects)
    fault = evident or overshoots or any(table[name].fault for name in causes.effects)
    sure = _holds(divisions, causes.measured, evident=evident)
    severity: Severity = (
        "critical" if fault or _lost(divisions, screened, causes.measured) >= RELATIVE_HEADROOM else "warning"
    )
    signals = base.trainings[0].signals
    if set(causes.effects) <= {WIDER, STAND_IN} and not (signals is not None and signals.fading):
        # Too small a network may be just large enough for some first weights.
        _add(course, seed_dependent(bench, screened, again.measure(Arm()), asked=True))
    if base.diverged and set(causes.effects) <= {WIDER, STAND_IN}:  # no change of its training keeps it finite
        _add(course, diverged_finding(base))
    found = cause_findings(screened, causes, severity=severity, sure=sure)
    if sure:
        others = [
            each
            for each in causes.alternatives.items()
            if bench.tally.affords("changes that may do as well") and _holds(divisions, each[1], evident=evident)
        ]
        found += alternative_findings(screened, others, severity=severity)
        if (
            causes.cure is not causes.measured
            and bench.tally.affords("all changes together")
            and _holds(divisions, causes.cure, evident=evident)
        ):
            found = tuple(with_cure(each, screened, causes.cure) for each in found)
    course.add(found)
    if set(causes.effects) <= {"best_epoch", REGULARIZED}:  # what is learned by heart may be wrong labels
        _add(course, noisy_labels(bench, screened))
        _add(course, too_few_rows(bench, screened))
    if any(finding.decides for finding in course.findings):
        known = {finding.symptom for finding in course.findings}
        fact = diverged_finding(base) if base.diverged else idle_finding(base)
        _add(course, fact if fact is not None and fact.symptom not in known else None)
    course.add(activity_findings(base))
    known = {finding.symptom for finding in course.findings}
    more = possible_findings(screened, causes.possible, causes.cure.arm)
    course.add(each for each in more if each.symptom not in known)


def _lost(divisions: Divisions, screened: Screened, changed: Measured) -> float:
    """Return the share of what is possible that the training stays below: at first, and over two divisions.

    Where it depends on the first weights, one division says little of how much that is.
    """
    both = Divisions(divisions.benches[:2])  # where both were measured
    reached, possible = (
        skill(both.by_row(lambda bench, arm=arm: bench.measure(arm).contributions))  # type: ignore[misc]
        for arm in (Arm(), changed.arm)
    )
    return max(screened.shortfall, relative_shortfall(reached, possible))


def _holds(divisions: Divisions, changed: Measured, *, evident: bool) -> bool:
    """Tell whether changes bring their gain again, with another seed and the rows divided otherwise."""
    again = divisions.benches[1]
    anew = again.measure(changed.arm)
    found = gain(anew.contributions, again.measure(Arm()).contributions)
    share, errors = (EVIDENT_FAULT, EVIDENT_ERRORS) if evident else (RELATIVE_FAULT, STANDARD_ERRORS)
    if found.effect < ABSOLUTE_GAIN:
        return False
    least = max(ABSOLUTE_GAIN, share * anew.skill)
    pooled = divisions.settled(changed.arm, Arm(), least=least, errors=errors)
    return is_clear(pooled, anew.skill, share, errors=errors)
