"""What came of a search: the run with the best settings, the run of the recipe as it was, and which of them to keep."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import polars as pl

from fitwell.errors import RunError
from fitwell.run import MEND, Run
from fitwell.tuning.record import TRIALS, Record, read_record

DEFAULT = "default"  # folder in the run


@dataclass(frozen=True)
class Tuned:
    """A search and what came of it."""

    run: Run  # trained with the best trial's settings

    @cached_property
    def record(self) -> Record:
        """What was tried, how trials stood when they were compared, and what mattered."""
        return read_record(self.run)

    @cached_property
    def trials(self) -> pl.DataFrame:
        """A row for each trial: its settings, how far it was trained, its validation losses.

        Raises:
            RunError: the search is not over, or the file is damaged.
        """
        if self.record.best is None:
            raise RunError(
                f"the search of {self.run.path} is not over; continue it with: fitwell resume {self.run.path}"
            )
        try:
            return pl.read_parquet(self.run.path / TRIALS)
        except (OSError, pl.exceptions.PolarsError) as error:
            raise RunError(f"{self.run.path / TRIALS} is missing or damaged ({error}); {MEND}") from None

    @property
    def default(self) -> Run | None:
        """The run of the recipe as it was before the search; None where no trial did better than it."""
        path = self.run.path / DEFAULT
        return Run(path) if self.record.best and path.is_dir() else None

    @property
    def verdict(self) -> str | None:
        """What the test rows say of the best settings: `better`, `not distinguishable` or `worse`; None: not asked."""
        return None if self.record.comparison is None else str(self.record.comparison["verdict"])

    @property
    def kept(self) -> Run:
        """The run to use: the tuned one where it is better, else that of the recipe as it was."""
        return self.run if self.default is None or self.verdict in (None, "better") else self.default

    def as_json(self) -> dict[str, Any]:
        """Return plain values, as `fitwell tune --json` prints them."""
        default = None if self.default is None else str(self.default.path)
        paths = {"run": str(self.run.path), "default": default, "kept": str(self.kept.path)}
        return {"version": 1, **paths, "state": self.run.state, **self.record.as_json()}

    def __repr__(self) -> str:
        """Say in a line what came of it."""
        return f"<Tuned {self.run.path}: {len(self.record.trials)} trials, {self.verdict or self.record.stage}>"
