"""`fitwell search query`: the documents that answer a query best."""

from __future__ import annotations

from typing import Annotated

import typer

from fitwell.cli.search.options import Exact, IndexFolder, Json
from fitwell.cli.words.opening import compiling_told

WIDTH = 160  # characters of a document that are shown


def query(
    index: IndexFolder,
    text: Annotated[str, typer.Argument(metavar="QUERY", help="What to find, in words.")],
    count: Annotated[int, typer.Option("-k", "--count", help="How many documents to show.")] = 10,
    by: Annotated[str | None, typer.Option(help="Way of ranking; fusion of all that there are, unless named.")] = None,
    exact: Exact = False,
    as_json: Json = False,
) -> None:
    """Find the documents that answer QUERY best, the best first."""
    import json

    from fitwell import search
    from fitwell.cli.lines import one_line

    with compiling_told():
        opened = search.open_index(index, exact=exact)
        hits = opened.query(text, count, by=by)
    for note in opened.notes:
        typer.echo(f"! {one_line(note)}", err=True)
    why = "" if hits else opened.nothing_found(text)
    if as_json:
        plain = [{"rank": rank, **hit._asdict()} for rank, hit in enumerate(hits, start=1)]
        told = {"version": 1, "query": text, "by": by or opened.rankings[0], "hits": plain}
        typer.echo(json.dumps(told | ({"why": why} if why else {}), ensure_ascii=False, indent=1))
        return
    if why:
        typer.echo(f"nothing found: {one_line(why)}", err=True)
    for rank, hit in enumerate(hits, start=1):
        typer.echo(f"{rank:>3}  {one_line(hit.id)}  {hit.score:.4g}")
        typer.echo(f"     {one_line(search.excerpt(hit.text, text, width=WIDTH))}")
