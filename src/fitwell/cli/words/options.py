"""Arguments and options of the commands that read a corpus: what it is, and how it is cut into tokens."""

from __future__ import annotations

from typing import Annotated

import typer

Corpus = Annotated[
    str,
    typer.Argument(help="Text file, plain or compressed with gzip or zstd, or a folder of them."),
]
Unit = Annotated[str, typer.Option(help="What a text is: a line, or a whole file.")]
Field = Annotated[str | None, typer.Option(help="Field of JSONL records that holds the text.")]
Pattern = Annotated[str, typer.Option("--token-pattern", help="Regular expression; every match is a token.")]
Lowercase = Annotated[bool, typer.Option("--lowercase", help="Lower the text first.")]
Normalization = Annotated[str, typer.Option(help="Normalize Unicode first: none, NFC, NFD, NFKC or NFKD.")]
Threads = Annotated[int | None, typer.Option(help="Threads; without it, one for each core.")]
