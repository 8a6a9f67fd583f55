"""`fitwell search delete`: documents are taken out of an index."""

from __future__ import annotations

from typing import Annotated

import typer

from fitwell.cli.search.options import IndexFolder, Threads, told
from fitwell.cli.words.opening import compiling_told


def delete(
    index: IndexFolder,
    ids: Annotated[list[str], typer.Argument(metavar="ID", help="Ids of documents.")],
    threads: Threads = None,
) -> None:
    """Delete documents from INDEX by their ids."""
    from rich.console import Console

    from fitwell import search

    with compiling_told(), Console(stderr=True).status("indexing"):
        changed = search.delete(index, ids, threads=threads)
    told(changed)
