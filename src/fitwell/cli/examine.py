"""`fitwell examine`: what is wrong with a training of one's own in PyTorch?"""

from __future__ import annotations

from typing import Annotated

import typer

from fitwell.cli.doors import is_program


def examine(
    program: Annotated[
        str,
        typer.Argument(
            callback=is_program, metavar="FILE.py:FUNCTION", help="Function that returns examine's arguments as a dict."
        ),
    ],
    budget: Annotated[str | None, typer.Option(help="Time it may take, such as 90s, 10m or 2h.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> int:
    """Find out by trying what is wrong with a training in PyTorch."""
    import json

    from fitwell.doctor.examining import examine as examined
    from fitwell.doctor.examining import program_arguments
    from fitwell.interrupts import interruptible

    with interruptible() as interruption:
        arguments = program_arguments(program)
        exam = examined(**{**arguments, **({} if budget is None else {"budget": budget})})
    typer.echo(json.dumps(exam.as_json(), indent=1) if as_json else str(exam))
    return 130 if interruption.asked else 0
