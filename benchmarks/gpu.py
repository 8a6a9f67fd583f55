"""Whether a GPU takes the same steps when it replays them as a graph, and how fast they are then.

    python benchmarks/gpu.py [--work mlp --members 1 32] [--epochs 3]
    python benchmarks/gpu.py --rehearse

For each work and number of members three things are timed: a loop written by hand in plain PyTorch, one network, rows
and batches on the GPU; Fitwell with its steps asked for one by one (`training.compile: never`); and Fitwell with its
steps replayed (`always`). "A step" is the time within an epoch; "with all" is an epoch with its look at a batch of
validation rows, the orders of the rows and whatever else comes, by its steps. Times are medians over epochs, by the
clock, the GPU waited for.

Before that, both of Fitwell's ways take a hundred steps from the same start, and the weights and losses are compared:
weights may be apart by a fifth of the way that they went (kernels add up in other orders, and some weights, as biases
of keys, follow nothing but rounding), losses by a hundredth. The exit code is 1 where they are not, or where steps
could not be recorded.

`--rehearse` goes through all of it on the CPU, with few rows and with functions called again in the place of graphs, to
try this script where there is no GPU.

Works: mlp (30-128-128-128-1 with batch norm and dropout, batch 1024); cnn (a small residual network on images of 28 x
28, batch 256); transformer (2 layers, 32 steps, batch 256; by hand it is left out).
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from dataclasses import dataclass, replace

import torch

from contestants import RATE, Training, Work, fitwell_training, plain_network, rows_of
from fitwell.errors import SurroundingsError
from fitwell.training.loop import record_ahead
from fitwell.training.replays import Replays

WORKS = {
    "mlp": Work(rows=512_000, batch=1024, batch_norm=True, dropout=0.1),
    "cnn": Work(rows=51_200, batch=256, hidden=(), reads="images"),
    "transformer": Work(rows=51_200, batch=256, hidden=(), reads="series", steps=32, family="transformer"),
}
COMPARED_STEPS = 100  # later on, what rounding left behind has grown
APART, APART_LOSSES = 0.2, 0.01


@dataclass(frozen=True, kw_only=True)
class Pace:
    """Seconds of a step."""

    step: float  # within an epoch
    with_all: float  # of an epoch with all that belongs to it, by its steps


def begun(work: Work, *, graph: bool, device: str) -> Training:
    """Return a training before its first step; on a CPU, functions are called again in the place of graphs."""
    settings = {"compile": "always" if graph and device != "cpu" else "never"}
    settings |= {"image_precision": "float32"} if work.reads == "images" else {}  # as on a GPU
    training = fitwell_training(work, device=device, **settings)
    if not graph or device != "cpu":
        return training
    replays = Replays(lambda _device: lambda function: function)
    training.program = replace(training.program, execution="compiled", replays=replays)
    return training


def agreed(work: Work, *, device: str) -> bool:
    """Print how far apart both ways are after some steps from the same start."""
    ends, losses = [], []
    for graph in (False, True):
        training = begun(work, graph=graph, device=device)
        start = training.state.population.weights.clone()
        if graph:
            try:
                seeds, rates = training.seeds, [RATE] * work.members
                record_ahead(training.program, training.state, training.rows, seeds=seeds, rates=rates)
            except SurroundingsError as error:
                print(f"    NOT RECORDED: {error}")
                return False
        seen = []
        for moment in training.moments():
            seen += [] if moment.step is None else [moment.step.losses]
            if moment.note is not None:
                print(f"    {moment.note}")
            if moment.state.step >= COMPARED_STEPS or moment.state.epoch == 1:
                break
        ends.append(moment.state.population.weights - start)
        losses.append(torch.stack(seen))
    apart = float((ends[0] - ends[1]).norm() / ends[0].norm())
    of_losses = float(((losses[0] - losses[1]).abs() / losses[0].abs()).max())
    fine = apart <= APART and of_losses <= APART_LOSSES
    print(
        f"    {'agreed' if fine else 'NOT AGREED'}: weights are apart by {apart:.1e} of their way, losses by "
        f"{of_losses:.1e}"
    )
    return fine


def pace_of(training: Training, *, epochs: int, device: str) -> Pace:
    """Time some epochs after the first one, and the steps from the second moment to seven tenths of each."""
    of_steps, of_epochs = [], []
    per_epoch = len(training.rows) // training.batch
    began, looked = (0.0, 0), 0.0
    for moment in training.moments():
        state = moment.state
        if moment.look is not None:
            now = waited(device)
            of_epochs.append((now - looked) / per_epoch)
            looked, began = now, (0.0, 0)
            if state.epoch > epochs:
                break
        elif not began[1]:
            began = waited(device), state.epoch_step
        elif began[1] > 0 and state.epoch_step >= 0.7 * per_epoch:
            of_steps.append((waited(device) - began[0]) / (state.epoch_step - began[1]))
            began = 0.0, -1  # no more in this epoch
    # The first look comes before the first step, and the first epoch records and warms up.
    return Pace(step=statistics.median(of_steps[1:]), with_all=statistics.median(of_epochs[2:]))


def pace_by_hand(work: Work, *, epochs: int, device: str) -> Pace:
    """Time a loop in plain PyTorch, one network, on rows that are there."""
    x, y = (torch.from_numpy(block).to(device) for block in rows_of(work))
    network = plain_network(work).to(device)
    optimizer = torch.optim.Adam(network.parameters(), lr=RATE)
    loss_of = torch.nn.BCEWithLogitsLoss()
    seconds = []
    for _ in range(epochs + 1):
        order = torch.randperm(len(x), device=device)
        started, steps = waited(device), len(x) // work.batch
        for rows in order[: steps * work.batch].split(work.batch):
            optimizer.zero_grad()
            loss_of(network(x[rows]), y[rows]).backward()
            optimizer.step()
        seconds.append((waited(device) - started) / steps)
    return Pace(step=statistics.median(seconds[1:]), with_all=statistics.median(seconds[1:]))


def waited(device: str) -> float:
    """Return the time when the device has done all that it was asked for."""
    if device != "cpu":
        torch.cuda.synchronize()
    return time.perf_counter()


def compared(name: str, work: Work, *, epochs: int, device: str) -> bool:
    """Print the table of one work and number of members; tell whether both ways agree."""
    print(f"\n{name}, {work.members} members at a time, batches of {work.batch:,}")
    fine = agreed(work, device=device)
    paces = {} if work.family == "transformer" else {"by hand": pace_by_hand(work, epochs=epochs, device=device)}
    for way, graph in (("fitwell, one by one", False), ("fitwell, graph", True)):
        if fine or not graph:
            paces[way] = pace_of(begun(work, graph=graph, device=device), epochs=epochs, device=device)
    print(
        "| way | a step, us | with all, us | of one network, times by hand: a step | with all |\n|---|---|---|---|---|"
    )
    base = paces.get("by hand")
    for way, pace in paces.items():
        networks = work.members if way.startswith("fitwell") else 1
        step = "" if base is None else f"{networks * base.step / pace.step:.1f}"
        with_all = "" if base is None else f"{networks * base.with_all / pace.with_all:.1f}"
        print(f"| {way} | {pace.step * 1e6:,.0f} | {pace.with_all * 1e6:,.0f} | {step} | {with_all} |")
    return fine


def main() -> None:
    """Compare both ways for every work, and time them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", nargs="+", choices=WORKS, default=list(WORKS))
    parser.add_argument("--members", nargs="+", type=int, default=[1, 32])
    parser.add_argument("--epochs", type=int, default=3, help="that are timed")
    parser.add_argument("--rehearse", action="store_true", help="on the CPU, with little of everything")
    asked = parser.parse_args()
    if not asked.rehearse and not torch.cuda.is_available():
        sys.exit("no GPU is there, so that nothing was compared or timed; --rehearse goes through it on the CPU")
    if asked.rehearse:
        print("a rehearsal on the CPU: functions are called again in the place of graphs, so times say nothing")
    else:
        print(f"{torch.cuda.get_device_name()}, torch {torch.__version__}, CUDA {torch.version.cuda}")
    fine = True
    for name in asked.work:
        for members in asked.members:
            work = replace(WORKS[name], members=min(members, 2) if asked.rehearse else members)
            if asked.rehearse:
                work = replace(work, batch=16, rows=16 * 45)
            fine &= compared(name, work, epochs=asked.epochs, device="cpu" if asked.rehearse else "cuda")
    sys.exit(0 if fine else 1)


if __name__ == "__main__":
    main()
