"""Members are computed in groups that fit the memory.

A mapped step holds the layers' outputs of all its members at once. How much one member adds is measured before the
first step, by listening to every allocation of a step of one member and of one of two, on copies. Where all do not fit,
a step goes through the members in groups; order, noise and records know nothing of that.

A group that runs out of memory nevertheless, because another program has taken it, is halved and computed again. Until
its gradient is there a step changes running statistics only, and these are put back; what follows the gradient then
finds the memory that was tried before.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Int
from torch import Tensor
from torch.autograd.profiler import profile

from fitwell.errors import is_out_of_memory
from fitwell.training.gradients import gradient_of
from fitwell.training.optimizers import Rate
from fitwell.training.program import Batch, Gradient, Outcome, Population, Program, copied, program_of, stretch
from fitwell.training.signals import joined_signals
from fitwell.training.step import advance, moved

USABLE = 0.8  # of the memory that is free: others need some too, and allocators leave gaps
MATRICES_OF_A_MOVE = 4  # of the size of the weights, that an optimizer and the signals hold for a moment at most
MEMORY_OF_MACHINE = Path("/proc/meminfo")
# Files with the limit and the use of a Linux control group, by version, and the name of what could be dropped.
CONTROL_GROUPS = {
    Path("/sys/fs/cgroup"): ("memory.max", "memory.current", "inactive_file"),
    Path("/sys/fs/cgroup/memory"): ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
}


@dataclass(frozen=True, kw_only=True)
class Fit:
    """How many members are computed at once, and what that rests on, in bytes."""

    at_once: int
    members: int
    shared: int  # what a step takes whatever the members
    each: int  # what every member adds
    free: float

    @property
    def why(self) -> str:
        """The reason in words."""
        needed = _readable(float(self.shared + self.members * self.each))
        return f"a step of all {self.members} takes {needed} beside their weights, and {_readable(self.free)} is free"


@dataclass(frozen=True, kw_only=True)
class Grouped:
    """The outcome of a step, and the size of the groups it went well with."""

    outcome: Outcome
    at_once: int


def advance_in_groups(
    program: Program,
    population: Population,
    batch: Batch,
    *,
    noise: Int[Tensor, "members layers words"],
    rate: Rate,
    step: int,
    observe: bool,
    at_once: int,
) -> Grouped:
    """Move every member by one step, in place, as `advance` does; a mapped execution takes `at_once` of them together.

    A group that runs out of memory is halved, until it is a single member.
    """
    members = len(population.weights)
    if program.execution != "mapped" or program.processes is not None:  # processes must not differ in their groups
        outcome = advance(program, population, batch, noise=noise, rate=rate, step=step, observe=observe)
        return Grouped(outcome=outcome, at_once=at_once)
    outcomes, start = [], 0
    while start < members:
        part = slice(start, min(start + at_once, members))
        whole = part == slice(0, members)
        of_part = program if whole else program_of(program, range(part.start, part.stop))
        own = population if whole else stretch(population, part)
        try:
            found = _gradient_with_room(of_part, own, _members_of(batch, part), noise[part], observe)
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error) or len(own.weights) == 1:
                raise
            at_once = -(-len(own.weights) // 2)
            continue
        rates = rate[part] if isinstance(rate, Tensor) else rate
        outcomes.append(moved(of_part, own, found, rate=rates, step=step, observe=observe))
        start = part.stop
    return Grouped(outcome=_joined(outcomes), at_once=at_once)


def measured_fit(
    program: Program,
    population: Population,
    batch: Batch,
    *,
    noise: Int[Tensor, "members layers words"],
) -> Fit:
    """Measure how many members of a mapped execution fit into the free memory at once; the population stays as it is.

    Raises:
        RuntimeError: not even the step of one member fits.
    """
    members = len(population.weights)
    peaks = [
        _peak_of_step(program, population, batch, noise=noise, members=slice(0, count))
        for count in range(1, min(members, 2) + 1)
    ]
    each = peaks[-1] - peaks[0] if members > 1 else peaks[0]
    shared = peaks[0] - each
    free = free_bytes(population.weights.device)
    fitting = int(max(1, min(members, (USABLE * free - shared) / max(each, 1))))
    groups = -(-members // fitting)
    return Fit(at_once=-(-members // groups), members=members, shared=shared, each=each, free=free)


def free_bytes(device: torch.device) -> float:
    """Return how much memory a program may still take on a device."""
    if device.type == "cuda":
        unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return float(torch.cuda.mem_get_info(device)[0] + unused)
    return min(_free_of_machine(), _free_of_container())


def _gradient_with_room(
    program: Program, population: Population, batch: Batch, noise: Tensor, observe: bool
) -> Gradient:
    before = {name: buffer.clone() for name, buffer in population.buffers.items()}
    try:
        found = gradient_of(program, population, batch, noise, observe)
        # Given back at once: it is there, then, for what changes the weights and could not be repeated.
        population.weights.new_empty(MATRICES_OF_A_MOVE * population.weights.numel())
    except (MemoryError, RuntimeError):
        for name, buffer in population.buffers.items():
            buffer.copy_(before[name])
        raise
    return found


def _peak_of_step(program: Program, population: Population, batch: Batch, *, noise: Tensor, members: slice) -> int:
    copy = copied(stretch(population, members))
    of_part = program_of(program, range(members.start, members.stop))
    with _allocations(population.weights.device) as sizes:
        advance(of_part, copy, _members_of(batch, members), noise=noise[members], rate=0.0, step=1, observe=True)
    held = highest = 0
    for size in sizes:
        held += size
        highest = max(highest, held)
    return highest


@contextmanager
def _allocations(device: torch.device) -> Iterator[list[int]]:
    """Collect the bytes of every allocation, and with a minus of every release, in their order."""
    sizes: list[int] = []
    with (
        _environment("KINETO_LOG_LEVEL", "99"),  # else the profiler reports on the screen that it starts and ends
        profile(profile_memory=True, use_device=None if device.type == "cpu" else device.type) as profiled,
    ):
        yield sizes
    assert profiled.kineto_results is not None
    events = [event for event in profiled.kineto_results.events() if event.name() == "[memory]"]
    events = [event for event in events if event.device_type().name.lower() == device.type]
    sizes += [event.nbytes() for event in sorted(events, key=lambda event: event.start_ns())]


@contextmanager
def _environment(name: str, value: str) -> Iterator[None]:
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


def _joined(outcomes: Sequence[Outcome]) -> Outcome:
    if len(outcomes) == 1:
        return outcomes[0]
    signals = [outcome.signals for outcome in outcomes if outcome.signals is not None]
    return Outcome(
        losses=torch.cat([outcome.losses for outcome in outcomes]),
        signals=joined_signals(signals) if signals else None,
    )


def _members_of(batch: Batch, members: slice) -> Batch:
    return Batch(
        features={name: block[members] for name, block in batch.features.items()},
        targets=batch.targets[members],
        weights=None if batch.weights is None else batch.weights[members],
    )


def _free_of_machine() -> float:
    """Return what Linux says that a program may still take; elsewhere it is not known."""
    try:
        lines = MEMORY_OF_MACHINE.read_text().splitlines()
    except OSError:
        return math.inf
    (kilobytes,) = (line.split()[1] for line in lines if line.startswith("MemAvailable:"))
    return 1024.0 * int(kilobytes)


def _free_of_container() -> float:
    """Return what the limit of a control group leaves; files that are only kept in memory could be dropped."""
    for folder, (limit, used, kept) in CONTROL_GROUPS.items():
        try:
            most, taken = (folder / limit).read_text().strip(), int((folder / used).read_text())
            stat = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
        except OSError:  # control groups of another version, or none
            continue
        return math.inf if most == "max" else float(int(most) - taken + int(stat[kept]))
    return math.inf


def _readable(size: float) -> str:
    return "an unknown amount" if math.isinf(size) else f"{size / 1e6:,.0f} MB"
