"""Can it be read off a loss of its own what outputs stand for? If not, its value judges them."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from fitwell.doctor.examining.anatomy import Anatomy
from fitwell.doctor.examining.deviance import ASKED, Deviance, deviance_of, names_columns
from fitwell.doctor.examining.loop import told
from fitwell.doctor.examining.meaning import meant_numbers
from fitwell.doctor.examining.scoring import Task, judged, skill
from fitwell.doctor.examining.subject import Subject
from fitwell.doctor.examining.thresholds import READ


def judged_by_deviance(subject: Subject, anatomy: Anatomy) -> Anatomy:
    """Return the anatomy, with the deviance by which outputs are judged where they cannot be read."""
    if anatomy.loss.expects != "anything" or anatomy.broadcasts or anatomy.directions:
        return anatomy
    classes = anatomy.task.kind == "classes"
    if classes and subject.asked is None:
        if len(anatomy.output_shape) != 1 or anatomy.width < 2:
            return anatomy  # shares of two marks, which every loss is asked for
        if names_columns(subject.loss, anatomy.trace.output, subject.targets[: len(anatomy.trace.output)]):
            return anatomy
    found = deviance_of(
        subject.loss, anatomy.trace.output, subject.targets, activation=anatomy.output, batch_size=subject.batch_size
    )
    told_apart = classes and subject.asked is None
    if found is None or (not told_apart and _is_read(subject, anatomy, found)):
        return anatomy
    why = "what outputs stand for cannot be read off the loss"
    task = Task(kind="numbers", coding="values", classes=anatomy.task.classes, why=why)
    return replace(anatomy, task=task, told=None, deviance=found)


def _is_read(subject: Subject, anatomy: Anatomy, found: Deviance) -> bool:
    """Tell whether what is read of the best outputs that the loss knows are the targets."""
    if not bool(subject.known.isfinite().all()):
        return False  # of missing ones nothing is known to compare with
    output: Tensor = told(anatomy, found.free)
    if anatomy.told is None and subject.asked is None:
        output = meant_numbers(subject.loss, subject.targets, output)
    truth = subject.known[: min(ASKED, len(output))]
    with torch.no_grad():
        return skill(judged(anatomy.task, anatomy.loss, output, truth).contributions) >= READ
