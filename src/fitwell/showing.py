"""A trained network is explained and shown: what it goes by, and the page of its run."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.metadata import version
from time import perf_counter

from fitwell import __version__
from fitwell.evaluation import Evaluation
from fitwell.events import Event, Listener
from fitwell.explanation import Asked, asked_of, explained
from fitwell.measuring import Decided
from fitwell.prediction import Model, Predictions
from fitwell.preparation import Prepared
from fitwell.run import Run, write_json

PAGE_SECONDS = 3.0  # to draw the page; it takes about one, and two of a machine that is busy elsewhere
MARGIN = 1.5  # the machine may be busier then


def show(
    run: Run,
    evaluation: Evaluation,
    asked: Asked,
    *,
    reach: Sequence[Mapping[str, object]],
    in_time: bool,
    listener: Listener,
) -> None:
    """Write what the network goes by, and the page that shows the run; where time is short, the page can come later."""
    if not in_time:
        listener(
            Event("note", f"no time was left to explain the network; the report lacks that: fitwell report {run.path}")
        )
        return
    told = explained(asked, metric=evaluation.primary.metric, seed=run.recipe.seed)
    write_json(run, "explanation.json", told | {"reach": list(reach)})
    path = Run(run.path).report(run.path / "report.html")
    listener(Event("report", f"report: {path}", {"path": str(path)}))


def seconds_to_show(prepared: Prepared, untrained: Model, simple: Mapping[str, Decided]) -> float:
    """Return how long `show` will take, from explaining a single column with the network before its first step."""
    predictions = next(iter(simple.values())).measured.predictions
    asked = asked_of(prepared, untrained, Predictions(mean=predictions, disagreement=None, of_members=()))
    metric = "rmse" if asked.task.form == "values" else "log_loss"  # any takes about as long
    column = next(iter(asked.entries))
    started = perf_counter()
    explained(replace(asked, entries={column: asked.entries[column]}), metric=metric, seed=0)
    return PAGE_SECONDS + MARGIN * len(asked.entries) * (perf_counter() - started)


def versions() -> dict[str, str]:
    """Return the versions that the bits of a network may depend on."""
    found = {name: version(name) for name in ("torch", "numpy", "polars")}
    return {"fitwell": __version__, "python": platform.python_version(), **found}
