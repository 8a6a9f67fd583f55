"""`fitwell words convert`: vectors change their format."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fitwell.cli.words.opening import File, Limit


def convert(
    file: File,
    output: Annotated[Path, typer.Argument(metavar="OUT", help="File to write.")],
    format: Annotated[
        str | None,
        typer.Option(help="safetensors, word2vec, word2vec_binary, glove or fasttext; else the name's ending decides."),
    ] = None,
    limit: Limit = None,
) -> None:
    """Write the vectors of FILE to OUT in another format."""
    from fitwell.cli.words.opening import compiling_told, opened

    with compiling_told():
        vectors = opened(file, limit)
        vectors.save(output, format=format)
    typer.echo(f"{len(vectors.words):,} words of width {vectors.width} in {output}", err=True)
