"""`fitwell recipe`: what Fitwell would do with a file, as YAML to edit."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fitwell.cli.train import Assignments, Data, Targets


def recipe(
    data: Data,
    target: Targets = [],  # noqa: B006
    assignments: Assignments = [],  # noqa: B006
    recipe: Annotated[Path | None, typer.Option(help="YAML file of settings to start from.")] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="File to write instead of printing.")] = None,
) -> None:
    """Print the recipe that training DATA would follow: every setting, its value, and why."""
    from fitwell.data.write import replace_atomically
    from fitwell.recipe import assignments as asked
    from fitwell.workflow import commented_recipe

    text = commented_recipe(data, target=target or None, recipe=recipe, settings=asked(assignments))
    if output is None:
        typer.echo(text, nl=False)
    else:
        replace_atomically(output, text.encode())
