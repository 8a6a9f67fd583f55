"""`fitwell words encode`: a corpus is read once, and its numbers are kept."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, cast

import typer

from fitwell.cli.words.options import Corpus, Field, Lowercase, Normalization, Pattern, Threads, Unit


def encode(
    corpus: Corpus,
    output: Annotated[Path, typer.Option("--output", "-o", help="File to write.")],
    unit: Unit = "line",
    field: Field = None,
    pattern: Pattern = r"\S+",
    lowercase: Lowercase = False,
    normalization: Normalization = "none",
    phrases: Annotated[int, typer.Option(help="How often to join neighbors that belong together.")] = 0,
    phrase_measure: Annotated[str, typer.Option(help="How it is measured: count, pmi or npmi.")] = "count",
    phrase_threshold: Annotated[float, typer.Option(help="Pairs that score higher are joined.")] = 100.0,
    phrase_min_count: Annotated[int, typer.Option(help="How often a pair must occur to be joined.")] = 5,
    threads: Threads = None,
) -> None:
    """Read CORPUS once and write the numbers of its words; other commands take that file as a corpus."""
    from rich.console import Console

    from fitwell import words

    # What these words may be is checked, and refused in a sentence, where they are used.
    tokenization = words.Tokenization(pattern=pattern, lowercase=lowercase, normalization=cast(Any, normalization))
    told = 0
    with Console(stderr=True).status("reading") as status:

        def progress(tokens: int) -> None:
            nonlocal told
            told += tokens
            status.update(f"{told:,} tokens read")

        encoded = words.encode(
            corpus,
            tokenization=tokenization,
            unit=cast(Any, unit),
            field=field,
            threads=threads,
            progress=progress,
        )
        for _ in range(phrases):
            status.update("joining phrases")
            found = words.find_phrases(
                encoded, measure=cast(Any, phrase_measure), threshold=phrase_threshold, min_count=phrase_min_count
            )
            encoded = words.join_phrases(encoded, found)
        words.save_corpus(encoded, output)
    size = f"{len(encoded.ids):,} tokens of {len(encoded.vocabulary):,} words in {len(encoded.ends):,} texts"
    typer.echo(f"{size}: {output}", err=True)
