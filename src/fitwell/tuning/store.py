"""The states of groups as files of a run, there while the search lasts."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from fitwell.files import replace_atomically
from fitwell.run import Run, require_fitting, writing_worded
from fitwell.training.checkpoints import state_from_bytes, state_to_bytes
from fitwell.training.loop import State


@dataclass(frozen=True)
class Folder:
    """The folder `search` of a run."""

    run: Run

    @property
    def path(self) -> Path:
        """Where it is."""
        return self.run.path / "search"

    def load(self, group: int, *, first: State, device: str) -> State | None:
        """Return the state of a group, None before it was saved; `first` is its state before step 0.

        Raises:
            RunError: the file is damaged, or does not fit the group.
        """
        file = self._file(group)
        if not file.is_file():
            return None
        state, _ = state_from_bytes(file.read_bytes(), device=device)
        require_fitting(self.run, state, first=first)
        return state

    def save(self, group: int, state: State) -> None:
        """Keep the state of a group in the place of the one before.

        Raises:
            SurroundingsError: the disk is full, or the folder may not be written.
        """
        with writing_worded(self.path):
            self.path.mkdir(exist_ok=True)
        replace_atomically(self._file(group), state_to_bytes(state, b""))

    def remove(self) -> None:
        """Remove all states: the search is over."""
        shutil.rmtree(self.path, ignore_errors=True)

    def _file(self, group: int) -> Path:
        return self.path / f"group-{group}.safetensors"
