"""`fitwell diagnose`: what is wrong with a training, found by experiments."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter, process_time
from typing import Annotated

import typer

from fitwell.cli.doors import is_run, is_there

Examined = Annotated[Path, typer.Argument(callback=is_run, metavar="RUN", help="Folder of a finished run.")]
Budget = Annotated[str | None, typer.Option(help="Examine for so long at most: 90s, 10m, 2h.")]
Moved = Annotated[
    Path | None, typer.Option("--data", callback=is_there, help="Where the data is now, if it was moved.")
]
MovedTest = Annotated[
    Path | None, typer.Option("--test", callback=is_there, help="Where the test file is now, if it was moved.")
]


def diagnose(
    run: Examined,
    budget: Budget = None,
    data: Moved = None,
    test: MovedTest = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print the verdict only.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print findings.json in the end, and nothing else.")] = False,
) -> None:
    """Examine RUN by experiments: what is wrong with its training, why, and what helps by how much."""
    started = perf_counter() - process_time()  # what starting Python took counts too
    import json

    from fitwell.cli.terminal import telling
    from fitwell.curing import diagnose as examine
    from fitwell.durations import left_of, seconds_of

    seconds = left_of(seconds_of(budget, name="--budget"), since=started)
    with telling(quiet=quiet or as_json) as listener:
        diagnosis = examine(run, budget=seconds, data=data, test=test, listener=listener)
    if as_json:
        typer.echo(json.dumps({"version": 1, **diagnosis.findings_json()}, indent=1))
    elif quiet:
        typer.echo("healthy" if diagnosis.healthy else "sick")
