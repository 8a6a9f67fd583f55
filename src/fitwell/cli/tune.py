"""`fitwell tune`: a search for better settings, which have to prove themselves."""

from __future__ import annotations

from time import perf_counter, process_time
from typing import Annotated

import typer

from fitwell.cli.options import (
    Assignments,
    Data,
    Device,
    Drop,
    Goal,
    Group,
    Members,
    Out,
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


def tune(
    data: Data,
    target: Targets = [],  # noqa: B006  (typer's way to say "none given")
    trials: Annotated[int | None, typer.Option(help="How many settings to try; 24 unless the recipe says.")] = None,
    time_limit: Annotated[
        str | None, typer.Option(help="Be done after so long, everything included: 90s, 10m, 2h.")
    ] = None,
    task: Task = None,
    goal: Goal = None,
    recipe: RecipeFile = None,
    assignments: Assignments = [],  # noqa: B006
    out: Out = None,
    members: Members = None,
    test: Test = None,
    group: Group = None,
    time: Time = None,
    series_id: SeriesId = None,
    series_time: SeriesTime = None,
    weight: Weight = None,
    drop: Drop = [],  # noqa: B006
    seed: Seed = None,
    device: Device = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print the name of the run to use only.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON in the end, and nothing else.")] = False,
) -> int:
    """Search for better settings for DATA, train with the best, and say on unseen rows whether they are better."""
    started = perf_counter() - process_time()  # what starting Python took counts too, and importing torch
    import json

    from fitwell.durations import left_of, seconds_of
    from fitwell.recipe import assignments as settings_in
    from fitwell.workflow import asked_recipe

    limit = seconds_of(time_limit, name="--time-limit")
    asked = asked_recipe(
        recipe,
        settings_in(assignments),
        {
            "target": target or None,
            "task": task,
            "goal": goal,
            "members": members,
            "tune.trials": trials,
            "data.test": test,
            "data.group": group,
            "data.time": time,
            "data.series_id": series_id,
            "data.series_time": series_time,
            "data.weight": weight,
            "data.drop": drop or None,
            "seed": seed,
            "device": device,
        },
    )
    from fitwell.cli.terminal import telling
    from fitwell.tuning import tune as search  # last: what is asked wrong is refused before PyTorch is imported

    with telling(quiet=quiet or as_json) as listener:
        tuned = search(
            data,
            recipe=asked,
            out=out,
            time_limit=left_of(limit, since=started),
            listener=listener,
        )
    if as_json:
        typer.echo(json.dumps(tuned.as_json(), indent=1))
    elif quiet:
        typer.echo(str(tuned.kept.path))
    return 130 if tuned.run.state == "interrupted" else 0
