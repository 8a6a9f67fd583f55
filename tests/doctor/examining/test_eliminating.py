"""Causes are what a training lacks: changes that mask each other are needed together, others are enough alone."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import pytest
import torch
from tests.doctor.examining.programs import curve, network, regression
from tests.doctor.examining.test_rewiring import subject
from torch import Tensor, nn

from fitwell.doctor.examining.anatomy import anatomy_of
from fitwell.doctor.examining.changes import Arm
from fitwell.doctor.examining.clock import clock_of
from fitwell.doctor.examining.eliminating import Causes, eliminate
from fitwell.doctor.examining.examination import Course, examine
from fitwell.doctor.examining.explaining import joined
from fitwell.doctor.examining.measuring import (
    MOST_DIVISIONS,
    Bench,
    Divisions,
    Gain,
    Measured,
    bench_of,
    gain,
    tally_of,
)
from fitwell.doctor.examining.optimizers import optimizer_of
from fitwell.doctor.examining.rows import (
    copied_target,
    counted,
    counts_whose_logarithm_is_taken,
    filled_rows,
    finite_rows,
    shared_rows,
)
from fitwell.doctor.examining.thresholds import ENOUGH_STEPS
from fitwell.doctor.examining.tracing import Rewired
from fitwell.doctor.finding import Finding, Remedy
from fitwell.interrupts import Interruption

ROWS = 400
SUSPICION = {"inputs": 1.0, "initialization": 0.85, "loss": 0.8, "adam": 0.35, "best_epoch": 0.2}


class Told:
    """A bench whose arms reach a skill that a function tells of their changes, with as much noise in every row."""

    def __init__(self, skill: Callable[[frozenset[str]], float]) -> None:
        self.skill, self.work = skill, 0.0
        self.done: dict[Arm, Measured] = {}
        self.tried: list[frozenset[str]] = []

    def measure(self, arm: Arm) -> Measured:
        self.tried.append(arm.changes)
        noise = torch.linspace(-0.1, 0.1, ROWS).roll(7 * len(arm.changes))
        contributions = torch.full((ROWS,), self.skill(arm.changes)) + noise
        look: Any = type("Look", (), {"loss": 1.0})()
        training: Any = type("T", (), {"signals": None, "looks": (look,), "diverged": False})()
        return Measured(arm=arm, trainings=(training,), contributions=contributions)

    def reaches(self, arm: Arm, least: float) -> bool:
        return self.measure(arm).skill >= least

    def missed(self, arm: Arm, whole: Measured) -> Any:
        return gain(whole.contributions, self.measure(arm).contributions)


def caused(
    skill: Callable[[frozenset[str]], float], suspicion: Mapping[str, float] = SUSPICION, *, work: float = 0.0
) -> Causes:
    told: Any = Told(skill)
    told.work = work
    best = told.measure(Arm(changes=frozenset(suspicion), longer=2.0))
    return eliminate(told, told.measure(Arm()), best, suspicion)


def test_changes_that_are_each_enough_stand_beside_each_other() -> None:
    found = caused(lambda done: 0.9 if done & {"inputs", "initialization"} else 0.0)
    assert list(found.effects) == ["inputs"]
    assert list(found.alternatives) == ["initialization"]
    assert found.hidden == {}
    assert found.cure is found.measured


def test_what_often_does_the_same_as_the_cause_is_tried_too() -> None:
    found = caused(lambda done: 0.9 if done & {"longer", "rate"} else 0.0, {"longer": 0.3, "best_epoch": 0.2})
    assert list(found.effects) == ["longer"]
    assert {name: each.arm.factor for name, each in found.alternatives.items()} == {"rate": 10.0}


def test_adam_is_no_second_cause_where_another_rate_was_found() -> None:
    suspected = {"adam": 0.8, "best_epoch": 0.2}
    found = caused(lambda done: 0.9 if done & {"adam", "rate"} else 0.0, suspected)
    assert list(found.effects) == ["rate"]
    assert "adam" not in found.alternatives
    assert "adam" not in found.possible


def test_what_helps_without_being_enough_or_needed_is_possible() -> None:
    found = caused(lambda done: 0.9 if "inputs" in done else 0.3 if "initialization" in done else 0.0)
    assert list(found.effects) == ["inputs"]
    assert found.alternatives == {}
    assert set(found.possible) == {"initialization", "loss"}  # both are plain to see


def test_of_few_changes_those_that_bring_nothing_are_taken_back_though_the_work_has_run_out() -> None:
    suspicion = {"inputs": 1.0, "initialization": 0.85, "loss": 0.8}
    spent = caused(lambda changes: 0.9 * ("loss" in changes), suspicion, work=math.inf)
    assert list(spent.effects) == ["loss"]


def test_only_so_much_is_asked_beyond_the_verdict() -> None:
    tally = tally_of(subject(regression(epochs=100)), most=2.0)
    assert tally.unit == 1000  # steps: 300 rows in batches of 32 for 100 epochs
    assert tally_of(subject(regression(epochs=2)), most=2.0).unit == ENOUGH_STEPS
    tally.steps = 1999
    assert tally.affords("more")
    tally.steps = 2000
    assert not tally.affords("half of the rows")
    assert not tally.affords("half of the rows")
    assert tally.left_out == ["half of the rows"]
    exam = Course(tally=tally).exam()
    assert not exam.complete
    assert "incomplete: the work of 20 trainings was done before half of the rows could be tried" in str(exam)


def test_changes_that_mask_each_other_are_needed_together_the_most_visible_first() -> None:
    found = caused(lambda done: 0.9 if {"loss", "initialization"} <= done else 0.0)
    assert list(found.effects) == ["initialization", "loss"]
    assert found.alternatives == {}


def test_what_four_fifths_of_the_gain_hide_is_found_and_the_cure_has_it() -> None:
    found = caused(lambda done: 0.74 * ("inputs" in done) + 0.15 * ({"inputs", "loss"} <= done))
    assert list(found.effects) == ["inputs"]
    assert list(found.hidden) == ["loss"]
    assert found.hidden["loss"].effect == pytest.approx(0.15, abs=1e-6)
    assert {"inputs", "loss"} <= found.cure.arm.changes
    assert "best_epoch" not in found.cure.arm.changes


def test_a_cure_is_at_last_all_that_was_changed() -> None:
    found = caused(lambda done: 0.76 * ("inputs" in done) + 0.15 * ({"inputs", "best_epoch"} <= done))
    assert list(found.effects) == ["inputs"]
    assert found.hidden == {}
    assert found.cure.arm.changes == set(SUSPICION)


def test_an_arm_that_cannot_reach_a_skill_is_ended_early_and_measured_whole_when_asked() -> None:
    given = subject(regression(optimizer=lambda p: torch.optim.SGD(p, lr=1e-9), epochs=10))
    bench = bench_of(given, anatomy_of(given), clock_of(None, Interruption()), 0, tally_of(given, most=math.inf))
    assert not bench.reaches(Arm(), 0.9)
    assert bench.done[Arm()].cut
    ended = bench.tally.steps
    assert ended == 40  # half of ten epochs of 240 rows in batches of 32
    assert not bench.measure(Arm()).cut
    assert bench.tally.steps == ended + 80


@pytest.mark.parametrize(("noise", "leaks"), [(0.02, True), (1.5, False)])
def test_rows_that_are_nearly_on_both_sides_are_seen(noise: float, leaks: bool) -> None:
    x = torch.randn(300, 8, generator=torch.Generator().manual_seed(0))
    y, near = x[:, :1], x[:60] + noise * torch.randn(60, 8, generator=torch.Generator().manual_seed(1))
    found = shared_rows(subject(regression(inputs=x, targets=y, validation=(near, y[:60]))))
    assert (found is not None) is leaks
    if found is not None:
        assert "100 % of the validation rows are training rows too, but for a little noise" in found.explanation


@pytest.mark.parametrize(
    ("own", "changes", "expected"),
    [
        (torch.optim.Adam, {"adam"}, (torch.optim.Adam, 0.5)),
        (torch.optim.SGD, {"adam"}, (torch.optim.AdamW, 0.5)),
        (torch.optim.Adam, {"adam", "lighter"}, (torch.optim.AdamW, 0.0)),
    ],
)
def test_adam_in_the_place_of_another_keeps_a_decay_that_may_be_at_fault(
    own: Any, changes: set[str], expected: tuple[type, float]
) -> None:
    given = subject(regression(optimizer=lambda parameters: own(parameters, lr=0.1, weight_decay=0.5)))
    made = optimizer_of(given, anatomy_of(given), nn.Linear(4, 1), Arm(changes=frozenset(changes)))
    assert (type(made), made.param_groups[0]["weight_decay"]) == expected


def test_a_column_made_of_the_target_is_told_from_one_that_nearly_decides_it() -> None:
    x, y = curve()
    random = torch.Generator().manual_seed(3)
    tilted = y + 1.5 * x[:, 2:3]  # so that a linear model of the others tells something of it
    noise = 0.1 * tilted.std() * torch.randn(y.shape, generator=random)
    copied = subject(regression(model=network(5, 8, 1), inputs=torch.cat([x, tilted + noise], 1), targets=tilted))
    found = copied_target(copied, anatomy_of(copied))
    assert found is not None
    assert found.where == "feature 4"
    log_like = subject(regression(model=network(5, 8, 1), inputs=torch.cat([x, tilted.exp()], 1), targets=tilted))
    assert copied_target(log_like, anatomy_of(log_like)) is not None
    honest = 5 * torch.randn(y.shape, generator=random)
    decided = subject(regression(model=network(5, 8, 1), inputs=torch.cat([x, honest], 1), targets=honest + tilted))
    assert copied_target(decided, anatomy_of(decided)) is None


def test_a_mark_that_is_the_answer_but_for_a_few_rows_is_told_from_one_that_is_among_its_causes() -> None:
    random = torch.Generator().manual_seed(5)
    x = torch.randn(800, 3, generator=random)
    answer = x.sum(1, keepdim=True) + 0.7 * torch.randn(800, 1, generator=random) > 0
    mistaken = torch.rand(800, 1, generator=random) < 0.02
    cause = torch.rand(800, 1, generator=random) < 0.5
    decided = torch.where(x[:, :1] > 1.7, ~cause, cause)
    for mark, right, leaks in ((answer ^ mistaken, answer, True), (cause, decided, False)):
        inputs = torch.cat([x, mark.float()], 1)
        made = regression(model=network(4, 8, 1), inputs=inputs, targets=right.float(), loss=nn.BCEWithLogitsLoss())
        assert (copied_target(subject(made), anatomy_of(subject(made))) is not None) == leaks


def test_logarithms_of_counts_are_told_from_other_numbers_below_all() -> None:
    random = torch.Generator().manual_seed(3)
    counts = torch.poisson(torch.full((400, 2), 3.0), generator=random)
    large = torch.randint(1, 9999, (400, 1), generator=random).float()
    x = torch.cat([counts, large], 1)
    given = subject(regression(inputs=torch.cat([x.log(), x[:, :1]], 1), targets=counts[:, :1].log()))
    left = counts_whose_logarithm_is_taken(given)
    assert left is not None
    expected = torch.cat([x[:, :2].log1p(), x[:, 2:].log(), x[:, :1]], 1)
    torch.testing.assert_close(left.inputs, expected)
    torch.testing.assert_close(left.targets, counts[:, :1].log1p())
    assert [each.remedies[0].change["text"] for each in counted(given)] == ["take the logarithm of 1 + the count"] * 2
    shares = torch.rand(400, 3, generator=random)
    for others in (torch.where(x == 0, 0.0, shares).log(), torch.where(x == 0, torch.nan, x.log()), -x.log()):
        assert counts_whose_logarithm_is_taken(subject(regression(inputs=others, targets=counts[:, :1]))) is None


def sums(inputs: Tensor, targets: Tensor) -> Finding | None:
    made = subject(regression(model=network(inputs.shape[1], 8, 1), inputs=inputs, targets=targets))
    return copied_target(made, anatomy_of(made))


def test_parts_that_add_up_to_the_target_are_told_from_what_it_is_made_of() -> None:
    random = torch.Generator().manual_seed(3)
    x = torch.randn(400, 5, generator=random)
    price = x.sum(1, keepdim=True) + 0.5 * torch.randn(400, 1, generator=random)
    tax = torch.randn(400, 1, generator=random)
    found = sums(torch.cat([x, tax, price - tax], 1), price)
    assert found is not None
    assert (found.symptom, found.where) == ("target_leakage", "features 5 and 6")
    assert sums(torch.cat([x, tax], 1), price) is None  # a part of it is left over
    assert sums(x, x[:, :2].sum(1, keepdim=True)) is None  # an exact law, of which the other causes tell nothing
    assert sums(x, x.sum(1, keepdim=True)) is None
    times = torch.arange(420.0)
    waves = torch.sin(0.3 * times) + torch.sin(0.71 * times)
    steps = waves.unfold(0, 8, 1)[:400]
    assert sums(steps[:, :7], steps[:, 7:]) is None  # steps of waves are sums of one another


def numbered(column: Tensor, *, marks: Tensor, x: Tensor) -> Any:
    made = regression(
        model=network(4, 8, 1), inputs=torch.cat([x, column[:, None]], 1), targets=marks, loss=nn.BCEWithLogitsLoss()
    )
    return copied_target(subject(made), anatomy_of(subject(made)))


def test_a_number_of_rows_that_were_sorted_by_class_is_told_from_a_column_that_decides() -> None:
    x = torch.randn(400, 3, generator=torch.Generator().manual_seed(0))
    noise = torch.randn(400, generator=torch.Generator().manual_seed(1))
    marks = (x[:, :1] + noise[:, None] > 0.3).float()
    in_file = torch.empty(400)
    in_file[marks[:, 0].argsort(stable=True)] = torch.arange(400.0)
    found = numbered(in_file, marks=marks, x=x)
    assert found is not None
    assert (found.symptom, found.where) == ("target_leakage", "feature 3")
    decides = x[:, 0] + noise
    assert numbered(decides, marks=marks, x=x) is None  # the first column tells of it within a class as well
    assert numbered(in_file + 100 * marks[:, 0], marks=marks, x=x) is None  # with a gap between the classes
    assert numbered(torch.arange(400.0), marks=marks, x=x) is None  # in no order of classes
    few = marks[:40, 0].argsort(stable=True).argsort().float()
    assert numbered(few, marks=marks[:40], x=x[:40]) is None  # a measurement may divide so few as sharply


def test_rows_that_judged_twice_count_once_and_more_are_asked_where_few_leave_doubt() -> None:
    given = subject(regression(epochs=1))
    bench = bench_of(given, anatomy_of(given), clock_of(None, Interruption()), 0, tally_of(given, most=1.0))
    divisions = Divisions([bench, bench])
    changed = Arm(changes=frozenset({"inputs"}))
    once, twice = Divisions([bench]).gain(changed, Arm()), divisions.gain(changed, Arm())
    assert twice.effect == pytest.approx(once.effect, abs=1e-6)
    assert twice.error == pytest.approx(once.error, rel=1e-5)
    assert divisions.settled(changed, Arm(), least=once.effect + 1, errors=3.0) == twice  # too little to go on
    divisions.settled(changed, Arm(), least=-9.0, errors=math.inf if once.clear >= 1 else -math.inf)
    assert len(divisions.benches) == (MOST_DIVISIONS if once.clear >= 1 else 2)


def test_rows_are_divided_anew_until_an_answer_is_no_chance_or_too_little() -> None:
    given = subject(regression(epochs=1))
    bench = bench_of(given, anatomy_of(given), clock_of(None, Interruption()), 0, tally_of(given, most=1.0))
    for least, divided in ((0.1, 3), (0.3, 1)):
        benches = [bench]

        def asked(benches: list[Bench] = benches) -> Gain:
            return Gain(effect=0.2, error=0.2 / len(benches))

        assert Divisions(benches).until_clear(asked, least=least, errors=3.0) == asked()
        assert len(benches) == divided


def test_a_step_of_a_series_that_alone_tells_is_no_copy() -> None:
    series = torch.randn(300, 12, 1, generator=torch.Generator().manual_seed(0))
    marks = (torch.arange(300) % 2).float()[:, None]
    series[:, 0] = 2 * marks - 1 + 0.1 * series[:, 0]
    arguments = {"model": nn.Sequential(nn.Flatten(), nn.Linear(12, 1)), "targets": marks}
    given = subject(regression(inputs=series, loss=nn.BCEWithLogitsLoss(), **arguments))
    assert copied_target(given, anatomy_of(given)) is None
    as_table = subject(regression(inputs=series[:, :, 0], loss=nn.BCEWithLogitsLoss(), **arguments))
    assert copied_target(as_table, anatomy_of(as_table)) is not None


def test_rows_that_are_no_numbers_are_left_out_to_examine_the_rest() -> None:
    x, y = curve()
    spoiled = x.clone()
    spoiled[[3, 8], 1] = torch.nan
    left = finite_rows(subject(regression(inputs=spoiled, validation=(spoiled[:50], y[:50]))))
    assert left is not None
    assert (left.training_rows, left.own_validation) == (298, 48)
    assert torch.equal(left.inputs[:298], x[[row for row in range(300) if row not in (3, 8)]])
    assert finite_rows(subject(regression(inputs=x * torch.nan))) is None


def test_cells_that_are_no_numbers_are_filled_where_leaving_their_rows_out_leaves_nothing() -> None:
    x, y = curve()
    spoiled = x.clone()
    spoiled[:, 1] = torch.nan  # of no use at all
    spoiled[::2, 2] = torch.inf
    given = subject(regression(inputs=spoiled, validation=(spoiled[:50] + 1, y[:50])))
    left = filled_rows(given)
    assert left is not None
    assert left.rows == given.rows
    assert not bool(left.inputs[:, 1].any())
    assert torch.allclose(left.inputs[:300:2, 2], x[1::2, 2].mean())
    assert torch.equal(left.inputs[1:300:2, 2], x[1::2, 2])
    assert filled_rows(subject(regression(inputs=x * torch.nan))) is None
    assert filled_rows(subject(regression(inputs=spoiled, targets=y * torch.nan))) is None
    exam = examine(**regression(inputs=torch.cat([x, x[:, :1] * torch.nan], 1), model=network(5, 32, 1)))
    assert exam.findings[0].symptom == "non_finite_values"
    assert exam.findings[0].evidence["features"] == 1
    assert exam.findings[0].evidence["skill_with_changes"] > 0.8


class Severed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([1.3]))

    def forward(self, inputs: Tensor) -> Tensor:
        with torch.no_grad():
            inside = self.weight * inputs
        return inside.detach().round()


def test_the_gradient_passes_what_stopped_it_and_values_stay() -> None:
    module, inputs = Severed(), torch.tensor([1.0, 2.0, 4.0])
    with Rewired(left_out=(), rectified=(), bent=(), through=True):
        output = module(inputs)
    assert output.tolist() == [1.0, 3.0, 5.0]
    output.sum().backward()
    assert module.weight.grad is not None
    assert module.weight.grad.item() == 7.0  # as if nothing stood between: the sum of the inputs


@pytest.mark.parametrize(
    ("stopped", "slope"),
    [
        (lambda x: (x > 2).float(), 1.0),
        (lambda x: (x <= 2).to(torch.float32), -1.0),
        (lambda x: torch.where(x > 2, 5.0, 2.0), 3.0),
        (lambda x: x.data, 1.0),
        (lambda x: torch.tensor(x), 1.0),
        (lambda x: torch.ones(1).new_tensor(x), 1.0),
    ],
    ids=["above", "below", "one of two", "data", "a copy", "another copy"],
)
@pytest.mark.filterwarnings("ignore:To copy construct from a tensor")
def test_comparisons_and_copies_have_the_slope_of_what_goes_in(
    stopped: Callable[[Tensor], Tensor], slope: float
) -> None:
    value = torch.tensor([1.5, 2.5], requires_grad=True)
    expected = stopped(value)
    with Rewired(left_out=(), rectified=(), bent=(), through=True):
        found = stopped(value)
    assert torch.equal(found, expected)
    (gradient,) = torch.autograd.grad(found.sum(), value)
    assert gradient.tolist() == [slope, slope]


def test_two_findings_of_one_symptom_become_one_as_grave_as_the_graver() -> None:
    def found(severity: Any, text: str, reached: float) -> Finding:
        remedy = Remedy(change={"setting": None, "from": None, "to": None, "text": text}, effect=reached)
        return Finding(
            symptom="wrong_loss", status="confirmed", severity=severity, since="start", explanation=text,
            evidence={"skill_with_changes": reached}, remedies=(remedy,),
        )  # fmt: skip

    both = joined(found("warning", "a", 0.4), found("critical", "b", 0.3))
    assert (both.severity, both.explanation) == ("critical", "a b")
    assert [each.change["text"] for each in both.remedies] == ["b", "a"]
    assert both.evidence["skill_with_changes"] == 0.4
