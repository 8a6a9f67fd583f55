"""Changes of a network do what they say: sound first weights, wider layers, gates, scales."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from scipy.stats import norm, rankdata
from tests.doctor.examining.programs import classification, frozen, network, regression
from torch import Tensor, nn

from fitwell.doctor.examining.anatomy import anatomy_of
from fitwell.doctor.examining.changes import CHANGES, EXCHANGED, NAMED, STAND_IN, WIDER, Arm
from fitwell.doctor.examining.clock import clock_of
from fitwell.doctor.examining.loop import loss_for, scales_of
from fitwell.doctor.examining.measuring import bench_of, tally_of
from fitwell.doctor.examining.optimizers import optimizer_of
from fitwell.doctor.examining.rewiring import network_of, put_rows_first
from fitwell.doctor.examining.screening import has_rare_class, lowest_recall
from fitwell.doctor.examining.subject import Fold, Subject, subject_of
from fitwell.interrupts import Interruption

SIDES = [(label, side) for label in (0, 1) for side in (False, True)]


def subject(arguments: dict[str, Any]) -> Subject:
    usual = {"batch_size": 32, "shuffle": True, "validation": None, "score": None, "seed": 0} | arguments
    model, inputs, targets = (usual.pop(name) for name in ("model", "inputs", "targets"))
    return subject_of(model, inputs, targets, **usual)


def changed(given: Subject, *names: str) -> nn.Module:
    return network_of(given, anatomy_of(given), Arm(changes=frozenset(names)), given.inputs[:200], seed=0)


def test_sound_first_weights_give_every_hidden_layer_unit_spread() -> None:
    deep = network(4, *[64] * 6, 1)
    for each in deep.parameters():
        nn.init.normal_(each, std=2.0)
    given = subject(regression(model=deep))
    made = changed(given, "initialization")
    seen: list[float] = []

    def note(layer: nn.Module, taken: object, output: Tensor) -> None:
        seen.append(float(output.detach().std()))

    for part in made.modules():
        if isinstance(part, nn.Linear):
            part.register_forward_hook(note)
    made(given.inputs[:200])
    *hidden, last = seen
    assert hidden == pytest.approx([1.0] * 6, abs=1e-4)
    assert last == pytest.approx(0.1, abs=1e-5)


def test_wider_layers_keep_inputs_and_outputs() -> None:
    given = subject(regression(model=nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 1))))
    made = changed(given, WIDER)
    assert [tuple(each.shape) for each in made.parameters()] == [(32, 4), (32,), (32,), (32,), (1, 32), (1,)]
    assert made(given.inputs[:5]).shape == (5, 1)


def test_a_gated_layer_stands_in_the_place_of_a_plain_recurrent_one() -> None:
    class Reader(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.recurrent, self.head = nn.RNN(2, 5, batch_first=True), nn.Linear(5, 2)

        def forward(self, inputs: Tensor) -> Tensor:
            output: Tensor = self.head(self.recurrent(inputs)[0][:, -1])
            return output

    given = subject(classification(model=Reader(), inputs=torch.randn(300, 6, 2)))
    made = changed(given, "gated")
    assert isinstance(made.get_submodule("recurrent"), nn.GRU)
    assert made(given.inputs[:3]).shape == (3, 2)


def test_thawed_parameters_are_all_trained() -> None:
    given = subject(regression(model=frozen(network(4, 8, 1))))
    arm = Arm(changes=frozenset({"thaw"}))
    made = network_of(given, anatomy_of(given), arm, given.inputs[:200], seed=0)
    owned = {
        id(each) for group in optimizer_of(given, anatomy_of(given), made, arm).param_groups for each in group["params"]
    }
    assert all(each.requires_grad and id(each) in owned for each in made.parameters())


def test_a_rate_is_changed_through_the_groups_of_the_optimizer() -> None:
    given = subject(regression())
    arm = Arm(changes=frozenset({"rate"}), factor=10.0)
    made = network_of(given, anatomy_of(given), arm, given.inputs[:200], seed=0)
    assert [group["lr"] for group in optimizer_of(given, anatomy_of(given), made, arm).param_groups] == [
        pytest.approx(0.1)
    ]


def rare_labels() -> dict[str, Any]:
    """Return a training on two labels, of which the first is on in a tenth of the rows."""
    marks = torch.stack([torch.arange(300) % 10 == 0, torch.arange(300) % 2 == 0], 1).float()
    return classification(targets=marks, loss=nn.BCEWithLogitsLoss(), epochs=1)


def test_where_labels_are_weighted_either_side_counts_the_same() -> None:
    given = subject(rare_labels())
    loss = loss_for(given, anatomy_of(given), Arm(changes=frozenset({"weights"})), given.targets)
    for sure in (-10.0, 10.0):  # of all being off, or on: half of the answers count as wrong, at 10 each
        assert float(loss(torch.full((300, 2), sure), given.targets)) == pytest.approx(5.0, abs=1e-3)


def test_of_labels_the_side_that_is_found_least_tells_whether_one_is_ignored() -> None:
    given = subject(rare_labels())
    anatomy = anatomy_of(given)
    assert anatomy.imbalance == pytest.approx(9.0)
    bench = bench_of(given, anatomy, clock_of(None, Interruption()), 0, tally_of(given, most=math.inf))
    assert has_rare_class(bench)
    measured = bench.measure(Arm())
    on, truth = measured.trainings[0].outputs > 0, given.targets[bench.folds[0].held_out] > 0
    by_hand = min(float((on == truth)[truth[:, label] == side, label].float().mean()) for label, side in SIDES)
    assert lowest_recall(bench, measured) == pytest.approx(by_hand)


def test_scales_are_measured_on_the_training_rows_alone() -> None:
    given = subject(regression())
    fold = Fold(training=torch.arange(100), held_out=torch.arange(100, 300))
    scales = scales_of(given, anatomy_of(given), fold, Arm(changes=frozenset({"inputs", "targets"})))
    x, y = scales.inputs(given.inputs[:100]), scales.targets(given.targets[:100])
    assert torch.allclose(x.mean(0), torch.zeros(4), atol=1e-5)
    assert torch.allclose(x.std(0), torch.ones(4), atol=1e-5)
    assert torch.allclose(torch.stack([y.mean(), y.std()]), torch.tensor([0.0, 1.0]), atol=1e-5)


def test_without_a_change_the_network_is_the_one_given() -> None:
    arguments = regression()
    made = changed(subject(arguments))
    assert all(torch.equal(a, b) for a, b in zip(made.parameters(), arguments["model"].parameters(), strict=True))


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_says_what_it_is_for(name: str) -> None:
    from fitwell.doctor.examining.explaining import MECHANISMS

    assert CHANGES[name].symptom in MECHANISMS
    assert CHANGES[name].text


def test_features_whose_spread_a_few_rows_make_come_to_the_ranks_of_a_normal_distribution() -> None:
    generator = torch.Generator().manual_seed(0)
    normal = torch.randn(600, 2, generator=generator)
    x = torch.cat([torch.exp(3 * normal[:, :1]), normal[:, 1:]], 1)
    given = subject(regression(inputs=x, targets=normal[:, :1], model=network(2, 4, 1)))
    assert given.skewed.tolist() == [True, False]
    arm = Arm(changes=frozenset({"ranks"}))
    fold = Fold(training=torch.arange(600), held_out=torch.arange(600))
    scaled = scales_of(given, anatomy_of(given), fold, arm).inputs(x)
    expected = norm.ppf((rankdata(x[:, 0]) - 0.5) / 600)
    assert scaled[:, 0].numpy() == pytest.approx(expected, abs=1e-5)
    assert torch.equal(scaled[:, 1], x[:, 1])


def test_whole_numbers_of_many_rows_each_may_be_names() -> None:
    numbers = torch.arange(300.0).remainder(torch.tensor([[10.0], [100.0], [2.0]])).T
    given = subject(regression(inputs=numbers, model=network(3, 4, 1)))
    assert given.numbered.tolist() == [True, False, False]
    fold = Fold(training=torch.arange(300), held_out=torch.arange(300))
    seen = scales_of(given, anatomy_of(given), fold, Arm(changes=frozenset({NAMED}))).inputs(numbers)
    assert torch.equal(seen[:, 3:], torch.eye(10).repeat(30, 1))


def test_codes_are_read_by_a_network_of_our_own_through_their_vectors() -> None:
    codes = torch.randint(0, 9, (300, 5), generator=torch.Generator().manual_seed(0))
    vectors = nn.Sequential(nn.Embedding(9, 4), nn.Flatten(), nn.Linear(20, 1))
    given = subject(regression(inputs=codes, model=vectors))
    made = changed(given, STAND_IN)
    assert torch.allclose(made(codes), made(codes.flip(1)), atol=1e-6)  # a mean does not know the order
    assert made(codes).shape == (300, 1)


def test_running_means_follow_batches_and_rows_come_first() -> None:
    given = subject(regression(model=nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8, momentum=1e-5), nn.Linear(8, 1))))
    assert changed(given, "statistics").get_submodule("1").momentum == 0.1
    reader = nn.Sequential(nn.GRU(2, 3))
    put_rows_first(reader)
    assert [part.batch_first for part in reader.children()] == [True]


def test_the_two_marks_change_places_in_the_loss() -> None:
    marks = (regression()["inputs"][:, :1] > 0).float()
    given = subject(regression(targets=marks, loss=lambda o, t: (o * t).mean()))
    exchanged = loss_for(given, anatomy_of(given), Arm(changes=frozenset({EXCHANGED})), marks)
    assert float(exchanged(torch.ones(2, 1), torch.tensor([[0.0], [0.0]]))) == 1.0
