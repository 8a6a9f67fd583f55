"""Arms measured on all held-out rows, and compared row by row."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise

import torch
from torch import Tensor

from fitwell.doctor.examining.anatomy import Anatomy
from fitwell.doctor.examining.changes import Arm
from fitwell.doctor.examining.clock import Clock
from fitwell.doctor.examining.loop import Training, train
from fitwell.doctor.examining.scoring import labels_of, skill
from fitwell.doctor.examining.subject import Fold, Subject, folds_of, steps_of
from fitwell.doctor.examining.thresholds import ENOUGH_STEPS, FAR, FLOOR, HOPELESS_ERRORS, TINY

MOST_DIVISIONS = 4  # of the rows; with a fifth of them held out each time, six rows in ten are then asked at least once
TINY_SEEDS = 4  # tiny data is trained with so many seeds, since rows alone tell little


@dataclass(frozen=True, kw_only=True)
class Measured:
    """An arm, and what came of its trainings, one for each fold and seed."""

    arm: Arm
    trainings: tuple[Training, ...]
    contributions: Tensor  # (rows,) of all folds; of the first ones where it was cut
    cut: bool = False  # ended early, since it was not going to reach what it had to

    @property
    def skill(self) -> float:
        """The arm's skill on held-out rows."""
        return skill(self.contributions)

    @property
    def fitted(self) -> float:
        """The arm's skill on training rows."""
        return sum(each.fitted for each in self.trainings) / len(self.trainings)

    @property
    def momentum(self) -> float:
        """The largest momentum of its optimizer."""
        return max(each.momentum for each in self.trainings)

    @property
    def jumpy(self) -> bool:
        """Whether losses diverged or rose by a tenth in a third of the looks, or weights ended far from their start."""
        signals = self.trainings[0].signals
        if signals is not None and signals.travelled > FAR:
            return True
        losses = [look.loss for look in self.trainings[0].looks]
        rises = sum(after > 1.1 * before for before, after in pairwise(losses))
        return self.diverged or rises >= max(2, len(losses) // 3)

    @property
    def diverged(self) -> bool:
        """Whether a loss became infinite or no number."""
        return any(each.diverged for each in self.trainings)


@dataclass(frozen=True, kw_only=True)
class Gain:
    """How much more skill one arm has than another, with its standard error over rows."""

    effect: float
    error: float

    @property
    def clear(self) -> float:
        """The effect in standard errors."""
        return self.effect / self.error if self.error > 0 else math.copysign(math.inf, self.effect) * (self.effect != 0)

    @property
    def low(self) -> float:
        """The lower end of the 95 % interval."""
        return self.effect - 1.96 * self.error

    @property
    def high(self) -> float:
        """The upper end of the 95 % interval."""
        return self.effect + 1.96 * self.error


@dataclass
class Tally:
    """What an examination has cost so far, and may cost in all."""

    unit: int  # steps of one examined training; a very short one counts as more
    most: float = math.inf  # units that may be spent on what is not needed for the verdict
    trainings: int = 0
    steps: int = 0  # of all trainings
    left_out: list[str] = field(default_factory=list)  # what was not asked, since all was spent

    @property
    def work(self) -> float:
        """What was done so far, in examined trainings."""
        return self.steps / self.unit

    def affords(self, what: str) -> bool:
        """Tell whether something more may be asked, and note what may not."""
        if self.work < self.most:
            return True
        if what not in self.left_out:
            self.left_out.append(what)
        return False


def tally_of(subject: Subject, *, most: float) -> Tally:
    """Return an empty tally of a subject's examination."""
    own = steps_of(subject.training_rows, subject.batch_size, subject.epochs)
    return Tally(unit=max(ENOUGH_STEPS, own), most=most)


@dataclass
class Bench:
    """Where arms of one subject are measured, on the same folds with the same seeds; each arm once."""

    subject: Subject
    anatomy: Anatomy
    clock: Clock
    seed: int
    folds: tuple[Fold, ...]
    tally: Tally  # of all benches of an examination
    done: dict[Arm, Measured] = field(default_factory=dict)

    @property
    def work(self) -> float:
        """What was done so far, in examined trainings."""
        return self.tally.work

    def measure(self, arm: Arm, *, watch: bool = False) -> Measured:
        """Return what comes of an arm."""
        if arm not in self.done or self.done[arm].cut:
            self.done[arm] = self._measured(arm, watch=watch, least=-math.inf)
        return self.done[arm]

    def reaches(self, arm: Arm, least: float) -> bool:
        """Tell whether an arm reaches a skill; one that is not going to is ended early."""
        if arm not in self.done:
            self.done[arm] = self._measured(arm, watch=False, least=least)
        return not self.done[arm].cut and self.done[arm].skill >= least

    def missed(self, arm: Arm, whole: Measured) -> Gain:
        """Return how much more skill another arm has than this one, over the rows that judged both."""
        found = self.done[arm] if arm in self.done else self.measure(arm)
        rows = len(found.contributions)
        return gain(whole.contributions[:rows], found.contributions)

    def _measured(self, arm: Arm, *, watch: bool, least: float) -> Measured:
        trainings: list[Training] = []
        judged: list[Tensor] = []
        cut = False
        for fold, seed in self._rounds():
            found = train(
                self.subject, self.anatomy, fold, arm, seed=seed, clock=self.clock, watch=watch and not trainings,
                least=least,
            )  # fmt: skip
            trainings.append(found)
            judged.append((found.best if "best_epoch" in arm.changes else found.last).contributions)
            self.tally.trainings += 1
            self.tally.steps += found.steps
            cut = found.cut or _is_hopeless(torch.cat(judged), least, self._rival())
            if cut:
                break
        return Measured(arm=arm, trainings=tuple(trainings), contributions=torch.cat(judged), cut=cut)

    def held_out(self) -> Tensor:
        """Return the row numbers of all held-out rows, in the order in which they judge an arm."""
        return torch.cat(self.held_out_parts())

    def held_out_parts(self) -> list[Tensor]:
        """Return the row numbers that judge each training of an arm, in the order of its trainings."""
        return [fold.held_out for fold, _ in self._rounds()]

    def _rival(self) -> Measured | None:
        """Return the best arm that all rows judged."""
        whole = [each for each in self.done.values() if not each.cut]
        return max(whole, key=lambda each: each.skill, default=None)

    def _rounds(self) -> Iterator[tuple[Fold, int]]:
        tiny = self.subject.rows < TINY and not self.subject.own_validation
        for seed in range(self.seed, self.seed + (TINY_SEEDS if tiny else 1)):
            for fold in self.folds:
                yield fold, seed


@dataclass
class Divisions:
    """The same subject with its rows divided in several ways and other seeds, more of them where few leave doubt."""

    benches: list[Bench]

    def settled(self, changed: Arm, base: Arm, *, least: float, errors: float) -> Gain:
        """Return what one arm has more than another.

        Where that seems to be enough, but may be chance, rows are divided anew as often as may be afforded.
        """
        return self.until_clear(lambda: self.gain(changed, base), least=least, errors=errors)

    def until_clear(self, asked: Callable[[], Gain], *, least: float, errors: float) -> Gain:
        """Return an answer that all divisions give together, asked of more of them while it may be chance."""
        found = asked()
        while found.effect >= least and 1 <= found.clear < errors and self._divided_anew():
            found = asked()
        return found

    def gain(self, changed: Arm, base: Arm) -> Gain:
        """Return what one arm has more than another, each row that judged them counting once."""
        first, second = (
            self.by_row(lambda bench, arm=arm: bench.measure(arm).contributions)  # type: ignore[misc]
            for arm in (changed, base)
        )
        return gain(first, second)

    def by_row(self, told: Callable[[Bench], Tensor]) -> Tensor:
        """Return the mean over divisions of what each tells of its held-out rows, by row."""
        rows, places = torch.cat([each.held_out() for each in self.benches]).unique(return_inverse=True)  # type: ignore[no-untyped-call]
        values = torch.cat([told(each) for each in self.benches])
        counts = torch.zeros(len(rows)).index_add_(0, places, torch.ones(len(places)))
        return torch.zeros(len(rows)).index_add_(0, places, values) / counts

    def _divided_anew(self) -> bool:
        first = self.benches[0]
        if len(self.benches) >= MOST_DIVISIONS or not first.tally.affords("more divisions of the rows"):
            return False
        seed = first.seed + len(self.benches)
        self.benches.append(bench_of(first.subject, first.anatomy, first.clock, seed, first.tally))
        return True


def bench_of(subject: Subject, anatomy: Anatomy, clock: Clock, seed: int, tally: Tally) -> Bench:
    """Return where arms are measured with a seed; another seed divides the rows differently."""
    labels = labels_of(anatomy.task, subject.known) if anatomy.task.kind == "classes" else None
    folds = folds_of(subject, labels, seed)
    return Bench(subject=subject, anatomy=anatomy, clock=clock, seed=seed, folds=folds, tally=tally)


def _is_hopeless(contributions: Tensor, least: float, rival: Measured | None) -> bool:
    """Tell whether an arm stays below a skill, going by the first rows that judged it.

    Rows differ in how hard they are: an arm is compared with another one on the same rows, where there is one.
    """
    rows = len(contributions)
    if rows < TINY or least == -math.inf:
        return False
    others = torch.zeros_like(contributions) if rival is None else rival.contributions[:rows]
    found = gain(contributions, others)
    return (0.0 if rival is None else rival.skill) + found.effect + HOPELESS_ERRORS * found.error < least


def gain(better: Tensor, worse: Tensor) -> Gain:
    """Return how much more skill rows' contributions (rows,) show than others of the same rows.

    >>> gain(torch.tensor([1.0, 1.0, 0.0, 1.0]), torch.tensor([0.0, 1.0, 0.0, 1.0])).effect
    0.25
    """
    effect = skill(better) - skill(worse)
    differences = better.double().clamp(min=FLOOR) - worse.double().clamp(min=FLOOR)
    rows = len(differences)
    # Where all rows differ by the same, rows tell nothing about chance; one row in as many again might differ.
    spread = max(float(differences.std()) if rows > 1 else 1.0, 1 / rows)
    return Gain(effect=effect, error=spread / math.sqrt(rows))
