"""An examination from end to end: what is wrong with a run's training, why, and what helps.

    screen -> eliminate -> confirm -> ask the data -> write what was found

All trainings are compared on validation rows; the run's test rows are left for a cure to prove itself on. Nothing of
the run is touched until all is known: an examination that was cut off leaves it as it was, and starts over.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import perf_counter

import polars as pl

from fitwell.curing.arms import TRIVIAL, Bench, Tried, other_division
from fitwell.curing.causes import AIMS
from fitwell.curing.changes import LEAN, Subject, subject_of
from fitwell.curing.confirming import Confirmation, confirmation, division_seeds, other_divisions
from fitwell.curing.elimination import Eliminated, eliminated, named
from fitwell.curing.of_data import learning, signal_p, without_column
from fitwell.curing.record import Cure, Diagnosis, Experiment, passive_findings
from fitwell.curing.screening import OTHER_SEEDS, Screen, screened
from fitwell.curing.shortfall import confirmed, is_above_noise
from fitwell.curing.telling import causes_event, finding_events, screen_events, verdict_event
from fitwell.curing.verdicts import (
    Judged,
    cause_findings,
    leak_judged,
    learning_finding,
    ranked,
    seed_finding,
    signal_finding,
    simple_finding,
    visible_first,
    weighed,
)
from fitwell.decision import costs_of
from fitwell.doctor.finding import Finding
from fitwell.durations import seconds_of
from fitwell.errors import OutOfTime, RunError
from fitwell.events import Event, Listener, unheard
from fitwell.learning import Clock
from fitwell.preparation import Prepared
from fitwell.recipe import Recipe, changed, own_recipe, setting
from fitwell.run import DIAGNOSIS, Run, alone, open_run, write_json
from fitwell.workflow import begun_anew

MOST_TRAININGS = 15  # that explain a sick training,
FEW_CHANGES = 3  # unless so many changes, which are always told apart, take some more
PROPER = "log_loss"  # of classes and labels


def diagnose(
    run: Run | str | Path,
    *,
    budget: float | str | None = None,
    data: object = None,
    test: str | Path | None = None,
    listener: Listener = unheard,
) -> Diagnosis:
    """Examine a finished run by experiments, write what was found into it, and return it.

    `budget` is in seconds, or a duration such as "10m"; what it does not allow is not tried, which is said. `data` and
    `test` say where the data and the test file are now, if they were moved.

    Raises:
        RunError: there is no such run, it is not finished, its data has changed, or it is damaged.
    """
    clock = Clock(perf_counter(), seconds_of(budget, name="budget"))
    path = run.path if isinstance(run, Run) else run
    examined = finished_run(path)
    passive = passive_findings(examined)
    member = member_to_examine(examined)
    listener(Event("diagnosing", f"examining {examined.path} by experiments{_one_of(examined, member)}"))
    own = own_recipe(examined.recipe, member)
    lean = changed(own, LEAN)
    prepared = begun_anew(examined, lean, data=data, test=test).prepared
    prepared = replace(prepared, streamed=None)  # of a table that streams, those of its rows that are in memory
    examination = _examination(examined, own, prepared, passive, clock=clock, listener=listener)
    try:
        examination.go_through()
    except OutOfTime:
        text = f"the budget is spent: not tried were {', '.join(examination.untried)}"
        listener(Event("note", text))
    diagnosis = examination.diagnosis()
    with alone(examined.path):
        write_json(examined, DIAGNOSIS, diagnosis.as_json())
        write_json(examined, "findings.json", diagnosis.findings_json())
    if (examined.path / "report.html").is_file():
        Run(examined.path).report(examined.path / "report.html")  # anew, with what was found
    for event in finding_events(diagnosis):
        listener(event)
    listener(verdict_event(diagnosis))
    return diagnosis


def finished_run(path: str | Path) -> Run:
    """Return a run whose training is over.

    Raises:
        RunError: there is none, or it is not finished.
    """
    run = open_run(path)
    if run.state != "finished":
        raise RunError(
            f"only a finished training can be examined, but {run.path} is {run.state}; finish it with: "
            f"fitwell resume {run.path}"
        )
    if run.answers_questions:
        raise RunError(
            f"only trainings on tables, pictures, sounds, series and texts are examined by experiments, but {run.path} "
            f"answers questions; what signals show of it is in its report: fitwell report {run.path}"
        )
    return run


def member_to_examine(run: Run) -> int:
    """Return the member that an examination is about: where members have settings of their own, the worst of them.

    It is the one whose loss on validation rows is the highest at its best moment; the first where losses differ on
    purpose.
    """
    if not any(run.recipe.differences) or _have_losses_of_their_own(run):
        return 0
    looks = run.history.filter(pl.col("split") == "validation")
    lowest = looks.group_by("member").agg(pl.col("loss").fill_nan(None).min().fill_null(math.inf)).sort("loss")
    return int(lowest["member"][-1]) if len(lowest) else 0


def _have_losses_of_their_own(run: Run) -> bool:
    return any(path in AIMS for own in run.recipe.differences for path in own)


STEPS = ("the screen", "taking the bundle apart", "fresh seeds", "labels and rows", "suspected leaks")


@dataclass(kw_only=True, eq=False)
class _Examination:
    """An examination at work; each step adds what it found."""

    run: Run
    subject: Subject
    own: Bench
    fresh: Callable[[int], Bench]  # another division of the rows, by its seed
    prepared: Prepared
    passive: tuple[Finding, ...]
    started: float
    listener: Listener
    untried: tuple[str, ...] = STEPS
    causes: list[Finding] = field(default_factory=list)
    others: list[Finding] = field(default_factory=list)
    cure: Cure | None = None
    cleared: bool = False  # the screen found nothing that a change of the training would bring
    passive_left: tuple[Finding, ...] = ()
    why: str = "the budget did not allow any experiment"

    def go_through(self) -> None:
        """Do one step after another; whatever ends it, what was found so far stands."""
        screen = screened(self.own, self.subject)
        self._done("the screen")
        for event in screen_events(self.own, screen):
            self.listener(event)
        helped: Tried = screen.base
        if screen.gains:
            self.why = f"its training misses {self._missing(screen.shortfall, screen.proper_shortfall)}"
            helped = self._explained(screen)
        else:
            self.cleared = True
            self._done("taking the bundle apart", "fresh seeds")
            self.why = (
                f"nothing that was changed about the training brings {self.own.metric} more than noise: it reaches "
                f"{self.own.metric_of(screen.own):.4g} on the validation rows, the best of "
                f"{len(screen.changed)} changed trainings and the simple models {self.own.metric_of(screen.best):.4g}"
            )
            sensitive = seed_finding(self.own, screen)
            self.others += [] if sensitive is None else [sensitive]
        simple = simple_finding(self.own, screen)
        self.others += [] if simple is None else [simple]
        self._asked_data(screen, helped)
        self._asked_leaks(screen, helped)

    def _done(self, *steps: str) -> None:
        self.untried = tuple(step for step in self.untried if step not in steps)

    def _explained(self, screen: Screen) -> Tried:
        """Find out which changes matter, and whether they carry on fresh trainings; return what helped."""
        divisions = other_divisions(len(self.own.split.validation))
        confirming_takes = OTHER_SEEDS + 2 * divisions
        left = MOST_TRAININGS - confirming_takes - round(sum(each.trainings for each in self.own.ledger))
        found = eliminated(self.own, self.subject, screen, most=max(left, 2 * FEW_CHANGES))
        self._done("taking the bundle apart")
        self.listener(causes_event(self.own, screen, found))
        bundles = [[cause] for cause in found.causes] if found.alone else [list(found.causes)]
        cures = {named(bundle): self.subject.recipe(bundle) for bundle in bundles}
        confirming = confirmation(
            self.own,
            {seed: self.fresh(seed) for seed in division_seeds(self.subject.base, divisions)},
            self.subject.base,
            seeds=screen.seeds,
            cures=cures,
            trivial=screen.simple[TRIVIAL],
        )
        self._done("fresh seeds")
        judged = _judged(found, confirming, list(cures))
        causes = list(cause_findings(self.own, screen, judged))
        self.causes = causes if found.alone else visible_first(causes, self.passive)
        best = next((cause for cause in found.causes if judged.held[cause]), None)
        effect = None if best is None else judged.effects[best]
        if best is None or effect is None:
            gained = any(each is not None and each.value > 0 for each in judged.effects.values())
            doubt = "fresh trainings differ too much to say so" if gained else f"{self.own.metric} gains nothing by it"
            self.why = f"its training misses {self._missing(screen.shortfall, screen.proper_shortfall)}, but {doubt}"
        else:
            self.why = f"its training misses {self._missing(judged.shortfall, judged.proper_shortfall)}"
            helped = found.tried[found.causes.index(best)].recipe if found.alone else found.together.recipe
            assert helped is not None
            bundle = [best] if found.alone else found.causes
            values = {path: setting(helped, path) for change in bundle for path in change.values}
            self.cure = Cure(values=values, effect=effect)
        return found.tried[0] if found.alone else found.together

    def _missing(self, share: float, properly: float | None) -> str:
        also = "" if properly is None or properly <= share else f" ({100 * properly:.0f} % by {self.own.proper})"
        return f"{100 * share:.0f} % of what these rows allow{also}"

    def _asked_data(self, screen: Screen, helped: Tried) -> None:
        """Ask what no change of the training can show; more rows only where it is not the training that is at fault."""
        best = max([helped, *screen.changed.values(), *screen.simple.values()], key=self.own.goodness)
        if not is_above_noise(self.own.compared(best, screen.simple[TRIVIAL])):
            p = signal_p(self.own, self.prepared)
            self.others.append(signal_finding(self.own, screen, p))
            self.why = "no network and no simple model does better than always giving the same answer"
        elif helped.recipe is not None and not any(each.decides for each in self.causes):
            found = learning(self.own, self.fresh, helped.recipe, helped)
            if found is not None:
                told = learning_finding(self.own, found, best=screen.best, trivial=screen.trivial)
                self.others += [] if told is None else [told]
        self._done("labels and rows")

    def _asked_leaks(self, screen: Screen, helped: Tried) -> None:
        suspected = [
            finding
            for finding in self.passive
            if finding.symptom == "target_leakage" and finding.status == "suspected" and finding.where is not None
        ]
        assert helped.recipe is not None
        tried = without_column(self.own, helped.recipe, [str(finding.where) for finding in suspected])
        for finding, without in zip(suspected, tried, strict=True):
            self.others.append(leak_judged(self.own, finding, helped, without, trivial=screen.simple[TRIVIAL]))
        self.passive_left = tuple(finding for finding in self.passive if finding not in suspected)
        self._done("suspected leaks")

    def diagnosis(self) -> Diagnosis:
        """Return what was found so far."""
        left = self.passive if "suspected leaks" in self.untried else self.passive_left
        kept = weighed(left, self.causes, why=self.why, cleared=self.cleared)
        return Diagnosis(
            run=Run(self.run.path),
            findings=ranked([*self.causes, *self.others, *kept]),
            metric=self.own.metric,
            why=self.why,
            cure=self.cure,
            experiments=tuple(self.own.ledger),
            untried=self.untried,
            passive=self.passive,
            seconds=round(perf_counter() - self.started, 2),
        )


def _examination(
    run: Run, recipe: Recipe, prepared: Prepared, passive: tuple[Finding, ...], *, clock: Clock, listener: Listener
) -> _Examination:
    subject = subject_of(recipe, prepared, left_open=run.data["decided"])
    ledger: list[Experiment] = []
    metric = run.evaluation["primary"]["metric"]
    is_aimed = any(change.name in AIMS for change in subject.changes)
    own = Bench(
        labelled=prepared.labelled,
        split=prepared.split,
        prepared={subject.base.data.model_dump_json(): prepared},
        metric=metric,
        proper=None if is_aimed or prepared.labelled.task.form == "values" or metric == PROPER else PROPER,
        costs=costs_of(subject.base.decision),
        clock=clock,
        listener=listener,
        ledger=ledger,
    )

    def fresh(seed: int) -> Bench:
        split = other_division(prepared.labelled, prepared.split, subject.base, seed=seed)
        return replace(own, split=split, prepared={})

    return _Examination(
        run=run,
        subject=subject,
        own=own,
        fresh=fresh,
        prepared=prepared,
        passive=passive,
        started=perf_counter(),
        listener=listener,
    )


def _one_of(run: Run, member: int) -> str:
    """Return which member is examined, in words; nothing for a run of one network."""
    count = run.recipe.member_count
    if count == 1:
        return ""
    if not any(run.recipe.differences):
        return f": one of its {count} members, which differ in their seeds alone"
    which = "the first" if _have_losses_of_their_own(run) else f"number {member + 1}, which does worst,"
    return f": {which} of its {count} members, which have settings of their own"


def _judged(found: Eliminated, confirming: Confirmation, names: list[str]) -> Judged:
    """Return how far each cause carried: by itself where it is enough alone, else all of them together."""
    claims = [[confirming.effects[name], confirming.proper[name]] for name in names]
    held = confirmed([[effect for effect in claim if effect is not None] for claim in claims])
    of_cause = {cause: place if found.alone else 0 for place, cause in enumerate(found.causes)}
    return Judged(
        found=found,
        effects={cause: claims[place][0] for cause, place in of_cause.items()},
        proper={cause: claims[place][1] for cause, place in of_cause.items()},
        held={cause: held[place] for cause, place in of_cause.items()},
        shortfall=confirming.shortfall,
        proper_shortfall=confirming.proper_shortfall,
    )
