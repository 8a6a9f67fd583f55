"""What a search costs and what it brings: `fitwell tune` on tables, against one training with the same recipe.

    python benchmarks/tuning.py --data DIR [--sets german_credit,adult_train,...] [--trials 24] [--seeds 1]

DIR has one folder per set with its CSV file, as for `tables.py`. Everything is counted in CPU seconds of one process
with one thread, since other programs may run beside it. The search is all between the first trial's beginning and the
last comparison; one training is the loop of the default recipe alone, without reading, simple models and the report.
What the search brought is measured on test rows that it never saw, as `fitwell tune` says it.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import fitwell as fw
from fitwell.events import Event
from fitwell.report.words import fixed, places_of
from fitwell.tuning.mattering import Mattered
from tables import SETS, table_of


@dataclass
class Stopwatch:
    """When each part of a search began, and each look at the validation rows was, in CPU seconds of this process."""

    parts: list[float] = field(default_factory=list)
    looks: list[list[float]] = field(default_factory=list)
    epochs: float = 0.0  # of all trials
    compared: float = 0.0

    def __call__(self, event: Event) -> None:
        """Listen to a search."""
        now = time.process_time()
        if event.kind == "tuning":
            self.parts.append(now)
            self.looks.append([])
        elif event.kind == "look":
            self.looks[-1].append(now)
        elif event.kind == "search":
            self.epochs = event.values["done"]
        elif event.kind == "compared":
            self.compared = now

    @property
    def search(self) -> float:
        """CPU seconds of the search."""
        return self.parts[1] - self.parts[0]

    @property
    def training(self) -> float:
        """CPU seconds of the last training's loop: the default's, or the only one."""
        return self.looks[-1][-1] - self.looks[-1][0]


def measured(name: str, folder: Path, *, trials: int, seed: int) -> list[str]:
    """Return a row of the table."""
    described = SETS[name]
    watch = Stopwatch()
    with tempfile.TemporaryDirectory() as out:
        started = time.process_time()
        tuned = fw.tune(
            table_of(name, folder),
            target=described.target,
            task=described.task,
            trials=trials,
            seed=seed,
            out=Path(out) / "run",
            listener=watch,
        )
        whole = time.process_time() - started
        compared, default = tuned.record.comparison, tuned.default or tuned.run
        trained = len({row["epoch"] for row in default.history.filter(split="train").iter_rows(named=True)})
        return [
            name,
            str(seed),
            f"{watch.epochs:g}",
            str(trained),
            f"{watch.search:.1f}",
            f"{watch.training:.1f}",
            f"{watch.search / watch.training:.1f}",
            f"{whole:.0f}",
            "; ".join(map(mattered, tuned.record.mattered or ())),
            *(brought(compared) if compared else ("", "", "", "the recipe was best")),
        ]


def mattered(each: Mattered) -> str:
    """Return what mattered at one comparison."""
    sure = (f"{path.rpartition('.')[2]} ({share.ahead})" for path, share in each.shares.items() if share.matters)
    return f"{each.epochs:g}: {', '.join(sure) or 'nothing'}"


def brought(compared: Mapping[str, Any]) -> tuple[str, str, str, str]:
    """Return the figure, its value without and with the search, the gain with its interval, and the verdict."""
    difference = compared["difference"]
    places = places_of(difference["low"], difference["high"])
    value, low, high = (fixed(difference[end], places) for end in ("value", "low", "high"))
    without, found = (fixed(compared[which]["value"], places) for which in ("default", "tuned"))
    return compared["metric"], f"{without} -> {found}", f"{value} ({low} to {high})", str(compared["verdict"])


HEADER = (
    "set",
    "seed",
    "epochs of all trials",
    "of the default",
    "search, CPU s",
    "one training",
    "ratio",
    "all of tune",
    "mattered",
    "figure",
    "without -> with",
    "gain (95 % interval)",
    "verdict",
)


def main() -> None:
    """Print the table, a row as soon as it is known."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--sets", default="german_credit,adult_train")
    parser.add_argument("--trials", type=int, default=24)
    parser.add_argument("--seeds", type=int, default=1)
    asked = parser.parse_args()
    print(f"{asked.trials} trials; load of the machine {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores\n")
    for row in (HEADER, ["---"] * len(HEADER)):
        print(f"| {' | '.join(row)} |", flush=True)
    for name in asked.sets.split(","):
        for seed in range(asked.seeds):
            print(f"| {' | '.join(measured(name, asked.data, trials=asked.trials, seed=seed))} |", flush=True)


if __name__ == "__main__":
    main()
