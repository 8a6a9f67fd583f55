"""Losses, targets and networks that are unusual and sound are judged by what they ask for; turned ones are named."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from tests.doctor.examining.programs import classes, classification, curve, network, regression
from tests.doctor.examining.test_rewiring import subject
from tests.doctor.examining.test_unseen import skill_of
from torch import Tensor, nn
from torch.nn import functional

from fitwell.doctor.examining.anatomy import anatomy_of
from fitwell.doctor.examining.changes import WIDER, Arm, bundle
from fitwell.doctor.examining.construction import flaws
from fitwell.doctor.examining.deviance import deviance_of
from fitwell.doctor.examining.examination import examine
from fitwell.doctor.examining.judge import aimed_elsewhere, judged_by_deviance
from fitwell.doctor.examining.losses import LossKind
from fitwell.doctor.examining.meaning import asks_for_directions, ignores_targets, turns_away
from fitwell.doctor.examining.network_flaws import mixed_rows
from fitwell.doctor.examining.reading import is_guided
from fitwell.doctor.examining.rewiring import keeps_its_outputs, rewired
from fitwell.doctor.examining.rows import counted
from fitwell.doctor.examining.scoring import judged, skill, task_of

LOGITS = LossKind(name="binary cross-entropy with logits", expects="logits")


@pytest.mark.parametrize("shape", [(40, 1, 5, 5), (40, 100)])
def test_marks_of_points_are_judged_by_the_balanced_accuracy_of_all_points(shape: tuple[int, ...]) -> None:
    generator = torch.Generator().manual_seed(0)
    marks = (torch.rand(shape, generator=generator) < 0.2).float()
    logits = 2 * marks - 1 + torch.randn(shape, generator=generator)
    task = task_of(marks, logits, LOGITS)
    assert (task.kind, task.points) == ("classes", marks[0].numel())
    found, on = logits > 0, marks > 0
    by_hand = float(found[on].double().mean() + (~found[~on]).double().mean()) - 1
    assert skill(judged(task, LOGITS, logits, marks).contributions) == pytest.approx(by_hand, abs=1e-5)


def test_a_few_labels_are_still_labels_of_their_own() -> None:
    marks = (torch.rand(40, 6) < 0.5).float()
    assert task_of(marks, torch.zeros(40, 6), LOGITS).kind == "labels"


def test_rates_are_judged_as_what_logits_stand_for() -> None:
    _, y = curve()
    given = subject(regression(targets=(2 * y).sigmoid(), loss=nn.BCEWithLogitsLoss()))
    assert skill_of(given) > 0.85
    assert "targets" not in bundle(given, anatomy_of(given))  # standardized, they would be no rates


class Stretched(nn.Module):
    """Numbers moved and stretched to a standard normal distribution, and by how much, as logarithms."""

    def __init__(self) -> None:
        super().__init__()
        self.move, self.stretch = nn.Parameter(torch.zeros(4)), nn.Parameter(torch.zeros(4))

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([(x - self.move) * self.stretch.exp(), self.stretch.sum().expand(len(x), 1)], 1)


def density(outputs: Tensor, targets: Tensor) -> Tensor:
    return (outputs[:, :4].square().sum(1) / 2 - outputs[:, 4]).mean()


@pytest.mark.parametrize("targets", [None, torch.zeros(300)], ids=["the inputs again", "all alike"])
def test_a_density_needs_no_targets_and_is_no_flaw(targets: Tensor | None) -> None:
    x = 3 * curve()[0] + 2
    y = x if targets is None else targets
    given = subject(regression(model=Stretched, inputs=x, targets=y, loss=density))
    assert not is_guided(given)
    assert not counted(given)
    assert not flaws(given, anatomy_of(given))
    exam = examine(Stretched, x, y, loss=density, optimizer=lambda p: torch.optim.Adam(p, lr=0.05), epochs=30)
    assert exam.healthy
    assert exam.skill == pytest.approx(0.7, abs=0.05)  # as its own gain is called


def test_a_loss_that_forgets_targets_which_say_something_is_a_flaw() -> None:
    given = subject(regression(loss=lambda outputs, targets: outputs.square().mean()))
    assert is_guided(given)
    assert [flaw.symptom for flaw in flaws(given, anatomy_of(given))] == ["wrong_loss"]


def apart(outputs: Tensor, labels: Tensor, *, turned: bool = False) -> Tensor:
    same, away = labels[:, None] == labels[None], torch.cdist(outputs, outputs)
    farthest, nearest = away.masked_fill(~same, 0).amax(1), away.masked_fill(same, 99).amin(1)
    return functional.relu((nearest - farthest if turned else farthest - nearest) + 1).mean()


def of_neighbors(outputs: Tensor, labels: Tensor) -> float:
    away = torch.cdist(outputs, outputs).fill_diagonal_(torch.inf)
    return float((labels[away.argmin(1)] == labels).float().mean())


@pytest.mark.parametrize("turned", [False, True])
def test_a_loss_is_wrong_where_what_it_likes_best_has_a_worse_score_than_what_was_drawn(turned: bool) -> None:
    given = subject(classification(model=network(4, 16, 8), loss=partial(apart, turned=turned), score=of_neighbors))
    found = aimed_elsewhere(given, judged_by_deviance(given, anatomy_of(given)))
    assert (found is not None and found.symptom == "wrong_loss") == turned


def overlap(said: Tensor, marks: Tensor) -> Tensor:
    return (2 * (said * marks).sum() + 1) / (said.sum() + marks.sum() + 1)


@pytest.mark.parametrize("shares", [False, True])
def test_training_by_an_overlap_of_plain_numbers_leads_away_from_the_overlap_of_what_is_marked(shares: bool) -> None:
    marks = (curve()[0] > 0.8).float()
    arguments = regression(
        model=network(4, 16, 4),
        inputs=curve()[0],
        targets=marks,
        loss=lambda outputs, marks: 1 - overlap(outputs.sigmoid() if shares else outputs, marks),
        score=lambda outputs, marks: float(overlap((outputs > 0).float(), marks)),
    )
    found = [each for each in examine(**arguments).findings if each.severity == "critical"]
    assert [each.symptom for each in found if "leads away" in each.explanation] == ([] if shares else ["wrong_loss"])
    assert not (shares and found)


def test_free_outputs_reach_targets_in_thousands_and_in_hundredths_at_once() -> None:
    targets = torch.cat([5000 + 400 * curve()[1], 0.01 * curve()[1]], 1)
    spread = targets.std(0)
    loss = lambda outputs, given: ((outputs - given) / spread).square().mean()  # noqa: E731
    found = deviance_of(loss, torch.zeros(256, 2), targets, activation="linear", batch_size=32)
    assert found is not None
    some = ((targets[:256] - targets[:256].mean(0)) / spread).square().mean()
    assert found.constant == pytest.approx(float(some), rel=1e-3)
    assert found.least == pytest.approx(0.0, abs=1e-3)


class Shared(nn.Module):
    """Steps weighed by shares that run over an axis."""

    def __init__(self, axis: int) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.weigh, self.head, self.axis = nn.Linear(2, 1), nn.Linear(2, 1), axis

    def forward(self, x: Tensor) -> Tensor:
        outputs: Tensor = self.head((x * self.weigh(x).softmax(self.axis)).sum(1))
        return outputs


def test_shares_over_the_rows_of_a_batch_are_found_and_turned() -> None:
    x = curve()[0].reshape(300, 2, 2)
    for axis in (0, 1):
        given = subject(regression(model=Shared(axis), inputs=x))
        anatomy = anatomy_of(given)
        found = mixed_rows(given, anatomy)
        assert (found.change if found is not None else None) == ("axis" if axis == 0 else None)
        with rewired(anatomy, Arm(changes=frozenset({"axis"})), training=False):
            turned = Shared(axis)(x)
        torch.testing.assert_close(turned, Shared(1)(x))


class Parted(nn.Module):
    """Outputs of two parts, the first of which ends before the last layer."""

    def __init__(self) -> None:
        super().__init__()
        self.code, self.back = nn.Linear(4, 3), nn.Linear(3, 4)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.back(self.code(x).relu()), self.code(x)], 1)


@pytest.mark.parametrize(("model", "kept"), [(Parted, False), (network(4, 16, 1), True)])
def test_a_network_whose_outputs_would_grow_is_not_widened(model: nn.Module, kept: bool) -> None:
    given = subject(regression(model=model, loss=lambda o, t: (o[:, :1] - t).square().mean()))
    assert keeps_its_outputs(given, anatomy_of(given), Arm(changes=frozenset({WIDER}))) == kept


def test_a_loss_of_its_own_may_ask_for_another_number_than_the_mean() -> None:
    pinball = lambda o, t: torch.maximum(0.8 * (t - o), 0.2 * (o - t)).mean()  # noqa: E731
    given = subject(regression(loss=pinball))
    anatomy = anatomy_of(given)
    assert anatomy.loss_may_be_meant
    assert not anatomy_of(subject(regression())).loss_may_be_meant
    assert not anatomy_of(subject(classification(targets=classes()[1]))).loss_may_be_meant


def of_preferences(outputs: Tensor, marks: Tensor) -> Tensor:
    better = outputs[:, 0] - outputs[:, 1]
    return functional.softplus(torch.where(marks > 0, -better, better)).mean()


def test_columns_are_those_that_the_loss_raises_for_a_class() -> None:
    _, y = classes()
    given = subject(classification(targets=y.float(), loss=of_preferences))
    assert anatomy_of(given).reading.columns == (1, 0)
    assert skill_of(given) > 0.8
    assert skill_of(given, "loss") > 0.8
    own = lambda o, t: functional.cross_entropy(o, t) ** 2  # noqa: E731
    assert anatomy_of(subject(classification(loss=own))).reading.columns == ()


class Logarithms(nn.Module):
    """The logarithms of two shares, by no function of torch's that says so."""

    def __init__(self) -> None:
        super().__init__()
        self.one = network(4, 32, 1)

    def forward(self, x: Tensor) -> Tensor:
        share = self.one(x).sigmoid()
        return torch.cat([1 - share, share], 1).log()


def test_logarithms_of_shares_are_known_by_their_values() -> None:
    anatomy = anatomy_of(subject(classification(model=Logarithms(), loss=nn.NLLLoss())))
    assert (anatomy.output, anatomy.mismatch) == ("log_softmax", None)


def test_targets_take_the_gradient_of_a_turned_loss_the_other_way_and_that_of_other_numbers_neither() -> None:
    targets = torch.cat([curve()[1], curve()[0][:, :1]], 1)
    assert turns_away(lambda o, t: -(o - t).square().mean(), targets)
    assert not turns_away(nn.MSELoss(), targets)
    # A scale and a shape of waiting times, of which the second column says whether they ended.
    times = torch.cat([curve()[1].exp(), torch.ones(300, 1)], 1)
    waiting = lambda o, t: (((t[:, 0].log() - o[:, 0]) * o[:, 1].exp()).exp() - t[:, 1] * o[:, 1]).mean()  # noqa: E731
    assert not turns_away(waiting, times)


@pytest.mark.parametrize("value", [float("inf"), float("nan")])
def test_values_that_are_no_numbers_are_never_the_same(value: float) -> None:
    outputs, targets = torch.zeros(8, 2), torch.ones(8, 2)
    endless = lambda o, t: (o * t).sum() * 0 + value  # noqa: E731
    assert not ignores_targets(endless, outputs, targets)
    assert not asks_for_directions(endless, outputs, targets)


def test_shares_are_targets_of_cross_entropy_and_are_judged_as_shares() -> None:
    x, _ = curve()
    shares = torch.cat([x[:, :1], -x[:, :1], x[:, 1:2].abs()], 1).softmax(1)
    given = subject(classification(model=network(4, 32, 3), inputs=x, targets=shares))
    assert anatomy_of(given).mismatch is None
    assert skill_of(given) > 0.85


def test_a_loss_that_joins_the_rows_of_a_batch_is_not_asked_about_single_ones() -> None:
    def overlap(outputs: Tensor, marks: Tensor) -> Tensor:  # of one row without the mark it is the same for all outputs
        shares = outputs.sigmoid()
        return 1 - 2 * (shares * marks).sum() / ((shares + marks).sum() + 1e-8)

    given = subject(classification(model=network(4, 32, 1), targets=classes()[1].float()[:, None], loss=overlap))
    assert not [flaw for flaw in flaws(given, anatomy_of(given)) if flaw.symptom == "wrong_loss"]
