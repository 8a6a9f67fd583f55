"""Members are computed together as far as memory allows, and nothing else depends on that."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from fitwell.networks.noise import noise_words
from fitwell.training import groups
from fitwell.training.gradients import gradient_of
from fitwell.training.groups import Fit, free_bytes, measured_fit
from fitwell.training.loop import epoch_batches
from fitwell.training.program import Batch, Gradient

Start = Callable[..., Any]
CASE: dict[str, Any] = {
    "network": {"normalization": "batch", "dropout": 0.3}, "optimizer": "adamw", "signals_every": 2, "double": True,
}  # fmt: skip


def first_batch(training: Any, rows: int = 16) -> tuple[Batch, torch.Tensor]:
    words = noise_words([seed.noise for seed in training.seeds], step=0, layers=training.program.network.noise_layers)
    return next(epoch_batches(training.training, training.seeds, epoch=0, batch_rows=rows)), words


def ended(training: Any) -> tuple[Any, list[str]]:
    notes = []
    for moment in training.moments():
        if moment.note is not None:
            notes.append(moment.note)
    return moment.state, notes


def failing_over(monkeypatch: pytest.MonkeyPatch, most: int, error: Exception) -> list[int]:
    """Let the memory suffice for so many members only, and fail when running statistics have changed already."""
    sizes: list[int] = []

    def failing(program: Any, population: Any, *rest: Any) -> Gradient:
        sizes.append(len(population.weights))
        found = gradient_of(program, population, *rest)
        if sizes[-1] > most:
            raise error
        return found

    monkeypatch.setattr(groups, "gradient_of", failing)
    return sizes


@pytest.mark.parametrize("at_once", [1, 2, 4, 5, 99])
def test_members_learn_the_same_in_groups_of_any_size(at_once: int, start: Start) -> None:
    together, _ = ended(start(members=5, execution="mapped", **CASE))
    grouped, notes = ended(start(members=5, execution="mapped", at_once=at_once, **CASE))
    assert torch.allclose(grouped.population.weights, together.population.weights, rtol=1e-9, atol=1e-12)
    for name, buffer in together.population.buffers.items():
        assert torch.allclose(grouped.population.buffers[name], buffer, rtol=1e-9), name
    assert notes == []


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes. Error code 12"),
    ],
    ids=["python", "cuda", "cpu"],
)
def test_a_group_that_runs_out_of_memory_is_halved_said_once_and_learns_the_same(
    error: Exception, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected, _ = ended(start(members=5, execution="mapped", **CASE))
    sizes = failing_over(monkeypatch, 2, error)
    found, notes = ended(start(members=5, execution="mapped", **CASE))
    assert sizes[:6] == [5, 3, 2, 2, 1, 2]
    assert max(sizes[2:]) == 2
    assert notes == ["the memory did not suffice for all members at once; from now on they are computed 2 at a time"]
    assert torch.allclose(found.population.weights, expected.population.weights, rtol=1e-9, atol=1e-12)
    for name, buffer in expected.population.buffers.items():
        assert torch.allclose(found.population.buffers[name], buffer, rtol=1e-9), name


def test_where_one_member_is_too_much_or_something_else_fails_the_error_stands(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing_over(monkeypatch, 0, MemoryError("all of it"))
    with pytest.raises(MemoryError, match="all of it"):
        ended(start(members=4, execution="mapped", **CASE))
    failing_over(monkeypatch, 0, RuntimeError("a shape does not fit"))
    with pytest.raises(RuntimeError, match="a shape does not fit"):
        ended(start(members=4, execution="mapped", **CASE))


@pytest.mark.parametrize("normalization", ["none", "batch"])
def test_what_members_add_is_measured_to_the_layers_outputs_and_leaves_the_population_alone(
    normalization: str, start: Start, capfd: pytest.CaptureFixture[str]
) -> None:
    hidden = [64, 96]
    training = start(
        members=6, execution="mapped", rows=512, batch_size=512,
        network={"hidden": hidden, "activation": "relu", "normalization": normalization},
    )  # fmt: skip
    batch, words = first_batch(training, 512)
    before = training.population.weights.clone()
    fit = measured_fit(training.program, training.population, batch, noise=words)
    outputs = 4 * 512 * sum(hidden)
    assert torch.equal(training.population.weights, before)
    # At least what a layer keeps for its way back; at most some copies of it and of the weights.
    assert outputs < fit.each < 8 * outputs + 10 * 4 * training.population.weights.shape[1]
    assert (fit.at_once, fit.members) == (6, 6)
    assert capfd.readouterr() == ("", "")
    larger = start(
        members=2, execution="mapped", rows=1024, batch_size=1024,
        network={"hidden": hidden, "activation": "relu", "normalization": normalization},
    )  # fmt: skip
    batch, words = first_batch(larger, 1024)
    twice = measured_fit(larger.program, larger.population, batch, noise=words)
    assert twice.each == pytest.approx(2 * fit.each, rel=0.2)


@pytest.mark.parametrize(("free", "at_once"), [(3.5, 3), (5.1, 5), (9, 5), (13, 10), (0, 1), (float("inf"), 10)])
def test_groups_fit_the_free_memory_and_are_even(
    free: float, at_once: int, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    training = start(members=10, execution="mapped")
    batch, words = first_batch(training)
    fit = measured_fit(training.program, training.population, batch, noise=words)
    monkeypatch.setattr(groups, "free_bytes", lambda _device: free * fit.each / groups.USABLE + fit.shared)
    scarce = measured_fit(training.program, training.population, batch, noise=words)
    assert scarce.at_once == at_once


def test_free_memory_is_what_linux_says_within_the_limit_of_a_container(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cpu = torch.device("cpu")
    machine = tmp_path / "meminfo"
    machine.write_text("MemTotal: 9000 kB\nMemAvailable:    5000 kB\n")
    monkeypatch.setattr(groups, "MEMORY_OF_MACHINE", machine)
    monkeypatch.setattr(groups, "CONTROL_GROUPS", {tmp_path: ("memory.max", "memory.current", "inactive_file")})
    assert free_bytes(cpu) == 5_000 * 1024
    (tmp_path / "memory.max").write_text("max\n")
    (tmp_path / "memory.current").write_text("2000000\n")
    (tmp_path / "memory.stat").write_text("anon 1500000\ninactive_file 300000\n")
    assert free_bytes(cpu) == 5_000 * 1024
    (tmp_path / "memory.max").write_text("3000000\n")
    assert free_bytes(cpu) == 1_300_000
    machine.unlink()
    assert free_bytes(cpu) == 1_300_000
    (tmp_path / "memory.max").unlink()
    assert free_bytes(cpu) == float("inf")


def test_the_reason_names_what_is_needed_and_what_is_there() -> None:
    fit = Fit(at_once=2, members=4, shared=1_000_000, each=100_000_000, free=float("inf"))
    assert fit.why == "a step of all 4 takes 401 MB beside their weights, and an unknown amount is free"
