"""The loop keeps what is best, stops when told, and goes on from any moment as if it had never stopped."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from fitwell.data.encode import FeatureLayout
from fitwell.training.checkpoints import state_from_bytes, state_to_bytes
from fitwell.training.loop import (
    Moment,
    Rows,
    State,
    StepRecord,
    epoch_batches,
    epoch_order,
    left_out,
    looked_at,
    mean_losses,
)
from fitwell.training.outputs import outputs_of
from fitwell.training.schedules import SCHEDULES

Start = Callable[..., Any]
MODERATE = {"network": {"normalization": "batch", "dropout": 0.2}, "learning_rate": 0.03}


def last(training: Any, state: State | None = None) -> State:
    state = training.state if state is None else state
    for moment in training.moments(state):
        state = moment.state
    return state


def looks(training: Any) -> list[Any]:
    return [moment.look for moment in training.moments() if moment.look is not None]


def linear_rows(rows: int = 30) -> Rows:
    generator = torch.Generator().manual_seed(5)
    x = torch.randn(rows, 3, generator=generator, dtype=torch.float64)
    y = x @ torch.tensor([[1.0], [-2.0], [0.5]], dtype=torch.float64) + 0.3
    return Rows(features={"numbers": x}, targets=y, weights=None)


LINEAR = {
    "network": {"hidden": []}, "optimizer": "sgd", "momentum": 0.0, "schedule": "constant", "batch_size": "full",
    "double": True, "layout": FeatureLayout(numbers=3, flags=0, cardinalities=()),
}  # fmt: skip


def test_the_last_incomplete_batch_is_dropped_and_rows_come_once_per_epoch_in_each_members_order(start: Start) -> None:
    training = start(members=3)
    rows = replace(training.training, weights=torch.arange(70.0))  # weights tell rows apart
    batches = list(epoch_batches(rows, training.seeds, epoch=2, batch_rows=16))
    assert [batch.targets.shape for batch in batches] == [(3, 16, 1)] * 4
    for member, seeds in enumerate(training.seeds):
        seen = torch.cat([batch.weights[member] for batch in batches if batch.weights is not None])
        assert seen.tolist() == epoch_order(seeds.order, epoch=2, rows=70)[:64].tolist()
        alone = epoch_batches(rows, [seeds], epoch=2, batch_rows=16, start=1)
        for batch, of_member in zip(batches[1:], alone, strict=True):
            assert torch.equal(batch.features["numbers"][member], of_member.features["numbers"][0])
    assert not np.array_equal(epoch_order(1, epoch=0, rows=70), epoch_order(1, epoch=1, rows=70))
    assert not np.array_equal(epoch_order(1, epoch=0, rows=70), epoch_order(2, epoch=0, rows=70))


def test_fewer_rows_than_a_batch_are_one_batch(start: Start) -> None:
    state = last(start(rows=10, epochs=3))
    assert (state.step, state.epoch) == (3, 3)


@pytest.mark.parametrize("members", [1, 3])
def test_a_batch_of_all_rows_is_the_rows_themselves_without_a_copy(members: int, start: Start) -> None:
    training = start(members=members)
    (batch,) = epoch_batches(training.training, training.seeds, epoch=0, batch_rows=70)
    assert batch.targets.shape == (members, 70, 1)
    assert batch.targets.data_ptr() == training.training.targets.data_ptr()
    assert list(epoch_batches(training.training, training.seeds, epoch=0, batch_rows=70, start=1)) == []


@pytest.mark.parametrize("execution", ["eager", "mapped"])
def test_full_batches_are_gradient_descent_by_its_closed_form(execution: str, start: Start) -> None:
    rows = linear_rows()
    training = start(execution=execution, training=rows, learning_rate=0.1, epochs=25, **LINEAR)
    first = training.population.weights[0].clone().numpy()
    design = np.column_stack([rows.features["numbers"].numpy(), np.ones(30)])
    optimum = np.linalg.lstsq(design, rows.targets[:, 0].numpy(), rcond=None)[0]
    hessian = 2 * design.T @ design / 30
    # w(t) − w* = (1 − η H)^t (w(0) − w*) for the mean of squares, which is a quadratic with curvature H.
    shrink = np.linalg.matrix_power(np.eye(4) - 0.1 * hessian, 25)
    assert last(training).population.weights[0].numpy() == pytest.approx(
        optimum + shrink @ (first - optimum), abs=1e-12
    )


@pytest.mark.parametrize("minimum", [0.0, 0.05])
def test_the_best_weights_are_those_of_the_lowest_recorded_validation_loss(minimum: float, start: Start) -> None:
    early = {"patience": 0, "minimum_improvement": minimum}
    training = start(
        members=3, execution="mapped", epochs=12, learning_rate=0.1, early_stopping=early, schedule="constant",
        network={"normalization": "batch", "dropout": 0.2},
    )  # fmt: skip
    recorded = np.array([look.validation_losses for look in looks(training)])
    best = training.state.best
    again = mean_losses(
        training.program,
        outputs_of(training.program.network, training.program.pieces, best, training.validation.features),
        training.validation,
    )
    assert again == pytest.approx(recorded.min(0).tolist(), rel=1e-6)
    assert recorded.argmin(0).min() < 12  # not simply the last


def planted(training: Any, losses: list[float], **early: Any) -> list[Any]:
    """How a member stands after looks with these validation losses."""
    program = replace(
        training.program,
        settings=training.program.settings.model_copy(
            update={"early_stopping": training.program.settings.early_stopping.model_copy(update=early)}
        ),
    )
    state, marks = training.state, []
    remaining = iter(losses)
    program = replace(
        program, loss=lambda outputs, targets: torch.full((len(outputs),), next(remaining), dtype=torch.float64)
    )
    for epoch in range(len(losses)):
        state = replace(state, epoch=epoch)
        state.population.weights.fill_(epoch)
        state, _ = looked_at(program, state, training.training, training.validation, rates=[0.1], seconds=0.0)
        marks.append(state.marks[0])
    return marks


def test_patience_counts_looks_without_improvement_and_then_stops(start: Start) -> None:
    training = start()
    marks = planted(training, [5.0, 4.0, 4.5, 3.0, 3.0, 3.5, 2.0], patience=2)
    assert [mark.waited for mark in marks] == [0, 0, 1, 0, 1, 2, 2]
    assert [mark.stopped is None for mark in marks] == [True] * 5 + [False] * 2
    assert marks[-1].stopped == "no better validation loss for 2 epochs (the best was epoch 3)"
    assert bool((training.state.best.weights == 3).all())  # nothing after the stop counts


def test_a_fall_below_the_minimum_improvement_keeps_the_weights_but_not_the_patience(start: Start) -> None:
    training = start()
    marks = planted(training, [5.0, 4.9, 4.8, 4.4, 4.3], patience=3, minimum_improvement=0.5)
    assert [mark.waited for mark in marks] == [0, 1, 2, 0, 1]
    assert [mark.best_loss for mark in marks] == [5.0, 4.9, 4.8, 4.4, 4.3]
    assert bool((training.state.best.weights == 4).all())


def test_the_last_weights_are_kept_where_the_best_are_not_restored(start: Start) -> None:
    training = start()
    marks = planted(training, [5.0, 4.0, 4.5, 4.2, math.nan], patience=2, restore_best=False)
    assert [(mark.best_epoch, mark.best_loss) for mark in marks[:4]] == [(0, 5.0), (1, 4.0), (2, 4.5), (3, 4.2)]
    assert marks[3].stopped == "no better validation loss for 2 epochs"
    assert marks[4] == marks[3]
    assert bool((training.state.best.weights == 3).all())


@pytest.mark.parametrize("loss", [math.nan, math.inf])
@pytest.mark.parametrize("restored", [True, False])
def test_a_member_whose_loss_is_no_number_stops_and_keeps_what_was_before(
    restored: bool, loss: float, start: Start
) -> None:
    training = start()
    marks = planted(training, [5.0, 4.0, loss], patience=0, restore_best=restored)
    assert marks[-1].stopped == f"the validation loss became {loss} in epoch 2"
    assert bool((training.state.best.weights == 1).all())


def test_a_diverging_member_stops_while_the_others_train_as_without_it(start: Start) -> None:
    case = {"members": 3, "execution": "mapped", "optimizer": "sgd", "epochs": 6, "schedule": "constant"}
    diverging, healthy = start(**case), start(**case)
    diverging.rates[1] = 1e30
    state, expected = last(diverging), last(healthy)
    assert [mark.stopped is not None for mark in state.marks] == [False, True, False]
    assert torch.equal(state.best.weights[1], start(**case).population.weights[1])
    assert state.active == (0, 2)
    for place, member in enumerate(state.active):
        found = state.population.weights[place]
        assert torch.allclose(found, expected.population.weights[member], rtol=1e-4, atol=1e-6)
        assert state.marks[member].losses == pytest.approx(expected.marks[member].losses, rel=1e-4)


def test_members_that_are_left_out_stop_and_the_others_train_as_without_them(start: Start) -> None:
    case = {"members": 3, "execution": "mapped", "optimizer": "sgd", "epochs": 4, "schedule": "constant"}
    halved, whole = start(**case), start(**case)
    state = next(moment.state for moment in halved.moments() if moment.state.epoch == 2)
    state = left_out(state, {1}, why="worse than half of the others")
    assert (state.active, state.marks[1].stopped) == ((0, 2), "worse than half of the others")
    found, expected = last(halved, state), last(whole)
    assert found.marks[1] == state.marks[1]
    for place, member in enumerate((0, 2)):
        assert torch.allclose(found.population.weights[place], expected.population.weights[member], rtol=1e-4)
        assert found.marks[member].losses == pytest.approx(expected.marks[member].losses, rel=1e-4)
    assert Moment(state=left_out(found, {0, 2}, why="enough")).done


def test_after_a_member_stops_its_best_weights_never_change(start: Start) -> None:
    training = start(
        members=3, execution="mapped", epochs=40, learning_rate=0.2, schedule="constant", optimizer="adam",
        early_stopping={"patience": 2}, network={"normalization": "batch"},
    )  # fmt: skip
    kept: dict[int, tuple[torch.Tensor, Any]] = {}
    for moment in training.moments():
        for member, mark in enumerate(moment.state.marks):
            weights = moment.state.best.weights[member]
            if mark.stopped is not None and member in kept:
                assert torch.equal(weights, kept[member][0])
                assert mark == kept[member][1]
            elif mark.stopped is not None:
                kept[member] = (weights.clone(), mark)
    assert len(kept) == 3
    assert moment.done
    assert len({mark.best_epoch for mark in moment.state.marks}) > 1  # they stopped at different times


@pytest.mark.parametrize("execution", ["eager", "mapped", pytest.param("compiled", marks=pytest.mark.slow)])
def test_members_that_have_stopped_are_left_out_and_the_others_train_as_alone(execution: str, start: Start) -> None:
    case = {"epochs": 12, "early_stopping": {"patience": 2}, "schedule": "constant", "learning_rate": 0.2,
            "network": {"normalization": "batch"}}  # fmt: skip
    together = start(members=5, execution=execution, **case)
    sizes, records = [], []
    for moment in together.moments():
        sizes.append(len(moment.state.population.weights))
        assert sizes[-1] == len(moment.state.active) == len(moment.state.loss_sum)
        records += [record for record in (moment.step, moment.look) if record is not None]
    assert len(set(sizes)) > 2  # they stopped at different times
    for record in records:
        values = record.losses if isinstance(record, StepRecord) else record.validation_losses
        assert len(record.members) == len(record.learning_rates) == len(values)
    for member in range(5):
        alone = start(members=1, execution="eager" if execution == "mapped" else execution, **case)
        alone.seeds = [together.seeds[member]]
        alone.population.weights.copy_(start(members=5, **case).population.weights[member : member + 1])
        expected, found = last(alone).marks[0], moment.state.marks[member]
        if execution == "compiled":  # the others round in another way when there are more members
            assert found == expected
        assert found.losses[:3] == pytest.approx(expected.losses[:3], rel=1e-4)


def test_weights_are_drawn_anew_for_the_members_that_train_on(start: Start) -> None:
    case: dict[str, Any] = {
        "members": 3,
        "execution": "eager",
        "redraw_fraction": 0.2,
        "redraw_epochs": 4.0,
        "epochs": 5,
    }
    stopping, healthy = start(optimizer="sgd", **case), start(optimizer="sgd", **case)
    stopping.rates[0] = 1e30
    found, expected = last(stopping), last(healthy)
    assert found.active == (1, 2)
    assert torch.equal(found.population.weights, expected.population.weights[1:])


RESUMED: dict[str, dict[str, Any]] = {
    "eager": {"execution": "eager", "schedule": "plateau", "plateau_patience": 0},
    "mapped": {"execution": "mapped", "members": 3, "schedule": "plateau", "plateau_patience": 0},
    "stopping": {"execution": "mapped", "members": 2, "early_stopping": {"patience": 2}, "learning_rate": 0.3},
    "redrawn": {"execution": "eager", "redraw_fraction": 0.1, "redraw_epochs": 2.0, "optimizer": "muon"},
    "compiled": {"execution": "compiled", "members": 2, "signals_every": 3},
}
SLOW = pytest.mark.slow


@pytest.mark.parametrize("moments", [5, pytest.param(60, marks=SLOW)])
@pytest.mark.parametrize("case", [pytest.param(case, marks=SLOW if case == "compiled" else ()) for case in RESUMED])
def test_a_training_resumed_from_any_moment_ends_with_the_same_bits(case: str, moments: int, start: Start) -> None:
    changes = MODERATE | {"epochs": 5} | RESUMED[case]
    saved = [(state_to_bytes(moment.state, b""), moment.look) for moment in start(**changes).moments()]
    drawn = random.choices(range(len(saved)), k=moments - 2)
    for place in {0, *drawn, len(saved) - 1}:
        state, _ = state_from_bytes(saved[place][0], device="cpu")
        later: list[Moment] = []
        for moment in start(**changes).moments(state):
            later.append(moment)
            state = moment.state
        assert state_to_bytes(state, b"") == saved[-1][0], place
        expected = [look for _, look in saved[place + 1 :] if look is not None]
        found = [moment.look for moment in later if moment.look is not None]
        assert [look.training_losses for look in found] == [look.training_losses for look in expected], place
        assert [look.learning_rates for look in found] == [look.learning_rates for look in expected], place


@pytest.mark.parametrize("name", SCHEDULES)
def test_the_recorded_rate_is_the_base_rate_times_the_tables_factor(name: str, start: Start) -> None:
    training = start(members=2, execution="mapped", schedule=name, epochs=6, signals_every=3, warmup_epochs=1.0)
    training.rates = [0.01, 0.02]
    seen = 0
    for moment in training.moments():
        for record in (moment.step, moment.look):
            if record is None or (name == "plateau" and record.epoch > 5):
                continue
            factor = SCHEDULES[name](record.epoch, total=6.0, settings=training.program.settings)
            factor *= min(1.0, 0.01 + 0.99 * record.epoch)
            assert record.learning_rates == pytest.approx([0.01 * factor, 0.02 * factor], rel=1e-12)
            seen += 1
    assert seen >= 13


def test_the_plateau_schedule_lowers_each_members_rate_by_its_own_losses(start: Start) -> None:
    training = start(
        members=3, execution="mapped", schedule="plateau", plateau_patience=0, plateau_factor=0.5, epochs=10,
        learning_rate=0.2, signals_every=1,
    )  # fmt: skip
    losses: list[list[float]] = [[], [], []]
    seen = set()
    for moment in training.moments():
        if moment.step is not None:
            for of_member, rate in zip(losses, moment.step.learning_rates, strict=True):
                worse = sum(loss >= min(of_member[:place], default=math.inf) for place, loss in enumerate(of_member))
                assert rate == pytest.approx(0.2 * 0.5**worse)
                seen.add(worse)
        if moment.look is not None:
            for of_member, loss in zip(losses, moment.look.validation_losses, strict=True):
                of_member.append(loss)
    assert len(seen) > 2


@pytest.mark.parametrize("execution", ["eager", "mapped"])
def test_the_records_and_the_weights_do_not_depend_on_how_often_signals_are_taken(execution: str, start: Start) -> None:
    found = []
    for every in (0, 1, 3):
        training = start(execution=execution, signals_every=every, **MODERATE)
        moments = list(training.moments())
        assert sum(moment.step is not None for moment in moments) == (0 if every == 0 else math.ceil(16 / every))
        records = [
            (look.epoch, look.step, look.training_losses[0], look.validation_losses, look.learning_rates, look.rows)
            for look in (moment.look for moment in moments)
            if look is not None
        ]
        assert math.isnan(records[0][2])
        found.append((state_to_bytes(moments[-1].state, b""), records[1:], records[0][3]))
    assert found[0] == found[1] == found[2]


def test_training_losses_are_the_means_of_the_epochs_steps(start: Start) -> None:
    training = start(signals_every=1, **MODERATE)
    steps: list[float] = []
    for moment in training.moments():
        if moment.step is not None:
            steps.append(float(moment.step.losses[0]))
        if moment.look is not None and steps:
            assert moment.look.training_losses[0] == pytest.approx(np.mean(steps[-4:]), rel=1e-6)
            assert moment.look.rows == 64
    assert len(steps) == 16


def test_validation_losses_weigh_rows(start: Start) -> None:
    training = start(members=2)
    outputs = torch.randn(2, 3, 1)
    rows = Rows(features={}, targets=torch.zeros(3, 1), weights=torch.tensor([1.0, 0.0, 3.0]))
    expected = [float((o[0] ** 2 + 3 * o[2] ** 2) / 4) for o in outputs[..., 0]]
    assert mean_losses(training.program, outputs, rows) == pytest.approx(expected, rel=1e-6)


def test_no_rows_have_no_outputs_and_many_are_computed_in_parts(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    training = start(members=2)
    arguments = (training.program.network, training.program.pieces, training.population)
    features = training.training.features
    assert outputs_of(*arguments, {name: block[:0] for name, block in features.items()}).shape == (2, 0, 1)
    whole = outputs_of(*arguments, features)
    monkeypatch.setattr("fitwell.training.outputs.ROWS_AT_ONCE", 33)
    assert torch.allclose(outputs_of(*arguments, features), whole, atol=1e-6)
