"""`fitwell words analogy`: what is to one word as another is to a third."""

from __future__ import annotations

from typing import Annotated, cast

import typer

from fitwell.cli.words.opening import Count, File, Json, Limit


def analogy(
    file: File,
    a: Annotated[str, typer.Argument(metavar="A", help="A is to B …")],
    b: Annotated[str, typer.Argument(metavar="B", help="… as …")],
    c: Annotated[str, typer.Argument(metavar="C", help="… C is to what?")],
    method: Annotated[str, typer.Option(help="add (3CosAdd) or multiply (3CosMul).")] = "add",
    count: Count = 10,
    limit: Limit = None,
    as_json: Json = False,
) -> None:
    """Find the words that are to C as B is to A."""
    import json

    from fitwell.cli.words.opening import compiling_told, opened
    from fitwell.cli.words.showing import neighbors_text, plain
    from fitwell.vectors.analogies import Method

    with compiling_told():
        found = opened(file, limit).analogy(a, b, c, count, method=cast(Method, method))
    if as_json:
        typer.echo(json.dumps({"version": 1, "method": method, "answers": plain(found)}, ensure_ascii=False, indent=1))
    else:
        typer.echo(neighbors_text(found))
