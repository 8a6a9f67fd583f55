"""What speaks for a change's lack before anything is compared: scales, first weights, units that pass nothing on."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from tests.doctor.examining.programs import classification, network, regression
from tests.doctor.examining.test_rewiring import subject
from torch import nn

from fitwell.doctor.examining.anatomy import anatomy_of
from fitwell.doctor.examining.changes import STAND_IN, Arm
from fitwell.doctor.examining.explaining import symptoms_of
from fitwell.doctor.examining.signals import Signals, activity_of
from fitwell.doctor.examining.subject import Subject, new_module
from fitwell.doctor.examining.suspicion import suspicions


def base_of(signals: Signals | None, **seen: Any) -> Any:
    """Return what was measured of an examined training that showed these signals."""
    trained = type("Trained", (), {"signals": signals})()
    usual = {"trainings": (trained,), "diverged": False, "momentum": 0.0, "jumpy": False, "fitted": 0.5}
    return type("Base", (), usual | seen)()


def signals_of(given: Subject, **seen: Any) -> Signals:
    """Return signals of a training of which only its beginning was looked at."""
    start = activity_of(new_module(given, given.seed), given.inputs)
    quiet: dict[str, Any] = {"start": start, "end": (), "travelled": 0.0, "zero_weights": False, "gradients": {}}
    return Signals(**quiet | seen)


def test_units_that_share_a_sum_of_one_are_suspected() -> None:
    for activation, suspected in ((nn.ReLU, 0.0), (lambda: nn.Softmax(1), 0.6)):
        given = subject(regression(model=nn.Sequential(nn.Linear(4, 8), activation(), nn.Linear(8, 1))))
        assert suspicions(given, anatomy_of(given), base_of(None))["activations"] == suspected


@pytest.mark.parametrize(("factor", "suspected"), [(1.0, 0.85), (1e4, 0.1)])
def test_large_first_gradients_are_the_weights_fault_where_scales_are_not(factor: float, suspected: float) -> None:
    given = subject(regression(inputs=factor * regression()["inputs"]))
    signals = Signals(start=(), end=(), travelled=0.0, zero_weights=False, gradients={"weight": [1e5]})
    assert suspicions(given, anatomy_of(given), base_of(signals))["initialization"] == suspected


def test_a_column_of_one_value_far_from_one_is_no_scale() -> None:
    x = regression()["inputs"]
    for value, evident in ((2026.0, True), (1.0, False)):
        given = subject(regression(inputs=torch.cat([x[:, :3], torch.full((len(x), 1), value)], 1)))
        assert (suspicions(given, anatomy_of(given), base_of(None))["inputs"] >= 0.75) is evident


class Recurrent(nn.Module):
    """Reads rows of four numbers one after another, each by its vector, with weights as their layers draw them."""

    def __init__(self, factor: float = 1.0) -> None:
        super().__init__()
        self.vectors = nn.Embedding(10, 8)
        self.recurrent, self.head = nn.RNN(8, 64, batch_first=True), nn.Linear(64, 1)
        with torch.no_grad():
            self.recurrent.all_weights[0][1].mul_(factor)

    def forward(self, codes: torch.Tensor) -> torch.Tensor:
        states, _ = self.recurrent(self.vectors(codes))
        outputs: torch.Tensor = self.head(states[:, -1])
        return outputs


@pytest.mark.parametrize(("factor", "suspected"), [(1.0, 0.1), (20.0, 0.85)])
def test_first_weights_as_their_layers_draw_them_are_not_suspected(factor: float, suspected: float) -> None:
    codes = torch.randint(0, 10, (300, 4), generator=torch.Generator().manual_seed(0))
    given = subject(regression(inputs=codes, model=lambda: Recurrent(factor)))
    assert suspicions(given, anatomy_of(given), base_of(None))["initialization"] == suspected


@pytest.mark.parametrize(("scale", "blamed"), [(1.0, "initialization"), (100.0, "inputs")])
def test_where_either_wakes_units_the_weights_are_at_fault_unless_inputs_are_far_out(scale: float, blamed: str) -> None:
    model = network(4, 64, 1)
    first: Any = model[0]
    with torch.no_grad():
        first.weight.copy_(-first.weight.abs())
        first.bias.zero_()
    bright = scale * regression()["inputs"].sigmoid()
    given = subject(regression(inputs=bright, model=model))
    found = suspicions(given, anatomy_of(given), base_of(signals_of(given)))
    assert found[blamed] >= 0.85
    assert blamed == "inputs" or found["inputs"] < 0.5


@pytest.mark.parametrize(
    ("fitted", "memory", "told"),
    [
        (0.5, 1.0, ("underfitting",)),
        (0.5, 0.05, ("vanishing_gradients", "underfitting")),
        (1.0, 0.05, ("overfitting",)),
    ],
    ids=["too small", "forgetful", "by heart"],
)
def test_what_another_network_reaches_is_told_by_what_the_examined_one_does_on_its_rows(
    fitted: float, memory: float, told: tuple[str, ...]
) -> None:
    given = subject(classification())
    base = base_of(signals_of(given, memory=memory), fitted=fitted)
    assert symptoms_of(STAND_IN, Arm(changes=frozenset({STAND_IN})), base) == told


def one_in_four(loss: nn.Module, *, output: nn.Module | None = None, width: int = 2) -> Subject:
    """Return a training on two classes, of which one has a quarter of the rows."""
    marks = torch.arange(300) % 4 == 0
    targets = marks.long() if width == 2 else marks.float()[:, None]
    return subject(classification(model=network(4, 8, width, output=output), targets=targets, loss=loss))


@pytest.mark.parametrize(
    ("given", "pull"),
    [
        (one_in_four(nn.CrossEntropyLoss()), 3.0),
        (one_in_four(nn.CrossEntropyLoss(weight=torch.tensor([1.0, 3.0]))), 1.0),
        (one_in_four(nn.BCEWithLogitsLoss(pos_weight=torch.tensor(60.0)), width=1), 20.0),
        (one_in_four(nn.BCELoss(), output=nn.Sigmoid(), width=1), 3.0),
        (one_in_four(nn.NLLLoss(weight=torch.tensor([0.01, 1.0])), output=nn.LogSoftmax(1)), 100 / 3),
    ],
    ids=["by rows alone", "balanced", "a hundredfold", "of probabilities", "of logarithms"],
)
def test_how_hard_classes_pull_is_their_rows_times_their_weights(given: Subject, pull: float) -> None:
    assert anatomy_of(given).pull == pytest.approx(pull, rel=1e-3)
