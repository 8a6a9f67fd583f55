"""How outputs are read: which of them answer, in which order, in what sense."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from tests.doctor.examining.programs import classification, regression
from tests.doctor.examining.test_rewiring import subject
from torch import Tensor

from fitwell.doctor.examining.losses import OF_SHARES, LossKind
from fitwell.doctor.examining.reading import Reading
from fitwell.doctor.examining.scoring import Task

OWN = LossKind(name="a loss of its own", expects="anything")
NUMBERS = Reading(loss=OWN, task=Task(kind="numbers", coding="values", classes=1, why=""))
MARKS = replace(NUMBERS, task=Task(kind="classes", coding="0/1", classes=2, why=""))


def test_answers_are_columns_in_the_order_of_classes_or_a_slice() -> None:
    outputs = torch.tensor([[1.0, 2.0, 3.0]])
    assert NUMBERS.answers(outputs).tolist() == [[1, 2, 3]]
    assert replace(NUMBERS, answering=slice(1, 2)).answers(outputs).tolist() == [[2]]
    assert replace(MARKS, columns=(2, 0, 1)).answers(outputs).tolist() == [[3, 1, 2]]


def test_known_losses_are_read_by_what_they_are_defined_for() -> None:
    shares = torch.tensor([[0.2, 0.8]])
    of_shares = replace(NUMBERS, loss=LossKind(name=OF_SHARES, expects="log-probabilities"))
    assert of_shares.meant(subject(regression()), shares.log()).flatten().tolist() == pytest.approx([0.2, 0.8])
    of_values = replace(NUMBERS, loss=LossKind(name="squared error", expects="values"))
    assert of_values.meant(subject(regression()), shares) is shares


def of_logarithms(outputs: Tensor, targets: Tensor) -> Tensor:
    return (outputs - (targets + 10).log()).square().mean()


def test_a_loss_of_its_own_says_which_target_an_output_stands_for() -> None:
    given = subject(regression(loss=of_logarithms))
    asked = torch.tensor([[8.5], [10.5]]).log()
    assert NUMBERS.meant(given, asked).flatten().tolist() == pytest.approx([-1.5, 0.5], abs=0.1)
    told_apart = replace(NUMBERS, answering=slice(0, 1))
    assert told_apart.meant(given, asked) is asked


def upside_down(outputs: Tensor, targets: Tensor) -> Tensor:
    return torch.nn.functional.binary_cross_entropy_with_logits(-outputs.flatten(), targets.flatten().float())


def test_marks_are_read_by_what_they_cost_exchanged_or_not() -> None:
    given = subject(classification(loss=upside_down))
    logits = torch.tensor([[-3.0], [3.0]])
    right = torch.sigmoid(-logits).flatten().tolist()
    assert MARKS.meant(given, logits).flatten().tolist() == pytest.approx(right, abs=1e-3)
    wrong = [1 - share for share in right]
    assert MARKS.meant(given, logits, exchanged=True).flatten().tolist() == pytest.approx(wrong, abs=1e-3)
