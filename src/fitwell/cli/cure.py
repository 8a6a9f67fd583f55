"""`fitwell cure`: the best confirmed remedy is applied, and has to prove itself."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter, process_time
from typing import Annotated

import typer

from fitwell.cli.diagnose import Budget, Examined, Moved, MovedTest
from fitwell.cli.doors import is_free


def cure(
    run: Examined,
    out: Annotated[
        Path | None,
        typer.Option(callback=is_free, help="Folder of the better run; without it, RUN-cured. Must not exist."),
    ] = None,
    budget: Budget = None,
    data: Moved = None,
    test: MovedTest = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print the name of the run to use only.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON in the end, and nothing else.")] = False,
) -> None:
    """Examine RUN, train anew with what helps, and keep the new run if unseen rows show that it is better."""
    started = perf_counter() - process_time()  # what starting Python took counts too
    import json

    from fitwell.cli.terminal import telling
    from fitwell.curing import cure as apply
    from fitwell.durations import left_of, seconds_of

    seconds = left_of(seconds_of(budget, name="--budget"), since=started)
    with telling(quiet=quiet or as_json) as listener:
        cured = apply(run, out=out, budget=seconds, data=data, test=test, listener=listener)
    if as_json:
        typer.echo(json.dumps(cured.as_json(), indent=1))
    elif quiet:
        typer.echo(str(run if cured.run is None else cured.run.path))
