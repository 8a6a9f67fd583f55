"""What programs that nobody had seen have taught: a faulty case and a sound one of each mechanism."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from tests.doctor.examining.programs import classes, classification, curve, network, regression
from tests.doctor.examining.test_rewiring import subject
from torch import Tensor, nn
from torch.nn import functional

from fitwell.doctor.examining.anatomy import anatomy_of
from fitwell.doctor.examining.changes import Arm
from fitwell.doctor.examining.clock import clock_of
from fitwell.doctor.examining.construction import flaws
from fitwell.doctor.examining.examination import examine
from fitwell.doctor.examining.loop import scales_of
from fitwell.doctor.examining.losses import LossKind
from fitwell.doctor.examining.meaning import followed_targets, meant_among
from fitwell.doctor.examining.measuring import bench_of, tally_of
from fitwell.doctor.examining.network_flaws import loses_gradient
from fitwell.doctor.examining.reading import with_asked
from fitwell.doctor.examining.rows import counted, other_scale
from fitwell.doctor.examining.scoring import Task, judged
from fitwell.doctor.examining.screening import Screened, constant_error, draws_the_line_elsewhere
from fitwell.doctor.examining.signals import activity_of
from fitwell.doctor.examining.subject import Fold, Subject
from fitwell.doctor.examining.suspicion import suspicions
from fitwell.doctor.examining.thresholds import EVIDENT
from fitwell.interrupts import Interruption

GRADES = torch.arange(5).repeat(20)


def of_grades(outputs: Tensor, grades: Tensor) -> Tensor:
    above = (grades[:, None] > torch.arange(4)).float()
    return functional.binary_cross_entropy_with_logits(outputs, above)


def weighted(outputs: Tensor, targets: Tensor) -> Tensor:
    return (targets[:, 1:] * (outputs - targets[:, :1]).square()).mean()


def with_weights(middle: float) -> Tensor:
    generator = torch.Generator().manual_seed(3)
    return torch.cat([curve()[1] + middle, 0.2 + torch.rand(300, 1, generator=generator)], 1)


def skill_of(given: Subject, *names: str) -> float:
    anatomy = anatomy_of(given)
    clock = clock_of(None, Interruption())
    bench = bench_of(given, anatomy, clock, 0, tally_of(given, most=100))
    return bench.measure(Arm(changes=frozenset(names))).skill


def test_four_thresholds_stand_for_the_grade_that_they_count() -> None:
    outputs = torch.where(GRADES[:, None] > torch.arange(4), 2.0, -2.0)
    assert torch.equal(meant_among(of_grades, GRADES, outputs), GRADES.float())


def test_a_likelihood_without_its_constant_stands_for_the_rate() -> None:
    # exp(o) − t·o alone is least for the largest t wherever o > 0; beyond the best output of each, at t = exp(o).
    counts = torch.arange(1, 7)[:, None]
    outputs = torch.cat([counts.double().log().float(), torch.zeros(6, 1)], 1)
    meant = meant_among(lambda o, t: (o[:, :1].exp() - t * o[:, :1]).mean(), counts, outputs)
    assert torch.equal(meant, counts.float())


def test_outputs_for_more_targets_than_a_loss_can_be_asked_about_are_left_as_they_are() -> None:
    outputs = torch.randn(100, 4)
    assert meant_among(of_grades, torch.arange(100), outputs) is outputs


def test_a_network_of_thresholds_is_judged_by_its_grades() -> None:
    x, _ = curve()
    y = torch.bucketize(x[:, 0].contiguous(), torch.tensor([-1.2, -0.4, 0.4, 1.2]))
    given = subject(regression(model=network(4, 32, 4), inputs=x, targets=y, loss=of_grades))
    assert skill_of(given) > 0.85


@pytest.mark.parametrize("middle", [0.0, 14.0])
def test_the_column_of_targets_that_outputs_are_to_be_is_found_beside_their_weights(middle: float) -> None:
    targets = with_weights(middle)
    assert followed_targets(weighted, torch.zeros(300, 1), targets) == 0
    turned = lambda outputs, given: weighted(outputs, given.flip(1))  # noqa: E731
    assert followed_targets(turned, torch.zeros(300, 1), targets.flip(1)) == 1


def test_no_column_is_singled_out_where_all_are_asked_for() -> None:
    spread = lambda outputs, targets: (outputs - targets).square().mean()  # noqa: E731
    assert followed_targets(spread, torch.zeros(300, 1), with_weights(0.0)) is None
    assert with_asked(subject(regression())).asked is None


def test_a_network_with_weighted_rows_is_judged_by_its_targets() -> None:
    given = with_asked(subject(regression(targets=with_weights(0.0), loss=weighted)))
    assert given.asked == slice(0, 1)
    assert skill_of(given) > 0.85


class Positive(nn.Module):
    """A slope that softplus keeps positive."""

    def __init__(self) -> None:
        super().__init__()
        self.slope = nn.Parameter(torch.tensor(0.0))
        self.rest = nn.Linear(4, 1)

    def forward(self, inputs: Tensor) -> Tensor:
        outputs: Tensor = torch.relu(self.rest(inputs)) * functional.softplus(self.slope)
        return outputs


def test_what_keeps_a_single_number_positive_is_no_activation_of_units() -> None:
    seen = activity_of(Positive(), curve()[0])
    assert [each.name for each in seen] == ["relu"]


class Steps(nn.Module):
    """A recurrence over (rows, 4) whose state is or is not cut at every step."""

    def __init__(self, *, cut: bool) -> None:
        super().__init__()
        self.cell, self.head, self.cut = nn.GRUCell(1, 8), nn.Linear(8, 1), cut

    def forward(self, inputs: Tensor) -> Tensor:
        state = inputs.new_zeros(len(inputs), 8)
        for step in inputs.unbind(1):
            state = self.cell(step[:, None], state.detach() if self.cut else state)
        outputs: Tensor = self.head(state)
        return outputs


@pytest.mark.parametrize("cut", [True, False])
def test_a_state_cut_at_every_step_is_seen_by_the_gradient_that_it_loses(cut: bool) -> None:
    torch.manual_seed(0)
    given = subject(regression(model=Steps(cut=cut)))
    assert loses_gradient(given, anatomy_of(given)) == cut


class Turned(nn.Module):
    """A network that turns the sign of every other row while it learns, or adds a little noise."""

    def __init__(self, *, turned: bool) -> None:
        super().__init__()
        self.rest, self.turned = network(4, 32, 1), turned

    def forward(self, inputs: Tensor) -> Tensor:
        if self.training:
            turned = torch.where(torch.rand(len(inputs), 1) < 0.5, -inputs, inputs)
            inputs = turned if self.turned else inputs + 0.05 * torch.randn_like(inputs)
        outputs: Tensor = self.rest(inputs)
        return outputs


@pytest.mark.parametrize("turned", [True, False])
def test_what_is_drawn_in_training_alone_is_left_out_where_that_helps(turned: bool) -> None:
    given = subject(regression(model=Turned(turned=turned), targets=curve()[0][:, :1]))
    anatomy = anatomy_of(given)
    assert anatomy.drawing
    gained = skill_of(given, "lighter") - skill_of(given)
    assert (gained > 0.5) == turned


@pytest.mark.parametrize(
    "module", [network(4, 8, 1), nn.Sequential(nn.BatchNorm1d(4), nn.Dropout(0.5), nn.Linear(4, 1))]
)
def test_dropout_and_batches_are_nothing_that_a_network_draws_itself(module: nn.Module) -> None:
    assert not anatomy_of(subject(regression(model=module))).drawing


class Forgetful(torch.optim.Optimizer):
    """An optimizer whose steps make new tensors, or change those that there are."""

    def __init__(self, parameters: Any, *, in_place: bool) -> None:
        super().__init__(parameters, {"lr": 0.3})
        self.in_place = in_place

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        for weight in self.param_groups[0]["params"]:
            moved = weight - 0.3 * weight.grad
            if self.in_place:
                weight.copy_(moved)


@pytest.mark.parametrize("in_place", [True, False])
def test_an_optimizer_whose_steps_change_nothing_leaves_parameters_frozen(in_place: bool) -> None:
    optimizer = lambda parameters: Forgetful(parameters, in_place=in_place)  # noqa: E731
    exam = examine(**classification(optimizer=optimizer, epochs=40))
    assert exam.healthy == in_place
    if not in_place:
        assert exam.findings[0].symptom == "frozen_parameters"


class Shifted(nn.Module):
    """Outputs moved by a number."""

    def forward(self, inputs: Tensor) -> Tensor:
        return inputs + 1000.0


def test_answers_too_certain_for_a_gradient_are_not_taken_for_a_class_that_is_left_out() -> None:
    given = subject(
        classification(
            model=nn.Sequential(network(4, 8, 1), Shifted()),
            targets=classes()[1][:, None].float(),
            loss=nn.BCEWithLogitsLoss(),
        )
    )
    assert "wrong_loss" not in {flaw.symptom for flaw in flaws(given, anatomy_of(given))}


@pytest.mark.parametrize(
    ("shape", "axis"),
    [((64, 8, 8, 3), 3), ((64, 3, 8, 8), 1), ((64, 3, 20), 1), ((64, 20, 3), 2)],
)
def test_features_are_standardized_along_the_axis_on_which_their_sizes_differ(
    shape: tuple[int, ...], axis: int
) -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(shape, generator=generator)
    x.select(axis, 1).mul_(255)
    given = subject(regression(model=nn.Sequential(nn.Flatten(), nn.Linear(x[0].numel(), 1)), inputs=x,
                               targets=x.flatten(1)[:, :1]))  # fmt: skip
    fold = Fold(training=torch.arange(64), held_out=torch.arange(64))
    scales = scales_of(given, anatomy_of(given), fold, Arm(changes=frozenset({"inputs"})))
    spreads = scales.inputs(x).movedim(axis, 0).flatten(1).std(1)
    assert spreads == pytest.approx([1.0] * len(spreads), abs=1e-4)


def test_dark_edges_of_pictures_are_no_features() -> None:
    x = torch.rand(64, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    x[..., 0], x[..., 7] = 0.0, 0.01 * x[..., 7]
    given = subject(regression(model=nn.Sequential(nn.Flatten(), nn.Linear(64, 1)), inputs=x, targets=x[:, 0, 0, 1:2]))
    fold = Fold(training=torch.arange(64), held_out=torch.arange(64))
    scales = scales_of(given, anatomy_of(given), fold, Arm(changes=frozenset({"inputs"})))
    assert scales.input_factor.numel() == 1


@pytest.mark.parametrize(("activation", "flawed"), [(nn.Softmax(1), True), (nn.LogSoftmax(1), False)])
def test_a_divergence_of_shares_takes_their_logarithms(activation: nn.Module, flawed: bool) -> None:
    shares = torch.cat([curve()[0][:, :2], curve()[1]], 1).softmax(1)
    given = subject(
        regression(model=network(4, 16, 3, output=activation), targets=shares, loss=nn.KLDivLoss(reduction="batchmean"))
    )
    found = {flaw.symptom for flaw in flaws(given, anatomy_of(given))}
    assert ("wrong_output_activation" in found) == flawed
    assert flawed or skill_of(given) > 0.5


@pytest.mark.parametrize("scaled", [True, False])
def test_validation_rows_on_another_scale_are_told(scaled: bool) -> None:
    x, y = curve()
    validation = (x[200:] if scaled else 50 + 20 * x[200:], y[200:])
    found = other_scale(subject(regression(inputs=x[:200], targets=y[:200], validation=validation)))
    assert (found is None) == scaled
    one_column = (x[200:] + torch.tensor([0.0, 0.0, 0.0, 50.0]), y[200:])  # as a clock that went on
    assert other_scale(subject(regression(inputs=x[:200], targets=y[:200], validation=one_column))) is None


class Cut(nn.Module):
    """A network on inputs that are cut to whole numbers, or not."""

    def __init__(self, *, whole: bool) -> None:
        super().__init__()
        self.rest, self.whole = network(4, 16, 1), whole

    def forward(self, inputs: Tensor) -> Tensor:
        outputs: Tensor = self.rest(inputs.long().float() if self.whole else inputs)
        return outputs


@pytest.mark.parametrize("whole", [True, False])
def test_measurements_that_are_cut_to_whole_numbers_have_no_slope(whole: bool) -> None:
    assert anatomy_of(subject(regression(model=Cut(whole=whole)))).blunt == whole
    marks = curve()[0].round()
    assert not anatomy_of(subject(regression(model=Cut(whole=whole), inputs=marks))).blunt


class Growing(nn.Module):
    """The exponential of a network."""

    def __init__(self) -> None:
        super().__init__()
        self.rest = network(4, 16, 1)

    def forward(self, inputs: Tensor) -> Tensor:
        outputs: Tensor = self.rest(inputs).exp()
        return outputs


def test_an_exponential_at_the_output_is_its_activation() -> None:
    anatomy = anatomy_of(subject(regression(model=Growing())))
    assert anatomy.output == "exp"
    assert anatomy.mismatch is not None  # targets are negative
    positive = anatomy_of(subject(regression(model=Growing(), targets=curve()[1].exp())))
    assert positive.mismatch is None


@pytest.mark.parametrize("as_number", [True, False])
def test_a_part_of_the_loss_that_is_a_mere_number_leaves_its_output_out(as_number: bool) -> None:
    def both(outputs: Tensor, targets: Tensor) -> Tensor:
        errors = (outputs - targets).square().mean(0)
        return errors[0] + (errors[1].detach() if as_number else errors[1])

    targets = torch.cat([curve()[1], -curve()[1]], 1)
    given = subject(regression(model=network(4, 16, 2), targets=targets, loss=both))
    found = [flaw.symptom for flaw in flaws(given, anatomy_of(given))]
    assert found == (["wrong_loss"] if as_number else [])


def marks(nothing: int) -> Tensor:
    y = classes()[1]
    return torch.where(torch.arange(300) % 3 == 0, torch.tensor(nothing), y)


@pytest.mark.parametrize("nothing", [-100, -1])
def test_rows_that_have_no_class_are_neither_learned_nor_judged(nothing: int) -> None:
    loss = nn.CrossEntropyLoss(ignore_index=nothing)
    arguments = classification(targets=marks(nothing), loss=loss)
    given = subject(arguments)
    assert flaws(given, anatomy_of(given)) == ()
    assert skill_of(given) > 0.8
    assert skill_of(given, "loss") > 0.8


def test_a_class_s_rows_count_as_if_those_without_one_were_not_there() -> None:
    generator = torch.Generator().manual_seed(4)
    outputs, labels = torch.randn(60, 3, generator=generator), torch.randint(0, 3, (60,), generator=generator)
    task = Task(kind="classes", coding="index", classes=3, why="")
    kept = judged(task, LossKind(name="cross-entropy", expects="logits"), outputs, labels)
    more = judged(
        task,
        LossKind(name="cross-entropy", expects="logits"),
        torch.cat([outputs, torch.randn(40, 3, generator=generator)]),
        torch.cat([labels, torch.full((40,), -100)]),
    )
    assert float(more.contributions.mean()) == pytest.approx(float(kept.contributions.mean()), rel=1e-5)
    assert float(more.errors.mean()) == pytest.approx(float(kept.errors.mean()), rel=1e-5)


def left_out(outputs: Tensor, targets: Tensor) -> Tensor:
    there = ~targets.isnan()
    return (outputs[there] - targets[there]).square().mean()


def times_nothing(outputs: Tensor, targets: Tensor) -> Tensor:
    return ((outputs - targets).square() * ~targets.isnan()).mean()


def left_out_too_late(outputs: Tensor, targets: Tensor) -> Tensor:
    return (outputs - targets).square()[~targets.isnan()].mean()  # whose gradient is 0 times what is no number


@pytest.mark.parametrize(("loss", "known"), [(left_out, True), (times_nothing, False), (left_out_too_late, False)])
def test_missing_targets_are_no_finding_where_the_loss_leaves_them_out(loss: Any, known: bool) -> None:
    missing = torch.where(torch.arange(300)[:, None] % 4 == 0, torch.tensor(torch.nan), curve()[1])
    given = subject(regression(targets=missing, loss=loss))
    assert [each.symptom for each in counted(given)] == ([] if known else ["non_finite_values"])


def test_a_network_with_missing_targets_is_judged_by_those_that_are_known() -> None:
    missing = torch.where(torch.arange(300)[:, None] % 4 == 0, torch.tensor(torch.nan), curve()[1])
    exam = examine(**regression(targets=missing, loss=left_out))
    assert exam.healthy
    assert exam.skill is not None
    assert exam.skill > 0.85


@pytest.mark.parametrize(
    ("chosen", "flawed"),
    [
        (lambda errors: errors[0], True),
        (lambda errors: errors.mean(), False),
        (lambda errors: errors.flatten().topk(8).values.mean(), False),  # the hardest, wherever they stand
    ],
)
def test_a_loss_of_some_places_of_a_batch_is_told_from_one_of_some_rows(chosen: Any, flawed: bool) -> None:
    given = subject(regression(loss=lambda o, t: chosen((o - t).square()).mean()))
    found = " ".join(flaw.text for flaw in flaws(given, anatomy_of(given)))
    assert ("by their place in it" in found) == flawed


class Averaged(nn.Module):
    """A network that predicts by running means of its weights."""

    def __init__(self, decay: float) -> None:
        super().__init__()
        self.learning, self.steady, self.decay = network(4, 32, 2), network(4, 32, 2).requires_grad_(False), decay

    def forward(self, inputs: Tensor) -> Tensor:
        if self.training:
            with torch.no_grad():
                for mean, weight in zip(self.steady.parameters(), self.learning.parameters(), strict=True):
                    mean.lerp_(weight, 1 - self.decay)
        outputs: Tensor = (self.learning if self.training else self.steady)(inputs)
        return outputs


@pytest.mark.parametrize("decay", [0.9999, 0.9])
def test_means_of_weights_that_do_not_follow_are_told_by_what_predicts(decay: float) -> None:
    exam = examine(**classification(model=Averaged(decay)))
    assert exam.healthy == (decay == 0.9)
    if not exam.healthy:
        assert (exam.findings[0].symptom, exam.findings[0].where) == ("frozen_parameters", "evaluation mode")


@pytest.mark.parametrize("momentum", [1.0, 0.1])
def test_means_of_the_last_batch_alone_are_told_from_means_that_do_not_move(momentum: float) -> None:
    x, y = curve(1100)
    model = nn.Sequential(nn.Linear(4, 32), nn.BatchNorm1d(32, momentum=momentum), nn.ReLU(), nn.Linear(32, 1))
    of_two = 31 * 32 + 2  # rows in batches of 32: the last one has two
    exam = examine(
        **regression(model=model, inputs=x[:of_two], targets=y[:of_two], validation=(x[of_two:], y[of_two:]))
    )
    assert exam.healthy == (momentum == 0.1)
    if not exam.healthy:
        assert exam.findings[0].symptom == "batch_size"
        assert "of the last batch alone (momentum 1)" in exam.findings[0].explanation


@pytest.mark.parametrize("known", [True, False])
def test_numbers_that_are_known_by_rank_carry_a_signal_though_wild_errors_hide_it(known: bool) -> None:
    x, _ = curve(400)
    normal = torch.randn(400, 2, generator=torch.Generator().manual_seed(5))
    errors = normal[:, :1] / normal[:, 1:]  # of no variance at all, as Cauchy's
    y = 2 * float(known) * x[:, :1] + errors
    exam = examine(**regression(inputs=x, targets=y, loss=nn.L1Loss(), model=network(4, 8, 1), epochs=15))
    assert ("label_noise" in {each.symptom for each in exam.findings}) != known


@pytest.mark.parametrize("rarely", [True, False])
def test_what_is_rarely_on_is_not_taken_for_a_small_unit(rarely: bool) -> None:
    x, _ = curve(2000)
    x[:, 3] = 0.1 * (torch.arange(2000) % 500 == 0) if rarely else 0.0045 * x[:, 3]  # of the same spread
    given = subject(regression(inputs=x, targets=x[:, :1]))
    anatomy = anatomy_of(given)
    base = bench_of(given, anatomy, clock_of(None, Interruption()), 0, tally_of(given, most=100)).measure(Arm())
    assert (suspicions(given, anatomy, base)["inputs"] < EVIDENT) == rarely


@pytest.mark.parametrize(("low", "high", "ill"), [(0.0, 1.0, True), (-0.3, 0.3, False), (-0.02, 0.0825, False)])
def test_first_weights_of_one_sign_are_ill_drawn_but_for_those_of_a_mean(low: float, high: float, ill: bool) -> None:
    module = network(32, 32, 32, 1)
    first = module[0]
    assert isinstance(first, nn.Linear)
    nn.init.uniform_(first.weight, low, high)
    x, y = curve()
    given = subject(regression(model=module, inputs=x.repeat(1, 8), targets=y, epochs=1))
    anatomy = anatomy_of(given)
    bench = bench_of(given, anatomy, clock_of(None, Interruption()), 0, tally_of(given, most=100))
    assert (suspicions(given, anatomy, bench.measure(Arm()))["initialization"] >= EVIDENT) is ill


def deaf(module: nn.Module) -> nn.Module:
    class Mixing(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.rest = module

        def forward(self, x: Tensor) -> Tensor:
            made: Tensor = self.rest(x.T.reshape(len(x), -1))
            return made

    return Mixing()


def test_what_no_change_puts_right_is_told_beside_another_network() -> None:
    exam = examine(**regression(model=deaf(network(4, 32, 1))))
    first = exam.findings[0]
    assert (first.symptom, first.status) == ("not_learning", "confirmed")
    assert first.evidence["skill_with_changes"] > 0.8
    assert first.remedies[-1].effect is not None
    assert first.remedies[-1].effect > 0.5


def leaning(rows: int = 400) -> tuple[Tensor, Tensor]:
    """Return inputs (rows, 6) and marks (rows, 1), of which three in ten are on and most are chance."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(rows, 6, generator=generator)
    pull = 0.6 * x[:, :1] + torch.randn(rows, 1, generator=generator)
    return x, (pull > 0.6).float()


@pytest.mark.parametrize("cautious", [True, False])
def test_a_line_that_is_drawn_elsewhere_is_told_from_shares_that_are_known_less_well(cautious: bool) -> None:
    x, y = leaning()
    given = subject(
        regression(
            inputs=x,
            targets=y,
            model=network(6, 8, 1),
            loss=nn.BCEWithLogitsLoss(),
            optimizer=lambda parameters: torch.optim.Adam(parameters, lr=0.01 if cautious else 1e-6),
            epochs=4,
        )
    )
    anatomy = anatomy_of(given)
    bench = bench_of(given, anatomy, clock_of(None, Interruption()), 0, tally_of(given, most=100))
    base, other = (bench.measure(Arm(changes=frozenset(names))) for names in ((), ("longer", "adam")))
    screened = Screened(base=base, full=other, others=(), linear=None, constant_error=constant_error(given, anatomy))
    assert draws_the_line_elsewhere(bench, screened) is cautious
