"""`fitwell words map`: words on a flat picture."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fitwell.cli.words.opening import File, Limit


def map(
    file: File,
    output: Annotated[Path, typer.Option("--output", "-o", help="Picture to write: .svg or .png.")],
    words: Annotated[
        str | None, typer.Option(help="Words to show, with spaces or commas between; else the first of the file.")
    ] = None,
    first: Annotated[int, typer.Option(help="How many of the first words to show, where none are named.")] = 60,
    dark: Annotated[bool, typer.Option("--dark", help="Draw light on dark.")] = False,
    limit: Limit = None,
) -> None:
    """Draw words where their vectors lie, seen along the two directions of largest spread (PCA)."""
    import re

    from fitwell.cli.words.opening import compiling_told, opened
    from fitwell.report.pictures import THEMES, write_picture
    from fitwell.report.word_map import word_map
    from fitwell.vectors.geometry import flat

    with compiling_told():
        vectors = opened(file, limit)
        chosen = [word for word in re.split(r"[\s,]+", words) if word] if words else list(vectors.words[:first])
        picture = flat(vectors, chosen)
    spec = word_map(chosen, picture.points, picture.shares, THEMES["dark" if dark else "light"])
    write_picture(spec, output)
    typer.echo(
        f"{len(chosen)} words in {output}, which shows {100 * picture.shares.sum():.0f} % of their spread", err=True
    )
