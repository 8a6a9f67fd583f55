"""Arguments and options that several commands of `fitwell search` have."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from fitwell.search.indexing import Changed

IndexFolder = Annotated[Path, typer.Argument(metavar="INDEX", help="Folder of an index.")]
Documents = Annotated[
    str, typer.Argument(metavar="DOCS", help="Folder of text files, JSONL, a table, or a file of lines.")
]
Id = Annotated[str | None, typer.Option(help="Column or field of the documents' ids; id, unless named.")]
Text = Annotated[
    list[str] | None, typer.Option(help="Column or field of the texts; several are joined. text, unless named.")
]
AnswerColumn = Annotated[
    str | None, typer.Option("--answer", help="Column or field of a FAQ's answers; answer beside question.")
]
Threads = Annotated[int | None, typer.Option(help="Threads; without it, one for each core.")]
Exact = Annotated[bool, typer.Option("--exact", help="Compare all vectors, however many they are.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def told(changed: Changed) -> None:
    """Say on standard error what became of an index."""
    from fitwell.cli.lines import one_line

    for note in changed.notes:
        typer.echo(f"! {one_line(note)}", err=True)
    parts = {"added": changed.added, "replaced": changed.replaced, "deleted": changed.deleted}
    what = ", ".join(f"{count:,} {name}" for name, count in parts.items() if count) or "nothing to change"
    stems = changed.index.settings.stemmer
    by = ", ".join(changed.index.rankings) + ("" if stems == "none" else f"; {stems} stems")
    count = len(changed.index)
    held = f"{count:,} document{'' if count == 1 else 's'}, by {by}"
    typer.echo(f"{what}; {one_line(str(changed.index.path))} holds {held}", err=True)
