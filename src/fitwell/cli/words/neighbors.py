"""`fitwell words neighbors`: the words with the most similar vectors."""

from __future__ import annotations

from typing import Annotated

import typer

from fitwell.cli.words.opening import Count, File, Json, Limit


def neighbors(
    file: File,
    words: Annotated[list[str], typer.Argument(metavar="WORD", help="Words to find the neighbors of.")],
    count: Count = 10,
    limit: Limit = None,
    as_json: Json = False,
) -> None:
    """Find the words nearest to each WORD by cosine similarity, exactly."""
    import json

    from fitwell.cli.words.opening import compiling_told, opened
    from fitwell.cli.words.showing import neighbors_text, plain

    with compiling_told():
        found = opened(file, limit).neighbors(words, count)
    if as_json:
        lists = {word: plain(each) for word, each in zip(words, found, strict=True)}
        typer.echo(json.dumps({"version": 1, "neighbors": lists}, ensure_ascii=False, indent=1))
        return
    for number, (word, each) in enumerate(zip(words, found, strict=True)):
        if len(words) > 1:
            typer.echo(f"{'' if number == 0 else chr(10)}{word}")
        typer.echo(neighbors_text(each))
