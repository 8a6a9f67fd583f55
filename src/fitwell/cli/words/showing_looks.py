"""How a training of vectors stands, shown while it runs: a line that changes in a terminal, a few lines elsewhere."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

import typer

if TYPE_CHECKING:
    from fitwell.words import Look

Looked = TypeVar("Looked")  # what tells how a training stands

INTERRUPTED = 130  # the exit code of what was left by Ctrl-C
LINES = 10  # of progress, at most, where there is no terminal


@contextmanager
def looks_shown(*, quiet: bool, reading: str) -> Iterator[Callable[[Look], None]]:
    """Lend a listener that shows how a training of vectors stands; what is read is told before it begins."""
    shown = 0

    def is_due(look: Look) -> bool:
        nonlocal shown
        before, shown = shown, max(shown, int(LINES * look.epoch / look.epochs))
        return shown > before

    with shown_in_lines(look_text, is_due, quiet=quiet, reading=reading) as listen:
        yield listen


@contextmanager
def shown_in_lines(
    text: Callable[[Looked], str], is_due: Callable[[Looked], bool], *, quiet: bool, reading: str
) -> Iterator[Callable[[Looked], None]]:
    """Lend a listener that shows looks as texts: each in a terminal, in its one line; elsewhere those that are due."""
    from rich.console import Console

    console = Console(stderr=True, highlight=False)
    if quiet:
        yield lambda _look: None
    elif console.is_terminal:
        with console.status(reading) as status:
            yield lambda look: status.update(text(look))
    else:
        yield lambda look: typer.echo(text(look), err=True) if is_due(look) else None


def look_text(look: Look) -> str:
    """Return how training stands, in a line."""
    minutes, seconds = divmod(round(look.seconds_left), 60)
    loss = "-" if math.isnan(look.loss) else f"{look.loss:.4f}"
    return (
        f"epoch {look.epoch:.2f}/{round(look.epochs, 2):g}  loss {loss}  rate {look.rate:.4f}  "
        f"{look.per_second:,.0f} {look.unit}/s  {minutes}:{seconds:02} left"
    )
