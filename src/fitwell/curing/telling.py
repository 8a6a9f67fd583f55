"""What there is to say about an examination, in sentences."""

from __future__ import annotations

from collections.abc import Iterator

from fitwell.curing.arms import Bench
from fitwell.curing.elimination import Eliminated
from fitwell.curing.record import Diagnosis
from fitwell.curing.screening import Screen
from fitwell.events import Event
from fitwell.narration import finding_event

WHAT = {
    "usual": "with what Fitwell chooses itself",
    "wider": "the same, wider",
    "regularized": "the same, with more dropout and L2",
}


def screen_events(bench: Bench, screen: Screen) -> Iterator[Event]:
    """Yield how the recipe stands beside what was tried on the same rows."""
    rows = len(screen.base.scored.truth)
    yield Event("screened", f"{bench.metric} on the {rows:,} validation rows:")
    own = [bench.figure(tried).value for tried in (screen.base, *screen.seeds)]
    others = ", ".join(_value(value) for value in own[1:])
    yield Event("tried", f"  {_value(own[0]):<8} as it is (on other seeds {others})")
    for name, tried in screen.changed.items():
        yield Event("tried", f"  {_value(bench.figure(tried).value):<8} {WHAT[name]}")
    for name, tried in screen.simple.items():
        yield Event("tried", f"  {_value(bench.figure(tried).value):<8} the simple model {name}")


def causes_event(bench: Bench, screen: Screen, found: Eliminated) -> Event:
    """Return which changes matter."""
    names = [cause.name for cause in found.causes]
    if not found.is_minimal:
        text = (
            f"of these changes together, which ones matter could not be found in so few trainings: {', '.join(names)}"
        )
    elif found.alone:
        text = f"one change brings it: {' or '.join(names)}; now on fresh seeds and other rows"
    else:
        text = f"only together they bring it: {', '.join(names)}; now on fresh seeds and other rows"
    return Event("causes", text, {"causes": names, "alone": found.alone})


def finding_events(diagnosis: Diagnosis) -> Iterator[Event]:
    """Yield every finding that stands; what was refuted is in `findings.json`."""
    yield from (finding_event(finding) for finding in diagnosis.findings if finding.status != "refuted")


def verdict_event(diagnosis: Diagnosis) -> Event:
    """Return how it stands, and what to do next."""
    standing = "healthy" if diagnosis.healthy else "sick"
    if not diagnosis.complete:
        standing = f"{standing} as far as was tried"
    next_step = f"; cure it with: fitwell cure {diagnosis.run.path}" if diagnosis.cure is not None else ""
    text = f"{standing}: {diagnosis.why} ({diagnosis.trainings:g} trainings, {diagnosis.seconds:.0f} s){next_step}"
    values = {"healthy": diagnosis.healthy, "complete": diagnosis.complete, "trainings": diagnosis.trainings}
    return Event("diagnosed", text, values)


def _value(value: float | None) -> str:
    return "none" if value is None else f"{value:.4g}"
