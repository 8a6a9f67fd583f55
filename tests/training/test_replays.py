"""Recorded steps, replayed with other inputs, leave what steps taken one by one leave."""

from __future__ import annotations

import math
import weakref
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from fitwell.errors import SurroundingsError
from fitwell.networks.augmentation import recolored
from fitwell.networks.mixing import Mixing
from fitwell.networks.noise import noise_words
from fitwell.training.checkpoints import state_from_bytes, state_to_bytes
from fitwell.training.loop import Moment, State, mapped, record_ahead
from fitwell.training.members import holding
from fitwell.training.program import Execution, Population
from fitwell.training.replays import Replays
from fitwell.training.step import advance

Start = Callable[..., Any]
RATE = 2.0**-7  # times which nothing is rounded: a number and a tensor of it then give the same bits

CASES: dict[str, dict[str, Any]] = {
    "adam": {"network": {"activation": "tanh"}},
    "sgd": {"optimizer": "sgd"},
    "batch norm and dropout": {"network": {"normalization": "batch", "dropout": 0.3}},
    "several members": {"members": 3, "network": {"normalization": "batch", "dropout": 0.3}},
    "input noise": {"input_noise": 0.5},
    "clipping": {"clip_norm": 0.1, "clip_value": 0.05, "members": 2},
    "own clipping": {"members": [{"training.clip_norm": 0.1}, {}]},
    "penalties and limits": {"l1": 0.01, "l2": 0.02, "max_norm": 0.5},
    "decay": {"optimizer": "adamw", "weight_decay": 0.5},
    "row weights": {"weights": torch.linspace(0, 2, 16 * 11), "rows": 16 * 11, "network": {"normalization": "batch"}},
    "accumulation": {"accumulation": 3, "network": {"dropout": 0.2}},
    "signals of each step": {"signals_every": 1},
    "signals every three steps": {"signals_every": 3},
    "no signals": {"signals_every": 0},
    "rates of their own": {"members": [{}, {"training.learning_rate": RATE / 4}], "optimizer": "sgd"},
    "all rows at once": {"batch_size": "full", "network": {"dropout": 0.3}},
}  # fmt: skip


class Recorded:
    """In the place of a GPU: what was recorded is called again; a GPU calls it before, to warm up.

    Like a graph it keeps nothing alive that it reads.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.made = 0

    def __call__(self, function: Callable[[], None]) -> Callable[[], None]:
        function()
        self.made += 1
        recorded = weakref.ref(function)

        def replay() -> None:
            steps = recorded()
            assert steps is not None, "what was recorded is there no more"
            steps()

        return replay


class Refusing:
    """A device that records nothing."""

    def __init__(self, device: torch.device) -> None:
        pass

    def __call__(self, function: Callable[[], None]) -> Callable[[], None]:
        function()
        try:
            raise RuntimeError("operation not permitted when stream is capturing\nCUDA kernel errors might be ...")
        finally:
            raise RuntimeError("operation failed due to a previous error during capture")


class Forgetful:
    """A device whose replays end where the recording did, whatever the inputs are then."""

    def __init__(self, device: torch.device) -> None:
        pass

    def __call__(self, function: Callable[[], None]) -> Callable[[], None]:
        function()
        return lambda: None


def replaying(start: Start, recorder: Any = Recorded, **case: Any) -> Any:
    """A small training of a stride and a step whose steps are recorded."""
    training = start(**settings(case))
    training.program = replace(training.program, execution="compiled", replays=Replays(recorder))
    return training


def settings(case: dict[str, Any]) -> dict[str, Any]:
    usual = {"rows": 16 * 11, "optimizer": "adam", "learning_rate": RATE, "schedule": "constant", "epochs": 1}
    return usual | case


def execution_of(case: dict[str, Any]) -> Execution:
    members = case.get("members", 1)
    return "eager" if members == 1 else "mapped"


def walked(moments: Iterator[Moment]) -> tuple[State, list[Moment]]:
    seen = list(moments)
    return seen[-1].state, seen


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_replayed_steps_move_the_weights_as_steps_taken_one_by_one_do(case: dict[str, Any], start: Start) -> None:
    one_by_one = start(execution=execution_of(case), **settings(case))
    begun = one_by_one.population.weights.clone()
    expected, singly = walked(one_by_one.moments())
    found, together = walked(replaying(start, **case).moments())
    assert torch.equal(found.population.weights, expected.population.weights)
    assert not torch.allclose(found.population.weights, begun, atol=RATE / 10)
    for name, buffer in found.population.buffers.items():
        assert torch.equal(buffer, expected.population.buffers[name]), name
    for one, other in zip(_looks(together), _looks(singly), strict=True):
        assert one.validation_losses == other.validation_losses
        assert one.training_losses == pytest.approx(other.training_losses, rel=1e-6, nan_ok=True)
    for one, other in zip(_records(together), _records(singly), strict=True):
        assert (one.step, one.epoch, one.learning_rates) == (other.step, other.epoch, other.learning_rates)
        assert torch.equal(one.losses, other.losses)
        assert torch.equal(one.signals.values.nan_to_num(), other.signals.values.nan_to_num())


def _looks(moments: list[Moment]) -> list[Any]:
    return [moment.look for moment in moments if moment.look is not None]


def _records(moments: list[Moment]) -> list[Any]:
    return [moment.step for moment in moments if moment.step is not None]


@pytest.mark.parametrize("schedule", ["cosine", "log_cosine"])
def test_rates_that_change_from_step_to_step_are_followed_within_a_replay(schedule: str, start: Start) -> None:
    case = {"schedule": schedule, "members": 2, "network": {"dropout": 0.2}}
    expected, _ = walked(start(execution="mapped", **settings(case)).moments())
    found, _ = walked(replaying(start, **case).moments())
    assert torch.allclose(found.population.weights, expected.population.weights, rtol=1e-4, atol=1e-6)


def test_a_stride_goes_from_one_observed_step_to_the_next(start: Start) -> None:
    _, seen = walked(replaying(start, rows=16 * 25, epochs=2).moments())
    steps = [moment.state.step for moment in seen if moment.state.step]
    assert steps == [10, 20, 21, 22, 23, 24, 25, *range(26, 31), 40, 50]
    assert [record.step for record in _records(seen)] == [1, 11, 21, 31, 41]


def test_training_can_end_after_any_step_that_was_asked_for(start: Start) -> None:
    _, seen = walked(replaying(start, rows=16 * 25, epochs=2, maximum_steps=17).moments())
    assert 17 in [moment.state.step for moment in seen]


@pytest.mark.parametrize("after", [1, 3])
def test_a_resumed_training_ends_with_the_same_bits(after: int, start: Start) -> None:
    case = {"members": 2, "schedule": "cosine", "network": {"normalization": "batch"}, "epochs": 2}
    whole, _ = walked(replaying(start, **case).moments())
    cut = replaying(start, **case)
    for place, moment in enumerate(cut.moments()):
        if place == after:
            saved = state_to_bytes(moment.state, b"")
            break
    resumed, _ = walked(replaying(start, **case).moments(state_from_bytes(saved, device="cpu")[0]))
    assert resumed.step == whole.step
    assert torch.equal(resumed.population.weights, whole.population.weights)


def test_members_that_stop_are_packed_away_and_the_others_recorded_anew(start: Start) -> None:
    case = {
        "members": [{}, {"training.learning_rate": 4.0}, {}], "epochs": 6, "early_stopping": {"patience": 1},
        "network": {"normalization": "batch"},
    }  # fmt: skip
    expected, _ = walked(start(execution="mapped", **settings(case)).moments())
    found, _ = walked(replaying(start, **case).moments())
    assert [mark.stopped for mark in found.marks] == [mark.stopped for mark in expected.marks]
    assert len(found.active) < 3
    assert torch.allclose(found.best.weights, expected.best.weights, rtol=1e-4, atol=1e-6)


def test_what_is_recorded_ahead_is_all_that_an_epoch_replays_and_moves_nothing(start: Start) -> None:
    made: list[Recorded] = []

    def remembered(device: torch.device) -> Recorded:
        made.append(Recorded(device))
        return made[-1]

    training = replaying(start, remembered, rows=16 * 25, network={"normalization": "batch"})
    before = state_to_bytes(training.state, b"")
    record_ahead(training.program, training.state, training.training, seeds=training.seeds, rates=training.rates)
    assert state_to_bytes(training.state, b"") == before
    assert [recorder.made for recorder in made] == [3]  # strides, and single steps with signals and without
    walked(training.moments())
    assert [recorder.made for recorder in made] == [3]


@pytest.mark.parametrize(
    ("recorder", "why"),
    [(Refusing, "operation not permitted when stream is capturing"), (Forgetful, "a replay did not do what")],
)
def test_what_cannot_be_recorded_is_refused_ahead_in_words_and_the_weights_stay(
    recorder: Any, why: str, start: Start
) -> None:
    training = replaying(start, recorder, network={"normalization": "batch"})
    before = state_to_bytes(training.state, b"")
    with pytest.raises(SurroundingsError, match=rf"^the steps cannot be recorded as a graph \({why}.*\); try .*never$"):
        record_ahead(training.program, training.state, training.training, seeds=training.seeds, rates=training.rates)
    assert state_to_bytes(training.state, b"") == before


@pytest.mark.parametrize("recorder", [Refusing, Forgetful])
def test_where_recording_fails_later_training_goes_on_with_the_same_result_and_says_so_once(
    recorder: Any, start: Start
) -> None:
    case = {"members": 2, "network": {"normalization": "batch", "dropout": 0.2}}
    expected, _ = walked(replaying(start, **case).moments())
    found, seen = walked(replaying(start, recorder, **case).moments())
    assert torch.equal(found.population.weights, expected.population.weights)
    (note,) = [moment.note for moment in seen if moment.note is not None]
    assert note.startswith("training goes on without a graph: the steps cannot be recorded as a graph (")


class OnTheDevice(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Refuses what would wait for a GPU, or bring something to it, while it records."""

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = function.name().removeprefix("aten::")
        assert name.partition(".")[0] not in ("_local_scalar_dense", "nonzero", "lift_fresh", "is_nonzero"), name
        return function(*args, **kwargs or {})


class Watched(Recorded):
    def __call__(self, function: Callable[[], None]) -> Callable[[], None]:
        function()
        with OnTheDevice():  # type: ignore[no-untyped-call]
            function()
        return function


STEPS_OF_A_GPU: dict[str, dict[str, Any]] = CASES | {
    "muon": {"optimizer": "muon", "members": 2},
    "rmsprop": {"optimizer": "rmsprop"},
    "focal": {"loss": "focal", "members": 2},
    "own coefficients": {"members": [{"training.beta1": 0.8}, {"training.quantile": 0.2}], "loss": "quantile"},
    "own dropout": {"members": [{"network.dropout": 0.1}, {}], "network": {"dropout": 0.3}},
    "periodic": {"network": {"number_embedding": "periodic"}},
}  # fmt: skip


@pytest.mark.parametrize("case", STEPS_OF_A_GPU.values(), ids=STEPS_OF_A_GPU)
def test_recorded_steps_neither_wait_for_a_device_nor_bring_anything_to_it(case: dict[str, Any], start: Start) -> None:
    training = replaying(start, Watched, **{"rows": 34} | case | {"signals_every": 1})  # two steps, of a kind
    record_ahead(training.program, training.state, training.training, seeds=training.seeds, rates=training.rates)
    assert math.isfinite(float(training.state.population.weights.sum()))


@pytest.mark.parametrize("case", STEPS_OF_A_GPU.values(), ids=STEPS_OF_A_GPU)
def test_all_of_a_step_takes_place_on_the_device_of_the_weights(case: dict[str, Any], start: Start) -> None:
    training = start(execution="mapped", **settings(case))
    whole, members = training.population, len(training.population.weights)

    def there(tensor: Tensor) -> Tensor:
        return tensor.to("meta")  # where tensors have a form and no values, and bear no others beside them

    def of_each(block: Tensor) -> Tensor:
        return there(block[:16].expand(members, *block[:16].shape))

    population = Population(
        weights=there(whole.weights),
        buffers={name: there(buffer) for name, buffer in whole.buffers.items()},
        slots={name: there(slot) for name, slot in whole.slots.items()},
    )
    program = replace(
        training.program,
        decays=there(training.program.decays),
        own=holding(training.program.own, {name: there(own) for name, own in training.program.own.differing.items()}),
    )
    words = noise_words([seed.noise for seed in training.seeds], step=0, layers=program.network.noise_layers)
    for rate in (torch.empty(()), torch.empty(members, 1)):
        outcome = advance(
            program,
            population,
            mapped(training.training, of_each),
            noise=there(words),
            rate=there(rate),
            step=torch.empty((), dtype=torch.float64, device="meta"),
            observe=True,
        )
        assert outcome.signals is not None
        assert outcome.losses.is_meta
        assert outcome.signals.values.is_meta


def test_pictures_are_mixed_and_recolored_with_what_is_on_the_device_already() -> None:
    pictures, words = torch.rand(6, 5, 5, 3), noise_words([1], step=0, layers=1)[0, 0]
    mixing = Mixing(mixup=0.2, cutmix=1.0)
    expected = mixing.drawn(words, 6).pictures(recolored(pictures, words, most=0.3))
    mixing.keep_on("cpu")
    with OnTheDevice():  # type: ignore[no-untyped-call]
        found = mixing.drawn(words, 6).pictures(recolored(pictures, words, most=0.3))
    assert torch.equal(found, expected)


def test_the_watch_over_recordings_sees_what_waits() -> None:
    def waits(x: Tensor) -> float:
        return float(x.sum())

    for forbidden in (waits, torch.nonzero, torch.vmap(lambda x: torch.tensor(1.0) + x)):
        with pytest.raises(AssertionError), OnTheDevice():  # type: ignore[no-untyped-call]
            forbidden(torch.ones(2))
