"""A member whose settings differ from the others' trains as it would alone with those settings."""

from __future__ import annotations

import math
import pickle
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
from torch.func import functional_call, stack_module_state, vmap
from torch.fx.experimental.proxy_tensor import make_fx

from fitwell.networks.noise import Dropout, InputNoise, noise_words
from fitwell.recipe import PER_MEMBER
from fitwell.training.loop import epoch_batches
from fitwell.training.members import NUMBERS

Start = Callable[..., Any]
SEEDS = {"weights": 3, "order": 3, "noise": 3}


@dataclass(frozen=True)
class Case:
    """Values that members have of a setting, and what it needs to have an effect."""

    values: tuple[Any, Any, Any]
    needs: dict[str, Any] = field(default_factory=dict)


WANDERING = {"training.learning_rate": 0.1, "training.epochs": 5}  # the validation loss rises now and then
CASES: dict[str, Case] = {
    "seeds.weights": Case((3, 4, 5)),
    "seeds.order": Case((3, 4, 5)),
    "seeds.noise": Case((3, 4, 5), {"network.dropout": 0.3}),
    "network.initialization_scale": Case((1.0, 0.3, 2.0)),
    "network.initialization_range": Case((0.05, 0.5, 1.0), {"network.initialization": "uniform"}),
    "network.number_embedding_scale": Case((0.1, 0.5, 1.0), {"network.number_embedding": "periodic"}),
    "network.dropout": Case((0.0, 0.3, 0.6)),
    "network.input_factor": Case((1.0, 3.0, [0.5, 1.0, 2.0, 0.1]), {"network.number_embedding": "piecewise_linear"}),
    "network.input_shift": Case((0.0, 1.0, [0.5, 0.0, -2.0, 0.1])),
    "training.input_noise": Case((0.0, 0.2, 0.5)),
    "training.focal_gamma": Case((0.0, 1.0, 3.0), {"training.loss": "focal"}),
    "training.huber_delta": Case((0.1, 0.5, 1.0), {"training.loss": "huber"}),
    "training.quantile": Case((0.1, 0.5, 0.9), {"training.loss": "quantile"}),
    "training.target_factor": Case((1.0, 3.0, [0.2])),
    "training.target_shift": Case((0.0, 1.0, [-2.0])),
    "training.label_smoothing": Case((0.0, 0.1, 0.3), {"training.loss": "cross_entropy"}),
    "training.class_weights": Case(
        ("none", {"0": 1.0, "1": 3.0}, {"0": 2.0, "1": 0.5}), {"training.loss": "cross_entropy"}
    ),
    "training.learning_rate": Case((0.01, 0.03, 0.1)),
    "training.momentum": Case((0.0, 0.5, 0.9)),
    "training.beta1": Case((0.0, 0.5, 0.9), {"training.optimizer": "adamw"}),
    "training.beta2": Case((0.5, 0.9, 0.999), {"training.optimizer": "muon"}),
    "training.rms_decay": Case((0.5, 0.9, 0.99), {"training.optimizer": "rmsprop"}),
    "training.epsilon": Case((1e-8, 1e-3, 0.1), {"training.optimizer": "adam"}),
    "training.schedule": Case(("constant", "cosine", "step")),
    "training.warmup_epochs": Case((0.0, 1.0, 2.0)),
    "training.step_epochs": Case((0.5, 1.0, 2.0), {"training.schedule": "step"}),
    "training.step_factor": Case((0.1, 0.5, 1.0), {"training.schedule": "step", "training.step_epochs": 1.0}),
    "training.decay_rate": Case((0.0, 0.1, 1.0), {"training.schedule": "exponential"}),
    "training.minimum_factor": Case((0.0, 0.1, 0.5), {"training.schedule": "cosine"}),
    "training.cycle_epochs": Case((0.5, 1.0, 2.0), {"training.schedule": "cyclical"}),
    "training.cycle_growth": Case(
        (1.0, 1.5, 3.0), {"training.schedule": "warm_restarts", "training.cycle_epochs": 1.0}
    ),
    "training.cycles": Case((1, 2, 3), {"training.schedule": "log_cosine"}),
    "training.plateau_patience": Case((0, 1, 5), WANDERING | {"training.schedule": "plateau"}),
    "training.plateau_factor": Case(
        (0.1, 0.5, 0.9), WANDERING | {"training.schedule": "plateau", "training.plateau_patience": 0}
    ),
    "training.l1": Case((0.0, 0.01, 0.1)),
    "training.l2": Case((0.0, 0.01, 0.1)),
    "training.weight_decay": Case((0.0, 0.5, 2.0)),
    "training.max_norm": Case((0.3, 1.0, None)),
    "training.redraw_fraction": Case((0.0, 0.1, 0.5)),
    "training.clip_norm": Case((0.05, 0.5, None)),
    "training.clip_value": Case((0.001, 0.01, None)),
    "training.early_stopping.patience": Case((1, 2, 0), WANDERING),
    "training.early_stopping.minimum_improvement": Case((0.0, 0.01, 1.0), {"training.early_stopping.patience": 1}),
}
BASE = {
    "training.optimizer": "sgd", "training.schedule": "constant", "training.weight_decay": 0.0,
    "training.early_stopping.patience": 0, "training.epochs": 2,
}  # fmt: skip


def test_every_setting_that_a_member_may_have_of_its_own_is_tried() -> None:
    assert set(CASES) == set(PER_MEMBER)


def test_every_number_that_a_step_computes_with_is_carried_by_it() -> None:
    named = {path.rpartition(".")[2] for path, carrier in PER_MEMBER.items() if carrier == "step"}
    assert named == set(NUMBERS) | {"class_weights"}


def set_up(start: Start, needs: dict[str, Any], *, members: Any, execution: str) -> Any:
    changes = BASE | needs
    loss = changes.pop("training.loss", "squared_error")
    if changes["training.optimizer"] == "adam":
        del changes["training.weight_decay"]
    return start(members=members, execution=execution, rows=50, double=True, seeds=SEEDS, loss=loss, changes=changes)


def last(training: Any) -> Any:
    for moment in training.moments():
        state = moment.state
    return state


def equal(together: Any, place: int, alone: Any, *, loosely: bool = False) -> None:
    """Require that a member of a population ended as a training of its own did."""
    found, expected = together.marks[place], alone.marks[0]
    assert (found.stopped, found.best_epoch) == (expected.stopped, expected.best_epoch)
    # Normal noise is drawn in float32, and a compiler rounds its logarithm and cosine in its own way.
    rtol, atol = (1e-5, 1e-7) if loosely else (1e-9, 1e-11)
    assert found.losses == pytest.approx(expected.losses, rel=rtol)
    assert torch.allclose(together.best.weights[place], alone.best.weights[0], rtol=rtol, atol=atol)
    for name, buffer in alone.best.buffers.items():
        assert torch.allclose(together.best.buffers[name][place], buffer[0], rtol=rtol, atol=atol), name


@pytest.mark.parametrize("path", CASES)
def test_a_member_trains_as_its_recipe_does_alone(path: str, start: Start) -> None:
    case = CASES[path]
    together = last(set_up(start, case.needs, members=[{path: value} for value in case.values], execution="mapped"))
    for place, value in enumerate(case.values):
        alone = last(set_up(start, case.needs | {path: value}, members=1, execution="eager"))
        equal(together, place, alone)
    best = together.best.weights
    assert not torch.allclose(best[1], best[2], rtol=1e-6) or together.marks[1] != together.marks[2]


# Each member differs in another setting: one population, and one compilation, tries all that go together.
TOGETHER: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "sgd": (
        {"network.number_embedding": "piecewise_linear", "training.nesterov": True},
        (
            "seeds.weights", "seeds.order", "seeds.noise", "network.initialization_scale", "network.dropout",
            "network.input_factor", "network.input_shift", "training.target_factor", "training.target_shift",
            "training.learning_rate", "training.momentum", "training.warmup_epochs", "training.schedule", "training.l1",
            "training.l2", "training.weight_decay", "training.max_norm", "training.clip_norm", "training.clip_value",
            "training.early_stopping.minimum_improvement",
        ),
    ),
    "adamw": (
        {"training.optimizer": "adamw", "training.loss": "cross_entropy", "network.initialization": "uniform"},
        (
            "network.initialization_range", "training.beta1", "training.beta2", "training.epsilon",
            "training.label_smoothing", "training.class_weights", "training.weight_decay", "training.l2",
        ),
    ),
    "rmsprop": (
        {"training.optimizer": "rmsprop", "training.loss": "huber", "network.number_embedding": "periodic"},
        ("network.number_embedding_scale", "training.rms_decay", "training.huber_delta", "training.epsilon"),
    ),
    "muon": (
        {"training.optimizer": "muon", "training.loss": "quantile"},
        ("training.momentum", "training.beta1", "training.beta2", "training.quantile", "training.minimum_factor"),
    ),
    "focal": ({"training.loss": "focal"}, ("training.focal_gamma", "training.input_noise")),
    "schedules": (
        {"training.epochs": 5},
        (
            "training.step_epochs", "training.step_factor", "training.decay_rate", "training.cycle_epochs",
            "training.cycle_growth", "training.cycles", "training.plateau_patience", "training.plateau_factor",
            "training.early_stopping.patience", "training.redraw_fraction",
        ),
    ),
}  # fmt: skip
# A compiled step draws no weights anew, and knows of schedules only the rate, which is an input of it.
COMPILED = [name for name in TOGETHER if name != "schedules"]
IN_EVERY_RUN = ("sgd", "adamw")  # tracing takes a second each time


def test_every_setting_is_tried_together_with_others() -> None:
    assert {path for _, paths in TOGETHER.values() for path in paths} == set(PER_MEMBER)


def members_of(name: str) -> list[dict[str, Any]]:
    """What each member has of its own: a value of its setting, and what that needs to have an effect."""
    return [
        {path: CASES[path].values[1]} | {each: value for each, value in CASES[path].needs.items() if each in PER_MEMBER}
        for path in TOGETHER[name][1]
    ]


@pytest.fixture(scope="module")
def alone() -> Callable[[str, Start], list[Any]]:
    """How the members of a population end by themselves."""
    known: dict[str, list[Any]] = {}

    def found(name: str, start: Start) -> list[Any]:
        if name not in known:
            needs = TOGETHER[name][0]
            known[name] = [last(set_up(start, needs | own, members=1, execution="eager")) for own in members_of(name)]
        return known[name]

    return found


def alike(name: str, execution: str, start: Start, alone: list[Any]) -> None:
    needs, paths = TOGETHER[name]
    together = last(set_up(start, needs, members=members_of(name), execution=execution))
    for place, of_member in enumerate(alone):
        equal(together, place, of_member, loosely=execution == "compiled" and "training.input_noise" in paths)


@pytest.mark.parametrize("name", TOGETHER)
def test_members_executed_eagerly_train_as_their_recipes_do_alone(name: str, start: Start, alone: Any) -> None:
    alike(name, "eager", start, alone(name, start))


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in IN_EVERY_RUN else pytest.mark.slow) for name in COMPILED]
)
def test_what_is_compiled_takes_each_members_settings(
    name: str, start: Start, alone: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def traced(steps: Any, example: Any) -> list[Any]:
        graphs = [make_fx(step)(*(tensor.clone() for tensor in example)) for step in steps]
        return [lambda tensors, graph=graph: graph(*tensors) for graph in graphs]

    # The graphs themselves: compiling them would take its time.
    monkeypatch.setattr("fitwell.training.compiled.loaded_libraries", traced)
    alike(name, "compiled", start, alone(name, start))


@pytest.mark.slow
@pytest.mark.parametrize("name", COMPILED)
def test_compiled_members_train_as_their_recipes_do_alone(name: str, start: Start, alone: Any) -> None:
    alike(name, "compiled", start, alone(name, start))


@pytest.mark.parametrize("kind", [Dropout, InputNoise])
@pytest.mark.parametrize("count", [4, 32])
def test_a_members_noise_is_bitwise_the_same_alone_and_in_a_group(kind: Any, count: int) -> None:
    inputs, words = torch.randn(9, 7), noise_words(range(count), step=5, layers=2)
    plain = [kind(member / 40, layer=1) for member in range(count)]
    varying = [kind(member / 40, layer=1) for member in range(count)]
    for layer in varying:
        layer.vary()
    _, buffers = stack_module_state(varying)
    mapped = vmap(lambda own, noise: functional_call(varying[0], own, (inputs, noise)))(buffers, words)
    for member, layer in enumerate(plain):
        assert torch.equal(mapped[member], layer(inputs, words[member]))
        assert torch.equal(varying[member](inputs, words[member]), layer(inputs, words[member]))


@pytest.mark.parametrize("count", [4, 32])
def test_a_member_ends_the_same_in_groups_of_any_size(count: int, start: Start) -> None:
    def own(member: int) -> dict[str, Any]:
        return {
            "network.dropout": member / 50,
            "training.l2": member / 1000,
            "training.learning_rate": 0.01 + member / 1e4,
        }

    together = last(set_up(start, {}, members=[own(member) for member in range(count)], execution="mapped"))
    for member in (0, 3, count - 1):
        equal(together, member, last(set_up(start, own(member), members=1, execution="eager")))


def test_members_that_share_seeds_see_the_same_rows_and_start_from_the_same_weights(start: Start) -> None:
    shared = start(members=[{}, {}, {"seeds.order": 8}], seeds=SEEDS, network={"dropout": 0.3})
    assert len(shared.population.weights.unique(dim=0)) == 1
    batch = next(epoch_batches(shared.training, shared.seeds, epoch=1, batch_rows=16))
    assert torch.equal(batch.targets[0], batch.targets[1])
    assert not torch.equal(batch.targets[0], batch.targets[2])
    assert len({seed.noise for seed in shared.seeds}) == 1
    of_own = start(members=3)
    assert len(of_own.population.weights.unique(dim=0)) == 3


def test_a_setting_that_no_member_varies_stays_a_plain_number(start: Start) -> None:
    training = start(members=[{}, {"training.l2": 0.1}], network={"dropout": 0.3}, optimizer="adam", l1=0.5)
    assert set(training.program.own.differing) == {"l2"}
    assert (training.program.own.l1, training.program.own.beta1) == (0.5, 0.9)
    assert dict(training.population.buffers) == {}
    varied = start(members=[{}, {"network.dropout": 0.1}], network={"dropout": 0.3})
    assert set(varied.population.buffers) == {
        f"layers.{layer}.dropout.{name}" for layer in (0, 1) for name in ("limit", "factor")
    }


def test_a_program_of_members_that_differ_can_be_handed_to_another_process(start: Start) -> None:
    members = [{"training.label_smoothing": 0.1}, {"network.dropout": 0.1, "training.beta1": 0.5}]
    training = start(members=members, loss="cross_entropy", optimizer="adam")
    training.program = pickle.loads(pickle.dumps(training.program))
    same = start(members=members, loss="cross_entropy", optimizer="adam")
    assert torch.equal(last(training).best.weights, last(same).best.weights)


def test_settings_stay_with_their_members_when_others_stop(start: Start) -> None:
    members = [{"training.l2": l2, "network.dropout": l2} for l2 in (0.0, 0.01, 0.3)]
    case: dict[str, Any] = {"members": members, "execution": "mapped", "double": True, "optimizer": "sgd", "epochs": 4}
    stopping, healthy = start(**case), start(**case)
    stopping.rates, healthy.rates = [1e30, 0.02, 0.03], [0.01, 0.02, 0.03]
    found, expected = last(stopping), last(healthy)
    assert found.active == (1, 2)
    assert math.isinf(found.marks[0].losses[-1]) or math.isnan(found.marks[0].losses[-1])
    assert torch.allclose(found.population.weights, expected.population.weights[1:], rtol=1e-9, atol=1e-11)
    assert set(stopping.program.own.differing) == {"l2"}
