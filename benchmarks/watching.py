"""What `fw.watch` costs: trainings with it and without it, by turns, on one thread.

    python benchmarks/watching.py [--repeats 5] [--case tiny]
    python benchmarks/watching.py --steps 12 [--case resnet-18]

A tiny network (20 inputs, two layers of 64), where Python's own calls weigh most, and a ResNet-18 on images of 32 by
32, where tensors do. Both trainings of a pair take the same steps from the same weights, by turns of a tenth of them,
and CPU seconds are compared, so that a busy machine does little harm. The ratio is the median over pairs, beside the
lowest and the highest. With `--steps`, so many single steps that are measured are compared with as many that are not,
by turns: what a training costs that is so short that all of its steps are measured.
"""

from __future__ import annotations

import argparse
import copy
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from statistics import median
from time import process_time

import torch
from torch import Tensor, nn
from torch.nn import functional

import fitwell as fw


class Block(nn.Module):
    """Two convolutions with a shortcut, as in ResNet-18."""

    def __init__(self, width_in: int, width: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width_in, width, 3, stride, 1, bias=False)
        self.first_norm = nn.BatchNorm2d(width)
        self.second = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.second_norm = nn.BatchNorm2d(width)
        changes = stride > 1 or width_in != width
        self.shortcut = nn.Conv2d(width_in, width, 1, stride, bias=False) if changes else nn.Identity()

    def forward(self, inputs: Tensor) -> Tensor:
        hidden = functional.relu(self.first_norm(self.first(inputs)))
        return functional.relu(self.second_norm(self.second(hidden)) + self.shortcut(inputs))


def resnet(classes: int = 10) -> nn.Module:
    """Return ResNet-18 for images of 32 by 32: 11 million weights."""
    blocks, before = [], 64
    for width, stride in ((64, 1), (128, 2), (256, 2), (512, 2)):
        blocks += [Block(before, width, stride), Block(width, width, 1)]
        before = width
    stem = [nn.Conv2d(3, 64, 3, 1, 1, bias=False), nn.BatchNorm2d(64), nn.ReLU()]
    return nn.Sequential(*stem, *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, classes))


STRETCHES = 10  # of a training, between which the two take turns


@dataclass(frozen=True)
class Case:
    """One training to be watched."""

    name: str
    model: Callable[[], nn.Module]
    inputs: tuple[int, ...]  # of one row
    rows: int  # of a batch
    steps: int


CASES = (
    Case(
        "tiny",
        lambda: nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10)),
        (20,),
        64,
        2000,
    ),
    Case("resnet-18", resnet, (3, 32, 32), 16, 30),
)


def training(case: Case, start: nn.Module, *, watched: bool) -> Iterator[float]:
    """Train from these weights, yielding the CPU seconds of each of ten stretches."""
    model = copy.deepcopy(start)
    optimizer = torch.optim.Adam(model.parameters())
    torch.manual_seed(1)
    inputs, classes = torch.randn(case.rows, *case.inputs), torch.randint(0, 10, (case.rows,))
    begun = process_time()
    with fw.watch(model, optimizer) if watched else nullcontext() as watch:
        for step in range(1, case.steps + 1):
            loss = functional.cross_entropy(model(inputs), classes)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            if watch is not None:
                watch.record(loss=loss)
            if step % (case.steps // STRETCHES) == 0:
                yield process_time() - begun
                begun = process_time()


def measured_steps(case: Case, start: nn.Module, steps: int) -> Iterator[tuple[float, float]]:
    """Yield the CPU seconds of a step that is not measured and of one that is, by turns."""
    model = copy.deepcopy(start)
    optimizer = torch.optim.Adam(model.parameters())
    inputs, classes = torch.randn(case.rows, *case.inputs), torch.randint(0, 10, (case.rows,))

    def step(*, watched: bool) -> float:
        begun = process_time()
        with fw.watch(model, optimizer) if watched else nullcontext():
            loss = functional.cross_entropy(model(inputs), classes)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        return process_time() - begun

    for watched in (False, True):
        step(watched=watched)  # pays for allocations
    for _ in range(steps):
        yield step(watched=False), step(watched=True)


def main() -> None:
    """Print one line for each case."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--case", choices=[case.name for case in CASES], help="only this one")
    parser.add_argument("--steps", type=int, help="compare so many measured steps with others, and nothing else")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    for case in [each for each in CASES if asked.case in (None, each.name)]:
        torch.manual_seed(0)
        start = case.model()
        if asked.steps:
            without, watched = zip(*measured_steps(case, start, asked.steps), strict=True)
            ratios = [after / before for before, after in zip(without, watched, strict=True)]
            print(
                f"{case.name:10} a measured step takes {median(watched) / median(without):.3f} times another "
                f"(pairs: {median(ratios):.3f}, {min(ratios):.3f} to {max(ratios):.3f})",
                flush=True,
            )
            continue
        next(training(case, start, watched=True))  # the first one pays for allocations and imports
        ratios, plain = [], []
        for _ in range(asked.repeats):
            both = zip(training(case, start, watched=False), training(case, start, watched=True), strict=True)
            without, watched = (sum(seconds) for seconds in zip(*both, strict=True))
            ratios.append(watched / without)
            plain.append(without)
        step = 1000 * median(plain) / case.steps
        print(
            f"{case.name:10} {step:8.2f} ms a step without; watched {median(ratios):.3f} times that "
            f"({min(ratios):.3f} to {max(ratios):.3f}, {case.steps} steps)",
            flush=True,
        )


if __name__ == "__main__":
    main()
