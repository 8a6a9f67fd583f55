"""`fitwell resume`: a run that was cut off goes on, to the same result."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from fitwell.cli.doors import is_there
from fitwell.cli.options import RunFolder


def resume(
    run: RunFolder,
    data: Annotated[str | None, typer.Option(callback=is_there, help="Where the data is now, if it was moved.")] = None,
    test: Annotated[
        str | None, typer.Option(callback=is_there, help="Where the test file is now, if it was moved.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print the name of the run only.")] = False,
) -> int:
    """Continue RUN, a training or a search, from where it stood; the result is as if it had never stopped."""
    from fitwell.cli.terminal import telling
    from fitwell.processes import is_first
    from fitwell.run import TUNING
    from fitwell.tuning import resume as resume_search
    from fitwell.workflow import resume as resume_run

    first = is_first(os.environ)
    with telling(quiet=quiet or not first) as listener:
        if (run / TUNING).exists():
            resumed = resume_search(run, data=data, test=test, listener=listener).run
        else:
            resumed = resume_run(run, data=data, test=test, listener=listener)
    if quiet and first:
        typer.echo(str(resumed.path))
    return 130 if resumed.state == "interrupted" else 0
