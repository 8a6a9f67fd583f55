"""`fitwell runs`: the runs there are, with the figure that decides."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from fitwell.run import Summary

USUAL = Path("runs")
HEADER = ("run", "state", "target", "figure", "value", "95 % interval")


def runs(
    folder: Annotated[Path, typer.Argument(help="Folder of runs.")] = USUAL,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the runs in FOLDER, the latest last: what they predict, how they stand, and the figure that decides."""
    import json

    from fitwell.cli.lines import aligned
    from fitwell.run import run_folders, summary_of

    there_are_none = folder == USUAL and not folder.exists()
    found = [] if there_are_none else [summary_of(path) for path in run_folders(folder)]
    if as_json:
        typer.echo(json.dumps({"version": 1, "runs": [summary.as_json() for summary in found]}, indent=1))
    elif not found:
        typer.echo(f"no runs in {folder}; train one with: fitwell train FILE --target NAME")
    else:
        typer.echo(aligned([HEADER, *map(_cells, found)], right=(4,)))


def _cells(summary: Summary) -> tuple[str, ...]:
    from fitwell.cli.terminal import interval_text

    value = low = high = None
    if summary.figure is not None:
        value, low, high = summary.figure.value, summary.figure.low, summary.figure.high
    shown = "" if value is None else f"{value:.4g}"
    told = (str(summary.path), summary.state, ", ".join(summary.target), summary.metric or "")
    return (*told, shown, interval_text(low, high))
