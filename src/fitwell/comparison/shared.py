"""The rows on which runs can be compared: none of the runs was trained on them, and all say what they predict for them.

Runs with the same test part are compared on it. Where splits differ, all rows that every run held out are taken, those
of the validation parts too: a row that told a run when to stop flatters it far less than one it was trained on, and
without them hardly any row would be left.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
import polars as pl

from fitwell.decision import costs_of
from fitwell.errors import DataError, RequestError, RunError
from fitwell.held_out import HeldOut, held_out_of
from fitwell.metrics import Costs
from fitwell.run import MEND, PREDICTIONS, Run, read_coding
from fitwell.tasks.table import TASKS
from fitwell.tasks.task import TargetCoding, Task


@dataclass(frozen=True, kw_only=True, eq=False)
class Shared:
    """Rows that every run held out, in the same order for all."""

    task: Task
    coding: TargetCoding
    part: str  # `test`, or `held-out` where the runs divided the rows differently
    of_runs: tuple[HeldOut, ...]
    weights: np.ndarray | None
    costs: Costs | None  # of wrong answers, as the first run has them
    notes: tuple[str, ...]  # what one should know about these rows, in sentences

    @property
    def truth(self) -> np.ndarray:
        """What is true of the rows."""
        return self.of_runs[0].truth

    def __len__(self) -> int:
        """Count the rows."""
        return len(self.truth)


def shared_rows(runs: Sequence[Run]) -> Shared:
    """Return the rows that none of the runs was trained on.

    Raises:
        RequestError: the runs have other data, another task or another target, or no such row is there.
        RunError: the predictions of a run are damaged.
    """
    first = runs[0]
    if first.answers_questions:
        raise RequestError(
            f"runs of tables can be compared, but {first.path} answers questions; measure each on one file of "
            "questions with: fitwell evaluate RUN squad.json"
        )
    for other in runs[1:]:
        _require_alike(first, other)
    tables = [_comparable(run, runs) for run in runs]
    part, rows = _common(tables)
    if not len(rows):
        raise RequestError(
            f"{_named(runs)} can be compared on rows that none of them was trained on, but there is none: they divided "
            "the rows differently; train them with the same seed, or with the same --test file"
        )
    coding = read_coding(first)
    held = tuple(_read(run, table, rows, coding) for run, table in zip(runs, tables, strict=True))
    for run, of_run in zip(runs[1:], held[1:], strict=True):
        _require_one_truth(first, run, held[0], of_run)
    weights, weight_notes = _weights(held)
    return Shared(
        task=TASKS[first.recipe.task],  # type: ignore[index]  # a resolved recipe has no `auto`
        coding=coding,
        part=part,
        of_runs=held,
        weights=weights,
        costs=costs_of(first.recipe.decision),
        notes=(*_part_notes(part, tables, rows), *weight_notes, *_cost_notes(runs)),
    )


def _require_alike(first: Run, other: Run) -> None:
    asked = [(run.recipe.task, sorted(run.recipe.target)) for run in (first, other)]
    if asked[0] != asked[1]:
        told = [f"{run.path} predicts {', '.join(run.recipe.target)} ({run.recipe.task})" for run in (first, other)]
        raise RequestError(
            f"runs can be compared when they predict the same, but {told[0]} and {told[1]}; name runs of one target"
        )
    if first.data["fingerprint"] != other.data["fingerprint"]:
        raise RequestError(
            f"runs can be compared when they were trained on the same data, but {first.path} was trained on "
            f"{first.data['source']} ({first.data['fingerprint'][:19]}...) and {other.path} on {other.data['source']} "
            f"({other.data['fingerprint'][:19]}...); measure both on one file with: fitwell evaluate RUN FILE"
        )
    codings = [read_coding(run) for run in (first, other)]
    classes = [dict(zip(coding.names, coding.classes, strict=False)) for coding in codings]  # values have none
    if classes[0] != classes[1]:
        raise RequestError(
            f"runs can be compared when they know the same classes, but {first.path} and {other.path} do not, since "
            "they left out different rows or read the target differently; train one of them again as the other"
        )


def _comparable(run: Run, runs: Sequence[Run]) -> pl.DataFrame:
    """Return what a run held out, less the rows of a test file that another run did not have."""
    files = {None if each.data["test"] is None else each.data["test"].get("fingerprint") for each in runs}
    table = run.predictions
    return table if len(files) == 1 or run.data["test"] is None else table.filter(pl.col("part") != "test")


def _common(tables: Sequence[pl.DataFrame]) -> tuple[str, np.ndarray]:
    tests = [table.filter(pl.col("part") == "test")["row"].sort() for table in tables]
    if len(tests[0]) and all(test.equals(tests[0]) for test in tests):
        return "test", tests[0].to_numpy()
    return "held-out", reduce(np.intersect1d, [table["row"].to_numpy() for table in tables])


def _read(run: Run, table: pl.DataFrame, rows: np.ndarray, coding: TargetCoding) -> HeldOut:
    """Return what a run held out of some rows, in their order, with targets in the order of the coding."""
    asked = pl.DataFrame({"row": rows}, schema={"row": pl.Int64})
    try:
        return held_out_of(asked.join(table, on="row", how="left", maintain_order="left"), coding)
    except DataError as error:
        raise RunError(f"{run.path / PREDICTIONS} is damaged: {error}; {MEND}") from None


def _require_one_truth(first: Run, other: Run, held: HeldOut, of_other: HeldOut) -> None:
    differing = (held.truth != of_other.truth).reshape(len(held.truth), -1).any(axis=1)
    if differing.any():
        row = int(held.rows[np.argmax(differing)]) + 1
        raise RequestError(
            f"runs can be compared when they agree on the truth, but {first.path} and {other.path} read the target "
            f"differently in {int(differing.sum()):,} of {len(differing):,} rows, the first of them row {row}; train "
            "one of them again as the other"
        )


def _weights(held: Sequence[HeldOut]) -> tuple[np.ndarray | None, list[str]]:
    """Return the weights of the rows if all runs have the same."""
    weights = [of_run.weights for of_run in held]
    given = [each for each in weights if each is not None]
    if len(given) == len(weights) and all(np.array_equal(each, given[0]) for each in given):
        return given[0], []
    return None, ["the runs weigh the rows differently, so every row counts alike here"] if given else []


def _part_notes(part: str, tables: Sequence[pl.DataFrame], rows: np.ndarray) -> list[str]:
    if part == "test":
        return []
    deciding = [table.filter(pl.col("part") == "validation")["row"].to_numpy() for table in tables]
    count = len(np.intersect1d(rows, np.concatenate(deciding)))
    return [
        f"the runs divided the rows differently: none of them was trained on these {len(rows):,} rows, but {count:,} "
        "told one or another when to stop, which flatters it a little"
    ]


def _cost_notes(runs: Sequence[Run]) -> list[str]:
    costs = {costs_of(run.recipe.decision) for run in runs}
    return ["the runs were told different costs of wrong answers; those of the first count here"] * (len(costs) > 1)


def _named(runs: Sequence[Run]) -> str:
    return " and ".join(str(run.path) for run in runs) if len(runs) < 3 else f"these {len(runs)} runs"
