"""`fitwell evaluate`: how good a run is on labelled rows."""

from __future__ import annotations

from typing import Annotated

import typer

from fitwell.cli.doors import is_there
from fitwell.cli.options import RunFolder


def evaluate(
    run: RunFolder,
    data: Annotated[str, typer.Argument(callback=is_there, help="File of rows with the target column.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON as in evaluation.json.")] = False,
) -> None:
    """Measure RUN on the labelled rows of DATA: figures with intervals."""
    import json

    from fitwell.cli.terminal import figures_text
    from fitwell.run import load_run

    evaluation = load_run(run).evaluate(data)
    if as_json:
        typer.echo(json.dumps({"version": 1, **evaluation.as_json()}, indent=1))
        return
    typer.echo(f"{evaluation.primary.metric} {evaluation.primary_figure} on {evaluation.rows:,} rows")
    for note in evaluation.notes:
        typer.echo(f"! {note}")
    typer.echo(f"why {evaluation.primary.why}")
    if evaluation.covered:
        typer.echo(f"share of rows within their interval: {', '.join(map(str, evaluation.covered))}")
    typer.echo("")
    typer.echo(figures_text(evaluation.figures))
