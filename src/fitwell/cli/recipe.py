"""`fitwell recipe`: what Fitwell would do with a file, as YAML to edit."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fitwell.cli.options import (
    Assignments,
    Data,
    Device,
    Drop,
    Folds,
    Goal,
    Group,
    Members,
    RecipeFile,
    Seed,
    SeriesId,
    SeriesTime,
    Targets,
    Task,
    Test,
    Time,
    Weight,
)


def recipe(
    data: Data,
    target: Targets = [],  # noqa: B006
    task: Task = None,
    goal: Goal = None,
    recipe: RecipeFile = None,
    assignments: Assignments = [],  # noqa: B006
    members: Members = None,
    test: Test = None,
    group: Group = None,
    time: Time = None,
    series_id: SeriesId = None,
    series_time: SeriesTime = None,
    weight: Weight = None,
    drop: Drop = [],  # noqa: B006
    folds: Folds = None,
    seed: Seed = None,
    device: Device = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="File to write instead of printing.")] = None,
) -> None:
    """Print the recipe that training DATA would follow: every setting, its value, and why."""
    from fitwell.recipe import assignments as settings_in
    from fitwell.workflow import asked_recipe

    asked = asked_recipe(
        recipe,
        settings_in(assignments),
        {
            "target": target or None,
            "task": task,
            "goal": goal,
            "members": members,
            "data.test": test,
            "data.group": group,
            "data.time": time,
            "data.series_id": series_id,
            "data.series_time": series_time,
            "data.weight": weight,
            "data.drop": drop or None,
            "data.folds": folds,
            "seed": seed,
            "device": device,
        },
    )
    from fitwell.files import replace_atomically
    from fitwell.workflow import commented_recipe  # last: what is asked wrong is refused before PyTorch is imported

    text = commented_recipe(data, asked)
    if output is None:
        typer.echo(text, nl=False)
    else:
        replace_atomically(output, text.encode())
