"""A training of vectors is driven: somebody is told how it stands, and it is saved now and then, and left at Ctrl-C."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from fitwell.interrupts import interruptible
from fitwell.words.word_checkpoint import Checkpoint, State, save_state

CHECKPOINT_SECONDS = 60.0


@dataclass(frozen=True, kw_only=True)
class Look:
    """How training stands after a block."""

    epoch: float  # epochs done
    epochs: float  # that there will be
    loss: float  # mean over what was looked at in the block; not a number if that is nothing
    rate: float
    per_second: float  # what was read, since training began or went on
    unit: str = "words"  # of what is read
    seconds_left: float


Progress = Callable[[Look], None]


def unwatched(_look: Look) -> None:
    """Take no notice of how training stands."""


def driven(looks: Iterator[Look], state: State, *, checkpoint: Checkpoint | None, progress: Progress) -> float:
    """Go through a training to its end or to Ctrl-C, and return how many epochs were done.

    The checkpoint is removed at the end.
    """
    epochs_done, saved = 0.0, time.monotonic()
    with interruptible() as interruption:
        for look in looks:
            epochs_done = look.epoch
            progress(look)
            due = interruption.asked or time.monotonic() - saved > CHECKPOINT_SECONDS
            if checkpoint and due:
                save_state(checkpoint, state)
                saved = time.monotonic()
            if interruption.asked and look.epoch < look.epochs:
                return epochs_done
    if checkpoint:
        checkpoint.path.unlink(missing_ok=True)
    return epochs_done
