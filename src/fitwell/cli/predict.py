"""`fitwell predict`: a run says what it expects for new rows."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def predict(
    run: Annotated[Path, typer.Argument(help="Folder of the run.")],
    data: Annotated[str, typer.Argument(help="File of rows to predict, with the columns of training.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to write; without it, CSV goes to standard output.")
    ] = None,
) -> None:
    """Predict the rows of DATA: prediction, the probability of each class, disagreement of the members."""
    import sys

    from fitwell.run import load_run

    trained = load_run(run)
    if output is None:
        for table in trained.predict_batches(data):
            table.write_csv(sys.stdout.buffer)
    else:
        rows = trained.predict_file(data, output)
        typer.echo(f"{rows:,} predictions in {output}", err=True)
