"""Healthy trainings are left alone, and what is wrong with sick ones is named, the planted cause first."""

from __future__ import annotations

import copy
import json
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from tests.doctor.examining.programs import classes, classification, curve, frozen, network, regression, zeros
from torch import nn
from torch.nn import functional

import fitwell as fw
from fitwell.doctor.examining import Exam
from fitwell.errors import RequestError


def slow_sgd(parameters: Any) -> torch.optim.Optimizer:
    return torch.optim.SGD(parameters, lr=1e-5)


def huge_adam(parameters: Any) -> torch.optim.Optimizer:
    return torch.optim.Adam(parameters, lr=100.0)


def last_bias_alone(parameters: Any) -> torch.optim.Optimizer:
    return torch.optim.Adam([list(parameters)[-1]], lr=0.01)


def in_order() -> dict[str, Any]:
    x, y = classes()
    order = y.argsort()
    optimizer = lambda parameters: torch.optim.SGD(parameters, lr=1.0)  # noqa: E731
    return classification(inputs=x[order], targets=y[order], shuffle=False, optimizer=optimizer, batch_size=8, epochs=4)


def raw_inputs() -> torch.Tensor:
    return curve()[0] * torch.tensor([1.0, 1e-2, 1e4, 1.0]) + torch.tensor([0.0, 0.0, 3e4, 0.0])


def xor(**changed: Any) -> dict[str, Any]:
    inputs = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    return {
        "model": lambda: network_of_seed(2, 16, 1),
        "inputs": inputs,
        "targets": torch.tensor([[0.0], [1.0], [1.0], [0.0]]),
        "loss": nn.BCEWithLogitsLoss(),
        "optimizer": lambda parameters: torch.optim.Adam(parameters, lr=0.05),
        "epochs": 120,
        "batch_size": 4,
    } | changed


def network_of_seed(*widths: int) -> nn.Module:
    return nn.Sequential(nn.Linear(widths[0], widths[1]), nn.Tanh(), nn.Linear(widths[1], widths[2]))


HEALTHY: dict[str, dict[str, Any]] = {
    "regression": regression(),
    "classification": classification(),
    "tanh units": regression(model=network(4, 32, 1, activation=nn.Tanh)),
    "four rows": xor(),
}
# The planted cause of each, which must stand first; those of the second table take some seconds each.
FAULTY: dict[str, tuple[dict[str, Any], str]] = {
    "softmax over one unit": (
        classification(
            model=network(4, 32, 1, output=nn.Softmax(dim=1)), targets=classes()[1][:, None].float(), loss=nn.BCELoss()
        ),
        "wrong_output_activation",
    ),
    "shapes spread over each other": (regression(targets=curve()[1][:, 0]), "wrong_loss"),
    "an optimizer of another network": (
        regression(optimizer=lambda parameters: torch.optim.Adam(nn.Linear(2, 2).parameters(), lr=0.01)),
        "frozen_parameters",
    ),
    "a missing number": (
        regression(inputs=torch.cat([torch.full((1, 4), torch.nan), curve()[0][1:]])),
        "non_finite_values",
    ),
    "one class": (classification(targets=torch.zeros(300, dtype=torch.long)), "one_class"),
    "detached outputs": (regression(loss=lambda o, t: functional.mse_loss(o.detach(), t)), "not_learning"),
    "a copy of the target": (
        regression(model=network(5, 32, 1), inputs=torch.cat([curve()[0], 3 * curve()[1]], 1), epochs=3),
        "target_leakage",
    ),
    "rows on both sides": (
        regression(validation=(curve()[0][:60], curve()[1][:60]), epochs=3),
        "split_leakage",
    ),
}
SLOW: dict[str, tuple[dict[str, Any], str]] = {
    "inputs as measured": (regression(inputs=raw_inputs()), "unscaled_inputs"),
    "targets as measured": (regression(targets=curve()[1] * 1e4 + 1e5), "unscaled_targets"),
    "a sigmoid for quantities": (regression(model=network(4, 32, 1, output=nn.Sigmoid())), "wrong_output_activation"),
    "nothing between layers": (regression(model=network(4, 32, 32, 1, activation=None)), "missing_activation"),
    "weights of zero": (classification(model=zeros(network(4, 32, 32, 2))), "poor_initialization"),
    "a rate far too low": (classification(optimizer=slow_sgd), "learning_rate_too_low"),
    "a rate far too high": (classification(optimizer=huge_adam), "learning_rate_too_high"),
    "frozen but for a bias": (regression(model=frozen(network(4, 32, 1))), "frozen_parameters"),
    "a bias alone": (classification(optimizer=last_bias_alone), "frozen_parameters"),
    "rows in order": (in_order(), "unshuffled_data"),
    "loss upside down": (regression(loss=lambda o, t: -functional.mse_loss(o, t)), "wrong_loss"),
    "labels one row off": (classification(targets=classes()[1].roll(1)), "misaligned_labels"),
}


def examined(arguments: dict[str, Any]) -> Exam:
    return fw.examine(**arguments)


@cache
def of_faulty(name: str) -> Exam:
    return examined(FAULTY[name][0])


@cache
def short() -> Exam:
    return examined(regression(epochs=3))


def decisive(exam: Exam) -> list[str]:
    return [finding.symptom for finding in exam.findings if finding.decides]


@pytest.mark.parametrize("name", HEALTHY)
def test_a_healthy_training_is_called_healthy_and_why(name: str) -> None:
    exam = examined(HEALTHY[name])
    assert exam.healthy
    assert exam.complete
    assert decisive(exam) == []
    assert str(exam).startswith("healthy: the training reaches a skill of")


@pytest.mark.parametrize("name", FAULTY)
def test_what_is_wrong_by_construction_or_with_the_rows_is_named_first(name: str) -> None:
    exam = of_faulty(name)
    assert not exam.healthy
    assert decisive(exam)[0] == FAULTY[name][1]


@pytest.mark.slow
@pytest.mark.parametrize("name", SLOW)
def test_the_planted_cause_stands_first(name: str) -> None:
    arguments, cause = SLOW[name]
    exam = examined(arguments)
    assert decisive(exam)[:1] == [cause], str(exam)


def test_examining_changes_nothing_and_finds_the_same_again() -> None:
    once, arguments = short(), regression(epochs=3)
    before = copy.deepcopy(arguments["model"].state_dict())
    torch.manual_seed(5)
    state = torch.get_rng_state()
    assert examined(arguments) == once
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(value, before[name]) for name, value in arguments["model"].state_dict().items())


def test_an_exam_that_runs_out_of_time_says_so() -> None:
    exam = fw.examine(**regression(), budget=0.05)
    assert not exam.complete
    assert "incomplete" in str(exam)


def test_an_exam_is_written_as_findings_are() -> None:
    exam = of_faulty("one class")
    written = json.loads(json.dumps(exam.as_json()))
    assert (written["version"], written["healthy"], written["complete"]) == (1, False, True)
    assert [each["symptom"] for each in written["findings"]] == ["one_class"]


def test_remedies_say_what_they_brought() -> None:
    exam = of_faulty("shapes spread over each other")
    remedy = exam.findings[0].remedies[0]
    assert remedy.effect is not None
    assert remedy.low is not None
    assert remedy.high is not None
    assert 0.5 < remedy.low < remedy.effect < remedy.high


@pytest.mark.parametrize(
    ("changed", "refusal"),
    [
        ({"epochs": 0}, "epochs must be a whole number of at least 1, but is 0"),
        ({"batch_size": 1.5}, r"batch_size must be a whole number of at least 1, but is 1\.5"),
        ({"loss": 3}, "loss must be callable, but is of type int"),
        ({"score": 3}, "score must be callable, but is of type int"),
        ({"inputs": np.zeros((7, 4))}, "inputs and targets must have as many rows, but have 7 and 300"),
        ({"inputs": np.array(["a", "b"])}, "inputs must be a tensor or an array of numbers"),
        ({"validation": (np.zeros((3, 5)), np.zeros((3, 1)))}, r"rows of shape \(4,\) as the training's have"),
        ({"validation": (1,)}, r"validation must be a pair \(inputs, targets\), but has 1 parts"),
        ({"model": nn.Linear(3, 1)}, r"the model must take inputs with rows of shape \(4,\), but fails"),
        (
            {"model": nn.Sequential(nn.Linear(4, 1), nn.Flatten(0, -1), nn.Unflatten(0, (-1, 2)))},
            "must give a tensor with",
        ),
        (
            {"optimizer": lambda parameters: list(parameters)},
            "optimizer must return a torch optimizer, but returns list",
        ),
        ({"budget": "soon"}, 'budget must be seconds, or a duration such as 90s, 10m or 2h, above 0, but is "soon"'),
        (
            {"loss": lambda o, t: (o @ t).mean()},
            "the model, the loss and the targets must go together, but training fails",
        ),
    ],
)
def test_what_cannot_be_examined_is_refused_in_words(changed: dict[str, Any], refusal: str) -> None:
    with pytest.raises(RequestError, match=refusal):
        examined(regression(**changed))
