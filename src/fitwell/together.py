"""A training in several processes: what the first tells the others, and all that the others do.

    the first   read, prepare, set up ── terms, state ──> baselines ── epochs ──> learn ──> measure, draw ── done
    the others                       read, prepare, set up                 ──> learn ──> wait ────────────── done

The first decides everything; its recipe is resolved, so the others prepare the same rows from it as a resumed run does,
while the first fits its baselines. That they did is checked: what a process would train on has a digest. What only the
first needs (the audit, the baselines, figures, the report) the others never do, and they write and say nothing.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any

import torch

from fitwell.data.parquet import ParquetTable
from fitwell.data.read import Table, read_table
from fitwell.errors import DataError, FitwellError, LostProcess, RecipeError, RequestError
from fitwell.events import Event, unheard
from fitwell.interrupts import interruptible
from fitwell.learning import Clock, Setup, learn, pace_of, set_up
from fitwell.networks.normalization import BatchNorm
from fitwell.plan import available_cores, uncompiled_execution
from fitwell.preparation import Prepared, divided, labelled_rows_of, prepare
from fitwell.processes.group import Processes
from fitwell.recipe import Recipe, changed, parse
from fitwell.training.checkpoints import state_from_bytes, state_to_bytes
from fitwell.training.loop import Rows, batching

FLOAT_BYTES = 4


def require_in_memory(table: Table | ParquetTable) -> None:
    """Refuse a table that streams: the processes would have to read it in one order.

    Raises:
        RequestError: it streams.
    """
    if isinstance(table, ParquetTable):
        raise RequestError(
            f"several processes train on rows in memory, but {table.source} is streamed; start one process, or let "
            "data.streaming be never"
        )


def partible(asked: Recipe) -> Recipe:
    """Return the recipe with an execution whose gradients several processes can add up before weights are moved."""
    if asked.training.execution in ("auto", "compiled"):
        execution = "auto" if asked.training.execution == "auto" else uncompiled_execution(asked).value
        return changed(asked, {"training.compile": "never", "training.execution": execution})
    return asked


def shared(setup: Setup, processes: Processes) -> Setup:
    """Return the setup whose every batch the processes share.

    Raises:
        RecipeError: a batch has fewer rows than there are processes.
    """
    recipe, size = setup.recipe, processes.launch.world_size
    rows, _ = batching(len(setup.training), recipe.training)
    if rows < size:
        raise RecipeError(
            f"{size} processes share the rows of every batch, but a batch has {rows}; raise training.batch_size, or "
            "start fewer processes"
        )
    threads = recipe.training.threads
    assert threads != "auto"
    reasons = {"training.compile": f"{size} processes add up their gradients amid what would be compiled"}
    affordable = max(1, available_cores() // processes.launch.local_world_size)
    if threads > affordable:
        recipe = changed(recipe, {"training.threads": affordable})
        reasons["training.threads"] = f"{processes.launch.local_world_size} processes share the cores of a machine"
    for module in setup.program.network.modules():
        if isinstance(module, BatchNorm):
            module.over_processes = True
    return replace(
        setup,
        recipe=recipe,
        program=replace(setup.program, settings=recipe.training, processes=processes),
        reasons=setup.reasons | reasons,
        events=(*setup.events, _event(setup, size, rows=rows)),
    )


def _event(setup: Setup, size: int, *, rows: int) -> Event:
    members, weights = setup.state.population.weights.shape
    told = FLOAT_BYTES * members * weights
    text = f"{size} processes share each batch of {rows:,} rows; a step, not compiled, adds up {told / 1e6:.2g} MB"
    return Event("processes", text, {"processes": size, "gradient_bytes": told})


def lead(setup: Setup, *, table: Table | ParquetTable, run: Path, limited: bool) -> None:
    """Tell the other processes, where there are any, what to prepare and where training stands.

    With a time limit, `tell_epochs` must follow.
    """
    processes = setup.program.processes
    if processes is None:
        return
    terms = {
        "recipe": setup.recipe.model_dump(mode="json"),
        "source": table.path,
        "fingerprint": table.fingerprint,
        "digest": _digest(setup),
        "run": str(run),
        "limited": limited,
    }
    processes.from_first(json.dumps(terms).encode())
    processes.from_first(state_to_bytes(setup.state, b""))


def tell_epochs(setup: Setup) -> None:
    """Tell the other processes, where there are any, for how many epochs there is time."""
    if setup.program.processes is not None:
        setup.program.processes.from_first(json.dumps(setup.recipe.model_dump(mode="json")).encode())


def dismiss(processes: Processes, run: Path) -> None:
    """Tell the others that there is nothing to train, or nothing any more."""
    processes.from_first(json.dumps({"run": str(run)}).encode())


def follow(processes: Processes, data: object = None) -> Path:
    """Train along with the first process, and return where the run is once that has written it.

    `data` is where the data is for this process, unless it is where the first process has it.

    Raises:
        DataError: the data is not there, or another than the first process has. LostProcess: a process is gone.
    """
    terms = json.loads(processes.from_first())
    run = Path(terms["run"])
    if "recipe" not in terms:
        return run
    try:
        with interruptible():  # also while the first measures: a wish is no reason to break off the waiting
            _train_along(processes, terms, data)
            processes.from_first()  # until it is done
    except LostProcess as error:
        raise LostProcess(f"{error}; then continue with: fitwell resume {run}") from None
    return run


def _train_along(processes: Processes, terms: dict[str, Any], data: object) -> None:
    saved = processes.from_first()
    prepared = _prepared(processes, terms, data)
    setup = shared(set_up(prepared, prepared.recipe), processes)
    if _digest(setup) != terms["digest"]:
        raise DataError(
            f"{_who(processes)} must prepare the rows that the first process trains on, but comes to others; install "
            "the same versions of fitwell, numpy, polars and torch for all of them"
        )
    state, _ = state_from_bytes(saved, device=setup.recipe.device)
    setup = replace(setup, state=state)
    if terms["limited"]:
        pace_of(setup)
        recipe = parse(json.loads(processes.from_first()))
        setup = replace(setup, recipe=recipe, program=replace(setup.program, settings=recipe.training))
    learn(setup, prepared, clock=Clock(perf_counter()), listener=unheard)


def _prepared(processes: Processes, terms: dict[str, Any], data: object) -> Prepared:
    recipe, source = parse(terms["recipe"]), terms["source"] if data is None else data
    try:
        table = read_table(source)
        test = None if recipe.data.test is None else read_table(recipe.data.test)
        if table.fingerprint == terms["fingerprint"]:
            labelled, recipe = labelled_rows_of(table, recipe, test=test)
            return prepare(labelled, recipe, split=divided(labelled, recipe))
    except FitwellError as error:
        raise DataError(f"{_who(processes)} cannot prepare the data: {error}") from None
    raise DataError(
        f"all processes must train on the same data, but the data of {_who(processes)} has the fingerprint "
        f"{table.fingerprint[:19]}..., not {terms['fingerprint'][:19]}... as that of the first; give each the same file"
    )


def _digest(setup: Setup) -> str:
    """Return what tells apart the rows that two processes would train on and look at."""
    found = hashlib.sha256()
    assert isinstance(setup.training, Rows), "what streams is refused before"
    for rows in (setup.training, setup.validation):
        weights = torch.empty(0) if rows.weights is None else rows.weights
        for block in (*(rows.features[name] for name in sorted(rows.features)), rows.targets, weights):
            found.update(f"{block.dtype} {tuple(block.shape)}".encode())
            found.update(block.cpu().contiguous().numpy().data)
    return found.hexdigest()


def _who(processes: Processes) -> str:
    return f"process {processes.launch.rank + 1} of {processes.launch.world_size}"
