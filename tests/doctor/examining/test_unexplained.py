"""What is a fact is said even where no change was seen to put it right."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from tests.doctor.examining.programs import network
from tests.doctor.examining.test_rewiring import subject
from torch import Tensor, nn

from fitwell import examine
from fitwell.doctor.examining import examination
from fitwell.doctor.examining.anatomy import anatomy_of
from fitwell.doctor.examining.beyond import _misled, overfitted
from fitwell.doctor.examining.changes import STAND_IN, Arm
from fitwell.doctor.examining.construction import flaws
from fitwell.doctor.examining.measuring import Divisions, Measured
from fitwell.doctor.examining.scoring import Task
from fitwell.doctor.examining.screening import Screened

RANDOM = torch.Generator().manual_seed(4)
INPUTS = torch.randn(400, 6, generator=RANDOM)
TARGETS = INPUTS @ torch.tensor([[1.0], [-2.0], [0.5], [0.0], [1.5], [1.0]])


def adam(parameters: object) -> torch.optim.Optimizer:
    return torch.optim.Adam(parameters, lr=0.01)  # type: ignore[arg-type]


class PlainList(nn.Module):
    """A network whose hidden layers stand in a list that torch does not know of."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden = [nn.Linear(6, 16), nn.Linear(16, 16)]
        self.hidden_0 = "a name that is taken"
        self.head = nn.Linear(16, 1)

    def forward(self, inputs: Tensor) -> Tensor:
        for layer in self.hidden:
            inputs = torch.relu(layer(inputs))
        output: Tensor = self.head(inputs)
        return output


class Registered(PlainList):
    """The same, with layers that torch knows of."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden = nn.ModuleList(self.hidden)  # type: ignore[assignment]


class Narrow(nn.Module):
    """A network that sees one of its six inputs, however it is changed."""

    def __init__(self) -> None:
        super().__init__()
        self.body = network(1, 16, 1)

    def forward(self, inputs: Tensor) -> Tensor:
        output: Tensor = self.body(inputs[:, 2:3])
        return output


class PlainWeights(Registered):
    """The same, with layers that are mere tensors."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.shift = (layer.detach().clone().requires_grad_() for layer in self.hidden[0].parameters())
        self.held = {"second": self.hidden[1]}
        del self.hidden

    def forward(self, inputs: Tensor) -> Tensor:
        hidden = torch.relu(inputs @ self.first.T + self.shift)
        output: Tensor = self.head(torch.relu(self.held["second"](hidden)))
        return output


@pytest.mark.parametrize("model", [PlainList, PlainWeights])
def test_weights_that_torch_does_not_know_of_are_found(model: type[nn.Module]) -> None:
    exam = examine(model, INPUTS, TARGETS, loss=nn.MSELoss(), optimizer=adam, epochs=5)
    assert exam.findings[0].symptom == "frozen_parameters"
    assert exam.findings[0].decides
    assert "384 weights in 4 tensors" in exam.findings[0].explanation
    assert (exam.findings[0].remedies[0].effect or 0) > 0.5  # measured, with the layers made parts of the network
    sound = subject(
        {
            "model": Registered,
            "inputs": INPUTS,
            "targets": TARGETS,
            "loss": nn.MSELoss(),
            "optimizer": adam,
            "epochs": 5,
        }
    )
    assert flaws(sound, anatomy_of(sound)) == ()


def test_a_training_whose_loss_ends_as_no_number_is_sick_whatever_helps() -> None:
    def rooted(output: Tensor, targets: Tensor) -> Tensor:
        nothing = (output - output.detach()).abs().sum()  # the slope of its root is not defined
        return (output - targets).square().mean() + nothing.sqrt()

    exam = examine(lambda: network(6, 16, 1), INPUTS, TARGETS, loss=rooted, optimizer=adam, epochs=5)
    assert not exam.healthy
    assert "non_finite_values" in {each.symptom for each in exam.findings if each.decides}


def test_a_network_clearly_below_a_linear_model_is_sick_though_nothing_helps() -> None:
    exam = examine(Narrow, INPUTS, TARGETS, loss=nn.MSELoss(), optimizer=adam, epochs=15)
    found = {each.symptom: each for each in exam.findings if each.decides}
    assert list(found) == ["underfitting", "not_learning"]  # what it sees explains 3 % of the targets
    assert not exam.healthy


@pytest.mark.slow
def test_a_network_clearly_below_the_nearest_rows_is_sick_though_it_is_not_far_below() -> None:
    points = torch.randn(1000, 2, generator=torch.Generator().manual_seed(7))
    above, far = points[:, 0] > points[:, 1], points.norm(dim=1) > 1.75  # one in five is far
    sees_what_is_above = nn.Sequential(nn.LayerNorm(2), *network(2, 16, 1))
    exam = examine(sees_what_is_above, points, (above ^ far).float()[:, None], loss=nn.BCEWithLogitsLoss(),
                   optimizer=adam, epochs=15)  # fmt: skip
    assert "underfitting" in {each.symptom for each in exam.findings if each.decides}
    assert "the mean of the nearest rows 0." in str(exam)


@pytest.mark.parametrize(
    ("first", "fitted", "symptom"), [(0.6, 0.6, "underfitting"), (0.6, 1.0, "overfitting"), (0.9, 0.9, None)]
)
def test_a_network_is_too_weak_beside_a_simple_model_only_where_both_seeds_say_so(
    first: float, fitted: float, symptom: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    base, other = (SimpleNamespace(contributions=torch.full((200,), skill)) for skill in (first, 0.3))
    simple = {"a linear model": torch.full((400,), 0.9)}
    monkeypatch.setattr(examination, "_of_simple_models", lambda *_benches: simple)
    base.diverged, base.skill, base.arm, base.fitted = False, first, Arm(), fitted
    bench: Any = SimpleNamespace(
        subject=SimpleNamespace(rows=1000), anatomy=SimpleNamespace(task=SimpleNamespace(kind="classes"))
    )
    again: Any = SimpleNamespace(measure=lambda _arm: other)
    screened: Any = SimpleNamespace(base=base, best=base, allowed=0.9)
    found = examination._unexplained(bench, again, screened)
    assert (None if found is None else found.symptom) == symptom


def rising(*, loss: float) -> Any:
    """Return an arm whose error on held-out rows doubles after its first look, and whose loss ends as given."""
    first, last = (SimpleNamespace(errors=torch.full((200,), error)) for error in (0.4, 0.8))
    looks = [SimpleNamespace(step=step, loss=of, judged=at) for step, of, at in ((10, 0.5, first), (20, loss, last))]
    training = SimpleNamespace(last=last, best=first, looks=looks)
    training.best.contributions = torch.full((200,), 0.6)
    return SimpleNamespace(trainings=(training,), diverged=False, fitted=0.9, skill=0.2, arm=Arm())


@pytest.mark.parametrize(("loss", "is_by_heart"), [(0.1, True), (1.0, False)])
def test_what_the_training_rows_lose_as_well_is_not_learned_by_heart(loss: float, is_by_heart: bool) -> None:
    base = rising(loss=loss)
    bench: Any = SimpleNamespace(
        measure=lambda _arm: base,
        held_out=lambda: torch.arange(200),
        anatomy=SimpleNamespace(task=SimpleNamespace(kind="numbers"), pull=1.0, imbalance=1.0),
        subject=SimpleNamespace(known=None),
    )
    screened: Any = SimpleNamespace(base=base, constant_error=1.0)
    assert (overfitted(Divisions([bench, bench]), screened) is not None) == is_by_heart


def reached(skill: float, *changes: str) -> Any:
    return Measured(arm=Arm(changes=frozenset(changes)), trainings=(), contributions=torch.full((10,), skill))


@pytest.mark.parametrize(("own", "is_told_by_its_own"), [(0.8, True), (0.6, False)])
def test_causes_are_looked_for_in_the_network_itself_where_another_is_hardly_better(
    own: float, is_told_by_its_own: bool
) -> None:
    full, other = reached(own, "adam"), reached(0.9, "adam", STAND_IN)
    screened = Screened(base=reached(-1.0), full=full, others=(other,), linear=None, constant_error=1.0)
    assert screened.best is other
    assert screened.telling is (full if is_told_by_its_own else other)


def test_weights_that_other_seeds_draw_by_their_moments_are_named() -> None:
    made = network(6, 24, 1)
    with torch.no_grad():
        next(made.parameters()).normal_(0.6, 0.5)
    fast = lambda parameters: torch.optim.Adam(parameters, lr=0.05)  # noqa: E731
    exam = examine(made, INPUTS, TARGETS, loss=nn.MSELoss(), optimizer=fast, epochs=15)
    assert exam.by_moments == ("0.weight",)
    assert "drew by their own mean and spread, since no layer draws them so: 0.weight" in str(exam)
    assert examine(network(6, 24, 1), INPUTS, TARGETS, loss=nn.MSELoss(), optimizer=fast, epochs=15).by_moments == ()


class Customers(nn.Module):
    """A network that looks a vector up by a column of whole numbers among other columns."""

    def __init__(self) -> None:
        super().__init__()
        self.vectors, self.body = nn.Embedding(12, 3), network(9, 16, 1)

    def forward(self, inputs: Tensor) -> Tensor:
        output: Tensor = self.body(torch.cat([inputs[:, 1:], self.vectors(inputs[:, 0].long())], 1))
        return output


def test_a_column_of_codes_among_numbers_is_left_as_it_is() -> None:
    codes = torch.arange(len(INPUTS))[:, None] % 12
    exam = examine(
        Customers, torch.cat([codes.float(), INPUTS], 1), TARGETS, loss=nn.MSELoss(), optimizer=adam, epochs=15
    )
    assert exam.healthy
    assert exam.complete


def accuracy(outputs: Tensor, targets: Tensor) -> float:
    return float((outputs.argmax(1) == targets).float().mean())


def balanced(outputs: Tensor, targets: Tensor) -> float:
    return sum(accuracy(outputs[targets == each], targets[targets == each]) for each in (0, 1)) / 2


@pytest.mark.parametrize(("score", "misleads"), [(accuracy, True), (balanced, False)])
def test_a_figure_misleads_where_it_prefers_a_constant_to_what_has_learned(score: Any, misleads: bool) -> None:
    targets = (torch.arange(200) % 10 == 0).long()
    constant = torch.tensor([[1.0, 0.0]]).repeat(200, 1)
    finds_the_rare = nn.functional.one_hot(((targets == 1) | (torch.arange(200) % 4 == 1)).long(), 2).float()
    bench: Any = SimpleNamespace(
        subject=SimpleNamespace(score=score, known=targets),
        anatomy=SimpleNamespace(task=Task(kind="classes", coding="index", classes=2, why="")),
        folds=(SimpleNamespace(held_out=torch.arange(200)),),
    )
    base, weighted = (
        SimpleNamespace(trainings=(SimpleNamespace(outputs=outputs),), skill=0.0)
        for outputs in (constant, finds_the_rare)
    )
    found: Any = _misled
    assert (found(bench, base, weighted) is not None) == misleads
