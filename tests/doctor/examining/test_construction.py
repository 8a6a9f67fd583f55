"""What cannot be right whatever the data is seen without a training, and what is merely unusual is left alone."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from tests.doctor.examining.programs import classes, classification, curve, network, regression
from tests.doctor.examining.test_rewiring import subject
from torch import Tensor, nn
from torch.nn import functional

from fitwell.doctor.examining.anatomy import anatomy_of
from fitwell.doctor.examining.construction import flaws


class Changed(nn.Module):
    """A network whose hidden values pass a function of the test."""

    def __init__(self, function: Any) -> None:
        super().__init__()
        self.first, self.last, self.function = nn.Linear(4, 8), nn.Linear(8, 1), function

    def forward(self, inputs: Tensor) -> Tensor:
        output: Tensor = self.last(self.function(self.first(inputs)))
        return output


class Reader(nn.Module):
    """A recurrent layer over (rows, steps, 2), which takes rows for steps unless told otherwise."""

    def __init__(self, *, batch_first: bool) -> None:
        super().__init__()
        self.recurrent, self.head = nn.GRU(2, 5, batch_first=batch_first), nn.Linear(5, 2)

    def forward(self, inputs: Tensor) -> Tensor:
        output: Tensor = self.head(self.recurrent(inputs)[0].mean(1))
        return output


class AtTheEnd(nn.Module):
    """A recurrent layer over (rows, steps, 2), which is read at the last step."""

    def __init__(self) -> None:
        super().__init__()
        self.recurrent, self.head = nn.GRU(2, 5, batch_first=True), nn.Linear(5, 2)

    def forward(self, inputs: Tensor) -> Tensor:
        output: Tensor = self.head(self.recurrent(inputs)[0][:, -1])
        return output


class Attending(nn.Module):
    """The mean of steps (rows, steps, 2), weighed by shares that run over an axis."""

    def __init__(self, axis: int) -> None:
        super().__init__()
        self.weigh, self.head, self.axis = nn.Linear(2, 1), nn.Linear(2, 2), axis

    def forward(self, inputs: Tensor) -> Tensor:
        shares = self.weigh(inputs).softmax(self.axis)
        output: Tensor = self.head((shares * inputs).sum(1))
        return output


class Leveled(nn.Module):
    """A layer over rows that are divided by the spread of their own numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(4, 1)

    def forward(self, inputs: Tensor) -> Tensor:
        output: Tensor = self.head((inputs - inputs.mean(1, keepdim=True)) / inputs.std(1, keepdim=True))
        return output


class Masked(nn.Module):
    """A network whose second class may not be chosen in some rows."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = network(4, 8, 3)

    def forward(self, inputs: Tensor) -> Tensor:
        forbidden = (inputs[:, :1] > 1) & (torch.arange(3) == 2)
        output: Tensor = self.inner(inputs).masked_fill(forbidden, -torch.inf)
        return output


class Embedded(nn.Module):
    """A network on codes that has a part which it does not use."""

    def __init__(self) -> None:
        super().__init__()
        self.codes, self.head, self.spare = nn.Embedding(10, 4), nn.Linear(4, 2), nn.Linear(4, 2)

    def forward(self, inputs: Tensor) -> Tensor:
        output: Tensor = self.head(self.codes(inputs).mean(1))
        return output


class Dropped(nn.Module):
    """A network that drops units, in prediction as well unless told otherwise."""

    def __init__(self, *, always: bool) -> None:
        super().__init__()
        self.first, self.last, self.always = nn.Linear(4, 8), nn.Linear(8, 1), always

    def forward(self, inputs: Tensor) -> Tensor:
        hidden = functional.dropout(self.first(inputs).relu(), 0.5, training=self.always or self.training)
        output: Tensor = self.last(hidden)
        return output


def normalized(momentum: float) -> nn.Module:
    return nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8, momentum=momentum), nn.ReLU(), nn.Linear(8, 1))


class Cut(nn.Module):
    """Values cut to what lies between two numbers."""

    def forward(self, inputs: Tensor) -> Tensor:
        return inputs.clamp(1e-6, 1 - 1e-6)


SERIES = torch.randn(300, 6, 2, generator=torch.Generator().manual_seed(0))
COLUMN = classes()[1][:, None].float()
COUNTS = torch.arange(300).remainder(60)[:, None].float()
SYMBOLS = torch.randint(1, 3, (300, 2), generator=torch.Generator().manual_seed(5))


def in_their_order(outputs: Tensor, symbols: Tensor) -> Tensor:
    """Return the connectionist loss of symbols (rows, 2) that steps (rows, steps, 3) say, 0 standing for none."""
    rows, steps = outputs.shape[:2]
    lengths = torch.full((rows,), steps), torch.full((rows,), 2)
    return functional.ctc_loss(outputs.transpose(0, 1), symbols, *lengths, zero_infinity=True)


FLAWED: dict[str, tuple[dict[str, Any], str, str]] = {
    "sigmoid before cross-entropy": (
        classification(model=network(4, 8, 1, output=nn.Sigmoid()), targets=COLUMN, loss=nn.BCEWithLogitsLoss()),
        "wrong_output_activation",
        "takes logits and applies its own sigmoid",
    ),
    "softmax before cross-entropy": (
        classification(model=network(4, 8, 2, output=nn.Softmax(1))),
        "wrong_output_activation",
        "takes logits and applies its own softmax",
    ),
    "softmax over the rows": (
        classification(model=network(4, 8, 2, output=nn.LogSoftmax(0)), loss=nn.NLLLoss()),
        "wrong_output_activation",
        "runs over the rows (dim=0) instead of the classes",
    ),
    "outputs that are no log-probabilities": (
        classification(loss=nn.NLLLoss()),
        "wrong_loss",
        "takes log-probabilities",
    ),
    "a single class's cross-entropy": (
        classification(model=network(4, 8, 1), targets=classes()[1] * 0),
        "wrong_loss",
        "it needs one output for each class",
    ),
    "tanh for targets far beyond": (
        regression(model=network(4, 8, 1, output=nn.Tanh()), targets=10 * curve()[1]),
        "wrong_output_activation",
        "tanh gives values from -1 to 1",
    ),
    "signs as probabilities": (
        classification(model=network(4, 8, 1), targets=2 * COLUMN - 1, loss=nn.BCEWithLogitsLoss(), epochs=1),
        "wrong_loss",
        "takes targets from 0 to 1, but they go from -1 to 1",
    ),
    "a margin of zeros and ones": (
        classification(model=network(4, 8, 1), targets=COLUMN, loss=nn.SoftMarginLoss()),
        "wrong_loss",
        "takes classes of -1 and 1, but the targets are 0 and 1",
    ),
    "half of a cross-entropy": (
        classification(
            model=network(4, 8, 1, output=nn.Sigmoid()),
            targets=COLUMN,
            loss=lambda o, t: -(t * (o + 1e-7).log()).mean(),
        ),
        "wrong_loss",
        "rows of one class do not change the loss",
    ),
    "a loss of the output's size": (
        classification(model=network(4, 8, 1), targets=COLUMN, loss=lambda o, t: (o.square() * (1 + t)).mean()),
        "wrong_loss",
        "least at the same output whichever class is right",
    ),
    "a loss that shuffles away": (
        regression(loss=lambda o, t: (o - t.reshape(-1)).square().mean()),
        "wrong_loss",
        "stays the same when its targets are shuffled",
    ),
    "a loss that is no number": (
        classification(model=network(4, 8, 1), targets=COLUMN, loss=lambda o, t: (t * (t / o.sigmoid()).log()).mean()),
        "non_finite_values",
        "0 / 0",
    ),
    "a detached part": (regression(model=Changed(lambda x: x.detach())), "frozen_parameters", "get no gradient"),
    "a flat part": (regression(model=Changed(torch.round)), "not_learning", "get no gradient"),
    "an output that nothing reaches": (
        regression(model=Changed(torch.zeros_like)),
        "not_learning",
        "the same whatever the inputs",
    ),
    "rates as logarithms": (
        regression(model=network(4, 8, 1, output=nn.Softplus()), targets=COUNTS, loss=nn.PoissonNLLLoss()),
        "wrong_output_activation",
        "takes logarithms, but softplus keeps them from being negative",
    ),
    "rates of any sign": (
        regression(targets=COUNTS, loss=nn.PoissonNLLLoss(log_input=False)),
        "wrong_loss",
        "takes its outputs' logarithm, but the output is linear, and may be negative",
    ),
    "steps that are filled up behind the last": (
        classification(model=AtTheEnd(), inputs=torch.cat([SERIES, torch.zeros(300, 90, 2)], 1)),
        "vanishing_gradients",
        "filled up behind their end, on average over 94 % of their steps",
    ),
    "several labels as shares of one": (
        classification(model=network(4, 8, 3), targets=(SERIES[:, :3, 0] > 0.3).float(), loss=nn.CrossEntropyLoss()),
        "wrong_loss",
        "takes targets that mark one class, or sum to 1, but rows mark up to 3",
    ),
    "a class that is left out": (
        classification(loss=nn.CrossEntropyLoss(ignore_index=1)),
        "wrong_loss",
        "outputs for rows of class 1 have no gradient",
    ),
    "a weight of nothing": (
        classification(loss=nn.CrossEntropyLoss(weight=torch.tensor([0.0, 1.0]))),
        "wrong_loss",
        "outputs for rows of class 0 have no gradient",
    ),
    "a likeness that is made small": (
        regression(
            model=network(4, 8, 3),
            targets=torch.randn(300, 3, generator=torch.Generator().manual_seed(2)),
            loss=lambda o, t: functional.cosine_similarity(o, t, dim=1).mean(),
        ),
        "wrong_loss",
        "drives outputs from the targets",
    ),
    "means that do not move": (
        regression(model=normalized(1e-4)),
        "frozen_parameters",
        "at the end 98 % of their first guess is left",  # (1 - 1e-4) ** (10 * 25) is 0.975
    ),
    "units dropped in prediction": (
        regression(model=Dropped(always=True)),
        "underfitting",
        "units are dropped in evaluation mode as well",
    ),
    "outputs cut to between 0 and 1": (
        regression(model=network(4, 8, 1, output=Cut())),
        "wrong_output_activation",
        "lie outside",
    ),
    "shares for the cross-entropy within a loss": (
        classification(
            model=network(4, 8, 2, output=nn.Softmax(1)),
            loss=lambda o, t: functional.cross_entropy(o, t) + 1e-2 * o.square().mean(),
        ),
        "wrong_output_activation",
        "it is given shares already",
    ),
    "plain numbers for the logarithms of shares": (
        regression(model=nn.Linear(2, 3), inputs=SERIES, targets=SYMBOLS, loss=in_their_order),
        "wrong_output_activation",
        "some that it is given within the loss are above 0",
    ),
    "eight classes between -1 and 1": (
        classification(model=network(4, 8, 8, output=nn.Tanh()), targets=torch.arange(300) % 8),
        "wrong_output_activation",
        "tanh bounds them",
    ),
    "rows divided by their own spread, some of which is 0": (
        regression(model=Leveled(), inputs=torch.cat([torch.ones(9, 4), curve()[0][9:]])),
        "non_finite_values",
        "9 of 300 rows, the first of them row 0, have an output that is infinite or no number",
    ),
    "rows taken for steps": (
        classification(model=Reader(batch_first=False), inputs=SERIES),
        "not_learning",
        "changes with the other rows of the batch",
    ),
}
SOUND: dict[str, dict[str, Any]] = {
    "regression": regression(),
    "absolute error": regression(loss=nn.L1Loss()),
    "a loss of its own": regression(loss=lambda o, t: (o - t).abs().pow(1.5).mean()),
    "classes": classification(),
    "log-probabilities": classification(model=network(4, 8, 2, output=nn.LogSoftmax(1)), loss=nn.NLLLoss()),
    "probabilities": classification(model=network(4, 8, 1, output=nn.Sigmoid()), targets=COLUMN, loss=nn.BCELoss()),
    "weighted classes": classification(
        loss=lambda o, t: functional.cross_entropy(o, t, weight=torch.tensor([1.0, 3.0]))
    ),
    "a focal loss": classification(
        model=network(4, 8, 1),
        targets=COLUMN,
        loss=lambda o, t: (
            -((1 - torch.sigmoid(o * (2 * t - 1))).square() * functional.logsigmoid(o * (2 * t - 1))).mean()
        ),
    ),
    "squared margins": classification(
        model=network(4, 8, 1), targets=2 * COLUMN - 1, loss=lambda o, t: functional.relu(1 - o * t).square().mean()
    ),
    "smoothed classes": classification(
        loss=lambda o, t: functional.cross_entropy(o, t, label_smoothing=0.2) + 1e-3 * o.square().mean()
    ),
    "outputs compared in pairs": classification(
        model=network(4, 8, 1),
        targets=COLUMN,
        loss=lambda o, t: (functional.softplus(o.T - o) * (t > t.T)).sum() / (t > t.T).sum().clamp(min=1),
    ),
    "shares through a sigmoid": regression(model=network(4, 8, 1, output=nn.Sigmoid()), targets=curve()[1].sigmoid()),
    "series": classification(model=Reader(batch_first=True), inputs=SERIES),
    "batch normalization and dropout": regression(
        model=nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.5), nn.Linear(8, 1))
    ),
    "codes, and a part not used": classification(
        model=Embedded(), inputs=torch.randint(0, 10, (300, 5), generator=torch.Generator().manual_seed(0))
    ),
    # Their exponential hides all else, where outputs are taken for logarithms and are as large as targets.
    "large counts by their logarithm": regression(targets=COUNTS, loss=nn.PoissonNLLLoss()),
    "rates that softplus keeps positive": regression(
        model=network(4, 8, 1, output=nn.Softplus()), targets=COUNTS, loss=nn.PoissonNLLLoss(log_input=False)
    ),
    "steps that are filled up in front": classification(
        model=AtTheEnd(), inputs=torch.cat([torch.zeros(300, 90, 2), SERIES], 1)
    ),
    "a straight line": regression(model=nn.Linear(4, 1)),
    "a class that no row has, left out": classification(
        model=network(4, 8, 3), loss=nn.CrossEntropyLoss(ignore_index=2)
    ),
    "times by the logarithm of their hazard": regression(
        targets=COUNTS + 0.5, loss=lambda o, t: (t * o.exp() - o).mean()
    ),
    "directions": regression(
        model=network(4, 8, 3),
        targets=torch.randn(300, 3, generator=torch.Generator().manual_seed(2)),
        loss=lambda o, t: 1 - functional.cosine_similarity(o, t, dim=1).mean(),
    ),
    "a mean and a spread": regression(
        model=network(4, 8, 2),
        loss=lambda o, t: ((o[:, :1] - t).square() * (-o[:, 1:]).exp() + o[:, 1:]).mean(),
    ),
    "means that move": regression(model=normalized(0.1)),
    "units dropped in training": regression(model=Dropped(always=False)),
    "symbols in their order": regression(
        model=nn.Sequential(nn.Linear(2, 3), nn.LogSoftmax(-1)), inputs=SERIES, targets=SYMBOLS, loss=in_their_order
    ),
    "shares of all steps": classification(model=Attending(axis=1), inputs=SERIES),
    "shares of the only step": classification(model=Attending(axis=2), inputs=SERIES[:, :1]),
    "rows divided by their own spread": regression(model=Leveled()),
    "easy rows that count less, of logarithms of shares": classification(
        loss=lambda o, t: functional.nll_loss((1 - o.softmax(1)) ** 2 * o.log_softmax(1), t)
    ),
    "classes that may not be chosen": classification(model=Masked()),
    "outputs without an axis of their own": regression(
        model=nn.Sequential(network(4, 8, 1), nn.Flatten(0)),
        targets=curve()[1][:, 0],
        loss=lambda o, t: functional.mse_loss(o, t),
    ),
    "shares kept from 0 and 1": classification(
        model=network(4, 8, 1, output=nn.Sequential(nn.Sigmoid(), Cut())), targets=COLUMN, loss=nn.BCELoss()
    ),
}


@pytest.mark.parametrize("name", FLAWED)
def test_a_flaw_is_named_and_explained(name: str) -> None:
    arguments, symptom, text = FLAWED[name]
    given = subject(arguments)
    found = [flaw for flaw in flaws(given, anatomy_of(given)) if flaw.severity == "critical"]
    assert symptom in {flaw.symptom for flaw in found}
    assert text in " ".join(flaw.text for flaw in found)


def test_two_classes_between_minus_one_and_one_lose_too_little_for_an_alarm() -> None:
    (flaw,) = flaws(given := subject(classification(model=network(4, 8, 2, output=nn.Tanh()))), anatomy_of(given))
    assert (flaw.symptom, flaw.severity) == ("wrong_output_activation", "warning")
    least = functional.cross_entropy(torch.tensor([[1.0, -1.0]]), torch.tensor([0]))
    assert float(least) / math.log(2) < 0.2  # of what can be said of two equal classes


def test_shares_of_one_step_by_itself_are_told_and_may_be_meant() -> None:
    (flaw,) = flaws(given := subject(classification(model=Attending(axis=2), inputs=SERIES)), anatomy_of(given))
    assert (flaw.symptom, flaw.severity, flaw.change) == ("not_learning", "warning", "axis")


@pytest.mark.parametrize("name", SOUND)
def test_what_is_sound_has_no_flaw(name: str) -> None:
    given = subject(SOUND[name])
    assert flaws(given, anatomy_of(given)) == ()
