"""Is one run better than another? The same metric on the same rows, differences with intervals, verdicts in words.

The first run is the one that all others are compared with, whichever is best: choosing the best by the same rows that
then judge it would favor it. The intervals of the differences hold all at once (Bonferroni: of k differences each has
the confidence 1 - 5 %/k), so with equal models a wrong "better" or "worse" appears in one comparison in twenty, however
many runs are compared; and what is called different is exactly what the picture shows apart from zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from fitwell.comparison.settings import Change, changes_between
from fitwell.comparison.shared import Shared, shared_rows
from fitwell.errors import RequestError, RunError
from fitwell.held_out import HeldOut
from fitwell.metrics import METRICS, Comparison, Cut, Figure, paired
from fitwell.metrics.figure import undefined
from fitwell.metrics.paired import reads_decisions
from fitwell.report.comparison import comparison_picture
from fitwell.report.pictures import THEMES, ThemeName, svg, write_picture
from fitwell.run import MEND, Run, measured_run

CONFIDENCE = 0.95  # of each figure's interval, and of all intervals of differences at once


@dataclass(frozen=True, kw_only=True)
class Effort:
    """What a training took."""

    members: int
    weights: int | None  # of one member; None where the run does not say
    epochs: float  # trained, by the member that went on longest
    seconds: float  # of training alone


@dataclass(frozen=True, kw_only=True)
class Contender:
    """One of the runs that are compared."""

    path: Path
    name: str  # the end of its path that tells it from the others
    figure: Figure  # on the shared rows, with an interval of its own
    against: Comparison | None  # with the first run; None for the first itself
    changes: tuple[Change, ...]  # of its recipe from the first run's
    effort: Effort

    def as_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "run": str(self.path),
            "name": self.name,
            "figure": self.figure.as_json(),
            "difference": None if self.against is None else self.against.difference.as_json(),
            "verdict": None if self.against is None else self.against.verdict,
            "changes": [change.as_json() for change in self.changes],
            **asdict(self.effort),
        }


@dataclass(frozen=True, kw_only=True)
class RunComparison:
    """Runs beside each other on the rows that none of them was trained on; differences above 0 are better."""

    metric: str
    higher_is_better: bool
    rows: int
    part: str  # `test`, or `held-out` where the runs divided the rows differently
    source: str  # of the data
    target: tuple[str, ...]
    contenders: tuple[Contender, ...]  # the first is what the others are compared with
    notes: tuple[str, ...]

    @property
    def decimals(self) -> int:
        """How many decimals show two digits of the narrowest interval, and with that all that is worth reading."""
        figures = [each.figure for each in self.contenders]
        figures += [each.against.difference for each in self.contenders if each.against is not None]
        widths = [each.high - each.low for each in figures if each.low is not None and each.high is not None]
        narrow = min((width for width in widths if width > 0), default=1.0)
        return int(np.clip(1 - np.floor(np.log10(narrow / 2)), 0, 9))

    def __str__(self) -> str:
        """Say in a line each how the first run does, and how each other does beside it."""
        first, *others = self.contenders
        told = [
            f"{self.metric} on the same {self.rows:,} {self.part} rows of {self.source}: {first.name} {first.figure}"
        ]
        for other in others:
            assert other.against is not None  # only the first has none
            told.append(f"{other.name} {other.figure} is {other.against.verdict}, by {other.against.difference}")
        return "\n".join(told)

    def _repr_svg_(self) -> str:
        return svg(comparison_picture(self.as_json(), THEMES["light"]))

    def picture(self, path: str | Path, *, theme: ThemeName = "light") -> None:
        """Draw the differences and figures with their intervals into a .svg or .png file.

        Raises:
            RequestError: the name ends otherwise. SurroundingsError: the file cannot be written.
        """
        write_picture(comparison_picture(self.as_json(), THEMES[theme]), path)

    def as_json(self) -> dict[str, Any]:
        """Return plain values, as `fitwell compare --json` prints them."""
        return {
            "version": 1,
            "metric": self.metric,
            "higher_is_better": self.higher_is_better,
            "rows": self.rows,
            "part": self.part,
            "source": self.source,
            "target": list(self.target),
            "confidence": CONFIDENCE,
            "correction": f"Bonferroni over {len(self.contenders) - 1}",
            "decimals": self.decimals,
            "notes": list(self.notes),
            "runs": [contender.as_json() for contender in self.contenders],
        }


def compare(runs: Sequence[Run | str | Path], metric: str | None = None) -> RunComparison:
    """Compare runs on the rows that none of them was trained on, by what decides for the first or by another metric.

    Raises:
        RequestError: fewer than two runs, or runs that cannot be compared: other data, another target, no shared rows.
        RunError: a run is not there, unfinished, damaged, or of an older Fitwell that kept no predictions.
    """
    if isinstance(runs, str | Path | Run) or len(runs) < 2:
        raise RequestError("at least two runs are needed to compare; `fitwell runs` lists the runs there are")
    opened = [measured_run(run.path if isinstance(run, Run) else run) for run in runs]
    shared = shared_rows(opened)
    chosen = metric or opened[0].evaluation["primary"]["metric"]
    against = [None, *differences(chosen, shared)]
    names = distinct_names([run.path for run in opened])
    contenders = tuple(
        Contender(
            path=run.path,
            name=names[place],
            figure=_figure(chosen, shared, shared.of_runs[place]),
            against=against[place],
            changes=changes_between(opened[0], run),
            effort=effort_of(run),
        )
        for place, run in enumerate(opened)
    )
    return RunComparison(
        metric=chosen,
        higher_is_better=METRICS[chosen].higher_is_better,
        rows=len(shared),
        part=shared.part,
        source=opened[0].data["source"],
        target=shared.coding.names,
        contenders=contenders,
        notes=(*shared.notes, *_unfinished(opened, names)),
    )


def distinct_names(paths: Sequence[Path]) -> list[str]:
    """Return as much of the end of each path as it takes to tell them apart; a path that comes again is numbered.

    >>> distinct_names([Path("runs/a"), Path("runs/b"), Path("runs/a")])
    ['a', 'b', 'a (2)']
    >>> distinct_names([Path("old/a"), Path("new/a")])
    ['old/a', 'new/a']
    """
    parts = [path.absolute().parts for path in paths]
    length = 1
    while len({each[-length:] for each in parts}) < len(set(parts)):
        length += 1
    names = [str(Path(*each[-length:])) for each in parts]
    times = [names[:place].count(name) + 1 for place, name in enumerate(names)]
    return [name if time == 1 else f"{name} ({time})" for name, time in zip(names, times, strict=True)]


def effort_of(run: Run) -> Effort:
    """Return what the run's training took; members are trained side by side, so each epoch counts once.

    Raises:
        RunError: the history is missing or damaged.
    """
    planned = [event.get("weights") for event in run.events if event["event"] == "plan"]
    try:
        epochs = run.history.filter(pl.col("split") == "train").group_by("step").agg(pl.max("seconds", "epoch"))
        return Effort(
            members=run.recipe.member_count,
            weights=next((weights for weights in planned if isinstance(weights, int)), None),
            epochs=float(epochs["epoch"].max() or 0),  # type: ignore[arg-type]
            seconds=round(float(epochs["seconds"].fill_nan(0).sum()), 3),  # one that was cut off has no time
        )
    except (pl.exceptions.PolarsError, TypeError) as error:
        raise RunError(f"{run.path / 'history.parquet'} is damaged ({error}); {MEND}") from None


def differences(metric: str, shared: Shared) -> list[Comparison]:
    """Return how much better each run but the first is than the first; the intervals hold all at once.

    Raises:
        RequestError: the task has no such metric, or it is none that compares.
    """
    first, *others = (_read_by(metric, shared, held) for held in shared.of_runs)
    task, classes, truth = shared.task.name, None, shared.truth
    if task == "binary":
        first, others = first[:, 1], [other[:, 1] for other in others]
    if task == "multiclass":
        classes = range(first.shape[1])
    options: dict[str, Any] = {
        "task": task,
        "classes": classes,
        "positive": 1,
        "costs": shared.costs,
        "weights": shared.weights,
    }
    confidence = 1 - (1 - CONFIDENCE) / len(others)
    return [paired(metric, truth, other, first, confidence=confidence, **options) for other in others]


def _figure(metric: str, shared: Shared, held: HeldOut) -> Figure:
    predictions = _read_by(metric, shared, held)
    figures = shared.task.measure(shared.truth, predictions, shared.coding, shared.weights, Cut(costs=shared.costs))
    figure = figures.get(metric, undefined(figures.left_out.get(metric, "it was not measured")))
    assert isinstance(figure, Figure)  # what compares predictions is a single figure
    return figure


def _read_by(metric: str, shared: Shared, held: HeldOut) -> np.ndarray:
    """Return predictions as the metric reads them: decisions, by whatever threshold they came, as 0 and 1."""
    if held.decisions is None or not reads_decisions(metric, shared.task.name):
        return held.predictions
    if shared.task.name == "multilabel":
        return held.decisions.astype(np.float64)
    return np.asarray(np.eye(held.predictions.shape[1])[held.decisions])


def _unfinished(runs: Sequence[Run], names: Sequence[str]) -> list[str]:
    states = {name: run.state for run, name in zip(runs, names, strict=True)}
    return [
        f"{name} is not finished ({state}), so its figures are those of a training cut short"
        for name, state in states.items()
        if state != "finished"
    ]
