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
from fitwell.errors import FitwellError, RunError
from fitwell.files import replace_atomically
from fitwell.narration import JOINED
from fitwell.recipe import Range, Recipe, changed, default_of, described
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
    except FitwellError as error:
        raise RunError(f"{run.path / TUNING} is damaged: {error}; {MEND}") from None
    except (AssertionError, AttributeError, KeyError, TypeError, ValueError) as error:
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
    """Return a record whose parts fit together; where they do not, an error says what is wrong."""
    best, ending, mattered, comparison = (values[name] for name in ("best", "ending", "mattered", "comparison"))
    stage: Stage = {stage: stage for stage in get_args(Stage)}[values["stage"]]
    trials = tuple({path: _tried(value) for path, value in trial.items()} for trial in values["trials"])
    space = tuple(map(_dimension, values["space"]))
    tried = {each.path for each in space}
    _require(all(set(trial) <= tried for trial in trials), f"trials must be made of {sorted(tried)}", trials)
    rungs = tuple(_epochs(each) for each in values["rungs"])
    survivors = tuple(_whole(each, least=1, most=len(trials)) for each in values["survivors"])
    results = tuple(_rung(each, last=len(trials) - 1) for each in values["results"])
    _require(list(rungs) == sorted(set(rungs)), "its rungs must rise", rungs)
    _require(len(rungs) == len(survivors), f"each of its {len(rungs)} rungs must have survivors", survivors)
    compared = [each.epochs for each in results]
    _require(compared == list(rungs[: len(results)]), f"its trials must be compared at the first of {rungs}", compared)
    _require(ending in (None, "done", "time"), "its search must end as done or by time", ending)
    _require(best is not None or stage == "searching", f"at stage {stage} it must have the best trial", best)
    _require(comparison is None or comparison["verdict"] in JOINED, "its comparison must have a verdict", comparison)
    return Record(
        stage=stage,
        asked=recipes.parse(values["asked"], origin=TUNING),
        space=space,
        trials=trials,
        rungs=rungs,
        survivors=survivors,
        loss=str(values["loss"]),
        results=results,
        best=None if best is None else _whole(best, most=len(trials) - 1),
        ending=ending,
        mattered=None if mattered is None else tuple(map(_mattered, mattered)),
        comparison=comparison,
    )


def _dimension(values: Mapping[str, Any]) -> Dimension:
    path, known = values["setting"], [path for path, _, _ in described()]
    _require(path in known, "what is tried must be a setting", path)
    return dimension_of(path, Range.model_validate(values["tried"]), why=str(values["why"]))


def _rung(values: Mapping[str, Any], *, last: int) -> Rung:
    losses = {_whole(int(trial), most=last): _loss(loss) for trial, loss in values["losses"].items()}
    kept = tuple(_whole(trial, most=last) for trial in values["kept"])
    some = 0 < len(kept) == len(set(kept) & set(losses))
    _require(some, "trials that go on must be some of those that were compared", kept)
    return Rung(epochs=_epochs(values["epochs"]), losses=losses, kept=kept)


def _mattered(values: Mapping[str, Any]) -> Mattered:
    shares = {path: _share(share) for path, share in values["shares"].items()}
    return Mattered(epochs=_epochs(values["epochs"]), trials=int(values["trials"]), shares=shares)


def _share(values: Mapping[str, Any]) -> Share:
    share = Share(**{**values, "ahead": _tried(values["ahead"])})
    ends = (share.value, share.low, share.high)
    known = all(_is_number(each) for each in ends)
    _require(known or (ends == (None,) * 3 and not share.matters), "a share must be three numbers", ends)
    return share


def _epochs(value: Any) -> float:
    _require(_is_number(value) and 0 < value < math.inf, "epochs must be a number above 0", value)
    return value  # type: ignore[no-any-return]


def _whole(value: Any, *, least: int = 0, most: int) -> int:
    _require(type(value) is int and least <= value <= most, f"there must be a number from {least} to {most}", value)
    return value  # type: ignore[no-any-return]


def _loss(value: Any) -> float:
    _require(value is None or _is_number(value), "a loss must be a number or null", value)
    return math.inf if value is None else value


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value)


def _require(sound: bool, must: str, value: object) -> None:
    if not sound:
        raise RunError(f"{must}, but it has {value!r}")


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _tried(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _cell(value: Any) -> Any:
    return " ".join(map(str, value)) if isinstance(value, Sequence) and not isinstance(value, str) else value


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
