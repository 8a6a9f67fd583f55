"""What a command shows: one calm screen with a progress line in a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from fitwell.events import Event, Listener, unheard

if TYPE_CHECKING:
    from fitwell.metrics import Figures

LINES = 10  # of progress, at most, where there is no terminal

STYLES = {
    "data": "bold",
    "note": "yellow",
    "critical": "red",
    "warning": "yellow",
    "info": "dim",
    "stopped": "dim",
    "measured": "bold",
    "interrupted": "yellow",
}


@contextmanager
def telling(*, quiet: bool) -> Iterator[Listener]:
    """Lend a listener that shows events as they come."""
    if quiet:
        yield unheard
        return
    console = Console(highlight=False, soft_wrap=not sys.stdout.isatty())
    if not console.is_terminal:
        yield _plain_lines(console)
        return
    with _progress(console) as progress:
        yield _with_bar(console, progress)


def figures_text(figures: Figures) -> str:
    """Return figures as aligned lines: name, value, interval.

    >>> from fitwell import metrics
    >>> print(figures_text(metrics.binary([0, 1], [0.2, 0.9])).splitlines()[0])
    accuracy             1        0.3424 to 1
    """
    from fitwell.metrics import Figure

    lines = []
    for name, figure in figures.items():
        if not isinstance(figure, Figure):
            shown = "  ".join("-" if part.value is None else f"{part.value:.3g}" for part in figure)
            lines.append(f"{name:<20} {shown}")
        elif figure.value is None:
            lines.append(f"{name:<20} -        {figure.reason}")
        else:
            interval = "" if figure.low is None else f"{figure.low:.4g} to {figure.high:.4g}"
            lines.append(
                f"{name:<20} {figure.value:<8.4g} {interval}{' (approximate)' if figure.approximate else ''}".rstrip()
            )
    return "\n".join(lines)


def _plain_lines(console: Console) -> Listener:
    shown = -1

    def listen(event: Event) -> None:
        nonlocal shown
        if event.kind == "look":
            tenth = int(LINES * event.values["epoch"] / event.values["epochs"])
            if tenth <= shown:
                return
            shown = tenth
        console.print(_styled(event), soft_wrap=True)

    return listen


def _with_bar(console: Console, progress: Progress) -> Listener:
    bar = None

    def listen(event: Event) -> None:
        nonlocal bar
        if event.kind == "look":
            if bar is None:
                bar = progress.add_task("training", total=event.values["epochs"], shown="")
            progress.update(bar, completed=event.values["epoch"], shown=escape(event.text))
            return
        if bar is not None and event.kind in ("measured", "interrupted"):
            progress.update(bar, visible=False)
        console.print(_styled(event))

    return listen


def _progress(console: Console) -> Progress:
    columns = (BarColumn(bar_width=24), TextColumn("{task.fields[shown]}"), TimeRemainingColumn(compact=True))
    return Progress(*columns, console=console, transient=True)


def _styled(event: Event) -> str:
    style = STYLES.get(event.kind)
    text = escape(event.text)
    return f"[{style}]{text}[/{style}]" if style else text
