"""`fitwell search add`: documents are added to an index, or take the place of those with their ids."""

from __future__ import annotations

from fitwell.cli.search.options import AnswerColumn, Documents, Id, IndexFolder, Text, Threads, told
from fitwell.cli.words.opening import compiling_told


def add(
    index: IndexFolder,
    documents: Documents,
    id: Id = None,
    text: Text = None,
    answer: AnswerColumn = None,
    threads: Threads = None,
) -> None:
    """Add DOCS to INDEX; a document whose id is there already takes the old one's place."""
    from rich.console import Console

    from fitwell import search

    with compiling_told(), Console(stderr=True).status("indexing"):
        changed = search.add(index, documents, id=id, text=text or (), answer=answer, threads=threads)
    told(changed)
