"""How a training of vectors stands, shown while it runs: a line that changes in a terminal, a few lines elsewhere."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from fitwell.words import Look

LINES = 10  # of progress, at most, where there is no terminal


@contextmanager
def looks_shown(*, quiet: bool, reading: str) -> Iterator[Callable[[Look], None]]:
    """Lend a listener that shows how training stands; what is being read is told before it begins."""
    from rich.console import Console

    console = Console(stderr=True, highlight=False)
    if quiet:
        yield lambda _look: None
    elif console.is_terminal:
        with console.status(reading) as status:
            yield lambda look: status.update(look_text(look))
    else:
        yield _plain_lines()


def _plain_lines() -> Callable[[Look], None]:
    shown = 0

    def listen(look: Look) -> None:
        nonlocal shown
        tenth = int(LINES * look.epoch / look.epochs)
        if tenth > shown:
            shown = tenth
            typer.echo(look_text(look), err=True)

    return listen


def look_text(look: Look) -> str:
    """Return how training stands, in a line."""
    minutes, seconds = divmod(round(look.seconds_left), 60)
    loss = "-" if math.isnan(look.loss) else f"{look.loss:.4f}"
    return (
        f"epoch {look.epoch:.2f}/{look.epochs}  loss {loss}  rate {look.rate:.4f}  "
        f"{look.per_second:,.0f} {look.unit}/s  {minutes}:{seconds:02} left"
    )
