"""`fitwell report`: a run as a page that people can read."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from fitwell.cli.options import RunFolder


def report(
    run: RunFolder,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Page to write; without it report.html in the run.")
    ] = None,
    pictures: Annotated[
        Path | None, typer.Option(help="Folder for the pictures of the page as single files, instead of the page.")
    ] = None,
    kind: Annotated[Literal["png", "svg"], typer.Option(help="What the single pictures are.")] = "png",
) -> None:
    """Show RUN: one page with the verdict, pictures, findings and the recipe; it opens without a network."""
    from fitwell.run import open_run

    opened = open_run(run)
    if pictures is not None:
        files = opened.pictures(pictures, kind=kind)
        typer.echo(f"{len(files)} pictures in {pictures}")
    if pictures is None or output is not None:
        typer.echo(str(opened.report(output or opened.path / "report.html")))
