"""What it takes to train on a table larger than memory, and what streaming costs beside the same rows in memory.

    python benchmarks/streaming.py [--gigabytes 8] [--steps 3000] [--only speed memory resume] [--folder DIR]

Three questions, each by itself with `--only`. *speed*: a table that fits is trained on in memory and streaming, so many
steps in turn; the table says rows per second, CPU seconds, and how long training waited for its rows. *memory*: a table
of so many gigabytes on disk is generated, and `fitwell train` takes so many steps on it, in a process of its own whose
peak of resident memory is compared with that of `import torch`. *resume*: that training is killed after its first
checkpoint and continued; the weights must be those of the run that was not killed.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import polars as pl

from fitwell.data.parquet import parquet_table
from fitwell.data.read import read_table
from fitwell.learning import Setup, set_up, threads
from fitwell.preparation import Prepared, divided, labelled_rows_of, prepare
from fitwell.recipe import Recipe, changed
from fitwell.streamed import prepare_streamed
from fitwell.training.loop import Seeds, TrainingRows, train
from fitwell.training.program import Batch

NUMBERS, CATEGORIES = 24, 4
ROWS_PER_FILE, ROW_GROUP = 1_048_576, 131_072
FITTING_ROWS = 1_000_000  # of the table that is trained on both ways
SETTINGS = {
    "network.hidden": [128, 128, 128],
    "network.number_embedding": "none",
    "training.batch_size": 1024,
    "training.epochs": 2,
    "training.compile": "never",
    "training.threads": 1,
    "training.signals_every": 0,
    "device": "cpu",
}
PEAK = "print([line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')][0])"
TRAIN = f"import sys; from fitwell.cli import run; code = run(sys.argv[1:]); {PEAK}; sys.exit(code)"


def rows(count: int, *, seed: int) -> pl.DataFrame:
    """Return rows of numbers that do not compress, categories, and classes that depend on both."""
    random = np.random.default_rng(seed)
    numbers = random.random((NUMBERS, count))
    codes = random.integers(0, 2000, (CATEGORIES, count))
    score = 2 * numbers[0] - 4 * numbers[1] * numbers[2] + 0.7 * (codes[0] % 7 == 0)
    names = pl.Series([f"shop {code}" for code in range(2000)])
    columns = {f"x{place}": numbers[place] for place in range(NUMBERS)}
    texts = {f"c{place}": names.gather(codes[place]) for place in range(CATEGORIES)}
    return pl.DataFrame({**columns, **texts, "y": (score + random.normal(0, 0.5, count) > 0).astype(np.int8)})


def generated(folder: Path, *, gigabytes: float) -> Path:
    """Return a folder with so many gigabytes of Parquet, written file by file."""
    folder.mkdir(parents=True, exist_ok=True)
    size, place = sum(file.stat().st_size for file in folder.glob("*.parquet")), len(list(folder.glob("*.parquet")))
    while size < gigabytes * 1e9:
        path = folder / f"part{place:04}.parquet"
        frame = rows(ROWS_PER_FILE, seed=place)
        frame.write_parquet(path, row_group_size=ROW_GROUP, compression="uncompressed", statistics=False)
        size, place = size + path.stat().st_size, place + 1
    return folder


@dataclass
class Watched:
    """Rows to train on, and how long training waited for them."""

    rows: TrainingRows
    waited: list[float] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.rows)

    def batches(self, seeds: Sequence[Seeds], *, epoch: int, batch_rows: int, start: int = 0) -> Iterator[Batch]:
        batches = self.rows.batches(seeds, epoch=epoch, batch_rows=batch_rows, start=start)
        while True:
            started = time.perf_counter()
            batch = next(batches, None)
            self.waited.append(time.perf_counter() - started)
            if batch is None:
                return
            yield batch


def speed(folder: Path, *, steps: int, repeats: int = 2) -> None:
    """Print how fast both ways train on the same table, in turn."""
    table = folder / "fitting.parquet"
    rows(FITTING_ROWS, seed=99).write_parquet(table, row_group_size=ROW_GROUP, compression="lz4")
    asked = changed(Recipe(), {"target": ["y"]} | SETTINGS)
    labelled, recipe = labelled_rows_of(read_table(table), asked, test=None)
    in_memory = prepare(labelled, recipe, split=divided(labelled, recipe))
    streaming = changed(asked, {"data.streaming": "always", "data.shuffle_buffer": ROW_GROUP})
    streamed = prepare_streamed(parquet_table(table), streaming, test=None)
    print(f"{FITTING_ROWS:,} rows, batches of {SETTINGS['training.batch_size']}, {steps} steps at a time")
    print(f"{'':12}{'rows/s':>10}{'CPU ms/step':>13}{'waited':>9}")
    for _ in range(repeats):
        for name, prepared in (("in memory", in_memory), ("streaming", streamed)):
            print(f"{name:12}" + measured(prepared, steps=steps))
    for name, prepared in (("in memory", in_memory), ("streaming", streamed)):
        print(f"{name:12}{seconds_of_rows(prepared):.2f} CPU seconds for a million rows in batches, without training")


def seconds_of_rows(prepared: Prepared) -> float:
    """Return how many CPU seconds the batches of an epoch take, for a million rows."""
    rows, started = prepared.training(device="cpu"), time.process_time()
    batch = prepared.recipe.training.batch_size
    assert isinstance(batch, int)
    for _ in rows.batches([Seeds(noise=0, order=0)], epoch=0, batch_rows=batch):
        pass
    return 1e6 * (time.process_time() - started) / len(rows)


def measured(prepared: Prepared, *, steps: int) -> str:
    """Return a line with the pace of so many steps."""
    setup: Setup = set_up(prepared, prepared.recipe)
    watched = Watched(setup.training)
    batch = setup.recipe.training.batch_size
    assert isinstance(batch, int)
    setup = replace(setup, training=watched)
    with threads(setup.recipe):
        moments = train(setup.program, setup.state, watched, setup.validation, seeds=setup.seeds, rates=setup.rates)
        next(moments)  # the look before the first step
        started, worked = time.perf_counter(), time.process_time()
        for number, _ in enumerate(moments, 1):
            if number == steps:
                break
        seconds, cpu = time.perf_counter() - started, time.process_time() - worked
    waited = sum(watched.waited)
    return f"{steps * batch / seconds:10,.0f}{1000 * cpu / steps:13.2f}{waited / seconds:9.1%}"


def fitwell(*arguments: str) -> subprocess.Popen[str]:
    """Start `fitwell` in a process of its own, which prints its peak of resident memory (in kB) last."""
    return subprocess.Popen([sys.executable, "-c", TRAIN, *arguments], stdout=subprocess.PIPE, text=True)


def settings(steps: int) -> list[str]:
    """Return the options of a training of so many steps."""
    values = SETTINGS | {"training.maximum_steps": steps, "data.streaming": "always", "training.checkpoint_seconds": 5}
    return [part for name, value in values.items() for part in ("--set", f"{name}={value}".replace(" ", ""))]


def memory(folder: Path, *, gigabytes: float, steps: int) -> None:
    """Print the peak of resident memory of a training, beside that of importing torch."""
    started = time.perf_counter()
    table = generated(folder / "large", gigabytes=gigabytes)
    on_disk = sum(file.stat().st_size for file in table.glob("*.parquet"))
    print(f"generated {on_disk / 1e9:.2f} GB on disk in {time.perf_counter() - started:.0f} s", flush=True)
    torch = int(subprocess.check_output([sys.executable, "-c", f"import torch; {PEAK}"], text=True))
    started = time.perf_counter()
    process = fitwell("train", str(table), "--target", "y", "--out", str(folder / "whole"), *settings(steps))
    output, _ = process.communicate()
    print(output, flush=True)
    if process.returncode:
        raise SystemExit(process.returncode)
    peak = int(output.split()[-1])
    print(f"{steps} steps and everything around them in {time.perf_counter() - started:.0f} s")
    print(f"peak resident memory {peak / 1e6:.2f} GB, of which import torch {torch / 1e6:.2f} GB: ", end="")
    print(f"{(peak - torch) / 1e6:.2f} GB beyond torch", flush=True)


def killed_and_resumed(folder: Path, *, steps: int) -> None:
    """Print whether a training that is killed after a checkpoint is continued to the same weights."""
    table, run = folder / "large", folder / "killed"
    process = fitwell("train", str(table), "--target", "y", "--out", str(run), *settings(steps))
    while not (run / "checkpoint" / "state.safetensors").exists():
        if process.poll() is not None:
            raise SystemExit("the training ended before its first checkpoint; let it take more steps")
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    started = time.perf_counter()
    resumed = fitwell("resume", str(run))
    output, _ = resumed.communicate()
    print(output)
    same = (run / "model.safetensors").read_bytes() == (folder / "whole" / "model.safetensors").read_bytes()
    print(f"killed and resumed in {time.perf_counter() - started:.0f} s: the same weights: {same}")


def main() -> None:
    """Answer the questions that are asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gigabytes", type=float, default=8.0, help="size of the table on disk")
    parser.add_argument("--steps", type=int, default=3000, help="of each training")
    parser.add_argument(
        "--only", nargs="*", choices=["speed", "memory", "resume"], default=["speed", "memory", "resume"]
    )
    parser.add_argument("--folder", type=Path, help="where the tables and runs are kept; else they are removed")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = asked.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        if "speed" in asked.only:
            speed(folder, steps=min(asked.steps, 300))
        if "memory" in asked.only:
            memory(folder, gigabytes=asked.gigabytes, steps=asked.steps)
        if "resume" in asked.only:
            killed_and_resumed(folder, steps=asked.steps)


if __name__ == "__main__":
    main()
