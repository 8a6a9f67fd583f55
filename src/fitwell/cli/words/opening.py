"""Files of word vectors are opened, and a wait says what it is for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from fitwell.vectors import Vectors

File = Annotated[Path, typer.Argument(metavar="FILE", help="File of word vectors, in any format that is known.")]
Count = Annotated[int, typer.Option("-k", "--count", help="How many words to show.")]
Limit = Annotated[int | None, typer.Option(help="Read the first so many words only.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def opened(file: Path, limit: int | None = None) -> Vectors:
    """Load vectors; a terminal shows that it is being done."""
    from rich.console import Console

    from fitwell.vectors import load

    with Console(stderr=True).status(f"reading {file.name}"):
        return load(file, limit=limit)


@contextmanager
def compiling_told() -> Iterator[None]:
    """Say on standard error, once, when loops are compiled within the block: it is the first time on this machine."""
    from numba.core import event

    class Told(event.Listener):
        told = False

        def on_start(self, event: object) -> None:
            if not self.told:
                typer.echo("compiling loops for this machine; the next time they are there already", err=True)
            self.told = True

        def on_end(self, event: object) -> None:
            """Have nothing to say."""

    with event.install_listener("numba:compile", Told()):
        yield
