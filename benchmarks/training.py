"""How fast Fitwell trains beside loops written by hand and beside frameworks, and how far all are from the floor.

    python benchmarks/training.py [--peers PYTHON] [--work mlp] [--only "fitwell, eager" ...] [--rounds 7]
    python benchmarks/training.py --signals [--work mlp] [--rounds 7]

Every contestant runs in a process of its own, with one thread, on rows in memory, and they take turns: one epoch each,
round after round. A figure is the median over the rounds of the ratio to the hand-written eager loop of the same round,
in CPU seconds, because the machine may be shared. The floor is what the matrix products of a step alone take, at the
rate that torch reaches for products of that size on one core. `--peers` is a Python with frameworks that Fitwell does
not need; a contestant that does not run is named. (Lightning's metrics import torchvision where there is one, and fail
if it was built for another torch: leave it out there.) Peak memory is that of the process; beside it stands that of a
process which it started for a while, as Fitwell does to compile.

`--signals` measures what recording signals costs: short epochs with and without them take turns within one process, ten
of each a round, because a machine's speed changes from one second to the next.

Works: mlp (30-128-128-128-1, 100,000 rows, batch 256, adam); regularized (the same with batch norm and dropout);
members (16 of the first, per member; peers train one after another); cnn (a small residual network on images of 28 x
28, batch 128); lstm (64 units, series of 100 steps, batch 64); cold (from a cold process to the end of the first
epoch on 5,000 rows, wall clock and CPU: "fitwell, eager" is the engine alone, as the peers are; "fitwell" reads a CSV
file, types and divides its rows, plans, and looks at the validation rows too).
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

from contestants import CHANNELS, CONTESTANTS, INPUTS, SIDE, STEPS, UNITS, WORKS, Work

TURN, TURNS = 40, 10  # steps of an epoch whose signals are timed, and such epochs a round
CHILD = Path(__file__).parent / "contestants.py"
PEERS = ("jax scan", "keras on torch", "keras on jax", "lightning", "skorch", "fastai")
COLD = ("eager", "fitwell, eager", "fitwell", "keras on torch", "keras on jax", "lightning", "fastai")


class Contestant:
    """A process that trains an epoch whenever it is asked."""

    def __init__(self, name: str, work: str, python: str, variables: Mapping[str, str] | None = None) -> None:
        """Start it; the start-up and a first epoch go on until `wait` returns."""
        self.name = name
        self.started = time.perf_counter()
        environment = os.environ | {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        self._process = subprocess.Popen(
            [python, str(CHILD), name, work],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment | dict(variables or {}),
        )

    def wait(self) -> dict[str, float] | str:
        """Return the next answer, or the last line of what went wrong."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("{"):
                answer: dict[str, float] = json.loads(line)
                return answer
        assert self._process.stderr is not None
        lines = [line for line in self._process.stderr.read().splitlines() if line.strip()]
        return lines[-1] if lines else f"it ended with exit code {self._process.wait()}"

    def epoch(self) -> dict[str, float] | str:
        """Let it train an epoch."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return self.wait()

    def end(self) -> None:
        """Let it leave."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


def floor_seconds(work: Work) -> float:
    """Return the CPU seconds of an epoch's matrix products alone: forward, and both of the way back."""
    import torch

    torch.set_num_threads(1)
    if work.reads != "numbers":
        return _floor_of_arrays(work) * (work.rows // work.batch)
    shapes = list(pairwise((INPUTS, *work.hidden, 1)))
    products = [(work.batch, before, after) for before, after in shapes]
    products += [(before, work.batch, after) for before, after in shapes]
    products += [(work.batch, after, before) for before, after in shapes[1:]]
    operands = [(torch.randn(a, b), torch.randn(b, c), torch.empty(a, c)) for a, b, c in products]

    def step() -> None:
        for left, right, out in operands:
            torch.mm(left, right, out=out)

    return _best_seconds(step) * (work.rows // work.batch)


def _floor_of_arrays(work: Work) -> float:
    """Return the CPU seconds of a step's convolutions alone, or of the products of an LSTM's gates, both ways."""
    import torch
    from torch.nn import functional

    if work.reads == "series":
        inputs, state = torch.randn(work.batch, UNITS), torch.randn(UNITS, 4 * UNITS)
        gates = torch.randn(work.batch, 4 * UNITS)
        states, all_gates = torch.randn(UNITS, STEPS * work.batch), torch.randn(STEPS * work.batch, 4 * UNITS)

        def products() -> None:
            for _ in range(STEPS):
                torch.mm(inputs, state)
                torch.mm(gates, state.T)
            torch.mm(states, all_gates)

        return _best_seconds(products, times=5, rounds=5)
    first, second, third = CHANNELS
    half, quarter, eighth = SIDE // 2, SIDE // 4, -(-SIDE // 8)
    layers = [(1, first, SIDE, 2), (first, first, half, 1), (first, first, half, 1), (first, second, half, 2)]
    layers += [(second, second, quarter, 1), (second, third, quarter, 2), (third, third, eighth, 1)]
    operands = []
    for before, after, side, stride in layers:
        x = torch.randn(work.batch, before, side, side).to(memory_format=torch.channels_last).requires_grad_(before > 1)
        weight = torch.randn(after, before, 3, 3, requires_grad=True)
        operands.append((x, weight, stride))

    def convolutions() -> None:
        for x, weight, stride in operands:
            out = functional.conv2d(x, weight, stride=stride, padding=1)
            torch.autograd.grad(out, [tensor for tensor in (x, weight) if tensor.requires_grad], out)

    return _best_seconds(convolutions, times=2, rounds=5)


def _best_seconds(call, *, times: int = 50, rounds: int = 15) -> float:  # type: ignore[no-untyped-def]
    found = []
    for _ in range(rounds):
        started = time.process_time()
        for _ in range(times):
            call()
        found.append((time.process_time() - started) / times)
    return min(found)


def compared(names: Sequence[str], work: str, *, peers: str | None, rounds: int) -> None:
    """Print the table of one work."""
    contestants = []
    for name in names:
        if name in PEERS and peers is None:
            print(f"{name}: left out, give a Python that has it with --peers")
            continue
        contestant = Contestant(name, work, _python(name, peers))
        problem = contestant.wait()
        if isinstance(problem, str):
            print(f"{name}: does not run ({problem})")
            continue
        contestants.append(contestant)
    seconds: dict[str, list[float]] = {contestant.name: [] for contestant in contestants}
    floors, memory = [], {}
    for _ in range(rounds):
        floors.append(floor_seconds(WORKS[work]))
        for contestant in contestants:
            answer = contestant.epoch()
            assert not isinstance(answer, str), answer
            seconds[contestant.name].append(answer["seconds"] / _members_trained(contestant.name, WORKS[work]))
            memory[contestant.name] = _memory(answer)
    for contestant in contestants:
        contestant.end()
    floor = min(floors)
    print(f"\n{work}: {WORKS[work]}")
    print("| contestant | against the eager loop | rows a second | share of the floor | peak memory |")
    print("|---|---|---|---|---|")
    for name, taken in seconds.items():
        ratio = statistics.median(base / own for base, own in zip(seconds["eager"], taken, strict=True))
        best = min(taken)
        print(
            f"| {name} | {ratio:.2f} | {WORKS[work].rows / best:,.0f} | {100 * floor / best:.0f} % | {memory[name]} |"
        )
    print(f"| floor | {min(seconds['eager']) / floor:.2f} | {WORKS[work].rows / floor:,.0f} | 100 % | |")


def _memory(answer: Mapping[str, float]) -> str:
    beside = (
        f" ({answer['of_children']:,.0f} MB)" if answer["of_children"] > 50 else ""
    )  # not what asks for the machine
    return f"{answer['megabytes']:,.0f} MB{beside}"


def signals(work: str, rounds: int) -> None:
    """Print what signals every ten steps cost of a step's CPU time, in every execution."""
    import torch

    from contestants import fitwell_epochs

    torch.set_num_threads(1)
    short = replace(WORKS[work], rows=TURN * WORKS[work].batch)
    print(f"\n{work}: signals every 10 steps\n| execution | µs a step without | with | more |\n|---|---|---|---|")
    for execution in ("eager", "compiled"):
        both = [fitwell_epochs(short, execution=execution, signals_every=every) for every in (0, 10)]
        taken: list[list[float]] = [[], []]
        for _ in range(TURNS * rounds + 1):
            for epochs, times in zip(both, taken, strict=True):
                started = time.process_time()
                next(epochs)
                times.append(time.process_time() - started)
        without, observed = (statistics.median(times[1:]) / TURN for times in taken)  # the first starts up
        more = statistics.median(two / one for one, two in list(zip(*taken, strict=True))[1:]) - 1
        print(f"| {execution} | {without * 1e6:.0f} | {observed * 1e6:.0f} | {100 * more:.1f} % |")


def _members_trained(name: str, work: Work) -> int:
    return work.members if name.startswith(("fitwell", "jax")) else 1


def cold(names: Sequence[str], *, peers: str | None, rounds: int) -> None:
    """Print the time from a cold process to the end of its first epoch."""
    wall: dict[str, list[float]] = {}
    cpu: dict[str, list[float]] = {}
    for _ in range(rounds):
        for name in names:
            if name in PEERS and peers is None:
                continue
            before = os.times()
            contestant = Contestant(name, "cold", _python(name, peers))
            problem = contestant.wait()
            if isinstance(problem, str):
                print(f"{name}: does not run ({problem})")
                continue
            wall.setdefault(name, []).append(time.perf_counter() - contestant.started)
            contestant.end()
            after = os.times()
            used = after.children_user + after.children_system - before.children_user - before.children_system
            cpu.setdefault(name, []).append(used)
    print("\ncold process to the end of the first epoch on 5,000 rows: medians")
    print("| contestant | seconds | CPU seconds |\n|---|---|---|")
    for name in sorted(wall, key=lambda name: statistics.median(cpu[name])):
        print(f"| {name} | {statistics.median(wall[name]):.2f} | {statistics.median(cpu[name]):.2f} |")


def calibrated(rounds: int) -> None:
    """Print the constants of `fitwell/training/costs.py`: what compiling saves in a step, and what it costs."""
    import numpy as np

    saved, costs, sizes = [], [], []
    for name in ("narrow", "mlp", "wide"):
        work, contestants, spent = WORKS[name], [], []
        for execution in ("fitwell, eager", "fitwell, compiled, no signals"):
            before = os.times()
            with tempfile.TemporaryDirectory() as empty:  # as if nothing had been compiled before
                contestant = Contestant(execution, name, sys.executable, {"XDG_CACHE_HOME": empty})
                problem = contestant.wait()
            assert not isinstance(problem, str), problem
            taken = [contestant.epoch() for _ in range(rounds)]
            contestants.append(min(answer["seconds"] for answer in taken if not isinstance(answer, str)))
            contestant.end()
            after = os.times()
            used = after.children_user + after.children_system - before.children_user - before.children_system
            spent.append(used - sum(answer["seconds"] for answer in taken if not isinstance(answer, str)))
        saved.append((contestants[0] - contestants[1]) / (work.rows // work.batch))
        costs.append(spent[1] - spent[0])
        sizes.append((work.batch * sum(work.hidden), len(work.hidden)))
        print(f"{name}: a step saves {saved[-1] * 1e6:.0f} us, compiling takes {costs[-1]:.1f} CPU seconds")
    ones = np.ones(len(sizes))
    for label, values, place in (("saved per step, activation", saved, 0), ("compiling, per layer", costs, 1)):
        design = np.column_stack([ones, [size[place] for size in sizes]])
        constant, slope = np.linalg.lstsq(design, np.array(values), rcond=None)[0]
        print(f"{label}: {constant:.3g} + {slope:.3g} each")


def _python(name: str, peers: str | None) -> str:
    return peers if name in PEERS and peers is not None else sys.executable


def main() -> None:
    """Print one table per work."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", help="a Python that has JAX, Keras, Lightning, skorch and fastai")
    parser.add_argument("--work", nargs="+", choices=WORKS, default=["mlp"])
    parser.add_argument("--only", nargs="+", choices=CONTESTANTS, metavar="NAME", help="contestants; eager comes along")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--calibrate", action="store_true", help="measure what compiling saves and costs, instead")
    parser.add_argument("--signals", action="store_true", help="measure what recording signals costs, instead")
    asked = parser.parse_args()
    print(f"{os.cpu_count()} cores; programs that wanted them in the last minutes: {os.getloadavg()[1]:.1f}")
    if asked.signals:
        for work in asked.work:
            signals(work, asked.rounds)
        return
    if asked.calibrate:
        calibrated(asked.rounds)
        return
    for work in asked.work:
        if work == "cold":
            cold(asked.only or COLD, peers=asked.peers, rounds=asked.rounds)
            continue
        possible = [name for name in CONTESTANTS if name != "fitwell"]
        if WORKS[work].members > 1:
            possible = ["eager", "lean", "fitwell, mapped", "fitwell, compiled", "jax scan"]
        if WORKS[work].reads != "numbers":
            possible = ["eager", "lean", "data loader", "fitwell, eager", "lightning", "skorch"]
        names = [name for name in possible if asked.only is None or name in (*asked.only, "eager")]
        compared(names, work, peers=asked.peers, rounds=asked.rounds)


if __name__ == "__main__":
    main()
