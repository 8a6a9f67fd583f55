"""A search as its run keeps it: what was asked, what is tried, how it stands, and what came of it.

`tuning.json` holds it all in plain values, from the beginning of the search on; `trials.parquet` has a row for each
trial once the search is over.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import polars as pl

from fitwell import recipe as recipes
from fitwell.errors import RunError
from fitwell.files import replace_atomically
from fitwell.recipe import Range, Recipe, changed, default_of
from fitwell.run import MEND, TUNING, Run, parquet_bytes, read_json, require_unchanged, write_tuning
from fitwell.space import Dimension, dimension_of
from fitwell.training.loop import Mark
from fitwell.tuning.mattering import Mattered, Share
from fitwell.tuning.searching import Rung, Searched, epochs_trained
from fitwell.tuning.trials import Trial

Stage = Literal["searching", "training", "comparing", "done"]
TRIALS = "trials.parquet"


@dataclass(frozen=True, kw_only=True)
class Record:
    """A search with everything that decides it."""

    stage: Stage  # what is to be done next
    asked: Recipe  # of the trainings that the search ends with, but for what is tuned
    space: tuple[Dimension, ...]
    trials: tuple[Trial, ...]  # the first is the recipe itself
    rungs: tuple[float, ...]
    survivors: tuple[int, ...]
    loss: str  # whose mean over the validation rows decides
    results: tuple[Rung, ...] = ()
    best: int | None = None  # trial
    ending: str | None = None  # of the search: `done`, or `time`
    mattered: tuple[Mattered, ...] | None = None  # at each comparison of trials enough; None before it was asked
    comparison: Mapping[str, Any] | None = None

    def final(self, trial: int) -> Recipe:
        """Return what is asked of the training with a trial's settings; the first trial is the recipe as it was."""
        own = self.trials[trial] if trial else {}
        return changed(self.asked, own | {path: default_of(path) for path in ("tune.trials", "tune.ranges")})

    def as_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "stage": self.stage,
            "asked": self.asked.model_dump(mode="json"),
            "space": [
                {"setting": each.path, "tried": each.tried.model_dump(mode="json"), "why": each.why}
                for each in self.space
            ],
            "trials": [{path: _plain(value) for path, value in trial.items()} for trial in self.trials],
            "rungs": list(self.rungs),
            "survivors": list(self.survivors),
            "loss": self.loss,
            "results": [
                {
                    "epochs": each.epochs,
                    "losses": {str(trial): _finite(loss) for trial, loss in sorted(each.losses.items())},
                    "kept": list(each.kept),
                }
                for each in self.results
            ],
            "best": self.best,
            "ending": self.ending,
            "mattered": None if self.mattered is None else [each.as_json() for each in self.mattered],
            "comparison": self.comparison,
        }


def write_record(run: Run, record: Record) -> None:
    """Replace the record of a search."""
    write_tuning(run, record.as_json())


def read_record(run: Run) -> Record:
    """Return the record of a search.

    Raises:
        RunError: it is damaged, was changed, or is of a newer format.
    """
    require_unchanged(run.path, [TUNING])
    values = read_json(run.path, TUNING)
    try:
        return _record_of(values)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise RunError(f"{run.path / TUNING} is damaged ({type(error).__name__}: {error}); {MEND}") from None


def write_trials(run: Run, record: Record, searched: Searched) -> None:
    """Write a row for each trial: its number, its settings, how far it was trained and what came of that.

    `losses` has its validation losses, the first before the first step; `best_loss` and `best_epoch` are of the lowest.
    """
    replace_atomically(run.path / TRIALS, parquet_bytes(trials_frame(record, searched.marks)))


def trials_frame(record: Record, marks: Mapping[int, Mark]) -> pl.DataFrame:
    """Return the table of trials; those that the time did not suffice for have no losses."""
    numbers = range(len(record.trials))
    columns: dict[str, pl.Series] = {"trial": pl.Series(numbers, dtype=pl.Int64)}
    for each in record.space:
        values = [_cell(trial.get(each.path)) for trial in record.trials]
        columns[each.path] = pl.Series(values, strict=False)
    of_trials = [marks.get(trial, Mark()) for trial in numbers]
    columns |= {
        "epochs": pl.Series([epochs_trained(mark, record.rungs) for mark in of_trials], dtype=pl.Float64),
        "best_loss": pl.Series([_finite(mark.best_loss) for mark in of_trials], dtype=pl.Float64),
        "best_epoch": pl.Series([mark.best_epoch for mark in of_trials], dtype=pl.Int64),
        "outcome": pl.Series([_outcome(trial, record, marks) for trial in numbers], dtype=pl.String),
        "losses": pl.Series([list(mark.losses) for mark in of_trials], dtype=pl.List(pl.Float64)),
    }
    return pl.DataFrame(columns)


def _outcome(trial: int, record: Record, marks: Mapping[int, Mark]) -> str:
    if trial == record.best:
        return "best"
    for rung in record.results:
        if trial in rung.losses and trial not in rung.kept:
            return f"fell behind in the first {rung.epochs:g} epochs"
    return "cut off by the time limit" if trial in marks else "not begun in time"


def _record_of(values: Mapping[str, Any]) -> Record:
    mattered, best = values["mattered"], values["best"]
    return Record(
        stage={stage: stage for stage in get_args(Stage)}[values["stage"]],
        asked=recipes.parse(values["asked"], origin=TUNING),
        space=tuple(
            dimension_of(each["setting"], Range.model_validate(each["tried"]), why=str(each["why"]))
            for each in values["space"]
        ),
        trials=tuple({path: _tried(value) for path, value in trial.items()} for trial in values["trials"]),
        rungs=tuple(values["rungs"]),
        survivors=tuple(map(int, values["survivors"])),
        loss=str(values["loss"]),
        results=tuple(
            Rung(
                epochs=each["epochs"],
                losses={int(trial): math.inf if loss is None else loss for trial, loss in each["losses"].items()},
                kept=tuple(each["kept"]),
            )
            for each in values["results"]
        ),
        best=None if best is None else int(best),
        ending=values["ending"],
        mattered=None if mattered is None else tuple(map(_mattered, mattered)),
        comparison=values["comparison"],
    )


def _mattered(values: Mapping[str, Any]) -> Mattered:
    shares = {path: Share(**{**each, "ahead": _tried(each["ahead"])}) for path, each in values["shares"].items()}
    return Mattered(epochs=values["epochs"], trials=int(values["trials"]), shares=shares)


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _tried(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _cell(value: Any) -> Any:
    return " ".join(map(str, value)) if isinstance(value, Sequence) and not isinstance(value, str) else value


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
