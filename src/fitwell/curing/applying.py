"""The best confirmed remedy is applied: a new run is trained with it, and has to prove itself on rows nobody saw."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fitwell.comparison import RunComparison, compare
from fitwell.curing.changes import asked_with
from fitwell.curing.diagnosing import diagnose, finished_run
from fitwell.curing.record import Diagnosis, recorded
from fitwell.events import Event, Listener, unheard
from fitwell.narration import JOINED
from fitwell.recipe import changed
from fitwell.recipe.accepted import shown
from fitwell.run import Run, append_event, require_free
from fitwell.workflow import train


@dataclass(frozen=True, kw_only=True)
class Cured:
    """What came of a cure."""

    diagnosis: Diagnosis
    run: Run | None  # the better run; None where nothing that was tried made a better one
    comparison: RunComparison | None  # of both runs, on the test rows; None where there was nothing to compare

    def as_json(self) -> dict[str, Any]:
        """Return plain values, as `fitwell cure --json` prints them."""
        return {
            "version": 1,
            "run": None if self.run is None else str(self.run.path),
            "values": None if self.diagnosis.cure is None else dict(self.diagnosis.cure.values),
            "comparison": None if self.comparison is None else self.comparison.as_json(),
            "findings": self.diagnosis.findings_json(),
        }


def cure(
    run: Run | str | Path,
    *,
    out: str | Path | None = None,
    budget: float | str | None = None,
    data: object = None,
    test: str | Path | None = None,
    listener: Listener = unheard,
) -> Cured:
    """Train anew with what an examination confirmed, and keep the new run where unseen rows show that it is better.

    A run that was not examined yet is examined first.

    The new run is `out`, or a folder beside the run whose name ends in `-cured`. `budget` is in seconds, or a duration
    such as "10m", and bounds the examination. Ctrl-C and errors leave the run as it was.

    Raises:
        RequestError: `out` exists. RunError: as for `diagnose`.
    """
    path = run.path if isinstance(run, Run) else Path(run)
    require_free(out)
    sick = finished_run(path)
    diagnosis = recorded(sick) or diagnose(sick, budget=budget, data=data, test=test, listener=listener)
    if diagnosis.cure is None:
        listener(Event("cured", f"{_why_not(diagnosis)}; {sick.path} stays as it is"))
        return Cured(diagnosis=diagnosis, run=None, comparison=None)
    values = diagnosis.cure.values
    told = ", ".join(f"{name} {shown(value)}" for name, value in values.items())
    listener(Event("curing", f"training anew with {told}"))
    recipe = asked_with(sick.recipe, values, left_open=sick.data["decided"])
    if test is not None:
        recipe = changed(recipe, {"data.test": str(test)})
    source = sick.data["path"] if data is None else data
    place = _place(path) if out is None else Path(out)
    better = train(source, recipe=recipe, out=place, listener=_without_end(listener))
    if better.state != "finished":
        shutil.rmtree(better.path)
        raise KeyboardInterrupt
    comparison = compare([sick, better])
    against = comparison.contenders[1].against
    assert against is not None  # only the first has none
    rows = f"on {comparison.rows:,} {comparison.part} rows"
    if against.verdict != "better":
        shutil.rmtree(better.path)
        listener(
            Event(
                "cured",
                f"{rows} that no experiment saw, {comparison.metric} is {JOINED[against.verdict]} that of {sick.path}, "
                f"by {against.difference}: no better run was found",
            )
        )
        return Cured(diagnosis=diagnosis, run=None, comparison=comparison)
    text = (
        f"{rows} that no experiment saw, {comparison.metric} is better by {against.difference}, and on fresh trainings "
        f"by {diagnosis.cure.effect}"
    )
    event = Event("cured", f"{text}; the cured run: {better.path}", {"from": str(sick.path), "run": str(better.path)})
    append_event(better, event.kind, text=event.text, **event.values)
    listener(event)
    return Cured(diagnosis=diagnosis, run=Run(better.path), comparison=comparison)


def _why_not(diagnosis: Diagnosis) -> str:
    """Return why there is no cure."""
    if not diagnosis.complete:
        return "the examination ended before a remedy was confirmed, so give it a larger --budget"
    if diagnosis.healthy:
        return "there is nothing to cure"
    return "nothing that was tried helps beyond noise"


def _place(run: Path) -> Path:
    """Return the first free name beside a run."""
    plain = run.absolute()
    names = (plain.with_name(f"{plain.name}-cured{'' if number == 1 else f'-{number}'}") for number in range(1, 10_000))
    place = next(name for name in names if not name.exists())
    return place if run.is_absolute() else run.parent / place.name


def _without_end(listener: Listener) -> Listener:
    """Return a listener that hears how far a training is, and nothing that is said at its end."""

    def listen(event: Event) -> None:
        if event.kind in ("look", "plan", "note"):
            listener(event)

    return listen
