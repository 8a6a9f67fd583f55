"""What a command shows: one calm screen with a progress line in a terminal, plain lines elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from fitwell.cli.lines import aligned, one_line
from fitwell.cli.unread import unread
from fitwell.events import Event, Listener, unheard

if TYPE_CHECKING:
    from fitwell.metrics import Figure, Figures

LINES = 10  # of progress, at most, where there is no terminal
WIDE = 110  # columns from which the progress line shows all it knows

PROGRESS = {
    "look": ("epoch", "epochs"),
    "search": ("done", "total"),
    "experiment": ("done", "total"),
}  # what says how far it is
MARKS = {"note": "!", "warning": "!", "critical": "!", "info": "-"}
STYLES = {
    "data": "bold",
    "note": "yellow",
    "critical": "red",
    "warning": "yellow",
    "info": "dim",
    "stopped": "dim",
    "measured": "bold",
    "tuning": "bold",
    "compared": "bold",
    "diagnosing": "bold",
    "diagnosed": "bold",
    "curing": "bold",
    "cured": "bold",
    "interrupted": "yellow",
}
ANOTHER_PART = frozenset({"tuning", "diagnosing", "curing"})  # of a search or a cure begins, with progress of its own
SET_APART = frozenset(
    {"tuning", "measured", "compared", "diagnosing", "diagnosed", "curing", "cured", "finished", "interrupted"}
)  # an empty line stands before these


class LastingConsole(Console):
    """A console that falls silent when its reader is gone, where Rich would end the program."""

    def on_broken_pipe(self) -> None:
        """Go on in silence."""
        self.quiet = True
        unread()


@contextmanager
def telling(*, quiet: bool) -> Iterator[Listener]:
    """Lend a listener that shows events as they come."""
    if quiet:
        yield unheard
        return
    console = LastingConsole(highlight=False, emoji=False, markup=False)
    if not console.is_terminal:
        yield _plain_lines(console)
        return
    with _progress(console) as progress:
        yield _with_bar(console, progress)


def figures_text(figures: Figures) -> str:
    """Return figures as aligned lines: name, value, interval.

    >>> from fitwell import metrics
    >>> print(figures_text(metrics.binary([0, 1], [0.2, 0.9])).splitlines()[0])
    accuracy           1         0.3424 to 1 (approximate)
    """
    return aligned((name, *_cells(figure)) for name, figure in figures.items())


def interval_text(low: float | None, high: float | None) -> str:
    """Return an interval in words, or nothing where there is none.

    >>> interval_text(0.70123, 0.8), interval_text(None, None)
    ('0.7012 to 0.8', '')
    """
    return "" if low is None or high is None else f"{low:.4g} to {high:.4g}"


def _cells(figure: Figure | tuple[Figure, ...]) -> tuple[str, ...]:
    if isinstance(figure, tuple):
        return ("  ".join("-" if part.value is None else f"{part.value:.3g}" for part in figure),)
    if figure.value is None:
        return ("-", figure.reason or "")
    interval = interval_text(figure.low, figure.high)
    return (f"{figure.value:<8.4g}", f"{interval}{' (approximate)' if figure.approximate else ''}")


def _plain_lines(console: Console) -> Listener:
    shown = -1

    def listen(event: Event) -> None:
        nonlocal shown
        if event.kind in ANOTHER_PART:
            shown = -1
        if event.kind in PROGRESS:
            tenth = int(LINES * _share(event))
            if tenth <= shown:
                return
            shown = tenth
        for line in _lines(event):
            console.print(f"{MARKS.get(event.kind, '')} {line}" if event.kind in MARKS else line, soft_wrap=True)

    return listen


def _with_bar(console: Console, progress: Progress) -> Listener:
    waiting = progress.add_task("", total=None, visible=False, shown="")
    bar = progress.add_task("", total=1.0, visible=False, shown="")

    def wait_for(what: str) -> None:
        progress.update(bar, visible=False)
        progress.update(waiting, visible=bool(what), shown=what, refresh=True)  # what is short is seen too

    def listen(event: Event) -> None:
        if event.kind in PROGRESS:
            progress.update(waiting, visible=False)
            shown = _progress_text(event, console.width)
            progress.update(bar, visible=True, completed=_share(event), shown=shown)
            if event.kind == "look" and (_share(event) >= 1 or not event.values["active"]):
                wait_for("measuring")
            return
        if event.kind in ("plan", "resumed"):
            wait_for("fitting the simple models to compare with")
        elif event.kind in SET_APART:
            wait_for("")
            console.print()
        if event.kind in ANOTHER_PART:
            progress.reset(bar, visible=False)
        for line in _lines(event):
            console.print(_styled(event.kind, line))

    return listen


def _progress(console: Console) -> Progress:
    columns = (
        BarColumn(bar_width=24 if console.width >= WIDE else 12),
        TextColumn("{task.fields[shown]}", markup=False),
        TimeRemainingColumn(compact=True),
    )
    return Progress(*columns, console=console, transient=True)


def _share(event: Event) -> float:
    """Return how far an epoch brings what it belongs to, from 0 to 1."""
    done, total = PROGRESS[event.kind]
    share: float = event.values[done] / event.values[total]
    return share


def _progress_text(event: Event, width: int) -> str:
    if width >= WIDE or event.kind != "look":
        return event.text
    values = event.values
    return (
        f"epoch {values['epoch']:g}/{values['epochs']}  loss {values['validation_loss']:.4f}  "
        f"{values['metric']} {values['figure']:.4f}  rate {values['learning_rate']:.2g}"
    )


def _lines(event: Event) -> list[str]:
    text = one_line(event.text)
    if event.kind == "verdict" and event.values["value"] is not None:
        values = event.values
        interval = interval_text(values["low"], values["high"])
        return [f"  {values['verdict']:<25} {values['baseline']:<9} {values['value']:<8.4g} {interval}".rstrip()]
    if event.kind == "finished" and "run" in event.values:
        return [text, f"next: fitwell predict {one_line(event.values['run'])} FILE"]
    return [text]


def _styled(kind: str, line: str) -> Table | Text:
    """Return a line that wraps to the right of its mark or of its own indentation."""
    text = Text(line.strip(), style=STYLES.get(kind, ""))
    if kind not in MARKS and kind in SET_APART | {"data"}:
        return text
    grid = Table.grid(padding=(0, 1))
    mark = Text(MARKS.get(kind, ""), style=STYLES.get(kind, ""))
    grid.add_column(width=1)
    grid.add_row(mark, Text(line.removeprefix("  ").rstrip(), style=text.style))
    return grid
