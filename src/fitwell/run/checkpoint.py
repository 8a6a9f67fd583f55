"""A run's checkpoint: one file, there while training, from which it goes on to the same result."""

from __future__ import annotations

import shutil
from dataclasses import replace

from torch import Tensor

from fitwell.errors import RunError
from fitwell.files import replace_atomically
from fitwell.run.disk import writing_worded
from fitwell.run.reading import CHECKPOINT
from fitwell.run.value import Run
from fitwell.training.loop import State
from fitwell.training.program import chosen


def write_checkpoint(run: Run, content: bytes) -> None:
    """Replace the run's checkpoint."""
    with writing_worded(run.path / "checkpoint"):
        (run.path / "checkpoint").mkdir(exist_ok=True)
    replace_atomically(run.path / CHECKPOINT, content)


def read_checkpoint(run: Run) -> bytes | None:
    """Return the bytes of the run's checkpoint, or None before its first."""
    file = run.path / CHECKPOINT
    return file.read_bytes() if file.is_file() else None


def remove_checkpoint(run: Run) -> None:
    """Remove the checkpoint of a run that is finished."""
    shutil.rmtree(run.path / "checkpoint", ignore_errors=True)


def require_fitting(run: Run, state: State, *, first: State) -> None:
    """Refuse a checkpoint whose tensors are not those of the run's network; `first` is its state before step 0.

    Raises:
        RunError: a tensor is missing, is not the network's, or has another shape.
    """
    if len(state.marks) != len(first.marks):
        raise RunError(
            f"the checkpoint of {run.path} does not fit its recipe: it has {len(state.marks)} members, not "
            f"{len(first.marks)}; restore the run from a copy, or train again"
        )
    if not set(state.active) <= set(first.active):
        raise RunError(
            f"the checkpoint of {run.path} does not fit its recipe: it trains members {state.active} of "
            f"{len(first.marks)}; restore the run from a copy, or train again"
        )
    found = _tensors(state)
    expected = _tensors(replace(first, population=chosen(first.population, state.active)))
    expected["loss_sum"] = first.loss_sum[list(state.active)]
    for name in sorted(found.keys() | expected.keys()):
        has, needs = (tuple(each[name].shape) if name in each else None for each in (found, expected))
        if has != needs:
            raise RunError(
                f"the checkpoint of {run.path} does not fit its recipe: {name} "
                f"{'is missing' if has is None else f'has shape {has}'}, where the network "
                f"{'has none' if needs is None else f'needs {needs}'}; restore the run from a copy, or train again"
            )


def _tensors(state: State) -> dict[str, Tensor]:
    groups = {
        "slot": state.population.slots,
        "buffer": state.population.buffers,
        "best buffer": state.best.buffers,
    }
    return {
        "weights": state.population.weights,
        "best weights": state.best.weights,
        "loss_sum": state.loss_sum,
    } | {f"{group} {name}": tensor for group, tensors in groups.items() for name, tensor in tensors.items()}
