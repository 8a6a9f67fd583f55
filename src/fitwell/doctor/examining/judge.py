"""Which of both judges outputs: what is read of them, where that can be trusted, else the value of the loss."""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch import Tensor

from fitwell.doctor.examining.anatomy import Anatomy
from fitwell.doctor.examining.deviance import (
    Deviance,
    deviance_of,
    endless_deviance,
    lie_anywhere,
    names_columns,
)
from fitwell.doctor.examining.flaw import Flaw
from fitwell.doctor.examining.losses import REFUSED, classes_axis
from fitwell.doctor.examining.meaning import meant_numbers
from fitwell.doctor.examining.measuring import Bench, Measured
from fitwell.doctor.examining.scoring import Task, judged, skill
from fitwell.doctor.examining.subject import Subject, new_module
from fitwell.doctor.examining.thresholds import READ, STANDARD_ERRORS

OFF_THE_MEAN = 0.25  # of the variance: a constant half of the spread away from the mean errs by so much more
LEAST_SPREAD = 1e-9  # of a figure between groups of rows
PARTS = 8  # of the rows that a loss was asked about, each with a figure of its own


def judged_by_deviance(subject: Subject, anatomy: Anatomy) -> Anatomy:
    """Return the anatomy, with the deviance by which outputs are judged where they cannot be read."""
    if anatomy.loss.expects != "anything" or anatomy.broadcasts or anatomy.reading.directions:
        return anatomy
    if not anatomy.reading.guided:
        output, targets, size = anatomy.trace.output, subject.targets, subject.batch_size
        found = deviance_of(subject.loss, output, targets, activation=anatomy.output, batch_size=size)
        task = Task(kind="numbers", coding="values", classes=anatomy.task.classes, why="no targets are asked for")
        return _by_loss(anatomy, task, found or _beside_first_outputs(subject, anatomy))
    classes = anatomy.task.kind == "classes"
    if classes and subject.asked is None:
        output, targets = anatomy.trace.output, subject.targets[: len(anatomy.trace.output)]
        one_row = len(anatomy.output_shape) == 1
        named = one_row and names_columns(subject.loss, output, targets)
        of_steps = not one_row and classes_axis(tuple(output.shape), targets) is not None
        of_marks = output[0].numel() == targets[0].numel() and not lie_anywhere(subject.loss, output, targets)
        if named or of_steps or of_marks:
            return anatomy  # shares of classes, of a row or a step, or of two marks: every loss is asked for these
    found = deviance_of(
        subject.loss, anatomy.trace.output, subject.targets, activation=anatomy.output, batch_size=subject.batch_size
    )
    if found is None and anatomy.task.kind == "numbers" and anatomy.reading.answering is None and subject.asked is None:
        found = _beside_first_outputs(subject, anatomy)  # without a least value nothing shows what outputs stand for
    told_apart = classes and subject.asked is None
    if found is None or (not told_apart and not found.endless and _is_read(subject, anatomy, found)):
        return anatomy
    why = "what outputs stand for cannot be read off the loss"
    task = Task(kind="numbers", coding="values", classes=anatomy.task.classes, why=why)
    return _by_loss(anatomy, task, found)


def _by_loss(anatomy: Anatomy, task: Task, deviance: Deviance | None) -> Anatomy:
    return replace(anatomy, reading=replace(anatomy.reading, task=task, answering=None, deviance=deviance))


def _beside_first_outputs(subject: Subject, anatomy: Anatomy) -> Deviance | None:
    output = anatomy.trace.output
    try:
        found = endless_deviance(subject.loss, output, subject.targets[: len(output)], batch_size=subject.batch_size)
    except REFUSED:
        return None  # which the examined training will say
    return found if math.isfinite(found.constant) else None


def aimed_elsewhere(subject: Subject, anatomy: Anatomy) -> Flaw | None:
    """The outputs that a loss of its own likes best are worse, by the author's own figure, than those never trained."""
    found = anatomy.reading.deviance
    if found is None or found.endless or subject.score is None:
        return None
    size = found.group if found.group > 1 else max(2, len(found.free) // PARTS)
    scores = _beside_never_trained(subject, found.free, torch.arange(len(found.free)), size)
    return None if scores is None else _astray("the outputs that the loss likes best", *scores)


def led_away(bench: Bench, base: Measured) -> Flaw | None:
    """Training by a loss without a least value has made the author's own figure worse than it was before."""
    found, subject, training = bench.anatomy.reading.deviance, bench.subject, base.trainings[0]
    if found is None or not found.endless or subject.score is None or training.diverged:
        return None
    if not training.looks[-1].loss < training.looks[0].loss:
        return None  # it did not even get where the loss leads
    rows = bench.folds[0].held_out
    scores = _beside_never_trained(subject, training.outputs, rows, max(2, len(rows) // PARTS))
    return None if scores is None else _astray("held-out rows, after training by it,", *scores)


def _beside_never_trained(subject: Subject, outputs: Tensor, rows: Tensor, size: int) -> tuple[float, float] | None:
    """Return the author's figure of outputs for some rows, and the untrained network's, where that is clearly better.

    Rows are scored in groups of one size, so that there is something to tell chance by.
    """
    assert subject.score is not None
    groups = [each for each in torch.split(torch.arange(len(rows)), size) if len(each) == size]
    try:
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            first = new_module(subject, subject.seed).eval()(subject.inputs[rows])
            figures = torch.tensor(
                [[float(subject.score(given[each], subject.targets[rows[each]])) for given in (outputs, first)]
                 for each in groups]
            )  # fmt: skip
    except REFUSED:
        return None  # as where a group has rows of one class alone
    lost = (figures[:, 1] - figures[:, 0]).double()
    if not bool(figures.isfinite().all()) or len(groups) < 2:
        return None
    if float(lost.mean()) * math.sqrt(len(groups)) < STANDARD_ERRORS * max(float(lost.std()), LEAST_SPREAD):
        return None
    found, drawn = figures.mean(0).tolist()
    return found, drawn


def _astray(what: str, found: float, drawn: float) -> Flaw:
    return Flaw(
        symptom="wrong_loss",
        severity="critical",
        where="loss",
        text=f"{what} have a score of {found:.3g}, by the figure that was given, and those of the network before its "
        f"first step have {drawn:.3g}: minimizing it leads away from what is wanted",
        change=None,
        way_out="look at which terms of the loss are to be small and which large, at its signs and marks, and at what "
        "it takes outputs for",
    )


def _is_read(subject: Subject, anatomy: Anatomy, found: Deviance) -> bool:
    """Tell whether what is read of the best outputs that the loss knows are the targets."""
    if not bool(subject.known.isfinite().all()):
        return False  # of missing ones nothing is known to compare with
    output = anatomy.reading.answers(torch.cat([found.free, found.same.expand(found.free.shape)]))
    alike = output[0].numel() == subject.known[0].numel()  # else a row's outputs together say which of few targets
    if anatomy.reading.answering is None and subject.asked is None:
        output = meant_numbers(subject.loss, subject.targets, output)
    free, same = output.chunk(2)
    truth = subject.known[: len(free)]
    with torch.no_grad():
        if skill(judged(anatomy.task, anatomy.loss, free, truth).contributions) < READ:
            return False
        # What is the best for all rows alike is their mean, or it stands for something else, as a quantile far out.
        return not alike or skill(judged(anatomy.task, anatomy.loss, same, truth).contributions) >= -OFF_THE_MEAN
