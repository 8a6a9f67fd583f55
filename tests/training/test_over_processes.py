"""Processes that share every batch take the steps that one process takes alone.

The processes are played by threads, each with a gloo group of its own, so that no test starts any; trainings in real
processes are in `test_together.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from threading import local
from typing import Any, TypeVar

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch import distributed as dist

from fitwell.networks.normalization import BatchNorm
from fitwell.processes import Launch
from fitwell.processes.group import Processes, Wishes
from fitwell.training.loop import Moment

Start = Callable[..., Any]
Result = TypeVar("Result")


class Troupe:
    """A number of threads that stand for as many processes, and talk by gloo as those do."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._own = local()

    def play(self, part: Callable[[Processes], Result]) -> list[Result]:
        """Let every thread play the part with its own view of the processes, and return what each of them returned."""
        store = dist.HashStore()  # type: ignore[attr-defined]  # torch does not say that it exports it

        def as_rank(rank: int) -> Result:
            self._own.group = dist.ProcessGroupGloo(store, rank, self._size, timedelta(seconds=20))
            return part(Processes(launch=Launch(rank=rank, world_size=self._size)))

        with ThreadPoolExecutor(self._size) as pool:
            return list(pool.map(as_rank, range(self._size)))

    def all_reduce(self, tensor: Tensor) -> None:
        self._own.group.allreduce([tensor]).wait()

    def broadcast(self, tensor: Tensor, src: int) -> None:
        self._own.group.broadcast(tensor, src).wait()


@pytest.fixture
def troupe(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], Troupe]:
    """How to gather threads that stand for processes."""

    def gathered(size: int) -> Troupe:
        found = Troupe(size)
        monkeypatch.setattr(dist, "all_reduce", found.all_reduce)
        monkeypatch.setattr(dist, "broadcast", found.broadcast)
        return found

    return gathered


def over_processes(training: Any, processes: Processes) -> Any:
    """Let a training share its batches, as a run is set up to."""
    training.program = replace(training.program, processes=processes)
    for module in training.program.network.modules():
        if isinstance(module, BatchNorm):
            module.over_processes = True
    return training


# What the rows of a batch have in common, and what comes after the gradient; batches of 17 rows do not divide evenly.
CASES: dict[str, dict[str, Any]] = {
    "plain": {},
    "batch normalization": {"network": {"normalization": "batch"}},
    "noise": {"network": {"dropout": 0.4}, "input_noise": 0.5},
    "row weights": {"weights": torch.linspace(0, 2, 70)},
    "full batches": {"batch_size": "full", "weights": torch.linspace(0, 2, 70)},
    "stopped early": {"early_stopping": {"patience": 1}, "learning_rate": 0.3, "epochs": 6},
    "everything": {
        "weights": torch.linspace(0, 2, 70), "input_noise": 0.1, "l1": 0.001, "l2": 0.002, "clip_norm": 0.5,
        "clip_value": 0.2, "max_norm": 2.0, "redraw_fraction": 0.05, "redraw_epochs": 0.5, "optimizer": "adamw",
        "weight_decay": 0.05, "schedule": "plateau",
        "network": {"normalization": "batch", "dropout": 0.2, "residual": True},
    },
}  # fmt: skip


def final(training: Any) -> Moment:
    *_, last = training.moments()
    return last  # type: ignore[no-any-return]


IN_EVERY_RUN = {("batch normalization", 2), ("stopped early", 2), ("everything", 2), ("everything", 3)}
SIZES = [*((case, 2) for case in CASES), ("noise", 3), ("batch normalization", 3), ("everything", 3)]


@pytest.mark.parametrize(
    ("case", "size"), [pytest.param(*each, marks=() if each in IN_EVERY_RUN else pytest.mark.slow) for each in SIZES]
)
def test_processes_together_end_where_one_process_ends_alone(
    case: str, size: int, start: Start, troupe: Callable[[int], Troupe]
) -> None:
    # Three members mapped for two processes, one eager member for three.
    members, execution = (3, "mapped") if size == 2 else (1, "eager")
    settings = {"batch_size": 17, "double": True, "members": members, "execution": execution} | CASES[case]
    alone = final(start(**settings))
    together = troupe(size).play(lambda processes: final(over_processes(start(**settings), processes)))
    for found in together:
        assert found.state.step == alone.state.step
        assert found.state.active == alone.state.active
        # Normal noise is drawn in float32.
        assert torch.allclose(found.state.population.weights, alone.state.population.weights, rtol=1e-8, atol=1e-10)
        for name, buffer in alone.state.population.buffers.items():
            assert torch.allclose(found.state.population.buffers[name], buffer, rtol=1e-9, atol=1e-12), name
        for mark, expected in zip(found.state.marks, alone.state.marks, strict=True):
            assert mark.losses == pytest.approx(expected.losses, rel=1e-9)
            assert (mark.best_epoch, mark.stopped) == (expected.best_epoch, expected.stopped)
        assert torch.equal(found.state.population.weights, together[0].state.population.weights)


def test_signals_are_those_of_the_whole_batch(start: Start, troupe: Callable[[int], Troupe]) -> None:
    settings: dict[str, Any] = {"batch_size": 17, "double": True, "members": 2, "execution": "mapped", "epochs": 1}
    settings |= {"signals_every": 1, "network": {"activation": "relu", "normalization": "batch"}}

    def signals(training: Any) -> Tensor:
        return torch.stack([moment.step.signals.values for moment in training.moments() if moment.step is not None])

    alone = signals(start(**settings))
    for found in troupe(2).play(lambda processes: signals(over_processes(start(**settings), processes))):
        # Shares of zeros are counted in float32.
        assert torch.allclose(found, alone, rtol=1e-6, atol=1e-9, equal_nan=True)


def test_a_process_that_starts_in_the_middle_of_an_epoch_goes_on_with_the_same_rows(
    start: Start, troupe: Callable[[int], Troupe]
) -> None:
    settings: dict[str, Any] = {"batch_size": 16, "double": True, "network": {"dropout": 0.3}}
    alone = final(start(**settings))

    def resumed(processes: Processes) -> Moment:
        training = over_processes(start(**settings), processes)
        for moment in training.moments():
            training.state = moment.state
            if training.state.step == 6:
                break
        assert training.state.epoch_step == 2
        return final(training)

    for found in troupe(2).play(resumed):
        assert torch.allclose(found.state.population.weights, alone.state.population.weights, rtol=1e-9, atol=1e-12)


def test_batch_normalization_over_processes_is_torchs_on_all_rows(troupe: Callable[[int], Troupe]) -> None:
    generator = torch.Generator().manual_seed(0)
    rows = 1000 + torch.randn(11, 4, generator=generator, dtype=torch.float64)
    pull = torch.randn(11, 4, generator=generator, dtype=torch.float64)
    plain, whole = nn.BatchNorm1d(4).double(), rows.clone().requires_grad_()
    (plain(whole) * pull).sum().backward()

    def part(processes: Processes) -> tuple[Tensor, BatchNorm]:
        layer, own = BatchNorm(4).double(), rows[processes.share(11)].clone().requires_grad_()
        layer.over_processes = True
        (layer(own) * pull[processes.share(11)]).sum().backward()
        assert own.grad is not None
        return own.grad, layer

    found = troupe(3).play(part)
    assert whole.grad is not None
    assert torch.allclose(torch.cat([gradient for gradient, _ in found]), whole.grad, rtol=1e-7, atol=1e-12)
    assert plain.running_mean is not None
    assert plain.running_var is not None
    for _, layer in found:
        assert torch.allclose(layer.running_mean, plain.running_mean, rtol=1e-12)
        assert torch.allclose(layer.running_var, plain.running_var, rtol=1e-9)


def test_a_wish_of_one_process_is_known_to_all_after_the_next_sum(troupe: Callable[[int], Troupe]) -> None:
    def part(processes: Processes) -> list[tuple[bool, bool]]:
        agreed = []
        for step in range(4):
            wishes = processes.agree(Wishes(late=processes.launch.rank == 1 and step >= 1))
            agreed.append((wishes.interrupted, wishes.late))
            processes.summed(torch.ones(2, 3))
        processes.forget()
        processes.summed(torch.ones(2, 3))
        return [*agreed, (processes.agreed.interrupted, processes.agreed.late)]

    assert troupe(3).play(part) == [[(False, False), (False, False), (False, True), (False, True), (False, False)]] * 3


def test_what_the_first_says_arrives_whole_also_where_it_is_nothing(troupe: Callable[[int], Troupe]) -> None:
    told = [b"", b"x", bytes(range(256)) * 5]

    def part(processes: Processes) -> list[bytes]:
        return [processes.from_first(content if processes.first else b"not heard") for content in told]

    assert troupe(2).play(part) == [told, told]


@pytest.mark.parametrize(("rows", "size"), [(1, 1), (5, 2), (7, 7), (100, 7), (3, 5)])
def test_shares_are_all_rows_once_and_differ_by_one_at_most(rows: int, size: int) -> None:
    shares = [Processes(launch=Launch(rank=rank, world_size=size)).share(rows) for rank in range(size)]
    assert np.concatenate([np.arange(rows)[share] for share in shares]).tolist() == list(range(rows))
    counts = [share.stop - share.start for share in shares]
    assert max(counts) - min(counts) <= 1
