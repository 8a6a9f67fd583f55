"""`fitwell words odd`: the word that does not belong with the others."""

from __future__ import annotations

from typing import Annotated

import typer

from fitwell.cli.words.opening import File, Limit


def odd(
    file: File,
    words: Annotated[list[str], typer.Argument(metavar="WORD", help="Three words or more.")],
    limit: Limit = None,
) -> None:
    """Print the one of the words that is least similar to all of them together."""
    from fitwell.cli.words.opening import compiling_told, opened

    with compiling_told():
        typer.echo(opened(file, limit).odd_one_out(words))
