"""A member whose settings differ from the others' trains as it would with those settings for all."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import fields
from typing import Any

import pytest
import torch
from torch import _inductor as inductor

from fitwell.training.members import MemberSettings

Start = Callable[..., Any]
EXECUTIONS = ["eager", "mapped", pytest.param("compiled", marks=pytest.mark.slow)]
VALUES: dict[str, tuple[float, float, float]] = {
    "weight_decay": (0.0, 0.5, 2.0),
    "l1": (0.0, 0.01, 0.1),
    "l2": (0.0, 0.01, 0.1),
    "clip_norm": (0.05, 0.5, math.inf),
    "clip_value": (0.001, 0.01, math.inf),
}


def test_the_table_of_values_has_every_setting_that_may_differ() -> None:
    assert set(VALUES) == {field.name for field in fields(MemberSettings)}


def each_with(name: str, values: tuple[float, ...]) -> list[dict[str, Any]]:
    return [{f"training.{name}": None if math.isinf(value) else value} for value in values]


def last(training: Any) -> Any:
    for moment in training.moments():
        state = moment.state
    return state


def trained_alike(start: Start, name: str, execution: str) -> None:
    case = {"members": 3, "execution": execution, "double": True, "optimizer": "sgd", "epochs": 2, "weight_decay": 0.0}
    together = last(start(**(case | {"members": each_with(name, VALUES[name])})))
    for member, value in enumerate(VALUES[name]):
        asked = {name: None if math.isinf(value) else value}
        expected = last(start(**(case | {"execution": "eager"} | asked)))
        found, alike = together.population.weights[member], expected.population.weights[member]
        assert torch.allclose(found, alike, rtol=1e-9, atol=1e-11), (name, value)
    assert not torch.allclose(together.population.weights[1], last(start(**case)).population.weights[1], rtol=1e-6)


@pytest.mark.parametrize("execution", EXECUTIONS)
@pytest.mark.parametrize("name", VALUES)
def test_members_with_settings_of_their_own_train_as_with_those_settings_for_all(
    name: str, execution: str, start: Start
) -> None:
    trained_alike(start, name, execution)


@pytest.mark.parametrize("name", VALUES)
def test_what_is_compiled_takes_each_members_settings(name: str, start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inductor, "compile", lambda graph, _inputs: graph)  # the graph itself, which takes no time
    trained_alike(start, name, "compiled")


def test_settings_stay_with_their_members_when_others_stop(start: Start) -> None:
    members = each_with("l2", (0.0, 0.01, 0.3))
    case: dict[str, Any] = {"members": members, "execution": "mapped", "double": True, "optimizer": "sgd", "epochs": 4}
    stopping, healthy = start(**case), start(**case)
    stopping.rates, healthy.rates = [1e30, 0.02, 0.03], [0.01, 0.02, 0.03]
    found, expected = last(stopping), last(healthy)
    assert found.active == (1, 2)
    assert torch.allclose(found.population.weights, expected.population.weights[1:], rtol=1e-9, atol=1e-11)
    assert set(stopping.program.own.differing) == {"l2"}
