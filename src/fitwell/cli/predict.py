"""`fitwell predict`: a run says what it expects for new rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fitwell.cli.doors import is_there
from fitwell.cli.options import RunFolder

if TYPE_CHECKING:
    import polars as pl


def predict(
    run: RunFolder,
    data: Annotated[
        str, typer.Argument(callback=is_there, help="File of rows to predict, with the columns of training.")
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="File to write: .csv, .tsv, .jsonl, .parquet or .arrow; without it, CSV goes to standard output.",
        ),
    ] = None,
) -> None:
    """Predict the rows of DATA: prediction, the probability of each class, disagreement of the members."""
    import sys

    from fitwell.data.write import write_batches
    from fitwell.run import load_run, require_apart

    if output is not None:
        require_apart(data, output)
    batches = load_run(run).predict_batches(data)
    if output is None:
        for number, table in enumerate(batches):
            sys.stdout.buffer.write(table.write_csv(include_header=number == 0).encode())
    else:
        rows = write_batches(_counted(batches), output)
        typer.echo(f"{rows:,} predictions in {output}", err=True)


def _counted(batches: Iterable[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    """Pass batches on, saying in a terminal how many rows there were so far."""
    from rich.console import Console

    rows = 0
    with Console(stderr=True).status("predicting") as status:
        for table in batches:
            yield table
            rows += len(table)
            status.update(f"{rows:,} rows predicted")
