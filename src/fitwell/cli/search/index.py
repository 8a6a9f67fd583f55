"""`fitwell search index`: documents become an index."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, cast

import typer

from fitwell.cli.search.options import AnswerColumn, Documents, Id, Text, Threads, told
from fitwell.cli.words.opening import compiling_told


def index(
    documents: Documents,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="INDEX", help="Folder to make.")],
    ways: Annotated[str, typer.Option("--by", help="Ways of ranking: bm25, tfidf, words, sentences.")] = "bm25",
    id: Id = None,
    text: Text = None,
    answer: AnswerColumn = None,
    vectors: Annotated[Path | None, typer.Option(help="File of word vectors; else they are learned.")] = None,
    encoder: Annotated[Path | None, typer.Option(help="Folder of an encoder for sentences (Hugging Face).")] = None,
    stemmer: Annotated[
        str | None, typer.Option(help="Take words of one stem for one: english or none; else the words tell.")
    ] = None,
    passages: Annotated[int | None, typer.Option(help="Cut documents into passages of so many words.")] = None,
    k1: Annotated[float, typer.Option(help="BM25: how soon repeating a word adds nothing.")] = 1.5,
    b: Annotated[float, typer.Option(help="BM25: how much long documents are held back, 0 to 1.")] = 0.75,
    exact_until: Annotated[
        int | None, typer.Option(help="Vectors that are all compared; more are searched approximately. A million.")
    ] = None,
    threads: Threads = None,
) -> None:
    """Make an index of DOCS, in which queries find them by the words that they share and by what they mean."""
    from rich.console import Console

    from fitwell import search

    with compiling_told(), Console(stderr=True).status("indexing"):
        changed = search.index(
            documents,
            output,
            # What these words may be is checked, and refused in a sentence, where they are used.
            ways=cast(Any, [way.strip() for way in ways.split(",") if way.strip()]),
            id=id,
            text=text or (),
            answer=answer,
            vectors=vectors,
            encoder=encoder,
            stemmer=cast(Any, stemmer),
            passages=passages,
            k1=k1,
            b=b,
            exact_until=search.EXACT_UNTIL if exact_until is None else exact_until,
            threads=threads,
        )
    told(changed)
