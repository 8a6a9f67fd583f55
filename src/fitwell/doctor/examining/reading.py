"""What a loss takes outputs for: which of them answer, in which order, and in what sense.

Under a known loss all do, as they are. Of a loss of its own it is asked once, of the loss itself, and kept as one
value: everything that looks at outputs afterwards reads them by it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from fitwell.doctor.examining.deviance import Deviance
from fitwell.doctor.examining.losses import REFUSED, STANDS_FOR, LossKind
from fitwell.doctor.examining.meaning import (
    as_long_as,
    asks_for_directions,
    columns_of_classes,
    followed_targets,
    following_outputs,
    ignores_targets,
    meant_numbers,
    meant_shares,
)
from fitwell.doctor.examining.scoring import Task, labels_of
from fitwell.doctor.examining.subject import Subject, new_module

LOOKED_AT = 256  # rows


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How outputs are read under the subject's own loss."""

    loss: LossKind
    task: Task
    guided: bool = True  # else targets say nothing, and the loss does not look at them
    answering: slice | None = None  # of the outputs of a row, which stand for its targets, where there are more
    columns: tuple[int, ...] = ()  # of outputs, for each class, where the loss has them in another order
    directions: bool = False  # how long the outputs of a row are means nothing
    deviance: Deviance | None = None  # where outputs cannot be read, and the value of the loss judges them

    @property
    def endless(self) -> bool:
        """Whether the value of the loss means something in the units of the inputs and under this network alone."""
        return self.deviance is not None and self.deviance.endless

    def answers(self, outputs: Tensor) -> Tensor:
        """Return those of the outputs (rows, …) that stand for the targets; of classes, in their order."""
        if self.columns:
            return outputs[:, list(self.columns)]
        return outputs if self.answering is None else outputs[:, self.answering]

    def meant(self, subject: Subject, answers: Tensor, *, exchanged: bool = False) -> Tensor:
        """Return what answers (rows, …) stand for, on the targets' scale; `exchanged`, trained with marks exchanged."""
        if self.directions:
            return as_long_as(answers, subject.known)
        if self.loss.expects != "anything":
            stands_for = STANDS_FOR.get(self.loss.name) if self.task.kind == "numbers" else None
            return answers if stands_for is None else stands_for(answers)
        if self.task.kind == "numbers":
            told_apart = self.answering is not None or subject.asked is not None
            return answers if told_apart else meant_numbers(subject.loss, subject.targets, answers)
        if answers[0].numel() != 1 or self.task.coding not in ("0/1", "-1/1"):
            return answers
        off, on = self.task.pair
        shares = meant_shares(subject.loss, (on, off) if exchanged else (off, on), answers)
        return off + (on - off) * shares


def reading_of(subject: Subject, loss: LossKind, task: Task, outputs: Tensor) -> Reading:
    """Return how outputs such as these (some rows, …) are read, before it is asked whether that can be trusted."""
    targets = subject.targets[: len(outputs)]
    own = loss.expects == "anything" and task.kind == "numbers"
    first = following_outputs(subject.loss, outputs, targets) if own else None
    return Reading(
        loss=loss,
        task=task,
        guided=is_guided(subject),
        answering=None if first is None else slice(first, first + targets[0].numel()),
        columns=_columns(subject, task, loss, outputs),
        directions=own and asks_for_directions(subject.loss, outputs, targets),
    )


def _columns(subject: Subject, task: Task, loss: LossKind, outputs: Tensor) -> tuple[int, ...]:
    if task.kind != "classes" or loss.expects != "anything" or outputs.ndim != 2 or outputs.shape[1] != task.classes:
        return ()
    if subject.known.numel() != subject.rows and task.coding != "one-hot":
        return ()
    labels = labels_of(task, subject.known[: len(outputs)])
    found = columns_of_classes(subject.loss, outputs, subject.targets[: len(outputs)], labels)
    usual = list(range(task.classes))
    return () if found is None or found.tolist() == usual else tuple(found.tolist())


def with_asked(subject: Subject) -> Subject:
    """Return the subject, told which columns of its targets are asked for where there are more of them than outputs.

    The others say how much a row counts, say, or whether it is known to its end.
    """
    outputs = _first_outputs(subject)
    if outputs is None:
        return subject
    first = followed_targets(subject.loss, outputs, subject.targets[: len(outputs)])
    return subject if first is None else replace(subject, asked=slice(first, first + outputs.shape[1]))


def is_guided(subject: Subject) -> bool:
    """Tell whether targets say something; where all are alike, the inputs again, or numbers of rows, the loss tells."""
    x, y = subject.inputs, subject.targets
    numbered = y.numel() == len(y) and torch.equal(y.flatten().sort().values.long(), torch.arange(len(y)))
    if not (numbered or bool((y == y[0]).all()) or (x.shape == y.shape and torch.equal(x, y))):
        return True
    outputs = _first_outputs(subject)
    return outputs is None or not ignores_targets(subject.loss, outputs, y[: len(outputs)])


def _first_outputs(subject: Subject) -> Tensor | None:
    """Return what the untrained network gives for some rows; None where it fails, as is said where its parts are."""
    module = new_module(subject, subject.seed).eval()
    try:
        with torch.no_grad():
            outputs = module(subject.inputs[:LOOKED_AT])
    except REFUSED:
        return None
    return outputs if isinstance(outputs, Tensor) else None
