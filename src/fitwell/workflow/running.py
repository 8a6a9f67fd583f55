"""What holds while a run is trained: its events are written down, and Ctrl-C ends it well."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from fitwell.events import Event, Listener
from fitwell.interrupts import interruptible
from fitwell.run import Run, append_event


def recording(run: Run, listener: Listener) -> Listener:
    """Return a listener that writes the run's events too, but for the frequent ones, which say how far it is."""

    def listen(event: Event) -> None:
        if event.kind not in ("look", "search"):
            append_event(run, event.kind, text=event.text, **event.values)
        listener(event)

    return listen


@contextmanager
def stopping_well(run: Run, listener: Listener) -> Iterator[None]:
    """Take the first Ctrl-C as a wish, and say after a second one how the run goes on."""
    try:
        with interruptible():
            yield
    except KeyboardInterrupt:
        listener(Event("interrupted", f"interrupted at once; {run.path} continues with: fitwell resume {run.path}"))
        raise
