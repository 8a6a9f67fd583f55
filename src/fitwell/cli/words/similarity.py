"""`fitwell words similarity`: how similar two words are."""

from __future__ import annotations

from typing import Annotated

import typer

from fitwell.cli.words.opening import File, Limit


def similarity(
    file: File,
    one: Annotated[str, typer.Argument(metavar="ONE", help="A word.")],
    other: Annotated[str, typer.Argument(metavar="OTHER", help="Another.")],
    limit: Limit = None,
) -> None:
    """Print the cosine similarity of two words."""
    from fitwell.cli.words.opening import compiling_told, opened

    with compiling_told():
        typer.echo(f"{opened(file, limit).similarity(one, other):.4f}")
