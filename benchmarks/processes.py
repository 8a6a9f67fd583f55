"""What sharing batches among processes costs and brings: seconds of a step alone and in two processes on one machine.

    python benchmarks/processes.py [--widths 128 512 2048] [--rounds 5]

A network of three hidden layers on 30 numbers, batches of 1,024 rows, one thread a process. What a step adds up is
four bytes a weight; the time of that is measured apart, by sums of as many numbers. The least of the rounds counts.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import subprocess
import sys
from time import perf_counter

import numpy as np
import polars as pl
import torch

from fitwell.data.read import read_table
from fitwell.learning import Setup, pace_of, set_up
from fitwell.preparation import divided, labelled_rows_of, prepare
from fitwell.processes.group import add_up, joined
from fitwell.recipe import Recipe, changed
from fitwell.together import partible, shared

ROWS, NUMBERS, BATCH = 20_000, 30, 1024


def training_of(width: int) -> Setup:
    """Set up a training by a network of this width."""
    random = np.random.default_rng(0)
    table = pl.DataFrame(random.normal(size=(ROWS, NUMBERS))).with_columns(y=random.normal(size=ROWS))
    settings = {
        "target": ["y"], "device": "cpu", "network.hidden": [width] * 3, "network.number_embedding": "none",
        "training.batch_size": BATCH, "training.threads": 1, "training.signals_every": 0,
    }  # fmt: skip
    labelled, recipe = labelled_rows_of(read_table(table), partible(changed(Recipe(), settings)), test=None)
    prepared = prepare(labelled, recipe, split=divided(labelled, recipe))
    return set_up(prepared, prepared.recipe)


def measure(widths: list[int], rounds: int) -> None:
    """Print, as JSON, weights and the seconds of a step and of a sum for each width."""
    torch.set_num_threads(1)
    with joined(os.environ) as processes:
        for width in widths:
            setup = training_of(width)
            weights = setup.state.population.weights.shape[1]
            step, summing = [], [0.0]
            if processes is not None:
                setup = shared(setup, processes)
                numbers, summing = torch.zeros(weights), []
                for _ in range(20):
                    started = perf_counter()
                    add_up(numbers)
                    summing.append(perf_counter() - started)
            for _ in range(rounds):
                step.append(pace_of(setup).step)
            if processes is None or processes.first:
                print(json.dumps({"weights": weights, "step": min(step), "sum": min(summing)}), flush=True)


def measured(size: int, arguments: list[str]) -> list[dict[str, float]]:
    """Measure in so many processes."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = str(free.getsockname()[1])
    told = {"WORLD_SIZE": str(size), "MASTER_ADDR": "localhost", "MASTER_PORT": port, "LOCAL_WORLD_SIZE": str(size)}
    running = [
        subprocess.Popen(
            [sys.executable, __file__, "--part", *arguments],
            env=os.environ | told | {"RANK": str(rank)},
            stdout=subprocess.PIPE,
            text=True,
        )
        for rank in range(size)
    ]
    lines = [process.communicate()[0] for process in running]
    assert not any(process.returncode for process in running)
    return [json.loads(line) for line in lines[0].splitlines()]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--widths", nargs="+", type=int, default=[128, 512, 2048])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--part", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.part:
        measure(asked.widths, asked.rounds)
        return
    arguments = ["--rounds", str(asked.rounds), "--widths", *map(str, asked.widths)]
    alone, two = measured(1, arguments), measured(2, arguments)
    print("| width | weights | MB a step | one process, ms | two, ms | of which adding up, ms | times as fast |")
    print("|---|---|---|---|---|---|---|")
    for width, one, both in zip(asked.widths, alone, two, strict=True):
        cells = [1e3 * one["step"], 1e3 * both["step"], 1e3 * both["sum"], one["step"] / both["step"]]
        megabytes = 4e-6 * one["weights"]
        print(f"| {width} | {one['weights']:,} | {megabytes:.2g} | {' | '.join(f'{cell:.2f}' for cell in cells)} |")


if __name__ == "__main__":
    main()
