"""Training is left as asked, keeps the best weights, and goes on from a saved state to the same bits."""

from __future__ import annotations

import math
import re
import signal
from collections.abc import Callable
from dataclasses import replace
from time import perf_counter
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from sklearn.metrics import average_precision_score, log_loss, roc_auc_score
from sklearn.utils.class_weight import compute_class_weight

from fitwell.data.read import read_table
from fitwell.decision import UNDECIDED
from fitwell.devices import require_device
from fitwell.errors import SurroundingsError
from fitwell.events import Event, unheard
from fitwell.learning import (
    Clock,
    Learned,
    Pace,
    Setup,
    in_time,
    learn,
    pace_of,
    predictions_for_rows,
    set_up,
    trained_model,
)
from fitwell.narration import plan_event
from fitwell.prediction import encoded, predictions_for
from fitwell.preparation import Prepared, divided, labelled_rows_of, prepare
from fitwell.recipe import Recipe, changed
from fitwell.training.checkpoints import state_from_bytes, state_to_bytes
from fitwell.training.gradients import gradient_of
from fitwell.training.population import make_program
from fitwell.training.program import Program
from fitwell.training.replays import Replays

SETTINGS: dict[str, Any] = {
    "device": "cpu",
    "target": ["y"],
    "network.hidden": [8],
    "training.epochs": 4,
    "training.batch_size": 32,
    "training.early_stopping.patience": 0,
}


def begun(**asked: Any) -> tuple[Prepared, Setup]:
    random = np.random.default_rng(0)
    a, b = random.normal(size=200), random.choice(["p", "q"], 200)
    frame = pl.DataFrame({"a": a, "b": b, "y": np.where(a + (b == "p") + random.normal(size=200) > 1.2, "yes", "no")})
    settings = SETTINGS | {name.replace("__", "."): value for name, value in asked.items()}
    labelled, recipe = labelled_rows_of(read_table(frame), changed(Recipe(), settings), test=None)
    prepared = prepare(labelled, recipe, split=divided(labelled, recipe))
    return prepared, set_up(prepared, prepared.recipe)


def learned(prepared: Prepared, setup: Setup, **options: Any) -> Learned:
    usual: dict[str, Any] = {"clock": Clock(perf_counter()), "listener": unheard}
    return learn(setup, prepared, **(usual | options))


def validation(found: Learned) -> pl.DataFrame:
    return found.history.filter(pl.col("split") == "validation")


def test_training_ends_done_with_the_best_weights_and_the_named_figure() -> None:
    prepared, setup = begun(training__learning_rate=0.05)
    found = learned(prepared, setup)
    assert (found.ending, found.state.epoch, found.state.step) == ("done", 4, 4 * (len(prepared.split.train) // 32))
    rows = prepared.split.validation
    predictions, truth = predictions_for_rows(prepared, setup, found.state, rows).mean, prepared.labelled.truth[rows]
    looks = validation(found)
    best = looks.filter(pl.col("loss") == looks["loss"].min())
    assert log_loss(truth, predictions[:, 1]) == pytest.approx(best["loss"].item(), rel=1e-5)
    assert roc_auc_score(truth, predictions[:, 1]) == pytest.approx(best["figure"].item())
    model = trained_model(prepared, setup, found.state, UNDECIDED)
    again = predictions_for(model, encoded(model, prepared.labelled.frame[rows])).mean
    assert np.array_equal(again, predictions)


def test_what_decides_is_shown_while_training() -> None:
    heard: list[Event] = []
    prepared, setup = begun(goal="imbalanced")
    found = learn(setup, prepared, clock=Clock(perf_counter()), listener=heard.append)
    last = heard[-1]
    rows = prepared.split.validation
    assert validation(found)["metric"].unique().to_list() == ["pr_auc"]
    assert f"pr_auc {validation(found)['figure'][-1]:.4f}" in last.text
    assert last.values["metric"] == "pr_auc"
    best = validation(found).filter(pl.col("loss") == validation(found)["loss"].min())
    predictions, truth = predictions_for_rows(prepared, setup, found.state, rows).mean, prepared.labelled.truth[rows]
    assert average_precision_score(truth, predictions[:, 1]) == pytest.approx(best["figure"].item())


def test_training_ends_after_the_steps_that_are_allowed() -> None:
    prepared, setup = begun(training__maximum_steps=3)
    found = learned(prepared, setup)
    assert (found.ending, found.state.step, validation(found)["step"].max()) == ("steps", 3, 3)
    again = learned(prepared, begun(training__maximum_steps=3)[1])
    assert torch.equal(again.state.population.weights, found.state.population.weights)


def test_a_saved_state_that_took_all_its_steps_takes_no_more() -> None:
    prepared, setup = begun(training__maximum_steps=3, training__checkpoint_seconds=1e-9)
    saved: list[tuple[bytes, bytes]] = []
    whole = learned(prepared, setup, save=lambda state, text: saved.append((state_to_bytes(state, text), text)))
    content, history = saved[-1]
    state, _ = state_from_bytes(content, device="cpu")
    assert state.step == 3
    _, fresh = begun(training__maximum_steps=3)
    resumed = learned(prepared, replace(fresh, state=state), history=history)
    assert (resumed.ending, resumed.state.step) == ("steps", 3)
    assert torch.equal(resumed.state.best.weights, whole.state.best.weights)


def test_training_ends_in_time_after_one_step_at_least() -> None:
    prepared, setup = begun()
    found = learned(prepared, setup, clock=Clock(perf_counter() - 100, 1.0))
    assert (found.ending, found.state.step) == ("time", 1)
    late = learned(prepared, begun()[1], clock=Clock(perf_counter(), 1000.0), reserve=2000.0)
    assert (late.ending, late.state.step) == ("time", 1)


def test_a_ctrl_c_ends_training_and_its_saved_state_goes_on_to_the_same_bits() -> None:
    prepared, setup = begun(training__checkpoint_seconds=0)
    saved: list[bytes] = []

    def interrupt(event: Event) -> None:
        if event.kind == "look" and event.values["epoch"] == 2:
            signal.raise_signal(signal.SIGINT)

    cut = learned(prepared, setup, listener=interrupt, save=lambda s, h: saved.append(state_to_bytes(s, h)))
    assert (cut.ending, cut.state.epoch, len(saved)) == ("interrupted", 2, 1)
    state, history = state_from_bytes(saved[0], device="cpu")
    resumed = learned(prepared, replace(begun()[1], state=state), history=history)
    whole = learned(*begun())
    assert torch.equal(resumed.state.population.weights, whole.state.population.weights)
    assert resumed.history.drop("seconds").equals(whole.history.drop("seconds"), null_equal=True)


def test_every_saved_state_goes_on_to_the_same_bits() -> None:
    prepared, setup = begun(training__checkpoint_seconds=1e-9, members=2, network__dropout=0.2)
    saved: list[bytes] = []
    whole = learned(prepared, setup, save=lambda state, history: saved.append(state_to_bytes(state, history)))
    assert len(saved) == 1 + whole.state.step  # the look before the first step is a moment too
    for content in saved[::3]:
        state, history = state_from_bytes(content, device="cpu")
        fresh = begun(training__checkpoint_seconds=0, members=2, network__dropout=0.2)[1]
        resumed = learned(prepared, replace(fresh, state=state), history=history)
        assert torch.equal(resumed.state.population.weights, whole.state.population.weights)
        assert torch.equal(resumed.state.best.weights, whole.state.best.weights)
        assert resumed.history.drop("seconds").equals(whole.history.drop("seconds"), null_equal=True)


@pytest.mark.parametrize(("seconds", "epochs"), [(-5.0, 1), (0.0, 1), (0.99, 1), (2.5, 2), (4.0, 4), (99, 4)])
def test_as_many_epochs_are_left_as_fit_into_the_time(seconds: float, epochs: int) -> None:
    prepared, setup = begun()
    steps = len(prepared.split.train) // 32
    found = in_time(setup, Pace(step=0.75 / steps, look=0.25), seconds=seconds)
    assert (found.recipe.training.epochs, found.program.settings.epochs) == (epochs, epochs)
    assert ("training.epochs" in found.reasons) == (epochs < 4)


def test_timing_steps_and_a_look_leaves_the_population_as_it_was() -> None:
    _, setup = begun(network__normalization="batch")
    before = setup.state.population.weights.clone(), {n: b.clone() for n, b in setup.state.population.buffers.items()}
    pace = pace_of(setup)
    assert pace.step > 0
    assert pace.look > 0
    assert torch.equal(setup.state.population.weights, before[0])
    assert all(torch.equal(buffer, before[1][name]) for name, buffer in setup.state.population.buffers.items())
    assert setup.state.step == 0


def test_members_that_do_not_fit_the_memory_at_once_are_planned_in_groups_unless_a_number_is_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert begun(members=4)[1].recipe.training.members_at_once == 4
    monkeypatch.setattr("fitwell.training.groups.free_bytes", lambda _device: 1.0)
    prepared, setup = begun(members=4)
    assert setup.recipe.training.members_at_once == setup.program.settings.members_at_once == 1
    assert re.fullmatch(
        r"a step of all 4 takes [\d,]+ MB beside their weights, and 0 MB is free",
        setup.reasons["training.members_at_once"],
    )
    asked = begun(members=4, training__members_at_once=3)[1]
    assert asked.recipe.training.members_at_once == 3
    expected = learned(prepared, begun(members=4, training__members_at_once=4)[1]).state.best.weights
    for each in (setup, asked):
        assert torch.allclose(learned(prepared, each).state.best.weights, expected, rtol=1e-3, atol=1e-5)


def test_a_group_that_runs_out_of_memory_is_told_of_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(program: Any, population: Any, *rest: Any) -> Any:
        if len(population.weights) > 2:
            raise MemoryError
        return gradient_of(program, population, *rest)

    prepared, setup = begun(members=4)
    monkeypatch.setattr("fitwell.training.groups.gradient_of", failing)
    heard: list[Event] = []
    learned(prepared, setup, listener=heard.append)
    (note,) = [event for event in heard if event.kind == "note"]
    assert note.text == (
        "the memory did not suffice for all members at once; from now on they are computed 2 at a time"
    )


def test_balanced_class_weights_reach_the_loss() -> None:
    prepared, setup = begun(training__class_weights="balanced")
    truth = prepared.labelled.truth[prepared.split.train]
    weights = compute_class_weight("balanced", classes=np.array([0, 1]), y=truth)
    even = setup.program.loss(torch.zeros(2, 1), torch.tensor([[0.0], [1.0]]))
    assert even.tolist() == pytest.approx((weights * math.log(2)).tolist(), rel=1e-6)


def test_a_device_that_is_not_there_is_refused() -> None:
    with pytest.raises(SurroundingsError, match=r'device is "mps", but torch cannot compute there'):
        require_device("mps")


@pytest.mark.parametrize("members", [1, 2])
def test_a_compiler_that_fails_leaves_the_other_execution_a_record_of_it_and_a_line(
    members: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refusing(*_: Any) -> None:
        raise SurroundingsError("the step cannot be compiled (no compiler here); try training.compile: never")

    monkeypatch.setattr("fitwell.training.compiled.loaded_libraries", refusing)
    prepared, setup = begun(training__compile="always", members=members)
    execution = "eager" if members == 1 else "mapped"
    assert (setup.recipe.training.compile, setup.recipe.training.execution) == ("never", execution)
    assert setup.recipe.training.members_at_once == members
    assert setup.program.settings == setup.recipe.training
    (event,) = setup.events
    assert event.text == (
        "training goes on without compiling: the step cannot be compiled (no compiler here); "
        "try training.compile: never"
    )
    assert "no compiler here" in setup.reasons["training.compile"]
    plain = begun(training__compile="never", members=members)[1]
    found, expected = (learned(prepared, each).state.best.weights for each in (setup, plain))
    assert torch.equal(found, expected)


class AsOnAGpu:
    """Steps that were recorded are called again, unless recording is refused."""

    def __init__(self, *, refusing: bool) -> None:
        self.refusing = refusing

    def __call__(self, function: Callable[[], None]) -> Callable[[], None]:
        if self.refusing:
            raise RuntimeError("CUDA error: out of memory\nCUDA kernel errors might be reported later")
        return function


@pytest.mark.parametrize("refusing", [False, True])
def test_on_a_gpu_steps_are_recorded_or_training_goes_on_without_a_graph(
    refusing: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def make(*arguments: Any, **settings: Any) -> Program:
        replays = Replays(lambda _device: AsOnAGpu(refusing=refusing))
        return replace(make_program(*arguments, **settings), whole_step=None, replays=replays)

    monkeypatch.setattr("fitwell.learning.make_program", make)
    prepared, setup = begun(training__compile="always", members=2)
    monkeypatch.undo()
    plain = begun(training__compile="never", members=2)[1]
    found, expected = (learned(prepared, each) for each in (setup, plain))
    if refusing:
        (event,) = setup.events
        assert event.text == (
            "training goes on without compiling: the steps cannot be recorded as a graph (CUDA error: out of memory); "
            "try training.compile: never"
        )
        assert (setup.recipe.training.compile, setup.recipe.training.execution) == ("never", "mapped")
        assert torch.equal(found.state.best.weights, expected.state.best.weights)
        assert "graph" not in plan_event(setup).text
    else:
        assert plan_event(setup).text.endswith("; steps are replayed as a graph, 10 at a time")
        assert (setup.recipe.training.execution, setup.events) == ("compiled", ())
        assert torch.allclose(found.state.best.weights, expected.state.best.weights, rtol=1e-3, atol=1e-5)
    assert found.history.height == expected.history.height


def test_a_training_that_compiles_learns_what_another_learns(monkeypatch: pytest.MonkeyPatch) -> None:
    def as_they_are(steps: Any, _example: Any) -> list[Any]:
        return [lambda tensors, step=step: step(*tensors) for step in steps]

    monkeypatch.setattr("fitwell.training.compiled.loaded_libraries", as_they_are)  # compiling would take its time
    prepared, setup = begun(training__compile="always", members=2)
    assert (setup.recipe.training.execution, setup.events) == ("compiled", ())
    found = learned(prepared, setup)
    expected = learned(prepared, begun(training__compile="never", members=2)[1])
    assert torch.allclose(found.state.best.weights, expected.state.best.weights, rtol=1e-3, atol=1e-5)
    assert found.history.height == expected.history.height
